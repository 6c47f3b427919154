import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from detect_made import START, fused, monitored, quiet_baselines, random_looks
from selvawatch.core.observation import Observation
from selvawatch.core.status import MOVES, Status
from selvawatch.detect import fusion
from selvawatch.detect.halo import halo

MODEL = fused()
SHAPE = (9, 12)
RESOLUTION = 30.0
archives = st.integers(0, 10_000)


def archive(seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    observations = random_looks(rng, shape, range(START, START + 120, 4), loss_from=START + 40)
    baselines = quiet_baselines(shape, {"ndvi": 150, "vv": 60, "vh": 60})
    return baselines, observations


def begin(shape=SHAPE):
    return fusion.start(MODEL, monitored(shape), resolution=RESOLUTION)


def by_day(observations):
    return [
        [observation for observation in observations if observation.day == day]
        for day in sorted({observation.day for observation in observations})
    ]


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(1, 4))
def test_day_by_day_is_all_at_once(seed, workers):
    baselines, observations = archive(seed)
    whole = fusion.advance(MODEL, baselines, begin(), observations, workers=workers)
    state = begin()
    for today in by_day(observations):
        state = fusion.advance(MODEL, baselines, state, today)
    xr.testing.assert_identical(whole, state)


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(1, 8), st.integers(1, 11))
def test_cutting_a_tile_with_a_halo_changes_no_pixel(seed, row, column):
    baselines, observations = archive(seed)
    whole = fusion.advance(MODEL, baselines, begin(), observations)
    reach = halo(MODEL, RESOLUTION)
    for rows in (slice(0, row), slice(row, SHAPE[0])):
        for columns in (slice(0, column), slice(column, SHAPE[1])):
            wide = (
                slice(max(0, rows.start - reach), min(SHAPE[0], rows.stop + reach)),
                slice(max(0, columns.start - reach), min(SHAPE[1], columns.stop + reach)),
            )
            cut = [
                Observation(
                    day=observation.day,
                    stream=observation.stream,
                    values={
                        name: np.ascontiguousarray(array[wide]) for name, array in observation.values.items()
                    },
                    scales=observation.scales,
                    scene_ids=observation.scene_ids,
                    clear_share=observation.clear_share,
                )
                for observation in observations
            ]
            ground = {"y": wide[0], "x": wide[1]}
            part = fusion.advance(MODEL, baselines.isel(ground), begin().isel(ground), cut)
            inner = {
                "y": slice(rows.start - wide[0].start, rows.stop - wide[0].start),
                "x": slice(columns.start - wide[1].start, columns.stop - wide[1].start),
            }
            xr.testing.assert_identical(whole.isel(y=rows, x=columns), part.isel(inner))


@settings(deadline=None, max_examples=15)
@given(archives)
def test_every_status_move_is_legal(seed):
    baselines, observations = archive(seed)
    state = begin()
    before = fusion.layers(state)["status"].values
    moved = set()
    for today in by_day(observations):
        state = fusion.advance(MODEL, baselines, state, today)
        after = fusion.layers(state)["status"].values
        for pair in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True):
            moved.add(pair)
        before = after
    assert all(now == was or Status(now) in MOVES[Status(was)] for was, now in moved)


@settings(deadline=None, max_examples=15)
@given(archives, st.randoms(use_true_random=False))
def test_the_order_of_a_days_streams_does_not_matter(seed, random):
    baselines, observations = archive(seed)
    shuffled = []
    for today in by_day(observations):
        random.shuffle(today)
        shuffled += today
    xr.testing.assert_identical(
        fusion.advance(MODEL, baselines, begin(), observations),
        fusion.advance(MODEL, baselines, begin(), shuffled),
    )


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(0, 40))
def test_replaying_from_an_earlier_state_is_as_if_the_late_scene_had_come_in_time(seed, position):
    baselines, observations = archive(seed)
    late = observations[position % len(observations)]
    in_time = fusion.advance(MODEL, baselines, begin(), observations)
    without = [observation for observation in observations if observation is not late]
    kept = fusion.advance(
        MODEL, baselines, begin(), [observation for observation in without if observation.day < late.day]
    )
    replayed = fusion.advance(
        MODEL, baselines, kept, [observation for observation in observations if observation.day >= late.day]
    )
    xr.testing.assert_identical(in_time, replayed)


@settings(deadline=None, max_examples=15)
@given(archives)
def test_a_day_without_observation_costs_nothing(seed):
    baselines, observations = archive(seed)
    gaps = [observation for observation in observations if observation.day % 8]
    state = fusion.advance(MODEL, baselines, begin(), gaps)
    empty = [
        Observation(
            day=observation.day,
            stream=observation.stream,
            values={name: np.full(SHAPE, -32768, np.int16) for name in observation.values},
            scales=observation.scales,
            scene_ids=(),
            clear_share=0.0,
        )
        if observation.day % 8 == 0
        else observation
        for observation in observations
    ]
    same = fusion.advance(MODEL, baselines, begin(), empty)
    xr.testing.assert_equal(state, same)


@pytest.mark.parametrize("pixels", [1, 511, 512, 513, 1025, 70_000])
def test_the_length_of_lanes_and_pieces_shows_nowhere(pixels):
    baselines, observations = archive(5, (1, 600))
    columns = np.arange(pixels) % 600
    wide = [
        Observation(
            day=observation.day,
            stream=observation.stream,
            values={
                name: np.ascontiguousarray(array[:, columns]) for name, array in observation.values.items()
            },
            scales=observation.scales,
            scene_ids=observation.scene_ids,
            clear_share=observation.clear_share,
        )
        for observation in observations[:12]
    ]
    apart = fusion.start(MODEL, monitored((1, 600)), resolution=None)
    once = fusion.advance(MODEL, baselines, apart, observations[:12])
    apart = fusion.start(MODEL, monitored((1, pixels)), resolution=None)
    many = fusion.advance(MODEL, baselines.isel(x=columns), apart, wide, workers=3)
    xr.testing.assert_identical(once.isel(x=columns), many)
