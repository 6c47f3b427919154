"""Masked harmonic least squares with screened refits, time-major int16 in, SIMD across pixels.

For a harmonic basis the Gram matrix of masked observations has 4H + 1 distinct entries: sums of cos and sin
of 0..2H times the yearly angle (product-to-sum). Indices that are made of the same scenes share it: they are
screened together, so that one design and one factorisation serve all of them. A tile of pixels is copied next
to each other first, so that every pass but the first reads from cache; sums lie in flat scratch, one lane of
pixels behind the other.
"""

import math
from collections.abc import Callable, Sequence

import numba as nb
import numpy as np

from selvawatch.detect.kernels.fused import fma, with_id
from selvawatch.detect.kernels.normal import LANE, factorise, spread_of, substitute

TILE = 1024
"""Pixels of one index copied next to each other at once: all dates of a tile fit the second-level cache."""

NODATA = np.int16(-32768)
"""Stored value of a pixel that was not observed."""

EXTRA = 4
"""Planes after the coefficients: sigma, observations, share kept (percent), shift (twentieths)."""

MOST_TOGETHER = 3
"""Most indices that are fitted together."""

_STACK = nb.types.Array(nb.int16, 2, "C", readonly=True)


@nb.njit(
    "void(float32[::1], float32[::1], float32[:,::1], int64, int64)",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _sum_weights(sums: np.ndarray, group: np.ndarray, trig: np.ndarray, date: int, harmonics: int) -> None:
    """Add the weights of four dates of a lane to its sums, a pair of columns at a time.

    Cos and sin of one order share the loads of weights, so that the sums wait for arithmetic and not for the
    cache. Column 0 of the table is 1.

    sums: (4H + 1) lanes; group: four lanes; trig: (dates, 4H + 1); all float32.
    """
    w0, w1 = group[:LANE], group[LANE : 2 * LANE]
    w2, w3 = group[2 * LANE : 3 * LANE], group[3 * LANE : 4 * LANE]
    t0, t1, t2, t3 = trig[date], trig[date + 1], trig[date + 2], trig[date + 3]
    total = sums[:LANE]
    for p in range(LANE):
        total[p] += (w0[p] + w1[p]) + (w2[p] + w3[p])
    for k in range(1, 4 * harmonics + 1, 2):
        a0, a1, a2, a3 = t0[k], t1[k], t2[k], t3[k]
        b0, b1, b2, b3 = t0[k + 1], t1[k + 1], t2[k + 1], t3[k + 1]
        even = sums[k * LANE : (k + 1) * LANE]
        odd = sums[(k + 1) * LANE : (k + 2) * LANE]
        for p in range(LANE):
            even[p] = fma(w3[p], a3, fma(w2[p], a2, fma(w1[p], a1, fma(w0[p], a0, even[p]))))
            odd[p] = fma(w3[p], b3, fma(w2[p], b2, fma(w1[p], b1, fma(w0[p], b0, odd[p]))))


@nb.njit(
    "void(float32[::1], float32[::1], float32[:,::1], int64, int64)",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _sum_values(sums: np.ndarray, group: np.ndarray, trig: np.ndarray, date: int, harmonics: int) -> None:
    """Add the values of four dates of a lane to its sums, as `_sum_weights`, and their squares to the last.

    sums: (2H + 2) lanes; group: four lanes; trig: (dates, 4H + 1); all float32.
    """
    y0, y1 = group[:LANE], group[LANE : 2 * LANE]
    y2, y3 = group[2 * LANE : 3 * LANE], group[3 * LANE : 4 * LANE]
    terms = 2 * harmonics + 1
    t0, t1, t2, t3 = trig[date], trig[date + 1], trig[date + 2], trig[date + 3]
    total, squares = sums[:LANE], sums[terms * LANE : (terms + 1) * LANE]
    for p in range(LANE):
        total[p] += (y0[p] + y1[p]) + (y2[p] + y3[p])
        squares[p] = fma(y3[p], y3[p], fma(y2[p], y2[p], fma(y1[p], y1[p], fma(y0[p], y0[p], squares[p]))))
    for k in range(1, terms, 2):
        a0, a1, a2, a3 = t0[k], t1[k], t2[k], t3[k]
        b0, b1, b2, b3 = t0[k + 1], t1[k + 1], t2[k + 1], t3[k + 1]
        even = sums[k * LANE : (k + 1) * LANE]
        odd = sums[(k + 1) * LANE : (k + 2) * LANE]
        for p in range(LANE):
            even[p] = fma(y3[p], a3, fma(y2[p], a2, fma(y1[p], a1, fma(y0[p], a0, even[p]))))
            odd[p] = fma(y3[p], b3, fma(y2[p], b2, fma(y1[p], b1, fma(y0[p], b0, odd[p]))))


@nb.njit("void(int16[::1], float32[::1])", nogil=True, cache=True, error_model="numpy")
def _weigh(tile: np.ndarray, weights: np.ndarray) -> None:
    """Leave weights of four dates of a lane where one index was seen, and clear the others, in place.

    tile: int16, the four dates `TILE` pixels apart; weights: four lanes.
    """
    o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
    o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
    zero, one = np.float32(0), np.float32(1)
    for p in range(LANE):
        weights[p] *= one if o0[p] != NODATA else zero
        weights[LANE + p] *= one if o1[p] != NODATA else zero
        weights[2 * LANE + p] *= one if o2[p] != NODATA else zero
        weights[3 * LANE + p] *= one if o3[p] != NODATA else zero


@nb.njit(
    "void(int16[::1], float32[::1], float32[::1], float32[::1])", nogil=True, cache=True, error_model="numpy"
)
def _centre(tile: np.ndarray, centre: np.ndarray, weights: np.ndarray, values: np.ndarray) -> None:
    """Centred values of four dates of a lane, 0 where they have no weight, as `_weigh` has them."""
    o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
    o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
    zero = np.float32(0)
    for p in range(LANE):
        middle = centre[p]
        y0, y1 = np.float32(o0[p]) - middle, np.float32(o1[p]) - middle
        y2, y3 = np.float32(o2[p]) - middle, np.float32(o3[p]) - middle
        values[p] = y0 if weights[p] > zero else zero
        values[LANE + p] = y1 if weights[LANE + p] > zero else zero
        values[2 * LANE + p] = y2 if weights[2 * LANE + p] > zero else zero
        values[3 * LANE + p] = y3 if weights[3 * LANE + p] > zero else zero


@nb.njit("void(float32[::1], float32[::1], float32[::1])", nogil=True, cache=True, error_model="numpy")
def _walk(rests: np.ndarray, weights: np.ndarray, walked: np.ndarray) -> None:
    """Move the walk of the residuals that have weight by four dates, and keep how far it came, in place.

    rests, weights: four lanes; walked: two lanes, the walk and its reach.
    """
    zero = np.float32(0)
    for p in range(LANE):
        now, far = walked[p], walked[LANE + p]
        r0, r1, r2, r3 = rests[p], rests[LANE + p], rests[2 * LANE + p], rests[3 * LANE + p]
        now += r0 if weights[p] > zero else zero
        far = abs(now) if abs(now) > far else far
        now += r1 if weights[LANE + p] > zero else zero
        far = abs(now) if abs(now) > far else far
        now += r2 if weights[2 * LANE + p] > zero else zero
        far = abs(now) if abs(now) > far else far
        now += r3 if weights[3 * LANE + p] > zero else zero
        far = abs(now) if abs(now) > far else far
        walked[p], walked[LANE + p] = now, far


def _screens(harmonics: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Screening of four dates of one index for one number of harmonics; the other one keeps residuals."""
    terms = 2 * harmonics + 1
    centre, bound = terms * LANE, (terms + 1) * LANE

    @nb.njit(
        "float32(float32, UniTuple(float32, 7), UniTuple(float32, 7))",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def less_fit(
        centred: np.float32, beta: tuple[np.float32, ...], angle: tuple[np.float32, ...]
    ) -> np.float32:
        """What a centred value departs by from the fit."""
        rest = fma(-beta[2], angle[2], fma(-beta[1], angle[1], fma(-beta[0], angle[0], centred)))
        if terms > 3:
            rest = fma(-beta[4], angle[4], fma(-beta[3], angle[3], rest))
        if terms > 5:
            rest = fma(-beta[6], angle[6], fma(-beta[5], angle[5], rest))
        return rest

    @nb.njit("UniTuple(float32, 7)(float32[::1], int64, int64)", nogil=True, cache=True, error_model="numpy")
    def seven(of: np.ndarray, at: int, step: int) -> tuple[np.float32, ...]:
        """A number for each term; those there are not repeat the last."""
        last = terms - 1
        return (
            of[at],
            of[at + step],
            of[at + 2 * step],
            of[at + min(3, last) * step],
            of[at + min(4, last) * step],
            of[at + min(5, last) * step],
            of[at + min(6, last) * step],
        )

    with_id(less_fit, f"less_fit {harmonics}")
    with_id(seven, f"seven {harmonics}")

    @nb.njit(
        "void(int16[::1], float32[::1], float32[:,::1], int64, float32[::1])",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def screen(tile: np.ndarray, lane: np.ndarray, trig: np.ndarray, date: int, weights: np.ndarray) -> None:
        """As `_weigh`, and without what lies further off than the bound.

        lane: (terms + 4) lanes: coefficients, centre, bound; trig: (dates, 4H + 1).
        """
        o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
        o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
        a0, a1 = seven(trig[date], 0, 1), seven(trig[date + 1], 0, 1)
        a2, a3 = seven(trig[date + 2], 0, 1), seven(trig[date + 3], 0, 1)
        zero, one = np.float32(0), np.float32(1)
        for p in range(LANE):
            beta, middle, far = seven(lane, p, LANE), lane[centre + p], lane[bound + p]
            r0 = less_fit(np.float32(o0[p]) - middle, beta, a0)
            r1 = less_fit(np.float32(o1[p]) - middle, beta, a1)
            r2 = less_fit(np.float32(o2[p]) - middle, beta, a2)
            r3 = less_fit(np.float32(o3[p]) - middle, beta, a3)
            w0, w1, w2, w3 = weights[p], weights[LANE + p], weights[2 * LANE + p], weights[3 * LANE + p]
            weights[p] = w0 * (one if (o0[p] != NODATA) & (abs(r0) <= far) else zero)
            weights[LANE + p] = w1 * (one if (o1[p] != NODATA) & (abs(r1) <= far) else zero)
            weights[2 * LANE + p] = w2 * (one if (o2[p] != NODATA) & (abs(r2) <= far) else zero)
            weights[3 * LANE + p] = w3 * (one if (o3[p] != NODATA) & (abs(r3) <= far) else zero)

    @nb.njit(
        "void(int16[::1], float32[::1], float32[:,::1], int64, float32[::1], float32[::1])",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def screen_last(
        tile: np.ndarray,
        lane: np.ndarray,
        trig: np.ndarray,
        date: int,
        weights: np.ndarray,
        rests: np.ndarray,
    ) -> None:
        """As `screen`; the residuals of four dates go to `rests`, four lanes."""
        o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
        o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
        a0, a1 = seven(trig[date], 0, 1), seven(trig[date + 1], 0, 1)
        a2, a3 = seven(trig[date + 2], 0, 1), seven(trig[date + 3], 0, 1)
        zero, one = np.float32(0), np.float32(1)
        for p in range(LANE):
            beta, middle, far = seven(lane, p, LANE), lane[centre + p], lane[bound + p]
            r0 = less_fit(np.float32(o0[p]) - middle, beta, a0)
            r1 = less_fit(np.float32(o1[p]) - middle, beta, a1)
            r2 = less_fit(np.float32(o2[p]) - middle, beta, a2)
            r3 = less_fit(np.float32(o3[p]) - middle, beta, a3)
            rests[p], rests[LANE + p], rests[2 * LANE + p], rests[3 * LANE + p] = r0, r1, r2, r3
            w0, w1, w2, w3 = weights[p], weights[LANE + p], weights[2 * LANE + p], weights[3 * LANE + p]
            weights[p] = w0 * (one if (o0[p] != NODATA) & (abs(r0) <= far) else zero)
            weights[LANE + p] = w1 * (one if (o1[p] != NODATA) & (abs(r1) <= far) else zero)
            weights[2 * LANE + p] = w2 * (one if (o2[p] != NODATA) & (abs(r2) <= far) else zero)
            weights[3 * LANE + p] = w3 * (one if (o3[p] != NODATA) & (abs(r3) <= far) else zero)

    with_id(screen, f"screen {harmonics}")
    with_id(screen_last, f"screen_last {harmonics}")
    return screen, screen_last


def _fit_kernel(harmonics: int) -> Callable[..., None]:
    terms = 2 * harmonics + 1
    columns = 4 * harmonics + 1
    screen, screen_last = _screens(harmonics)

    # places in the lanes of one index of a group of pixels: coefficients first, then these four
    centre, bound, walk, reach = terms * LANE, (terms + 1) * LANE, (terms + 2) * LANE, (terms + 3) * LANE
    each, sums_of_each = (terms + 4) * LANE, (terms + 1) * LANE

    @nb.njit(
        nb.void(
            _STACK,
            _STACK,
            _STACK,
            nb.int64,
            nb.int64,
            nb.int64,
            nb.float32[:, ::1],
            nb.float32,
            nb.float32[::1],
            nb.float32[::1],
            nb.int16[:, :, ::1],
            nb.uint8[::1],
        ),
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def fit(
        first: np.ndarray,
        second: np.ndarray,
        third: np.ndarray,
        count: int,
        start: int,
        stop: int,
        trig: np.ndarray,
        ridge: float,
        screens: np.ndarray,
        kept_variance: np.ndarray,
        out: np.ndarray,
        apart: np.ndarray,
    ) -> None:
        """The fit of `fit` for one number of harmonics; trig: padded to fours of dates.

        kept_variance: (screens,) float32, of a normal that is cut off at each screen.
        """
        zero, one = np.float32(0), np.float32(1)
        # scratch: a tile of all dates, and the lanes of one group of its pixels
        dates, padded = first.shape[0], trig.shape[0]
        tile = np.full(count * padded * TILE, NODATA, np.int16)
        of_weights = np.empty(columns * LANE, np.float32)
        of_values = np.empty(count * sums_of_each, np.float32)
        matrix = np.empty(terms * terms * LANE, np.float32)
        weights = np.empty(4 * LANE, np.float32)
        group = np.empty(count * 4 * LANE, np.float32)
        lane = np.zeros(count * each, np.float32)
        sigma = np.zeros(count * LANE, np.float32)
        seen = np.empty(LANE, np.float32)
        for begin in range(start, stop, TILE):
            size = min(TILE, stop - begin)
            # a tile of pixels, date behind date
            for t in range(dates):
                _copy(first[t, begin : begin + size], tile[t * TILE :])
                if count > 1:
                    _copy(second[t, begin : begin + size], tile[(padded + t) * TILE :])
                if count > 2:
                    _copy(third[t, begin : begin + size], tile[(2 * padded + t) * TILE :])
            for at in range(0, size, LANE):
                # values are centred on the first observation of each pixel
                for number in range(count):
                    of = lane[number * each : (number + 1) * each]
                    _begin(tile[number * padded * TILE + at :], padded, of[centre:bound])
                    _fill(of[walk:], zero)
                # the first fit, then a refit for each screen
                for stage in range(screens.size + 1):
                    _fill(of_weights, zero)
                    _fill(of_values, zero)
                    # sums of four dates at a time
                    for t in range(0, padded, 4):
                        _fill(weights, one)
                        for number in range(count):
                            four = tile[(number * padded + t) * TILE + at :]
                            if stage == 0:
                                _weigh(four, weights)
                            else:
                                screen(four, lane[number * each : (number + 1) * each], trig, t, weights)
                        _sum_weights(of_weights, weights, trig, t, harmonics)
                        for number in range(count):
                            four = tile[(number * padded + t) * TILE + at :]
                            middle = lane[number * each + centre : number * each + bound]
                            _centre(four, middle, weights, group)
                            _sum_values(of_values[number * sums_of_each :], group, trig, t, harmonics)
                    if stage == 0:
                        seen[:] = of_weights[:LANE]
                    # one factorisation; coefficients, sigma and the bound of the next screen of each index
                    factorise(of_weights, matrix, harmonics, ridge)
                    far_off = screens[min(stage, screens.size - 1)]
                    for number in range(count):
                        of, values = lane[number * each :], of_values[number * sums_of_each :]
                        spread = sigma[number * LANE : (number + 1) * LANE]
                        substitute(values, matrix, of[:centre], harmonics)
                        variance = one if stage == 0 else kept_variance[stage - 1]
                        spread_of(of_weights[:LANE], values, of[:centre], spread, harmonics, ridge, variance)
                        for p in range(LANE):
                            of[bound + p] = far_off * (spread[p] if spread[p] > one else one)
                # the walk of what the last screen kept
                for t in range(0, padded, 4):
                    _fill(weights, one)
                    for number in range(count):
                        four = tile[(number * padded + t) * TILE + at :]
                        rests = group[4 * number * LANE : 4 * (number + 1) * LANE]
                        screen_last(four, lane[number * each : (number + 1) * each], trig, t, weights, rests)
                    for number in range(count):
                        of = lane[number * each : (number + 1) * each]
                        _walk(group[4 * number * LANE :], weights, of[walk:])
                begun, here = begin - start + at, min(LANE, size - at)
                for number in range(count):
                    of = lane[number * each : (number + 1) * each]
                    _write(
                        out[number],
                        begun,
                        here,
                        harmonics,
                        of_weights[:LANE],
                        of[:centre],
                        of[centre:bound],
                        sigma[number * LANE : (number + 1) * LANE],
                        seen,
                        of[reach:],
                    )
                flags = np.zeros(LANE, np.int16)
                for number in range(1, count):
                    _differ(tile[at:], tile[number * padded * TILE + at :], dates, flags)
                for p in range(here):
                    apart[begun + p] = np.uint8(flags[p])

    return fit


@nb.njit("void(int16[::1], int64, float32[::1])", nogil=True, cache=True, error_model="numpy")
def _begin(tile: np.ndarray, dates: int, centre: np.ndarray) -> None:
    """The first observation of each pixel of a lane, 0 of none."""
    first = np.full(LANE, NODATA, np.int16)
    for t in range(dates - 1, -1, -1):
        observation = tile[t * TILE : t * TILE + LANE]
        for p in range(LANE):
            seen = np.int16(-np.int16(observation[p] != NODATA))  # no branch: it would be one for each pixel
            first[p] = np.int16((observation[p] & seen) | (first[p] & ~seen))
    for p in range(LANE):
        centre[p] = np.float32(first[p]) if first[p] != NODATA else np.float32(0)


@nb.njit("void(int16[::1], int16[::1], int64, int16[::1])", nogil=True, cache=True, error_model="numpy")
def _differ(tile: np.ndarray, other: np.ndarray, dates: int, flags: np.ndarray) -> None:
    """Flag pixels of a lane of which on some date one index was seen and another was not, in place."""
    for t in range(dates):
        here, there = tile[t * TILE : t * TILE + LANE], other[t * TILE : t * TILE + LANE]
        for p in range(LANE):
            flags[p] |= np.int16((here[p] == NODATA) != (there[p] == NODATA))


@nb.njit("void(float32[::1], float32)", nogil=True, cache=True, error_model="numpy")
def _fill(lanes: np.ndarray, value: np.float32) -> None:
    """Put one value into lanes."""
    for p in range(lanes.size):
        lanes[p] = value


@nb.njit(
    nb.void(nb.types.Array(nb.int16, 1, "C", readonly=True), nb.int16[::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _copy(far: np.ndarray, near: np.ndarray) -> None:
    """Copy one date of a tile's pixels; the rest of the tile's row was not observed."""
    for p in range(far.size):
        near[p] = far[p]
    for p in range(far.size, TILE):
        near[p] = NODATA


@nb.njit(
    "void(int16[:,::1], int64, int64, int64, float32[::1], float32[::1], float32[::1], float32[::1],"
    " float32[::1], float32[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _write(
    out: np.ndarray,
    first: int,
    size: int,
    harmonics: int,
    sums: np.ndarray,
    beta: np.ndarray,
    centre: np.ndarray,
    sigma: np.ndarray,
    seen: np.ndarray,
    reach: np.ndarray,
) -> None:
    """Write a lane's fit as stored numbers.

    out: (terms + EXTRA, pixels) int16; sums: (LANE,) observations; beta: terms lanes of float32; centre,
    sigma, seen, reach: (LANE,) float32.
    """
    terms = 2 * harmonics + 1
    zero, one, top, byte = np.float32(0), np.float32(1), np.float32(32767), np.float32(255)
    for k in range(terms):
        plane, b = out[k, first : first + size], beta[k * LANE : (k + 1) * LANE]
        for p in range(size):
            level = b[p] + (centre[p] if k == 0 else zero)
            level = level if level < top else top
            level = level if level > -top else -top
            plane[p] = (
                np.int16(np.floor(level + np.float32(0.5))) if sums[p] > np.float32(terms) else np.int16(0)
            )
    for p in range(size):
        observations = sums[p]
        fitted = observations > np.float32(terms)
        spread = min(max(sigma[p], one), top)
        shift = np.float32(20) * reach[p] / (spread * np.sqrt(max(observations, one)))
        out[terms, first + p] = np.int16(np.floor(spread + np.float32(0.5))) if fitted else np.int16(0)
        out[terms + 1, first + p] = np.int16(min(observations if fitted else seen[p], byte))
        share = np.floor(np.float32(100) * observations / max(seen[p], one) + np.float32(0.5))
        out[terms + 2, first + p] = np.int16(share) if fitted else np.int16(0)
        out[terms + 3, first + p] = (
            np.int16(np.floor(min(shift, byte) + np.float32(0.5))) if fitted else np.int16(0)
        )


_FITS = {harmonics: _fit_kernel(harmonics) for harmonics in (1, 2, 3)}


def fit(
    stacks: Sequence[np.ndarray],
    start: int,
    stop: int,
    trig: np.ndarray,
    ridge: float,
    screens: np.ndarray,
    out: np.ndarray,
) -> np.ndarray:
    """Fit pixels start..stop of (time, pixel) int16 stacks together into `out`; where they are seen apart.

    Observations count where all indices were seen, and as long as none lies off. `out`, (indices, terms +
    EXTRA, stop - start) int16, holds the coefficients and sigma in stored units, the observations kept (at
    most 255), the share kept (percent) and the shift (reach of the walk of kept residuals over sigma *
    sqrt(observations), in twentieths); zeros but for the observations where there were too few. trig: (time,
    4H + 1) float32: 1, then cos and sin of 1..2H times the yearly angle.

    screens: (refits,) float32, sigmas. Given back: (stop - start,) bool, pixels of which on some date one
    index was seen and another was not.
    """
    padded = np.zeros((-(-trig.shape[0] // 4) * 4, trig.shape[1]), np.float32)
    padded[: trig.shape[0]] = trig
    kept = np.array([_kept_variance(float(screen)) for screen in screens], np.float32)
    harmonics, count = (trig.shape[1] - 1) // 4, len(stacks)
    first, second, third = stacks[0], stacks[min(1, count - 1)], stacks[count - 1]
    apart = np.zeros(stop - start, np.uint8)
    _FITS[harmonics](first, second, third, count, start, stop, padded, ridge, screens, kept, out, apart)
    return apart > 0


def _kept_variance(screen: float) -> float:
    """Variance of a standard normal cut off at +- screen: screened residuals look that much too quiet."""
    density = math.exp(-0.5 * screen * screen) / math.sqrt(2 * math.pi)
    inside = math.erf(screen / math.sqrt(2))
    return 1 - 2 * screen * density / inside
