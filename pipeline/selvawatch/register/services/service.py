"""What a kind of service is: a function from a client and a request to all features of a layer."""

import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd

from selvawatch.errors import SourceError
from selvawatch.register.services.replies import Limits, TooLargeError, json_reply
from selvawatch.register.site_extent import SiteExtent
from selvawatch.web.client import get
from selvawatch.web.guarded import trust
from selvawatch.web.limits import AnswerLimits, LimitError
from selvawatch.web.retry import RetryRule, UnreachableError, retried

WGS84 = 4326
"""EPSG code in which services give their features."""

PUBLIC_PARAMETERS = frozenset(
    ("bbox", "count", "cql_filter", "crs", "f", "filter", "format", "layer", "layers", "maxfeatures")
    + ("outfields", "outputformat", "outsr", "propertyname", "request", "resourceid", "resultoffset")
    + ("resultrecordcount", "returngeometry", "service", "sortby", "srs", "srsname", "startindex", "styles")
    + ("typename", "typenames", "version", "where")
)
"""Parameters of an address that are no secret, in lower case; any other may be a key and is kept nowhere."""

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRequest:
    """A layer that is asked for: what its entry in the manifest says, and where a file may lie meanwhile."""

    url: str
    layer: str
    """Name of the layer at the service, or in a file of several."""
    where: str = ""
    """Filter in the service's language."""
    crs: str = ""
    """CRS of a file or reply that does not state it."""
    encoding: str = ""
    """Encoding of a file that does not state it."""
    folder: Path
    """Folder for temporary copies; whoever asks takes it away."""
    extent: SiteExtent | None = None
    """Where the site lies: it decides which ordinate comes first."""
    remarks: list[str] = field(default_factory=list)
    """What a service left out or put right is added here, one line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How services are asked: by the one client of `web`, and saying who asks.

    The host of an address that is asked for, which the manifest names, may lie in the local network; one that
    a reply leads to may not. Keys in an address are sent and kept nowhere.
    """

    contact: str
    """Address or page that a service's keeper can turn to."""
    version: str
    timeout_s: float = 40.0
    """Seconds without a byte after which a reply is given up."""
    rule: RetryRule | None = None
    """How often a request is made; None: the rule of every request (`web.retry.RULE`)."""
    limits: Limits = Limits()

    @property
    def user_agent(self) -> str:
        """Browser-like, since public services turn other clients away, and honest."""
        return f"Mozilla/5.0 (compatible; selvawatch/{self.version}; +{self.contact})"

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of a reply.

        Raises
        ------
        SourceError
            When the service does not answer, breaks off, refuses or sends too much, after all tries.
        """
        return self._asked(url, parameters or {}, self.limits.file, lambda body: body)

    def get_json(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """A JSON object; a half answer is asked for again, an error inside a good reply is an error."""
        limits = self.limits.reply
        value = self._asked(url, parameters, limits, lambda body: json_reply(body, limits))
        if not isinstance(value, dict):
            raise SourceError(
                "the answer is no JSON object", where=public_address(url), got=type(value).__name__
            )
        if "error" in value:
            stated = value["error"]
            message = stated.get("message", stated) if isinstance(stated, dict) else stated
            text = without_secrets(str(message)[:300], url)
            raise SourceError("the service refuses", where=public_address(url), got=text)
        return value

    def _asked(
        self,
        url: str,
        parameters: Mapping[str, str],
        limits: AnswerLimits,
        read: Callable[[bytes], Content],
    ) -> Content:
        """What `read` makes of the body of a reply; a `PassingError` of it is another try."""
        address = _address(url, parameters)
        host = urllib.parse.urlsplit(address).hostname or ""
        headers = {"User-Agent": self.user_agent}
        spent = 0.0

        def attempt() -> Content:
            nonlocal spent
            if spent > self.limits.request_s:
                raise UnreachableError(f"no answer in {spent:.0f} s")
            began = time.monotonic()
            try:
                silence = min(self.timeout_s, max(1.0, self.limits.request_s - spent))
                return read(get(address, headers=headers, timeout_s=silence, limits=limits))
            finally:
                spent += time.monotonic() - began

        trust(host)
        try:
            return retried(attempt, self.rule, host)
        except SourceError as error:
            raise type(error)(without_secrets(str(error), url), where=public_address(url)) from error
        except LimitError as error:
            text = without_secrets(str(error), url)
            raise TooLargeError(
                "the answer is more than it may be", where=public_address(url), got=text
            ) from error
        except OSError as error:
            passing = isinstance(error, UnreachableError)
            raise SourceError(
                "the service does not answer, or not rightly" if passing else "the service cannot be asked",
                where=public_address(url),
                got=without_secrets(str(error), url),
                do="try again later" if passing else "correct the address in the manifest of layers",
            ) from error


def _address(url: str, parameters: Mapping[str, str]) -> str:
    """The address to open: its own parameters stay, those of the request win."""
    try:
        parts = urllib.parse.urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise SourceError("not an address of the web", got=public_address(url)) from error
    if parts.scheme not in ("http", "https") or not host:
        raise SourceError("not an address of the web", got=public_address(url), needed="http or https")
    if parts.username or parts.password:
        raise SourceError(
            "the address carries a user name or password",
            where=public_address(url),
            do="take it out: it is not sent; a service that wants one is fetched by hand and imported",
        )
    path = urllib.parse.quote(urllib.parse.unquote(parts.path))
    query = parts.query
    if parameters:
        asked = {name.casefold() for name in parameters}
        stays = [pair for pair in urllib.parse.parse_qsl(query, True) if pair[0].casefold() not in asked]
        query = urllib.parse.urlencode([*stays, *parameters.items()])
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, query, ""))


def below(url: str, name: object) -> str:
    """The address of something below an address, whose parameters stay behind it."""
    head, mark, query = url.partition("?")
    return f"{head.rstrip('/')}/{name}{mark}{query}"


def public_address(url: str) -> str:
    """An address as it may be kept and printed: no user name, no key, no parameter but well-known ones."""
    head, mark, query = url.partition("?")
    scheme, slashes, rest = head.partition("//")
    plain = f"{scheme}{slashes}{rest.rpartition('@')[2]}" if slashes else head.rpartition("@")[2]
    try:
        parts = urllib.parse.urlsplit(f"{plain}{mark}{query}")
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return plain
    query = "&".join(
        pair for pair in parts.query.split("&") if pair.split("=")[0].casefold() in PUBLIC_PARAMETERS
    )
    path = "/".join(step.split(";")[0] for step in parts.path.split("/"))
    start = f"{parts.scheme}://{host}" if parts.scheme else host
    return f"{start}{path}{'?' if query else ''}{query}"


def without_secrets(text: str, url: str) -> str:
    """A text in which nothing of an address's keys stands, though a service may repeat them."""
    try:
        parts = urllib.parse.urlsplit(url)
        secrets = [parts.username, parts.password]
    except ValueError:
        return text
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if name.casefold() not in PUBLIC_PARAMETERS:
            secrets += [value, urllib.parse.unquote_plus(value)]
    for secret in sorted({one for one in secrets if one}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


Service = Callable[[Client, LayerRequest], gpd.GeoDataFrame]
"""A kind of service: all features of a layer, or SourceError; never some of them."""
