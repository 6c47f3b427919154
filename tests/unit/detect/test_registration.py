"""A picture that lies off is measured to a fraction of a pixel and moved back; one far off is not used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage

from detect_made import LEVELS, START, fused, observation, quiet_baselines
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.detect import fusion
from selvawatch.detect.kernels.moving import move_back
from selvawatch.detect.registration import displacement, moved_back
from selvawatch.detect.shared_parts import SharedParts
from selvawatch.detect.shift_rule import CommonShift

MODEL = fused()
RULE = replace(load(CommonShift, Path(__file__).parents[3] / "models" / "common.toml"), most={}, slow=None)
SHAPE = (64, 64)


def forest(seed):
    """Baselines of a textured forest, and what it should show."""
    rng = np.random.default_rng(seed)
    baselines = quiet_baselines(SHAPE)
    shown = {}
    for name in ("ndvi", "nbr", "mndwi"):
        texture = ndimage.gaussian_filter(rng.standard_normal(SHAPE), 2.5, mode="wrap")
        level = np.rint(LEVELS[name] + 400 * texture / texture.std())
        terms = baselines[f"sentinel-2.{name}.terms"]
        terms[0] = level
        terms[1:] = 0
        shown[name] = level
    return baselines, shown, rng


def seen(shown, rng, rows, columns):
    values = {
        name: np.rint(
            ndimage.shift(level, (rows, columns), order=1, mode="nearest") + rng.normal(0, 60, SHAPE)
        )
        for name, level in shown.items()
    }
    return observation(START, shape=SHAPE, **values)


@pytest.mark.parametrize(
    ("rows", "columns"), [(0.0, 0.0), (0.7, -0.4), (-0.5, 0.9), (1.6, 0.0), (0.3, -3.9), (2.6, 2.8)]
)
def test_a_displacement_is_measured_to_a_tenth_of_a_pixel(rows, columns):
    baselines, shown, rng = forest(5)
    found = displacement(
        seen(shown, rng, rows, columns), MODEL.stream("sentinel-2"), baselines, RULE.registration
    )
    assert abs(found.rows - rows) < 0.1 and abs(found.columns - columns) < 0.1
    assert found.error < 0.1


def test_a_picture_is_moved_back_and_what_was_not_seen_stays_unseen():
    baselines, shown, rng = forest(6)
    off = seen(shown, rng, 0.6, -0.6)
    off.values["ndvi"][:10] = NODATA
    moved = SharedParts(MODEL, baselines, RULE).registered(off)
    inner = np.s_[14:-4, 4:-4]
    before, after = (
        np.abs(one.values["nbr"].astype(float) - shown["nbr"])[inner].mean() for one in (off, moved)
    )
    assert after < 0.6 * before
    assert (moved.values["ndvi"][:9] == NODATA).all() and (moved.values["ndvi"][12:-2, 2:-2] != NODATA).all()


def moved_by_scipy(stored, south, east):
    """The same by two shifts of `scipy.ndimage`: of what was seen, and of its values."""
    seen, shift = stored != NODATA, (-south, -east)
    weight = ndimage.shift(seen.astype(np.float32), shift, order=1, mode="constant")
    total = ndimage.shift(np.where(seen, stored, 0).astype(np.float32), shift, order=1, mode="constant")
    mean = np.rint(total / np.maximum(weight, np.float32(0.5)))
    return np.where(weight >= 0.5, mean, NODATA).astype(np.int16)


@pytest.mark.parametrize("off", [(0.0, 0.0), (1.0, -2.0), (0.5, -0.5), (1e-9, -1e-9), (40.0, 0.0), None])
def test_the_kernel_moves_any_points_of_a_picture_to_the_bits_of_scipy(off):
    rng = np.random.default_rng(12)
    for shape in [(1, 1), (1, 9), (2, 2), (23, 31)] * 8:
        row, column, step = (int(number) for number in rng.integers((0, 0, 1), (*shape, 4)))
        stored = rng.integers(-32767, 32768, shape).astype(np.int16)
        stored[rng.random(shape) < rng.random()] = NODATA
        south, east = rng.normal(0, 2, 2) if off is None else off
        expected = moved_by_scipy(stored, south, east)[row::step, column::step]
        out = np.empty(expected.shape, np.int16)
        move_back(stored, south, east, row, column, step, out)
        np.testing.assert_array_equal(out, expected)


def test_a_picture_in_its_place_is_left_as_it_is_and_one_far_off_is_not_used():
    baselines, shown, rng = forest(7)
    parts = SharedParts(MODEL, baselines, RULE)
    still = seen(shown, rng, 0.0, 0.05)
    assert parts.registered(still) is still
    assert parts.registered(seen(shown, rng, 2.4, 0.0)) is None


def test_a_state_knows_what_lay_off_its_place_however_its_observations_came():
    baselines, shown, rng = forest(9)
    lying = {0: (0.0, 0.0), 6: (0.7, -0.4), 12: (2.4, 4.0), 18: (0.0, 0.9)}
    observations = [replace(seen(shown, rng, *off), day=START + later) for later, off in lying.items()]
    begun = fusion.start(MODEL, xr.DataArray(np.zeros(SHAPE, np.uint8), dims=("y", "x")), resolution=10.0)
    state = fusion.advance(MODEL, baselines, begun, observations, rule=RULE)
    found = fusion.displaced(state)
    assert [(one.day - START, one.stream, one.is_refused) for one in found] == [
        (6, "sentinel-2", False),
        (12, "sentinel-2", True),
        (18, "sentinel-2", False),
    ]
    for one in found:
        assert abs(one.px - np.hypot(*lying[one.day - START])) < 0.1
    for single in observations:
        begun = fusion.advance(MODEL, baselines, begun, [single], rule=RULE)
    assert fusion.displaced(begun) == found


def test_forest_without_texture_or_too_little_of_it_has_no_displacement():
    baselines, shown, rng = forest(8)
    stream = MODEL.stream("sentinel-2")
    flat = {name: np.full(SHAPE, LEVELS[name]) for name in shown}
    calm = quiet_baselines(SHAPE)
    assert displacement(seen(flat, rng, 0, 0), stream, calm, RULE.registration) is None
    little = seen(shown, rng, 0.5, 0.0)
    for values in little.values.values():
        values[8:] = NODATA
    assert displacement(little, stream, baselines, RULE.registration) is None
    assert (
        moved_back(
            little,
            type(displacement(seen(shown, rng, 0, 0), stream, baselines, RULE.registration))(
                rows=0.0, columns=0.0, error=0.1
            ),
        )
        .values["nbr"]
        .tolist()
        == little.values["nbr"].tolist()
    )
