"""Medians of the newest, or the first, observations of each pixel since a day."""

import numba
import numpy as np

from selvawatch.core.stack import NODATA

_LANES = 512
_NODATA = int(NODATA)


@numba.njit(
    [
        numba.void(
            numba.int16[:, ::1],
            numba.int64[::1],
            numba.int64[::1],
            numba.int64,
            numba.boolean,
            numba.float32[::1],
        )
    ],
    nogil=True,
    cache=True,
)
def median_since(
    stack: np.ndarray,
    days: np.ndarray,
    since: np.ndarray,
    observations: int,
    newest: bool,
    median: np.ndarray,
) -> None:
    """Median of some `observations` observed values on or after a day, into `median`; NaN where there is
    none.

    Parameters
    ----------
    stack
        (time, pixel) int16, `NODATA` where not observed.
    days
        (time,) int64, increasing.
    since
        (pixel,) int64: first day that counts.
    observations
        At least 1.
    newest
        Whether the newest observations count, or the first.
    median
        (pixel,) float32, in stored units.
    """
    times, pixels = stack.shape
    kept = np.empty((observations, _LANES), np.int16)
    count = np.empty(_LANES, np.int64)
    for first in range(0, pixels, _LANES):
        lanes = min(_LANES, pixels - first)
        for lane in range(lanes):
            count[lane] = 0
        full = 0
        # values that count, in order of size
        for step in range(times):
            if full == lanes:
                break
            time = times - 1 - step if newest else step
            for lane in range(lanes):
                value = stack[time, first + lane]
                found = count[lane]
                if value == _NODATA or found == observations or days[time] < since[first + lane]:
                    continue
                position = found
                while position > 0 and kept[position - 1, lane] > value:
                    kept[position, lane] = kept[position - 1, lane]
                    position -= 1
                kept[position, lane] = value
                count[lane] = found + 1
                full += found + 1 == observations
        # the middle one, or the mean of two
        for lane in range(lanes):
            found = count[lane]
            if found == 0:
                median[first + lane] = np.nan
            else:
                low, high = kept[(found - 1) // 2, lane], kept[found // 2, lane]
                median[first + lane] = (np.float32(low) + np.float32(high)) * np.float32(0.5)
