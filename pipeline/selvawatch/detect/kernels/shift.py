"""Blocks' shifts are taken off an image."""

import numba as nb
import numpy as np

from selvawatch.core.stack import NODATA

_NODATA = int(NODATA)
_LIMIT = 32_767


@nb.njit("void(int16[:, ::1], int32[:, ::1], int64[::1], int64[::1], int16[:, ::1])", nogil=True, cache=True)
def subtract(
    stored: np.ndarray, shift: np.ndarray, rows: np.ndarray, columns: np.ndarray, out: np.ndarray
) -> None:
    """Stored values (y, x) less the shift of their block into out, clipped and never wrapped.

    stored, out: int16; shift: (blocks, blocks) int32, stored units, by row and column of blocks; rows: (y,)
    and columns: (x,) int64, block of each row and each column of the image. `NODATA` stays.
    """
    for row in range(stored.shape[0]):
        of_row = shift[rows[row]]
        for column in range(stored.shape[1]):
            value = np.int32(stored[row, column])
            moved = min(max(value - of_row[columns[column]], -_LIMIT), _LIMIT)
            out[row, column] = moved if value != _NODATA else _NODATA
