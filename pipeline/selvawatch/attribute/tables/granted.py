"""Ground granted by period and in force at its end (SPDA chart 3)."""

import numpy as np
import pandas as pd

from selvawatch.attribute.register import NOT_IN_FORCE, UNKNOWN, day_numbers, validity
from selvawatch.attribute.tables.base import Inputs, Options, TableSpec, periods_of
from selvawatch.attribute.tables.ground import NEVER, REGISTER, THREE, face_rights, need_faces, of_register
from selvawatch.core.days import to_date
from selvawatch.core.table import column, columns

ALL_GROUND = "all"
NO_DATE = "no_date"


def granted_by_period(inputs: Inputs, options: Options) -> pd.DataFrame:
    """Ground granted in each period and in force at its end, per area and type (SPDA chart 3).

    Gross is the sum of the rights, net the ground under at least one. A right is dated by its first day in
    force, or by its application where that day is not known (`dated_by_application_n`; left out of `ha_lo`).
    """
    faces = need_faces(inputs)
    periods = periods_of(inputs, options)
    rows = face_rights(inputs, faces)
    rights = inputs.register.rights
    begun, asked = _granted(inputs)
    dates = validity(rights)
    right = rows["right"].to_numpy()
    bounds = [*periods.bounds()]
    records = []
    areas = [options.area] if options.area else [*sorted(set(rows["area"]) - {""}), ALL_GROUND]
    for area in areas:
        inside = np.ones(len(rows), bool) if area == ALL_GROUND else (rows["area"] == area).to_numpy()
        for kind in sorted(set(rows["type"][inside])):
            mine = inside & (rows["type"] == kind).to_numpy()
            for name, (start, end) in [*zip(periods.names, bounds, strict=True), (NO_DATE, (0, 0))]:
                day = min(end - 1, inputs.pieces.today)
                in_period = (begun[right] == NEVER) if name == NO_DATE else _between(begun[right], start, end)
                granted = mine & in_period
                last = np.full(len(rows), day, np.int64)
                state = dates.states(right, last) if name != NO_DATE else np.zeros(len(rows), np.int8)
                live = mine & (state != NOT_IN_FORCE)
                records.append(
                    {
                        "area": area,
                        "type": kind,
                        "period": name,
                        "n": int(rows["right_id"][granted].nunique()),
                        "dated_by_application_n": int(rows["right_id"][granted & asked[right]].nunique()),
                        "ha": _net(rows, granted),
                        "ha_lo": _net(rows, granted & ~asked[right]),
                        "ha_hi": _net(rows, granted),
                        "ha_gross": float(rows["ha"][granted].sum()),
                        "ha_in_force": _net(rows, live),
                        "ha_in_force_gross": float(rows["ha"][live].sum()),
                        "ha_in_force_unknown": _net(rows, mine & (state == UNKNOWN)),
                        "in_force_on": "" if name == NO_DATE else to_date(day).isoformat(),
                    }
                )
    table = pd.DataFrame(records, columns=[one.name for one in _GRANTED[:13]])
    table = with_changes(table, ["area", "type"], list(periods.names))
    sums = table[table["area"] != ALL_GROUND].groupby(["type", "period"])["ha"].transform("sum")
    table["share"] = (table["ha"] / sums.where(sums > 0)).reindex(table.index)
    table["share_of"] = "net hectares granted of the type in the period, in the areas listed here together"
    table["period_set"] = periods.name
    return table.assign(**of_register(inputs))


def with_changes(table: pd.DataFrame, groups: list[str], order: list[str]) -> pd.DataFrame:
    """The table with `ratio_prev` (3.3 means 3.3 times) and `pct_change_prev` (then +230 %) of `ha`.

    Against the period before in `order`; empty for the first, after zero hectares, and outside the order.
    """
    table = table.copy()
    place = table["period"].map({name: index for index, name in enumerate(order)})
    before = table.assign(_place=place + 1)[[*groups, "_place", "ha"]].dropna(subset="_place")
    merged = table.assign(_place=place).merge(
        before, on=[*groups, "_place"], how="left", suffixes=("", "_prev")
    )
    previous = merged["ha_prev"].where(merged["ha_prev"] > 0).to_numpy()
    table["ratio_prev"] = table["ha"].to_numpy() / previous
    table["pct_change_prev"] = (table["ratio_prev"] - 1) * 100
    return table


def _between(days: np.ndarray, start: int, end: int) -> np.ndarray:
    return (start <= days) & (days < end)


def _net(rows: pd.DataFrame, kept: np.ndarray) -> float:
    """Ground under at least one of the rows kept."""
    return float(rows[kept].drop_duplicates("face")["ha"].sum())


def _granted(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """Day each row was granted (far away where unknown), and whether that is the day of its application."""
    rights = inputs.register.rights
    valid = day_numbers(rights["valid_from"], NEVER)
    applied = day_numbers(rights["applied_on"], NEVER)
    application = (rights["type"] == "mining_application").to_numpy()
    by_application = ((valid == NEVER) | ((valid == applied) & ~application)) & (applied < NEVER)
    return np.where(valid == NEVER, applied, valid), by_application


_GRANTED = columns(
    column("area", "text", "Area of interest, or all ground.", "Área de interés"),
    column("type", "text", "Type of right.", "Tipo"),
    column("period", "text", "Period of the grant; no_date: not dated.", "Periodo"),
    column("n", "int", "Rights granted in the period.", "Derechos"),
    column("dated_by_application_n", "int", "Of these, dated by application.", "Fechados por solicitud"),
    THREE,
    column("ha_gross", "float", "Sum of the rights granted.", "Área bruta", unit="ha"),
    column("ha_in_force", "float", "Net ground in force at the period's end.", "Área vigente", unit="ha"),
    column("ha_in_force_gross", "float", "The same, gross.", "Área vigente bruta", unit="ha"),
    column("ha_in_force_unknown", "float", "Of it, of unknown validity.", "Vigencia desconocida", unit="ha"),
    column("in_force_on", "text", "Day of the period's end, or of today.", "Vigente al"),
    column("ratio_prev", "float", "Times the period before.", "Razón", nullable=True),
    column("pct_change_prev", "float", "Change in percent.", "Cambio", unit="%", nullable=True),
    column("share", "float", "Part of `share_of`.", "Proporción", nullable=True),
    column("share_of", "text", "What the share is a share of.", "Proporción de"),
    column("period_set", "text", "Set of periods.", "Conjunto de periodos"),
    REGISTER,
)

SPECS = (
    TableSpec(
        name="granted_by_period",
        description="Ground granted by period, and in force at its end (SPDA chart 3): ha is net, granted.",
        title_es="Área concesionada por periodo",
        build=granted_by_period,
        columns=_GRANTED,
        notes=("Cadastres delete extinguished titles over time: past rights are counted too few.",),
    ),
)
