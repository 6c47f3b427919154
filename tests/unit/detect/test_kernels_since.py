"""The kernel of medians since a day against a slow twin."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selvawatch.core.stack import NODATA
from selvawatch.detect.kernels.since import median_since


def median_since_slow(series, days, since, observations, newest):
    seen = [v for v, day in zip(series, days, strict=True) if v != NODATA and day >= since]
    some = seen[::-1][:observations] if newest else seen[:observations]
    return statistics.median(some) if some else float("nan")


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 9), st.integers(1, 1100), st.integers(1, 6), st.booleans(), st.integers(0, 2**32 - 1))
def test_the_kernel_takes_the_median_of_the_observations_it_is_asked_for(
    times, pixels, observations, newest, seed
):
    rng = np.random.default_rng(seed)
    stack = rng.integers(-10000, 10000, (times, pixels)).astype(np.int16)
    stack[rng.random(stack.shape) < 0.4] = NODATA
    days = np.cumsum(rng.integers(1, 9, times)).astype(np.int64)
    since = rng.integers(0, days[-1] + 2, pixels).astype(np.int64)
    got = np.empty(pixels, np.float32)
    median_since(stack, days, since, observations, newest, got)
    some = rng.choice(pixels, min(pixels, 20), replace=False)
    wanted = [
        median_since_slow(stack[:, k].tolist(), days.tolist(), since[k], observations, newest) for k in some
    ]
    np.testing.assert_array_equal(got[some], np.array(wanted, np.float32))


def test_the_kernel_refuses_another_type():
    with pytest.raises(TypeError):
        median_since(np.zeros((2, 3)), np.arange(2), np.zeros(3, np.int64), 1, True, np.empty(3, np.float32))
