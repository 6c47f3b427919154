"""When a loss of others happened: a day, a span of days, before a day (a stock), or on a day unknown."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selvawatch.errors import LayerError
from selvawatch.register.dating.date_forms import DateRule, DateSpans, read_date_columns, read_dates

DATINGS = ("day", "span", "stock", "undated")
"""How a loss is dated: to the day; within a span of days; only that it was lost by a day; not at all."""

_YES = frozenset({"1", "true", "t", "yes", "y", "si", "sí", "s", "x"})
_NO = frozenset({"0", "false", "f", "no", "n", ""})
_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFields:
    """Where a loss layer has its days, and how they are read."""

    field: str = ""
    """Column with the date, or the beginning of a span; empty: none."""
    end_field: str = ""
    """Column with the end of a span; a row without an end goes on to the last day covered."""
    form: str = "auto"
    """Form of both (see `register.dating.date_forms`)."""
    allow_undated: bool = False
    """Whether rows without a date are kept, as such."""
    stock_field: str = ""
    """Column that says which rows are a stock: yes or no, or the day by which each was lost."""
    stock_until: dt.date | None = None
    """Day by which the stock was lost; without `stock_field`, all that was lost by it is stock."""
    covers: tuple[dt.date, dt.date] | None = None
    """First and last day that the product covers; None: from its first to its last day of loss."""

    def __post_init__(self) -> None:
        """Refuse an end without a beginning, and a span that ends before it begins."""
        DateRule(form=self.form)
        if self.end_field and not self.field:
            raise LayerError("an end needs a beginning", got=self.end_field, do="give --date-field too")
        if self.covers is not None and self.covers[0] > self.covers[1]:
            raise LayerError(
                "the span covered ends before it begins", got=f"{self.covers[0]} {self.covers[1]}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LossDays:
    """When each feature was lost."""

    first: pd.Series
    """First possible day, datetime64[ms]; NaT for a stock and where undated."""
    last: pd.Series
    """Last possible day, datetime64[ms]; of a stock the day by which it was lost; NaT where undated."""
    dating: np.ndarray
    """How each is dated: `DATINGS`, text (features,)."""
    form: str = ""
    """The form in which the dates were read."""
    covers: tuple[dt.date, dt.date] | None = None
    """First and last day covered: declared, else of the days of loss; None: no day is known."""
    remarks: tuple[str, ...] = ()
    """What was assumed or counted, a line each."""


def days_of_loss(
    loss: pd.DataFrame,
    fields: DateFields,
    spans: tuple[pd.Series, pd.Series] | None = None,
    *,
    where: str = "",
) -> LossDays:
    """When each feature of a loss layer was lost.

    Parameters
    ----------
    loss
        Rows of the layer.
    spans
        First and last days that the layer's encoding gives (of a raster), instead of a column.

    Raises
    ------
    LayerError
        For a column that is missing, dates that cannot be read, rows without a date that are not allowed,
        an end before its beginning, and a loss outside the declared span: with rows and counts.
    """
    for name, option in (
        (fields.field, "date"), (fields.end_field, "date"), (fields.stock_field, "stock"),
    ):  # fmt: skip
        if name and name not in loss.columns:
            known = sorted(str(column) for column in loss.columns if column != "geometry")
            raise LayerError(f"no such {option} field", where=where, got=name, needed=f"one of {known}")
    remarks: list[str] = []
    first, last, form = _first_and_last(loss, fields, spans, where)
    stock, until = _stock(loss, fields, first, last, where)
    first, last = _closed(first, last, stock, fields, remarks)
    first, last = first.where(~stock, pd.NaT), last.where(~stock, until)
    undated = first.isna().to_numpy() & ~stock
    _check_undated(loss, undated, fields, spans is not None, where)
    first, last = _covered(first, last, fields, remarks, where)
    dating = np.where((first == last).to_numpy(), "day", "span").astype(object)
    dating[undated], dating[stock] = "undated", "stock"
    return LossDays(
        first=first,
        last=last,
        dating=dating,
        form=form,
        covers=fields.covers or _span_of_loss(first, last.where(~stock, pd.NaT)),
        remarks=tuple(remarks),
    )


def listed_rows(rows: Sequence[int] | np.ndarray) -> str:
    """The first rows of a list as people read them: `row 3, 5, 8 ...` (the first row is 0)."""
    shown = ", ".join(str(int(row)) for row in rows[:_LISTED])
    return f"row {shown}{' ...' if len(rows) > _LISTED else ''} (the first row is 0)"


def _first_and_last(
    loss: pd.DataFrame, fields: DateFields, spans: tuple[pd.Series, pd.Series] | None, where: str
) -> tuple[pd.Series, pd.Series, str]:
    """First and last day of each row (an open end: NaT behind a first day), and the form of the dates."""
    if spans is not None:
        return spans[0], spans[1], ""
    if not fields.field:
        nothing = pd.Series(pd.NaT, loss.index, dtype="datetime64[ms]")
        return nothing, nothing, ""
    names = [name for name in (fields.field, fields.end_field) if name]
    read = read_date_columns(
        [loss[name] for name in names], DateRule(form=fields.form), where=f"{where}, {', '.join(names)}"
    )
    begin, end = read[0], read[-1]
    if fields.end_field:
        _check_order(begin, end, fields, where)
    forms = dict.fromkeys(spans.form for spans in read if spans.form)
    return begin.first, end.last, ", ".join(forms)


def _check_order(begin: DateSpans, end: DateSpans, fields: DateFields, where: str) -> None:
    back = np.flatnonzero((end.last < begin.first).to_numpy())
    if len(back):
        row = int(back[0])
        raise LayerError(
            "a span ends before it begins",
            where=where,
            got=f"{len(back)} of {len(begin.first)} rows, {listed_rows(back)}: "
            f"{begin.first.iloc[row].date()} to {end.last.iloc[row].date()}",
            do=f"correct {fields.field} and {fields.end_field}",
        )
    headless = np.flatnonzero(begin.missing & ~end.missing)
    if len(headless) and not fields.stock_field:
        raise LayerError(
            "spans have an end and no beginning",
            where=where,
            got=f"{len(headless)} of {len(begin.first)} rows, {listed_rows(headless)}",
            do="say which rows are a stock with --stock-field, or give their beginning",
        )


def _stock(
    loss: pd.DataFrame, fields: DateFields, first: pd.Series, last: pd.Series, where: str
) -> tuple[np.ndarray, pd.Series]:
    """Which rows are a stock, and the day by which each was lost (datetime64[ms])."""
    declared = pd.Series(
        pd.NaT if fields.stock_until is None else pd.Timestamp(fields.stock_until),
        loss.index,
        dtype="datetime64[ms]",
    )
    if not fields.stock_field:
        if fields.stock_until is None:
            return np.zeros(len(loss), bool), declared
        by_then = (last <= declared).to_numpy()
        dated = bool(fields.field) or first.notna().any()
        return (by_then if dated else np.ones(len(loss), bool)), last.where(by_then, declared)
    flags = _flags(loss[fields.stock_field], f"{where}, {fields.stock_field}")
    if flags is None:
        days = read_dates(
            loss[fields.stock_field], DateRule(form=fields.form), where=f"{where}, {fields.stock_field}"
        )
        _check_until(days.last, declared, f"{where}, {fields.stock_field}")
        return ~days.missing, days.last
    until = last.fillna(declared)
    late = np.flatnonzero(flags & (until > declared).to_numpy())
    without = np.flatnonzero(flags & until.isna().to_numpy())
    for rows, what in (
        (late, "are dated after --stock-until"),
        (without, "have no day by which it was lost"),
    ):
        if len(rows):
            raise LayerError(
                f"rows of the stock {what}",
                where=f"{where}, {fields.stock_field}",
                got=f"{len(rows)} of {int(flags.sum())}, {listed_rows(rows)}",
                do="give --stock-until DAY, the last day of the stock",
            )
    return flags, until


def _check_until(days: pd.Series, declared: pd.Series, where: str) -> None:
    """Refuse days of a stock after the one that was declared for all of it."""
    late = np.flatnonzero((days > declared).to_numpy())
    if len(late):
        raise LayerError(
            "days of the stock are after --stock-until",
            where=where,
            got=f"{len(late)} of {len(days)}, {listed_rows(late)}: {days.iloc[late[0]].date()}",
            needed=f"{declared.iloc[late[0]].date()} or before",
            do="leave --stock-until out, since the column says the day of each row, or correct them",
        )


def _flags(values: pd.Series, where: str) -> np.ndarray | None:
    """Yes or no of each row, blank being no; None where the column says something else.

    Raises
    ------
    LayerError
        For yes or no in some rows, and something else in others.
    """
    texts = [
        "" if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value).strip().lower()
        for value in values.tolist()
    ]
    plain = [text.removesuffix(".0") for text in texts]
    strange = sorted(set(plain) - _YES - _NO)
    if strange and set(plain) & (_YES | _NO) - {""}:
        raise LayerError(
            "the column of the stock says yes or no in some rows alone",
            where=where,
            got=", ".join(map(repr, strange[:_LISTED])),
            needed="yes or no (1, 0, si, no, true, false, blank) in all rows, or a day in all of the stock",
            do="correct these values",
        )
    if strange:
        return None
    return np.array([text in _YES for text in plain], bool)


def _closed(
    first: pd.Series, last: pd.Series, stock: np.ndarray, fields: DateFields, remarks: list[str]
) -> tuple[pd.Series, pd.Series]:
    """Spans with an end: those that are open go on to the last day covered, or of any loss of the layer."""
    is_open = (first.notna() & last.isna()).to_numpy() & ~stock
    if not is_open.any():
        return first, last
    end = pd.Timestamp(fields.covers[1]) if fields.covers is not None else pd.concat([first, last]).max()
    remarks.append(
        f"{int(is_open.sum())} of {len(first)} rows have no end: their spans go on to {end.date()}"
    )
    end = pd.Series(end, first.index, dtype="datetime64[ms]")
    return first, last.where(~is_open, end.where(end >= first, first))


def _check_undated(
    loss: pd.DataFrame, undated: np.ndarray, fields: DateFields, is_raster: bool, where: str
) -> None:
    if fields.allow_undated or not undated.any() or is_raster:
        return
    if not fields.field:
        raise LayerError(
            "the loss has no dates",
            where=where,
            got="no --date-field",
            do="give --date-field, or --stock-until DAY where all was lost by a day, or --allow-undated",
        )
    rows = np.flatnonzero(undated)
    raise LayerError(
        "features have no date",
        where=f"{where}, {fields.field}",
        got=f"{len(rows)} of {len(loss)}, {listed_rows(rows)}",
        needed="a date in every row",
        do="--allow-undated keeps them, outside every period and counted in every table",
    )


def _covered(
    first: pd.Series, last: pd.Series, fields: DateFields, remarks: list[str], where: str
) -> tuple[pd.Series, pd.Series]:
    """Spans within the declared one; LayerError for a loss that lies outside it."""
    if fields.covers is None:
        return first, last
    begin, end = (pd.Timestamp(day) for day in fields.covers)
    dated = first.notna()
    outside = np.flatnonzero((dated & ((last < begin) | (first > end))).to_numpy())
    if len(outside):
        row = int(outside[0])
        raise LayerError(
            "features are dated outside the span that the product covers",
            where=where,
            got=f"{len(outside)} of {len(first)}, {listed_rows(outside)}: "
            f"{first.iloc[row].date()} to {last.iloc[row].date()}",
            needed=f"{begin.date()} to {end.date()}",
            do="correct --covers, or say what is a stock",
        )
    beyond = dated & ((first < begin) | (last > end))
    if beyond.any():
        remarks.append(
            f"{int(beyond.sum())} of {len(first)} spans reach beyond {begin.date()} to {end.date()}"
            " and are cut to it"
        )
    low = first.where(~dated | (first >= begin), begin)
    high = last.where(~dated | (last <= end), end)
    return low.astype("datetime64[ms]"), high.astype("datetime64[ms]")


def _span_of_loss(first: pd.Series, last: pd.Series) -> tuple[dt.date, dt.date] | None:
    if not first.notna().any():
        return None
    return first.min().date(), last.max().date()
