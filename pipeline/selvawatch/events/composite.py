"""After-composites: what a place looks like since it was lost, as medians of its last clear looks."""

import numpy as np
import xarray as xr

from selvawatch.core.stack import check_stack
from selvawatch.detect.kernels.newest import newest_median


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
    rows, columns, times = values.shape
    stack = np.ascontiguousarray(np.moveaxis(values, -1, 0)).reshape(times, rows * columns)
    median = np.empty(rows * columns, np.float32)
    newest_median(stack, days, np.ascontiguousarray(since, np.int64).reshape(-1), looks, median)
    return (median * np.float32(scale)).reshape(rows, columns)
