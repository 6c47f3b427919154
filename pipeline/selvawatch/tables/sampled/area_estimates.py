"""Error-adjusted area of loss by area of interest and year, from a reference sample in the map's classes."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.days import to_day
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import CI_METHODS, INTERVAL
from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.tables.base import (
    HECTARES,
    NO_DISTRICT,
    TableInputs,
    TableSpec,
    added,
    all_pieces,
    counted_pieces,
    coverage,
    dimension,
)
from selvawatch.tables.loss import WATCHED
from selvawatch.tables.rendering import with_every_step
from selvawatch.tables.rights_by_face import REGISTER, of_register
from selvawatch.tables.wording.explanations import reason
from selvawatch.validate.area_sample import STRATA, AreaSample
from selvawatch.validate.stratified import adjusted_area

_NOT_ESTIMATED, _STRATIFIED, _ = CI_METHODS
LEAST_UNITS = 30
"""Units that a stratum needs for an interval: with fewer the normal one does not fit (Cochran 1977)."""
_LEAST = 2
"""Units without which a stratum has no variance at all."""
_NEAR_M = 10.0
"""Metres by which coordinates of a unit may be rounded: the fourth decimal of a degree."""
_STRATUM_SHARE, _STRATUM_HA = 0.01, 0.1
"""Share, and hectares, by which a stratum may differ from the map that it was drawn from."""


def area_estimates(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by area of interest and year as mapped, and as a reference sample of the map's classes adjusts it.

    Whole strata alone: a single zone or right has no sample of its own. Without a sample, or with a stratum
    of too few units, the estimate is empty and `reason` says why.

    Raises
    ------
    TableError
        For a sample that was not drawn from this map: another area, year or class, a unit elsewhere, a
        stratum of other hectares or of fewer than two units; for a sample below the restricted tier, or of a
        measure that it does not tell.
    """
    table = _mapped(inputs, options)
    sample = inputs.sample
    estimates: dict[tuple[str, str], dict[str, object]] = {}
    if sample is not None:
        _check_use(inputs, options)
        _check_drawn(inputs, options, sample, table)
        for key in dict.fromkeys(zip(sample.area, sample.year, strict=True)):
            estimates[key] = _estimate(sample, *key)
    keys = list(zip(table["area"], table["year"], strict=True))
    records = [estimates.get(key, _empty(reason("no-sample"))) for key in keys]
    table = pd.concat([table, pd.DataFrame(records, index=table.index, columns=list(_empty("")))], axis=1)
    return table.assign(additive=False, **of_register(inputs))


