"""Slow falls of one index are followed and taken off, and the running fall of what is left is kept."""

import numba as nb
import numpy as np

from selvawatch.detect.kernels.fused import fma

_NODATA = np.int16(-32768)
_TOP = np.float32(32_767)
STILL, CALM, ALL = 0, 1, 2
"""In which pixels of a block a slow fall may rise."""
WHOLE = 250
"""Running fall that is whole; a byte holds it."""


@nb.njit(
    nb.void(
        nb.types.Array(nb.int16, 1, "C", readonly=True),
        nb.types.Array(nb.int16, 2, "C", readonly=True),
        nb.types.Array(nb.int16, 1, "C", readonly=True),
        nb.float32[::1],
        nb.int64,
        nb.float32[::1],
        nb.float32[:, ::1],
        nb.uint8[:, ::1],
        nb.int64[::1],
        nb.int64[::1],
        nb.int64,
        nb.int64,
        nb.types.Array(nb.boolean, 1, "C", readonly=True),
        nb.int16[::1],
        nb.uint16[::1],
        nb.int16[::1],
    ),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def follow(
    values: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    day: int,
    numbers: np.ndarray,
    most_of_block: np.ndarray,
    rising: np.ndarray,
    block_rows: np.ndarray,
    block_columns: np.ndarray,
    first: int,
    last: int,
    calm: np.ndarray,
    level: np.ndarray,
    seen_on: np.ndarray,
    out: np.ndarray,
) -> None:
    """Values of rows first..last with what fell slowly put back, into out; the level then follows them.

    A level follows the fall (predicted - value) by at most rate * days since the pixel was seen last, and not
    at all where the fall is more than reach sigmas below it. It rises as its block's `rising` says: in no
    pixel (`STILL`), in calm ones (`CALM`), in all (`ALL`). What is put back is the level less `least`, at
    most what the block allows; only sigma > 0 has one.

    values, sigma, out: (pixels,) int16, stored units, -32768 = not seen; terms: (K, pixels) int16; basis:
    (K,) float32; numbers: (6,) float32: rate a day, reach, longest days, least, most, sigma floor, stored
    units; most_of_block: (rows, columns) of blocks, float32; block_rows: (y,), block_columns: (x,) int64;
    rising: (rows, columns) of blocks, uint8; calm: (pixels,) bool; level: (pixels,) int16, in place; seen_on:
    (pixels,) uint16, the day each was seen before, which is not written here.
    """
    rate, reach, longest, least, most, floor = (
        numbers[0],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[4],
        numbers[5],
    )
    zero = np.float32(0)
    width = block_columns.size
    for row in range(first, last):
        allowed, rises = most_of_block[block_rows[row]], rising[block_rows[row]]
        for column in range(width):
            p = row * width + column
            value, spread = values[p], np.float32(sigma[p])
            out[p] = value
            if value == _NODATA or spread <= zero:
                continue
            predicted = np.float32(terms[0, p]) * basis[0]
            for k in range(1, basis.size):
                predicted = fma(np.float32(terms[k, p]), basis[k], predicted)
            of_block = rises[block_columns[column]]
            before = np.float32(level[p])
            back = min(max(before - least, zero), allowed[block_columns[column]])
            out[p] = np.int16(min(np.float32(value) + np.rint(back), _TOP))
            days = np.float32(day - seen_on[p]) if seen_on[p] > 0 else zero
            step = rate * min(days, longest)
            off = predicted - np.float32(value) - before
            if off > reach * max(spread, floor):
                continue
            after = before + min(
                max(off, -step), step if of_block == ALL or (of_block == CALM and calm[p]) else zero
            )
            level[p] = np.int16(np.rint(min(max(after, -most), most)))


@nb.njit(
    nb.void(
        nb.types.Array(nb.int16, 1, "C", readonly=True),
        nb.types.Array(nb.int16, 2, "C", readonly=True),
        nb.types.Array(nb.int16, 1, "C", readonly=True),
        nb.float32[::1],
        nb.int64,
        nb.float32,
        nb.float32,
        nb.int64,
        nb.int64,
        nb.uint8[::1],
        nb.uint16[::1],
    ),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def keep_fall(
    values: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    day: int,
    full: float,
    weight: float,
    start: int,
    stop: int,
    fall: np.ndarray,
    seen_on: np.ndarray,
) -> None:
    """Move the running fall of pixels start..stop towards this observation's by `weight`, and note its day.

    A fall is predicted - value as a share of `full`, between 0 and `WHOLE`.

    values, sigma: (pixels,) int16, stored units; terms: (K, pixels) int16; basis: (K,) float32; fall:
    (pixels,) uint8 and seen_on: (pixels,) uint16, in place.
    """
    whole, per_full = np.float32(WHOLE), np.float32(WHOLE) / full
    for p in range(start, stop):
        if values[p] == _NODATA or sigma[p] <= 0:
            continue
        predicted = np.float32(terms[0, p]) * basis[0]
        for k in range(1, basis.size):
            predicted = fma(np.float32(terms[k, p]), basis[k], predicted)
        now = min(max((predicted - np.float32(values[p])) * per_full, np.float32(0)), whole)
        before = np.float32(fall[p])
        fall[p] = np.uint8(np.rint(before + weight * (now - before)))
        seen_on[p] = day
