"""Hectares of a cube's confirmed events are those of a run, and stand against the truth."""

import json
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from make_world import make_world

from conftest import ROOT
from selvawatch.core.grid import Grid
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.settings import load
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.detect.charts.chart_models import load_detector
from selvawatch.detect.model import Model
from selvawatch.events.calibrated.interval_rule import IntervalRule
from selvawatch.events.detected import detect_events
from selvawatch.events.patches import EventFrame, EventRule
from selvawatch.validate.hectares.cube_events import confirmed_events, event_hectares
from selvawatch.validate.hectares.hectare_figures import hectare_figures
from selvawatch.validate.judge_raster import validate_cube, watch_cube

MODELS = ROOT / "models"
FIRST, LAST, ONSET = 19_000, 19_365, 19_100
UNKNOWN = np.full((12, 12), np.nan, np.float32)


@pytest.fixture(scope="module")
def rule():
    return load(EventRule, MODELS / "events.toml")


@pytest.fixture(scope="module")
def model():
    return load(Model, MODELS / "fused.toml")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    make_world(folder, "w", 11, frozenset({"mixed", "jitter"}), size=32, step_days=12.0)
    return folder


def layers_of(*, confirmed=(), provisional=()):
    """Layers of 12 x 12 pixels; what was drawn: slices of rows and columns."""
    layers = {name: layer.empty((12, 12)) for name, layer in LAYERS.items()}
    for name in ("status", "confidence", "reason", "looks", "looks_total", "last_look"):
        layers[name] = np.zeros((12, 12), LAYERS[name].dtype)
    layers["reason"][:] = Reason.MONITORED
    for drawn, status, confidence in (
        (confirmed, Status.CONFIRMED, Confidence.HIGH),
        (provisional, Status.PROVISIONAL, Confidence.LOW),
    ):
        for where in drawn:
            layers["status"][where], layers["confidence"][where] = status, confidence
            for name in ("onset", "onset_latest", "detected_on", "provisional_on"):
                layers[name][where] = ONSET
            if status == Status.CONFIRMED:
                layers["confirmed_on"][where] = ONSET + 10
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


def test_confirmed_patches_of_the_least_size_are_events_and_provisional_ones_are_not(rule):
    layers = layers_of(
        confirmed=[np.s_[1:4, 1:4], np.s_[8:9, 1:2]], provisional=[np.s_[1:3, 7:10], np.s_[4:5, 1:2]]
    )
    number = confirmed_events(layers, UNKNOWN, rule, 30.0, ONSET + 20)
    expected = np.full((12, 12), -1)
    expected[1:4, 1:4] = expected[4, 1] = 0
    np.testing.assert_array_equal(number, expected)


def test_an_area_without_an_alert_has_no_event(rule):
    assert (confirmed_events(layers_of(), UNKNOWN, rule, 30.0, ONSET + 20) == -1).all()


def test_events_of_a_cube_are_those_that_a_run_makes_of_the_same_layers(world, model, rule):
    done = watch_cube(world, "w", model, scored=False)
    layers = done.watched.layers
    fall = done.ndvi.fall(done.baselines, layers["onset"].to_numpy(), rule.loss_looks)
    grid = Grid(crs="EPSG:32719", resolution=30.0, tile_px=32, anchor_x=370_000, anchor_y=8_580_000)
    tile = grid.tile("x0000y0000")
    frame = EventFrame(grid=grid, equal_area=equal_area_crs(-70.2, -12.8), prefix="T")
    found = detect_events(
        None, {tile: layers.assign(fall=(("y", "x"), fall))}, frame, rule, done.watched.last_day, {}
    )
    is_confirmed = found.events["status"].isin(["confirmed", "closed"]).to_numpy()
    expected, number = found.labels.raster(tile), done.numbers(rule)
    in_event = (expected >= 0) & np.append(is_confirmed, False)[expected]
    assert in_event.any() and np.isfinite(fall[in_event]).any()
    np.testing.assert_array_equal(number >= 0, in_event)
    pairs = np.unique(np.stack([number[in_event], expected[in_event]]), axis=1)
    assert pairs.shape[1] == is_confirmed.sum() == number.max() + 1


