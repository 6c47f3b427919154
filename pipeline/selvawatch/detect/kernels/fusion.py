"""Page's sums of one day, and the status that follows from them.

Every intermediate number is brought back to 16 bits at once, so that loops hold as many pixels in a SIMD
register as the stored types allow. Lanes are sliced before they are walked: an index that might be negative
would keep them out.
"""

import numba as nb
import numpy as np

from selvawatch.core.status import Status
from selvawatch.detect.kernels.slow import WHOLE

NONE, PROVISIONAL, CONFIRMED, WITHDRAWN, CLOSED = (
    int(status)
    for status in (Status.NONE, Status.PROVISIONAL, Status.CONFIRMED, Status.WITHDRAWN, Status.CLOSED)
)

SUSPECT = 5
"""Status of a pixel whose sum stands at its provisional level, and that is not promising yet: nobody is told.
"""

STATUS_BITS = 7
REASON_SHIFT = 3
REASON_BITS = 7
OPTICAL_BIT = 64
RADAR_BIT = 128
"""Layout of a flag byte: status in bits 0-2, reason in 3-5, confirmed by optical in 6, by radar in 7."""

ABOVE, OPEN = 1, 2
"""Layout of an activity byte: a sum stands at its provisional level; the status may move today."""

LANE = 512
"""Pixels of a lane."""

MISSING = np.int16(-32768)
"""Evidence of a pixel that was not seen."""

_SLOT = "uint8[::1], uint16[::1], uint8[::1], uint8[::1]"


@nb.njit(f"void(int16[::1], uint16, {_SLOT})", nogil=True, cache=True, error_model="numpy")
def _page(
    lane: np.ndarray,
    day: np.uint16,
    total: np.ndarray,
    since: np.ndarray,
    gap: np.ndarray,
    observations: np.ndarray,
) -> None:
    """Add a lane of evidence to one sum, S = max(0, S + evidence), and keep when its run began, in place.

    lane: evidence (whole units; `MISSING`: not seen), then frozen (1: the run stays as it is and only its
    observations are counted). The gap is the days from the observation before the run to its first day: 0
    where there was none, 255 for that and more.
    """
    zero, one, byte, all_bits = np.int16(0), np.int16(1), np.int16(255), np.int16(-1)
    never, longest = np.uint16(0), np.uint16(255)
    for p in range(total.size):
        said = lane[p]
        free = all_bits if lane[LANE + p] == zero else zero
        seen = all_bits if said != MISSING else zero
        before = np.int16(total[p])
        after = np.int16(before + (said & seen))
        after = after if after > zero else zero
        after = after if after < byte else byte
        total[p] = np.uint8(after)
        stood = all_bits if before != zero else zero
        runs = all_bits if after != zero else zero
        # its observations
        count = np.int16(observations[p])
        more = np.int16(count + one) if count < byte else byte
        more = more & (runs | ~free)
        observations[p] = np.uint8((more & seen) | (count & ~seen))
        # the gap before it, and where it begins
        last = since[p]
        days = np.uint16(day - last)
        days = days if days < longest else longest
        days = days if last != never else never
        begins, stays = runs & ~stood & free, runs | ~free
        kept = np.int16(gap[p]) & stays
        gap[p] = np.uint8((np.int16(days) & begins) | (kept & ~begins))
        moves = ~(stood & runs) & seen & free
        since[p] = np.uint16((np.int16(day) & moves) | (np.int16(last) & ~moves))


