"""Ground granted by period and in force at its end (SPDA chart 3)."""

import numpy as np
import pandas as pd

from selvawatch.attribute.loss.loss_in_periods import NO_PERIOD
from selvawatch.core.days import day_numbers, to_date
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN, validity
from selvawatch.tables.base import NO_DISTRICT, PublicForm, TableInputs, TableSpec, periods_of
from selvawatch.tables.rights_by_face import NEVER, REGISTER, THREE, face_rights, need_faces, of_register
from selvawatch.tables.single_rights import RIGHTS_N, joined_rows, nullable, refuse_area

ALL_FACES = "all"
NO_DATE = "no_date"
OTHER_AREAS, OTHER_PERIODS = "other areas", "other periods"
"""Labels of rows that stand for several."""


def granted_by_period(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Ground granted in each period and in force at its end, per area and type (SPDA chart 3).

    Gross is the sum of the rights, net the ground under at least one. A right is dated by its first day in
    force, or by its application where that day is not known (`dated_by_application_n`; left out of `ha_lo`).
    """
    faces = need_faces(inputs)
    periods = periods_of(inputs, options)
    rows = face_rights(inputs, faces)
    rights = inputs.register.rights
    named = set(rights["name"][(rights["type"] == "area").to_numpy()])
    areas = [options.area] if options.area else [*sorted(named), ALL_FACES]
    kinds = sorted(set(rows["type"]))
    begun, asked = _granted(inputs)
    dates = validity(inputs.register.rights)
    rows["id"] = pd.factorize(rows["right_id"])[0]
    records = []
    for area in areas:
        inside = rows if area == ALL_FACES else rows[rows["area"] == area]
        for kind in kinds:
            part = inside[inside["type"] == kind]
            granted_faces = _GrantedFaces(part)
            for name, (start, end) in [*zip(periods.names, periods.bounds(), strict=True), (NO_DATE, (0, 0))]:
                day = min(end - 1, inputs.pieces.today)
                days = begun[granted_faces.right]
                granted = days == NEVER if name == NO_DATE else (start <= days) & (days < end)
                last = np.full(len(part), day, np.int64)
                state = (
                    dates.states(granted_faces.right, last)
                    if name != NO_DATE
                    else np.zeros(len(part), np.int8)
                )
                live = state != NOT_IN_FORCE
                applied = asked[granted_faces.right]
                records.append(
                    {
                        "area": area,
                        "type": kind,
                        "period": name,
                        "n": granted_faces.count(granted),
                        "dated_by_application_n": granted_faces.count(granted & applied),
                        "ha": granted_faces.net(granted),
                        "ha_lo": granted_faces.net(granted & ~applied),
                        "ha_hi": granted_faces.net(granted),
                        "ha_gross": float(granted_faces.ha[granted].sum()),
                        "ha_in_force": granted_faces.net(live),
                        "ha_in_force_gross": float(granted_faces.ha[live].sum()),
                        "ha_in_force_unknown": granted_faces.net(state == UNKNOWN),
                        "in_force_on": "" if name == NO_DATE else to_date(day).isoformat(),
                    }
                )
    table = pd.DataFrame(records, columns=[one.name for one in _GRANTED[:13]])
    table = with_changes(table, ["area", "type"], list(periods.names))
    sums = table[table["area"] != ALL_FACES].groupby(["type", "period"])["ha"].transform("sum")
    table["share"] = (table["ha"] / sums.where(sums > 0)).reindex(table.index)
    table["share_of"] = "net hectares granted of the type in the period, in the areas listed here together"
    table["period_set"] = periods.name
    return table.assign(**of_register(inputs))


def granted_by_period_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Ground granted by type, area and period, no row of so few rights that it told of single ones.

    Areas and periods are parts of all ground and time, so that rows of a type add up; what was in force at
    a period's end is left out, since the difference of two ends tells of the rights between them.
    """
    refuse_area(options, "granted_by_period")
    if options.periods in ("year", "month"):
        raise TableError(
            "this table is not cut to years or months below the partner tier",
            where="table granted_by_period",
            got=options.periods,
            needed=sorted(inputs.periods),
            do="name a set of periods, or ask with --tier partner",
        )
    periods = periods_of(inputs, options)
    rows = face_rights(inputs, need_faces(inputs))
    days = _granted(inputs)[0][rows["right"].to_numpy()]
    spans = [*periods.bounds(), (NEVER, NEVER + 1)]
    index = np.full(len(rows), -1)
    for number, (start, end) in enumerate(spans):
        index[(start <= days) & (days < end)] = number
    names = np.array([*periods.names, NO_DATE, NO_PERIOD], object)
    area = rows["area"].where(rows["area"] != "", NO_DISTRICT)
    rows = rows.assign(cell=[f"{one}\n{names[at]}" for one, at in zip(area, index, strict=True)])
    net = rows.drop_duplicates(["type", "cell", "face"]).groupby(["type", "cell"])["ha"].sum()
    gross = rows.groupby(["type", "cell"])["ha"].sum()
    values = pd.DataFrame({"ha": net, "ha_lo": net, "ha_hi": net, "ha_gross": gross}).reset_index()
    counted = {"rights_n": "right_id"}
    table = joined_rows(rows, values, counted, inputs.least_rights, within="cell")
    cells = [str(cell).split("\n") for cell in table.pop("cell")]
    joined = [(OTHER_AREAS, OTHER_PERIODS) if len(cell) == 1 else (cell[0], cell[1]) for cell in cells]
    table.insert(0, "area", np.array([area for area, _ in joined], object))
    table.insert(2, "period", np.array([period for _, period in joined], object))
    return table.assign(period_set=periods.name, **of_register(inputs))


def with_changes(table: pd.DataFrame, groups: list[str], order: list[str]) -> pd.DataFrame:
    """The table with `ratio_prev` (3.3 means 3.3 times) and `pct_change_prev` (then +230 %) of `ha`.

    Against the period before in `order`; empty for the first, after zero hectares, and outside the order.
    """
    table = table.copy()
    position = table["period"].map({name: index for index, name in enumerate(order)})
    before = table.assign(_place=position + 1)[[*groups, "_place", "ha"]].dropna(subset="_place")
    merged = table.assign(_place=position).merge(
        before, on=[*groups, "_place"], how="left", suffixes=("", "_prev")
    )
    previous = merged["ha_prev"].where(merged["ha_prev"] > 0).to_numpy()
    table["ratio_prev"] = table["ha"].to_numpy() / previous
    table["pct_change_prev"] = (table["ratio_prev"] - 1) * 100
    return table


class _GrantedFaces:
    """Faces under rights of one type, each face as often as rights lie over it."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.right = rows["right"].to_numpy(np.int64)
        self.ha = rows["ha"].to_numpy(np.float64)
        self._face = rows["face"].to_numpy(np.int64)
        self._id = rows["id"].to_numpy(np.int64)

    def net(self, kept: np.ndarray) -> float:
        """Ground under at least one of the rows kept, hectares."""
        first = np.unique(self._face[kept], return_index=True)[1]
        return float(self.ha[kept][first].sum())

    def count(self, kept: np.ndarray) -> int:
        """Rights of the rows kept."""
        return len(np.unique(self._id[kept]))


def _granted(inputs: TableInputs) -> tuple[np.ndarray, np.ndarray]:
    """Day each row was granted (far away where unknown), and whether that is the day of its application."""
    rights = inputs.register.rights
    valid = day_numbers(rights["valid_from"], NEVER)
    applied = day_numbers(rights["applied_on"], NEVER)
    application = (rights["type"] == "mining_application").to_numpy()
    by_application = ((valid == NEVER) | ((valid == applied) & ~application)) & (applied < NEVER)
    return np.where(valid == NEVER, applied, valid), by_application


_GRANTED = columns(
    column("area", "text", "Area of interest, or all ground."),
    column("type", "text", "Type of right."),
    column("period", "text", "Period of the grant; no_date: not dated."),
    column("n", "int", "Rights granted in the period."),
    column("dated_by_application_n", "int", "Of these, dated by application."),
    THREE,
    column("ha_gross", "float", "Sum of the rights granted.", unit="ha"),
    column("ha_in_force", "float", "Net ground in force at the period's end.", unit="ha"),
    column("ha_in_force_gross", "float", "The same, gross.", unit="ha"),
    column("ha_in_force_unknown", "float", "Of it, of unknown validity.", unit="ha"),
    column("in_force_on", "text", "Day of the period's end, or of today."),
    column("ratio_prev", "float", "Times the period before.", nullable=True),
    column("pct_change_prev", "float", "Change in percent.", unit="%", nullable=True),
    column("share", "float", "Part of `share_of`.", nullable=True),
    column("share_of", "text", "What the share is a share of."),
    column("period_set", "text", "Set of periods."),
    REGISTER,
)

SPECS = (
    TableSpec(
        name="granted_by_period",
        description="Ground granted by period, and in force at its end (SPDA chart 3): ha is net, granted.",
        build=granted_by_period,
        uses=("periods", "area"),
        columns=_GRANTED,
        public=PublicForm(
            build=granted_by_period_public,
            columns=columns(
                column(
                    "area", "text", "Area of interest; none: in none; other areas: of rows not shown alone."
                ),
                column("type", "text", "Type of right."),
                column("period", "text", "Period of the grant; no_date: not dated."),
                RIGHTS_N,
                nullable(THREE),
                column("ha_gross", "float", "Sum of the rights granted.", unit="ha", nullable=True),
                column("period_set", "text", "Set of periods."),
                REGISTER,
            ),
        ),
        notes=("Cadastres delete extinguished titles over time: past rights are counted too few.",),
    ),
)
