"""Who gets what, as `subscriptions.toml` has it: read by its owner alone, and part of no site."""

import contextlib
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from selvawatch.core.tables import CAUSES, RIGHT_TYPES
from selvawatch.deliver.channel_table import channel_kind
from selvawatch.errors import DeliveryError

FILE = "subscriptions.toml"
"""Name of the file, beside the store unless a command says otherwise."""
NOTICES = ("failed", "late", "stale", "disk")
"""What an operator is told of: a run that failed, one that is overdue, a sensor without new scenes, a disk
that is nearly full."""
CADENCES: Mapping[str, int] = {"each-run": 0, "weekly": 7, "15-days": 15}
"""Days of a digest by the name of its cadence; 0: each run that brought something new."""
_MOST_BYTES = 1_000_000
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_VARIABLE = "env:"
_NAME = re.compile(r"[\w.-]{1,80}")

Part = TypeVar("Part")
_STRICT = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a recipient gets."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    """What the subscription is called in what the operator reads."""
    channel: str
    """Name of one of the channels."""
    to: str = field(repr=False)
    """Recipient, in the form of the channel."""
    tier: str = "public"
    language: Literal["es", "en"] = "es"
    areas: tuple[str, ...] = ()
    """Names of areas of the site; none: all."""
    zones: tuple[str, ...] = ()
    """Types of zone, or names of protected areas and native communities; none: all."""
    types: tuple[str, ...] = ()
    """Types of right or zone on the ground at the loss; none: all."""
    causes: tuple[str, ...] = ()
    """Possible causes; none: all."""
    least_ha: float = 0.0
    """Hectares of an alert at least."""
    formats: tuple[str, ...] = ()
    """Formats of the files that go with a digest; none: no file."""
    cadence: Literal["each-run", "weekly", "15-days"] = "weekly"
    """How often a digest goes."""
    at_once: bool = True
    """Whether a confirmed change in a protected core goes at once."""

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for some alerts of its tier alone."""
        return bool(self.areas or self.zones or self.types or self.causes or self.least_ha)

    def __post_init__(self) -> None:
        """Refuse what is of no code, and hectares that are none."""
        _check_name(self.name)
        for key, known in (("types", RIGHT_TYPES), ("causes", CAUSES)):
            if strange := sorted(set(getattr(self, key)) - set(known)):
                raise ValueError(f"{key}: {strange[0]!r} is not there; needed {', '.join(known)}")
        if not 0 <= self.least_ha < 1e9:
            raise ValueError("least_ha is no number of hectares")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """Who is told how the monitoring itself stands."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    name: str
    channel: str
    to: str = field(repr=False)
    language: Literal["es", "en"] = "es"
    notices: tuple[Literal["failed", "late", "stale", "disk"], ...] = NOTICES  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse a name that is none."""
        _check_name(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """Everything that the file says, variables of the environment filled in, every channel made once."""

    path: Path
    channels: Mapping[str, Mapping[str, str]] = field(repr=False)
    """Settings by the name of a channel, its `kind` among them."""
    subscriptions: tuple[Subscription, ...]
    operators: tuple[Operator, ...]

    def kind_of(self, channel: str) -> str:
        """The kind of a channel of that name."""
        return self.channels[channel]["kind"]

    def settings_of(self, channel: str) -> dict[str, str]:
        """The settings of a channel, as its maker wants them."""
        return {key: text for key, text in self.channels[channel].items() if key != "kind"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    channels: dict[str, dict[str, str | int | float]]
    subscription: tuple[Subscription, ...] = ()
    operator: tuple[Operator, ...] = ()


def read_subscriptions(
    path: Path, store: Path, environment: Mapping[str, str] | None = None
) -> Subscriptions:
    """The subscriptions of a file, checked as far as the file alone can be.

    store: folder of the store, which the file may not lie in. environment: variables that `env:NAME` stands
    for; None: those of the process.

    Raises
    ------
    DeliveryError
        In one line that shows no address and no secret: the file is missing, may be read by others, lies in
        a store or a site, is no TOML, or says something that cannot be used.
    """
    _refuse_location(path, store)
    try:
        values = tomllib.loads(_read_private(path).decode())
    except (UnicodeDecodeError, RecursionError):
        raise DeliveryError("the file is no TOML", where=path, needed="UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise DeliveryError("the file is no TOML", where=path, got=_position(error)) from None
    known = os.environ if environment is None else environment
    try:
        parsed = _parse(_File, _filled(values, known, ""))
        found = Subscriptions(
            path=path,
            channels={
                name: {key: str(value) for key, value in settings.items()}
                for name, settings in parsed.channels.items()
            },
            subscriptions=parsed.subscription,
            operators=parsed.operator,
        )
        _check(found)
    except DeliveryError as error:
        raise DeliveryError(str(error), where=path) from None
    return found


def _refuse_location(path: Path, store: Path) -> None:
    """Refuse a file where it would become part of a store or of a site."""
    resolved, folder = path.absolute().resolve(), store.absolute().resolve()
    if folder in resolved.parents:
        raise DeliveryError(
            "subscriptions lie outside the store", where=path, do=f"move them to {store.parent}"
        )
    if resolved.parent.name in ("aoi", "models", "flows") or (resolved.parent / "site.toml").exists():
        raise DeliveryError(
            "subscriptions are no part of a site", where=path, do="move them out of its folders"
        )


def _read_private(path: Path) -> bytes:
    """The bytes of a file that its owner alone may read; DeliveryError for any other."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise DeliveryError(
            "the subscriptions cannot be read",
            where=path,
            got=error.strerror or error,
            do="write them there, or name another file by --subscriptions",
        ) from None
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST_BYTES:
            raise DeliveryError("the subscriptions are no plain file of at most 1 MB", where=path)
        if found.st_mode & _OTHERS:
            raise DeliveryError(
                "others may read the subscriptions",
                where=path,
                got=f"mode {stat.S_IMODE(found.st_mode):o}",
                needed="mode 600",
                do=f"chmod 600 {path}",
            )
        return os.read(handle, _MOST_BYTES)
    finally:
        os.close(handle)


def _position(error: tomllib.TOMLDecodeError) -> str:
    """Where a TOML text breaks, without the text."""
    match = re.search(r"\(at ([^)]*)\)", str(error))
    return match[1] if match else "no TOML"


def _filled(values: Any, environment: Mapping[str, str], where: str) -> Any:
    """The values with `env:NAME` replaced by what the variable holds; DeliveryError where it is not set."""
    if isinstance(values, dict):
        return {key: _filled(value, environment, f"{where}{key}.") for key, value in values.items()}
    if isinstance(values, list):
        return [_filled(value, environment, where) for value in values]
    if not isinstance(values, str) or not values.startswith(_VARIABLE):
        return values
    name = values.removeprefix(_VARIABLE)
    text = environment.get(name, "").strip()
    if not text:
        raise DeliveryError(
            f"{where.rstrip('.')}: the variable {name!r} of the environment is not set", do="set it"
        )
    return text


def _parse(kind: type[Part], values: Any) -> Part:
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ").removeprefix("Unexpected keyword argument")
        raise DeliveryError(f"{key}: {what or 'it is not a known key'}") from None


def _check(found: Subscriptions) -> None:
    """Refuse channels that cannot be made, and subscriptions that do not go with theirs."""
    for name, settings in found.channels.items():
        if "kind" not in settings:
            raise DeliveryError(f"channels.{name}: it has no kind")
        with _named(f"channels.{name}"):
            channel_kind(settings["kind"]).make(found.settings_of(name))
    readers: tuple[Subscription | Operator, ...] = (*found.subscriptions, *found.operators)
    names = [one.name for one in readers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DeliveryError(f"the name {twice[0]} stands twice")
    _refuse_two_tiers(found)
    for one in readers:
        if one.channel not in found.channels:
            raise DeliveryError(
                f"{one.name}: the channel is not there",
                got=one.channel,
                needed=", ".join(sorted(found.channels)) or "a table in [channels]",
            )
        kind = channel_kind(found.kind_of(one.channel))
        exact = isinstance(one, Operator) or one.tier != "public"
        with _named(one.name):
            kind.check(found.settings_of(one.channel), one.to, exact)
        if isinstance(one, Subscription) and one.formats and not kind.carries_files:
            raise DeliveryError(
                f"{one.name}: its channel carries no files", got=one.formats[0], needed="no formats"
            )


def _refuse_two_tiers(found: Subscriptions) -> None:
    """Refuse a recipient in two tiers, languages or channels of a kind: a version goes to it in one of them,
    once.
    """
    known: dict[tuple[str, str], Subscription] = {}
    for one in found.subscriptions:
        kind = found.channels.get(one.channel, {}).get("kind", one.channel)
        first = known.setdefault((kind, one.to.lower() if kind == "email" else one.to), one)
        for key in ("tier", "language", "channel"):
            if getattr(first, key) != getattr(one, key):
                raise DeliveryError(
                    f"{one.name}: its recipient has another {key} in {first.name}",
                    got=getattr(one, key),
                    needed=getattr(first, key),
                    do="give one of them another address",
                )


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Say of whom an error is."""
    try:
        yield
    except DeliveryError as error:
        raise DeliveryError(f"{name}: {error}") from None


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("name is not of letters, digits, dots, dashes, at most 80")
