"""Use case: a loss layer from elsewhere, on zones of the user's or on the site's register, as a file."""

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.attribute.any_loss import ADDED, attribute_layer, zone_outlines
from selvawatch.attribute.loss.loss_checks import (
    area_remarks,
    areas_of,
    dating_remarks,
    loss_outlines,
    outlying_remarks,
)
from selvawatch.attribute.loss.loss_days import DATINGS, DateFields, LossDays, days_of_loss
from selvawatch.attribute.loss_products import ENCODINGS, YEARLESS, Product, loss_cells, read_raster_loss
from selvawatch.core.area import Area
from selvawatch.core.days import day_numbers
from selvawatch.core.files import digest, file_digest
from selvawatch.core.hectares import hectares
from selvawatch.core.schema import Column, Table, Tier, column
from selvawatch.core.tables import RIGHTS
from selvawatch.errors import DamagedError, LayerError, StoreError
from selvawatch.provenance import code_digest, code_version
from selvawatch.register.archives import read_file
from selvawatch.register.dating.date_forms import LANDSAT_BEGAN
from selvawatch.register.raster_files import Bounds
from selvawatch.register.readers.isolated_reading import limits_for
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, Register, validity
from selvawatch.register.vector_files import Reading, Repair, check_file, split_layer
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import product_names, read_record
from selvawatch.write.formats.format_table import Content, format_for, write_rows
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import register_of_tier, release_attributed

ZONE_ADDED = {
    "zone_layer": "Layer of the zone; empty: outside all zones.",
    "overlap_ha": "Shared ground, equal-area hectares.",
    "attributed_ha": "Hectares of the loss that fall to this row.",
    "features": "Features of the loss with ground in this row.",
}
"""What the columns that the overlay adds hold, English; their labels stand in the catalogues."""
_SHAPEFILE = (".cpg", ".dbf", ".prj", ".shp", ".shx")
"""Files that decide what is read of a shapefile."""
SUMMED = ("overlap_ha", "attributed_ha")
"""Columns that sums by other columns hold, in hectares."""
_STATES = {IN_FORCE: "in_force", NOT_IN_FORCE: "not_in_force"}


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
class AttributionOptions:
    """How loss is attributed to zones, and for whom."""

    tier: Tier = Tier.PUBLIC
    by: tuple[str, ...] = ()
    """Columns of the result to sum over; empty: a row for each feature and zone."""
    near: shapely.Geometry | None = None
    """The site's ground and what lies near, WGS 84: loss beyond it is told; None: nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributedFile:
    """What was written."""

    path: Path
    rows: int
    features: int
    """Features of the loss."""
    outside_ha: float
    """Attributed hectares outside all zones."""
    total_ha: float
    """Hectares of the loss: by its area field, else by its ground."""
    remarks: tuple[str, ...] = ()
    """What a reader must know of the loss: what was assumed, counted or looks wrong, a line each."""
    repairs: tuple[Repair, ...] = ()
    """What was repaired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossProduct:
    """A loss layer as cells of a product, and what a reader must know of it."""

    product: Product
    """With the span it covers, and where it comes from."""
    cells: gpd.GeoDataFrame
    """CELLS, with `product` and `dating`."""
    remarks: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()


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


