"""Use case: a loss layer from elsewhere, on zones of the user's or on the site's register, as a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.attribute.loss.any_loss import ADDED, attribute_layer, zone_outlines
from selvawatch.attribute.loss.loss_checks import (
    areas_of,
    dating_remarks,
)
from selvawatch.attribute.loss.loss_days import days_of_loss
from selvawatch.attribute.loss.rights_together import with_rights_together
from selvawatch.core.days import day_numbers
from selvawatch.core.hectares import hectares
from selvawatch.core.schema import Column, Table, Tier, column
from selvawatch.core.tables import RIGHTS
from selvawatch.errors import LayerError
from selvawatch.provenance import code_digest, code_version
from selvawatch.register.dating.timelines import last_rows
from selvawatch.register.register import Register
from selvawatch.register.vector_files import Repair, split_layer
from selvawatch.steps.loss_layer import LossLayer, fields_read, loss_remarks, parts_digest, read_of_user
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

SUMMED = ("overlap_ha", "attributed_ha")
"""Columns that sums by other columns hold, in hectares."""


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
        where the loss is dated each row then says `zone_validity` on that day (`with_rights_together`).
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
    held = None if register is None else register_layers(register, options.tier, at_loss=days is not None)
    layers, repairs = _zone_layers(files, held, crs, options.tier, loss.repair)
    result = attribute_layer(lost, layers, equal_area=equal_area, area_field=loss.area_field)
    if register is not None:
        result = with_rights_together(result, register, days, equal_area, by_area=declared is not None)
    ha = hectares(lost.geometry.to_numpy(), crs, equal_area, points_alone=True)
    total_ha = float((ha if declared is None else declared).sum())
    outside_ha = float(result.loc[result["zone_layer"].isna(), "attributed_ha"].sum())
    remarks = [*features.remarks, *(days.remarks if days is not None else ())]
    remarks += loss_remarks(loss, lost, declared, ha, options.near)
    if days is not None:
        remarks += dating_remarks(days.dating, ha if declared is None else declared)
    if options.by:
        result, more = _sums(result, options.by, total_ha)
        remarks += more
    table, rows = _typed(result)
    day = int(day_numbers(days.last).max(initial=0)) if days is not None else 0
    released = release_attributed(table, rows, options.tier, day, register=register)
    provenance = _provenance(loss, files, register) | {"by": " ".join(options.by)}
    provenance |= {"crs": crs, "hectares_crs": equal_area.srs}
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
    files: Sequence[str], held: dict[str, gpd.GeoDataFrame] | None, crs: str, tier: Tier, repair: bool
) -> tuple[dict[str, gpd.GeoDataFrame], tuple[Repair, ...]]:
    """Zones by layer: those held by the register where there is one, else of files, and what was repaired.

    Raises
    ------
    LayerError
        Where there are none, or they cannot be used.
    """
    if held is None:
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
    if not held:
        raise LayerError(
            f"the site's register has no layer for the {tier.name.lower()} tier",
            do="take some in with `selvawatch zones fetch` or `zones import`, or give --zones",
        )
    return held, ()


def register_layers(register: Register, tier: Tier, *, at_loss: bool) -> dict[str, gpd.GeoDataFrame]:
    """The register's layers as zones, with the columns that a tier may see and the position of each row.

    at_loss: whether the loss is dated, so that any version of a right may have stood; else each right is
    there once, in its last state.
    """
    names = [one.name for one in RIGHTS.columns if one.tier <= tier and one.dtype != "geometry"]
    frame = register.rights[[*names, "geometry"]].assign(_row=np.arange(len(register)))
    last = np.isin(np.arange(len(register)), last_rows(register.rights))
    frame = frame[(frame["kind"] != "place").to_numpy() & (last | at_loss)]
    return {str(layer): part.drop(columns="layer") for layer, part in frame.groupby("layer", sort=True)}


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
    read = fields_read(loss)
    provenance = {
        "columns": " ".join(ADDED),
        "loss": read.pop("source_file"),
        "loss_sha256": read.pop("source_sha256"),
        **read,
        "version": code_version(),
        "code_sha256": code_digest(),
    }
    for number, file in enumerate(zones, start=1):
        provenance |= {f"zones_{number}": Path(file).name, f"zones_{number}_sha256": parts_digest(file)}
    if register is not None:
        provenance |= {
            f"layer {state.entry.name}": f"{state.date} {state.sha256}"
            for state in register.layers
            if state.sha256
        }
        provenance["register_sha256"] = register.version
    return provenance


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
