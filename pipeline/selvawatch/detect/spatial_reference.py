"""The spatial reference: what forest looks like today, from the forest around, where a history is missing."""

import math

import numpy as np

from selvawatch.core.stack import NODATA
from selvawatch.detect.model import SpatialReference


def forest_level(values: np.ndarray, forest: np.ndarray, rule: SpatialReference) -> float:
    """Quantile of an observation's stored values over the fixed neighbourhood; NaN where too little was seen.

    A whole number: the smallest value that at least that share of the seen pixels does not exceed.

    values: (y, x) int16. forest: (y, x) bool, the whole neighbourhood: the result must not depend on chunks.
    """
    inside = values[forest]
    seen = inside[inside != NODATA]
    if seen.size < max(rule.minimum_pixels, rule.minimum_share * inside.size):
        return math.nan
    rank = min(seen.size, max(1, math.ceil(rule.quantile * seen.size))) - 1
    return float(np.partition(seen, rank)[rank])
