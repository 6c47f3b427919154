"""What a kind of service is: a function from a client and a request to all features of a layer."""

import json
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import geopandas as gpd

from selvawatch.errors import SourceError
from selvawatch.web.client import get
from selvawatch.web.guarded import trust
from selvawatch.web.retry import PassingError, RetryRule, UnreachableError, retried

WGS84 = 4326
"""EPSG code in which services give their features."""

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
    """CRS of a file that does not state it."""
    encoding: str = ""
    """Encoding of a file that does not state it."""
    folder: Path
    """Folder for temporary copies; whoever asks takes it away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """How services are asked: by the one client of `web`, and saying who asks.

    The host of an address that is asked for, which the manifest names, may lie in the local network; one that
    a reply leads to may not.
    """

    contact: str
    """Address or page that a service's keeper can turn to."""
    version: str
    timeout_s: float = 60.0
    """Seconds without a byte after which a reply is given up."""
    rule: RetryRule | None = None
    """How often a request is made; None: the rule of every request (`web.retry.RULE`)."""

    @property
    def user_agent(self) -> str:
        """Browser-like, since public services turn other clients away, and honest."""
        return f"Mozilla/5.0 (compatible; selvawatch/{self.version}; +{self.contact})"

    def get(self, url: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The body of a reply.

        Raises
        ------
        SourceError
            When the service does not answer, breaks off or refuses, after all tries.
        """
        return self._asked(url, parameters or {}, lambda body: body)

    def get_json(self, url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """A JSON object; a half answer is asked for again, an error inside a good reply is an error."""
        value = self._asked(url, parameters, _json)
        if not isinstance(value, dict):
            raise SourceError("the answer is no JSON object", where=url, got=type(value).__name__)
        if "error" in value:
            stated = value["error"]
            message = stated.get("message", stated) if isinstance(stated, dict) else stated
            raise SourceError("the service refuses", where=url, got=message)
        return value

    def _asked(self, url: str, parameters: Mapping[str, str], read: Callable[[bytes], Content]) -> Content:
        """What `read` makes of the body of a reply; a `PassingError` of it is another try."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise SourceError("not an address of the web", got=url, needed="http or https")
        path = urllib.parse.quote(urllib.parse.unquote(parts.path))
        query = urllib.parse.urlencode(parameters) or parts.query
        address = urllib.parse.urlunsplit((parts.scheme, parts.netloc, path, query, ""))
        headers = {"User-Agent": self.user_agent}
        trust(parts.hostname or "")
        try:
            return retried(lambda: read(get(address, headers=headers, timeout_s=self.timeout_s)), self.rule)
        except OSError as error:
            passing = isinstance(error, UnreachableError)
            raise SourceError(
                "the service does not answer, or not rightly" if passing else "the service cannot be asked",
                where=f"{parts.hostname}{parts.path}",
                got=error,
                do="try again later" if passing else "correct the address in the manifest of layers",
            ) from error


def _json(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise PassingError(f"the answer is no JSON: {body[:60]!r}") from None


Service = Callable[[Client, LayerRequest], gpd.GeoDataFrame]
"""A kind of service: all features of a layer, or SourceError; never some of them."""
