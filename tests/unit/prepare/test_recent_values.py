import numpy as np
import pytest
import xarray as xr

from detect_made import stack
from selvawatch.core.stack import NODATA
from selvawatch.events.composite import after_composite, loss_composite
from selvawatch.prepare.recent_values import RecentValues, as_dataset, from_dataset

DAYS = np.arange(19_000, 19_000 + 40 * 5, 5)
SHAPE = (6, 9)


def made(seed, missing=0.5):
    rng = np.random.default_rng(seed)
    values = rng.integers(-9000, 9000, (DAYS.size, *SHAPE))
    values[rng.random(values.shape) < missing] = NODATA
    values[:, 0, 0] = NODATA
    values[3:, 0, 1] = NODATA
    since = np.where(rng.random(SHAPE) < 0.3, 0, rng.integers(DAYS[0] - 9, DAYS[-1] + 9, SHAPE))
    return values.astype(np.int16), since


def recent_of(values, depth=5):
    recent = RecentValues.none(depth, values[0].size)
    for day, one in zip(DAYS, values, strict=True):
        recent.add(one, int(day))
    return recent


@pytest.mark.parametrize("count", [1, 4, 5])
def test_a_median_of_recent_values_is_that_of_all_observations(count):
    values, since = made(count)
    whole = after_composite(stack(values, DAYS, "ndvi"), xr.DataArray(since, dims=("y", "x")), count)
    found = recent_of(values).newest_since(since.reshape(-1), count) * np.float32(1e-4)
    np.testing.assert_array_equal(found.reshape(SHAPE), whole.to_numpy())


def test_the_first_values_since_a_day_are_known_where_none_of_them_was_pushed_out():
    values, since = made(7)
    onset = np.maximum(since, 1).reshape(-1)
    recent = recent_of(values)
    known = recent.reach_before(onset)
    whole = loss_composite(
        stack(values, DAYS, "ndvi"), xr.DataArray(onset.reshape(SHAPE), dims=("y", "x")), 5
    )
    found = recent.first_since(onset, 5) * np.float32(1e-4)
    np.testing.assert_array_equal(found[known], whole.to_numpy().reshape(-1)[known])
    later = (values.reshape(DAYS.size, -1) != NODATA) & (DAYS[:, None] >= onset)
    assert (known == (later.sum(axis=0) < 5)).all()
    assert known.any() and not known.all()


def test_recent_values_that_go_on_are_those_of_one_pass():
    values, _ = made(8)
    begun = RecentValues.none(5, values[0].size)
    for day, one in zip(DAYS[:25], values[:25], strict=True):
        begun.add(one, int(day))
    gone_on = begun.deeper(20)
    for day, one in zip(DAYS[25:], values[25:], strict=True):
        gone_on.add(one, int(day))
    whole = recent_of(values)
    np.testing.assert_array_equal(gone_on.deeper(5).values, whole.values)
    np.testing.assert_array_equal(gone_on.deeper(5).days, whole.days)


def test_an_index_that_was_seen_on_other_days_keeps_its_own():
    first, second = recent_of(made(9)[0]), recent_of(made(10)[0])
    kept = from_dataset(as_dataset({"ndvi": first, "nbr": first, "mndwi": second}, "sentinel-2", SHAPE))
    for name, one in {"ndvi": first, "nbr": first, "mndwi": second}.items():
        np.testing.assert_array_equal(kept[name].values, one.values)
        np.testing.assert_array_equal(kept[name].days, one.days)
