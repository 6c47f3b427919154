"""Dates are read in one form that all values fit, or refused in one line with examples and counts."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from selvawatch.errors import LayerError
from selvawatch.register.dating.date_forms import DateRule, read_date_columns, read_dates


def spans(values, form="auto"):
    read = read_dates(
        pd.Series(values, dtype=None if len(values) else object), DateRule(form=form), where="x, D"
    )
    return read.form, [
        None if pd.isna(first) else (str(first)[:10], str(last)[:10])
        for first, last in zip(read.first, read.last, strict=True)
    ]


@pytest.mark.parametrize(
    ("values", "form", "first", "last"),
    [
        ([20190215], "day", "2019-02-15", "2019-02-15"),
        (["20190215"], "day", "2019-02-15", "2019-02-15"),
        (["20190215.0"], "day", "2019-02-15", "2019-02-15"),
        (["2019-2-5"], "day", "2019-02-05", "2019-02-05"),
        (["2019/02/15 10:30"], "day", "2019-02-15", "2019-02-15"),
        (["2019-02-15T00:00:00.000Z"], "day", "2019-02-15", "2019-02-15"),
        (["2019-02-14T22:00:00-05:00"], "day", "2019-02-15", "2019-02-15"),
        (["20190215103000"], "day", "2019-02-15", "2019-02-15"),
        (["20190215T103000Z"], "day", "2019-02-15", "2019-02-15"),
        (["2019-02-14 22:30:00-05"], "day", "2019-02-15", "2019-02-15"),
        (["2019-02-15 10:30:00.123+00"], "day", "2019-02-15", "2019-02-15"),
        ([dt.date(2019, 2, 15)], "day", "2019-02-15", "2019-02-15"),
        (pd.to_datetime(["2019-02-15T03:00Z"]), "day", "2019-02-15", "2019-02-15"),
        (["15/2/2019 0:00:00"], "day (%d/%m/%Y)", "2019-02-15", "2019-02-15"),
        (["02/19/2019"], "day (%m/%d/%Y)", "2019-02-19", "2019-02-19"),
        (["05-05-2019"], "day", "2019-05-05", "2019-05-05"),
        ([2019046], "julian", "2019-02-15", "2019-02-15"),
        (["2020-366"], "julian", "2020-12-31", "2020-12-31"),
        ([1550188800], "epoch-s", "2019-02-15", "2019-02-15"),
        ([1.550188800e12], "epoch-ms", "2019-02-15", "2019-02-15"),
        (["2019-02"], "month", "2019-02-01", "2019-02-28"),
        (["2025Q2"], "quarter", "2025-04-01", "2025-06-30"),
        (["2024-T4"], "quarter", "2024-10-01", "2024-12-31"),
        ([2019.0], "year", "2019-01-01", "2019-12-31"),
    ],
)
def test_a_value_means_the_days_of_the_one_form_that_it_fits(values, form, first, last):
    assert spans(values) == (form, [(first, last)])


@pytest.mark.parametrize(
    "value",
    ["2019-02-30", "201913", 201900, "2025Q5", 2019366, "1971-01-01", 2031, 43511, 190215, 0, -5, 1.5, True,
     "2019.02", 2019.02, "soon", "15/02/19", np.inf, 99999999, "1970-01-01"],
)  # fmt: skip
def test_what_is_no_date_is_refused_with_the_value_and_the_count(value):
    values = pd.Series([value, None, value], dtype=object)
    with pytest.raises(LayerError, match=r"x, D: dates cannot be read; got .*2 of 2 values") as caught:
        read_dates(values, where="x, D")
    assert "\n" not in str(caught.value) and "--date-form" in str(caught.value)


@pytest.mark.parametrize(
    ("values", "forms"),
    [
        ([202502, 202503], "month or quarter"),
        (["01/02/2019", "03/04/2019"], "%d/%m/%Y or %m/%d/%Y"),
        ([201902151230], "day or epoch-ms"),
    ],
)
def test_values_that_fit_two_forms_are_refused_and_read_in_each_where_it_is_named(values, forms):
    with pytest.raises(LayerError, match=f"several forms.*{forms}.*--date-form") as caught:
        spans(values)
    assert f"{len(values)} of {len(values)} values" in str(caught.value)
    read = {form: spans(values, form)[1] for form in forms.split(" or ")}
    assert len({str(days) for days in read.values()}) == 2


def test_six_digits_are_months_where_one_of_the_file_is_above_four_and_quarters_where_one_is_written_out():
    assert spans([202502, 202511]) == ("month", [("2025-02-01", "2025-02-28"), ("2025-11-01", "2025-11-30")])
    assert spans(["202502", "2025Q3"])[1] == [("2025-04-01", "2025-06-30"), ("2025-07-01", "2025-09-30")]
    assert spans(["01/02/2019", "31/12/2019"])[1][0] == ("2019-02-01", "2019-02-01")


def test_values_of_two_forms_are_refused_with_both():
    with pytest.raises(LayerError, match="several forms; got month, but '2019' .1 of 3 values. year"):
        spans(["2019", "2020-02", "2020-03"])


@pytest.mark.parametrize(
    ("form", "value", "wanted"),
    [
        ("%Y00", 201900, ("2019-01-01", "2019-12-31")),
        ("%b %Y", "feb 2020", ("2020-02-01", "2020-02-29")),
        ("%d/%m/%y", "15/02/19", ("2019-02-15", "2019-02-15")),
        ("%m/%d/%Y", "02/03/2019 0:00:00", ("2019-02-03", "2019-02-03")),
    ],
)
def test_a_format_of_strptime_spans_the_smallest_unit_that_it_names(form, value, wanted):
    assert spans([value], form) == (form, [wanted])


@pytest.mark.parametrize("form", ["week", "%m/%d", "%U %Y", "", "%%Y"])
def test_a_form_without_a_year_is_none(form):
    with pytest.raises(LayerError, match="unknown form of dates"):
        DateRule(form=form)


def test_a_named_form_refuses_what_another_would_read():
    with pytest.raises(LayerError, match="not of the form day; got '2019-02'"):
        spans(["2019-02"], "day")


def test_blanks_and_words_for_no_date_have_none_and_a_column_of_them_has_no_form():
    assert spans([None, " ", "sin fecha", "2019"])[1] == [None, None, None, ("2019-01-01", "2019-12-31")]
    assert spans([None, None]) == ("", [None, None])
    assert spans([]) == ("", [])


def test_the_year_that_goes_on_ends_today():
    today = dt.datetime.now(dt.UTC).date()
    assert spans([today.year])[1] == [(f"{today.year}-01-01", today.isoformat())]
    with pytest.raises(LayerError, match="cannot be read"):
        spans([(today + dt.timedelta(days=1)).isoformat()])


def test_columns_that_belong_together_are_read_in_the_form_that_fits_both():
    begin, end = read_date_columns([pd.Series([202502, 202503]), pd.Series([202504, 202511])])
    assert (begin.form, str(begin.first[0])[:10], str(end.last[1])[:10]) == (
        "month",
        "2025-02-01",
        "2025-11-30",
    )
    begin, end = read_date_columns([pd.Series(["2025-02-05"]), pd.Series([2025])])
    assert (begin.form, end.form) == ("day", "year")
