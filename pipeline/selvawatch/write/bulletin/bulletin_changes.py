"""What is new in a bulletin: two states of its tier compared, and the hectares of the span between them."""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from selvawatch.core.days import day_numbers, to_date, to_day
from selvawatch.events.comparison import Comparison, compare
from selvawatch.write.tiers import Released

COUNTED = ("confirmed", "closed")
"""Statuses of loss that is in hectares."""

NO_DAYS, NOT_WATCHED = "no-days", "not-watched"
"""Why hectares of a span are not known: it holds no day; it begins before monitoring did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanLoss:
    """Loss whose onset lies in a span of days."""

    name: str
    """`span`, `before` (as many days before it) or `year_ago`."""
    first_day: int
    last_day: int
    loss_ha: float | None
    """None: not known, and `why` says why."""
    mining_ha: float | None
    why: str = ""
    """`no-days` or `not-watched`; empty: the hectares are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthLoss:
    """Loss whose onset lies in a calendar month, as far as it was watched."""

    month: dt.date
    """Its first day."""
    loss_ha: float
    mining_ha: float
    ha_lo: float
    ha_hi: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is new since an earlier state of the tier."""

    since_run: str
    """Run of the earlier state; empty: there was none, and everything is new."""
    since_day: int
    """Data day of that run; 0: there was none."""
    comparison: Comparison
    alerts: pd.DataFrame
    """ALERTS rows by event id: of now, and of events that are no more those of the earlier state."""
    spans: tuple[SpanLoss, ...]
    months: tuple[MonthLoss, ...]
    """From the month that monitoring began in, twelve and this one at most, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The state of a tier that a later one is compared with."""

    run_id: str
    data_day: int
    alerts: pd.DataFrame
    """ALERTS as that run gave them to the tier."""
    published: Collection[str] = ()
    """Ids of events that the tier was given until then."""
    remains: Mapping[str, str] = field(default_factory=dict)
    """Where events of it lie now that have ended: `events.comparison.remains_of`."""


def changes_since(
    earlier: Earlier | None, alerts: Released, cells: pd.DataFrame, *, first_day: int, delay_days: int
) -> Changes:
    """What is new in released rows against an earlier state of the same tier; None: there was no earlier one.

    cells: those of CELLS that the figures count, of the alerts; outlines are not needed. first_day: on which
    monitoring began. delay_days: of the tier; it learns of a run's days up to so many before its data day.
    """
    now = pd.DataFrame(alerts.frame)
    before = now.iloc[:0] if earlier is None else pd.DataFrame(earlier.alerts)
    found = compare(before, now, *(() if earlier is None else (earlier.published, earlier.remains)))
    keyed = pd.concat(
        [frame.set_index("event_id", drop=False) for frame in (now, before) if len(frame)] or [now]
    )
    last = alerts.data_day - delay_days
    since = first_day - 1 if earlier is None else max(first_day - 1, earlier.data_day - delay_days)
    return Changes(
        since_run="" if earlier is None else earlier.run_id,
        since_day=0 if earlier is None else earlier.data_day,
        comparison=found,
        alerts=keyed[~keyed.index.duplicated()],
        spans=_spans(cells, first_day, since + 1, last),
        months=_months(cells, now, first_day, last),
    )


def _spans(cells: pd.DataFrame, watched: int, first: int, last: int) -> tuple[SpanLoss, ...]:
    """The span, as many days before it, and the same span a year ago."""
    length = last - first + 1
    spans = {
        "span": (first, last),
        "before": (first - length, first - 1),
        "year_ago": (_year_before(first), _year_before(last)),
    }
    return tuple(_span(cells, name, days, watched, length) for name, days in spans.items())


def _span(cells: pd.DataFrame, name: str, days: tuple[int, int], watched: int, length: int) -> SpanLoss:
    first, last = days
    why = NO_DAYS if length <= 0 else NOT_WATCHED if first < watched else ""
    onset = day_numbers(cells["onset"])
    inside = (onset >= first) & (onset <= last) & cells["status"].isin(COUNTED).to_numpy(bool)
    ha, mining = cells["ha"].to_numpy(float), (cells["cause"] == "mining").to_numpy(bool)
    return SpanLoss(
        name=name,
        first_day=first,
        last_day=last,
        loss_ha=None if why else float(ha[inside].sum()),
        mining_ha=None if why else float(ha[inside & mining].sum()),
        why=why,
    )


def _year_before(day: int) -> int:
    date = to_date(day)
    leap = date.month == 2 and date.day == 29
    return to_day(date.replace(year=date.year - 1, day=28 if leap else date.day))


def _months(cells: pd.DataFrame, alerts: pd.DataFrame, first: int, last: int) -> tuple[MonthLoss, ...]:
    """The last thirteen months that were watched; the most keeps the proportion that it has of the event."""
    ends = (np.datetime64(to_date(first), "M"), np.datetime64(to_date(last), "M"))
    months = np.arange(ends[0], ends[1] + 1)[-13:] if first <= last else np.array([], "datetime64[M]")
    kept = cells[cells["status"] != "withdrawn"]
    of = kept["onset"].to_numpy("datetime64[M]")
    events = alerts.drop_duplicates("event_id", keep="last").set_index("event_id")
    mining = (kept["cause"] == "mining").to_numpy(bool)
    ha = kept["ha"].where(kept["status"].isin(COUNTED), 0.0).to_numpy(float)
    high = kept["ha"] * kept["event_id"].map(events["ha_hi"] / events["ha"]).fillna(1.0)
    most = high.to_numpy(float)
    return tuple(
        MonthLoss(
            month=month.astype(dt.date),
            loss_ha=float(ha[of == month].sum()),
            mining_ha=float(ha[(of == month) & mining].sum()),
            ha_lo=float(ha[of == month].sum()),
            ha_hi=float(most[of == month].sum()),
        )
        for month in months
    )
