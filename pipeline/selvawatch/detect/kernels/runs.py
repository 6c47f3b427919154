"""Runs of a sum that end are counted by block and by how high they were."""

import numba as nb
import numpy as np


@nb.njit(
    "void(uint8[::1], int64[::1], int64[::1], int64, int64, uint8[::1], uint16[::1], int64[:,::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def end_runs(
    total: np.ndarray,
    of_row: np.ndarray,
    of_column: np.ndarray,
    day: int,
    longest: int,
    highest: np.ndarray,
    began: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Keep how high the run of each sum is and when it began, and count those that ended, in place.

    A run begins on the day a sum leaves 0 and ends on the day it is 0 again; one that took more than
    `longest` days is not counted.

    total, highest: (rows * columns,) uint8, units of evidence; began: of that size, uint16, days since
    1970-01-01; of_row, of_column: number of the block row and block column of each row and column, int64;
    counts: (blocks, 256) int64, block rows one behind the other.
    """
    columns, across = of_column.size, of_column[-1] + 1
    for row in range(of_row.size):
        for column in range(columns):
            p = row * columns + column
            now, before = total[p], highest[p]
            if now > 0:
                if before == 0:
                    began[p] = np.uint16(day)
                if now > before:
                    highest[p] = now
            elif before > 0:
                if day - np.int64(began[p]) <= longest:
                    counts[of_row[row] * across + of_column[column], before] += 1
                highest[p] = np.uint8(0)
