"""A day is an integer: days since 1970-01-01, UTC."""

import datetime as dt

import numpy as np
import pandas as pd

_EPOCH = dt.date(1970, 1, 1)

NO_DAY = 0
"""The day of what never happened (no onset, no confirmation)."""


def to_day(date: dt.date | dt.datetime | str | np.datetime64) -> int:
    """Days since 1970-01-01 of a date, an aware time (in UTC), an ISO text or a datetime64.

    Raises
    ------
    ValueError
        For a naive datetime (its day is not known) or a text that is no ISO date.
    """
    if isinstance(date, np.datetime64):
        return int(date.astype("datetime64[D]").astype(np.int64))
    if isinstance(date, str):
        date = dt.date.fromisoformat(date)
    if isinstance(date, dt.datetime):
        if date.tzinfo is None:
            raise ValueError(f"{date.isoformat()} has no time zone; give an aware time")
        date = date.astimezone(dt.UTC).date()
    return (date - _EPOCH).days


def to_date(day: int) -> dt.date:
    """The calendar date of a day."""
    return _EPOCH + dt.timedelta(days=int(day))


def iso(day: int) -> str:
    """ISO text of a day; empty for `NO_DAY`."""
    return "" if int(day) == NO_DAY else to_date(day).isoformat()


def to_times(days: np.ndarray) -> np.ndarray:
    """datetime64[ns] of days, in their shape, for the `time` coordinate; int days since 1970-01-01."""
    return np.asarray(days, np.int64).astype("datetime64[D]").astype("datetime64[ns]")


def to_stamps(days: np.ndarray) -> np.ndarray:
    """datetime64[ms] of int days, in their shape; NaT for `NO_DAY`."""
    days = np.asarray(days, np.int64)
    stamps = days.astype("datetime64[D]").astype("datetime64[ms]")
    stamps[days == NO_DAY] = np.datetime64("NaT")
    return stamps


def day_numbers(values: pd.Series | np.ndarray, missing: int = NO_DAY) -> np.ndarray:
    """int64 days since 1970-01-01 of dates or times without a zone, in their shape; `missing` for NaT.

    Another `missing` than `NO_DAY` is for borders that stand open: a day before or after all others.
    """
    dates = (
        values.to_numpy("datetime64[D]") if isinstance(values, pd.Series) else values.astype("datetime64[D]")
    )
    return np.where(np.isnat(dates), missing, dates.astype(np.int64))


def calendar(days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Days since the first of January and of the month, int64, of int days, in their shape."""
    dates = np.asarray(days, np.int64).astype("datetime64[D]")
    of_year, of_month = (dates - dates.astype(unit) for unit in ("datetime64[Y]", "datetime64[M]"))
    return of_year.astype(np.int64), of_month.astype(np.int64)
