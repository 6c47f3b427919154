"""Page's sums of one day, and the status that follows from them."""

import numba as nb
import numpy as np

from selvawatch.core.status import Status

NONE, PROVISIONAL, CONFIRMED, WITHDRAWN, CLOSED = (
    int(status)
    for status in (Status.NONE, Status.PROVISIONAL, Status.CONFIRMED, Status.WITHDRAWN, Status.CLOSED)
)

STATUS_BITS = 7
REASON_SHIFT = 3
REASON_BITS = 7
OPTICAL_BIT = 64
RADAR_BIT = 128
"""Layout of a flag byte: status in bits 0-2, reason in 3-5, confirmed by optical in 6, by radar in 7."""

_ACCUMULATOR = "uint8[::1], uint16[::1], uint8[::1], uint8[::1]"


@nb.njit(
    "Tuple((int64, int64, int64, int64))(int64, int64, uint8, uint16, uint8, uint8)", nogil=True, cache=True
)
def _page(add: int, day: int, total: int, since: int, gap: int, looks: int) -> tuple[int, int, int, int]:
    """Sum, first day of its run (or last look while it is 0), days from the look before to that day, looks of the run.

    The gap is 0 where there was no look before, and 255 where it was that long or longer.
    """
    after = min(max(np.int64(total) + add, 0), 255)
    if after == 0:
        return 0, day, 0, 0
    if total == 0:
        return after, day, min(day - since, 255) if since > 0 else 0, 1
    return after, np.int64(since), np.int64(gap), min(np.int64(looks) + 1, 255)


@nb.njit(
    f"void(int16[::1], int16[::1], int64, int64, int64, int64[:,::1], uint8[::1], {_ACCUMULATOR}, {_ACCUMULATOR},"
    f" {_ACCUMULATOR}, uint16[::1], uint16[::1], uint8[::1])",
    nogil=True,
    cache=True,
)
def add_day(
    optical: np.ndarray,
    radar: np.ndarray,
    start: int,
    stop: int,
    day: int,
    limits: np.ndarray,
    flags: np.ndarray,
    sum_o: np.ndarray,
    since_o: np.ndarray,
    gap_o: np.ndarray,
    looks_o: np.ndarray,
    sum_r: np.ndarray,
    since_r: np.ndarray,
    gap_r: np.ndarray,
    looks_r: np.ndarray,
    sum_j: np.ndarray,
    since_j: np.ndarray,
    gap_j: np.ndarray,
    looks_j: np.ndarray,
    last_look: np.ndarray,
    looks_total: np.ndarray,
    active: np.ndarray,
) -> None:
    """Add a day's evidence of pixels start..stop to the sums: S = max(0, S + evidence), in place.

    limits: rows optical, radar, joint: day_low, day_high, provisional; limits[2, 3] is the least that radar may say
    in the joint sum. `active` becomes 1 where a sum stands at its provisional level or above: what neighbours count.
    A pixel that is not monitored, or that nobody saw, keeps its state.
    """
    nodata = np.int16(-32768)
    for p in range(start, stop):
        monitored = (flags[p] >> REASON_SHIFT) & REASON_BITS == 0
        saw_o = monitored and optical[p] != nodata
        saw_r = monitored and radar[p] != nodata
        if saw_o or saw_r:
            joint = 0
            if saw_o:
                add = min(max(np.int64(optical[p]), limits[0, 0]), limits[0, 1])
                joint += add
                sum_o[p], since_o[p], gap_o[p], looks_o[p] = _page(
                    add, day, sum_o[p], since_o[p], gap_o[p], looks_o[p]
                )
            if saw_r:
                add = min(max(np.int64(radar[p]), limits[1, 0]), limits[1, 1])
                joint += max(add, limits[2, 3])
                sum_r[p], since_r[p], gap_r[p], looks_r[p] = _page(
                    add, day, sum_r[p], since_r[p], gap_r[p], looks_r[p]
                )
            joint = min(max(joint, limits[2, 0]), limits[2, 1])
            total, since, gap, looks = _page(joint, day, sum_j[p], since_j[p], gap_j[p], looks_j[p])
            status = flags[p] & STATUS_BITS
            sum_j[p] = total
            if status == CONFIRMED or status == CLOSED:
                looks_j[p] = min(looks_j[p] + 1, 255)
            else:
                since_j[p], gap_j[p], looks_j[p] = since, gap, looks
            last_look[p] = day
            looks_total[p] = min(looks_total[p] + 1, 65535)
        above = sum_o[p] >= limits[0, 2] or sum_r[p] >= limits[1, 2] or sum_j[p] >= limits[2, 2]
        active[p] = 1 if above else 0


