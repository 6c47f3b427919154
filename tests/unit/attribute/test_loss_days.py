"""Spans, stocks, undated loss and the span that a product covers: as declared, or refused with rows."""

import datetime as dt

import pandas as pd
import pytest

from selvawatch.attribute.loss.loss_days import DateFields, days_of_loss
from selvawatch.errors import LayerError


def read(columns, **fields):
    return days_of_loss(pd.DataFrame(columns), DateFields(**fields), where="loss.gpkg")


def texts(days):
    return [
        tuple("" if pd.isna(day) else str(day.date()) for day in pair)
        for pair in zip(days.first, days.last, strict=True)
    ]


def test_a_span_has_two_columns_and_an_open_one_goes_on_to_the_last_day_covered():
    columns = {"a": ["2019-01-05", "2019-02-01"], "b": ["2019-03-01", None]}
    own = read(columns, field="a", end_field="b")
    assert texts(own) == [("2019-01-05", "2019-03-01"), ("2019-02-01", "2019-03-01")]
    assert own.remarks == ("1 of 2 rows have no end: their spans go on to 2019-03-01",)
    declared = read(columns, field="a", end_field="b", covers=(dt.date(2018, 1, 1), dt.date(2020, 6, 30)))
    assert texts(declared)[1] == ("2019-02-01", "2020-06-30")
    assert set(own.dating) == {"span"}


def test_spans_that_end_before_they_begin_or_have_no_beginning_are_refused_with_their_row():
    with pytest.raises(
        LayerError, match="ends before it begins; got 1 of 2 rows, row 1 .*2020-01-01 to 2019"
    ):
        read({"a": ["2019-01-01", "2020-01-01"], "b": ["2019-02-01", "2019-12-31"]}, field="a", end_field="b")
    with pytest.raises(LayerError, match="an end and no beginning; got 1 of 2 rows, row 0"):
        read({"a": [None, "2020-01-01"], "b": ["2019-02-01", "2020-12-31"]}, field="a", end_field="b")
    with pytest.raises(LayerError, match="needs a beginning"):
        DateFields(end_field="b")


def test_rows_without_a_date_are_refused_with_their_row_unless_they_are_allowed():
    columns = {"a": ["2019-01-01", None, ""]}
    with pytest.raises(LayerError, match="no date; got 2 of 3, row 1, 2 .*--allow-undated"):
        read(columns, field="a")
    assert list(read(columns, field="a", allow_undated=True).dating) == ["day", "undated", "undated"]
    with pytest.raises(LayerError, match="the loss has no dates.*--allow-undated"):
        read(columns)


def test_a_stock_is_what_was_lost_by_a_day():
    columns = {"a": [2017, 2018, 2019], "s": ["Sí", "no", None]}
    until = dt.date(2018, 12, 31)
    by_day = read(columns, field="a", stock_until=until)
    assert list(by_day.dating) == ["stock", "stock", "span"]
    assert texts(by_day) == [("", "2017-12-31"), ("", "2018-12-31"), ("2019-01-01", "2019-12-31")]
    assert by_day.covers == (dt.date(2019, 1, 1), dt.date(2019, 12, 31))
    by_flag = read(columns, field="a", stock_field="s", stock_until=until)
    assert list(by_flag.dating) == ["stock", "span", "span"]
    by_date = read({"a": ["2019-01-01", None], "s": [None, "2016-05-04"]}, field="a", stock_field="s")
    assert texts(by_date) == [("2019-01-01", "2019-01-01"), ("", "2016-05-04")]
    assert list(read({"x": [1, 2]}, stock_until=until).dating) == ["stock", "stock"]


def test_a_stock_of_no_day_or_of_a_later_one_is_refused_with_its_row():
    with pytest.raises(LayerError, match="no day by which it was lost; got 1 of 1, row 1"):
        read({"a": [2019, None], "s": [0, 1]}, field="a", stock_field="s")
    with pytest.raises(LayerError, match="dated after --stock-until; got 1 of 1, row 0"):
        read({"a": [2019], "s": [True]}, field="a", stock_field="s", stock_until=dt.date(2018, 1, 1))


def test_a_loss_outside_the_declared_span_is_refused_and_a_span_that_reaches_beyond_is_cut():
    covers = (dt.date(2018, 1, 1), dt.date(2019, 6, 30))
    with pytest.raises(LayerError, match="row 1 .*2020-01-01 to 2020-12-31; needed 2018-01-01 to 2019-06-30"):
        read({"a": [2019, 2020]}, field="a", covers=covers)
    cut = read({"a": [2018, 2019]}, field="a", covers=covers)
    assert texts(cut) == [("2018-01-01", "2018-12-31"), ("2019-01-01", "2019-06-30")]
    assert cut.covers == covers and "1 of 2 spans reach beyond" in cut.remarks[0]
    with pytest.raises(LayerError, match="ends before it begins"):
        DateFields(covers=covers[::-1])


def test_a_product_covers_its_first_to_its_last_day_where_nobody_declares_it():
    assert read({"a": ["2019-03-04", "2021-05-06"]}, field="a").covers == (
        dt.date(2019, 3, 4),
        dt.date(2021, 5, 6),
    )


@pytest.mark.parametrize("fields", [{"field": "z"}, {"field": "a", "end_field": "z"}, {"stock_field": "z"}])
def test_a_column_that_is_not_there_is_named_with_those_that_are(fields):
    with pytest.raises(LayerError, match="no such .* field; got z; needed one of .'a'."):
        read({"a": [2019]}, **fields)


@pytest.mark.parametrize(
    ("values", "until", "message"),
    [
        (["si", "no", "maybe"], "2018-12-31", "yes or no in some rows alone.*'maybe'.*correct"),
        ([1, 0, 2], "2018-12-31", "yes or no in some rows alone.*'2'"),
        (["2017-05-01", "2019-05-01", None], "2018-12-31", "after --stock-until.*row 1.*2019-05-01"),
    ],
)
def test_a_column_of_the_stock_that_says_two_things_is_refused_with_what_it_says(values, until, message):
    frame = pd.DataFrame({"d": ["2019-01-01"] * 3, "s": values})
    fields = DateFields(field="d", stock_field="s", stock_until=dt.date.fromisoformat(until))
    with pytest.raises(LayerError, match=message):
        days_of_loss(frame, fields)
