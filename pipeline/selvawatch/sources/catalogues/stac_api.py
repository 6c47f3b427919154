"""A STAC API or a static catalogue on the web as a source of scenes."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import shapely
import xarray as xr

from selvawatch.core.days import iso
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

_PAGE = 500
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
    signed: bool = False
    """Whether addresses are signed for Planetary Computer when they are opened (`web.signing`)."""

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

        from selvawatch.sources.catalogues.stac_requests import LIMITS, LimitedApiIO

        io = LimitedApiIO(urlsplit(self.url).hostname or "")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoConformsTo)
                client = Client.open(self.url, stac_io=io)
            if client.conforms_to("ITEM_SEARCH"):
                found = client.search(
                    collections=list(self.collections) or _known(client) or None,
                    intersects=shapely.geometry.mapping(geometry),
                    datetime=f"{iso(first_day)}T00:00:00Z/{iso(last_day)}T23:59:59.999Z",
                    limit=_PAGE,
                )
                for item in _listed(found.pages_as_dicts(), LIMITS.items):
                    yield self.url, item
            else:
                yield from _walked(self.url, io, LIMITS.files)
        except (APIError, STACError, RequestException, OSError) as error:
            raise self._unsearchable(str(error)) from error
        except (*MALFORMED, AssertionError) as error:
            text = str(error) if type(error) is ValueError else f"its answer is no STAC ({error!r})"
            raise self._unsearchable(text) from error

    def _unsearchable(self, why: str) -> SourceError:
        """The one line for a catalogue that cannot be searched; addresses are cut at their parameters."""
        return SourceError(
            "the catalogue cannot be searched", where=f"source {self.name}", got=why.split("?")[0][:200]
        )

    def _resolve(self, address: str, href: str) -> str:
        """Absolute address of an asset; ValueError when it is not one this source may open."""
        opened = remote(urljoin(address, href), urlsplit(self.url).hostname or "")
        return to_be_signed(opened) if self.signed else opened


def _listed(pages: Iterator[Mapping[str, Any]], most: int) -> Iterator[Item]:
    """Items of the pages of a search, at most so many.

    Raises
    ------
    ValueError
        When they are more than there can be, or a page lists the same as one before.
    """
    seen: set[int] = set()
    count = 0
    for page in pages:
        matched = page.get("numberMatched") or (page.get("context") or {}).get("matched")
        if isinstance(matched, int) and matched > most:
            raise ValueError(f"it counts {matched:.3g} items, at most {most}: search a smaller area")
        items = page["features"]
        names = hash(tuple(str(item.get("id"))[:200] if isinstance(item, dict) else "" for item in items))
        if names in seen:
            raise ValueError("its pages lead in circles")
        seen.add(names)
        count += len(items)
        if count > most:
            raise ValueError(f"more than {most} items: its pages do not end")
        yield from items


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


def _known(client: Any) -> list[str]:
    """Collections of an API that a known sensor lists."""
    known = {name for sensor in SENSORS.values() for name in sensor.collections}
    return sorted(known & {collection.id for collection in client.get_collections()})
