"""Masked harmonic least squares with screened refits, time-major int16 in, SIMD across pixels.

For a harmonic basis the Gram matrix of masked looks has 4H + 1 distinct entries: sums of cos and sin of 0..2H times
the yearly angle (product-to-sum). A tile of pixels is copied next to each other first, so that every pass but the
first reads from cache; sums lie in flat scratch, one lane of pixels behind the other.
"""

import math
from collections.abc import Callable

import numba as nb
import numpy as np

LANE = 512
"""Pixels whose sums are held at once: the sums of a lane fit the first-level cache."""

TILE = 2048
"""Pixels copied next to each other at once: all dates of a tile fit the second-level cache."""

EXTRA = 4
"""Planes after the coefficients: sigma, looks, share kept (percent), shift (twentieths)."""


def trig_columns(harmonics: int) -> int:
    """Columns of the table of angles that a fit of that many harmonics reads."""
    return 4 * harmonics + 1


@nb.njit("void(float32[::1], float32[::1], float32[::1], int64, float32)", nogil=True, cache=True, error_model="numpy")
def _solve(sums: np.ndarray, matrix: np.ndarray, beta: np.ndarray, harmonics: int, ridge: float) -> None:
    """Coefficients of a lane from its sums, by Cholesky; a pixel without enough looks gets zeros.

    sums: (6H + 3) lanes: the 4H + 1 weight sums, the 2H + 1 value sums, the sum of squares. matrix: scratch of K * K
    lanes. beta: K lanes, out.
    """
    terms = 2 * harmonics + 1
    values = (4 * harmonics + 1) * LANE
    for i in range(terms):
        for j in range(i + 1):
            out = (i * terms + j) * LANE
            if j == 0:
                for p in range(LANE):
                    matrix[out + p] = sums[i * LANE + p]
            else:
                hi, hj = (i + 1) // 2, (j + 1) // 2
                sin_i, sin_j = i % 2 == 0, j % 2 == 0
                plus = hi + hj
                minus = hi - hj
                cos_plus = (2 * plus - 1) * LANE
                cos_minus = (2 * minus - 1) * LANE if minus > 0 else 0
                sin_plus = 2 * plus * LANE
                sin_minus = 2 * minus * LANE
                half = np.float32(0.5)
                if sin_i and sin_j:
                    for p in range(LANE):
                        matrix[out + p] = half * (sums[cos_minus + p] - sums[cos_plus + p])
                elif not sin_i and not sin_j:
                    for p in range(LANE):
                        matrix[out + p] = half * (sums[cos_minus + p] + sums[cos_plus + p])
                elif sin_i:
                    for p in range(LANE):
                        low = sums[sin_minus + p] if minus > 0 else np.float32(0)
                        matrix[out + p] = half * (sums[sin_plus + p] + low)
                else:
                    for p in range(LANE):
                        low = sums[sin_minus + p] if minus > 0 else np.float32(0)
                        matrix[out + p] = half * (sums[sin_plus + p] - low)
                if i == j:
                    for p in range(LANE):
                        matrix[out + p] += ridge
    for j in range(terms):
        pivot = (j * terms + j) * LANE
        for k in range(j):
            left = (j * terms + k) * LANE
            for p in range(LANE):
                matrix[pivot + p] -= matrix[left + p] * matrix[left + p]
        for p in range(LANE):
            root = np.sqrt(max(matrix[pivot + p], np.float32(0)))
            enough = root > np.float32(1e-3) and sums[p] > np.float32(terms)
            matrix[pivot + p] = np.float32(1) / root if enough else np.float32(0)
        for i in range(j + 1, terms):
            row = (i * terms + j) * LANE
            for k in range(j):
                left, right = (i * terms + k) * LANE, (j * terms + k) * LANE
                for p in range(LANE):
                    matrix[row + p] -= matrix[left + p] * matrix[right + p]
            for p in range(LANE):
                matrix[row + p] *= matrix[pivot + p]
    for i in range(terms):
        for p in range(LANE):
            beta[i * LANE + p] = sums[values + i * LANE + p]
        for k in range(i):
            left = (i * terms + k) * LANE
            for p in range(LANE):
                beta[i * LANE + p] -= matrix[left + p] * beta[k * LANE + p]
        for p in range(LANE):
            beta[i * LANE + p] *= matrix[(i * terms + i) * LANE + p]
    for i in range(terms - 1, -1, -1):
        for k in range(i + 1, terms):
            left = (k * terms + i) * LANE
            for p in range(LANE):
                beta[i * LANE + p] -= matrix[left + p] * beta[k * LANE + p]
        for p in range(LANE):
            beta[i * LANE + p] *= matrix[(i * terms + i) * LANE + p]


