"""After-composites: what a place looks like since it was lost, as medians of its last clear looks."""

import numpy as np
import xarray as xr

from selvawatch.core.stack import NODATA, check_stack


def after_composite(stack: xr.DataArray, since: xr.DataArray, looks: int) -> xr.DataArray:
    """Median of each pixel's last clear looks since a day, (y, x) float32; NaN where there is none.

    Lazy where the stack is, one block of rows at a time.

    Parameters
    ----------
    stack
        One index, (time, y, x) int16 with a `scale` (`core.stack`).
    since
        First day that counts, (y, x); 0 = every look counts.
    looks
        Most looks that enter a median, at least 1.
    """
    if looks < 1:
        raise ValueError(f"looks is {looks}, need at least 1")
    check_stack(stack)
    days = stack["time"].values.astype("datetime64[D]").astype(np.int64)
    first = since.drop_vars([name for name in since.coords if name not in since.dims])
    if stack.chunks is not None:
        first = first.chunk({"y": stack.chunks[1], "x": stack.chunks[2]})
    composite = xr.apply_ufunc(
        _last_median,
        stack,
        first,
        input_core_dims=[["time"], []],
        kwargs={"days": days, "looks": looks, "scale": float(stack.attrs["scale"])},
        dask="parallelized",
        output_dtypes=[np.float32],
        join="override",
    )
    return composite.transpose("y", "x").rename(stack.name)


def _last_median(
    values: np.ndarray, since: np.ndarray, *, days: np.ndarray, looks: int, scale: float
) -> np.ndarray:
    """Median over time (last axis) of the newest `looks` observed values on or after `since`."""
    newest = np.full((looks, *since.shape), np.iinfo(np.int16).max, np.int16)
    count = np.zeros(since.shape, np.int64)
    for step in range(len(days) - 1, -1, -1):
        look = values[..., step]
        found = np.nonzero((look != NODATA) & (since <= days[step]) & (count < looks))
        newest[(count[found], *found)] = look[found]
        count[found] += 1
    newest.sort(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, looks - 1)
    both = [np.take_along_axis(newest, place[None], 0)[0].astype(np.float32) for place in (low, high)]
    median = (both[0] + both[1]) * np.float32(0.5 * scale)
    return np.where(count > 0, median, np.float32(np.nan)).astype(np.float32)