def attribute_file(
    loss: LossLayer,
    zones: Sequence[str] | Register,
    out: Path,
    *,
    crs: str,
    equal_area: CRS,
    options: AttributionOptions | None = None,
) -> AttributedFile:
    """Write one row for each loss feature and zone that share ground, and what lies outside all zones.

    Parameters
    ----------
    zones
        Vector files, as FILE[:layer], or a register: what the tier may be told of it (`register_of_tier`);
        where the loss is dated each row then says `zone_validity` on that day.
    out
        File in a format that attributions go out in (`write.formats.format_table`).

    Raises
    ------
    LayerError, TableError
        For a file that cannot be read or used, an unknown field or format; nothing is written then.
    """
    options = options or AttributionOptions()
    format_for(out.suffix, Content.ATTRIBUTION, out)
    features = loss.read(crs)
    lost = features.frame
    days = days_of_loss(lost, loss.dates, features.spans, where=loss.file) if loss.is_dated else None
    declared = areas_of(lost, loss.area_field, loss.file)
    register = register_of_tier(zones, options.tier) if isinstance(zones, Register) else None
    files = () if isinstance(zones, Register) else tuple(zones)
    layers, repairs = _zone_layers(files, register, crs, options.tier, loss.repair)
    result = attribute_layer(lost, layers, equal_area=equal_area, area_field=loss.area_field)
    if register is not None:
        result = _with_validity(result, register, days)
    ha = hectares(lost.geometry.to_numpy(), crs, equal_area)
    total_ha = float((ha if declared is None else declared).sum())
    outside_ha = float(result.loc[result["zone_layer"].isna(), "attributed_ha"].sum())
    remarks = [*features.remarks, *(days.remarks if days is not None else ())]
    remarks += _loss_remarks(loss, lost, declared, ha, options.near)
    if days is not None:
        remarks += dating_remarks(days.dating, ha if declared is None else declared)
    if options.by:
        result, more = _sums(result, options.by, total_ha)
        remarks += more
    table, rows = _typed(result)
    day = int(day_numbers(days.last).max(initial=0)) if days is not None else 0
    released = release_attributed(table, rows, options.tier, day, register=register)
    provenance = _provenance(loss, files, register) | {"by": " ".join(options.by)}
    write_rows(out, released, provenance, language("es"), Content.ATTRIBUTION)
    return AttributedFile(
        path=out,
        rows=len(result),
        features=len(lost),
        outside_ha=outside_ha,
        total_ha=total_ha,
        remarks=tuple(remarks),
        repairs=(*features.repairs, *repairs),
    )


def _loss_remarks(
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


def _sums(
    result: gpd.GeoDataFrame, by: tuple[str, ...], total_ha: float
) -> tuple[gpd.GeoDataFrame, list[str]]:
    """Hectares and features by columns of the result, and whether the rows may be added up."""
    known = [str(name) for name in result.columns if name not in ("geometry", "_feature", *SUMMED)]
    if strange := [name for name in by if name not in known]:
        raise LayerError("no such column to sum by", where="--by", got=strange, needed=f"of {known}")
    grouped = result.groupby(list(by), dropna=False, sort=True)
    sums = grouped[list(SUMMED)].sum()
    sums.insert(0, "features", grouped["_feature"].nunique())
    shapes = grouped["geometry"].apply(lambda part: shapely.union_all(part.to_numpy()))
    frame = gpd.GeoDataFrame(sums.reset_index(), geometry=shapes.to_numpy(), crs=result.crs)
    added_up = float(result["attributed_ha"].sum())
    if added_up <= total_ha * (1 + 1e-9):
        return frame, []
    return frame, [
        f"zones overlap: rows add up to {added_up:.2f} ha on {total_ha:.2f} ha of loss, and are not additive"
    ]


def _zone_layers(
    files: Sequence[str], register: Register | None, crs: str, tier: Tier, repair: bool
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Repair, ...]]:
    """Zones by layer: of the register where there is one, else of files, and what was repaired of those.

    Raises
    ------
    LayerError
        Where there are none, or they cannot be used.
    """
    if register is None:
        if not files:
            raise LayerError("no zones", do="name a file with --zones, or a site with layers in zones.toml")
        found: dict[str, gpd.GeoDataFrame] = {}
        repairs: list[Repair] = []
        for name, file in _named(files).items():
            zone = read_of_user(file, crs)
            outlines, mended = zone_outlines(zone, repair, name)
            found[name] = zone.set_geometry(gpd.GeoSeries(outlines, zone.index, crs=zone.crs))
            repairs += mended
        return found, tuple(repairs)
    layers = register_layers(register, tier)
    if not layers:
        raise LayerError(
            f"the site's register has no layer for the {tier.name.lower()} tier",
            do="take some in with `selvawatch zones fetch` or `zones import`, or give --zones",
        )
    return layers, ()


