import math
import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from detect_made import stack
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.model import Harmonic
from selvawatch.errors import StackError

DAYS = np.arange(18_000, 18_000 + 3 * 365, 8)


def rule(**changes):
    values = {"harmonics": 2, "ridge": 0.0, "screens": (2.5, 3.0), "minimum_looks": 12}
    return Harmonic(**(values | {"minimum_share": 0.6, "maximum_shift": 2.5} | changes))


def fit(values, days=DAYS, **changes):
    return harmonic.fit(stack(values, days, "ndvi"), rule(**changes))


def series(rng, pixels, missing=0.4, outliers=0.05):
    phase = 2 * math.pi * DAYS / 365.25
    season = 300 * np.cos(phase)[:, None] + 120 * np.sin(2 * phase)[:, None]
    values = 8200 + season + 250 * rng.standard_normal((DAYS.size, pixels))
    values -= (rng.random(values.shape) < outliers) * rng.uniform(1500, 4000, values.shape)
    values = np.where(rng.random(values.shape) < missing, NODATA, np.rint(values))
    return values.astype(np.int16)[:, None, :]


def slow_fit(values, days, harmonics, ridge, screens):
    """Written from the description, in float64: least squares, then refits without far observations."""
    phase = 2 * math.pi * np.asarray(days, float) / 365.25
    columns = [np.ones_like(phase)]
    for order in range(1, harmonics + 1):
        columns += [np.cos(order * phase), np.sin(order * phase)]
    basis = np.stack(columns, axis=1)
    seen = values != NODATA
    y = values.astype(float)
    penalty = ridge * np.diag([0.0] + [1.0] * (2 * harmonics))
    keep, variance, beta, sigma = seen, 1.0, np.zeros(basis.shape[1]), 0.0
    centre = y[seen][0] if seen.any() else 0.0
    for screen in (None, *screens):
        if screen is not None:
            keep = seen & (np.abs(y - centre - basis @ beta) <= screen * max(sigma, 1.0))
            inside = math.erf(screen / math.sqrt(2))
            variance = 1 - 2 * screen * math.exp(-screen * screen / 2) / math.sqrt(2 * math.pi) / inside
        gram = basis[keep].T @ basis[keep] + penalty
        if keep.sum() <= basis.shape[1]:
            return None
        beta = np.linalg.solve(gram, basis[keep].T @ (y[keep] - centre))
        rest = y[keep] - centre - basis[keep] @ beta
        sigma = math.sqrt((rest @ rest) / (keep.sum() - basis.shape[1]) / variance)
    rest = y[seen] - centre - basis[seen] @ beta
    walk = np.cumsum(np.where(np.abs(rest) <= screens[-1] * sigma, rest, 0))
    beta[0] += centre
    return (
        beta,
        sigma,
        keep.sum(),
        keep.sum() / seen.sum(),
        np.abs(walk).max() / (sigma * math.sqrt(keep.sum())),
    )


@pytest.mark.parametrize("harmonics", [1, 2, 3])
@pytest.mark.parametrize("ridge", [0.0, 2.0])
def test_the_kernel_is_the_slow_fit(harmonics, ridge):
    rng = np.random.default_rng(20260101)
    values = series(rng, 300)
    fitted = fit(values, harmonics=harmonics, ridge=ridge)
    off_terms, off_sigma, off_kept = [], [], 0
    for pixel in range(values.shape[2]):
        beta, sigma, observations, share, shift = slow_fit(
            values[:, 0, pixel], DAYS, harmonics, ridge, (2.5, 3.0)
        )
        off_kept += int(fitted["looks"][0, pixel]) != observations
        off_terms.append(np.abs(fitted["terms"].values[:, 0, pixel] - beta).max())
        off_sigma.append(abs(int(fitted["sigma"][0, pixel]) - sigma))
        if int(fitted["looks"][0, pixel]) == observations:
            assert abs(int(fitted["kept"][0, pixel]) - 100 * share) <= 0.51
            assert abs(int(fitted["shift"][0, pixel]) - 20 * shift) <= 0.6
    # an observation within a rounding of the bound may fall on either side in float32; the rest agree to one
    # unit
    assert off_kept <= 2
    assert np.sort(off_terms)[:-3].max() <= 0.6
    assert np.sort(off_sigma)[:-3].max() <= 0.6


def test_missed_clouds_do_not_move_the_baseline():
    rng = np.random.default_rng(1)
    clean, dirty = series(rng, 500, outliers=0.0), series(np.random.default_rng(2), 500, outliers=0.08)
    robust, plain = fit(dirty, screens=(2.5, 2.5, 3.0)), fit(dirty, screens=(1e6,))
    assert abs(float(robust["sigma"].mean()) - float(fit(clean)["sigma"].mean())) < 40
    assert float(plain["sigma"].mean()) > 2 * float(robust["sigma"].mean())
    assert abs(float(robust["terms"][0].mean()) - 8200) < 30


