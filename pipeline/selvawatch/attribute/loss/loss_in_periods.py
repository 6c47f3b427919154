"""In which period a loss lies by its possible days: surely, perhaps, across several, or in none."""

import numpy as np
import pandas as pd

from selvawatch.attribute.periods import PeriodSet, calendar
from selvawatch.core.days import NO_DAY, day_numbers

NO_PERIOD = "no_period"
"""Dated, in no period of the set."""
ACROSS = "across"
"""Within a span of days that no single period holds."""
STOCK = "stock"
"""Lost by a day: no loss of any period."""
UNDATED = "undated"
"""Without a date."""
BESIDE_PERIODS = (NO_PERIOD, ACROSS, UNDATED, STOCK)
"""What stands where a period does, in the order of rows."""


def dating_of(frame: pd.DataFrame) -> np.ndarray:
    """How each row of loss is dated: day, span, stock or undated (see `loss_days.DATINGS`), text (rows,).

    Our own detections have the day of their pixels; cells of older products are spans where their days are
    apart.
    """
    if "dating" in frame.columns:
        return frame["dating"].to_numpy(object)
    dating = np.where(frame["onset"].isna(), "undated", "day").astype(object)
    if "product" in frame.columns:
        apart = (frame["onset_earliest"] < frame["onset_latest"]).to_numpy()
        dating[apart & (dating == "day")] = "span"
    return dating


def possible_days(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """First and last possible day of each row of loss, int64 (rows,); `NO_DAY` where undated."""
    onset = day_numbers(frame["onset"])
    first, last = day_numbers(frame["onset_earliest"]), day_numbers(frame["onset_latest"])
    first = np.where(first == NO_DAY, onset, np.minimum(first, onset))
    last = np.where(last == NO_DAY, onset, np.maximum(last, onset))
    return first, last


def rows_in_periods(
    frame: pd.DataFrame, rows: pd.DataFrame, periods: PeriodSet, name: str = "period"
) -> pd.DataFrame:
    """Weighted pieces with the period of their loss; a piece has one row with its weight.

    A piece whose loss may have happened in another period stands there too, with no weight but `weight_hi`.
    Of a span that no period holds the weight stands in `across`; in each period that it reaches it is
    unknown (NaN), with `weight_lo` 0.

    Parameters
    ----------
    frame
        Cells or pieces: onset, onset_earliest, onset_latest, and `dating` where they have it.
    rows
        `piece` (position in the frame), weight, weight_lo, weight_hi.
    name
        Column that the period goes to.
    """
    onset = day_numbers(frame["onset"])
    first, last = possible_days(frame)
    dating, bounds = dating_of(frame), periods.bounds()
    timeless = np.isin(dating, ("undated", "stock"))
    dated = np.where(timeless, -1, periods.index(onset))
    reached = np.zeros(len(frame), np.int64)
    held = timeless.copy()
    for start, end in bounds:
        reached += np.maximum(0, np.minimum(last, end - 1) - np.maximum(first, start) + 1)
        held |= (start <= first) & (last < end)
    sure = held | (reached == 0)
    split = (dating == "span") & ~sure
    names = np.array([*periods.names, NO_PERIOD], object)
    label = names[dated]
    label[split] = ACROSS
    label[dating == "undated"], label[dating == "stock"] = UNDATED, STOCK
    piece = rows["piece"].to_numpy()
    parts = [
        rows.assign(**{name: label[piece]}, weight_lo=np.where((sure | split)[piece], rows["weight_lo"], 0.0))
    ]
    unknown = np.where(split, np.nan, 0.0)
    for index, (start, end) in enumerate(bounds):
        maybe = ~sure & (split | (dated != index)) & (first < end) & (start <= last)
        if maybe.any():
            parts.append(_perhaps(rows, maybe, {name: names[index]}, unknown))
    in_gaps = split & (reached < last - first + 1)
    if in_gaps.any():
        parts.append(_perhaps(rows, in_gaps, {name: NO_PERIOD}, unknown))
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _perhaps(
    rows: pd.DataFrame, maybe: np.ndarray, label: dict[str, str], weight: np.ndarray
) -> pd.DataFrame:
    """Rows of pieces that may belong to a period: with a weight of no number, or none."""
    piece = rows["piece"].to_numpy()
    kept = maybe[piece]
    return rows[kept].assign(**label, weight=weight[piece[kept]], weight_lo=0.0)


def calendar_label(frame: pd.DataFrame, step: str) -> np.ndarray:
    """Year or month of each row of loss, text (rows,); `across`, `undated` or `stock` where it has none."""
    unit = {"year": "Y", "month": "M"}[step]
    first, last = (
        days.astype("datetime64[D]").astype(f"datetime64[{unit}]") for days in possible_days(frame)
    )
    onset = day_numbers(frame["onset"]).astype("datetime64[D]").astype(f"datetime64[{unit}]")
    dating = dating_of(frame)
    label = onset.astype(str).astype(object)
    label[(dating == "span") & (first != last)] = ACROSS
    label[dating == "undated"], label[dating == "stock"] = UNDATED, STOCK
    return label


def in_calendar(frame: pd.DataFrame, rows: pd.DataFrame, step: str) -> pd.DataFrame:
    """Weighted pieces with a column of their year or month (`step`), as `rows_in_periods` does it."""
    first, last = possible_days(frame)
    dated = first != NO_DAY
    if not dated.any():
        label = calendar_label(frame, step)[rows["piece"].to_numpy()]
        return rows.assign(**{step: label})
    periods = calendar(step, int(first[dated].min()), int(last[dated].max()), step=step)
    return rows_in_periods(frame, rows, periods, step)


def meeting(rows: pd.DataFrame, step: str, periods: PeriodSet) -> pd.DataFrame:
    """The rows whose year or month (column `step`) shares days with their period, where both are such.

    A piece that may lie in two periods and in two years lies not in every pair of them.
    """
    bounds = dict(zip(periods.names, periods.bounds(), strict=True))
    unit = {"year": "Y", "month": "M"}[step]
    pairs = rows[["period", step]].drop_duplicates()
    apart = []
    for period, label in pairs.itertuples(index=False):
        if period in bounds and str(label)[:4].isdigit():
            first = np.array([label], f"datetime64[{unit}]")
            days = np.concatenate([first, first + 1]).astype("datetime64[D]").astype(np.int64)
            if days[1] <= bounds[period][0] or bounds[period][1] <= days[0]:
                apart.append((period, label))
    pair = pd.MultiIndex.from_frame(rows[["period", step]])
    return rows[~pair.isin(apart)] if apart else rows
