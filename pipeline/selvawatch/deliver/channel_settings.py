"""What every channel needs of its settings: known keys, none missing, nothing shown of what they hold."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from selvawatch.errors import DeliveryError

Settings = TypeVar("Settings")


def settings_of(kind: type[Settings], values: Mapping[str, str], name: str) -> Settings:
    """The settings of a channel as its frozen dataclass.

    name: of the kind of channel, for people.

    Raises
    ------
    DeliveryError
        Naming the key, never what it holds: an unknown or missing key, or a value that cannot be used.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise DeliveryError(
            f"{unknown[0]} is not a known key of a channel of kind {name}", needed=", ".join(known)
        )
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise DeliveryError(f"channel of kind {name}: {f'{key}: ' if key else ''}{what}") from None