@nb.njit("void(float32[::1], float32[::1], float32[::1], int64, float32, float32)", nogil=True, cache=True, error_model="numpy")
def _spread(
    sums: np.ndarray, beta: np.ndarray, sigma: np.ndarray, harmonics: int, ridge: float, kept_variance: float
) -> None:
    """Residual sigma of a lane, corrected for the variance that screening cut off; 0 where there is no fit."""
    terms = 2 * harmonics + 1
    values = (4 * harmonics + 1) * LANE
    squares = (6 * harmonics + 2) * LANE
    for p in range(LANE):
        sigma[p] = sums[squares + p]
    for i in range(terms):
        weight = np.float32(0) if i == 0 else ridge
        for p in range(LANE):
            b = beta[i * LANE + p]
            sigma[p] -= b * sums[values + i * LANE + p] + weight * b * b
    for p in range(LANE):
        free = sums[p] - np.float32(terms)
        variance = max(sigma[p], np.float32(0)) / (max(free, np.float32(1)) * kept_variance)
        sigma[p] = np.sqrt(variance) if free > np.float32(0) else np.float32(0)


def _fit_kernel(harmonics: int) -> Callable[..., None]:
    terms = 2 * harmonics + 1
    columns = 4 * harmonics + 1
    n_sums = columns + terms + 1

    @nb.njit(
        "void(int16[:,::1], int64, int64, float32[:,::1], float32, float32[::1], float32[::1], int16[:,::1])",
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
        nodata = np.int16(-32768)
        dates = stack.shape[0]
        tile = np.empty(dates * TILE, np.int16)
        sums = np.empty(n_sums * LANE, np.float32)
        matrix = np.empty(terms * terms * LANE, np.float32)
        beta = np.zeros(terms * LANE, np.float32)
        sigma = np.zeros(LANE, np.float32)
        centre = np.empty(LANE, np.float32)
        y = np.empty(LANE, np.float32)
        w = np.empty(LANE, np.float32)
        rest = np.empty(LANE, np.float32)
        seen = np.empty(LANE, np.float32)
        walk = np.empty(LANE, np.float32)
        reach = np.empty(LANE, np.float32)
        for first in range(start, stop, TILE):
            size = min(TILE, stop - first)
            for t in range(dates):
                for p in range(size):
                    tile[t * TILE + p] = stack[t, first + p]
                for p in range(size, TILE):
                    tile[t * TILE + p] = nodata
            for lane in range(0, size, LANE):
                centre[:] = np.float32(0)
                for t in range(dates - 1, -1, -1):
                    for p in range(LANE):
                        v = tile[t * TILE + lane + p]
                        centre[p] = np.float32(v) if v != nodata else centre[p]
                for stage in range(screens.size + 1):
                    sums[:] = np.float32(0)
                    for t in range(dates):
                        base = t * TILE + lane
                        if stage == 0:
                            for p in range(LANE):
                                v = tile[base + p]
                                w[p] = np.float32(1) if v != nodata else np.float32(0)
                                y[p] = (np.float32(v) - centre[p]) * w[p]
                        else:
                            for p in range(LANE):
                                rest[p] = np.float32(tile[base + p]) - centre[p]
                            for k in range(terms):
                                a = trig[t, k]
                                for p in range(LANE):
                                    rest[p] -= beta[k * LANE + p] * a
                            far = screens[stage - 1]
                            for p in range(LANE):
                                v = tile[base + p]
                                near = abs(rest[p]) <= far * max(sigma[p], np.float32(1))
                                w[p] = np.float32(1) if (v != nodata) and near else np.float32(0)
                                y[p] = (np.float32(v) - centre[p]) * w[p]
                        for k in range(columns):
                            a = trig[t, k]
                            for p in range(LANE):
                                sums[k * LANE + p] += w[p] * a
                        for k in range(terms):
                            a = trig[t, k]
                            for p in range(LANE):
                                sums[(columns + k) * LANE + p] += y[p] * a
                        for p in range(LANE):
                            sums[(columns + terms) * LANE + p] += y[p] * y[p]
                    if stage == 0:
                        seen[:] = sums[:LANE]
                    _solve(sums, matrix, beta, harmonics, ridge)
                    cut = np.float32(1) if stage == 0 else kept_variance[stage - 1]
                    _spread(sums, beta, sigma, harmonics, ridge, cut)
                walk[:] = np.float32(0)
                reach[:] = np.float32(0)
                far = screens[screens.size - 1]
                for t in range(dates):
                    base = t * TILE + lane
                    for p in range(LANE):
                        rest[p] = np.float32(tile[base + p]) - centre[p]
                    for k in range(terms):
                        a = trig[t, k]
                        for p in range(LANE):
                            rest[p] -= beta[k * LANE + p] * a
                    for p in range(LANE):
                        v = tile[base + p]
                        near = abs(rest[p]) <= far * max(sigma[p], np.float32(1))
                        walk[p] += rest[p] if (v != nodata) and near else np.float32(0)
                        reach[p] = max(reach[p], abs(walk[p]))
                last = min(LANE, size - lane)
                one, top, byte = np.float32(1), np.float32(32767), np.float32(255)
                for p in range(last):
                    at = first - start + lane + p
                    fitted = sums[p] > np.float32(terms)
                    for k in range(terms):
                        level = beta[k * LANE + p] + (centre[p] if k == 0 else np.float32(0))
                        out[k, at] = np.int16(np.rint(min(max(level, -top), top))) if fitted else np.int16(0)
                    spread = max(sigma[p], one)
                    share = np.rint(np.float32(100) * sums[p] / max(seen[p], one))
                    shift = np.rint(np.float32(20) * reach[p] / (spread * np.sqrt(max(sums[p], one))))
                    out[terms, at] = np.int16(np.rint(min(spread, top))) if fitted else np.int16(0)
                    out[terms + 1, at] = (
                        np.int16(min(sums[p], byte)) if fitted else np.int16(min(seen[p], byte))
                    )
                    out[terms + 2, at] = np.int16(share) if fitted else np.int16(0)
                    out[terms + 3, at] = np.int16(min(shift, byte)) if fitted else np.int16(0)

    return fit


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

    `out` holds the coefficients and sigma in stored units, the looks kept (at most 255), the share kept (percent) and
    the shift (reach of the walk of kept residuals over sigma * sqrt(looks), in twentieths); zeros but for the looks
    where there were too few. trig: (time, 4H + 1) float32: 1, then cos and sin of 1..2H times the yearly angle.
    """
    kept = np.array([_kept_variance(float(screen)) for screen in screens], np.float32)
    harmonics = (trig.shape[1] - 1) // 4
    _FITS[harmonics](stack, start, stop, trig, ridge, screens, kept, out)


def _kept_variance(screen: float) -> float:
    """Variance of a standard normal cut off at +- screen: screened residuals look that much too quiet."""
    density = math.exp(-0.5 * screen * screen) / math.sqrt(2 * math.pi)
    inside = math.erf(screen / math.sqrt(2))
    return 1 - 2 * screen * density / inside
