"""Control charts: a kernel moves every process by an observation, in place, and keeps its first alarm.

z is the residual in sigmas, loss negative, NaN where the pixel was not seen or has no baseline. alarm: day
of the first alarm, 0 = none; a pixel that has one stays as it is. Arrays are (pixels,) unless stated
otherwise: z, process, history (observations) float32, count and window int32, flagged and alarm uint16 days.
"""

import numba as nb
import numpy as np


@nb.njit(
    "void(float32[::1], uint16, float32, float32, float32, float32[::1], uint16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def ewma(
    z: np.ndarray, day: int, weight: float, limit: float, bound: float, process: np.ndarray, alarm: np.ndarray
) -> None:
    """Weighted mean of z bounded at +- `bound`; alarm below -limit * sqrt(weight / (2 - weight))."""
    level = limit * np.sqrt(weight / (np.float32(2) - weight))
    for p in range(z.size):
        if np.isnan(z[p]) or alarm[p] != 0:
            continue
        value = min(max(z[p], -bound), bound)
        process[p] = (np.float32(1) - weight) * process[p] + weight * value
        if process[p] < -level:
            alarm[p] = day


@nb.njit(
    "void(float32[::1], uint16, float32, float32[::1], float32[::1], int32[::1], uint16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def cusum(
    z: np.ndarray,
    day: int,
    critical: float,
    history: np.ndarray,
    process: np.ndarray,
    count: np.ndarray,
    alarm: np.ndarray,
) -> None:
    """Sum of z / sqrt(history); alarm below -sqrt(x (x - 1) (critical^2 + ln(x / (x - 1)))).

    x: observations in history and since over observations in history.
    """
    for p in range(z.size):
        if np.isnan(z[p]) or alarm[p] != 0:
            continue
        process[p] += z[p] / np.sqrt(history[p])
        count[p] += 1
        x = (history[p] + count[p]) / history[p]
        level = np.sqrt(x * (x - 1) * (critical * critical + np.log(x / (x - 1))))
        if process[p] < -level:
            alarm[p] = day


@nb.njit(
    "void(float32[::1], uint16, float32, float32[::1], int32[::1], float32[:,::1], float32[::1], int32[::1],"
    " uint16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def mosum(
    z: np.ndarray,
    day: int,
    critical: float,
    history: np.ndarray,
    window: np.ndarray,
    ring: np.ndarray,
    process: np.ndarray,
    count: np.ndarray,
    alarm: np.ndarray,
) -> None:
    """Sum of the last `window` z / sqrt(history); alarm below -critical * sqrt(2 log+ x).

    ring: (slots, pixels), the z of each pixel's window; log+ x is 1 up to e, ln x beyond.
    """
    for p in range(z.size):
        if np.isnan(z[p]) or alarm[p] != 0:
            continue
        slot = count[p] % window[p]
        ring[slot, p] = z[p]
        count[p] += 1
        total = np.float32(0)
        for k in range(window[p]):
            total += ring[k, p]
        process[p] = total / np.sqrt(history[p])
        x = (history[p] + count[p]) / history[p]
        level = critical * np.sqrt(2 * max(np.log(x), 1.0))
        if process[p] < -level:
            alarm[p] = day


@nb.njit(
    "void(float32[::1], uint16, float32, float32[::1], float32[::1], uint16[::1], uint16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def bayts(
    ratio: np.ndarray,
    day: int,
    confirm: float,
    before: np.ndarray,
    total: np.ndarray,
    flagged: np.ndarray,
    alarm: np.ndarray,
) -> None:
    """Bayesian updating in log-odds: flag at a ratio >= 0, drop below 0, confirm at `confirm` and above.

    ratio: log-likelihood ratio of the day (bounded, streams added), NaN = not seen. before: that of the
    observation before; flagged: day of the open flag, 0 = none.
    """
    for p in range(ratio.size):
        if np.isnan(ratio[p]) or alarm[p] != 0:
            continue
        if flagged[p] != 0:
            total[p] += ratio[p]
            if total[p] < 0:
                flagged[p] = 0
        if flagged[p] == 0 and ratio[p] >= 0:
            flagged[p] = day
            total[p] = before[p] + ratio[p]
        if flagged[p] != 0 and ratio[p] >= 0 and total[p] >= confirm:
            alarm[p] = day
        before[p] = ratio[p]
