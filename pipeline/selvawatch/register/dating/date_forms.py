"""Dates of loss and of layers: all values of a column read in one form, or refused in one line."""

import calendar
import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from selvawatch.errors import LayerError

LANDSAT_BEGAN = dt.date(1972, 7, 23)
"""Launch of Landsat 1: no loss was mapped from space before."""

FORMS = ("auto", "day", "month", "quarter", "year", "julian", "epoch-ms", "epoch-s")
"""Forms by name; besides, any FORMAT of strptime with a year."""

Span = tuple[dt.date, dt.date]
"""First and last day that a value may mean."""

_NO_DATE = frozenset(
    {
        "sin fecha",
        "s/f",
        "s.f.",
        "n/a",
        "na",
        "nd",
        "nan",
        "nat",
        "none",
        "null",
        "-",
        "unknown",
        "desconocido",
    }
)
"""Words that say in a column of dates that there is none."""
_EXAMPLES = 3
_MS_PER_DAY = 86_400_000
_LEAST_MS = 10**10
"""Least milliseconds before or since 1970 that are read as such where older dates may stand."""
_TIME = r"(?:[ T]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?)?"
_ZONE = r"( ?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?))?"
_ISO = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}{_ZONE}")
_LOCAL = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})\2(\d{{4}}){_TIME}")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T?([01]\d|2[0-3])(?:[0-5]\d){0,2}Z?)?")
_MONTH = re.compile(r"(\d{4})[-/]?(\d{2})")
_QUARTER = re.compile(r"(\d{4})(?:[- ]?[QqTt]([1-4])|0([1-4]))")
_JULIAN = re.compile(r"(\d{4})-?(\d{3})")
_UNITS = (("year", "yYGc"), ("month", "mbBUWVxc"), ("day", "djaAuwxcDFHIMSfpXzZ"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DateLimits:
    """The days that a value may mean: what lies beyond is no date of that form."""

    earliest: dt.date = LANDSAT_BEGAN
    latest: dt.date | None = None
    """Last day, at which spans end; None: today, by the clock."""
    old_epochs: bool = False
    """Whether milliseconds since 1970 may lie before Landsat, or before 1970."""


LOSS_LIMITS = DateLimits()
"""Loss: from the first Landsat to today."""
LAYER_LIMITS = DateLimits(earliest=dt.date(1800, 1, 1), latest=dt.date(9999, 12, 31), old_epochs=True)
"""Rights and zones: as old as the republics, and open far into the future."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """How a column of dates is read."""

    form: str = "auto"
    """One of `FORMS`, or a FORMAT of strptime."""
    limits: DateLimits = LOSS_LIMITS
    option: str = "--date-form"
    """How a person names the form, for errors."""

    def __post_init__(self) -> None:
        """Refuse a form that is none, and a FORMAT without a year."""
        if self.form not in FORMS and not ("%" in self.form and _unit_of(self.form)):
            raise LayerError(
                "unknown form of dates",
                got=repr(self.form),
                needed=f"{', '.join(FORMS)}, or a FORMAT of strptime with its year, such as %Y%m%d or %Y00",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSpans:
    """First and last day that each value of a column may mean."""

    first: pd.Series
    """datetime64[ms], NaT where there is no value."""
    last: pd.Series
    """datetime64[ms], NaT where there is no value."""
    form: str
    """The form in which all values were read; empty where there is none."""

    @property
    def missing(self) -> np.ndarray:
        """Which rows have no value, bool (rows,)."""
        return self.first.isna().to_numpy()


def read_dates(values: pd.Series, rule: DateRule | None = None, *, where: str = "") -> DateSpans:
    """First and last day that each value may mean, all of them read in one form.

    Parameters
    ----------
    values
        Dates, times (a time with a zone in UTC), numbers or text; missing and blank values stay without.
    rule
        Form and limits; None: the form that all values fit, for loss.
    where
        Layer and column, for the error.

    Raises
    ------
    LayerError
        For values that do not fit, or that fit several forms: with examples, counts, and what to say.
    """
    (spans,) = read_date_columns([values], rule, where=where)
    return spans


def read_date_columns(
    columns: Sequence[pd.Series], rule: DateRule | None = None, *, where: str = ""
) -> tuple[DateSpans, ...]:
    """As `read_dates`, for columns that belong together: one form must fit them all, where any does."""
    rule = rule or DateRule()
    texts = [_texts(values) for values in columns]
    joined: Counter[str] = Counter(text for found in texts for text in found if text is not None)
    try:
        chosen = [_form_of(joined, rule, where)] * len(columns)
    except LayerError:
        if len(columns) == 1 or rule.form != "auto":
            raise
        each = [Counter(text for text in found if text is not None) for found in texts]
        chosen = [_form_of(counts, rule, where) for counts in each]
    return tuple(
        _spans(values, found, form, spans)
        for values, found, (form, spans) in zip(columns, texts, chosen, strict=True)
    )


def _spans(values: pd.Series, texts: list[str | None], form: str, spans: Mapping[str, Span]) -> DateSpans:
    first = [None if text is None else spans[text][0] for text in texts]
    last = [None if text is None else spans[text][1] for text in texts]
    return DateSpans(
        first=pd.Series(np.array(first, "datetime64[D]").astype("datetime64[ms]"), values.index),
        last=pd.Series(np.array(last, "datetime64[D]").astype("datetime64[ms]"), values.index),
        form=form,
    )


def _form_of(counts: Counter[str], rule: DateRule, where: str) -> tuple[str, dict[str, Span]]:
    """The one form that all texts fit, and what each means in it; no form where there are no texts."""
    if not counts:
        return "", {}
    readers = _readers(rule)
    read: dict[str, dict[str, Span]] = {}
    for form, reader in readers.items():
        found = {text: _within(reader(text), rule.limits, form) for text in counts}
        read[form] = {text: span for text, span in found.items() if span is not None}
    fitting = {form: spans for form, spans in read.items() if len(spans) == len(counts)}
    if not fitting:
        raise _unfit(counts, read, rule, where)
    if all(form in fitting for form in _ORDERS) and fitting[_ORDERS[0]] == fitting[_ORDERS[1]]:
        fitting = {"day": fitting[_ORDERS[0]]} | {
            form: spans for form, spans in fitting.items() if form not in _ORDERS
        }
    if len(fitting) > 1:
        raise _ambiguous(counts, list(fitting), rule, where)
    ((form, spans),) = fitting.items()
    return (f"day ({form})" if form in _ORDERS and rule.form != form else form), spans


def _readers(rule: DateRule) -> dict[str, Callable[[str], Span | None]]:
    """Readers by the form that a person would name."""
    if rule.form == "auto":
        return dict(_READERS)
    if rule.form == "day":
        return {form: _READERS[form] for form in _ORDERS}
    if rule.form in FORMS:
        return {rule.form: _READERS[rule.form]}
    return {rule.form: partial(_by_format, format_=rule.form, unit=_unit_of(rule.form))}


def _within(span: Span | None, limits: DateLimits, form: str) -> Span | None:
    """The span, cut at the last day; None where it shares no day with the limits."""
    if span is None:
        return None
    first, last = span
    latest = limits.latest or dt.datetime.now(dt.UTC).date()
    earliest = limits.earliest
    if form == "epoch-s" or (form == "epoch-ms" and not limits.old_epochs):
        earliest = max(earliest, LANDSAT_BEGAN)
    if first > latest or last < earliest:
        return None
    return first, min(last, latest)


def _texts(values: pd.Series) -> list[str | None]:
    """Each value as text, a date as ISO text; None where there is none."""
    if pd.api.types.is_datetime64_any_dtype(values):
        naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
        days = naive.to_numpy("datetime64[D]")
        return [None if np.isnat(day) else str(day) for day in days]
    return [_text(value) for value in values.tolist()]


def _text(value: object) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, dt.datetime):
        return (value.astimezone(dt.UTC) if value.tzinfo is not None else value).date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    text = re.sub(r"^(\d+)\.0+$", r"\1", " ".join(str(value).split()))
    return None if not text or text.lower() in _NO_DATE else text


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def _as_span(day: dt.date | None) -> Span | None:
    return None if day is None else (day, day)


def _by_day(text: str, *, month_first: bool) -> Span | None:
    if match := _ISO.fullmatch(text):
        day = _day(int(match[1]), int(match[3]), int(match[4]))
        return _as_span(day if match[5] is None or day is None else _in_utc(text, match[5], day))
    if match := _COMPACT.fullmatch(text):
        return _as_span(_day(int(match[1]), int(match[2]), int(match[3])))
    if match := _LOCAL.fullmatch(text):
        day_number, month = (match[3], match[1]) if month_first else (match[1], match[3])
        return _as_span(_day(int(match[4]), int(month), int(day_number)))
    return None


def _in_utc(text: str, zone: str, day: dt.date) -> dt.date | None:
    """The day of a time with a zone, in UTC; its own day where the zone is UTC or there is no time."""
    plain = zone.strip()
    if plain in ("Z", "UTC") or plain.strip("+-0:") == "":
        return day
    try:
        return dt.datetime.fromisoformat(text.replace(zone, plain)).astimezone(dt.UTC).date()
    except ValueError:
        return None


def _by_month(text: str) -> Span | None:
    match = _MONTH.fullmatch(text)
    return _months(int(match[1]), int(match[2]), 1) if match else None


def _by_quarter(text: str) -> Span | None:
    match = _QUARTER.fullmatch(text)
    return _months(int(match[1]), 3 * int(match[2] or match[3]) - 2, 3) if match else None


def _by_year(text: str) -> Span | None:
    return _months(int(text), 1, 12) if re.fullmatch(r"\d{4}", text) else None


def _months(year: int, month: int, count: int) -> Span | None:
    """First and last day of months of one year from one on."""
    first, end = _day(year, month, 1), month + count - 1
    return (first, dt.date(year, end, calendar.monthrange(year, end)[1])) if first is not None else None


def _by_julian(text: str) -> Span | None:
    match = _JULIAN.fullmatch(text)
    if not match or not 1 <= int(match[2]) <= 366 or int(match[1]) == 0:
        return None
    first = dt.date(int(match[1]), 1, 1)
    number = int(match[2]) - 1
    if first.toordinal() + number > dt.date.max.toordinal():
        return None
    day = first + dt.timedelta(days=number)
    return _as_span(day if day.year == first.year else None)


def _by_epoch(text: str, *, per_day: int, least: int) -> Span | None:
    if not re.fullmatch(r"-?\d{1,15}", text) or abs(int(text)) < least or not text.strip("9"):
        return None  # nines alone stand for no value
    days = int(text) // per_day
    ordinal = dt.date(1970, 1, 1).toordinal() + days
    return _as_span(dt.date.fromordinal(ordinal)) if 1 <= ordinal <= dt.date.max.toordinal() else None


def _unit_of(format_: str) -> str:
    """The smallest unit that a FORMAT of strptime names; empty where it names no year, or no date."""
    codes = set(re.findall(r"%(.)", format_.replace("%%", "")))
    named = [unit for unit, letters in _UNITS if codes & set(letters)]
    if not codes & set("yYxc") or codes & set("UWVGu"):
        return ""
    return named[-1]


def _by_format(text: str, *, format_: str, unit: str) -> Span | None:
    """The span that a FORMAT gives; a time of day behind the date may stay unnamed."""
    for written in (text, re.sub(rf"{_TIME}{_ZONE}$", "", text)):
        try:
            day = dt.datetime.strptime(written, format_).date()
        except (ValueError, re.error):
            continue
        if unit == "day":
            return day, day
        return _months(day.year, 1, 12) if unit == "year" else _months(day.year, day.month, 1)
    return None


_ORDERS = ("%d/%m/%Y", "%m/%d/%Y")
_READERS: Mapping[str, Callable[[str], Span | None]] = {
    "%d/%m/%Y": partial(_by_day, month_first=False),
    "%m/%d/%Y": partial(_by_day, month_first=True),
    "month": _by_month,
    "quarter": _by_quarter,
    "year": _by_year,
    "julian": _by_julian,
    "epoch-ms": partial(_by_epoch, per_day=_MS_PER_DAY, least=_LEAST_MS),
    "epoch-s": partial(_by_epoch, per_day=86_400, least=0),
}


def _examples(texts: Sequence[str], counts: Counter[str]) -> str:
    shown = ", ".join(repr(text[:40]) for text in texts[:_EXAMPLES])
    more = ", ..." if len(texts) > _EXAMPLES else ""
    rows = sum(counts[text] for text in texts)
    return f"{shown}{more} ({rows} of {counts.total()} values)"


def _unfit(
    counts: Counter[str], read: Mapping[str, Mapping[str, Span]], rule: DateRule, where: str
) -> LayerError:
    """What is said of values of which some fit no form, or not the one of the others."""
    limits = rule.limits
    forms, until = ", ".join(FORMS[1:]), limits.latest or "today"
    needed = f"{forms} or a FORMAT of strptime, from {limits.earliest} to {until}"
    fits = {text: [form for form, spans in read.items() if text in spans] for text in counts}
    strange = [text for text, forms in fits.items() if not forms]
    best = max(read, key=lambda form: sum(counts[text] for text in read[form]))
    if strange:
        others = f"; the others fit {_plain(best)}" if len(strange) < len(counts) else ""
        what = "dates cannot be read" if rule.form == "auto" else f"dates are not of the form {rule.form}"
        return LayerError(
            what,
            where=where,
            got=f"{_examples(strange, counts)}{others}",
            needed=needed,
            do=f"name the form with {rule.option} (a FORMAT such as %Y00, %d/%m/%y, %b %Y), or correct them",
        )
    rest = [text for text in counts if text not in read[best]]
    return LayerError(
        "dates are of several forms",
        where=where,
        got=f"{_plain(best)}, but {_examples(rest, counts)} {_plain(fits[rest[0]][0])}",
        needed="one form for all values",
        do="write them alike, or keep them as layers of their own",
    )


def _ambiguous(counts: Counter[str], forms: Sequence[str], rule: DateRule, where: str) -> LayerError:
    return LayerError(
        "dates may be read in several forms",
        where=where,
        got=f"{_examples(list(counts), counts)}: {' or '.join(forms)}",
        needed="the form that the publisher means",
        do=f"say {' or '.join(f'{rule.option} {form}' for form in forms)}",
    )


def _plain(form: str) -> str:
    return "day" if form in _ORDERS else form
