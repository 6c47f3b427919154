import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from detect_made import START, fused, monitored, quiet_baselines, random_looks
from selvawatch.core.observation import Look
from selvawatch.core.status import Status, is_legal
from selvawatch.detect import fusion

MODEL = fused()
SHAPE = (9, 12)
RESOLUTION = 30.0
archives = st.integers(0, 10_000)


def archive(seed, shape=SHAPE):
    rng = np.random.default_rng(seed)
    looks = random_looks(rng, shape, range(START, START + 120, 4), loss_from=START + 40)
    baselines = quiet_baselines(shape, {"ndvi": 150, "vv": 60, "vh": 60})
    return baselines, looks


def begin(shape=SHAPE):
    return fusion.start(MODEL, monitored(shape), resolution=RESOLUTION)


def by_day(looks):
    return [[look for look in looks if look.day == day] for day in sorted({look.day for look in looks})]


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(1, 4))
def test_day_by_day_is_all_at_once(seed, workers):
    baselines, looks = archive(seed)
    whole = fusion.advance(MODEL, baselines, begin(), looks, workers=workers)
    state = begin()
    for today in by_day(looks):
        state = fusion.advance(MODEL, baselines, state, today)
    xr.testing.assert_identical(whole, state)


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(1, 8), st.integers(1, 11))
def test_cutting_a_tile_with_a_halo_changes_no_pixel(seed, row, column):
    baselines, looks = archive(seed)
    whole = fusion.advance(MODEL, baselines, begin(), looks)
    halo = fusion.halo(MODEL, RESOLUTION)
    for rows in (slice(0, row), slice(row, SHAPE[0])):
        for columns in (slice(0, column), slice(column, SHAPE[1])):
            wide = (
                slice(max(0, rows.start - halo), min(SHAPE[0], rows.stop + halo)),
                slice(max(0, columns.start - halo), min(SHAPE[1], columns.stop + halo)),
            )
            cut = [
                Look(
                    day=look.day,
                    stream=look.stream,
                    values={name: np.ascontiguousarray(array[wide]) for name, array in look.values.items()},
                    scales=look.scales,
                    scene_ids=look.scene_ids,
                    clear_share=look.clear_share,
                )
                for look in looks
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
    baselines, looks = archive(seed)
    state = begin()
    before = fusion.layers(state)["status"].values
    moved = set()
    for today in by_day(looks):
        state = fusion.advance(MODEL, baselines, state, today)
        after = fusion.layers(state)["status"].values
        for pair in zip(before.ravel().tolist(), after.ravel().tolist(), strict=True):
            moved.add(pair)
        before = after
    assert all(is_legal(Status(was), Status(now)) for was, now in moved)


@settings(deadline=None, max_examples=15)
@given(archives, st.randoms(use_true_random=False))
def test_the_order_of_a_days_streams_does_not_matter(seed, random):
    baselines, looks = archive(seed)
    shuffled = []
    for today in by_day(looks):
        random.shuffle(today)
        shuffled += today
    xr.testing.assert_identical(
        fusion.advance(MODEL, baselines, begin(), looks), fusion.advance(MODEL, baselines, begin(), shuffled)
    )


@settings(deadline=None, max_examples=15)
@given(archives, st.integers(0, 40))
def test_replaying_from_an_earlier_state_is_as_if_the_late_scene_had_come_in_time(seed, position):
    baselines, looks = archive(seed)
    late = looks[position % len(looks)]
    in_time = fusion.advance(MODEL, baselines, begin(), looks)
    without = [look for look in looks if look is not late]
    kept = fusion.advance(MODEL, baselines, begin(), [look for look in without if look.day < late.day])
    replayed = fusion.advance(MODEL, baselines, kept, [look for look in looks if look.day >= late.day])
    xr.testing.assert_identical(in_time, replayed)


@settings(deadline=None, max_examples=15)
@given(archives)
def test_a_day_without_observation_costs_nothing(seed):
    baselines, looks = archive(seed)
    gaps = [look for look in looks if look.day % 8]
    state = fusion.advance(MODEL, baselines, begin(), gaps)
    empty = [
        Look(
            day=look.day,
            stream=look.stream,
            values={name: np.full(SHAPE, -32768, np.int16) for name in look.values},
            scales=look.scales,
            scene_ids=(),
            clear_share=0.0,
        )
        if look.day % 8 == 0
        else look
        for look in looks
    ]
    same = fusion.advance(MODEL, baselines, begin(), empty)
    xr.testing.assert_equal(state, same)


@pytest.mark.parametrize("pixels", [1, 511, 512, 513, 1025, 70_000])
def test_the_length_of_lanes_and_pieces_shows_nowhere(pixels):
    baselines, looks = archive(5, (1, 600))
    columns = np.arange(pixels) % 600
    wide = [
        Look(
            day=look.day,
            stream=look.stream,
            values={name: np.ascontiguousarray(array[:, columns]) for name, array in look.values.items()},
            scales=look.scales,
            scene_ids=look.scene_ids,
            clear_share=look.clear_share,
        )
        for look in looks[:12]
    ]
    apart = fusion.start(MODEL, monitored((1, 600)), resolution=None)
    once = fusion.advance(MODEL, baselines, apart, looks[:12])
    apart = fusion.start(MODEL, monitored((1, pixels)), resolution=None)
    many = fusion.advance(MODEL, baselines.isel(x=columns), apart, wide, workers=3)
    xr.testing.assert_identical(once.isel(x=columns), many)
