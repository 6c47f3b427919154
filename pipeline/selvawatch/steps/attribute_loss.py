"""Use case: a loss layer from elsewhere, on zones of the user's or on the site's register, as a file."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from selvawatch.attribute.any_loss import ADDED, attribute_layer
from selvawatch.attribute.loss_products import ENCODINGS, Product, loss_cells, read_raster_loss
from selvawatch.core.area import Area
from selvawatch.core.days import day_numbers
from selvawatch.core.files import digest, file_digest
from selvawatch.core.schema import Column, Table, Tier, column
from selvawatch.core.tables import RIGHTS
from selvawatch.errors import DamagedError, LayerError, StoreError
from selvawatch.provenance import code_digest, code_version
from selvawatch.register.archives import read_file
from selvawatch.register.layer_rows import date_spans
from selvawatch.register.raster_files import Bounds
from selvawatch.register.readers.isolated_reading import limits_for
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, Register, validity
from selvawatch.register.vector_files import Reading, check_file, split_layer
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import product_names, read_record
from selvawatch.write.formats.format_table import Content, format_for, write_rows
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import register_of_tier, release_attributed

ZONE_ADDED = {
    "zone_layer": "Layer of the zone; empty: outside all zones.",
    "overlap_ha": "Shared ground, equal-area hectares.",
    "attributed_ha": "Hectares of the loss that fall to this row.",
}
"""What the columns that the overlay adds hold, English; their labels stand in the catalogues."""
_SHAPEFILE = (".cpg", ".dbf", ".prj", ".shp", ".shx")
"""Files that decide what is read of a shapefile."""
_STATES = {IN_FORCE: "in_force", NOT_IN_FORCE: "not_in_force"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterLoss:
    """How a raster of loss is read."""

    encoding: str
    """One of `attribute.loss_products.ENCODINGS`."""
    year: int | None = None
    """Year of the loss, for encodings without dates."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLayer:
    """A loss layer from elsewhere, and how it is read."""

    file: str
    """A vector file, as FILE[:layer], or a GeoTIFF."""
    area_field: str = ""
    """Column with the hectares of each feature; empty: its ground is measured."""
    date_field: str = ""
    """Column with the date of the loss; empty: none, or that of a raster's encoding."""
    raster: RasterLoss | None = None
    """How a GeoTIFF is read."""
    extent: Bounds | None = None
    """West, south, east, north in the CRS of work that a GeoTIFF is read in; None: all of it."""

    @property
    def dates(self) -> str:
        """Column with the first possible date of the loss; empty: there is none."""
        return self.date_field or ("first" if self.raster is not None else "")

    def read(self, crs: str) -> gpd.GeoDataFrame:
        """The features of the loss in a CRS; LayerError for a file that cannot be read."""
        if Path(self.file).suffix.lower() not in (".tif", ".tiff"):
            return read_of_user(self.file, crs)
        if self.raster is None:
            raise LayerError(
                "the loss is a raster", where=self.file, do=f"say how it is read: --encoding {ENCODINGS}"
            )
        return read_raster_loss(
            Path(self.file),
            crs=crs,
            encoding=self.raster.encoding,
            year=self.raster.year,
            extent=self.extent,
        )


def read_of_user(file: str, crs: str) -> gpd.GeoDataFrame:
    """The features of a vector file of the user's, FILE[:layer], or of the one in an archive, in a CRS.

    Raises
    ------
    SelvawatchError
        For a file that cannot be read.
    """
    path, layer = split_layer(file)
    check_file(path)
    with tempfile.TemporaryDirectory(prefix="selvawatch-") as scratch:
        return read_file(path, layer or "", Reading(limits=limits_for(path)), Path(scratch), crs=crs)


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
    repair: bool = False,
    tier: Tier = Tier.PUBLIC,
) -> AttributedFile:
    """Write one row for each loss feature and zone that share ground, and what lies outside all zones.

    Parameters
    ----------
    zones
        Vector files, as FILE[:layer], or a register: what the tier may be told of it (`register_of_tier`);
        where the loss is dated each row then says `zone_validity` on that day.
    out
        File in a format that attributions go out in (`write.formats.format_table`).
    repair
        Mend invalid rings instead of refusing them.

    Raises
    ------
    LayerError, TableError
        For a file that cannot be read or used, an unknown field or format; nothing is written then.
    """
    format_for(out.suffix, Content.ATTRIBUTION, out)
    lost = loss.read(crs)
    days = _days(lost, loss.dates)
    register = register_of_tier(zones, tier) if isinstance(zones, Register) else None
    files = () if isinstance(zones, Register) else tuple(zones)
    layers = _zone_layers(files, register, crs, tier)
    attributed = partial(
        attribute_layer, lost, equal_area=equal_area, area_field=loss.area_field, repair=repair
    )
    result = attributed(layers)
    if register is not None:
        result = _with_validity(result, register, days)
    day = int(days.max(initial=0)) if days is not None else 0
    table, rows = _typed(result)
    released = release_attributed(table, rows, tier, day, register=register)
    provenance = _provenance(loss, files, register)
    write_rows(out, released, provenance, language("es"), Content.ATTRIBUTION)
    outside = result[result["zone_layer"].isna()]
    return AttributedFile(
        path=out,
        rows=len(result),
        features=len(lost),
        outside_ha=float(outside["attributed_ha"].sum()),
        total_ha=float(attributed({})["attributed_ha"].sum()),
    )


