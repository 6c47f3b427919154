"""Series are whole: a row for each year, month, period, area and district, 0 where watched, else empty."""

import dataclasses

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import CRS, box, cells
from selvawatch.core.days import to_day
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.tables import build

YEARS = ["2021", "2022", "2023", "2024", "2025", "2026"]
DISTRICTS = {
    "Inambari": box(0, 0, 1000, 1000),
    "Laberinto": box(1000, 0, 2000, 1000),
    "Tahuamanu": box(5000, 0, 6000, 1000),
}
AREAS = {"la-pampa": box(0, 0, 600, 1000), "malinowski": box(6100, 0, 6200, 1000)}


@pytest.fixture(scope="module")
def inputs():
    """Loss of three years on two types in two of three districts, watched from the middle of 2021."""
    shapes = [box(120 * at, 20, 120 * at + 80, 100) for at in range(12)]
    onset = [pd.Timestamp(2022 + 2 * (at % 2), 1 + at, 10) for at in range(12)]
    lost = cells(shapes, onset=onset, onset_earliest=onset, onset_latest=onset)
    rows = [{"type": "mining", "geometry": box(0, 0, 700, 500), "key": "m"}]
    rows += [{"type": "timber", "geometry": box(700, 0, 1200, 500), "key": "t"}]
    rows += [
        {"type": "district", "geometry": shape, "name": name, "key": name}
        for name, shape in DISTRICTS.items()
    ]
    rows += [{"type": "area", "geometry": shape, "name": name, "key": name} for name, shape in AREAS.items()]
    return made.inputs(lost, made.register(rows), watched_from=to_day(pd.Timestamp(2021, 7, 1).date()))


def truth(inputs, ground, year):
    """Hectares lost in a year on some ground, by an overlay."""
    frame = inputs.pieces.frame
    lost = gpd.GeoDataFrame(frame[["ha", "onset"]], geometry=frame.geometry, crs=CRS)
    lost = lost[lost["onset"].dt.year == int(year)].assign(area=lambda one: one.geometry.area)
    cut = lost.overlay(gpd.GeoDataFrame(geometry=[ground], crs=CRS), how="intersection", keep_geom_type=False)
    return float((cut["ha"] * cut.geometry.area / cut["area"]).sum())


@pytest.mark.parametrize("name", ["loss_by_type", "loss_by_zone", "site_category", "loss_by_concession_type"])
def test_each_class_has_a_row_in_each_year_that_was_watched(inputs, name):
    table = build(name, inputs, TableOptions(by=("year",)))
    keys = [key for key in ("area", "class", "validity", "site_category") if key in table]
    for kind, rows in table.groupby(keys, dropna=False):
        assert sorted(rows["year"]) == YEARS, kind
    assert table["ha"].notna().all() and (table.loc[table["year"] == "2023", "ha"] == 0).all()
    once = build(name, inputs, TableOptions())
    assert table["ha"].sum() == pytest.approx(once["ha"].sum(), abs=1e-9)


def test_loss_by_district_and_year_is_an_overlay_with_a_row_for_each_of_both(inputs):
    table = build("loss_by_district", inputs, TableOptions(by=("year",))).set_index(["year", "district"])[
        "ha"
    ]
    for year in YEARS:
        for name, ground in DISTRICTS.items():
            assert table.loc[(year, name)] == pytest.approx(truth(inputs, ground, year), abs=1e-9)
    assert table.loc[("2024", "Tahuamanu")] == 0


def test_an_area_without_loss_has_its_rows_and_one_that_is_asked_for_alone_has_no_others(inputs):
    table = build("loss_by_type", inputs, TableOptions(by=("area",)))
    assert set(table["area"]) == {"la-pampa", "malinowski", "none"}
    assert (table.loc[table["area"] == "malinowski", "ha"] == 0).all()
    alone = build("share_inside_outside", inputs, TableOptions(area="la-pampa", periods="year"))
    assert set(alone["area"]) == {"la-pampa"} and set(alone["period"]) == set(YEARS)
    granted = build("granted_by_period", inputs, TableOptions())
    per = granted.groupby(["area", "type"]).size()
    assert per.nunique() == 1 and {"malinowski", "la-pampa"} <= set(granted["area"])


def test_a_year_that_nobody_watched_is_empty_and_one_that_was_is_zero(inputs):
    late = dataclasses.replace(inputs, watched_from=to_day(pd.Timestamp(2024, 1, 1).date()))
    table = build("loss_by_type", late, TableOptions(by=("year",))).set_index(["class", "year"])["ha"]
    assert np.isnan(table.loc[("mining", "2023")]) and table.loc[("mining", "2025")] == 0
    assert table.loc[("mining", "2022")] > 0


def test_months_and_years_stand_together_only_where_a_month_is_of_its_year(inputs):
    table = build("loss_by_period", inputs, TableOptions(by=("year",), periods="month"))
    assert (table["period"].str[:4] == table["year"]).all() and len(table) == len(set(table["period"]))
    assert {"2021-07", "2023-06", "2026-01"} <= set(table["period"])
    months = build("loss_by_type", inputs, TableOptions(by=("year", "month")))
    assert (months["month"].str[:4] == months["year"]).all()
    assert months["ha"].sum() == pytest.approx(inputs.pieces.total_ha, abs=1e-9)


def test_each_type_and_zone_has_a_row_in_each_period_and_rows_add_up(inputs):
    table = build("loss_type_zone_period", inputs, TableOptions(periods="year"))
    for _, rows in table.groupby(["type", "type_validity", "zone", "zone_validity"]):
        assert sorted(rows["period"]) == YEARS
    assert table["ha"].sum() == pytest.approx(inputs.pieces.total_ha, abs=1e-9)
    coverage = build("area_coverage", inputs, TableOptions())
    assert all(sorted(rows["year"]) == YEARS for _, rows in coverage.groupby("coverage"))


def test_a_table_by_event_is_no_series_and_keeps_the_rows_of_its_loss(inputs):
    table = build("loss_by_type", inputs, TableOptions(by=("event_id", "year")))
    assert (table["ha"] > 0).all() and table["event_id"].nunique() == 12


def test_no_zero_stands_for_a_district_that_the_public_tier_is_not_shown_alone(inputs):
    public = dataclasses.replace(inputs, tier=Tier.PUBLIC)
    table = build("loss_by_type", public, TableOptions(by=("district",)))
    assert set(table["district"]) == {"other districts", "Tahuamanu"}
    assert (table.loc[table["district"] == "Tahuamanu", "ha"] == 0).all()
