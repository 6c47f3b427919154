"""A file of another CRS on the target's pixels: by GDAL, nearest, its blocks checked before."""

import math
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds

from selvawatch.sources.reading.tiff_blocks import Bytes, check_blocks

_MARGIN_PX = 2


def reproject(file: Any, data: Bytes, band: int, geobox: GeoBox, fill: float) -> np.ndarray:
    """Stored numbers of an open file on the geobox's pixels; fill outside the file and where it has no data.

    Raises
    ------
    OSError
        When a block that is needed is damaged.
    """
    window = _window(file, geobox)
    if window is not None:
        check_blocks(file, data, band, window)
    rows, columns = geobox.shape
    with WarpedVRT(
        file,
        crs=str(geobox.crs),
        transform=geobox.affine,
        height=rows,
        width=columns,
        resampling=Resampling.nearest,
        tolerance=1e-3,
        src_nodata=fill,
        nodata=fill,
    ) as warped:
        return np.asarray(warped.read(band))


def _window(file: Any, geobox: GeoBox) -> Window | None:
    """Pixels of a file around the geobox's ground; None where they share none or the file is not north-up."""
    if file.transform.b or file.transform.d:
        return None
    box = geobox.boundingbox
    bounds = transform_bounds(str(geobox.crs), file.crs, box.left, box.bottom, box.right, box.top)
    if not all(math.isfinite(value) for value in bounds):
        return None
    needed = from_bounds(*bounds, file.transform)
    top, left = math.floor(needed.row_off) - _MARGIN_PX, math.floor(needed.col_off) - _MARGIN_PX
    bottom = math.ceil(needed.row_off + needed.height) + _MARGIN_PX
    right = math.ceil(needed.col_off + needed.width) + _MARGIN_PX
    top, left, bottom, right = max(0, top), max(0, left), min(file.height, bottom), min(file.width, right)
    return Window(left, top, right - left, bottom - top) if top < bottom and left < right else None
