"""Composites since a loss: what a place looks like now, and what it looked like when it was lost."""

from functools import partial

import dask.array as da
import numpy as np
import xarray as xr

from selvawatch.core.days import day_numbers
from selvawatch.core.stack import check_stack
from selvawatch.detect.kernels.since import median_since


def after_composite(stack: xr.DataArray, since: xr.DataArray, observations: int) -> xr.DataArray:
    """Median of each pixel's last clear observations since a day, (y, x) float32; NaN where there is none.

    Lazy where the stack is, one block of rows at a time.

    Parameters
    ----------
    stack
        One index, (time, y, x) int16 with a `scale` (`core.stack`).
    since
        First day that counts, (y, x); 0 = every observation counts.
    observations
        Most observations that enter a median, at least 1.
    """
    return _composite(stack, since, observations, newest=True)


def loss_composite(stack: xr.DataArray, onset: xr.DataArray, observations: int) -> xr.DataArray:
    """Median of each pixel's first clear observations since its onset, (y, x) float32; NaN without onset or
    observation.

    Lazy where the stack is. It does not change any more once the observations are there, whatever grows
    later.

    stack: as for `after_composite`. onset: day of loss, (y, x); 0 = none. observations: most observations, at
    least 1.
    """
    composite = _composite(stack, onset, observations, newest=False)
    lost = xr.DataArray(onset.data > 0, dims=("y", "x"))
    return composite.where(lost)


def _composite(stack: xr.DataArray, since: xr.DataArray, observations: int, *, newest: bool) -> xr.DataArray:
    if observations < 1:
        raise ValueError(f"observations is {observations}, need at least 1")
    check_stack(stack)
    made = partial(
        _median,
        days=day_numbers(stack["time"].values),
        observations=observations,
        scale=float(stack.attrs["scale"]),
        newest=newest,
    )
    if stack.chunks is None:
        median = made(stack.to_numpy(), since.to_numpy())
    else:
        # Not by apply_ufunc: it moves time behind the pixels, and each block would be copied twice over.
        first = da.asarray(since.data).rechunk(stack.chunks[1:])
        median = da.blockwise(made, "yx", stack.data, "tyx", first, "yx", concatenate=True, dtype=np.float32)
    coords = {name: stack[name] for name in stack.coords if "time" not in stack[name].dims}
    return xr.DataArray(median, dims=("y", "x"), coords=coords).rename(stack.name)


def _median(
    values: np.ndarray, since: np.ndarray, *, days: np.ndarray, observations: int, scale: float, newest: bool
) -> np.ndarray:
    """Median (y, x) of the newest or first `observations` values (time, y, x) on or after `since` (y, x)."""
    times, rows, columns = values.shape
    stack = np.ascontiguousarray(values).reshape(times, rows * columns)
    median = np.empty(rows * columns, np.float32)
    median_since(stack, days, np.ascontiguousarray(since, np.int64).reshape(-1), observations, newest, median)
    return (median * np.float32(scale)).reshape(rows, columns)
