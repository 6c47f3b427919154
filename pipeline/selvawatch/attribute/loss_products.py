"""Loss from elsewhere as cells: vector or raster, each row with the product it comes from."""

import re
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import rasterio.features
import shapely
from pyproj import CRS

from selvawatch.core.hectares import hectares
from selvawatch.core.tables import CAUSES, CELLS
from selvawatch.errors import LayerError
from selvawatch.register.vector_files import polygons

ENCODINGS = ("hansen", "gfw-integrated", "mapbiomas-mining", "mask")
"""How a raster is read: year since 2000; confidence digit and days since 2014-12-31; class 30; not 0."""

_GFW_DAY_ZERO = np.datetime64("2014-12-31", "D")
_MAPBIOMAS_MINING = 30
_STATUS = {2: "provisional", 3: "confirmed", 4: "confirmed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Whose loss it is. Hectares of two products are never mixed in one series."""

    name: str
    version: str
    cause: str
    """`mining` for a product of mining, else `unknown`."""

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


def read_raster_loss(path: Path, *, crs: str, encoding: str, year: int | None = None) -> gpd.GeoDataFrame:
    """Patches of equal value of a raster (first band) as polygons in `crs`: value, status, first, last.

    `first` and `last` are the first and last day the loss may have happened on.

    Raises
    ------
    LayerError
        For an unreadable raster, no CRS, an unknown encoding, a `mapbiomas-mining` or `mask` raster without
        its `year`, or a value that the encoding does not know.
    """
    if encoding not in ENCODINGS:
        raise LayerError("unknown encoding", where=path, got=encoding or "none", needed=ENCODINGS)
    if encoding in ("mapbiomas-mining", "mask") and year is None:
        raise LayerError("the raster has no dates", where=path, do="give its year with --year")
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None:
                raise LayerError("the raster has no CRS", where=path, needed="a CRS in the file")
            values, transform, raster_crs = raster.read(1), raster.transform, raster.crs.to_wkt()
            nodata = raster.nodata
    except rasterio.errors.RasterioIOError as error:
        raise LayerError("the file cannot be read as a raster", where=path, got=error) from error
    values = np.asarray(values)
    loss = values == _MAPBIOMAS_MINING if encoding == "mapbiomas-mining" else values != 0
    if nodata is not None and not np.isnan(nodata):
        loss &= values != nodata
    codes, index = np.unique(values[loss], return_inverse=True)
    labels = np.zeros(values.shape, np.int32)
    labels[loss] = index + 1
    found = [
        (shapely.geometry.shape(shape), codes[int(label) - 1])
        for shape, label in rasterio.features.shapes(labels, loss, 4, transform)
    ]
    frame = _dated(np.array([code for _, code in found], np.int64), encoding, year, path)
    shapes = np.array([shape for shape, _ in found], object)
    return gpd.GeoDataFrame(frame, geometry=shapes, crs=raster_crs).to_crs(crs)


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
        status = np.array([_STATUS[int(one)] for one in confidence], object)
    else:
        years = codes + 2000 if encoding == "hansen" else np.full(len(codes), year or 0)
        if encoding == "hansen" and ((codes < 1) | (codes > 99)).any():
            raise LayerError(
                "a value is not of this encoding", where=path, got=int(codes.max()), needed="1-99"
            )
        start = (years - 1970).astype("datetime64[Y]")
        first, last = start.astype("datetime64[D]"), (start + 1).astype("datetime64[D]") - 1
    return pd.DataFrame(
        {
            "value": codes,
            "status": status,
            "first": first.astype("datetime64[ms]"),
            "last": last.astype("datetime64[ms]"),
        }
    )


def loss_cells(
    loss: gpd.GeoDataFrame,
    product: Product,
    *,
    equal_area: CRS,
    first: pd.Series | None = None,
    last: pd.Series | None = None,
    area_field: str = "",
) -> gpd.GeoDataFrame:
    """Loss features as CELLS rows with a column `product`: what `overlay.attribute` and the tables take.

    The onset is the middle of the days a feature may have been lost on; without dates there is none.
    Features without an area are left out.

    Raises
    ------
    LayerError
        For a missing `area_field`.
    """
    if area_field and area_field not in loss.columns:
        raise LayerError(
            "no such area field", where=product.name, got=area_field, needed=sorted(loss.columns)
        )
    shapes, _ = polygons(loss.geometry.to_numpy(), [str(one) for one in range(len(loss))])
    kept = np.array([one is not None for one in shapes], bool)
    empty = pd.Series(pd.NaT, loss.index, dtype="datetime64[ms]")
    low, high = (empty if one is None else one for one in (first, last))
    middle = (low + (high - low) / 2).dt.floor("D").astype("datetime64[ms]")
    ha = hectares(np.where(kept, shapes, shapely.Polygon()), str(loss.crs), equal_area)
    frame = pd.DataFrame(
        {
            "cell_id": [f"{product.name}:{index:07d}" for index in range(len(loss))],
            "event_id": [f"{product.name}:{index:07d}" for index in range(len(loss))],
            "status": loss["status"].to_numpy(object) if "status" in loss else "confirmed",
            "cause": product.cause,
            "mining_probability": 1.0 if product.cause == "mining" else 0.0,
            "onset": middle.to_numpy(),
            "onset_earliest": low.to_numpy(),
            "onset_latest": high.to_numpy(),
            "ha": pd.to_numeric(loss[area_field]).to_numpy(np.float64) if area_field else ha,
            "product": product.label,
        }
    )
    cells = gpd.GeoDataFrame(frame[kept], geometry=shapes[kept], crs=loss.crs).reset_index(drop=True)
    known = [one.name for one in CELLS.columns]
    return cells[[*[name for name in known if name != "geometry"], "product", "geometry"]]
