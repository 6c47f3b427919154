"""Masked harmonic least squares with screened refits, time-major int16 in, SIMD across pixels.

For a harmonic basis the Gram matrix of masked observations has 4H + 1 distinct entries: sums of cos and sin
of 0..2H times the yearly angle (product-to-sum). Indices of the same scenes share it, and its factor, until
what each of them screens out tells them apart: in the first fit. A tile of pixels is copied next
to each other first, so that every pass but the first reads from cache; sums lie in flat scratch, one lane of
pixels behind the other.
"""

import math
from collections.abc import Callable, Sequence

import numba as nb
import numpy as np

from selvawatch.detect.kernels.family import Family
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


@nb.njit(
    "void(int16[::1], float32[::1], float32[::1], float32[::1])", nogil=True, cache=True, error_model="numpy"
)
def _weigh(tile: np.ndarray, centre: np.ndarray, weights: np.ndarray, values: np.ndarray) -> None:
    """Weights of four dates of a lane, 1 where the index was seen, and its centred values, 0 elsewhere.

    tile: int16, the four dates `TILE` pixels apart; centre: one lane; weights, values: four lanes, out.
    """
    o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
    o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
    zero, one = np.float32(0), np.float32(1)
    for p in range(LANE):
        middle = centre[p]
        weights[p] = one if o0[p] != NODATA else zero
        weights[LANE + p] = one if o1[p] != NODATA else zero
        weights[2 * LANE + p] = one if o2[p] != NODATA else zero
        weights[3 * LANE + p] = one if o3[p] != NODATA else zero
        values[p] = np.float32(o0[p]) - middle if o0[p] != NODATA else zero
        values[LANE + p] = np.float32(o1[p]) - middle if o1[p] != NODATA else zero
        values[2 * LANE + p] = np.float32(o2[p]) - middle if o2[p] != NODATA else zero
        values[3 * LANE + p] = np.float32(o3[p]) - middle if o3[p] != NODATA else zero


