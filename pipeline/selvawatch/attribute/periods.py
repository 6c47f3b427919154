"""Legal and other periods: named runs of days that do not overlap within a set."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from selvawatch.core.days import to_day
from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A run of days."""

    name: str
    """Stable short name, such as `2002-05`."""
    title: str
    """What staff read, in Spanish."""
    start: dt.date
    """First day."""
    end: dt.date | None = None
    """First day after; None while it lasts."""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodSet:
    """Periods that may be compared: in order, without overlap; gaps are allowed and shown."""

    name: str
    title: str
    periods: tuple[Period, ...]

    def __post_init__(self) -> None:
        """Refuse periods that are empty, out of order or overlapping: they would count a hectare twice."""
        before: Period | None = None
        for period in self.periods:
            where = f"period set {self.name}, {period.name}"
            if period.end is not None and period.end <= period.start:
                raise SiteError("a period ends before it starts", where=where, got=period.end)
            if before is not None and (before.end is None or period.start < before.end):
                raise SiteError("a period overlaps the one before", where=where, got=period.start)
            before = period

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(period.name for period in self.periods)

    def index(self, days: np.ndarray) -> np.ndarray:
        """Position of the period of each day, int64 in the shape of days (int, since 1970-01-01); -1 in no
        period.
        """
        found = np.full(np.shape(days), -1, np.int64)
        for position, (start, end) in enumerate(self.bounds()):
            found[(start <= days) & (days < end)] = position
        return found

    def bounds(self) -> list[tuple[int, int]]:
        """First day and first day after of each period; a period that lasts ends very far away."""
        far = to_day(dt.date.max)
        return [
            (to_day(period.start), far if period.end is None else to_day(period.end))
            for period in self.periods
        ]


def calendar(name: str, first: int, last: int, *, step: str) -> PeriodSet:
    """Years (`year`) or months (`month`) from the one of day `first` to the one of day `last`."""
    unit = {"year": "Y", "month": "M"}[step]
    stamps = np.arange(
        np.datetime64(first, "D").astype(f"datetime64[{unit}]"),
        np.datetime64(last, "D").astype(f"datetime64[{unit}]") + 2,
    )
    days = [stamp.astype("datetime64[D]").astype(dt.date) for stamp in stamps]
    periods = tuple(
        Period(name=str(stamp), title=str(stamp), start=start, end=end)
        for stamp, start, end in zip(stamps[:-1], days[:-1], days[1:], strict=True)
    )
    return PeriodSet(name=name, title=name, periods=periods)


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """What `aoi/periods.toml` says; the first set is the default."""

    set: tuple[PeriodSet, ...]

    @property
    def by_name(self) -> dict[str, PeriodSet]:
        """Period sets by name, in order."""
        return {one.name: one for one in self.set}
