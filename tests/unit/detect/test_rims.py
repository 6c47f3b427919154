"""Which pixels wait as rims, against plain Python written from the description of `[rim]`."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, START, fused, observation, quiet_baselines
from selvawatch.core.settings import load
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.kernels import fusion as kernels
from selvawatch.detect.kernels.slow import WHOLE
from selvawatch.detect.shift_rule import CommonShift

MODEL = fused()
RULE = replace(
    load(CommonShift, Path(__file__).parents[3] / "models" / "common.toml"), most={}, registration=None
)
ROWS, COLUMNS = 13, 17
FALLS = (0, 4, 10, 19, 20, 21, 40, 60, 99, 100, 101, 119, 120, 121, 199, 200, 240, WHOLE)
"""Running falls on either side of what the rule compares them with."""


def planes(rng):
    """Sums, falls and flags of provisional and suspect pixels, most of them near a confirmation."""
    size = ROWS * COLUMNS
    drawn = {name: rng.integers(0, 200, size).astype(np.uint8) for name in ("sum_o", "sum_r", "sum_j")}
    drawn["sum_o"][rng.random(size) < 0.1] = 0
    drawn["raised"] = rng.integers(0, 20, (3, size)).astype(np.uint8)
    drawn["fall"] = rng.choice(FALLS, size).astype(np.uint8)
    drawn["fall_on"] = np.where(rng.random(size) < 0.85, START, 0).astype(np.uint16)
    drawn["active"] = (kernels.OPEN + (rng.random(size) < 0.6)).astype(np.uint8)
    status = np.where(rng.random(size) < 0.7, kernels.PROVISIONAL, kernels.SUSPECT)
    drawn["flags"] = status.astype(np.uint8)
    return drawn


def decided(drawn, distance, shares, levels):
    """Which pixels the kernel confirms, (pixels,) bool."""
    size = ROWS * COLUMNS
    flags = drawn["flags"].copy()

    def run_of(name):
        return (drawn[name].copy(), np.ones(size, np.uint16), *(np.ones(size, np.uint8) for _ in range(2)))

    kernels.decide(
        0, ROWS, ROWS, COLUMNS, distance, MODEL.support.neighbours, START, MODEL.close_after_days,
        MODEL.buffer_days, shares, levels, drawn["raised"], drawn["active"], flags, *run_of("sum_o"),
        *run_of("sum_r"), *run_of("sum_j"), *(np.zeros(size, np.uint16) for _ in range(3)),
        drawn["fall"].copy(), drawn["fall_on"].copy(),
    )  # fmt: skip
    return flags & kernels.STATUS_BITS == kernels.CONFIRMED


def slowly(drawn, distance, levels):
    """Which pixels are confirmed, and which wait as rims though their sums suffice, by plain Python."""
    rim = MODEL.rim
    full = {name: drawn[name].astype(int) for name in ("sum_o", "sum_r", "sum_j", "fall", "fall_on")}
    confirmed, waiting = np.zeros((2, ROWS * COLUMNS), bool)
    for p in range(ROWS * COLUMNS):
        row, column = divmod(p, COLUMNS)
        steps = [step for step in product((-distance, 0, distance), repeat=2) if step != (0, 0)]
        beside = [(row + y, column + x) for y, x in steps]
        beside = [y * COLUMNS + x for y, x in beside if 0 <= y < ROWS and 0 <= x < COLUMNS]
        above = [q for q in beside if drawn["active"][q] & kernels.ABOVE]
        fell = full["fall"][p]
        hardly = max(rim.outside_share * fell, rim.outside_fall / rim.full * WHOLE)
        outside = sum(full["fall_on"][q] > 0 and full["fall"][q] <= hardly for q in beside)
        core = max((full["fall"][q] for q in above), default=0)
        is_rim = full["sum_o"][p] > 0 and full["fall_on"][p] > 0 and fell < rim.least_share * core
        is_rim = is_rim and outside >= rim.outside
        level = levels[:, 2 if len(above) >= MODEL.support.neighbours else 3] + drawn["raised"][:, p]
        sums = [full[name][p] for name in ("sum_o", "sum_r", "sum_j")]
        calm = all(total <= at for total, at in zip(sums, levels[:, 0], strict=True))
        enough = not calm and any(total >= at for total, at in zip(sums, level, strict=True))
        confirmed[p], waiting[p] = enough and not is_rim, enough and is_rim
    return confirmed, waiting


@pytest.mark.parametrize("distance", [1, 3])
def test_the_kernel_confirms_what_plain_python_confirms(distance):
    rng, (_, levels) = np.random.default_rng(distance), fusion._units(MODEL)
    waited = 0
    for _ in range(12):
        drawn = planes(rng)
        confirmed, waiting = slowly(drawn, distance, levels)
        np.testing.assert_array_equal(decided(drawn, distance, fusion.shares_of(MODEL), levels), confirmed)
        waited += int(waiting.sum())
    assert waited > 100


def ring_after(fall, *, noise=0.02, outer=0.0, sigma=250):
    """Share of a ring beside a pit that is confirmed after a year; what lies further out fell by `outer`."""
    side = 24
    falls = np.full((side, side), outer)
    falls[9:15, 9:15] = fall
    falls[10:14, 10:14] = 0.5
    ring = np.zeros((side, side), bool)
    ring[9:15, 9:15] = True
    ring[10:14, 10:14] = False
    baselines = quiet_baselines((side, side))
    far = np.ones((side, side), bool)
    far[9:15, 9:15] = False
    for stream, index in MODEL.pairs():
        baselines[f"{stream.stream}.{index.index}.sigma"].to_numpy()[far] *= sigma != 0
    rng = np.random.default_rng(5)
    observations = []
    for day in range(0, 360, 8):
        now = (falls if day >= 120 else np.zeros_like(falls)) + rng.normal(0, noise, falls.shape)
        soil = np.where(ring & (day >= 120), 0.25, 1.1 * now)
        values = {"ndvi": LEVELS["ndvi"] - 1e4 * now, "nbr": LEVELS["nbr"] - 1e4 * soil}
        rounded = {name: np.rint(value) for name, value in values.items()}
        observations.append(observation(START + day, shape=falls.shape, **rounded))
    reason = xr.DataArray(np.full(falls.shape, Reason.MONITORED, np.uint8), dims=("y", "x"))
    state = fusion.start(MODEL, reason, resolution=30.0)
    state = fusion.advance(MODEL, baselines, state, observations, rule=RULE)
    status = fusion.layers(state, RULE)["status"].to_numpy()
    assert (status[10:14, 10:14] == Status.CONFIRMED).all()
    return (status[ring] == Status.CONFIRMED).mean()


@pytest.mark.parametrize("fall", [0.0, 0.01, 0.02, 0.04, 0.08, 0.16])
def test_what_fell_less_than_a_rim_is_a_rim_all_the_more(fall):
    assert ring_after(fall) == 0


def test_a_pixel_that_fell_by_two_fifths_of_a_pit_waits_beside_standing_forest_alone():
    assert ring_after(0.22) == 0
    assert ring_after(0.22, outer=0.22) == 1
    assert ring_after(0.22, sigma=0) == 1
