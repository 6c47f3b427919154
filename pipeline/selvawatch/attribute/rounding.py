"""Shares as people read them: rounded so that what is shown adds up."""

import numpy as np


def largest_remainder(values: np.ndarray, *, total: float = 100.0, digits: int = 0) -> np.ndarray:
    """Values scaled to `total` and rounded to `digits`, so that they add up to `total` exactly as shown.

    What plain rounding down leaves over goes, unit by unit, to the largest remainders; of equal remainders to
    the larger value, then to the first. All zero stays all zero. float64, rounded to `digits`.

    values: (n,) float, not negative, no NaN.

    Raises
    ------
    ValueError
        For a negative or missing value.
    """
    given = np.asarray(values, np.float64)
    if np.isnan(given).any() or (given < 0).any():
        raise ValueError("shares need values that are known and not negative")
    given_sum = given.sum()
    if given_sum == 0:
        return np.zeros(len(given))
    units = given / given_sum * total * 10**digits
    floor = np.floor(units + 1e-9)
    missing = round(total * 10**digits - floor.sum())
    order = np.lexsort((np.arange(len(given)), -given, -np.round(units - floor, 9)))
    floor[order[:missing]] += 1
    return np.round(floor / 10**digits, digits)
