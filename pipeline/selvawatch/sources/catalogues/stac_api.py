"""A STAC API or a static catalogue on the web as a source of scenes."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.items import MALFORMED, Item, collect, links_of
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.sensor_table import SENSORS
from selvawatch.sources.source import SearchResult
from selvawatch.web.addresses import remote
from selvawatch.web.guarded import trust
from selvawatch.web.limits import LimitError, parsed_json
from selvawatch.web.signing import to_be_signed
from selvawatch.web.tokens import direct

PAGE = 250
"""Items of a page where nothing is known of an API; a page that it refuses is made smaller."""
_GONE = (400, 401, 403, 404, 410)


@dataclass(frozen=True, slots=True, kw_only=True)
class StacSource:
    """A STAC API (item search) or, where it cannot search, the items its catalogue links to."""

    url: str
    """Landing page."""
    name: str
    """Text that opens it."""
    collections: tuple[str, ...] = ()
    """Collections that are searched; empty: all that a known sensor lists."""
    page: int = PAGE
    """Items of the first page that is asked for."""

    def __post_init__(self) -> None:
        """Let the catalogue's own host, which a person named, lie in the local network."""
        trust(urlsplit(self.url).hostname or "")

    @classmethod
    def open(cls, url: str) -> "StacSource":
        """The source of a URL; nothing is fetched yet. SourceError when it is not http or https, or holds a
        secret.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(
                "the address is not on the web", where=f"source stac:{url}", needed="http:// or https://"
            )
        if parts.username or parts.password or parts.query:
            raise SourceError(
                "an address with a user name, password or key would be written down",
                where=f"source stac:{parts.scheme}://{parts.hostname}{parts.path}",
                needed="an address without them",
                do="give an address that is open to you, or one of the archives by name",
            )
        return cls(url=url, name=f"stac:{url}")

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes that meet a geometry (WGS 84) from a first to a last day, both included.

        Raises
        ------
        SourceError
            When the catalogue cannot be reached or answers nonsense.
        """
        return collect(
            self._items(geometry, first_day, last_day), geometry, first_day, last_day, self._resolve
        )

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels (`sources.scene_pixels.read_scene`)."""
        trust(urlsplit(self.url).hostname or "")
        return read_scene(scene, tile, bands, halo_px)

    def _items(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> Iterator[tuple[str, Item]]:
        from pystac import STACError
        from pystac_client import Client
        from pystac_client.exceptions import APIError
        from pystac_client.warnings import NoConformsTo
        from requests import RequestException

        from selvawatch.sources.catalogues.stac_requests import LIMITS, LimitedApiIO, RefusedError
        from selvawatch.sources.catalogues.stac_search import searched

        io = LimitedApiIO(urlsplit(self.url).hostname or "")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoConformsTo)
                client = Client.open(self.url, stac_io=io)
            if client.conforms_to("ITEM_SEARCH"):
                for item in searched(
                    io, self._query(client, io, geometry, LIMITS.items), first_day, last_day
                ):
                    yield self.url, item
            else:
                yield from _walked(self.url, io, LIMITS.files)
        except (APIError, STACError, RequestException, RefusedError, OSError) as error:
            raise self._unsearchable(str(error)) from error
        except (*MALFORMED, AssertionError) as error:
            text = str(error) if type(error) is ValueError else f"its answer is no STAC ({error!r})"
            raise self._unsearchable(text) from error

    def _query(self, client: Any, io: Any, geometry: shapely.Geometry, most_items: int) -> Any:
        """What the API is asked for."""
        from selvawatch.sources.catalogues.stac_search import Query, known_collections

        known = {name for sensor in SENSORS.values() for name in sensor.collections}
        chosen = self.collections or known_collections(io, _linked(client, "data", "collections"), known)
        return Query(
            url=_linked(client, "search", "search"),
            collections=tuple(chosen),
            intersects=shapely.geometry.mapping(geometry),
            page=self.page,
            has_fields=client.conforms_to("FIELDS"),
            most_items=most_items,
        )

    def _unsearchable(self, why: str) -> SourceError:
        """The one line for a catalogue that cannot be searched; addresses are cut at their parameters."""
        return SourceError(
            "the catalogue cannot be searched", where=f"source {self.name}", got=why.split("?")[0][:200]
        )

    def _resolve(self, address: str, href: str) -> str:
        """Absolute address of an asset, marked where its host wants a signature; ValueError when it is not
        one this source may open.
        """
        return to_be_signed(direct(remote(urljoin(address, href), urlsplit(self.url).hostname or "")))


def _linked(client: Any, rel: str, path: str) -> str:
    """Address of a part of an API: what its landing page links to, else the path below it."""
    root = str(client.get_self_href() or "")
    link = client.get_single_link(rel)
    href = str(link.href) if link is not None else f"{root.rstrip('/')}/{path}"
    return urljoin(root, href)


def _walked(url: str, io: Any, most: int) -> Iterator[tuple[str, Item]]:
    """Address and content of every item that a static catalogue links to; what is none, or lies where it may
    not, has empty content; at most so many files are read.
    """
    from pystac_client.exceptions import APIError

    catalogue_host = urlsplit(url).hostname or ""
    waiting, seen = [url], {url}
    while waiting:
        address = waiting.pop()
        try:
            content = parsed_json(io.request(address).encode())
        except LimitError:
            if address == url or io.is_late:
                raise
            content = None
        except APIError as error:
            if address == url or error.status_code not in _GONE:
                raise
            content = None
        except ValueError:
            content = None
        kind = content.get("type") if isinstance(content, dict) else None
        if kind not in ("Catalog", "Collection"):
            if address == url:
                raise ValueError("it is no STAC catalogue")
            yield address, content if isinstance(content, dict) else {}
            continue
        for link in links_of(content):
            try:
                target = remote(urljoin(address, link), catalogue_host)
            except ValueError:
                yield link, {}
                continue
            if target not in seen:
                seen.add(target)
                waiting.append(target)
        if len(seen) > most:
            raise ValueError(f"it links to more than {most} files")
