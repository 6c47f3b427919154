"""Loss with any dates, spans and encodings: no hectare is lost or doubled, bounds hold every possible day.

`make spans` tries 1,000 files instead of 25.
"""

import calendar
import datetime as dt
import os

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import attribute_made as made
from selvawatch.attribute.faces import faces_of
from selvawatch.attribute.loss.loss_days import DateFields, days_of_loss
from selvawatch.attribute.loss_products import Product, loss_cells
from selvawatch.attribute.overlay import attribute
from selvawatch.attribute.periods import Periods
from selvawatch.core.days import to_day
from selvawatch.core.settings import load
from selvawatch.errors import LayerError
from selvawatch.tables import TableInputs, TableOptions, build

EXAMPLES = int(os.environ.get("SELVAWATCH_EXAMPLES", "25"))
FIRST, LAST = dt.date(1973, 1, 1), dt.date(2025, 12, 31)
GRANTED = dt.date(2010, 6, 15)
SQUARE = made.box(0, 0, 100, 100)
RIGHTS = made.register([{"type": "timber", "geometry": SQUARE, "first": GRANTED.isoformat(), "last": None}])
FACES = faces_of(
    RIGHTS.rights, SQUARE.buffer(2000), equal_area=made.EQUAL_AREA, register_version=RIGHTS.version
)
SETS = load(Periods, made.AOI / "periods.toml").by_name
EPOCH = dt.date(1970, 1, 1)


def month_end(day):
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def quarter(day):
    first = dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    return first, month_end(first.replace(month=first.month + 2))


def in_month(day):
    return day.replace(day=1), month_end(day)


def in_year(day):
    return dt.date(day.year, 1, 1), dt.date(day.year, 12, 31)


def to_the_day(day):
    return day, day


ENCODINGS = {
    "iso": ("day", lambda day: day.isoformat(), to_the_day),
    "compact": ("day", lambda day: int(day.strftime("%Y%m%d")), to_the_day),
    "local": ("%d/%m/%Y", lambda day: day.strftime("%d/%m/%Y 0:00:00"), to_the_day),
    "julian": ("julian", lambda day: int(day.strftime("%Y%j")), to_the_day),
    "ms": ("epoch-ms", lambda day: (day - EPOCH).days * 86_400_000 + 3_600_000, to_the_day),
    "s": ("epoch-s", lambda day: float((day - EPOCH).days * 86_400 + 5), to_the_day),
    "month": ("month", lambda day: int(day.strftime("%Y%m")), in_month),
    "quarter": ("quarter", lambda day: f"{day.year}0{(day.month + 2) // 3}", quarter),
    "year": ("year", lambda day: float(day.year), in_year),
    "year00": ("%Y00", lambda day: day.year * 100, in_year),
}
DAYS = st.dates(FIRST, LAST)


@st.composite
def files(draw):
    """Form, rows of a loss file (d, e, s, ha), and the first and last day that each row may mean."""
    form, encode, span = ENCODINGS[draw(st.sampled_from(sorted(ENCODINGS)))]
    has_end = draw(st.booleans())
    rows, spans = [], []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["dated", "dated", "dated", "undated", "stock"]))
        begin = draw(DAYS)
        end = min(LAST, begin + dt.timedelta(days=draw(st.integers(0, 1500)))) if has_end else begin
        dated = kind == "dated"
        rows.append(
            {
                "d": encode(begin) if dated else None,
                "e": encode(end) if dated and has_end else None,
                "s": "si" if kind == "stock" else "no",
                "ha": draw(st.integers(0, 10**6)) / 1000,
            }
        )
        spans.append((span(begin)[0], span(end)[1]) if dated else kind)
    return form, has_end, rows, spans


def read(form, has_end, frame):
    """The days of a file, by itself where it can be; else by the form that its publisher means."""
    fields = {"field": "d", "end_field": "e" if has_end else "", "allow_undated": True}
    fields |= {"stock_field": "s", "stock_until": dt.date(1999, 5, 4)}
    try:
        return days_of_loss(frame, DateFields(**fields))
    except LayerError as error:
        assert "several forms" in str(error) or form == "%Y00", error
        return days_of_loss(frame, DateFields(form=form, **fields))


def tables_of(cells, days, name):
    first, last = days.covers or (dt.date(2030, 1, 1), dt.date(2029, 12, 31))
    inputs = TableInputs(
        pieces=attribute(cells, FACES, RIGHTS, today=made.TODAY),
        register=RIGHTS,
        scales={"mining-last": made.SCALE},
        periods=SETS,
        faces=FACES,
        watched_from=to_day(first),
        watched_until=to_day(last) + 1,
    )
    by_type = build("loss_by_type", inputs, TableOptions())
    return build("loss_by_period", inputs, TableOptions(periods=name)), by_type


def period_of(name, day):
    if name in ("year", "month"):
        return day.isoformat()[: 4 if name == "year" else 7]
    for period in SETS[name].periods:
        if period.start <= day and (period.end is None or day < period.end):
            return period.name
    return "no_period"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(file=files(), data=st.data())
def test_periods_across_stock_and_undated_hold_all_hectares_and_every_possible_day(file, data):
    form, has_end, rows, spans = file
    frame = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=[SQUARE] * len(rows), crs=made.CRS)
    days = read(form, has_end, frame)
    for row, span in enumerate(spans):
        if isinstance(span, tuple):
            assert (days.first[row].date(), days.last[row].date()) == span
        else:
            assert days.dating[row] == span
    product = Product(name="made", version="1", cause="mining")
    cells = loss_cells(frame, product, days, equal_area=made.EQUAL_AREA, area_field="ha")
    name = data.draw(st.sampled_from([*SETS, "year", "year", "month"]))
    table, by_type = tables_of(cells, days, name)
    found = table.set_index("period")
    assert table["ha"].sum() == pytest.approx(sum(row["ha"] for row in rows), abs=1e-6)
    for label in ("stock", "undated"):
        wanted = sum(row["ha"] for row, span in zip(rows, spans, strict=True) if span == label)
        assert found["ha"].get(label, 0.0) == pytest.approx(wanted, abs=1e-6)
    chosen = [
        (row["ha"], data.draw(st.dates(*span)))
        for row, span in zip(rows, spans, strict=True)
        if isinstance(span, tuple)
    ]
    lost = dict.fromkeys([period_of(name, day) for _, day in chosen], 0.0)
    for ha, day in chosen:
        lost[period_of(name, day)] += ha
    for label in {*lost, *found.index} - {"across", "stock", "undated"}:
        if label not in found.index or pd.isna(found["ha_hi"][label]):
            assert lost.get(label, 0.0) == 0
        else:
            assert found["ha_lo"][label] - 1e-6 <= lost.get(label, 0.0) <= found["ha_hi"][label] + 1e-6
    timber = by_type[by_type["class"] == "timber"]
    undated = found["ha"].get("undated", 0.0)
    under = sum(ha for ha, day in chosen if day >= GRANTED)
    assert timber["ha_lo"].sum() - undated - 1e-6 <= under <= timber["ha_hi"].sum() + 1e-6
