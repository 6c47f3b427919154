"""A pixel is told of before its confirmation only where it fell far, or radar says much."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, START, fused, observation, quiet_baselines
from selvawatch.core.settings import load
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.model import Promise
from selvawatch.detect.shift_rule import CommonShift

MODEL = fused()
RULE = replace(
    load(CommonShift, Path(__file__).parents[3] / "models" / "common.toml"), most={}, registration=None
)
SIDE = 32
INNER = {"y": slice(12, 20), "x": slice(12, 20)}


def seen(day, fall):
    """An observation in which the middle of the ground fell so far in NDVI, and the rest is forest."""
    falls = np.zeros((SIDE, SIDE))
    falls[8:24, 8:24] = fall
    return observation(
        START + day,
        shape=falls.shape,
        ndvi=np.rint(LEVELS["ndvi"] - 1e4 * falls),
        nbr=np.rint(LEVELS["nbr"] - 1.1e4 * falls),
        mndwi=LEVELS["mndwi"],
    )


def radar(day, fall):
    """A radar observation in which all ground fell by so many dB."""
    return observation(
        START + day,
        "sentinel-1-ascending",
        shape=(SIDE, SIDE),
        vv=LEVELS["vv"] - 100 * fall,
        vh=LEVELS["vh"] - 100 * fall,
    )


def state_after(observations, model=MODEL, **starting):
    """The running state of all ground."""
    shape = (SIDE, SIDE)
    reason = xr.DataArray(np.full(shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    state = fusion.start(model, reason, resolution=30.0, **starting)
    calm = [seen(day, 0.0) for day in range(-24, 0, 8)]
    return fusion.advance(model, quiet_baselines(shape), state, [*calm, *observations], rule=RULE)


def after(observations, model=MODEL):
    """Layers of the middle of the ground."""
    return fusion.layers(state_after(observations, model)).isel(INNER)


def statuses(layers):
    return set(np.unique(layers["status"]).tolist())


def test_a_weak_fall_seen_once_is_not_told_of_and_would_be_without_the_rule():
    once = [seen(0, 0.14)]
    assert statuses(after(once)) == {Status.NONE}
    assert statuses(after(once, replace(MODEL, promise=Promise()))) == {Status.PROVISIONAL}


def test_a_whole_fall_is_told_of_at_once():
    assert statuses(after([seen(0, 0.55)])) == {Status.PROVISIONAL}


def test_a_weak_fall_is_confirmed_on_the_day_it_would_be_and_first_told_of_then():
    weak = [seen(day, 0.14) for day in range(0, 40, 8)]
    found, known = after(weak), after(weak, replace(MODEL, promise=Promise()))
    assert statuses(found) == {Status.CONFIRMED}
    for name in ("confirmed_on", "onset", "onset_earliest", "looks"):
        np.testing.assert_array_equal(found[name], known[name])
    np.testing.assert_array_equal(found["detected_on"], found["confirmed_on"])
    assert (known["detected_on"] < known["confirmed_on"]).all()


def test_what_nobody_was_told_of_and_is_forest_leaves_no_day():
    layers = after([seen(0, 0.14), *(seen(day, 0.0) for day in range(8, 40, 8))])
    assert statuses(layers) == {Status.NONE}
    for name in ("onset", "detected_on", "provisional_on", "confirmed_on", "withdrawn_on", "looks"):
        assert not layers[name].any()


def test_a_weak_fall_that_becomes_a_whole_one_is_told_of_from_that_day_on():
    layers = after([seen(0, 0.14), seen(8, 0.0), seen(16, 0.14), seen(24, 0.5)])
    assert (layers["detected_on"] == START + 24).all()


def test_radar_is_told_of_at_once_where_pictures_show_forest_and_not_where_it_is_asked_for_more():
    once = [radar(0, 6.0)]
    assert statuses(after(once)) == {Status.PROVISIONAL}
    assert statuses(after(once, replace(MODEL, promise=Promise(least_fall=0.16, radar=4.0)))) == {Status.NONE}


def test_radar_alone_is_told_of_as_before():
    shape = (1, 1)
    state = fusion.start(MODEL, xr.DataArray(np.zeros(shape, np.uint8), dims=("y", "x")), resolution=None)
    one = observation(START, "sentinel-1-ascending", vv=-1500, vh=-2200)
    layers = fusion.layers(fusion.advance(MODEL, quiet_baselines(shape), state, [one]))
    assert int(layers["status"][0, 0]) == Status.PROVISIONAL


@pytest.mark.parametrize("wrong", [{"least_fall": -0.1}, {"radar": -1.0}])
def test_a_negative_promise_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Promise(**wrong)


@pytest.mark.parametrize(
    ("observations", "since"),
    [
        ([seen(0, 0.14)], START),
        ([seen(0, 0.55)], 0),
        ([seen(0, 0.0)], 0),
        ([seen(0, 0.14), *(seen(day, 0.0) for day in range(8, 48, 8))], 0),
        ([seen(day, 0.14) for day in range(0, 40, 8)], 0),
    ],
    ids=["weak", "promising", "forest", "calm again", "confirmed"],
)
def test_a_pixel_is_suspect_since_its_sum_passed_until_it_is_told_of_or_calm(observations, since):
    found = fusion.suspect_since(state_after(observations))
    assert set(np.unique(found[INNER["y"], INNER["x"]])) == {since}


def test_what_became_suspect_before_the_monitoring_is_not_counted():
    assert not fusion.suspect_since(state_after([seen(0, 0.14)], monitored_from=START + 1)).any()