def loss_product(
    loss: LossLayer,
    product: Product,
    *,
    crs: str,
    equal_area: CRS,
    near: shapely.Geometry | None = None,
) -> LossProduct:
    """A loss layer as cells of a product, to be kept in the store and reported by `table --product`.

    near: the site's ground and what lies near, WGS 84.

    Raises
    ------
    LayerError
        For a file that cannot be read or used, or dates, areas or outlines that cannot.
    """
    features = loss.read(crs)
    lost = features.frame
    if not len(lost) and loss.dates.covers is None:
        raise LayerError(
            "there is no loss",
            where=loss.file,
            got="no features on the ground that was read",
            do="check the file and its CRS, or give --covers FROM TO where it was searched and nothing found",
        )
    days = days_of_loss(lost, loss.dates, features.spans, where=loss.file)
    covers = None if days.covers is None else (days.covers[0].isoformat(), days.covers[1].isoformat())
    cells = loss_cells(
        lost,
        product,
        days,
        equal_area=equal_area,
        area_field=loss.area_field,
        status=features.status,
    )
    counts = {
        f"{dating}_{name}": str(value)
        for dating in DATINGS
        for name, value in (
            ("n", int((cells["dating"] == dating).sum())),
            ("ha", f"{cells['ha'][cells['dating'] == dating].sum():.6f}"),
        )
    }
    ha = hectares(lost.geometry.to_numpy(), crs, equal_area)
    remarks = [
        *features.remarks,
        *days.remarks,
        *_loss_remarks(loss, lost, areas_of(lost, loss.area_field, loss.file), ha, near),
        *dating_remarks(cells["dating"].to_numpy(object), cells["ha"].to_numpy(np.float64)),
    ]
    source = {**_fields_read(loss, days), "covers_declared": "yes" if loss.dates.covers else "no", **counts}
    return LossProduct(
        product=replace(product, covers=covers, source=source),
        cells=cells,
        remarks=tuple(remarks),
        repairs=features.repairs,
    )


def _fields_read(loss: LossLayer, days: LossDays | None = None) -> dict[str, str]:
    """File, digest, fields and forms of a loss layer."""
    dates, raster = loss.dates, loss.raster
    return {
        "source_file": Path(loss.file).name,
        "source_sha256": _digest(loss.file),
        "area_field": loss.area_field,
        "date_field": dates.field,
        "date_end_field": dates.end_field,
        "date_form": dates.form if days is None else days.form,
        "stock_field": dates.stock_field,
        "stock_until": "" if dates.stock_until is None else dates.stock_until.isoformat(),
        "encoding": "" if raster is None else raster.encoding,
        "year": "" if raster is None or raster.year is None else str(raster.year),
    }


def check_new_product(store: Store, product: Product, *, replace: bool) -> None:
    """Refuse to keep a product under a name that is in use, before its loss is read.

    replace: whether the product of that name may be replaced; one of a version never by one of none.

    Raises
    ------
    StoreError
        When it may not.
    """
    if product.name not in product_names(store):
        return
    try:
        kept = read_record(store, product.name)
    except DamagedError:
        kept = None
    label = kept.label if kept is not None else f"{product.name}, damaged"
    if not replace:
        raise StoreError(
            "the store keeps a product of that name",
            where=store.products / product.name,
            got=label,
            do="give another name to --register-as, or replace it with --replace",
        )
    if kept is not None and kept.version and not product.version:
        raise StoreError(
            "a product of a version cannot be replaced by one of none",
            where=store.products / product.name,
            got=label,
            needed="--product-version",
        )


def register_layers(register: Register, tier: Tier) -> dict[str, gpd.GeoDataFrame]:
    """The register's layers as zones, with the columns that a tier may see and the position of each row."""
    names = [one.name for one in RIGHTS.columns if one.tier <= tier and one.dtype != "geometry"]
    frame = register.rights[[*names, "geometry"]].assign(_row=np.arange(len(register)))
    frame = frame[(frame["kind"] != "place").to_numpy()]
    return {str(layer): part.drop(columns="layer") for layer, part in frame.groupby("layer", sort=True)}


