"""Tables of hectares as people read them: a row for each step of a series, and shares."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from selvawatch.attribute.periods import PeriodSet, calendar
from selvawatch.attribute.rounding import largest_remainder
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.tables.base import (
    HECTARES,
    TableInputs,
    calendar_days,
    counted_pieces,
    coverage,
    district_of,
)

_NUMBERS = tuple(column.name for column in HECTARES)


def rendered(
    table: pd.DataFrame,
    *,
    within: Sequence[str],
    of: str,
    total_ha: pd.Series | float | None = None,
    additive: bool = True,
) -> pd.DataFrame:
    """The table with `share`, `share_pct` and `share_of`: parts of the whole of each `within` group.

    `total_ha` is the whole where rows do not add up to it (inclusive accounting); None: the sum of the rows.
    Shown shares of rows that add up are rounded by largest remainder, so that they add up to 100; a row
    without a number has none.
    """
    table = table.copy()
    group = table.groupby(list(within), dropna=False)["ha"] if within else None
    divisor: pd.Series | float
    if total_ha is not None:
        divisor = total_ha
    else:
        divisor = group.transform("sum") if group is not None else float(table["ha"].sum())
    total = np.broadcast_to(np.asarray(divisor, np.float64), len(table))
    share = np.full(len(table), np.nan)
    np.divide(np.asarray(table["ha"], np.float64), total, out=share, where=total > 0)
    table["share"] = share
    table["share_pct"] = np.round(share * 100, 0)
    if additive and len(table):
        table["share_pct"] = _shown(table["ha"]) if group is None else group.transform(_shown)
        table.loc[table["share"].isna(), "share_pct"] = np.nan
    table["share_of"] = of
    return table


def _shown(ha: pd.Series) -> pd.Series:
    shown = pd.Series(np.nan, ha.index)
    known = ha.notna()
    shown[known] = largest_remainder(ha[known].to_numpy())
    return shown


def with_every_step(
    table: pd.DataFrame,
    inputs: TableInputs,
    options: TableOptions,
    *,
    periods: PeriodSet | None = None,
) -> pd.DataFrame:
    """Added-up loss with a row for each step of its axes of time and area, and all that stands there already.

    A row that is added has 0, and no number where the days of its year or month were not watched. What the
    other columns say (a class, a cause) has its row at each step where it has one at any. Split by event
    the table stays as it is: an event is no series.

    Parameters
    ----------
    table
        What `base.added` gave.
    periods
        Periods of a column `period`; their days are judged by `base.with_watched`.
    """
    axes, bounds = _axes(table, inputs, options), _days_of_axes(table, inputs, periods)
    if "event_id" in table or not (axes or bounds):
        return table
    keys = [name for name in table.columns if name not in _NUMBERS]
    every = _days_together(bounds)
    for name, labels in axes.items():
        every = every.merge(pd.DataFrame({name: np.array(labels, object)}), how="cross")
    others = [name for name in keys if name not in every.columns]
    if others:
        every = every.merge(table[others].drop_duplicates(), how="cross")
    lacking = ~pd.MultiIndex.from_frame(every[keys]).isin(pd.MultiIndex.from_frame(table[keys]))
    more = every[lacking]
    if not len(more):
        return table
    numbers = [name for name in table.columns if name in _NUMBERS]
    unseen = _unwatched(more, inputs, {name: of for name, of in bounds.items() if name != "period"})
    more = more[keys].assign(**dict.fromkeys(numbers, 0.0))
    more.loc[unseen, numbers] = np.nan
    full = pd.concat([part for part in (table, more) if len(part)], ignore_index=True)[list(table.columns)]
    if "events_n" in full:
        full["events_n"] = full["events_n"].astype("Int64" if full["events_n"].isna().any() else "int64")
    return full.sort_values(keys, kind="stable", ignore_index=True)


def _axes(table: pd.DataFrame, inputs: TableInputs, options: TableOptions) -> dict[str, list[str]]:
    """Areas and districts by column of them; no district that the tier is not shown alone."""
    rights = inputs.register.rights
    steps = {}
    for name in ("area", "district"):
        if name in table.columns:
            named = rights["name"].fillna("?")[(rights["type"] == name).to_numpy()]
            steps[name] = sorted({*named, *table[name]})
    if "area" in steps and options.area:
        steps["area"] = [options.area]
    if "district" in steps and inputs.tier < Tier.PARTNER:
        seen = set(district_of(inputs, "district")[counted_pieces(inputs, options)])
        joined = seen - set(table["district"])
        steps["district"] = [name for name in steps["district"] if name not in joined]
    return steps


def _days_of_axes(
    table: pd.DataFrame, inputs: TableInputs, periods: PeriodSet | None
) -> dict[str, dict[str, tuple[int, int]]]:
    """First day and first day after of each step, by column of time and label."""
    sets = {"period": periods} if periods is not None else {}
    for name in ("month", "year"):
        if name in table.columns:
            sets[name] = calendar(name, *calendar_days(inputs), step=name)
    return {name: dict(zip(of.names, of.bounds(), strict=True)) for name, of in sets.items()}


def _days_together(bounds: Mapping[str, Mapping[str, tuple[int, int]]]) -> pd.DataFrame:
    """Every combination of steps of time that share a day; one row without columns where there are none."""
    found: list[tuple[dict[str, str], int, int]] = [({}, -(2**62), 2**62)]
    for name, steps in bounds.items():
        found = [
            ({**labels, name: label}, max(first, start), min(after, end))
            for labels, first, after in found
            for label, (start, end) in steps.items()
            if max(first, start) < min(after, end)
        ]
    return pd.DataFrame([labels for labels, _, _ in found], index=range(len(found)), dtype=object)


def _unwatched(
    rows: pd.DataFrame, inputs: TableInputs, bounds: Mapping[str, Mapping[str, tuple[int, int]]]
) -> np.ndarray:
    """Which rows have a year or month of which no day was watched; bool (row,)."""
    unseen = np.zeros(len(rows), bool)
    for name, steps in bounds.items():
        state = {label: coverage(inputs, *span) == "no" for label, span in steps.items()}
        unseen |= rows[name].map(state).to_numpy(bool)
    return unseen
