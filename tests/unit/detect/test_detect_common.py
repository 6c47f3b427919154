"""The common shift: smoke goes, loss stays."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from selvawatch.core.observation import Observation
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.detect.baseline import name_of
from selvawatch.detect.common_shift import block_shifts, without_common_shift
from selvawatch.detect.halo import halo_px
from selvawatch.detect.kernels.shift import subtract
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift, Corner

MODEL = load(Model, Path(__file__).resolve().parents[3] / "models" / "fused.toml")
RULE = CommonShift(block_px=16, step_px=2, minimum_px=8, most={"ndvi": 0.15})
SIDE, LEVEL, SIGMA = 32, 8300, 250
NOISE = 0.85 * SIGMA
"""Five standard errors of a quartile of the 64 pixels that are measured in a block."""


def _forest(seed=1):
    rng = np.random.default_rng(seed)
    terms = np.zeros((3, SIDE, SIDE), np.int16)
    terms[0] = LEVEL
    sigma = np.full((SIDE, SIDE), SIGMA, np.int16)
    return terms, sigma, (LEVEL + rng.normal(0, SIGMA, (SIDE, SIDE))).astype(np.int16)


def _shift(stored, terms, sigma):
    return block_shifts(stored, terms, sigma, np.array([1.0, 0.0, 0.0]), RULE)


def test_clear_forest_has_no_shift_worth_taking_off():
    terms, sigma, stored = _forest()
    assert np.abs(_shift(stored, terms, sigma)).max() < NOISE


@settings(deadline=None, max_examples=25)
@given(st.sampled_from([-1200, -800, 600]), st.integers(0, 1000))
def test_smoke_over_a_block_is_measured_and_its_neighbour_is_left_alone(smoke, seed):
    terms, sigma, stored = _forest(seed)
    stored[:16, :16] += smoke
    shift = _shift(stored, terms, sigma)
    assert shift[0, 0] == pytest.approx(smoke, abs=NOISE)
    assert np.abs(shift[1, 1]) < NOISE


@pytest.mark.parametrize("share", [0.1, 0.4, 0.6])
def test_loss_of_much_of_a_block_is_not_taken_for_a_shift(share):
    terms, sigma, stored = _forest()
    stored[:, : int(SIDE * share)] -= 6000
    wide = CommonShift(block_px=32, step_px=2, minimum_px=8, most={"ndvi": 0.15})
    shift = block_shifts(stored, terms, sigma, np.array([1.0, 0.0, 0.0]), wide)
    assert np.abs(shift).max() < 3 * SIGMA


def test_a_block_that_was_hardly_seen_or_holds_no_forest_has_no_shift():
    terms, sigma, stored = _forest()
    stored -= 1000
    stored[:16, :16] = NODATA
    sigma[16:, 16:] = 0
    shift = _shift(stored, terms, sigma)
    assert shift[0, 0] == 0 and shift[1, 1] == 0 and shift[0, 1] < -500


def test_a_rule_without_samples_is_refused():
    with pytest.raises(ValueError, match="step_px"):
        CommonShift(block_px=16, step_px=32, minimum_px=8, most={})
    with pytest.raises(ValueError, match="most"):
        CommonShift(block_px=16, step_px=2, minimum_px=8, most={"ndvi": -1.0})


def test_an_observation_is_freed_of_smoke_within_the_bound_and_keeps_what_was_not_seen():
    terms, sigma, stored = _forest()
    full = np.zeros((5, SIDE, SIDE), np.int16)
    full[0] = terms[0]
    parts = {}
    for index in MODEL.stream("sentinel-2").indices:
        parts[name_of("sentinel-2", index.index, "terms")] = (("term", "y", "x"), full)
        parts[name_of("sentinel-2", index.index, "sigma")] = (("y", "x"), sigma)
    stored[:16] -= 1000
    stored[16:] -= 4000
    stored[0, 0] = NODATA
    observation = Observation(
        day=19800,
        stream="sentinel-2",
        values={"ndvi": stored},
        scales={"ndvi": 1e-4},
        scene_ids=("a",),
        clear_share=1.0,
    )
    freed = without_common_shift(observation, MODEL, xr.Dataset(parts), RULE).values["ndvi"]
    assert freed[0, 0] == NODATA
    assert np.median(freed[:16]) == pytest.approx(LEVEL, abs=SIGMA)
    assert np.median(freed[16:]) == pytest.approx(LEVEL - 4000 + 1500, abs=SIGMA)
    other = Observation(
        day=19800,
        stream="unknown",
        values={"ndvi": stored},
        scales={"ndvi": 1e-4},
        scene_ids=("a",),
        clear_share=1.0,
    )
    assert without_common_shift(other, MODEL, xr.Dataset(parts), RULE) is other


def slow_shifts(stored, terms, sigma, rule, corner):
    """Block by block, with numpy's quantiles, from the sampled pixels of each."""
    height, width = stored.shape
    rows, columns = np.indices(stored.shape)
    rows, columns = rows + corner.row, columns + corner.column
    sampled = (rows % rule.step_px == 0) & (columns % rule.step_px == 0)
    shift = {}
    for row in range(corner.row // rule.block_px, (corner.row + height - 1) // rule.block_px + 1):
        for column in range(corner.column // rule.block_px, (corner.column + width - 1) // rule.block_px + 1):
            block = (rows // rule.block_px == row) & (columns // rule.block_px == column)
            known = block & sampled & (stored != NODATA) & (sigma > 0)
            shift[row, column] = 0.0
            if known.sum() >= rule.minimum_px:
                low, high = np.quantile((stored.astype(float) - terms[0])[known], (0.25, 0.75))
                spread = 0.6745 * np.median(sigma[known])
                shift[row, column] = min(0.0, high - spread) + max(0.0, low + spread)
    side = max(column for _, column in shift) - corner.column // rule.block_px + 1
    return np.array(list(shift.values())).reshape(-1, side)


@settings(deadline=None, max_examples=40)
@given(st.integers(-40, 40), st.integers(-40, 40), st.sampled_from([1, 2, 4]), st.integers(0, 1000))
def test_the_shifts_are_those_of_the_slow_blocks(row, column, step, seed):
    rng = np.random.default_rng(seed)
    rule = CommonShift(block_px=16, step_px=step, minimum_px=8, most={"ndvi": 0.15})
    terms, sigma, stored = _forest(seed)
    stored[rng.random(stored.shape) < 0.5] = NODATA
    sigma[rng.random(stored.shape) < 0.2] = 0
    stored[5:20, 3:30] += rng.integers(-1500, 1500)
    corner = Corner(row=row, column=column)
    got = block_shifts(stored, terms, sigma, np.array([1.0, 0.0, 0.0]), rule, corner)
    expected = slow_shifts(stored, terms, sigma, rule, corner)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, atol=0.01)  # float32 of some thousands


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1000))
def test_a_shift_is_taken_off_as_in_plain_python(rows, columns, seed):
    rng = np.random.default_rng(seed)
    stored = rng.choice(np.array([NODATA, -32767, -9000, 0, 8000, 32767], np.int16), (rows, columns))
    shift = rng.integers(-3000, 3000, (2, 3)).astype(np.int32)
    of_row, of_column = (np.sort(rng.integers(0, top, size)) for top, size in ((2, rows), (3, columns)))
    out = np.empty_like(stored)
    subtract(stored, shift, of_row, of_column, out)
    for row, column in np.ndindex(stored.shape):
        value = int(stored[row, column])
        moved = max(-32767, min(32767, value - int(shift[of_row[row], of_column[column]])))
        assert out[row, column] == (NODATA if value == NODATA else moved)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 1000))
