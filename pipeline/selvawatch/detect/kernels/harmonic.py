"""Masked harmonic least squares with screened refits, time-major int16 in, SIMD across pixels.

For a harmonic basis the Gram matrix of masked observations has 4H + 1 distinct entries: sums of cos and sin
of 0..2H times the yearly angle (product-to-sum). A tile of pixels is copied next to each other first, so that
every pass but the first reads from cache; sums lie in flat scratch, one lane of pixels behind the other.
"""

import math
from collections.abc import Callable

import numba as nb
import numpy as np

from selvawatch.detect.kernels.fused import fma, with_id
from selvawatch.detect.kernels.normal import LANE, solve, spread_of

TILE = 2048
"""Pixels copied next to each other at once: all dates of a tile fit the second-level cache."""

NODATA = np.int16(-32768)
"""Stored value of a pixel that was not observed."""

EXTRA = 4
"""Planes after the coefficients: sigma, observations, share kept (percent), shift (twentieths)."""


@nb.njit(
    "void(float32[::1], float32[::1], float32[:,::1], int64, int64)",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def _sum_group(sums: np.ndarray, group: np.ndarray, trig: np.ndarray, date: int, harmonics: int) -> None:
    """Add four dates, weights and values of a lane, to its sums, a pair of columns at a time.

    Cos and sin of one order share the loads of weights and values, so that the sums wait for arithmetic and
    not for the cache. Column 0 of the table is 1.

    sums: (6H + 3) lanes; group: 8 lanes, four of weights and four of values; trig: (dates, 4H + 1); all
    float32.
    """
    w0, w1, w2, w3 = (
        group[:LANE],
        group[LANE : 2 * LANE],
        group[2 * LANE : 3 * LANE],
        group[3 * LANE : 4 * LANE],
    )
    y0, y1 = group[4 * LANE : 5 * LANE], group[5 * LANE : 6 * LANE]
    y2, y3 = group[6 * LANE : 7 * LANE], group[7 * LANE : 8 * LANE]
    columns, terms = 4 * harmonics + 1, 2 * harmonics + 1
    t0, t1, t2, t3 = trig[date], trig[date + 1], trig[date + 2], trig[date + 3]
    # sums of weights x angles: observations, then cos and sin of 1..2H
    total = sums[:LANE]
    for p in range(LANE):
        total[p] += (w0[p] + w1[p]) + (w2[p] + w3[p])
    for k in range(1, columns, 2):
        a0, a1, a2, a3 = t0[k], t1[k], t2[k], t3[k]
        b0, b1, b2, b3 = t0[k + 1], t1[k + 1], t2[k + 1], t3[k + 1]
        even = sums[k * LANE : (k + 1) * LANE]
        odd = sums[(k + 1) * LANE : (k + 2) * LANE]
        for p in range(LANE):
            even[p] = fma(w3[p], a3, fma(w2[p], a2, fma(w1[p], a1, fma(w0[p], a0, even[p]))))
            odd[p] = fma(w3[p], b3, fma(w2[p], b2, fma(w1[p], b1, fma(w0[p], b0, odd[p]))))
    # sums of values x angles: values, then cos and sin of 1..H
    total = sums[columns * LANE : (columns + 1) * LANE]
    for p in range(LANE):
        total[p] += (y0[p] + y1[p]) + (y2[p] + y3[p])
    for k in range(1, terms, 2):
        a0, a1, a2, a3 = t0[k], t1[k], t2[k], t3[k]
        b0, b1, b2, b3 = t0[k + 1], t1[k + 1], t2[k + 1], t3[k + 1]
        even = sums[(columns + k) * LANE : (columns + k + 1) * LANE]
        odd = sums[(columns + k + 1) * LANE : (columns + k + 2) * LANE]
        for p in range(LANE):
            even[p] = fma(y3[p], a3, fma(y2[p], a2, fma(y1[p], a1, fma(y0[p], a0, even[p]))))
            odd[p] = fma(y3[p], b3, fma(y2[p], b2, fma(y1[p], b1, fma(y0[p], b0, odd[p]))))
    # sum of squares
    total = sums[(columns + terms) * LANE : (columns + terms + 1) * LANE]
    for p in range(LANE):
        total[p] = fma(y3[p], y3[p], fma(y2[p], y2[p], fma(y1[p], y1[p], fma(y0[p], y0[p], total[p]))))


@nb.njit(
    "void(int16[::1], float32[::1], float32[::1], float32[::1])", nogil=True, cache=True, error_model="numpy"
)
def _weigh(observation: np.ndarray, centre: np.ndarray, weight: np.ndarray, value: np.ndarray) -> None:
    """Weights (1 = observed) and centred values of a lane of one date."""
    for p in range(LANE):
        seen = observation[p] != NODATA
        weight[p] = np.float32(1) if seen else np.float32(0)
        value[p] = np.float32(observation[p]) - centre[p] if seen else np.float32(0)


def _fit_kernel(harmonics: int) -> Callable[..., None]:
    terms = 2 * harmonics + 1
    columns = 4 * harmonics + 1
    n_sums = columns + terms + 1

    # places in the lanes of one group of pixels: coefficients first, then these four
    centre, bound, walk, reach = terms * LANE, (terms + 1) * LANE, (terms + 2) * LANE, (terms + 3) * LANE

    @nb.njit(
        "void(int16[::1], float32[::1], float32[:,::1], int64, float32[::1], float32[::1])",
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def screen(
        observation: np.ndarray,
        lane: np.ndarray,
        trig: np.ndarray,
        date: int,
        weight: np.ndarray,
        value: np.ndarray,
    ) -> None:
        """Weights and centred values of one date without what lies further off than the bound.

        observation: (LANE,) int16; lane: (terms + 4) lanes; weight, value: (LANE,) float32, out.
        """
        a0, a1, a2 = trig[date, 0], trig[date, 1], trig[date, 2]
        a3, a4 = trig[date, min(3, terms - 1)], trig[date, min(4, terms - 1)]
        a5, a6 = trig[date, min(5, terms - 1)], trig[date, min(6, terms - 1)]
        for p in range(LANE):
            centred = np.float32(observation[p]) - lane[centre + p]
            rest = fma(-lane[2 * LANE + p], a2, fma(-lane[LANE + p], a1, fma(-lane[p], a0, centred)))
            if terms > 3:
                rest = fma(-lane[4 * LANE + p], a4, fma(-lane[3 * LANE + p], a3, rest))
            if terms > 5:
                rest = fma(-lane[6 * LANE + p], a6, fma(-lane[5 * LANE + p], a5, rest))
            keep = (observation[p] != NODATA) & (abs(rest) <= lane[bound + p])
            weight[p] = np.float32(1) if keep else np.float32(0)
            value[p] = centred if keep else np.float32(0)

    @nb.njit(
        "void(int16[::1], float32[::1], float32[:,::1], int64)", nogil=True, cache=True, error_model="numpy"
    )
    def step(observation: np.ndarray, lane: np.ndarray, trig: np.ndarray, date: int) -> None:
        """Move the walk of kept residuals by one date, and keep how far it came; lane: (terms + 4) lanes."""
        a0, a1, a2 = trig[date, 0], trig[date, 1], trig[date, 2]
        a3, a4 = trig[date, min(3, terms - 1)], trig[date, min(4, terms - 1)]
        a5, a6 = trig[date, min(5, terms - 1)], trig[date, min(6, terms - 1)]
        for p in range(LANE):
            rest = np.float32(observation[p]) - lane[centre + p]
            rest = fma(-lane[2 * LANE + p], a2, fma(-lane[LANE + p], a1, fma(-lane[p], a0, rest)))
            if terms > 3:
                rest = fma(-lane[4 * LANE + p], a4, fma(-lane[3 * LANE + p], a3, rest))
            if terms > 5:
                rest = fma(-lane[6 * LANE + p], a6, fma(-lane[5 * LANE + p], a5, rest))
            keep = (observation[p] != NODATA) & (abs(rest) <= lane[bound + p])
            now = lane[walk + p] + (rest if keep else np.float32(0))
            off = abs(now)
            lane[walk + p] = now
            lane[reach + p] = off if off > lane[reach + p] else lane[reach + p]

    with_id(screen, f"screen {harmonics}")
    with_id(step, f"step {harmonics}")

    @nb.njit(
        nb.void(
            nb.types.Array(nb.int16, 2, "C", readonly=True),
            nb.int64,
            nb.int64,
            nb.float32[:, ::1],
            nb.float32,
            nb.float32[::1],
            nb.float32[::1],
            nb.int16[:, ::1],
        ),
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def fit(
        stack: np.ndarray,
        start: int,
        stop: int,
        trig: np.ndarray,
        ridge: float,
        screens: np.ndarray,
        kept_variance: np.ndarray,
        out: np.ndarray,
    ) -> None:
        """The fit of `fit` for one number of harmonics; trig: (dates, padded to fours, 4H + 1) float32.

        kept_variance: (screens,) float32, of a normal that is cut off at each screen.
        """
        zero, one = np.float32(0), np.float32(1)
        # scratch: a tile of all dates, and the lanes of one group of its pixels
        padded = trig.shape[0]
        tile = np.full(padded * TILE, NODATA, np.int16)
        sums = np.empty(n_sums * LANE, np.float32)
        matrix = np.empty(terms * terms * LANE, np.float32)
        group = np.empty(8 * LANE, np.float32)
        lane = np.zeros((terms + 4) * LANE, np.float32)
        beta, middle = lane[: terms * LANE], lane[centre : centre + LANE]
        sigma = np.zeros(LANE, np.float32)
        seen = np.empty(LANE, np.float32)
        for first in range(start, stop, TILE):
            size = min(TILE, stop - first)
            # a tile of pixels, date behind date
            for t in range(stack.shape[0]):
                near, far = tile[t * TILE : (t + 1) * TILE], stack[t, first : first + size]
                for p in range(size):
                    near[p] = far[p]
                for p in range(size, TILE):
                    near[p] = NODATA
            for at in range(0, size, LANE):
                # values are centred on the first observation of each pixel
                for p in range(LANE):
                    middle[p] = zero
                    lane[walk + p] = zero
                    lane[reach + p] = zero
                for t in range(padded - 1, -1, -1):
                    observation = tile[t * TILE + at : t * TILE + at + LANE]
                    for p in range(LANE):
                        middle[p] = np.float32(observation[p]) if observation[p] != NODATA else middle[p]
                # the first fit, then a refit for each screen
                for stage in range(screens.size + 1):
                    for k in range(n_sums):
                        total = sums[k * LANE : (k + 1) * LANE]
                        for p in range(LANE):
                            total[p] = zero
                    # sums of four dates at a time
                    for t in range(0, padded, 4):
                        for d in range(4):
                            observation = tile[(t + d) * TILE + at : (t + d) * TILE + at + LANE]
                            weight = group[d * LANE : (d + 1) * LANE]
                            value = group[(4 + d) * LANE : (5 + d) * LANE]
                            if stage == 0:
                                _weigh(observation, middle, weight, value)
                            else:
                                screen(observation, lane, trig, t + d, weight, value)
                        _sum_group(sums, group, trig, t, harmonics)
                    # coefficients, sigma, and the bound of the next screen
                    if stage == 0:
                        for p in range(LANE):
                            seen[p] = sums[p]
                    solve(sums, matrix, beta, harmonics, ridge)
                    spread_of(
                        sums, beta, sigma, harmonics, ridge, one if stage == 0 else kept_variance[stage - 1]
                    )
                    far_off = screens[min(stage, screens.size - 1)]
                    for p in range(LANE):
                        lane[bound + p] = far_off * (sigma[p] if sigma[p] > one else one)
                # the walk of what the last screen kept
                for t in range(stack.shape[0]):
                    step(tile[t * TILE + at : t * TILE + at + LANE], lane, trig, t)
                _write(
                    out,
                    first - start + at,
                    min(LANE, size - at),
                    harmonics,
                    sums,
                    beta,
                    middle,
                    sigma,
                    seen,
                    lane[reach : reach + LANE],
                )

    return fit


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

    out: (terms + EXTRA, pixels) int16; sums: (6H + 3) lanes and beta: terms lanes of float32; centre, sigma,
    seen, reach: (LANE,) float32.
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
    stack: np.ndarray,
    start: int,
    stop: int,
    trig: np.ndarray,
    ridge: float,
    screens: np.ndarray,
    out: np.ndarray,
) -> None:
    """Fit pixels start..stop of a (time, pixel) int16 stack into `out`, (terms + EXTRA, stop - start) int16.

    `out` holds the coefficients and sigma in stored units, the observations kept (at most 255), the share
    kept (percent) and the shift (reach of the walk of kept residuals over sigma * sqrt(observations), in
    twentieths); zeros but for the observations where there were too few. trig: (time, 4H + 1) float32: 1,
    then cos and sin of 1..2H times the yearly angle.

    screens: (refits,) float32, sigmas.
    """
    padded = np.zeros((-(-trig.shape[0] // 4) * 4, trig.shape[1]), np.float32)
    padded[: trig.shape[0]] = trig
    kept = np.array([_kept_variance(float(screen)) for screen in screens], np.float32)
    harmonics = (trig.shape[1] - 1) // 4
    _FITS[harmonics](stack, start, stop, padded, ridge, screens, kept, out)


def _kept_variance(screen: float) -> float:
    """Variance of a standard normal cut off at +- screen: screened residuals look that much too quiet."""
    density = math.exp(-0.5 * screen * screen) / math.sqrt(2 * math.pi)
    inside = math.erf(screen / math.sqrt(2))
    return 1 - 2 * screen * density / inside
