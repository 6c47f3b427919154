"""A scene of Earth Engine as clipped files: its own pixels, kept so that a folder gives the same values.

Sentinel-2's harmonised numbers, in which 0 is a reflectance, are kept 1000 higher with an offset of -0.1;
backscatter in dB of sigma nought is kept as the linear gamma nought that it is read as.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine

from selvawatch.core.scene import Asset, Scene
from selvawatch.sources.earthengine.pixels import ANGLE, MASKED, PREFIX, fill_of, gamma, linear, pixels
from selvawatch.sources.reading.pixel_rule import window_on
from selvawatch.sources.sensors.sensor import Band, Scaling
from selvawatch.sources.sensors.sensor_table import scaling_of, sensor_of

_RAISED = 1000
_MOST = 65_535
NO_POWER = -32768.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped:
    """One band of an image, clipped."""

    key: str
    """Key of its asset."""
    values: np.ndarray
    """(y, x) numbers to keep."""
    crs: str
    transform: Affine
    nodata: float
    scaling: Scaling | None
    """Scale and offset of what is kept; None: codes."""


def is_image(scene: Scene) -> bool:
    """Whether a scene is an image of Earth Engine."""
    return any(asset.href.startswith(PREFIX) for asset in scene.assets.values())


def clipped(scene: Scene, aoi: shapely.Geometry, margin_m: float) -> Iterator[Clipped]:
    """Bands and quality layers of an image on a ground (WGS 84; its bounds and a margin), by one request for
    each grid that the image has.

    Raises
    ------
    OSError
        When Earth Engine does not give all of it, or the image shows none of the ground.
    SceneError
        When a scale cannot be told.
    """
    sensor = sensor_of(scene)
    bands = {name: band for name, band in {**sensor.bands, **sensor.quality}.items()}
    keys = {name: key for name in bands if (key := sensor.asset(name, scene.assets))}
    grids: dict[tuple[str, tuple[float, ...], tuple[int, int]], list[str]] = {}
    for name, key in keys.items():
        grids.setdefault(_grid(scene, scene.assets[key]), []).append(name)
    for (crs, transform, shape), names in grids.items():
        window = window_on(crs, Affine(*transform), shape, aoi.bounds, margin_m)
        corner = Affine(*transform) @ Affine.translation(window.col_off, window.row_off)
        wanted = {keys[name]: bands[name] for name in names}
        if sensor.angled and any(band.kind == "power" for band in wanted.values()):
            wanted[ANGLE] = Band(assets=(ANGLE,), kind="power")
        got = pixels(scene, wanted, crs, corner, (int(window.height), int(window.width)))
        for name in names:
            values, nodata, scaling = _kept(scene, name, keys[name], bands[name], got)
            yield Clipped(
                key=keys[name], values=values, crs=crs, transform=corner, nodata=nodata, scaling=scaling
            )


def _grid(scene: Scene, asset: Asset) -> tuple[str, tuple[float, ...], tuple[int, int]]:
    """CRS, transform and size of a band; of a linked one, those of the image's finest."""
    stated = [
        (one.crs, one.transform, one.shape)
        for one in (asset, *scene.assets.values())
        if one.crs and one.transform and one.shape
    ]
    if not stated:
        raise OSError("the image states no grid")
    if asset.crs and asset.transform and asset.shape:
        return stated[0]
    return min(stated, key=lambda pair: abs(pair[1][0]))


def _kept(
    scene: Scene, name: str, key: str, band: Band, got: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, float, Scaling | None]:
    """Numbers of a band to keep, their value without data, and their scale and offset."""
    stored = got[key]
    if band.kind == "quality":
        return stored, fill_of(key, band), None
    if band.kind == "power":
        power = gamma(stored, got[ANGLE]) if sensor_of(scene).angled else linear(stored)
        return np.where(np.isnan(power), np.float32(NO_POWER), power), NO_POWER, None
    scale, offset = scaling_of(scene, name)
    raised = _RAISED if offset == 0 else 0
    values = np.where(stored == MASKED, 0, np.clip(stored + raised, 1, _MOST)).astype(np.uint16)
    return values, 0, (scale, round(offset - raised * scale, 9))
