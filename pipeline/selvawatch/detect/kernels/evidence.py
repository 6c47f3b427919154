"""Evidence of one look: log-likelihood ratios of residuals, added over indices, as whole units."""

import numba as nb
import numpy as np

FALL, BOTH, RISE = -1, 0, 1
"""Sides of a departure."""

UNKNOWN = np.float32(-1e9)
"""Departure of an index that was not seen or has no baseline."""


@nb.njit(
    "void(int16[::1], int16[:,::1], int16[::1], float32[::1], float32, float32[::1], float32[::1], int64, boolean,"
    " int64, int64, float32[::1], float32[::1])",
    nogil=True,
    cache=True,
)
def add_index(
    values: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    reference: float,
    own: np.ndarray,
    spatial: np.ndarray,
    side: int,
    added: bool,
    start: int,
    stop: int,
    total: np.ndarray,
    seen: np.ndarray,
) -> None:
    """Add the evidence of pixels start..stop of one index to `total` (nats), and 1 to `seen` where it was observed.

    Not `added`: `total` becomes the larger of the two, and `seen` 1.

    sigma > 0: the prediction is terms @ basis; sigma < 0: `reference` (NaN: none today) plus term 0, with sigma
    -sigma; 0: no baseline. own, spatial: gain, centre, low, high, sigma floor (stored units) of either kind.
    """
    nodata = np.int16(-32768)
    have = np.float32(0) if np.isnan(reference) else np.float32(1)
    level = np.float32(0) if np.isnan(reference) else reference
    for p in range(start, stop):
        value = values[p]
        spread = sigma[p]
        fallback = spread < 0
        predicted = level if fallback else np.float32(0)
        for k in range(basis.size):
            predicted += np.float32(terms[k, p]) * basis[k]
        floor = spatial[4] if fallback else own[4]
        departure = (np.float32(value) - predicted) / max(np.float32(abs(np.int32(spread))), floor)
        if side == 0:
            departure = abs(departure)
        elif side < 0:
            departure = -departure
        gain = spatial[0] if fallback else own[0]
        centre = spatial[1] if fallback else own[1]
        low = spatial[2] if fallback else own[2]
        high = spatial[3] if fallback else own[3]
        ratio = min(max(gain * (departure - centre), low), high)
        usable = np.float32(1) if (value != nodata) and (spread != 0) else np.float32(0)
        usable = usable * have if fallback else usable
        before = total[p - start]
        count = seen[p - start]
        larger = max(before, ratio) if count > 0 else ratio
        total[p - start] = before + ratio * usable if added else (larger if usable > 0 else before)
        seen[p - start] = count + usable if added else max(count, usable)


@nb.njit(
    "void(int16[::1], int16[:,::1], int16[::1], float32[::1], float32, int64, int64, int64, float32[::1])",
    nogil=True,
    cache=True,
)
def lower_veil(
    values: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    floor: float,
    side: int,
    start: int,
    stop: int,
    least: np.ndarray,
) -> None:
    """Lower `least` of pixels start..stop to the departure of one index, in sigmas; to `UNKNOWN` where it has none."""
    nodata = np.int16(-32768)
    for p in range(start, stop):
        predicted = np.float32(0)
        for k in range(basis.size):
            predicted += np.float32(terms[k, p]) * basis[k]
        departure = (np.float32(values[p]) - predicted) / max(np.float32(sigma[p]), floor)
        if side == 0:
            departure = abs(departure)
        elif side < 0:
            departure = -departure
        known = (values[p] != nodata) and (sigma[p] > 0)
        least[p - start] = min(least[p - start], departure if known else UNKNOWN)


@nb.njit(
    "void(float32[::1], float32[::1], float32[::1], float32, float32, float32, float32, float32, float32, float32, int64, int64,"
    " int16[::1])",
    nogil=True,
    cache=True,
)
def settle(
    total: np.ndarray,
    seen: np.ndarray,
    least: np.ndarray,
    correlation: float,
    low: float,
    high: float,
    departure: float,
    veiled: float,
    unveiled: float,
    per_unit: float,
    start: int,
    stop: int,
    out: np.ndarray,
) -> None:
    """Add one look's evidence, in whole units, to `out` at start..stop; what no index saw stays as it is.

    The sum over n indices is divided by 1 + (n - 1) * correlation and clipped: at `high` where the least departure of
    the veil's indices is `UNKNOWN`, at `veiled` where it is above `departure`, at `unveiled` elsewhere. `out` is -32768
    until a look is added.
    """
    nodata = np.int16(-32768)
    one = np.float32(1)
    for p in range(start, stop):
        n = seen[p - start]
        ratio = total[p - start] / (one + max(n - one, np.float32(0)) * correlation)
        gap = least[p - start]
        bound = (veiled if gap > departure else unveiled) if gap > UNKNOWN else high
        units = np.int16(np.rint(min(max(ratio, low), bound) * per_unit))
        before = out[p]
        after = units if before == nodata else np.int16(before + units)
        out[p] = after if n > 0 else before
