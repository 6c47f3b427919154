"""Loss from elsewhere as cells: vector or raster, each row with the product it comes from."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio.features
import shapely
from pyproj import CRS
from rasterio.windows import Window

from selvawatch.attribute.loss.loss_checks import areas_of
from selvawatch.attribute.loss.loss_days import LossDays, listed_rows
from selvawatch.attribute.loss.pixel_outlines import in_raster, outlines_in_crs
from selvawatch.core.hectares import hectares
from selvawatch.core.tables import CAUSES, CELLS
from selvawatch.errors import LayerError
from selvawatch.register.raster_files import Bounds, open_raster, windows_on
from selvawatch.register.vector_files import polygons

ENCODINGS = ("hansen", "gfw-integrated", "mapbiomas-mining", "mask")
"""How a raster is read: year since 2000; confidence digit and days since 2014-12-31; class 30; not 0."""

YEARLESS = ("mapbiomas-mining", "mask")
"""Encodings without dates, whose year a person must give."""

_GFW_DAY_ZERO = np.datetime64("2014-12-31", "D")
_MAPBIOMAS_MINING = 30
_MOST_PATCHES = 1_000_000
"""Patches of a raster of loss that are held; the loss of 20 years on 85,000 km2 has about half as many."""
_VANISHING_HA = 1e-6
"""Least hectares of a feature that may not get lost on the grid of outlines."""
_STATUS = {2: "provisional", 3: "confirmed", 4: "confirmed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Whose loss it is. Hectares of two products are never mixed in one series."""

    name: str
    version: str
    cause: str
    """`mining` for a product of mining, else `unknown`."""
    covers: tuple[str, str] | None = None
    """First and last day that it covers, ISO; None: no day is known."""
    source: Mapping[str, str] = field(default_factory=dict)
    """File with its digest, fields, forms and counts: where it comes from, and how it was read."""

    def __post_init__(self) -> None:
        """Refuse a name that is no word, and a cause that no table knows."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", self.name):
            raise LayerError("not a product name", got=self.name, needed="lower-case letters, digits, . _ -")
        if self.cause not in CAUSES:
            raise LayerError("unknown cause", got=self.cause, needed=CAUSES)

    @property
    def label(self) -> str:
        """Name and version, as every row says it."""
        return f"{self.name} {self.version}".strip()


def read_raster_loss(
    path: Path, *, crs: str, encoding: str, year: int | None = None, extent: Bounds | None = None
) -> gpd.GeoDataFrame:
    """Patches of equal value of a raster (first band) as polygons in `crs`: value, status, first, last.

    `first` and `last` are the first and last day the loss may have happened on. A raster of more than 33
    megabytes on the ground is read by windows, at whose borders patches are cut. Patches that meet share
    every point of the edge between them, also in another CRS (see `loss.pixel_outlines`).

    extent: bounds in `crs` that are read; None: all of the raster.

    Raises
    ------
    LayerError
        For an unreadable raster, no CRS, an unknown encoding, a `mapbiomas-mining` or `mask` raster without
        its `year`, a value that the encoding does not know, or more patches than can be held.
    """
    if encoding not in ENCODINGS:
        raise LayerError("unknown encoding", where=path, got=encoding or "none", needed=ENCODINGS)
    if encoding in YEARLESS and year is None:
        raise LayerError("the raster has no dates", where=path, do="give its year with --year")
    codes: list[np.ndarray] = []
    shapes: list[np.ndarray] = []
    with open_raster(path) as raster:
        windows = windows_on(path, raster, extent, crs)
        count = 0
        for window in windows:
            values, loss = _loss_in(path, raster, window, encoding)
            if not loss.any():
                continue
            count += _most_patches(values, loss)
            if count > _MOST_PATCHES:
                raise LayerError(
                    "the raster holds too many patches of loss",
                    where=path,
                    got=f"more than {_MOST_PATCHES}",
                    do="check its --encoding, or cut it to the site's ground",
                )
            found, outlines = _patches(values, loss)
            codes.append(found)
            shapes.append(outlines_in_crs(in_raster(outlines, window), raster, crs))
    frame = _dated(np.concatenate([np.zeros(0, np.int64), *codes]), encoding, year, path)
    return gpd.GeoDataFrame(frame, geometry=np.concatenate([np.zeros(0, object), *shapes]), crs=crs)


def _loss_in(path: Path, raster: Any, window: Window, encoding: str) -> tuple[np.ndarray, np.ndarray]:
    """Values (y, x) of a window, whole numbers, and where they are loss; LayerError for those of no code."""
    values = np.asarray(raster.read(1, window=window))
    loss = values == _MAPBIOMAS_MINING if encoding == "mapbiomas-mining" else values != 0
    if raster.nodata is not None and not np.isnan(raster.nodata):
        loss &= values != raster.nodata
    if values.dtype.kind not in "iuf":
        raise LayerError("the raster holds no numbers", where=path, got=values.dtype, needed="whole codes")
    if values.dtype.kind == "f":
        loss &= ~np.isnan(values)
    lost = values[loss]
    if values.dtype.kind == "f" and not (np.isfinite(lost) & (lost == np.round(lost))).all():
        strange = lost[~(np.isfinite(lost) & (lost == np.round(lost)))]
        raise LayerError(
            "a value is not of this encoding", where=path, got=f"{strange[0]:g}", needed="whole codes"
        )
    if lost.size and lost.min() < 0:
        raise LayerError(
            "a value is not of this encoding",
            where=path,
            got=f"{lost.min():g}",
            needed="codes from 1 on",
            do="declare it as no data: gdal_edit -a_nodata, or correct --encoding",
        )
    if values.dtype.kind not in "iu" or values.dtype.itemsize > 4 or values.dtype == np.uint32:
        if lost.size and not (lost < 2**31).all():
            raise LayerError(
                "a value is not of this encoding", where=path, got=lost.max(), needed="whole codes"
            )
        values = np.where(loss, values, 0).astype(np.int32)
    return values, loss


def _most_patches(values: np.ndarray, loss: np.ndarray) -> int:
    """At most so many patches of equal value (4 neighbours) are there: pixels that differ from those above
    and left of them.
    """
    begins = loss.copy()
    begins[1:] &= (values[1:] != values[:-1]) | ~loss[:-1]
    begins[:, 1:] &= (values[:, 1:] != values[:, :-1]) | ~loss[:, :-1]
    return int(np.count_nonzero(begins))


def _patches(values: np.ndarray, loss: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Code (n,) int64 and outline (n,) of each patch of equal value, in (column, row)."""
    if loss.all() and (values == values[0, 0]).all():
        height, width = loss.shape
        return values[:1, 0].astype(np.int64), np.array([shapely.box(0, 0, width, height)], object)
    if values.dtype not in (np.uint8, np.int16, np.uint16, np.int32):
        values = values.astype(np.int32)
    found = [
        (shapely.geometry.shape(outline), int(code))
        for outline, code in rasterio.features.shapes(values, loss, 4)
    ]
    outlines = np.empty(len(found), object)
    outlines[:] = [outline for outline, _ in found]
    return np.array([code for _, code in found], np.int64), outlines