def test_a_block_shifts_alike_in_any_image_that_holds_it_whole(row, column, seed):
    terms, sigma, stored = _forest(seed)
    stored[:16, 16:] -= 900
    stored[16:, :16] += 700
    whole = _shift(stored, terms, sigma)
    cut = np.s_[row:, column:]
    basis, corner = np.array([1.0, 0.0, 0.0]), Corner(row=row, column=column)
    part = block_shifts(stored[cut], terms[:, row:, column:], sigma[cut], basis, RULE, corner)
    assert part.shape == (2, 2)
    assert part[1, 1] == whole[1, 1]
    assert row or part[0, 1] == whole[0, 1]
    assert column or part[1, 0] == whole[1, 0]


def test_blocks_are_counted_from_the_anchor_west_and_north_of_it_too():
    terms, sigma, stored = _forest()
    basis = np.array([1.0, 0.0, 0.0])
    here = block_shifts(stored, terms, sigma, basis, RULE, Corner(row=-48, column=-80))
    np.testing.assert_array_equal(here, _shift(stored, terms, sigma))
    assert block_shifts(stored, terms, sigma, basis, RULE, Corner(row=-47, column=-80)).shape == (3, 2)


@pytest.mark.parametrize(
    ("resolution", "tile_px", "block_px", "halo"),
    [
        (10.0, 1024, 32, 32),  # three pixels of support, and the block they lie in
        (30.0, 1024, 32, 32),
        (10.0, 1024, 2, 4),
        (10.0, 100, 32, 34),  # tiles end within blocks
        (30.0, 100, 32, 32),
    ],
)
def test_the_halo_is_what_neighbours_reach_and_the_blocks_they_lie_in(resolution, tile_px, block_px, halo):
    rule = CommonShift(block_px=block_px, step_px=2, minimum_px=8, most={"ndvi": 0.15})
    assert halo_px(MODEL, rule, resolution, tile_px) == halo


def test_without_a_shift_to_take_off_the_halo_is_the_reach_of_neighbours():
    none = CommonShift(block_px=32, step_px=2, minimum_px=8, most={"ndvi": 0.0})
    plain = tuple(
        replace(stream, haze=None, indices=tuple(replace(index, counts=True) for index in stream.indices))
        for stream in MODEL.streams
    )
    assert halo_px(replace(MODEL, streams=plain), none, 10.0, 1024) == 3
    assert halo_px(MODEL, none, 10.0, 1024) == 32