def _mapped(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Mapped loss by area and year, a row for each of both; empty where the year was not watched."""
    split = replace(options, by=("area", "year"))
    table = with_every_step(added(inputs, split, all_pieces(inputs, split), []), inputs, split)
    of_year = table["year"].str.fullmatch(r"\d{4}").to_numpy(bool)
    table = table[of_year & (table["area"] != NO_DISTRICT).to_numpy()].reset_index(drop=True)
    state = {year: coverage(inputs, *_days(year)) for year in set(table["year"])}
    watched = table["year"].map(state).astype(object)
    return table[["area", "year", "ha", "ha_lo", "ha_hi"]].assign(watched=watched)


def _days(year: str) -> tuple[int, int]:
    """First day of a year, and the first day after."""
    return to_day(f"{year}-01-01"), to_day(f"{int(year) + 1}-01-01")


def _empty(why: str) -> dict[str, object]:
    """What a row without an estimate says."""
    return {
        "ha_estimated": np.nan,
        "standard_error": np.nan,
        "ha_ci_lo": np.nan,
        "ha_ci_hi": np.nan,
        "ci_method": _NOT_ESTIMATED,
        "users_accuracy": np.nan,
        "producers_accuracy": np.nan,
        "units_loss": 0,
        "units_no_loss": 0,
        "reason": why,
    }


def _estimate(sample: AreaSample, area: str, year: str) -> dict[str, object]:
    """The estimate of an area and year, or why it is empty."""
    of_stratum = (sample.area == area) & (sample.year == year)
    counts = [int((of_stratum & (sample.stratum == name)).sum()) for name in STRATA]
    units = {"units_loss": counts[0], "units_no_loss": counts[1]}
    if min(counts) < LEAST_UNITS:
        thin = counts[0] < LEAST_UNITS, counts[1] < LEAST_UNITS
        code = {(True, False): "few-loss", (False, True): "few-no-loss"}.get(thin, "few-both")
        numbers = {"loss": str(counts[0]), "rest": str(counts[1]), "needed": str(LEAST_UNITS)}
        return _empty(reason(code, numbers)) | units
    strata_ha = {name: sample.stratum_ha[area, year, name] for name in STRATA}
    found = adjusted_area(sample.stratum[of_stratum], sample.reference[of_stratum], strata_ha, STRATA[0])
    return units | {
        "ha_estimated": found.area.value,
        "standard_error": found.area.standard_error,
        "ha_ci_lo": found.low,
        "ha_ci_hi": found.high,
        "ci_method": _STRATIFIED,
        "users_accuracy": found.users_accuracy.value,
        "producers_accuracy": found.producers_accuracy.value,
        "reason": "",
    }


def _check_use(inputs: TableInputs, options: TableOptions) -> None:
    """Refuse a sample where strata are cut by a tier, or loss by its cause."""
    if inputs.tier is not Tier.RESTRICTED:
        raise TableError(
            "a sample tells of whole strata, with the ground that lower tiers do not know",
            got=f"--tier {inputs.tier.name.lower()}",
            needed="--tier restricted",
        )
    if options.measure != "loss_all":
        raise TableError("a sample tells loss, not its cause", got=options.measure, needed="loss_all")


@dataclass(frozen=True, slots=True)
class _Outline:
    """An area of interest as the register has it today."""

    geometry: shapely.Geometry
    ha: float


def _outlines(inputs: TableInputs) -> dict[str, _Outline]:
    rights = inputs.register.rights
    rows = rights[((rights["type"] == "area") & rights["recorded_to"].isna()).to_numpy()]
    return {
        str(row.label): _Outline(row.geometry, float(row.ha_here))
        for row in rows.rename(columns={"name": "label"}).itertuples()
    }


def _check_drawn(inputs: TableInputs, options: TableOptions, sample: AreaSample, table: pd.DataFrame) -> None:
    """Refuse a sample that was not drawn from this map."""
    outlines = _outlines(inputs)
    if strange := sorted(set(sample.area) - set(outlines)):
        raise TableError("the sample is of another area", got=strange, needed=sorted(outlines))
    watched = table[(table["watched"] != "no").to_numpy()]
    years = set(watched["year"])
    if strange := sorted(set(sample.year) - years):
        raise TableError("the sample is of a year that was not watched", got=strange, needed=sorted(years))
    transformer = Transformer.from_crs("EPSG:4326", inputs.pieces.frame.crs, always_xy=True)
    points = shapely.points(*transformer.transform(sample.lon, sample.lat))
    for name in dict.fromkeys(sample.area):
        of_area = np.flatnonzero(sample.area == name)
        away = shapely.distance(points[of_area], outlines[name].geometry) > _NEAR_M
        if away.any():
            first = of_area[away][0]
            raise TableError(
                "units lie outside their area",
                got=f"{int(away.sum())}, such as {sample.lon[first]:.5f}, {sample.lat[first]:.5f} of line"
                f" {first + 2}",
                needed=f"units of {name}",
            )
    mapped = table.set_index(["area", "year"])["ha"]
    for area, year in dict.fromkeys(zip(sample.area, sample.year, strict=True)):
        if options.area in ("", area):
            _check_strata(sample, area, year, float(mapped[area, year]), outlines[area].ha)
    _check_classes(inputs, options, sample, points)


def _check_strata(sample: AreaSample, area: str, year: str, mapped_ha: float, all_ha: float) -> None:
    """Refuse strata of other hectares than the map's, or with too few units for any variance."""
    where = f"{area} {year}"
    for name in STRATA:
        units = int(((sample.area == area) & (sample.year == year) & (sample.stratum == name)).sum())
        if units < _LEAST:
            raise TableError(
                "a stratum has too few units", where=where, got=f"{units} in `{name}`", needed="2"
            )
    loss_ha, other_ha = (sample.stratum_ha[area, year, name] for name in STRATA)
    if not abs(loss_ha - mapped_ha) <= _STRATUM_SHARE * mapped_ha + _STRATUM_HA:
        raise TableError(
            "the stratum `loss` is not that of this product",
            where=where,
            got=f"{loss_ha:.2f} ha",
            needed=f"{mapped_ha:.2f} ha, as mapped",
            do="draw a sample from this map, or name the product and version that it was drawn from",
        )
    if not abs(loss_ha + other_ha - all_ha) <= _STRATUM_SHARE * all_ha + _STRATUM_HA:
        raise TableError(
            "the strata are not their area",
            where=where,
            got=f"{loss_ha + other_ha:.2f} ha",
            needed=f"{all_ha:.2f}",
        )


def _check_classes(
    inputs: TableInputs, options: TableOptions, sample: AreaSample, points: np.ndarray
) -> None:
    """Refuse units that do not lie in the class of the map that their row names."""
    kept = counted_pieces(inputs, options) & (inputs.pieces.frame["status"] != "provisional").to_numpy()
    shapes = inputs.pieces.frame.geometry.to_numpy()[kept]
    label = dimension(inputs, "year")[kept]
    tree = shapely.STRtree(shapes)
    near = np.zeros(len(points), bool)
    unit, piece = tree.query(points, predicate="dwithin", distance=_NEAR_M)
    near[unit[label[piece] == sample.year[unit]]] = True
    deep = np.zeros(len(points), bool)
    unit, piece = tree.query(shapely.buffer(points, _NEAR_M, quad_segs=4), predicate="within")
    deep[unit[label[piece] == sample.year[unit]]] = True
    wrong = np.where(sample.stratum == STRATA[0], ~near, deep)
    if options.area:
        wrong &= sample.area == options.area
    if wrong.any():
        first = np.flatnonzero(wrong)[0]
        class_there = f"not in `{sample.stratum[first]}` of {sample.year[first]}"
        raise TableError(
            "units do not lie in the class of the map that they were drawn in",
            got=f"{int(wrong.sum())} of {len(sample)}, such as that of line {first + 2}, {class_there}",
            needed="a sample of this product, each unit in its stratum and year",
        )


SPECS = (
    TableSpec(
        name="area_estimates",
        description="Error-adjusted area of loss by area of interest and year, from a reference sample.",
        build=area_estimates,
        uses=("measure", "area"),
        columns=columns(
            column("area", "text", "Area of interest that the loss lies in; none: in none."),
            column("year", "text", "Calendar year of the loss, as YYYY."),
            WATCHED,
            HECTARES[:3],
            column(
                "ha_estimated",
                "float",
                "Loss as the reference sample tells it, errors of the map adjusted; empty: see `reason`.",
                unit="ha",
                nullable=True,
            ),
            column(
                "standard_error",
                "float",
                "Standard error of that estimate, by the sample's design.",
                unit="ha",
                nullable=True,
            ),
            INTERVAL,
            column("users_accuracy", "float", "Share of mapped loss that is loss, 0 to 1.", nullable=True),
            column("producers_accuracy", "float", "Share of loss that is mapped, 0 to 1.", nullable=True),
            column("units_loss", "int", "Units of the sample in mapped loss."),
            column("units_no_loss", "int", "Units of the sample in the rest of the area."),
            column("reason", "text", "Why the estimate is empty; empty: it is there."),
            column("additive", "bool", "Whether rows may be added up: estimates and intervals may not."),
            REGISTER,
        ),
        notes=("Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015",),
    ),
)