def test_what_was_lost_belongs_to_the_event_that_it_touches():
    number = np.full((12, 12), -1, np.int32)
    number[1:4, 1:4], number[8:10, 8:10] = 0, 1
    layers = layers_of()
    layers["reason"].data[11, 0] = Reason.MONITORED + 1
    break_day = np.zeros((12, 12), np.int64)
    break_day[1:4, 1:3] = ONSET  # six of the nine pixels of the first event
    break_day[4, 4] = ONSET  # at its corner
    break_day[6, 6] = ONSET  # apart from both
    break_day[11, 0] = ONSET  # not monitored
    break_day[8, 8] = LAST - 5  # late, in an event
    break_day[8, 10] = LAST - 5  # late, outside
    break_day[9, 9] = FIRST - 5  # before the monitoring
    found = event_hectares(number, layers, break_day, (FIRST, LAST), 0.5)
    np.testing.assert_allclose(found.ha, [4.5, 2.0])
    np.testing.assert_allclose(found.rim_ha, [6.0, 4.0])
    np.testing.assert_allclose(found.truth_ha, [3.5, 0.5])
    assert (found.area_truth_ha, found.unwatched_ha) == (4.5, 0.5)


def test_figures_count_the_events_of_the_least_size_whose_interval_holds_the_truth():
    number = np.full((12, 12), -1, np.int32)
    number[1:4, 1:4], number[8:10, 8:10] = 0, 1
    break_day = np.where(number == 0, ONSET, 0)
    found = event_hectares(number, layers_of(), break_day, (FIRST, LAST), 0.5)
    wide = IntervalRule(
        level=0.9, event_inward_px=0.1, event_outward_px=0.1, sum_rim_px=0.0, commission=0.4, omission=0.0,
        least_ha=2.0,
    )  # fmt: skip
    figures = hectare_figures(found, wide)
    assert (figures.events_held, len(figures.event_widths_ha)) == (1, 2)
    assert figures.interval == pytest.approx((3.9, 6.5)) and figures.is_held
    assert figures.as_json()["events_width_ha_median"] == pytest.approx(1.0)
    narrow = hectare_figures(found, replace(wide, commission=0.1, least_ha=2.1))
    assert (narrow.events_held, len(narrow.event_widths_ha), narrow.is_held) == (1, 1, False)
    assert "5.85 to 6.50 does not hold it" in narrow.lines()[0]


def test_an_area_without_an_event_has_no_interval(rule):
    nothing = np.full((12, 12), -1, np.int32)
    break_day = np.zeros((12, 12), np.int64)
    break_day[3, 3] = ONSET
    found = event_hectares(nothing, layers_of(), break_day, (FIRST, LAST), 0.09)
    figures = hectare_figures(found, rule.interval)
    assert figures.is_held is None and figures.as_json()["ha_low"] is None
    assert figures.lines() == ["hectares: 0.00 confirmed, 0.09 lost, no interval where nothing was confirmed"]


def test_hectares_are_in_the_report_of_a_cube_where_events_are_asked_for(world, model, rule):
    report = validate_cube(world, "w", model, event_rule=rule)
    figures = report.as_json()["hectares"]
    assert json.loads(json.dumps(figures)) == figures
    assert figures["confirmed_ha"] > 0 and figures["events"] >= figures["events_held"] > 0
    assert sum("90 % interval" in line for line in report.lines()) == 2
    assert "hectares" not in validate_cube(world, "w", model).as_json()
    without = replace(rule, interval=None)
    assert validate_cube(world, "w", model, event_rule=without).hectares is None


def test_a_control_chart_makes_no_events_and_has_no_hectares(world, model, rule):
    chart = load_detector(MODELS / "ewma.toml", model)
    assert validate_cube(world, "w", chart, event_rule=rule).hectares is None