def _zone_layers(
    files: Sequence[str], register: Register | None, crs: str, tier: Tier
) -> dict[str, gpd.GeoDataFrame]:
    """Zones by layer: of the register where there is one, else of files; LayerError where there are none."""
    if register is None:
        if not files:
            raise LayerError("no zones", do="name a file with --zones, or a site with layers in zones.toml")
        return {name: read_of_user(file, crs) for name, file in _named(files).items()}
    layers = register_layers(register, tier)
    if not layers:
        raise LayerError(
            f"the site's register has no layer for the {tier.name.lower()} tier",
            do="take some in with `selvawatch zones fetch` or `zones import`, or give --zones",
        )
    return layers


def loss_product(loss: LossLayer, product: Product, *, crs: str, equal_area: CRS) -> gpd.GeoDataFrame:
    """A loss layer as cells of a product, to be kept in the store and reported by `table --product`."""
    lost = loss.read(crs)
    undrawn = lost.geometry.isna() | lost.geometry.is_empty
    if undrawn.any():
        raise LayerError(
            "features have no geometry", where=loss.file, got=f"{int(undrawn.sum())} of {len(lost)}"
        )
    if loss.date_field and loss.date_field not in lost.columns:
        raise LayerError(
            "no such date field", where=loss.file, got=loss.date_field, needed=f"one of {_fields(lost)}"
        )
    if loss.raster is not None and not loss.date_field:
        first, last = lost["first"], lost["last"]
    elif loss.date_field:
        first, last = date_spans(lost[loss.date_field])
    else:
        first = last = None
    return loss_cells(
        lost, product, equal_area=equal_area, first=first, last=last, area_field=loss.area_field
    )


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


def _fields(layer: gpd.GeoDataFrame) -> list[str]:
    return sorted(str(name) for name in layer.columns if name != "geometry")


def register_layers(register: Register, tier: Tier) -> dict[str, gpd.GeoDataFrame]:
    """The register's layers as zones, with the columns that a tier may see and the position of each row."""
    names = [one.name for one in RIGHTS.columns if one.tier <= tier and one.dtype != "geometry"]
    frame = register.rights[[*names, "geometry"]].assign(_row=np.arange(len(register)))
    frame = frame[(frame["kind"] != "place").to_numpy()]
    return {str(layer): part.drop(columns="layer") for layer, part in frame.groupby("layer", sort=True)}


def _with_validity(result: gpd.GeoDataFrame, register: Register, days: np.ndarray | None) -> gpd.GeoDataFrame:
    """The rows with `zone_validity` on the day of loss instead of the register position."""
    rows = result["zone__row"].to_numpy(np.float64)
    states = np.full(len(result), "", object)
    if days is not None:
        inside = ~np.isnan(rows)
        on = days[result["_feature"].to_numpy(np.int64)]
        found = validity(register.rights).states(rows[inside].astype(np.int64), on[inside])
        words = np.array([_STATES.get(int(state), "unknown") for state in found], object)
        states[inside] = np.where(on[inside] == 0, "unknown", words)
    return result.assign(zone__row=states).rename(columns={"zone__row": "zone_validity"})


def _days(lost: gpd.GeoDataFrame, date_field: str) -> np.ndarray | None:
    """Day of each feature (0 where missing); None without a date field."""
    if not date_field:
        return None
    if date_field not in lost.columns:
        raise LayerError("no such date field", where="loss", got=date_field, needed=f"one of {_fields(lost)}")
    first, last = date_spans(lost[date_field])
    if first.notna().sum() == 0 and len(first):
        raise LayerError(
            "the date field holds no dates",
            where="loss",
            got=f"{date_field}: {lost[date_field].iloc[0]!r}",
            needed="days, months or years as text, or milliseconds since 1970",
        )
    found = first + (last - first) / 2
    return day_numbers(found)


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
    provenance = {
        "area_field": loss.area_field,
        "columns": " ".join(ADDED),
        "date_field": loss.dates,
        "loss": Path(loss.file).name,
        "loss_sha256": _digest(loss.file),
        "version": code_version(),
        "code_sha256": code_digest(),
    }
    for number, file in enumerate(zones, start=1):
        provenance |= {f"zones_{number}": Path(file).name, f"zones_{number}_sha256": _digest(file)}
    if register is not None:
        provenance |= {f"layer {one.entry.name}": f"{one.date} {one.sha256}" for one in register.layers}
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
    """The table that an attribution's columns make, and its rows."""
    rows = result.drop(columns="_feature")
    table = Table(
        name="attributed",
        description="Loss features by the zones they share ground with.",
        columns=tuple(_column(str(name), rows[name]) for name in rows.columns),
    )
    return table, rows


def _column(name: str, values: pd.Series) -> Column:
    unit = "ha" if name in ("overlap_ha", "attributed_ha") else ""
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
