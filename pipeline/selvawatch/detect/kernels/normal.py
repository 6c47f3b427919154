"""Normal equations of a harmonic fit, a lane of pixels at a time: coefficients and residual sigma."""

import numba as nb
import numpy as np

from selvawatch.detect.kernels.fused import fma

LANE = 256
"""Pixels whose sums are held at once: the sums of a lane fit the first-level cache."""


@nb.njit("void(float32[::1], float32[::1], float32[::1])", nogil=True, cache=True, error_model="numpy")
def _add_product(out: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Out -= left * right, of one lane."""
    for p in range(LANE):
        out[p] = fma(-left[p], right[p], out[p])


@nb.njit("void(float32[::1], float32[::1], int64, float32)", nogil=True, cache=True, error_model="numpy")
def factorise(sums: np.ndarray, matrix: np.ndarray, harmonics: int, ridge: float) -> None:
    """Cholesky factor of the normal equations of a lane, pivots as reciprocals; 0 where a pixel has no fit.

    sums: the 4H + 1 weight sums come first. matrix: K * K lanes, out. K = 2H + 1; a lane is (LANE,) float32,
    one behind the other.
    """
    terms = 2 * harmonics + 1
    half, zero, one = np.float32(0.5), np.float32(0), np.float32(1)
    # the lower triangle of the Gram matrix from the sums, by product-to-sum
    observations = sums[:LANE]
    for i in range(terms):
        for j in range(i + 1):
            cell = matrix[(i * terms + j) * LANE : (i * terms + j + 1) * LANE]
            if j == 0:
                weights = sums[i * LANE : (i + 1) * LANE]
                for p in range(LANE):
                    cell[p] = weights[p]
                continue
            order_i, order_j = (i + 1) // 2, (j + 1) // 2
            plus, minus = order_i + order_j, order_i - order_j
            same = i % 2 == j % 2
            at_plus = 2 * plus - 1 if same else 2 * plus
            at_minus = max(0, 2 * minus - 1 if same else 2 * minus)
            high = sums[at_plus * LANE : (at_plus + 1) * LANE]
            low = sums[at_minus * LANE : (at_minus + 1) * LANE]
            # cos cos: (C- + C+)/2; sin sin: (C- - C+)/2; sin_i cos_j: (S+ + S-)/2; cos_i sin_j: (S+ - S-)/2
            sign_high = -half if same and i % 2 == 0 else half
            sign_low = half if same or i % 2 == 0 else -half
            sign_low = zero if not same and minus == 0 else sign_low
            for p in range(LANE):
                cell[p] = sign_high * high[p] + sign_low * low[p]
            if i == j:
                for p in range(LANE):
                    cell[p] += ridge
    # its Cholesky factor in place
    for j in range(terms):
        pivot = matrix[(j * terms + j) * LANE : (j * terms + j + 1) * LANE]
        for k in range(j):
            left = matrix[(j * terms + k) * LANE : (j * terms + k + 1) * LANE]
            _add_product(pivot, left, left)
        for p in range(LANE):
            square = pivot[p] if pivot[p] > zero else zero
            root = np.sqrt(square)
            enough = (root > np.float32(1e-3)) & (observations[p] > np.float32(terms))
            pivot[p] = one / root if enough else zero
        for i in range(j + 1, terms):
            cell = matrix[(i * terms + j) * LANE : (i * terms + j + 1) * LANE]
            for k in range(j):
                left = matrix[(i * terms + k) * LANE : (i * terms + k + 1) * LANE]
                right = matrix[(j * terms + k) * LANE : (j * terms + k + 1) * LANE]
                _add_product(cell, left, right)
            for p in range(LANE):
                cell[p] *= pivot[p]


@nb.njit("void(float32[::1], float32[::1], float32[::1], int64)", nogil=True, cache=True, error_model="numpy")
def substitute(values: np.ndarray, matrix: np.ndarray, beta: np.ndarray, harmonics: int) -> None:
    """Coefficients of a lane from the sums of its values; a pixel without enough observations gets zeros.

    values: K lanes; matrix: K * K lanes of `factorise`; beta: K lanes, out.
    """
    terms = 2 * harmonics + 1
    # forward substitution
    for i in range(terms):
        b = beta[i * LANE : (i + 1) * LANE]
        known = values[i * LANE : (i + 1) * LANE]
        for p in range(LANE):
            b[p] = known[p]
        for k in range(i):
            left = matrix[(i * terms + k) * LANE : (i * terms + k + 1) * LANE]
            _add_product(b, left, beta[k * LANE : (k + 1) * LANE])
        pivot = matrix[(i * terms + i) * LANE : (i * terms + i + 1) * LANE]
        for p in range(LANE):
            b[p] *= pivot[p]
    # backward substitution
    for i in range(terms - 1, -1, -1):
        b = beta[i * LANE : (i + 1) * LANE]
        for k in range(i + 1, terms):
            left = matrix[(k * terms + i) * LANE : (k * terms + i + 1) * LANE]
            _add_product(b, left, beta[k * LANE : (k + 1) * LANE])
        pivot = matrix[(i * terms + i) * LANE : (i * terms + i + 1) * LANE]
        for p in range(LANE):
            b[p] *= pivot[p]


@nb.njit(
    "void(float32[::1], float32[::1], float32[::1], float32[::1], int64, float32, float32)",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def spread_of(
    observations: np.ndarray,
    values: np.ndarray,
    beta: np.ndarray,
    sigma: np.ndarray,
    harmonics: int,
    ridge: float,
    kept_variance: np.float32,
) -> None:
    """Residual sigma of a lane, corrected for the variance that screening cut off; 0 without a fit.

    observations: (LANE,); values: (2H + 2) lanes: value sums and the sum of squares; beta: (2H + 1) lanes;
    sigma: (LANE,), out; all float32, stored units.
    """
    terms = 2 * harmonics + 1
    zero, one = np.float32(0), np.float32(1)
    # sum of squares less what the fit explains
    squares = values[terms * LANE : (terms + 1) * LANE]
    for p in range(LANE):
        sigma[p] = squares[p]
    for i in range(terms):
        weight = zero if i == 0 else ridge
        known, b = values[i * LANE : (i + 1) * LANE], beta[i * LANE : (i + 1) * LANE]
        for p in range(LANE):
            sigma[p] -= b[p] * known[p] + weight * b[p] * b[p]
    # over the degrees of freedom
    for p in range(LANE):
        free = observations[p] - np.float32(terms)
        over = free if free > one else one
        rest = sigma[p] if sigma[p] > zero else zero
        sigma[p] = np.sqrt(rest / (over * kept_variance)) if free > zero else zero