def _dated(codes: np.ndarray, encoding: str, year: int | None, path: Path) -> pd.DataFrame:
    status = np.full(len(codes), "confirmed", object)
    if encoding == "gfw-integrated":
        confidence, days = codes // 10_000, codes % 10_000
        if (bad := ~np.isin(confidence, list(_STATUS))).any():
            raise LayerError(
                "a value is not of this encoding",
                where=path,
                got=int(codes[bad][0]),
                needed="2, 3 or 4 and four digits of days since 2014-12-31",
            )
        first = last = _GFW_DAY_ZERO + days
        _check_days(first, codes, path)
        status = np.array([_STATUS[int(one)] for one in confidence], object)
    else:
        years = codes + 2000 if encoding == "hansen" else np.full(len(codes), year or 0)
        if encoding == "hansen" and ((codes < 1) | (codes > 99)).any():
            raise LayerError(
                "a value is not of this encoding", where=path, got=int(codes.max()), needed="1-99"
            )
        start = (years - 1970).astype("datetime64[Y]")
        first, last = start.astype("datetime64[D]"), (start + 1).astype("datetime64[D]") - 1
        _check_days(first, codes, path)
    return pd.DataFrame(
        {
            "value": codes,
            "status": status,
            "first": first.astype("datetime64[ms]"),
            "last": last.astype("datetime64[ms]"),
        }
    )


def _check_days(first: np.ndarray, codes: np.ndarray, path: Path) -> None:
    """Refuse codes whose days have not come yet."""
    future = first > np.datetime64(dt.datetime.now(dt.UTC).date())
    if future.any():
        raise LayerError(
            "a value is dated in the future",
            where=path,
            got=f"{int(codes[future][0])}, which would be {first[future][0]}",
            do="check --encoding and the values that mean no data",
        )


def loss_cells(
    loss: gpd.GeoDataFrame,
    product: Product,
    days: LossDays,
    *,
    equal_area: CRS,
    area_field: str = "",
    status: pd.Series | None = None,
) -> gpd.GeoDataFrame:
    """Loss features as CELLS rows with `product` and `dating`: what `overlay.attribute` and the tables take.

    Of the loss only outlines and the area field are read: its other columns are the user's. The onset is the
    middle of the days a feature may have been lost on; a stock and what is undated have none.

    Parameters
    ----------
    loss
        Valid polygons (see `loss_checks.loss_outlines`).
    status
        Status of each feature; None: all are confirmed.

    Raises
    ------
    LayerError
        For an area field that is missing or has a value that is no area.
    """
    declared = areas_of(loss, area_field, product.name)
    outlines = loss.geometry.to_numpy()
    measured = hectares(outlines, str(loss.crs), equal_area, points_alone=True)
    ha = measured if declared is None else declared
    shapes, _ = polygons(outlines, [str(row) for row in range(len(loss))])
    kept = np.array([shape is not None for shape in shapes], bool)
    if (ha[~kept] > _VANISHING_HA).any():
        rows = np.flatnonzero(~kept)
        raise LayerError(
            "features vanish on a grid of 1 mm",
            where=product.name,
            got=f"{len(rows)} of {len(loss)}, {listed_rows(rows)}",
            do="leave them out, or check the unit of their coordinates",
        )
    low, high = days.first, days.last
    middle = (low + (high - low) / 2).dt.floor("D").astype("datetime64[ms]")
    names = [f"{product.name}:{index:07d}" for index in range(len(loss))]
    frame = pd.DataFrame(
        {
            "cell_id": names,
            "event_id": names,
            "status": "confirmed" if status is None else status.to_numpy(object),
            "cause": product.cause,
            "mining_probability": 1.0 if product.cause == "mining" else 0.0,
            "onset": middle.to_numpy(),
            "onset_earliest": low.to_numpy(),
            "onset_latest": high.to_numpy(),
            "ha": ha,
            "product": product.label,
            "dating": days.dating,
        }
    )
    cells = gpd.GeoDataFrame(frame[kept], geometry=shapes[kept], crs=loss.crs).reset_index(drop=True)
    known = [column.name for column in CELLS.columns]
    return cells[[*[name for name in known if name != "geometry"], "product", "dating", "geometry"]]
