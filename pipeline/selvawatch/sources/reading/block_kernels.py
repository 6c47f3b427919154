"""Compiled loops that lay unpacked blocks of a file on a target grid. Plain Python twins are in the tests."""

from typing import Any

import numba
import numpy as np
from numba import types as nt

_FLOATS = nt.Array(nt.float32, 1, "C", readonly=True)
_POSITIONS = (nt.int64[:, ::1], nt.int64[::1], nt.int64[::1])


def _signature(kind: Any, *last: Any) -> Any:
    return nt.void(kind[:, :, ::1], *_POSITIONS, nt.boolean, kind, *last)


@numba.njit(inline="always")
def _line(
    blocks: np.ndarray,
    where: np.ndarray,
    row: int,
    first: int,
    last: int,
    differences: bool,
    fill: int,
    line: np.ndarray,
) -> None:
    """Stored numbers of columns first to last of one row of the blocks, into line."""
    height, width = blocks.shape[1], blocks.shape[2]
    for across in range(where.shape[1]):
        left = across * width
        begin, end = max(left, first), min(left + width, last + 1)
        number = where[row // height, across]
        if number < 0:
            for column in range(begin, end):
                line[column - first] = fill
            continue
        source = blocks[number, row % height]
        if not differences:
            for column in range(begin, end):
                line[column - first] = source[column - left]
            continue
        total = np.uint64(0)
        for column in range(left, begin):
            total += np.uint64(source[column - left])
        for column in range(begin, end):
            total += np.uint64(source[column - left])
            line[column - first] = total


@numba.njit(
    [_signature(kind, kind[:, ::1]) for kind in (nt.uint8, nt.uint16, nt.uint32)], nogil=True, cache=True
)
def lay(
    blocks: np.ndarray,
    where: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    differences: bool,
    fill: int,
    out: np.ndarray,
) -> None:
    """Stored numbers of blocks (n, y, x) on a target's pixels, into out (y, x).

    where: (y, x) number of the block that lies there, below 0: none, which gives fill; rows, columns: row and
    column of the blocks' ground that each target row and column takes, not decreasing; differences: whether
    each number is kept as what it is more than its left neighbour in the block.
    """
    first, last = columns[0], columns[-1]
    line = np.empty(last - first + 1, blocks.dtype)
    for y in range(rows.size):
        if y and rows[y] == rows[y - 1]:
            out[y] = out[y - 1]
            continue
        _line(blocks, where, rows[y], first, last, differences, fill, line)
        for x in range(columns.size):
            out[y, x] = line[columns[x] - first]


@numba.njit(
    [_signature(kind, _FLOATS, nt.float32[:, ::1]) for kind in (nt.uint8, nt.uint16)], nogil=True, cache=True
)
def lay_physical(
    blocks: np.ndarray,
    where: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    differences: bool,
    fill: int,
    table: np.ndarray,
    out: np.ndarray,
) -> None:
    """As `lay`, with each number turned into its physical value by a table."""
    first, last = columns[0], columns[-1]
    line = np.empty(last - first + 1, blocks.dtype)
    for y in range(rows.size):
        if y and rows[y] == rows[y - 1]:
            out[y] = out[y - 1]
            continue
        _line(blocks, where, rows[y], first, last, differences, fill, line)
        for x in range(columns.size):
            out[y, x] = table[line[columns[x] - first]]


@numba.njit(
    "void(uint8[:, :, ::1], int64[:, ::1], int64[::1], int64[::1], uint32, uint32[:, ::1])",
    nogil=True,
    cache=True,
)
def lay_floats(
    blocks: np.ndarray,
    where: np.ndarray,
    rows: np.ndarray,
    columns: np.ndarray,
    fill: int,
    out: np.ndarray,
) -> None:
    """As `lay`, of bits of float32 numbers kept as TIFF's floating-point predictor keeps them.

    blocks: (n, y, bytes): of each row first the highest byte of every number, then the next, down to the
    lowest, and each byte as what it is more than the byte before.
    """
    height, width = blocks.shape[1], blocks.shape[2] // 4
    plain = np.empty(4 * width, np.uint8)
    line = np.empty(where.shape[1] * width, np.uint32)
    for y in range(rows.size):
        if y and rows[y] == rows[y - 1]:
            out[y] = out[y - 1]
            continue
        for across in range(where.shape[1]):
            number = where[rows[y] // height, across]
            left = across * width
            if number < 0:
                line[left : left + width] = fill
                continue
            source = blocks[number, rows[y] % height]
            total = np.uint64(0)
            for position in range(4 * width):
                total += np.uint64(source[position])
                plain[position] = total
            for column in range(width):
                line[left + column] = (
                    np.uint32(plain[column]) << np.uint32(24)
                    | np.uint32(plain[width + column]) << np.uint32(16)
                    | np.uint32(plain[2 * width + column]) << np.uint32(8)
                    | np.uint32(plain[3 * width + column])
                )
        for x in range(columns.size):
            out[y, x] = line[columns[x]]


@numba.njit("uint32[::1](uint8[:, ::1])", nogil=True, cache=True)
def adler32(blocks: np.ndarray) -> np.ndarray:
    """Adler-32 checksum (RFC 1950) of each row of bytes.

    64 sums side by side that are only added to, so that the compiler may work on many bytes at once; they are
    put together before they could overflow.
    """
    lanes, most, modulus = 64, 2048, np.uint64(65521)
    out = np.empty(blocks.shape[0], np.uint32)
    sums, running = np.empty(lanes, np.uint32), np.empty(lanes, np.uint32)
    for number in range(blocks.shape[0]):
        block = blocks[number]
        first, second = np.uint64(1), np.uint64(0)
        position = 0
        while block.size - position >= lanes:
            steps = min((block.size - position) // lanes, most)
            sums[:], running[:] = 0, 0
            for step in range(steps):
                part = block[position + lanes * step : position + lanes * step + lanes]
                for lane in range(lanes):
                    running[lane] += sums[lane]
                    sums[lane] += np.uint32(part[lane])
            total, weighted = np.uint64(0), np.uint64(0)
            for lane in range(lanes):
                total += np.uint64(sums[lane])
                weighted += np.uint64(lanes) * np.uint64(running[lane])
                weighted += np.uint64(lanes - lane) * np.uint64(sums[lane])
            second = (second + np.uint64(lanes * steps) * first + weighted) % modulus
            first = (first + total) % modulus
            position += lanes * steps
        while position < block.size:
            first = (first + np.uint64(block[position])) % modulus
            second = (second + first) % modulus
            position += 1
        out[number] = (second << np.uint64(16)) | first
    return out