def _with_validity(result: gpd.GeoDataFrame, register: Register, days: LossDays | None) -> gpd.GeoDataFrame:
    """The rows with `zone_validity` on the days of loss instead of the register position.

    Where the validity is not the same on the first and on the last possible day it is unknown.
    """
    rows = result["zone__row"].to_numpy(np.float64)
    found = np.full(len(result), "", object)
    if days is not None:
        inside = ~np.isnan(rows)
        feature = result["_feature"].to_numpy(np.int64)[inside]
        right, dates = rows[inside].astype(np.int64), validity(register.rights)
        first = dates.states(right, day_numbers(days.first)[feature])
        last = dates.states(right, day_numbers(days.last)[feature])
        words = np.array([_STATES.get(int(state), "unknown") for state in first], object)
        dated = np.isin(days.dating[feature], ("day", "span"))
        found[inside] = np.where(dated & (first == last), words, "unknown")
    return result.assign(zone__row=found).rename(columns={"zone__row": "zone_validity"})


def _named(zones: Sequence[str]) -> dict[str, str]:
    """Files by the name of their layer, or of the file; doubled names get a number."""
    named: dict[str, str] = {}
    for file in zones:
        path, layer = split_layer(file)
        name = layer or path.stem
        unique, count = name, 2
        while unique in named:
            unique, count = f"{name}-{count}", count + 1
        named[unique] = file
    return named


def _provenance(loss: LossLayer, zones: Sequence[str], register: Register | None) -> dict[str, str]:
    """Files, digests and options of an attribution."""
    read = _fields_read(loss)
    provenance = {
        "columns": " ".join(ADDED),
        "loss": read.pop("source_file"),
        "loss_sha256": read.pop("source_sha256"),
        **read,
        "version": code_version(),
        "code_sha256": code_digest(),
    }
    for number, file in enumerate(zones, start=1):
        provenance |= {f"zones_{number}": Path(file).name, f"zones_{number}_sha256": _digest(file)}
    if register is not None:
        provenance |= {
            f"layer {state.entry.name}": f"{state.date} {state.sha256}"
            for state in register.layers
            if state.sha256
        }
        provenance["register_sha256"] = register.version
    return provenance


def _digest(file: str) -> str:
    """sha256 of a vector or raster file, of a shapefile that of all its parts; empty for what is no file."""
    path, _ = split_layer(file)
    if not path.is_file():
        return ""
    if path.suffix.lower() != ".shp":
        return file_digest(path)
    siblings = sorted(one for one in path.parent.iterdir() if one.stem == path.stem and one.is_file())
    parts = {one.suffix.lower(): file_digest(one) for one in siblings if one.suffix.lower() in _SHAPEFILE}
    return digest(parts)


def _typed(result: gpd.GeoDataFrame) -> tuple[Table, gpd.GeoDataFrame]:
    """The table that an attribution's columns make, and its rows: what is no number, date or text as text."""
    rows = result.drop(columns="_feature", errors="ignore")
    for name in rows.columns:
        plain = rows[name].dtype == object or (
            pd.api.types.is_bool_dtype(rows[name]) and rows[name].isna().any()
        )
        if name != "geometry" and plain:
            rows[name] = [_as_text(value) for value in rows[name].tolist()]
        elif isinstance(rows[name].dtype, pd.DatetimeTZDtype):
            rows[name] = rows[name].dt.tz_convert("UTC").dt.tz_localize(None)
    table = Table(
        name="attributed",
        description="Loss features by the zones they share ground with.",
        columns=tuple(_column(str(name), rows[name]) for name in rows.columns),
    )
    return table, rows


def _as_text(value: object) -> str | None:
    if value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT or value is pd.NA:
        return None
    return value if isinstance(value, str) else str(value)


def _column(name: str, values: pd.Series) -> Column:
    unit = "ha" if name in SUMMED else ""
    description = ZONE_ADDED.get(name, "As its layer has it.")
    if name == "geometry":
        return column(name, "geometry", "Shared ground.")
    if pd.api.types.is_datetime64_any_dtype(values):
        return column(name, "date", description, nullable=True)
    if pd.api.types.is_bool_dtype(values):
        return column(name, "bool", description)
    if pd.api.types.is_integer_dtype(values):
        return column(name, "int", description, nullable=True)
    if pd.api.types.is_float_dtype(values):
        return column(name, "float", description, nullable=True, unit=unit)
    return column(name, "text", description, nullable=True)