@nb.njit(
    f"void(int16[::1], int16[::1], boolean, boolean, int64, int64, int64, int16[:,::1], uint8[::1], {_SLOT},"
    f" {_SLOT}, {_SLOT}, uint16[::1], uint16[::1], uint8[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def add_day(
    optical: np.ndarray,
    radar: np.ndarray,
    has_optical: bool,
    has_radar: bool,
    start: int,
    stop: int,
    day: int,
    limits: np.ndarray,
    flags: np.ndarray,
    sum_o: np.ndarray,
    since_o: np.ndarray,
    gap_o: np.ndarray,
    count_o: np.ndarray,
    sum_r: np.ndarray,
    since_r: np.ndarray,
    gap_r: np.ndarray,
    count_r: np.ndarray,
    sum_j: np.ndarray,
    since_j: np.ndarray,
    gap_j: np.ndarray,
    count_j: np.ndarray,
    last_observed: np.ndarray,
    count_total: np.ndarray,
    active: np.ndarray,
) -> None:
    """Add a day's evidence of pixels start..stop to the three sums, in place.

    optical, radar: evidence of those pixels alone, read only where the day has observations of that kind.
    limits: rows optical, radar, joint: day_low, day_high, provisional; limits[2, 3] is the least that radar
    may say in the joint sum. A pixel that is not monitored, or that nobody saw, keeps its state. `active`:
    see `ABOVE`, `OPEN`.

    optical, radar: (stop - start,) int16, `MISSING` = not seen; limits: (3, 4) int16; all others (pixels,) of
    the types of `detect.fusion.STATE`, active uint8.
    """
    # numbers that hold for every pixel, and scratch of three lanes of evidence
    zero, one = np.int16(0), np.int16(1)
    none, single, most = np.uint16(0), np.uint16(1), np.uint16(65535)
    nothing, above_bit, open_bit = np.uint8(0), np.uint8(ABOVE), np.uint8(OPEN)
    today, provisional, confirmed, suspect = (
        np.uint16(day),
        np.uint8(PROVISIONAL),
        np.uint8(CONFIRMED),
        np.uint8(SUSPECT),
    )
    status_bits, reason_bits = np.uint8(STATUS_BITS), np.uint8(REASON_BITS << REASON_SHIFT)
    low_o, high_o, level_o = limits[0, 0], limits[0, 1], np.uint8(limits[0, 2])
    low_r, high_r, level_r = limits[1, 0], limits[1, 1], np.uint8(limits[1, 2])
    low_j, high_j, level_j, radar_low = limits[2, 0], limits[2, 1], np.uint8(limits[2, 2]), limits[2, 3]
    scratch = np.zeros(6 * LANE, np.int16)
    optic, radio, joint = scratch[: 2 * LANE], scratch[2 * LANE : 4 * LANE], scratch[4 * LANE :]
    for p in range(LANE):
        scratch[p] = MISSING
        scratch[2 * LANE + p] = MISSING
    for first in range(start, stop, LANE):
        last = first + min(LANE, stop - first)
        flag = flags[first:last]
        # evidence of each kind, clipped to what one day may say
        if has_optical:
            said_o = optical[first - start : last - start]
            for p in range(flag.size):
                said = said_o[p]
                said = said if said > low_o else low_o
                said = said if said < high_o else high_o
                said = said if said_o[p] != MISSING else MISSING
                optic[p] = said if np.int16(flag[p] & reason_bits) == zero else MISSING
        if has_radar:
            said_r = radar[first - start : last - start]
            for p in range(flag.size):
                said = said_r[p]
                said = said if said > low_r else low_r
                said = said if said < high_r else high_r
                said = said if said_r[p] != MISSING else MISSING
                radio[p] = said if np.int16(flag[p] & reason_bits) == zero else MISSING
        # the joint evidence, and whether its run stands fast
        for p in range(flag.size):
            by_o, by_r = scratch[p], scratch[2 * LANE + p]
            weak = by_r if by_r > radar_low else radar_low
            weak = weak if by_r != MISSING else zero
            said = np.int16((by_o if by_o != MISSING else zero) + weak)
            said = said if said > low_j else low_j
            said = said if said < high_j else high_j
            scratch[4 * LANE + p] = said if (by_o != MISSING) | (by_r != MISSING) else MISSING
        for p in range(flag.size):
            standing = np.int16(flag[p] & status_bits)
            decided = (standing == np.int16(CONFIRMED)) | (standing == np.int16(CLOSED))
            scratch[5 * LANE + p] = one if decided else zero
        # the three sums
        if has_optical:
            _page(
                optic, today, sum_o[first:last], since_o[first:last], gap_o[first:last], count_o[first:last]
            )
        if has_radar:
            _page(
                radio, today, sum_r[first:last], since_r[first:last], gap_r[first:last], count_r[first:last]
            )
        _page(joint, today, sum_j[first:last], since_j[first:last], gap_j[first:last], count_j[first:last])
        # last observation, number of observations, and what `decide` has to see to
        newest, counted, activity = last_observed[first:last], count_total[first:last], active[first:last]
        optical_sum, radar_sum, joint_sum = sum_o[first:last], sum_r[first:last], sum_j[first:last]
        for p in range(newest.size):
            seen = -one if joint[p] != MISSING else zero
            newest[p] = np.uint16((np.int16(today) & seen) | (np.int16(newest[p]) & ~seen))
            more = single if joint[p] != MISSING else none
            more = more if counted[p] != most else none
            counted[p] = np.uint16(counted[p] + more)
            above = (optical_sum[p] >= level_o) | (radar_sum[p] >= level_r) | (joint_sum[p] >= level_j)
            status = np.uint8(flag[p] & status_bits)
            moves = above | (status == provisional) | (status == suspect) | (status == confirmed)
            bits = above_bit if above else nothing
            bits = np.uint8(bits | (open_bit if moves & (joint[p] != MISSING) else nothing))
            activity[p] = bits