def _screens(harmonics: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """Screening of four dates of one index for one number of harmonics; the other one walks its residuals."""
    terms = 2 * harmonics + 1
    centre, bound, at_walk = terms * LANE, (terms + 1) * LANE, (terms + 2) * LANE

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
        "void(int16[::1], float32[::1], float32[:,::1], int64, float32[::1], float32[::1])",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def screen(
        tile: np.ndarray,
        lane: np.ndarray,
        trig: np.ndarray,
        date: int,
        weights: np.ndarray,
        values: np.ndarray,
    ) -> None:
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
            y0, y1 = np.float32(o0[p]) - middle, np.float32(o1[p]) - middle
            y2, y3 = np.float32(o2[p]) - middle, np.float32(o3[p]) - middle
            kept0 = (o0[p] != NODATA) & (abs(less_fit(y0, beta, a0)) <= far)
            kept1 = (o1[p] != NODATA) & (abs(less_fit(y1, beta, a1)) <= far)
            kept2 = (o2[p] != NODATA) & (abs(less_fit(y2, beta, a2)) <= far)
            kept3 = (o3[p] != NODATA) & (abs(less_fit(y3, beta, a3)) <= far)
            weights[p] = one if kept0 else zero
            weights[LANE + p] = one if kept1 else zero
            weights[2 * LANE + p] = one if kept2 else zero
            weights[3 * LANE + p] = one if kept3 else zero
            values[p] = y0 if kept0 else zero
            values[LANE + p] = y1 if kept1 else zero
            values[2 * LANE + p] = y2 if kept2 else zero
            values[3 * LANE + p] = y3 if kept3 else zero

    @nb.njit(
        "void(int16[::1], float32[::1], float32[:,::1], int64)",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def walk(tile: np.ndarray, lane: np.ndarray, trig: np.ndarray, date: int) -> None:
        """Move the walk of the residuals within the bound by four dates, and keep how far it came, in place.

        lane: as of `screen`, and last the walk and its reach.
        """
        o0, o1 = tile[:LANE], tile[TILE : TILE + LANE]
        o2, o3 = tile[2 * TILE : 2 * TILE + LANE], tile[3 * TILE : 3 * TILE + LANE]
        a0, a1 = seven(trig[date], 0, 1), seven(trig[date + 1], 0, 1)
        a2, a3 = seven(trig[date + 2], 0, 1), seven(trig[date + 3], 0, 1)
        walked, reached = lane[at_walk : at_walk + LANE], lane[at_walk + LANE : at_walk + 2 * LANE]
        zero = np.float32(0)
        for p in range(LANE):
            beta, middle, far = seven(lane, p, LANE), lane[centre + p], lane[bound + p]
            r0 = less_fit(np.float32(o0[p]) - middle, beta, a0)
            r1 = less_fit(np.float32(o1[p]) - middle, beta, a1)
            r2 = less_fit(np.float32(o2[p]) - middle, beta, a2)
            r3 = less_fit(np.float32(o3[p]) - middle, beta, a3)
            now, reach = walked[p], reached[p]
            now += r0 if (o0[p] != NODATA) & (abs(r0) <= far) else zero
            reach = abs(now) if abs(now) > reach else reach
            now += r1 if (o1[p] != NODATA) & (abs(r1) <= far) else zero
            reach = abs(now) if abs(now) > reach else reach
            now += r2 if (o2[p] != NODATA) & (abs(r2) <= far) else zero
            reach = abs(now) if abs(now) > reach else reach
            now += r3 if (o3[p] != NODATA) & (abs(r3) <= far) else zero
            reach = abs(now) if abs(now) > reach else reach
            walked[p], reached[p] = now, reach

    with_id(screen, f"screen {harmonics}")
    with_id(walk, f"walk {harmonics}")
    return screen, walk


def _fit_kernel(harmonics: int) -> Callable[..., None]:
    terms = 2 * harmonics + 1
    columns = 4 * harmonics + 1
    screen, walk = _screens(harmonics)

    # places in the lanes of a group of pixels: coefficients first, then these four
    centre, bound, at_walk, reach = terms * LANE, (terms + 1) * LANE, (terms + 2) * LANE, (terms + 3) * LANE

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
    ) -> None:
        """The fit of `fit` for one number of harmonics; trig: padded to fours of dates.

        kept_variance: (screens,) float32, of a normal that is cut off at each screen.
        """
        zero, one = np.float32(0), np.float32(1)
        # scratch: a tile of all dates, and the lanes of one group of its pixels
        dates, padded = first.shape[0], trig.shape[0]
        tile = np.full(count * padded * TILE, NODATA, np.int16)
        first_weights, first_matrix = (
            np.empty(columns * LANE, np.float32),
            np.empty(terms * terms * LANE, np.float32),
        )
        of_weights, matrix = np.empty_like(first_weights), np.empty_like(first_matrix)
        of_values = np.empty((terms + 1) * LANE, np.float32)
        weights, values = np.empty(4 * LANE, np.float32), np.empty(4 * LANE, np.float32)
        lane, sigma = np.zeros((terms + 4) * LANE, np.float32), np.zeros(LANE, np.float32)
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
                held = 0
                for number in range(count):
                    seen = tile[number * padded * TILE + at :]
                    # values are centred on the first observation of each pixel
                    _begin(seen, padded, lane[centre:bound])
                    # the first fit; indices that were seen on the same dates share its weights and factor
                    known = number > 0 and _same(tile[held * padded * TILE + at :], seen, dates)
                    if not known:
                        held = number
                        _fill(first_weights, zero)
                    _fill(of_values, zero)
                    for t in range(0, padded, 4):
                        _weigh(seen[t * TILE :], lane[centre:bound], weights, values)
                        if not known:
                            _sum_weights(first_weights, weights, trig, t, harmonics)
                        _sum_values(of_values, values, trig, t, harmonics)
                    if not known:
                        factorise(first_weights, first_matrix, harmonics, ridge)
                    substitute(of_values, first_matrix, lane[:centre], harmonics)
                    spread_of(first_weights[:LANE], of_values, lane[:centre], sigma, harmonics, ridge, one)
                    _bound(sigma, screens[0], lane[bound:at_walk])
                    # a refit for each screen
                    for stage in range(screens.size):
                        _fill(of_weights, zero)
                        _fill(of_values, zero)
                        for t in range(0, padded, 4):
                            screen(seen[t * TILE :], lane, trig, t, weights, values)
                            _sum_weights(of_weights, weights, trig, t, harmonics)
                            _sum_values(of_values, values, trig, t, harmonics)
                        factorise(of_weights, matrix, harmonics, ridge)
                        variance = kept_variance[stage]
                        substitute(of_values, matrix, lane[:centre], harmonics)
                        spread_of(
                            of_weights[:LANE], of_values, lane[:centre], sigma, harmonics, ridge, variance
                        )
                        _bound(sigma, screens[min(stage + 1, screens.size - 1)], lane[bound:at_walk])
                    # the walk of what the last screen kept
                    _fill(lane[at_walk:], zero)
                    for t in range(0, padded, 4):
                        walk(seen[t * TILE :], lane, trig, t)
                    _write(
                        out[number],
                        begin - start + at,
                        min(LANE, size - at),
                        harmonics,
                        of_weights[:LANE],
                        lane[:centre],
                        lane[centre:bound],
                        sigma,
                        first_weights[:LANE],
                        lane[reach:],
                    )

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


@nb.njit("boolean(int16[::1], int16[::1], int64)", nogil=True, cache=True, error_model="numpy")
def _same(tile: np.ndarray, other: np.ndarray, dates: int) -> bool:
    """Whether two indices were seen on the same dates at every pixel of a lane."""
    apart = np.int16(0)
    for t in range(dates):
        here, there = tile[t * TILE : t * TILE + LANE], other[t * TILE : t * TILE + LANE]
        for p in range(LANE):
            apart |= np.int16((here[p] == NODATA) != (there[p] == NODATA))
    return apart == 0


@nb.njit("void(float32[::1], float32, float32[::1])", nogil=True, cache=True, error_model="numpy")
def _bound(sigma: np.ndarray, screen: np.float32, bound: np.ndarray) -> None:
    """How far off a lane's observations may lie at the next screen, of a sigma of one unit or more."""
    one = np.float32(1)
    for p in range(LANE):
        bound[p] = screen * (sigma[p] if sigma[p] > one else one)


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


FITTED_AT_IMPORT = (1, 2)
"""Numbers of harmonics whose fits are compiled at import; others are when they are first used."""

_FITS = Family(_fit_kernel, FITTED_AT_IMPORT)


def fit(
    stacks: Sequence[np.ndarray],
    start: int,
    stop: int,
    trig: np.ndarray,
    ridge: float,
    screens: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fit pixels start..stop of some (time, pixel) int16 stacks into `out`, each as if alone.

    `out`, (indices, terms + EXTRA, stop - start) int16, holds the coefficients and sigma in stored units, the
    observations kept (at most 255), the share kept (percent) and the shift (reach of the walk of kept
    residuals over sigma * sqrt(observations), in twentieths); zeros but for the observations where there were
    too few. trig: (time, 4H + 1) float32: 1, then cos and sin of 1..2H times the yearly angle.

    stacks: one to `MOST_TOGETHER`; screens: (refits,) float32, sigmas.
    """
    padded = np.zeros((-(-trig.shape[0] // 4) * 4, trig.shape[1]), np.float32)
    padded[: trig.shape[0]] = trig
    kept = np.array([_kept_variance(float(screen)) for screen in screens], np.float32)
    harmonics, count = (trig.shape[1] - 1) // 4, len(stacks)
    first, second, third = stacks[0], stacks[min(1, count - 1)], stacks[count - 1]
    _FITS.of(harmonics)(first, second, third, count, start, stop, padded, ridge, screens, kept, out)


def _kept_variance(screen: float) -> float:
    """Variance of a standard normal cut off at +- screen: screened residuals look that much too quiet."""
    density = math.exp(-0.5 * screen * screen) / math.sqrt(2 * math.pi)
    inside = math.erf(screen / math.sqrt(2))
    return 1 - 2 * screen * density / inside
