"""Earth Engine as a source of scenes: images listed by its filters, read by `sources.earthengine.pixels`."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import shapely
import xarray as xr

from selvawatch.core.days import iso
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.items import Item, collect
from selvawatch.sources.earthengine.pixels import PREFIX, ask
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.radar_products import platform_of as opera_platform
from selvawatch.sources.sensors.sensor_table import FAMILIES
from selvawatch.sources.source import SearchResult

_HALF_YEAR = 183
_TOO_MANY = ("5000 elements", "too large", "memory limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Archive:
    """One image collection and how its properties are called in STAC."""

    collection: str
    family: str
    platform: Callable[[Mapping[str, Any]], str]
    renamed: Mapping[str, str]
    """STAC name by Earth Engine name."""
    linked: tuple[str, ...] = ()
    """Bands that come from a linked collection."""
    equal: tuple[tuple[str, str], ...] = ()
    """Properties that an image must have to be asked for."""


def _landsat(number: str) -> _Archive:
    return _Archive(
        collection=f"LANDSAT/{number}/C02/T1_L2",
        family="landsat",
        platform=lambda said: str(said.get("SPACECRAFT_ID", "")).lower().replace("_", "-"),
        renamed={"CLOUD_COVER": "eo:cloud_cover", "COLLECTION_CATEGORY": "landsat:collection_category"},
    )


ARCHIVES = (
    _Archive(
        collection="COPERNICUS/S2_SR_HARMONIZED",
        family="sentinel-2",
        platform=lambda said: str(said.get("SPACECRAFT_NAME", "")).lower(),
        renamed={
            "CLOUDY_PIXEL_PERCENTAGE": "eo:cloud_cover",
            "PROCESSING_BASELINE": "s2:processing_baseline",
            "MGRS_TILE": "grid:code",
        },
        linked=("cs_cdf",),
    ),
    *(_landsat(number) for number in ("LC08", "LC09", "LE07", "LT05")),
    _Archive(
        collection="COPERNICUS/S1_GRD",
        family="sentinel-1",
        platform=lambda said: f"sentinel-1{str(said.get('platform_number', '')).lower()}",
        renamed={
            "orbitProperties_pass": "sat:orbit_state",
            "relativeOrbitNumber_start": "sat:relative_orbit",
        },
        equal=(("instrumentMode", "IW"),),
    ),
)
OPERA = _Archive(
    collection="OPERA/RTC/L2_V1/S1",
    family="sentinel-1",
    platform=lambda said: opera_platform(str(said.get("system:index", ""))) or "sentinel-1",
    renamed={
        "ORBIT_PASS_DIRECTION": "sat:orbit_state",
        "TRACK_NUMBER": "sat:relative_orbit",
        "PROCESSING_DATETIME": "processing:datetime",
        "PRODUCT_VERSION": "processing:version",
    },
)
"""Bursts of gamma nought, linear power, 30 m
(https://developers.google.com/earth-engine/datasets/catalog/OPERA_RTC_L2_V1_S1); searched instead of S1_GRD.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarthEngineSource:
    """Collections of Earth Engine; credentials stay in the process's environment."""

    name: str = "earthengine"
    """Text that opens it."""
    families: tuple[str, ...] = FAMILIES
    """Sensors that are searched."""
    opera: bool = False
    """Whether radar is that of OPERA."""

    @classmethod
    def of_opera(cls) -> "EarthEngineSource":
        """The source of OPERA's radar alone."""
        return cls(name="earthengine-opera", families=(OPERA.family,), opera=True)

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes that meet a geometry (WGS 84) from a first to a last day, both included.

        Raises
        ------
        SourceError
            When Earth Engine cannot be reached, refuses the credentials or answers nonsense.
        """
        return collect(
            self._items(geometry, first_day, last_day), geometry, first_day, last_day, lambda _, href: href
        )

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels (`sources.scene_pixels.read_scene`)."""
        return read_scene(scene, tile, bands, halo_px)

    def _items(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> Iterator[tuple[str, Item]]:
        for archive in (OPERA,) if self.opera else ARCHIVES:
            if archive.family in self.families:
                for day in range(first_day, last_day + 1, _HALF_YEAR):
                    until = min(last_day, day + _HALF_YEAR - 1)
                    for image in _images(archive, geometry.bounds, day, until):
                        yield str(image.get("id", archive.collection)), item_of(archive, image)


def _images(
    archive: _Archive, bounds: tuple[float, float, float, float], first_day: int, last_day: int
) -> list[dict[str, Any]]:
    """Descriptions of an archive's images; the days are halved where Earth Engine lists too many at once."""

    def question(ee: Any) -> Any:
        images = ee.ImageCollection(archive.collection).filterBounds(ee.Geometry.BBox(*bounds))
        images = images.filterDate(iso(first_day), iso(last_day + 1))
        for name, value in archive.equal:
            images = images.filter(ee.Filter.eq(name, value))
        return images.getInfo()

    try:
        listed = ask(question)
    except OSError as error:
        if any(text in str(error) for text in _TOO_MANY) and last_day > first_day:
            middle = (first_day + last_day) // 2
            earlier = _images(archive, bounds, first_day, middle)
            return earlier + _images(archive, bounds, middle + 1, last_day)
        raise SourceError(
            "the collection cannot be searched",
            where=f"source earthengine, {archive.collection}",
            got=str(error),
        ) from error
    features = listed.get("features") if isinstance(listed, dict) else None
    if not isinstance(features, list):
        raise SourceError(
            "the answer lists no images", where=f"source earthengine, {archive.collection}", got=type(listed)
        )
    return features


def item_of(archive: _Archive, image: Mapping[str, Any]) -> Item:
    """The STAC item that says what an image's description says."""
    said = image.get("properties")
    if not isinstance(said, Mapping):
        return {}
    properties = {stac: said[name] for name, stac in archive.renamed.items() if name in said}
    properties["platform"] = archive.platform(said)
    properties["datetime"] = _time(said.get("system:time_start"))
    properties["version"] = image.get("version")
    href = f"{PREFIX}{image.get('id')}"
    assets = {
        band["id"]: {
            "href": href,
            "proj:code": band.get("crs"),
            "proj:transform": band.get("crs_transform"),
            "proj:shape": list(reversed(band["dimensions"])) if band.get("dimensions") else None,
        }
        for band in image.get("bands", ())
    }
    return {
        "id": said.get("system:index") or str(image.get("id", "")).rpartition("/")[2],
        "collection": archive.collection,
        "geometry": _polygon(said.get("system:footprint")),
        "properties": properties,
        "assets": assets | {band: {"href": href} for band in archive.linked},
    }


def _time(milliseconds: object) -> str | None:
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        return None
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=milliseconds)).isoformat()


def _polygon(footprint: object) -> object:
    """A footprint as a polygon; Earth Engine writes most of them as rings."""
    if isinstance(footprint, Mapping) and footprint.get("type") == "LinearRing":
        return {"type": "Polygon", "coordinates": [footprint.get("coordinates")]}
    return footprint
