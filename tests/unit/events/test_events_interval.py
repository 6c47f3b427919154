import geopandas as gpd
import numpy as np
import pytest
from shapely import box

from conftest import ROOT
from selvawatch.core.settings import load, parse, read_toml
from selvawatch.errors import SiteError
from selvawatch.events.calibrated.interval_rule import IntervalRule
from selvawatch.events.hectares.interval import event_interval, interval_columns, sum_interval
from selvawatch.events.patches import EventRule

RULE = IntervalRule(
    level=0.9,
    event_inward_px=0.5,
    event_outward_px=0.25,
    sum_rim_px=0.1,
    commission=0.2,
    omission=0.05,
    least_ha=0.3,
)


def test_an_event_is_as_uncertain_as_its_rim_is_long_and_no_interval_begins_below_nothing():
    low, high = event_interval(np.array([10.0, 10.0, 0.3]), np.array([2.0, 4.0, 0.8]), RULE)
    np.testing.assert_allclose(low, [9.0, 8.0, 0.0])
    np.testing.assert_allclose(high, [10.5, 11.0, 0.5])


def test_a_sum_may_be_off_by_its_rims_and_by_what_is_false_or_missed():
    assert sum_interval(100.0, 50.0, RULE) == pytest.approx((75.0, 110.0))
    assert sum_interval(1.0, 50.0, RULE)[0] == 0.0


@pytest.mark.parametrize(
    ("key", "value"), [("level", 1.0), ("commission", 1.2), ("omission", -0.1), ("event_inward_px", -0.1)]
)
def test_numbers_that_make_no_interval_are_refused_by_file(key, value):
    values = read_toml(ROOT / "models" / "events.toml")
    values["interval"][key] = value
    with pytest.raises(SiteError, match=r"events\.toml"):
        parse(EventRule, values, "events.toml")


def test_a_file_without_intervals_is_read_and_has_none():
    values = read_toml(ROOT / "models" / "events.toml")
    del values["interval"]
    assert parse(EventRule, values, "events.toml").interval is None
    assert load(EventRule, ROOT / "models" / "events.toml").interval is not None


def test_confirmed_and_closed_events_of_the_least_size_have_an_interval_and_no_other_has():
    statuses = ["confirmed", "closed", "provisional", "withdrawn", "confirmed"]
    sides = [100.0, 100.0, 100.0, 100.0, 50.0]
    shapes = [box(0, 0, side, side) for side in sides]
    # In an equal-area projection the ground is 1 % larger than in the pixel CRS.
    ha = [1.01 * side**2 / 10_000 for side in sides]
    events = gpd.GeoDataFrame({"status": statuses, "ha": ha}, geometry=shapes, crs="EPSG:32719")
    found = interval_columns(events, RULE, 10.0)
    assert found["ci_method"].tolist() == ["modelled"] * 2 + ["not_estimated"] * 3
    # 40 edges of 10 m are a rim of 0.4 ha; half of it inward, a quarter outward.
    np.testing.assert_allclose(found["ha_ci_lo"], [1.01 * 0.8, 1.01 * 0.8, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(found["ha_ci_hi"], [1.01 * 1.1, 1.01 * 1.1, np.nan, np.nan, np.nan])


def test_without_a_rule_no_event_has_an_interval():
    events = gpd.GeoDataFrame(
        {"status": ["confirmed"], "ha": [1.0]}, geometry=[box(0, 0, 100, 100)], crs="EPSG:32719"
    )
    (row,) = interval_columns(events, None, 10.0).to_dict("records")
    assert row["ci_method"] == "not_estimated" and np.isnan([row["ha_ci_lo"], row["ha_ci_hi"]]).all()
