"""Outlines of patches of a raster in another CRS, so that neighbours share every edge."""

import math
from typing import Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from rasterio.windows import Window

LONGEST_M = 100.0
"""Longest edge that is moved to another CRS as a straight line, metres: a parallel bends by 5e-5 m over it at
13 degrees, so that an edge of 100 km is off by 3e-4 ha."""
_RADIUS_M = 6_378_137.0
"""Semi-major axis of WGS 84, metres."""


def outlines_in_crs(corners: np.ndarray, raster: Any, crs: str) -> np.ndarray:
    """Polygons of whole pixels, given in rows and columns of a raster, in a CRS; object (patches,).

    Every corner of a pixel on an outline is a point of it, and coarse pixels have more points between, so
    that patches that meet share these points, and edges bend as the pixels do. In the CRS of the raster
    itself straight edges stay as they are.

    Parameters
    ----------
    corners
        Polygons whose edges run along pixels, (column, row) of the whole raster.
    raster
        The open raster: its transform and CRS.
    """
    if not len(corners):
        return corners
    source = CRS.from_wkt(raster.crs.to_wkt())
    same = source == CRS.from_user_input(crs)
    parts = 1 if same else math.ceil(_pixel_m(raster) / LONGEST_M)
    kind, coordinates, offsets = shapely.to_ragged_array(corners)
    if not same:
        coordinates, offsets = _with_points_between(coordinates, offsets, parts)
    x, y = raster.transform @ (coordinates[:, 0], coordinates[:, 1])
    if not same:
        x, y = Transformer.from_crs(source, crs, always_xy=True).transform(x, y)
    return np.asarray(shapely.from_ragged_array(kind, np.column_stack([x, y]), offsets), object)


def in_raster(outlines: np.ndarray, window: Window) -> np.ndarray:
    """Polygons in (column, row) of a window as such of the whole raster; object (patches,)."""
    shift = np.array([window.col_off, window.row_off], np.float64)
    return np.asarray(shapely.transform(outlines, lambda points: points + shift), object)


def _pixel_m(raster: Any) -> float:
    """Longest side of a pixel, metres on the ground or, of degrees, on the equator."""
    step = raster.transform
    side = max(math.hypot(step.a, step.d), math.hypot(step.b, step.e))
    _, factor = raster.crs.units_factor
    return float(side * factor * (_RADIUS_M if raster.crs.is_geographic else 1.0))


def _with_points_between(
    coordinates: np.ndarray, offsets: tuple[np.ndarray, ...], parts: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Rings with a point at each pixel corner and at so many parts of a pixel, the same from either side.

    coordinates: (points, 2), whole numbers; offsets: of rings and polygons, as `shapely.to_ragged_array`.
    """
    rings = offsets[0]
    units = np.rint(coordinates).astype(np.int64) * parts
    along = np.zeros_like(units)
    along[:-1] = np.diff(units, axis=0)
    along[rings[1:] - 1] = 0
    counts = np.maximum(1, np.abs(along).sum(axis=1))
    ends = np.cumsum(counts)
    step = np.arange(ends[-1]) - np.repeat(ends - counts, counts)
    dense = np.repeat(units, counts, axis=0) + np.repeat(np.sign(along), counts, axis=0) * step[:, None]
    return dense / parts, (np.concatenate([[0], ends])[rings], *offsets[1:])
