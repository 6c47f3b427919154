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
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.common_shift import measured
from selvawatch.detect.kernels import slow as kernels
from selvawatch.detect.shared_parts import SharedParts
from selvawatch.detect.shift_rule import CommonShift

MODEL = fused()
RULE = replace(
    load(CommonShift, Path(__file__).parents[3] / "models" / "common.toml"), most={}, registration=None
)
SIDE = 32


def after(falls, rule=RULE, seed=3, days=360):
    """Layers after a year of one observation in eight days; falls: day since the start -> (y, x) fall."""
    return fusion.layers(state_after(falls, rule, seed, days), rule)


def state_after(falls, rule=RULE, seed=3, days=360):
    rng = np.random.default_rng(seed)
    shape = (SIDE, SIDE)
    reason = xr.DataArray(np.full(shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    state = fusion.start(MODEL, reason, resolution=30.0)
    observations = []
    for day in range(0, days, 8):
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
    return fusion.advance(MODEL, quiet_baselines(shape), state, observations, rule=rule)


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


@pytest.mark.parametrize(("reach", "expected"), [(1, False), (4, True)])
def test_weak_losses_beside_a_strong_one_are_its_rim_only_where_others_stand_beside_them(reach, expected):
    def cut(day):
        fall = np.zeros((SIDE, SIDE))
        if day >= 120:
            fall[12 - reach : 14 + reach, 12 - reach : 14 + reach] = 0.15
            fall[12:14, 12:14] = 0.5
        return fall

    status = after(cut)["status"].to_numpy()
    assert (status[12:14, 12:14] == Status.CONFIRMED).all()
    around = np.ones((4, 4), bool)
    around[1:3, 1:3] = False
    assert (status[11:15, 11:15][around] == Status.CONFIRMED).all() == expected
    assert (status[11:15, 11:15][around] == Status.CONFIRMED).any() == expected


def test_a_block_of_few_calm_pixels_is_measured_by_all_of_its_forest():
    shape = (64, 64)
    sigma = np.full(shape, 250, np.int16)
    calm = np.zeros(shape, bool)
    assert measured(calm, sigma, RULE).all()
    calm[:, 20:] = True
    assert not measured(calm, sigma, RULE)[:, :20].any()


def test_blue_is_not_known_where_a_whole_block_fell_further_than_a_shift_may_be():
    shape = (64, 64)
    rule = replace(RULE, most={"ndvi": 0.15, "nbr": 0.15, "mndwi": 0.2})
    for fall, known in ((0.1, True), (0.35, False)):
        seen = observation(
            START,
            shape=shape,
            ndvi=LEVELS["ndvi"] - 1e4 * fall,
            nbr=LEVELS["nbr"] - 4e3 * fall,
            mndwi=LEVELS["mndwi"] + 9e3 * fall,
        )
        blue = np.full(shape, 250 + 2200 * fall, np.int16)
        lit = replace(seen, values={**seen.values, "blue": blue}, scales={**seen.scales, "blue": 1e-4})
        excess = SharedParts(MODEL, quiet_baselines(shape), rule).without_shared(lit).values["blue_excess"]
        assert ((excess != NODATA) == known).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"block_px": 0},
        {"block_px": 24},
        {"block_px": 1},
        {"rates": {"mndwi": 0.001}},
        {"rates": {"ndvi": 0.0}},
    ],
)
def test_settings_that_no_tile_could_follow_are_refused(wrong):
    with pytest.raises(ValueError, match=r"block_px|rates"):
        replace(RULE, slow=replace(RULE.slow, **wrong))


def test_the_kernels_are_the_slow_falls_written_from_their_description():
    rng = np.random.default_rng(4)
    rows, columns, day = 8, 12, 19_100
    size = rows * columns
    values = rng.integers(4000, 9000, size).astype(np.int16)
    values[::7] = NODATA
    sigma = np.where(rng.random(size) < 0.1, 0, 250).astype(np.int16)
    terms = np.stack([rng.integers(7000, 9000, size), rng.integers(-300, 300, size), np.zeros(size)])
    terms, basis = np.ascontiguousarray(terms, np.int16), np.array([1, 0.5, -0.5], np.float32)
    numbers = np.array([12, 3, 60, 50, 6000, 200], np.float32)
    allowed = rng.uniform(0, 900, (2, 3)).astype(np.float32)
    rising = np.array([[kernels.STILL, kernels.CALM, kernels.ALL]] * 2, np.uint8)
    block_rows, block_columns = np.arange(rows) // 4, np.arange(columns) // 4
    calm = rng.random(size) < 0.5
    level = rng.integers(-200, 1500, size).astype(np.int16)
    seen_on = np.where(rng.random(size) < 0.2, 0, day - rng.integers(1, 90, size)).astype(np.uint16)
    before, out = level.copy(), np.empty(size, np.int16)
    where = (block_rows, block_columns, 0, rows)
    kernels.follow(
        values, terms, sigma, basis, day, numbers, allowed, rising, *where, calm, level, seen_on, out
    )
    fall = rng.integers(0, 250, size).astype(np.uint8)
    fell, fell_on = fall.copy(), seen_on.copy()
    kernels.keep_fall(values, terms, sigma, basis, day, 5000.0, 0.4, 0, size, fell, fell_on)
    for p in range(size):
        if values[p] == NODATA or sigma[p] == 0:
            assert (out[p], level[p], fell[p], fell_on[p]) == (values[p], before[p], fall[p], seen_on[p])
            continue
        block = block_rows[p // columns], block_columns[p % columns]
        predicted = float(terms[:, p].astype(float) @ basis)
        back = min(max(before[p] - 50.0, 0.0), float(allowed[block]))
        assert abs(out[p] - (values[p] + back)) <= 0.51
        step = 12.0 * min(day - int(seen_on[p]) if seen_on[p] else 0, 60)
        off = predicted - values[p] - before[p]
        may_rise = rising[block] == kernels.ALL or (rising[block] == kernels.CALM and calm[p])
        moved = 0.0 if off > 3 * 250 else min(max(off, -step), step if may_rise else 0.0)
        assert abs(level[p] - min(max(before[p] + moved, -6000), 6000)) <= 0.51
        now = min(max((predicted - values[p]) * 250 / 5000, 0), 250)
        assert abs(float(fell[p]) - (0.6 * fall[p] + 0.4 * now)) <= 0.51 and fell_on[p] == day
