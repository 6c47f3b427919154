"""Where a target grid's pixels lie in a file's: an integer rule that never resamples where the grids agree.

A pixel takes the file pixel its centre lies in, and a centre on an edge belongs to the pixel east and south
of it (half-open pixels, west and north edge included). It holds on the same CRS and on its UTM twin across
the equator.
"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

_FALSE_NORTHING = 10_000_000.0
_UTM_TWINS = {326: 327, 327: 326}


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which pixels of a file a target grid takes."""

    rows: np.ndarray
    """File row of each target row that lies in the file."""
    columns: np.ndarray
    """File column of each target column that lies in the file."""
    inside: tuple[slice, slice]
    """Target rows and columns that lie in the file."""
    shape: tuple[int, int]
    """Rows and columns of the target."""

    @property
    def empty(self) -> bool:
        """Whether target and file share no pixel."""
        return self.rows.size == 0 or self.columns.size == 0

    @property
    def window(self) -> Window:
        """Window of the file that is needed."""
        rows, columns = self.rows, self.columns
        return Window(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)

    def spread(self, values: np.ndarray, fill: float) -> np.ndarray:
        """Values (y, x) of the window on the target's pixels; `fill` outside the file."""
        return self.frame(_pick(values, self.rows - self.rows[0], self.columns - self.columns[0]), fill)

    def frame(self, laid: np.ndarray, fill: float) -> np.ndarray:
        """Values (y, x) of the target's pixels that lie in the file, with `fill` around them."""
        if laid.shape == self.shape:
            return laid
        spread_over = np.full(self.shape, fill, laid.dtype)
        spread_over[self.inside] = laid
        return spread_over


def align(geobox: GeoBox, epsg: int | None, transform: Affine, shape: tuple[int, int]) -> Placement | None:
    """Pixels of a file (CRS, transform, size) that a geobox takes; None: it must be reprojected."""
    shift = _northing_shift(epsg, geobox.crs.epsg if geobox.crs else None)
    if shift is None or not _north_up(transform):
        return None
    target = geobox.affine
    rows = nearest(target.f, target.e, geobox.shape[0], transform.f + shift, transform.e)
    columns = nearest(target.c, target.a, geobox.shape[1], transform.c, transform.a)
    inside = (_inside(rows, shape[0]), _inside(columns, shape[1]))
    return Placement(
        rows=rows[inside[0]],
        columns=columns[inside[1]],
        inside=inside,
        shape=(geobox.shape[0], geobox.shape[1]),
    )


def window_on(
    crs: Any,
    transform: Affine,
    shape: tuple[int, int],
    bounds: tuple[float, float, float, float],
    margin_m: float,
) -> Window:
    """Whole pixels of a file on bounds (WGS 84: west, south, east, north) and a margin; OSError when it shows
    none of them.
    """
    west, south, east, north = transform_bounds("EPSG:4326", crs, *bounds)
    wanted = from_bounds(west - margin_m, south - margin_m, east + margin_m, north + margin_m, transform)
    rows = max(0, math.floor(wanted.row_off)), min(shape[0], math.ceil(wanted.row_off + wanted.height))
    columns = max(0, math.floor(wanted.col_off)), min(shape[1], math.ceil(wanted.col_off + wanted.width))
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        raise OSError("the file shows none of the ground")
    return Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])


def nearest(start: float, step: float, count: int, file_start: float, file_step: float) -> np.ndarray:
    """Index of the file pixel that each target centre lies in; a centre on an edge belongs to the pixel that
    starts there.

    Both axes run the same way (steps of equal sign). Exact in integers where all four lengths are whole
    millimetres; else a centre within a millionth of a pixel of an edge counts as on it.
    """
    lengths = np.array([start, step, file_start, file_step], np.float64) * 1000
    spread_over = np.rint(lengths)
    if np.abs(lengths - spread_over).max() < 1e-4:
        first, width, file_first, file_width = (int(value) for value in spread_over)
        twice = 2 * (first - file_first) + width * (2 * np.arange(count, dtype=np.int64) + 1)
        return twice // (2 * file_width) if file_width > 0 else (-twice) // (-2 * file_width)
    centres = (start + step * (np.arange(count) + 0.5) - file_start) / file_step
    return np.floor(np.round(centres, 6)).astype(np.int64)


def _inside(indices: np.ndarray, size: int) -> slice:
    """Slice of the (non-decreasing) indices that lie in a file of that many pixels."""
    return slice(int(np.searchsorted(indices, 0)), int(np.searchsorted(indices, size)))


def _pick(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """values[rows][:, columns], without copies where the indices are the pixels themselves."""
    if not _is_range(columns, values.shape[1]):
        values = values.take(columns, axis=1)
    if not _is_range(rows, values.shape[0]):
        values = values.take(rows, axis=0)
    return values


def _is_range(indices: np.ndarray, size: int) -> bool:
    return indices.size == size and bool((indices == np.arange(size)).all())


@functools.lru_cache(maxsize=64)
def _epsg_of_text(text: str) -> int | None:
    return rasterio.crs.CRS.from_string(text).to_epsg()


def epsg_of(crs: Any) -> int | None:
    """EPSG code of a file's CRS; None when it has none."""
    return _epsg_of_text(crs.to_wkt()) if crs else None


def _northing_shift(file_epsg: int | None, epsg: int | None) -> float | None:
    """Metres to add to a file's northings to be in the target CRS; None when more than that is needed."""
    if file_epsg is None or epsg is None:
        return None
    if file_epsg == epsg:
        return 0.0
    (hemisphere, zone), (target, target_zone) = divmod(file_epsg, 100), divmod(epsg, 100)
    if zone == target_zone and 1 <= zone <= 60 and _UTM_TWINS.get(hemisphere) == target:
        return _FALSE_NORTHING if target == 327 else -_FALSE_NORTHING
    return None


def _north_up(transform: Affine) -> bool:
    return bool(transform.b == 0 and transform.d == 0 and transform.a > 0 and transform.e < 0)
