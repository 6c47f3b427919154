"""Outlines: cells (pixels of one event with one onset and one status) and the polygon of the whole event."""

import math
from dataclasses import dataclass

import numpy as np
import rasterio
import shapely
from affine import Affine
from rasterio.features import shapes

from selvawatch.core.grid import Grid
from selvawatch.core.hectares import hectares
from selvawatch.core.status import Status
from selvawatch.events.patches import EventFrame, Pixels

_STRIP_PX = 16_000_000
"""Most pixels of a raster made at once (memory only: 64 MB); a larger event is drawn in strips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlines:
    """Polygons of patches and of their cells; columns of equal length in each half."""

    geometry: np.ndarray
    """MultiPolygon of each patch, without inner borders."""
    ha: np.ndarray
    """Sum of the patch's cells, hectares (correctly rounded, so that no order of adding matters)."""
    ha_lo: np.ndarray
    """Sum of the patch's confirmed and closed cells, hectares."""
    ha_hi: np.ndarray
    """Area with a rim of half a pixel around, hectares."""
    cell_patch: np.ndarray
    """Patch number of each cell, int64, ascending."""
    cell_onset: np.ndarray
    """Onset day of each cell, int32, ascending within a patch."""
    cell_status: np.ndarray
    """`Status` code of each cell, uint8, ascending within an onset."""
    cell_earliest: np.ndarray
    """Earliest `onset_earliest` known of the cell's pixels, 0 where none is known."""
    cell_latest: np.ndarray
    """Latest `onset_latest` of the cell's pixels; at least the onset."""
    cell_ha: np.ndarray
    """Equal-area hectares of each cell."""
    cell_geometry: np.ndarray
    """MultiPolygon of each cell."""


def outlines(pixels: Pixels, labels: np.ndarray, event_frame: EventFrame) -> Outlines:
    """Polygons and hectares of every patch; labels run from 0 without gaps. labels: (n,) int, a patch number
    for each of the pixels.
    """
    order = np.lexsort((pixels.status, pixels.onset, labels))
    pixels, labels = pixels.select(order), labels[order]
    new_cell = np.ones(len(pixels), np.bool_)
    new_cell[1:] = (
        (np.diff(labels) != 0) | (np.diff(pixels.onset) != 0) | (np.diff(pixels.status.astype(np.int16)) != 0)
    )
    starts = np.flatnonzero(new_cell)
    cell_of_pixel = np.cumsum(new_cell) - 1
    patch_starts = np.searchsorted(labels, np.arange(int(labels[-1]) + 2 if len(labels) else 1))
    cell_geometry = np.empty(len(starts), object)
    geometry = np.empty(len(patch_starts) - 1, object)
    with rasterio.Env():
        for patch, (begin, end) in enumerate(zip(patch_starts[:-1], patch_starts[1:], strict=True)):
            first = int(cell_of_pixel[begin])
            numbers = cell_of_pixel[begin:end] - first
            pixel_positions = (pixels.column[begin:end], pixels.row[begin:end])
            drawn = polygons(*pixel_positions, numbers, event_frame.grid)
            cell_geometry[first : first + len(drawn)] = drawn
            geometry[patch] = (
                drawn[0] if len(drawn) == 1 else polygons(*pixel_positions, numbers * 0, event_frame.grid)[0]
            )
    cell_ha = hectares(cell_geometry, event_frame.grid.crs, event_frame.equal_area)
    cell_patch, cell_status = labels[starts], pixels.status[starts]
    sure = np.isin(cell_status, (int(Status.CONFIRMED), int(Status.CLOSED)))
    margin = shapely.buffer(geometry, event_frame.grid.resolution / 2, join_style="mitre")
    return Outlines(
        geometry=geometry,
        ha=_sums(cell_ha, cell_patch, len(geometry)),
        ha_lo=_sums(cell_ha[sure], cell_patch[sure], len(geometry)),
        ha_hi=hectares(margin, event_frame.grid.crs, event_frame.equal_area),
        cell_patch=cell_patch,
        cell_onset=pixels.onset[starts],
        cell_status=cell_status,
        cell_earliest=_earliest(pixels.onset_earliest, starts),
        cell_latest=_latest(pixels, starts),
        cell_ha=cell_ha,
        cell_geometry=cell_geometry,
    )


def _sums(values: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    bounds = np.searchsorted(group, np.arange(count + 1))
    return np.array(
        [math.fsum(values[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)], np.float64
    )


def _earliest(days: np.ndarray, starts: np.ndarray) -> np.ndarray:
    if not len(starts):
        return np.zeros(0, np.int32)
    never = np.iinfo(np.int32).max
    first = np.minimum.reduceat(np.where(days > 0, days, never), starts)
    return np.where(first == never, 0, first).astype(np.int32)


def _latest(pixels: Pixels, starts: np.ndarray) -> np.ndarray:
    if not len(starts):
        return np.zeros(0, np.int32)
    return np.maximum.reduceat(np.maximum(pixels.onset_latest, pixels.onset), starts).astype(np.int32)


def polygons(column: np.ndarray, row: np.ndarray, number: np.ndarray, grid: Grid) -> np.ndarray:
    """One MultiPolygon for each number 0..n-1 of pixels, in the grid's CRS.

    Rings follow pixel edges and pixels that meet only at a corner stay apart (4-connected), so that every
    polygon is valid; the parts are in canonical order.

    column, row: (pixels,) int64 in the grid.
    """
    left, top = int(column.min()), int(row.min())
    width = int(column.max()) - left + 1
    strip = max(1, _STRIP_PX // width)
    parts: list[list[shapely.Geometry]] = [[] for _ in range(int(number.max()) + 1)]
    several = int(row.max()) - top >= strip
    for upper in range(top, int(row.max()) + 1, strip):
        here = (row >= upper) & (row < upper + strip)
        if not here.any():
            continue
        raster = np.zeros((int(row[here].max()) - upper + 1, width), np.int32)
        raster[row[here] - upper, column[here] - left] = number[here] + 1
        side = grid.resolution
        transform = Affine(side, 0, grid.anchor_x + left * side, 0, -side, grid.anchor_y - upper * side)
        for shape, value in shapes(raster, raster > 0, connectivity=4, transform=transform):
            shell, *holes = shape["coordinates"]
            parts[int(value) - 1].append(shapely.Polygon(shell, holes))
    return np.array([_multi(found, several) for found in parts], object)


def _multi(parts: list[shapely.Geometry], several: bool) -> shapely.MultiPolygon:
    outline = shapely.union_all(parts) if several else shapely.MultiPolygon(parts)
    if outline.geom_type == "Polygon":
        outline = shapely.MultiPolygon([outline])
    return shapely.normalize(outline)
