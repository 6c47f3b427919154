"""A picture is moved by a fraction of a pixel."""

import numba as nb
import numpy as np

from selvawatch.core.stack import NODATA

_NODATA = int(NODATA)
_HALF = np.float32(0.5)


@nb.njit("Tuple((int64, float64, float64))(float64, int64)", nogil=True, cache=True)
def _between(at: float, size: int) -> tuple[int, float, float]:
    """The pixel before a position along an axis of so many, and the weights of it and of the next; -1 where
    the position lies beyond the outer ones.
    """
    if at < 0 or at > size - 1:
        return -1, 0.0, 0.0
    before = np.floor(at)
    weight = 1.0 - (at - before)
    return int(before), weight, 1.0 - weight


@nb.njit("void(int16[:, ::1], float64, float64, int64, int64, int64, int16[:, ::1])", nogil=True, cache=True)
def move_back(
    stored: np.ndarray,
    south: float,
    east: float,
    first_row: int,
    first_column: int,
    step: int,
    out: np.ndarray,
) -> None:
    """Values (y, x) of a picture that lies so many pixels south and east of its place, in their place,
    bilinear: of every `step`-th row and column from the first ones on, into out.

    Only pixels that were seen have weight. A pixel of which less than half was seen, or that lies beyond the
    outer ones of the picture, is `NODATA`. Sums are float64 in order of rows and rounded to float32 before
    they are divided, which gives the bits of `scipy.ndimage.shift` (order 1, mode constant) of what was seen
    and of its values.

    stored, out: int16.
    """
    rows, columns = stored.shape
    for row in range(out.shape[0]):
        upper, of_upper, of_lower = _between(first_row + row * step + south, rows)
        if upper < 0:
            out[row] = _NODATA
            continue
        above, below = stored[upper], stored[min(upper + 1, rows - 1)]
        for column in range(out.shape[1]):
            left, of_left, of_right = _between(first_column + column * step + east, columns)
            if left < 0:
                out[row, column] = _NODATA
                continue
            right = min(left + 1, columns - 1)
            weight = total = 0.0
            for value, down, across in (
                (above[left], of_upper, of_left),
                (above[right], of_upper, of_right),
                (below[left], of_lower, of_left),
                (below[right], of_lower, of_right),
            ):
                is_seen = value != _NODATA
                weight += is_seen * down * across
                total += (is_seen * value) * down * across
            seen = np.float32(weight)
            mean = np.rint(np.float32(total) / max(seen, _HALF))
            out[row, column] = np.int16(mean) if seen >= _HALF else _NODATA
