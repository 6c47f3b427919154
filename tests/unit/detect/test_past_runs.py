"""Where sums ran high in a history and nothing was lost, more is asked of a confirmation."""

from dataclasses import replace

import numpy as np
import pytest

from detect_made import START, fused, monitored, observation, quiet_baselines
from selvawatch.core.status import Status
from selvawatch.detect import fusion
from selvawatch.detect.kernels.runs import end_runs
from selvawatch.detect.past_runs import raised_by, raised_levels
from selvawatch.detect.shift_rule import CommonShift, Corner

PAST = replace(fused().past_runs, rate=1e-3, least_runs=2, longest_days=100, most=4.0, days=10_000)
MODEL = replace(fused(), past_runs=PAST)
RULE = CommonShift(block_px=4, step_px=1, minimum_px=1_000, noise=0.8, most={}, slow=None)
"""Blocks of four pixels of which no shift is taken off."""
SOIL = {"ndvi": 2000, "nbr": -500}
UNITS = MODEL.in_units(MODEL.optical.confirmed)


def history(bad, shape, days=range(-400, 0, 8)):
    """Observations of forest; on some days soil in some pixels. bad: days and (y, x) bool."""
    bad_days, where = bad
    return [
        observation(
            START + day,
            shape=shape,
            **{
                name: np.where(where & (day in bad_days), value, {"ndvi": 8200, "nbr": 6500}[name])
                for name, value in SOIL.items()
            },
        )
        for day in days
    ]


def raised(observations, shape=(12, 4), model=MODEL, corner=None):
    state = fusion.start(model, monitored(shape), resolution=30.0)
    made = raised_levels(model, quiet_baselines(shape), state, observations, rule=RULE, corner=corner)
    return {name: made[variable].to_numpy() for name, variable in fusion.RAISED.items()}


def north(shape=(12, 4)):
    where = np.zeros(shape, bool)
    where[:4] = True
    return where


def test_a_history_without_runs_raises_nothing():
    assert not any(plane.any() for plane in raised(history(((), north()), (12, 4))).values())


def test_haze_that_stayed_raises_the_level_of_its_block_and_of_its_neighbours_alone():
    found = raised(history(((-200, -192, -184), north()), (12, 4)))["optical"]
    assert (found[:8] > 0).all() and not found[8:].any()
    assert len(np.unique(found[:8])) == 1


def test_the_raised_level_is_one_above_the_highest_run_that_is_too_many():
    height = 2 * MODEL.in_units(MODEL.optical.day_high)
    found = raised(history(((-200, -192), north()), (12, 4)))["optical"]
    assert found[0, 0] == height + 1 - UNITS


def test_no_level_is_raised_by_more_than_the_model_allows():
    found = raised(history((range(-248, -200, 8), north()), (12, 4)))["optical"]
    assert found[0, 0] == MODEL.in_units(PAST.most)


def test_few_runs_are_no_rate():
    one = np.zeros((12, 4), bool)
    one[0, :2] = True
    assert not raised(history(((-200, -192, -184), one), (12, 4)))["optical"].any()


def test_a_run_that_took_long_is_a_loss_that_grew_over_and_raises_nothing():
    assert not raised(history((range(-320, -160, 8), north()), (12, 4)))["optical"].any()


def test_a_run_that_stands_at_the_end_of_the_history_raises_nothing():
    assert not raised(history((range(-24, 0, 8), north()), (12, 4)))["optical"].any()


def test_blocks_are_those_of_the_grid():
    where = np.zeros((12, 4), bool)
    where[:2] = True
    found = raised(history(((-200, -192, -184), where), (12, 4)), corner=Corner(row=2, column=0))["optical"]
    assert (found[:6] > 0).all() and not found[6:].any()


def test_a_model_without_the_rule_raises_nothing():
    found = raised(history(((-200, -192, -184), north()), (12, 4)), model=replace(MODEL, past_runs=None))
    assert not any(plane.any() for plane in found.values())


def test_the_state_that_is_given_stays_as_it_is():
    state = fusion.start(MODEL, monitored((4, 4)), resolution=30.0)
    before = state.copy(deep=True)
    raised_levels(MODEL, quiet_baselines((4, 4)), state, history(((-200,), north((4, 4))), (4, 4)), rule=RULE)
    assert state.identical(before)


@pytest.mark.parametrize("more", [0, 40, 80])
def test_a_raised_pixel_is_confirmed_by_the_observation_that_reaches_the_raised_level(more):
    baselines = quiet_baselines((1, 1))
    plane = np.full((1, 1), more, np.uint8)
    baselines = baselines.assign({name: (("y", "x"), plane) for name in fusion.RAISED.values()})
    state = fusion.start(MODEL, monitored((1, 1)), resolution=None)
    alone, reached, day = MODEL.in_units(MODEL.optical.confirmed_alone) + more, 0, START
    while reached < alone:
        assert fusion.layers(state)["status"].item() != Status.CONFIRMED
        day += 8
        state = fusion.advance(MODEL, baselines, state, [observation(day, **SOIL)])
        reached = int(state["sum_optical"].item())
    assert fusion.layers(state)["confirmed_on"].item() == day


@pytest.mark.parametrize("seed", [1, 2])
def test_the_kernel_counts_the_runs_that_a_slow_pixel_has(seed):
    rng = np.random.default_rng(seed)
    shape, longest = (7, 9), 20
    of_row, of_column = np.arange(7) // 3, np.arange(9) // 4
    across = int(of_column[-1]) + 1
    highest, began = np.zeros(63, np.uint8), np.zeros(63, np.uint16)
    counts = np.zeros(((int(of_row[-1]) + 1) * across, 256), np.int64)
    expected = np.zeros_like(counts)
    sums = np.where(rng.random((40, *shape)) < 0.35, 0, rng.integers(1, 256, (40, *shape))).astype(np.uint8)
    days = START + np.cumsum(rng.integers(1, 9, 40))
    for day, total in zip(days.tolist(), sums, strict=True):
        end_runs(total.reshape(-1), of_row, of_column, day, longest, highest, began, counts)
    for row in range(shape[0]):
        for column in range(shape[1]):
            run = []
            for day, value in zip(days.tolist(), sums[:, row, column].tolist(), strict=True):
                if value:
                    run.append((day, value))
                elif run:
                    if day - run[0][0] <= longest:
                        block = of_row[row] * across + of_column[column]
                        expected[block, max(height for _, height in run)] += 1
                    run = []
    np.testing.assert_array_equal(counts, expected)
    assert counts.any()


def test_a_level_is_raised_to_the_lowest_that_few_enough_runs_reach():
    runs = np.zeros((2, 256), np.int64)
    runs[0, [100, 110, 120]] = 5, 3, 1
    runs[1, 255] = 9
    assert raised_by(runs, np.array([3.0, 3.0]), 100).tolist() == [11, 156]
    assert raised_by(runs, np.array([4.0, 9.0]), 100).tolist() == [1, 0]
