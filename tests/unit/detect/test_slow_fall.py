"""A fall over months is followed and taken off, one at once is not, and rims wait for what they lie
beside.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, START, fused, observation, quiet_baselines
from selvawatch.core.settings import load
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.shift_rule import CommonShift

MODEL = fused()
RULE = replace(
    load(CommonShift, Path(__file__).parents[3] / "models" / "common.toml"), most={}, registration=None
)
SIDE = 32


def after(falls, rule=RULE, seed=3):
    """Layers after a year of one observation in eight days; falls: day since the start -> (y, x) fall."""
    rng = np.random.default_rng(seed)
    shape = (SIDE, SIDE)
    reason = xr.DataArray(np.full(shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    state = fusion.start(MODEL, reason, resolution=30.0)
    observations = []
    for day in range(0, 360, 8):
        fall = falls(day) + rng.normal(0, 0.008, shape)
        observations.append(
            observation(
                START + day,
                shape=shape,
                ndvi=np.rint(LEVELS["ndvi"] - 1e4 * fall),
                nbr=np.rint(LEVELS["nbr"] - 1.1e4 * fall),
                mndwi=LEVELS["mndwi"],
            )
        )
    state = fusion.advance(MODEL, quiet_baselines(shape), state, observations, rule=rule)
    return fusion.layers(state)


def confirmed(layers):
    return (layers["status"].to_numpy() == Status.CONFIRMED).mean()


def dying(day):
    return np.full((SIDE, SIDE), 0.2 * min(day / 240, 1.0))


def felled(day):
    fall = np.zeros((SIDE, SIDE))
    fall[8:24, 8:24] = 0.2 if day >= 120 else 0.0
    return fall


def test_a_fall_over_eight_months_is_no_loss_and_would_be_one_unfollowed():
    assert confirmed(after(dying)) < 0.02
    assert confirmed(after(dying, replace(RULE, slow=None))) > 0.9


def test_the_same_fall_at_once_is_found_as_fast_as_unfollowed():
    for rule in (RULE, replace(RULE, slow=None)):
        layers = after(felled, rule)
        assert confirmed(layers.isel(y=slice(9, 23), x=slice(9, 23))) > 0.98
        found = layers["confirmed_on"].to_numpy()
        assert np.median(found[found > 0]) <= START + 120 + 24
        assert confirmed(layers.isel(y=slice(0, 7))) == 0


def test_a_clearing_within_dying_forest_is_still_found():
    def both(day):
        fall = dying(day)
        fall[8:24, 8:24] += 0.45 if day >= 200 else 0.0
        return fall

    layers = after(both)
    assert confirmed(layers.isel(y=slice(9, 23), x=slice(9, 23))) > 0.98
    assert confirmed(layers.isel(y=slice(0, 7))) < 0.05


def test_day_by_day_is_all_at_once():
    shape = (SIDE, SIDE)
    reason = xr.DataArray(np.full(shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    observations = [
        observation(START + day, shape=shape, ndvi=LEVELS["ndvi"] - 5 * day, nbr=LEVELS["nbr"] - 5 * day)
        for day in range(0, 160, 8)
    ]
    begun = fusion.start(MODEL, reason, resolution=30.0)
    whole = fusion.advance(MODEL, quiet_baselines(shape), begun, observations, rule=RULE, workers=2)
    for single in observations:
        begun = fusion.advance(MODEL, quiet_baselines(shape), begun, [single], rule=RULE)
    assert whole.identical(begun)
    assert (whole["slow_ndvi"].to_numpy() > 0).all()


@pytest.mark.parametrize(("share", "expected"), [(0.25, False), (0.6, True)])
def test_a_rim_that_fell_by_a_small_part_of_what_it_lies_beside_is_not_confirmed(share, expected):
    def cut(day):
        fall = np.zeros((SIDE, SIDE))
        if day >= 120:
            fall[8:24, 8:24] = 0.5
            fall[7, 8:24] = 0.5 * share
        return fall

    layers = after(cut)
    assert (layers["status"].to_numpy()[10:22, 10:22] == Status.CONFIRMED).all()
    assert (layers["status"].to_numpy()[7, 9:23] == Status.CONFIRMED).all() == expected
