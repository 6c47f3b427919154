"""Ground granted by period and in force at its end (SPDA chart 3)."""

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import OWNED_TYPES
from selvawatch.attribute.faces import Faces
from selvawatch.attribute.loss.loss_in_periods import NO_PERIOD, UNDATED
from selvawatch.attribute.periods import PeriodSet
from selvawatch.core.days import to_date
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN, Validity, validity
from selvawatch.tables.base import NO_DISTRICT, PublicForm, TableInputs, TableSpec, periods_of
from selvawatch.tables.rights_by_face import (
    NEVER,
    REGISTER,
    THREE,
    faces_of_rows,
    grants,
    need_faces,
    of_register,
)
from selvawatch.tables.single_rights import (
    OTHER_DISTRICTS,
    RIGHTS_N,
    joined_rows,
    nullable,
    refuse_area,
    shown_as,
)
from selvawatch.tables.wording.explanations import share_of

ALL_FACES = "all"
BEFORE, AFTER = "before", "after"
"""Periods of what was granted before the first one of a set, and after the last."""
OTHER_AREAS, OTHER_PERIODS = "other areas", "other periods"
"""Labels of rows that stand for several."""


def granted_by_period(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Ground granted in each period and in force at its end, per area and type (SPDA chart 3).

    Gross is the sum of the rights, net the ground under at least one. A right is granted once, on the ground
    that it had then, whatever its later versions; an application, and the title that it became, each in its
    type. It is dated by its first day in force, or by its application where that day is not known
    (`dated_by_application_n`), or by the snapshot that first shows it; only the first is in `ha_lo`.
    """
    faces = need_faces(inputs)
    periods = periods_of(inputs, options)
    register = inputs.register.rights
    named = set(register["name"][(register["type"] == "area").to_numpy()])
    areas = [options.area] if options.area else [*sorted(named), ALL_FACES]
    every = _FaceRows(faces_of_rows(inputs, faces, np.arange(len(register))))
    granted, dates = _FaceRows(_grants(inputs, faces, periods)), validity(register)
    seen = set(granted.rows["period"])
    names = [*periods.names, *(one for one in (BEFORE, AFTER, NO_PERIOD) if one in seen), UNDATED]
    records = []
    for area in areas:
        for kind in sorted(set(every.rows["type"])):
            standing, new = every.part(area, kind), granted.part(area, kind)
            for name in names:
                record = {
                    "area": area,
                    "type": kind,
                    "period": name,
                    **new.granted(new.rows["period"] == name),
                }
                day = _last_day(periods, name, inputs.pieces.today)
                records.append({**record, **_in_force(standing, dates, day)})
    table = pd.DataFrame(records, columns=[one.name for one in _GRANTED[:13]])
    table = with_changes(table, ["area", "type"], list(periods.names))
    sums = table[table["area"] != ALL_FACES].groupby(["type", "period"])["ha"].transform("sum")
    table["share"] = (table["ha"] / sums.where(sums > 0)).reindex(table.index)
    table["share_of"] = share_of("granted")
    table["period_set"] = periods.name
    return table.assign(**of_register(inputs))


def _grants(inputs: TableInputs, faces: Faces, periods: PeriodSet) -> pd.DataFrame:
    """Faces under each right when it was granted, with `sure`, `applied` and the `period` of its day."""
    granted = grants(inputs.register.rights)
    rows = faces_of_rows(inputs, faces, granted["right"].to_numpy(np.int64))
    rows = rows.merge(granted, on="right")
    return rows.assign(period=_names_of_days(rows["day"].to_numpy(np.int64), periods))


def _names_of_days(days: np.ndarray, periods: PeriodSet) -> np.ndarray:
    """What each day of a grant (int64; NEVER: not dated) lies in: a period, or what stands beside the set."""
    names = np.array([*periods.names, NO_PERIOD], object)[periods.index(days)]
    bounds = periods.bounds()
    names[days < bounds[0][0]] = BEFORE
    names[days >= bounds[-1][1]] = AFTER
    names[days == NEVER] = UNDATED
    return names


def _last_day(periods: PeriodSet, name: str, today: int) -> int | None:
    """The day at the end of a row, or today where that is earlier; None where the row has no end.

    None too where the row has not begun: of days that have not come nothing is known.
    """
    bounds = periods.bounds()
    if name == BEFORE:
        return min(bounds[0][0] - 1, today)
    if name == AFTER:
        return today if bounds[-1][1] <= today else None
    if name not in periods.names:
        return None
    start, end = bounds[periods.names.index(name)]
    return min(end - 1, today) if start <= today else None


def _in_force(standing: "_FaceRows", dates: Validity, day: int | None) -> dict[str, object]:
    """What was in force on a day; nothing where there is none."""
    if day is None:
        empty = dict.fromkeys(("ha_in_force", "ha_in_force_gross", "ha_in_force_unknown"), np.nan)
        return {**empty, "in_force_on": ""}
    right = standing.rows["right"].to_numpy(np.int64)
    state = dates.states(right, np.full(len(right), day, np.int64))
    return {
        "ha_in_force": standing.net(state != NOT_IN_FORCE),
        "ha_in_force_gross": standing.gross(state != NOT_IN_FORCE),
        "ha_in_force_unknown": standing.net(state == UNKNOWN),
        "in_force_on": to_date(day).isoformat(),
    }


def granted_by_period_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Ground granted by type, area and period, no row of so few rights that it told of single ones.

    Areas and periods are parts of all ground and time, so that rows of a type add up; what was in force at
    a period's end is left out, since the difference of two ends tells of the rights between them. What is
    joined is the same in every set of periods (`_with_cells`), so that tables of two sets differ by enough.
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
    rows = _grants(inputs, need_faces(inputs), periods)
    rows = _with_cells(inputs, rows)
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


def _with_cells(inputs: TableInputs, rows: pd.DataFrame) -> pd.DataFrame:
    """Grants of `_grants` with the `cell`, area and period, that each is shown in.

    Ground is cut by area and by the days that no set of periods cuts again; parts of a type with too few
    rights are put together until they have enough (`single_rights.shown_as`). A cell that has ground of
    these is shown with all others like it: every row of every set is made of parts with enough rights, and
    so is the difference of any two.
    """
    days = rows["day"].to_numpy(np.int64)
    area = rows["area"].where(rows["area"] != "", NO_DISTRICT)
    cuts = [area, rows["period"], *(_names_of_days(days, one) for one in inputs.periods.values())]
    rows = rows.assign(
        cell=["\n".join(cell) for cell in zip(*cuts[:2], strict=True)],
        part=["\n".join(part) for part in zip(*cuts, strict=True)],
    )
    shown = shown_as(rows, ["right_id"], inputs.least_rights, within="part")
    rows = rows.merge(shown, on=["type", "part"], how="left")
    joined = (
        (rows["shown_district"] == OTHER_DISTRICTS).groupby([rows["type"], rows["cell"]]).transform("any")
    )
    return rows.assign(cell=rows["cell"].mask(joined, OTHER_DISTRICTS))


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


class _FaceRows:
    """Faces under rows of the register, each face as often as rows lie over it."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self._ha = rows["ha"].to_numpy(np.float64)

    def part(self, area: str, kind: str) -> "_FaceRows":
        """The rows of a type, in an area of interest or everywhere."""
        here = (self.rows["type"] == kind) & ((area == ALL_FACES) | (self.rows["area"] == area))
        return _FaceRows(self.rows[here.to_numpy()].reset_index(drop=True))

    def net(self, kept: np.ndarray) -> float:
        """Ground under at least one of the rows kept, hectares."""
        first = np.unique(self.rows["face"].to_numpy(np.int64)[kept], return_index=True)[1]
        return float(self._ha[kept][first].sum())

    def gross(self, kept: np.ndarray) -> float:
        """Ground of the rights of the rows kept together, hectares: that of one right counts once."""
        return float(self.rows[kept].drop_duplicates(["face", "right_id"])["ha"].sum())

    def count(self, kept: np.ndarray) -> int:
        """Rights of the rows kept."""
        return int(self.rows["right_id"][kept].nunique())

    def granted(self, chosen: pd.Series) -> dict[str, object]:
        """What was granted by the rows kept: rights, and net and gross hectares."""
        kept = chosen.to_numpy(bool)
        sure, applied = (self.rows[name].to_numpy(bool) for name in ("sure", "applied"))
        return {
            "n": self.count(kept),
            "dated_by_application_n": self.count(kept & applied),
            "ha": self.net(kept),
            "ha_lo": self.net(kept & sure),
            "ha_hi": self.net(kept),
            "ha_gross": self.gross(kept),
        }


_GRANTED = columns(
    column("area", "text", "Area of interest, or all ground."),
    column("type", "text", "Type of right, by the codes of the register."),
    column("period", "text", "Period of the grant; before, after: of the set; no_period: between; undated."),
    column("n", "int", "Rights granted in the period."),
    column("dated_by_application_n", "int", "Of these, dated by application."),
    THREE,
    column("ha_gross", "float", "Sum of the rights granted.", unit="ha"),
    column("ha_in_force", "float", "Net ground in force at the period's end.", unit="ha", nullable=True),
    column(
        "ha_in_force_gross",
        "float",
        "Sum of the rights in force at the period's end, overlaps counted each time.",
        unit="ha",
        nullable=True,
    ),
    column(
        "ha_in_force_unknown",
        "float",
        "Of the ground in force, what is of unknown validity.",
        unit="ha",
        nullable=True,
    ),
    column(
        "in_force_on", "text", "Day of the period's end, or of today; empty: it has no end, or has not begun."
    ),
    column("ratio_prev", "float", "How many times the figure of the period before.", nullable=True),
    column(
        "pct_change_prev", "float", "Change against the period before, in percent.", unit="%", nullable=True
    ),
    column("share", "float", "Part of what `share_of` names, 0 to 1.", nullable=True),
    column("share_of", "text", "What the share is a share of."),
    column("period_set", "text", "Name of the set of periods in `aoi/periods.toml`, or year or month."),
    REGISTER,
)

SPECS = (
    TableSpec(
        name="granted_by_period",
        description="Ground granted by period, and in force at its end (SPDA chart 3): ha is net, granted.",
        build=granted_by_period,
        uses=("periods", "area"),
        of_types=OWNED_TYPES,
        columns=_GRANTED,
        public=PublicForm(
            build=granted_by_period_public,
            columns=columns(
                column(
                    "area", "text", "Area of interest; none: in none; other areas: of rows not shown alone."
                ),
                column("type", "text", "Type of right, by the codes of the register."),
                column(
                    "period",
                    "text",
                    "Period of the grant; before, after: of the set; no_period: between; undated.",
                ),
                RIGHTS_N,
                nullable(THREE),
                column("ha_gross", "float", "Sum of the rights granted.", unit="ha", nullable=True),
                column(
                    "period_set",
                    "text",
                    "Name of the set of periods in `aoi/periods.toml`, or year or month.",
                ),
                REGISTER,
            ),
        ),
        notes=("Cadastres delete extinguished titles over time: past rights are counted too few.",),
    ),
)