def test_a_break_inside_the_history_shows():
    rng = np.random.default_rng(3)
    values = series(rng, 200, outliers=0.0)
    broken = values.copy()
    late = DAYS[DAYS.size // 2] < DAYS
    broken[late] = np.where(broken[late] == NODATA, NODATA, broken[late] - 900)
    assert float((fit(values)["shift"] > 50).mean()) == 0
    whole = fit(broken)
    assert float(((whole["shift"] > 50) | (whole["kept"] < 60)).mean()) > 0.95


def test_odd_series_have_defined_results():
    values = np.full((DAYS.size, 1, 6), NODATA, np.int16)
    values[3, 0, 1] = 8000  # one observation
    values[:, 0, 2] = 8000  # constant
    values[:, 0, 3] = 32767  # at the end of the type
    values[::2, 0, 4] = 32767
    values[1::2, 0, 4] = -32767  # swings over the whole type
    values[:5, 0, 5] = 8000  # as many observations as terms
    fitted = fit(values)
    assert fitted["sigma"].values[0].tolist()[:4] == [0, 0, 1, 1]
    assert fitted["looks"].values[0].tolist()[:3] == [0, 1, DAYS.size]
    assert fitted["terms"].values[0, 0].tolist()[:4] == [0, 0, 8000, 32767]
    assert fitted["sigma"].values[0, 4] > 30_000
    assert fitted["sigma"].values[0, 5] == 0


def test_lazy_and_threaded_fits_are_the_fit():
    values = series(np.random.default_rng(4), 60).reshape(DAYS.size, 6, 10)
    eager = fit(values)
    lazy = harmonic.fit(stack(values, DAYS, "ndvi").chunk(y=2, x=3), rule())
    assert lazy.chunks
    xr.testing.assert_identical(eager, lazy.compute())
    xr.testing.assert_identical(eager, harmonic.fit(stack(values, DAYS, "ndvi"), rule(), workers=2))


def test_a_stack_that_is_not_int16_is_refused():
    with pytest.raises(StackError, match="int16"):
        harmonic.fit(stack(series(np.random.default_rng(5), 2), DAYS, "ndvi").astype(np.float32), rule())


@pytest.mark.parametrize("first", ["", "import selvawatch.prepare.pixel_kernels"])
def test_a_program_finds_every_fit_compiled_whatever_it_imports_first(first):
    """Keys of the cache hold no random id, nor numbers of types, which follow the order of imports."""
    harmonic.kernels._FITS.of(3)  # this process has compiled them
    code = f"""
{first}
from selvawatch.detect.kernels.harmonic import _FITS
fits = [_FITS.of(harmonics).stats for harmonics in (1, 2, 3)]
print([(sum(fit.cache_hits.values()), sum(fit.cache_misses.values())) for fit in fits])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[(1, 0), (1, 0), (1, 0)]", done.stderr


def of_same_scenes(count=3, pixels=40):
    """Stacks of indices that were seen on the same dates, int16 (time, 1, pixels), and their days."""
    rng = np.random.default_rng(8)
    days = 17_000 + 12 * np.arange(90)
    seen = rng.random((90, 1, pixels)) < 0.7
    stacks = [
        np.where(seen, rng.normal(7_000 + 500 * n, 200, seen.shape), NODATA).astype(np.int16)
        for n in range(count)
    ]
    return stacks, days


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("harmonics", [1, 2, 3])
def test_indices_fitted_together_are_those_fitted_alone(count, harmonics):
    stacks, days = of_same_scenes(count)
    narrow = rule(screens=(2.0, 3.0), harmonics=harmonics)
    together = harmonic.fit_together(stacks, days, narrow, 1)
    for number, of_index in enumerate(stacks):
        np.testing.assert_array_equal(together[number], harmonic.fit_block(of_index, days, narrow, 1))


def test_pixels_seen_by_one_index_alone_are_fitted_index_by_index():
    stacks, days = of_same_scenes(pixels=600)
    stacks[1][3::4, 0, :3] = NODATA
    stacks[2][40:, 0, 599] = NODATA
    together = harmonic.fit_together(stacks, days, rule(), 1)
    for number, of_index in enumerate(stacks):
        np.testing.assert_array_equal(together[number], harmonic.fit_block(of_index, days, rule(), 1))


def test_what_lies_off_in_one_index_stays_in_the_fits_of_the_others():
    stacks, days = of_same_scenes()
    wide = rule(screens=(6.0, 6.0))
    before = harmonic.fit_together(stacks, days, wide, 1)
    date = int(np.flatnonzero(stacks[0][:, 0, 0] != NODATA)[5])
    stacks[0][date, 0, 0] = 1_000
    after = harmonic.fit_together(stacks, days, wide, 1)
    assert after[0, wide.terms + 1, 0, 0] == before[0, wide.terms + 1, 0, 0] - 1
    np.testing.assert_array_equal(after[1:], before[1:])