@nb.njit(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64[:,::1], uint8[::1], uint8[::1], uint16[::1],"
    f" {_ACCUMULATOR}, {_ACCUMULATOR}, {_ACCUMULATOR}, uint16[::1], uint16[::1])",
    nogil=True,
    cache=True,
)
def decide(
    first: int,
    last: int,
    rows: int,
    columns: int,
    distance: int,
    neighbours: int,
    day: int,
    close_after: int,
    levels: np.ndarray,
    active: np.ndarray,
    flags: np.ndarray,
    last_look: np.ndarray,
    sum_o: np.ndarray,
    since_o: np.ndarray,
    gap_o: np.ndarray,
    looks_o: np.ndarray,
    sum_r: np.ndarray,
    since_r: np.ndarray,
    gap_r: np.ndarray,
    looks_r: np.ndarray,
    sum_j: np.ndarray,
    since_j: np.ndarray,
    gap_j: np.ndarray,
    looks_j: np.ndarray,
    provisional_on: np.ndarray,
    decided_on: np.ndarray,
) -> None:
    """Move the status of the pixels of rows first..last that were seen on `day`, by at most one legal move, in place.

    levels: rows optical, radar, joint: withdrawn, provisional, confirmed, confirmed alone. On confirmation the run
    that confirmed is kept in the joint run's place.
    """
    for row in range(first, last):
        for column in range(columns):
            p = row * columns + column
            status = flags[p] & STATUS_BITS
            if (
                last_look[p] != day
                or (flags[p] >> REASON_SHIFT) & REASON_BITS != 0
                or (active[p] == 0 and (status == NONE or status == WITHDRAWN))
            ):
                continue
            if status == NONE or status == WITHDRAWN:
                flags[p] = (flags[p] & (REASON_BITS << REASON_SHIFT)) | PROVISIONAL
                provisional_on[p] = day
                decided_on[p] = 0
                continue
            if status == PROVISIONAL:
                calm = sum_o[p] <= levels[0, 0] and sum_r[p] <= levels[1, 0] and sum_j[p] <= levels[2, 0]
                if calm:
                    flags[p] = (flags[p] & (REASON_BITS << REASON_SHIFT)) | WITHDRAWN
                    decided_on[p] = day
                    continue
            if status == CLOSED:
                continue
            at = 2
            if neighbours > 0:
                count = 0
                for y in (row - distance, row, row + distance):
                    for x in (column - distance, column, column + distance):
                        if 0 <= y < rows and 0 <= x < columns and (y != row or x != column):
                            count += active[y * columns + x]
                at = 2 if count >= neighbours else 3
            by_o = sum_o[p] >= levels[0, at]
            by_r = sum_r[p] >= levels[1, at]
            by_j = sum_j[p] >= levels[2, at]
            flag = flags[p]
            if by_o:
                flag |= OPTICAL_BIT
            if by_r:
                flag |= RADAR_BIT
            if status == PROVISIONAL and (by_o or by_r or by_j):
                flag = (flag & ~STATUS_BITS) | CONFIRMED
                decided_on[p] = day
                if by_o:
                    since_j[p], gap_j[p], looks_j[p] = since_o[p], gap_o[p], looks_o[p]
                elif not by_j:
                    since_j[p], gap_j[p], looks_j[p] = since_r[p], gap_r[p], looks_r[p]
            elif status == CONFIRMED and close_after > 0 and day - decided_on[p] >= close_after:
                flag = (flag & ~STATUS_BITS) | CLOSED
            flags[p] = flag
