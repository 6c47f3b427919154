"""How many bytes a ground's part of a scene will take, and how fast its archive gives them."""

import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import shapely
from rasterio.warp import transform_bounds

from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SourceError
from selvawatch.sources.sensors.sensor import Band
from selvawatch.sources.sensors.sensor_table import sensor_of
from selvawatch.web.range_file import PATIENCE, fetch
from selvawatch.web.signing import PREFIX, address_of

_STORED_BYTES = 1.4
"""Bytes that a pixel of a packed 16-bit band takes, about."""
_CODE_BYTES = 0.2
"""The same of a quality layer: few codes in large patches."""
_DEGREE_M = 111_320.0
_SAMPLE_BYTES = 4_000_000


def expected_bytes(scene: Scene, aoi: shapely.Geometry) -> tuple[float, bool]:
    """About what reading a ground (WGS 84; its bounds) from a scene's files fetches, and whether the
    catalogue declares the size of every file.

    Of a file of declared size the ground's share of its pixels is reckoned; of others so many bytes a pixel.
    """
    sensor = sensor_of(scene)
    total, declared = 0.0, True
    for name, band in {**sensor.bands, **sensor.quality}.items():
        key = sensor.asset(name, scene.assets)
        if key is None:
            continue
        asset = scene.assets[key]
        pixels, share = _shown(asset, scene, aoi, sensor.resolution)
        if asset.file_size is not None and share is not None:
            total += asset.file_size * share
        else:
            total += pixels * _a_pixel(band)
            declared = False
    return total, declared


def measured_rate(scenes: Sequence[Scene]) -> float:
    """Megabytes a second at which the newest scene of each sensor comes, the slowest of them; one request of
    up to 4 MB each.

    Raises
    ------
    SourceError
        When no scene lies on the web, or none answers.
    """
    newest = {scene.sensor: scene for scene in sorted(scenes, key=lambda scene: (scene.day, scene.id))}
    rates, why = [], "no scene on the web"
    for _, scene in sorted(newest.items()):
        href = next(iter(scene.assets.values())).href
        if urlsplit(href.removeprefix(PREFIX)).scheme not in ("http", "https"):
            continue
        began = time.monotonic()
        try:
            content, _ = fetch(address_of(href), 0, _SAMPLE_BYTES, PATIENCE)
        except OSError as error:
            why = str(error)
            continue
        rates.append(len(content) / max(time.monotonic() - began, 1e-6) / 1e6)
    if not rates:
        raise SourceError(
            "the rate cannot be measured", where="the newest scenes", got=why, do="give it with --rate-mb-s"
        )
    return min(rates)


def _a_pixel(band: Band) -> float:
    if band.kind == "quality":
        return _CODE_BYTES
    return 2 * _STORED_BYTES if band.kind == "power" else _STORED_BYTES


def _shown(
    asset: Asset, scene: Scene, aoi: shapely.Geometry, resolution: float
) -> tuple[float, float | None]:
    """Pixels of a file on the ground's bounds, and their share of all its pixels; None where that is not
    known.
    """
    if asset.transform and asset.shape and asset.crs:
        step, _, west, _, down, north = asset.transform
        rows, columns = asset.shape
        image = shapely.box(west, north + down * rows, west + step * columns, north)
        wanted = shapely.box(*transform_bounds("EPSG:4326", asset.crs, *aoi.bounds))
        area = image.intersection(wanted).area
        return area / abs(step * down), area / image.area
    shown = shapely.box(*aoi.bounds).intersection(shapely.box(*scene.footprint.bounds))
    step = abs(asset.transform[0]) if asset.transform else resolution
    return shown.area * _DEGREE_M**2 / step**2, None
