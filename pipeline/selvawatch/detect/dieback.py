"""Pixels that fell far but slowly, together with their neighbours: a status that is no alert."""

import numpy as np
import xarray as xr
from scipy import ndimage

from selvawatch.core.stack import UNIT_SCALE
from selvawatch.core.status import Reason
from selvawatch.detect.kernels.fusion import REASON_BITS, REASON_SHIFT
from selvawatch.detect.shift_rule import Dieback
from selvawatch.detect.slow_fall import LEVELS

REACH_PX = 1
"""Pixels around one whose slow fall counts too."""


def fell_slowly(state: xr.Dataset, rule: Dieback) -> np.ndarray:
    """Whether each pixel fell slowly and as far as the rule asks, in every index that it names; (y, x) bool.

    state: (y, x), variables of `detect.fusion.STATE`; levels in steps of `core.stack.UNIT_SCALE`. The mean is
    that of the monitored pixels among a pixel and its eight neighbours. A pixel that is not monitored never
    fell slowly.
    """
    monitored = (state["flags"].to_numpy() >> REASON_SHIFT) & REASON_BITS == Reason.MONITORED
    fell = monitored.copy()
    if not fell.any():
        return fell
    count = _sums(monitored)
    for name, least in rule.together.items():
        level = np.where(monitored, state[LEVELS[name]].to_numpy(), 0)
        units = least / UNIT_SCALE
        fell &= (_sums(level) >= units * count) & (level >= rule.share * units)
    return fell


def _sums(values: np.ndarray) -> np.ndarray:
    """Sums over each pixel and those within `REACH_PX`, int64; what lies outside counts as 0."""
    line = np.ones(2 * REACH_PX + 1, np.int64)
    across = ndimage.correlate1d(values.astype(np.int64), line, axis=0, mode="constant")
    return np.asarray(ndimage.correlate1d(across, line, axis=1, mode="constant"))
