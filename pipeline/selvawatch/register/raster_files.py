"""Rasters that people hand in: plain files that hold their pixels themselves, read by windows."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from selvawatch.core.files import check_plain
from selvawatch.errors import LayerError

_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"MM\0+": "GTiff",
    b"EHFA": "HFA",
}
"""Formats that are read, by a file's first bytes: those that hold their pixels themselves. A VRT or the
description of a service leads to other files."""
_CACHE_MB = 64
"""Megabytes of blocks that GDAL keeps: what is read once need not stay."""
_NEEDED = "a plain file: GeoTIFF, or ERDAS Imagine"

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLimits:
    """The most that a raster may ask for; how many pixels it has in all is no reason to refuse it."""

    side_px: int = 1_000_000
    """Rows or columns; a granule of Hansen has 40,000."""
    bands: int = 1_000
    """Bands."""
    block_bytes: int = 256_000_000
    """Bytes of one block, which is unpacked as a whole: a strip or tile."""
    window_bytes: int = 1 << 25
    """Bytes of pixels that are held at a time."""
    total_px: int = 4_000_000_000
    """Pixels that are read in all, on the ground that is asked for."""


LIMITS = RasterLimits()


@contextmanager
def open_raster(path: Path, limits: RasterLimits | None = None) -> Iterator[Any]:
    """The open raster of a plain file with a CRS, its header within the limits.

    Raises
    ------
    LayerError
        When it is none, or one of its blocks cannot be read.
    """
    try:
        check_plain(path)
        with path.open("rb") as file:
            driver = _DRIVERS.get(file.read(4))
        if driver is None:
            raise LayerError(
                "the file cannot be read as a raster", where=path, got="another kind", needed=_NEEDED
            )
        with rasterio.Env(GDAL_CACHEMAX=_CACHE_MB), rasterio.open(path, driver=driver) as raster:
            _check_header(path, raster, limits or LIMITS)
            yield raster
    except (RasterioError, OSError, MemoryError) as error:
        raise LayerError(
            "the file cannot be read as a raster",
            where=path,
            got=getattr(error, "strerror", None) or str(error.__cause__ or error) or type(error).__name__,
            needed=_NEEDED,
        ) from error


def _check_header(path: Path, raster: Any, limits: RasterLimits) -> None:
    if raster.count > limits.bands or not raster.count:
        raise LayerError(
            "the raster has too many bands, or none", where=path, got=raster.count, needed=limits.bands
        )
    if max(raster.width, raster.height) > limits.side_px:
        raise LayerError(
            "the raster is too wide or too high",
            where=path,
            got=f"{raster.width} x {raster.height}",
            needed=f"at most {limits.side_px} pixels a side",
        )
    height, width = raster.block_shapes[0]
    bands = 1 if raster.interleaving is None or raster.interleaving.name == "band" else raster.count
    size = height * width * bands * np.dtype(raster.dtypes[0]).itemsize
    if size > limits.block_bytes:
        raise LayerError(
            "a block of the raster is too large to be unpacked",
            where=path,
            got=f"{width} x {height} pixels, {size} bytes",
            needed=f"at most {limits.block_bytes} bytes",
            do="write it in tiles: gdal_translate -co TILED=YES IN OUT",
        )
    if raster.crs is None:
        raise LayerError("the raster has no CRS", where=path, needed="a CRS in the file")


def windows_on(
    path: Path, raster: Any, extent: Bounds | None, crs: str, limits: RasterLimits | None = None
) -> list[Window]:
    """Windows of an open raster that cover a ground, or all of it, each of few bytes or of one block.

    They begin and end where blocks do, so that each is unpacked once; none: it shows none of the ground.

    extent: west, south, east, north in `crs`; None: all of the raster.

    Raises
    ------
    LayerError
        When the ground has more pixels than may be read.
    """
    limits = limits or LIMITS
    rows, columns = (0, raster.height), (0, raster.width)
    if extent is not None:
        west, south, east, north = transform_bounds(crs, raster.crs, *extent, densify_pts=21)
        corners = np.array([~raster.transform @ (x, y) for x in (west, east) for y in (south, north)])
        if not np.isfinite(corners).all():
            raise LayerError("the site's ground cannot be found in the raster", where=path, got=raster.crs)
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        rows = max(0, math.floor(top)), min(raster.height, math.ceil(bottom))
        columns = max(0, math.floor(left)), min(raster.width, math.ceil(right))
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return []
    total = (rows[1] - rows[0]) * (columns[1] - columns[0])
    if total > limits.total_px:
        raise LayerError(
            "the raster has too many pixels on the ground",
            where=path,
            got=total,
            needed=f"at most {limits.total_px}",
            do="cut it to the site's ground: gdal_translate -projwin",
        )
    most = limits.window_bytes // np.dtype(raster.dtypes[0]).itemsize
    if total <= most:
        return [Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])]
    height, width = raster.block_shapes[0]
    across = max(width, math.isqrt(most) // width * width)
    down = max(height, most // min(across, columns[1] - columns[0]) // height * height)
    return [
        Window(left, top, right - left, bottom - top)
        for top, bottom in _cut(*rows, down)
        for left, right in _cut(*columns, across)
    ]


def _cut(first: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Ranges between a first and an end that begin at multiples of a step."""
    begin = first
    while begin < end:
        until = min(end, (begin // step + 1) * step)
        yield begin, until
        begin = until
