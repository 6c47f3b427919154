"""A STAC API or a static catalogue on the web as a source of scenes."""

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import shapely
import xarray as xr

from selvawatch.core.days import iso
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError
from selvawatch.sources.addresses import remote
from selvawatch.sources.items import Item, collect
from selvawatch.sources.load import read_scene
from selvawatch.sources.sensors import SENSORS
from selvawatch.sources.signing import to_be_signed
from selvawatch.sources.source import SearchResult

_PAGE = 500
_TIMEOUT_S = 60.0
_RETRIES = 4
_BACKOFF_S = 1.0
_REDIRECTS = 3


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
    """Whether addresses are signed for Planetary Computer when they are opened (`sources.signing`)."""

    @classmethod
    def open(cls, url: str) -> "StacSource":
        """The source of a URL; nothing is fetched yet. SourceError when it is not http or https."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SourceError(
                "the address is not on the web", where=f"source stac:{url}", needed="http:// or https://"
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
        """Bands of a scene on a tile's pixels (`sources.load.read_scene`)."""
        return read_scene(scene, tile, bands, halo_px)

    def _items(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> Iterator[tuple[str, Item]]:
        from pystac import Catalog, STACError
        from pystac_client import Client
        from pystac_client.exceptions import APIError
        from pystac_client.warnings import NoConformsTo
        from requests import RequestException

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NoConformsTo)
                client = Client.open(self.url, stac_io=_patient())
            if client.conforms_to("ITEM_SEARCH"):
                found = client.search(
                    collections=list(self.collections) or _known(client) or None,
                    intersects=shapely.geometry.mapping(geometry),
                    datetime=f"{iso(first_day)}T00:00:00Z/{iso(last_day)}T23:59:59.999Z",
                    limit=_PAGE,
                )
                for item in found.items_as_dicts():
                    yield self.url, item
            else:
                for whole in Catalog.from_file(self.url).get_items(recursive=True):
                    yield whole.get_self_href() or self.url, whole.to_dict(transform_hrefs=False)
        except (APIError, STACError, RequestException, OSError, ValueError, KeyError) as error:
            text = re.sub(r"HTTPS?ConnectionPool.*", "no answer", str(error).split("?")[0])[:200]
            raise SourceError(
                "the catalogue cannot be searched", where=f"source {self.name}", got=text
            ) from error

    def _resolve(self, address: str, href: str) -> str:
        """Absolute address of an asset; ValueError when it is not one this source may open."""
        opened = remote(urljoin(address, href), urlsplit(self.url).hostname or "")
        return to_be_signed(opened) if self.signed else opened


def _patient() -> Any:
    """A connection that tries 429, 5xx and broken ones again, waits as long as it is told, and gives up."""
    from pystac_client.stac_api_io import StacApiIO
    from urllib3.util import Retry

    retry = Retry(
        total=_RETRIES,
        redirect=_REDIRECTS,
        backoff_factor=_BACKOFF_S,
        backoff_jitter=0.5,
        backoff_max=60.0,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
    )
    return StacApiIO(max_retries=retry, timeout=_TIMEOUT_S)


def _known(client: Any) -> list[str]:
    """Collections of an API that a known sensor lists."""
    known = {name for sensor in SENSORS.values() for name in sensor.collections}
    return sorted(known & {collection.id for collection in client.get_collections()})