@nb.njit(
    "void(int64, int64, int64, int64, int64, int64, int64, int64, int64, float64[::1], int64[:,::1],"
    f" uint8[:,::1], uint8[::1], uint8[::1], {_SLOT}, {_SLOT}, {_SLOT}, uint16[::1], uint16[::1],"
    " uint16[::1], uint8[::1], uint16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
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
    again_within: int,
    shares: np.ndarray,
    levels: np.ndarray,
    raised: np.ndarray,
    active: np.ndarray,
    flags: np.ndarray,
    sum_o: np.ndarray,
    since_o: np.ndarray,
    gap_o: np.ndarray,
    count_o: np.ndarray,
    sum_r: np.ndarray,
    since_r: np.ndarray,
    gap_r: np.ndarray,
    count_r: np.ndarray,
    sum_j: np.ndarray,
    since_j: np.ndarray,
    gap_j: np.ndarray,
    count_j: np.ndarray,
    detected_on: np.ndarray,
    provisional_on: np.ndarray,
    decided_on: np.ndarray,
    fall: np.ndarray,
    fall_on: np.ndarray,
) -> None:
    """Move the status of the open pixels of rows first..last by at most one legal move, in place.

    levels: rows optical, radar, joint: withdrawn, provisional, confirmed, confirmed alone; raised: what is
    added to the last two. Neighbours count by what they knew that day: their own sums, never their status. On
    confirmation the run that confirmed is kept in the place of the joint run. What is provisional again
    within `again_within` days of its withdrawal keeps its `detected_on`.

    A pixel that fell by less than shares[0] of what a neighbour above its level fell is not confirmed while
    optical speaks of it, if shares[4] or more neighbours of known fall fell by no more than shares[2] of what
    it fell, or than shares[3] of a whole fall. One whose running fall is known is provisional only from a
    fall of shares[1], or a radar sum of levels[1, 4], on; before that it is `SUSPECT` since its
    `provisional_on`, and may be confirmed all the same; `detected_on` is the day it is told of.

    shares: (5,) float64; levels: (3, 5) int64, and raised: (3, rows * columns) uint8, whole units of
    evidence; all others (rows * columns,) of the types of `detect.fusion.STATE`, active uint8; fall: uint8,
    fall_on: uint16: `kernels.slow.keep_fall`.
    """
    # pixels that may move today, a block at a time
    stop = last * columns
    least = np.minimum(levels[:, 2], levels[:, 3])
    moving = np.empty(256, np.int64)
    for block in range(first * columns, stop, 256):
        activity = active[block : min(block + 256, stop)]
        count = 0
        for p in range(activity.size):
            moving[count] = block + p
            count += (activity[p] & OPEN) >> 1
        for number in range(count):
            p = moving[number]
            flag = flags[p]
            status = flag & STATUS_BITS
            promising = fall_on[p] == 0 or fall[p] >= shares[1] * WHOLE or sum_r[p] >= levels[1, 4]
            # none or withdrawn: provisional where it is promising, else suspect
            if status == NONE or status == WITHDRAWN:  # noqa: SIM109 (numba compiles no `in` on a tuple as fast)
                if not promising and status == NONE:
                    flags[p] = (flag & (REASON_BITS << REASON_SHIFT)) | SUSPECT
                    provisional_on[p] = day
                    continue
                sure = (
                    sum_o[p] >= least[0] + raised[0, p]
                    or sum_r[p] >= least[1] + raised[1, p]
                    or sum_j[p] >= least[2] + raised[2, p]
                )
                if not (promising or sure):
                    continue
                flags[p] = (flag & (REASON_BITS << REASON_SHIFT)) | PROVISIONAL
                if status == NONE or day - decided_on[p] > again_within:
                    detected_on[p] = day
                provisional_on[p] = day
                decided_on[p] = 0
                continue
            if status == CLOSED:
                continue
            # calm: a provisional pixel is withdrawn, and a suspect one is nothing
            suspect = status == SUSPECT
            provisional = suspect or status == PROVISIONAL
            calm = sum_o[p] <= levels[0, 0] and sum_r[p] <= levels[1, 0] and sum_j[p] <= levels[2, 0]
            if provisional and calm:
                flags[p] = (flag & (REASON_BITS << REASON_SHIFT)) | (NONE if suspect else WITHDRAWN)
                if suspect:
                    provisional_on[p] = 0
                else:
                    decided_on[p] = day
                continue
            # a sum at its confirmation: how many neighbours stand with it
            news_o = sum_o[p] >= least[0] + raised[0, p] and flag & OPTICAL_BIT == 0
            news_r = sum_r[p] >= least[1] + raised[1, p] and flag & RADAR_BIT == 0
            if news_o or news_r or (provisional and sum_j[p] >= least[2] + raised[2, p]):
                near, core, outside = 0, np.uint8(0), 0
                hardly = max(shares[2] * fall[p], shares[3] * WHOLE)
                if neighbours > 0:
                    row, column = p // columns, p % columns
                    for y in (row - distance, row, row + distance):
                        for x in (column - distance, column, column + distance):
                            if 0 <= y < rows and 0 <= x < columns and (y != row or x != column):
                                q = y * columns + x
                                near += active[q] & ABOVE
                                outside += fall_on[q] > 0 and fall[q] <= hardly
                                if active[q] & ABOVE and fall[q] > core:
                                    core = fall[q]
                # a rim that optical sees, of what fell far more: not yet; else
                # confirmed, with the run that confirmed in the place of the joint one
                below = fall_on[p] > 0 and fall[p] < shares[0] * core
                rim = provisional and sum_o[p] > 0 and below and outside >= shares[4]
                at = 2 if near >= neighbours else 3
                by_o = sum_o[p] >= levels[0, at] + raised[0, p] and not rim
                by_r = sum_r[p] >= levels[1, at] + raised[1, p] and not rim
                by_j = sum_j[p] >= levels[2, at] + raised[2, p] and not rim
                if by_o:
                    flag |= OPTICAL_BIT
                if by_r:
                    flag |= RADAR_BIT
                if provisional and (by_o or by_r or by_j):
                    flag = (flag & (0xFF ^ STATUS_BITS)) | CONFIRMED
                    decided_on[p] = day
                    if suspect:
                        detected_on[p] = day
                    if by_o:
                        since_j[p], gap_j[p], count_j[p] = since_o[p], gap_o[p], count_o[p]
                    elif not by_j:
                        since_j[p], gap_j[p], count_j[p] = since_r[p], gap_r[p], count_r[p]
            # suspect and promising by now: provisional
            if suspect and promising and flag & STATUS_BITS == SUSPECT:
                flag = (flag & (0xFF ^ STATUS_BITS)) | PROVISIONAL
                detected_on[p] = day
            # confirmed long ago: closed
            if status == CONFIRMED and close_after > 0 and day - decided_on[p] >= close_after:
                flag = (flag & (0xFF ^ STATUS_BITS)) | CLOSED
            flags[p] = flag
