"""A loss layer from elsewhere: how it is read, what is odd about it, and where it comes from."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.loss.loss_checks import (
    area_remarks,
    loss_outlines,
    outlying_remarks,
)
from selvawatch.attribute.loss.loss_days import DateFields, LossDays
from selvawatch.attribute.loss_products import ENCODINGS, YEARLESS, read_raster_loss
from selvawatch.core.area import Area
from selvawatch.core.files import digest, file_digest
from selvawatch.errors import LayerError
from selvawatch.register.archives import read_file
from selvawatch.register.dating.date_forms import LANDSAT_BEGAN
from selvawatch.register.raster_files import Bounds
from selvawatch.register.readers.isolated_reading import limits_for
from selvawatch.register.register import Register
from selvawatch.register.vector_files import Reading, Repair, check_file, split_layer

_SHAPEFILE = (".cpg", ".dbf", ".prj", ".shp", ".shx")
"""Files that decide what is read of a shapefile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLoss:
    """How a raster of loss is read."""

    encoding: str
    """One of `attribute.loss_products.ENCODINGS`."""
    year: int | None = None
    """Year of the loss, for encodings without dates."""

    def __post_init__(self) -> None:
        """Refuse a year that no loss can be of, and one beside an encoding that has its own."""
        if self.year is None:
            return
        this_year = dt.datetime.now(dt.UTC).year
        if not LANDSAT_BEGAN.year <= self.year <= this_year:
            raise LayerError(
                "no year of loss",
                got=self.year,
                needed=f"{LANDSAT_BEGAN.year} to {this_year}",
                do="correct --year",
            )
        if self.encoding not in YEARLESS:
            raise LayerError(
                "the encoding has its own dates",
                got=f"--year {self.year}",
                needed=f"none with {self.encoding}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossFeatures:
    """A loss layer as read: valid polygons in the CRS of work."""

    frame: gpd.GeoDataFrame
    spans: tuple[pd.Series, pd.Series] | None = None
    """First and last day of each feature by the encoding of a raster."""
    status: pd.Series | None = None
    """Status of each feature by the encoding of a raster."""
    remarks: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLayer:
    """A loss layer from elsewhere, and how it is read."""

    file: str
    """A vector file, as FILE[:layer], or a GeoTIFF."""
    area_field: str = ""
    """Column with the hectares of each feature; empty: its ground is measured."""
    dates: DateFields = field(default_factory=DateFields)
    """Columns with the days of the loss, and how they are read."""
    raster: RasterLoss | None = None
    """How a GeoTIFF is read."""
    extent: Bounds | None = None
    """West, south, east, north in the CRS of work that a GeoTIFF is read in; None: all of it."""
    repair: bool = False
    """Whether invalid rings are repaired instead of refused."""

    @property
    def is_raster(self) -> bool:
        """Whether the file is a raster, by its suffix."""
        return Path(self.file).suffix.lower() in (".tif", ".tiff", ".img")

    @property
    def is_dated(self) -> bool:
        """Whether the layer says anything of when its loss happened."""
        dates = self.dates
        return self.raster is not None or bool(dates.field or dates.stock_field or dates.stock_until)

    def read(self, crs: str) -> LossFeatures:
        """The features of the loss in a CRS.

        Raises
        ------
        LayerError
            For a file that cannot be read or used, and options that are not for its kind.
        """
        if not self.is_raster:
            return self._vector(crs)
        if self.raster is None:
            raise LayerError(
                "the loss is a raster", where=self.file, do=f"say how it is read: --encoding {ENCODINGS}"
            )
        if self.area_field or self.dates.field or self.dates.stock_field:
            raise LayerError(
                "a raster has no columns",
                where=self.file,
                got=self.area_field or self.dates.field or self.dates.stock_field,
                do="leave --area-field, --date-field and --stock-field out: its --encoding says when",
            )
        frame = read_raster_loss(
            Path(self.file),
            crs=crs,
            encoding=self.raster.encoding,
            year=self.raster.year,
            extent=self.extent,
        )
        codes = sorted(set(frame["value"].tolist()))
        remarks = []
        if self.raster.encoding == "mask" and len(codes) > 1:
            shown = ", ".join(str(code) for code in codes[:5])
            remarks.append(f"the mask has {len(codes)} values, all counted as loss: {shown}")
        return LossFeatures(
            frame=frame,
            spans=(frame["first"], frame["last"]),
            status=frame["status"],
            remarks=tuple(remarks),
        )

    def _vector(self, crs: str) -> LossFeatures:
        if self.raster is not None:
            raise LayerError("the loss is no raster", where=self.file, do="leave --encoding and --year out")
        remarks: list[str] = []
        frame = read_of_user(self.file, crs, remarks)
        outlines, repairs = loss_outlines(frame, self.repair, self.file)
        return LossFeatures(
            frame=frame.set_geometry(gpd.GeoSeries(outlines, frame.index, crs=frame.crs)),
            remarks=tuple(remarks),
            repairs=repairs,
        )


def read_of_user(file: str, crs: str, remarks: list[str] | None = None) -> gpd.GeoDataFrame:
    """The features of a vector file of the user's, FILE[:layer], or of the one in an archive, in a CRS.

    remarks: what was put right or assumed is added here.

    Raises
    ------
    SelvawatchError
        For a file that cannot be read.
    """
    path, layer = split_layer(file)
    check_file(path)
    reading = Reading(limits=limits_for(path), remarks=[] if remarks is None else remarks)
    with tempfile.TemporaryDirectory(prefix="selvawatch-") as scratch:
        return read_file(path, layer or "", reading, Path(scratch), crs=crs)


def extent_of(areas: Sequence[Area], zones: Sequence[str] | Register, crs: str) -> Bounds:
    """West, south, east, north in a CRS of areas and of the zones that loss is held against.

    Loss elsewhere falls to no zone; a raster of a continent is read on this ground alone.
    """
    boxes = [area.projected(crs).bounds for area in areas]
    if isinstance(zones, Register):
        boxes.append(tuple(zones.rights.total_bounds))
    else:
        boxes += [tuple(read_of_user(file, crs).total_bounds) for file in zones]
    west, south, east, north = np.array([box for box in boxes if np.isfinite(box).all()]).T
    return float(west.min()), float(south.min()), float(east.max()), float(north.max())


def loss_remarks(
    loss: LossLayer,
    lost: gpd.GeoDataFrame,
    declared: np.ndarray | None,
    ha: np.ndarray,
    near: shapely.Geometry | None,
) -> list[str]:
    """What is odd about where the loss lies and how much of it there is.

    declared: hectares by its area field; ha: of its ground; both (features,).
    """
    if not len(lost):
        return [f"{loss.file}: no loss, on the ground that was read"]
    around = None if near is None else gpd.GeoSeries([near], crs="EPSG:4326").to_crs(lost.crs).iloc[0]
    return area_remarks(declared, ha, loss.area_field) + outlying_remarks(
        lost.geometry.to_numpy(), ha, around, lost.crs.name
    )


def fields_read(loss: LossLayer, days: LossDays | None = None) -> dict[str, str]:
    """File, digest, fields and forms of a loss layer."""
    dates, raster = loss.dates, loss.raster
    return {
        "source_file": Path(loss.file).name,
        "source_sha256": parts_digest(loss.file),
        "area_field": loss.area_field,
        "date_field": dates.field,
        "date_end_field": dates.end_field,
        "date_form": dates.form if days is None else days.form,
        "stock_field": dates.stock_field,
        "stock_until": "" if dates.stock_until is None else dates.stock_until.isoformat(),
        "encoding": "" if raster is None else raster.encoding,
        "year": "" if raster is None or raster.year is None else str(raster.year),
    }


def parts_digest(file: str) -> str:
    """sha256 of a vector or raster file, of a shapefile that of all its parts; empty for what is no file."""
    path, _ = split_layer(file)
    if not path.is_file():
        return ""
    if path.suffix.lower() != ".shp":
        return file_digest(path)
    siblings = sorted(one for one in path.parent.iterdir() if one.stem == path.stem and one.is_file())
    parts = {one.suffix.lower(): file_digest(one) for one in siblings if one.suffix.lower() in _SHAPEFILE}
    return digest(parts)
