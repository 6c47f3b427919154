"""The stack contract: (time, y, x), int16 with a stated scale on disk and in kernels, float32 in public."""

import numpy as np
import xarray as xr

from selvawatch.errors import StackError

NODATA = np.int16(-32768)
"""Stored value of a pixel that was not observed."""

UNIT_SCALE = 1e-4
"""Scale of stored unitless indices and reflectances: 1.0 is stored as 10000."""

DECIBEL_SCALE = 1e-2
"""Scale of stored radar backscatter in dB: -7.5 dB is stored as -750."""


def encode(values: np.ndarray, scale: float) -> np.ndarray:
    """int16 of physical values of any shape, in units of `scale`; what is not finite becomes `NODATA`, the
    rest is clipped, never wrapped.
    """
    values = np.asarray(values, np.float32)
    finite = np.isfinite(values)
    stored = np.rint(np.where(finite, values, 0) / np.float32(scale))
    return np.where(finite, np.clip(stored, -32767, 32767), NODATA).astype(np.int16)


def decode(stored: np.ndarray, scale: float) -> np.ndarray:
    """float32 physical values of a stored int16 array, in its shape; NaN where it is `NODATA`."""
    stored = np.asarray(stored)
    return np.where(
        stored == NODATA, np.float32(np.nan), stored.astype(np.float32) * np.float32(scale)
    ).astype(np.float32)


def check_stack(stack: xr.DataArray) -> xr.DataArray:
    """The stack itself, when it keeps the contract; nothing is computed.

    Dimensions (time, y, x); int16 with a `scale` attribute, or float32; time in UTC, strictly increasing;
    time in one chunk where it is lazy.

    Raises
    ------
    StackError
        Naming the first breach and what to do about it.
    """
    if stack.dims != ("time", "y", "x"):
        raise StackError("a stack has wrong dimensions", got=stack.dims, needed="(time, y, x)")
    if stack.dtype == np.int16:
        if "scale" not in stack.attrs:
            raise StackError("an int16 stack does not state its scale", needed="attrs['scale']")
    elif stack.dtype != np.float32:
        raise StackError("a stack has a wrong type", got=stack.dtype, needed="int16 with a scale, or float32")
    times = stack["time"].values
    if times.size > 1:
        steps = np.diff(times)
        bad = np.flatnonzero(steps <= np.timedelta64(0))
        if bad.size:
            position = int(bad[0]) + 1
            now, before = (str(times[k])[:10] for k in (position, position - 1))
            raise StackError(
                f"time is not increasing: {now} (position {position}) follows {before}",
                do="merge same-day scenes with prepare.daily() before detecting",
            )
    if stack.chunks is not None and len(stack.chunks[0]) > 1:
        raise StackError(
            "time is cut into chunks",
            got=f"{len(stack.chunks[0])} chunks",
            needed="1",
            do="rechunk time to -1",
        )
    return stack
