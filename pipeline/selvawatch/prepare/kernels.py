"""Compiled loops over pixels: flags of the screening, stored indices, box sums. Plain Python twins are in the
tests.
"""

import numba
import numpy as np

UNSEEN = 0
CLEAR = 1
HAZE = 2
SHADOW = 3

_NODATA = np.int16(-32768)
_LIMIT = np.float32(32767)


@numba.vectorize(["uint8(" + ", ".join(["float32"] * 15) + ")"], cache=True)
def flag(
    blue: np.float32,
    green: np.float32,
    red: np.float32,
    nir: np.float32,
    swir16: np.float32,
    hot_slope: np.float32,
    haze_hot: np.float32,
    haze_red_to_blue: np.float32,
    haze_nir: np.float32,
    bright_red: np.float32,
    bright_nir: np.float32,
    bright_swir16_to_nir: np.float32,
    shadow_nir: np.float32,
    shadow_swir16: np.float32,
    shadow_mndwi: np.float32,
) -> int:
    """`UNSEEN`, `CLEAR`, `HAZE` or `SHADOW` of one pixel's reflectances and the screening's thresholds, in
    order.
    """
    if np.isnan(blue + green + red + nir + swir16):
        return UNSEEN
    if blue - hot_slope * red > haze_hot and red < haze_red_to_blue * blue and nir > haze_nir:
        return HAZE
    if red > bright_red and nir > bright_nir and swir16 < bright_swir16_to_nir * nir:
        return HAZE
    if nir < shadow_nir and swir16 < shadow_swir16 and green - swir16 < shadow_mndwi * (green + swir16):
        return SHADOW
    return CLEAR


@numba.vectorize(["float32(float32, float32)"], cache=True)
def difference(first: np.float32, second: np.float32) -> np.float32:
    """(first - second) / (first + second), negative values as 0; NaN where the sum is not positive."""
    if np.isnan(first) or np.isnan(second):
        return np.float32(np.nan)
    first, second = max(first, np.float32(0)), max(second, np.float32(0))
    total = first + second
    return (first - second) / total if total > 0 else np.float32(np.nan)


@numba.vectorize(["int16(float32, float32, boolean)"], cache=True)
def store(value: np.float32, scale: np.float32, usable: bool) -> np.int16:
    """int16 of a physical value, clipped and never wrapped; -32768 where it is not usable or not finite."""
    if not usable or not np.isfinite(value):
        return _NODATA
    stored = np.rint(value / scale)
    return np.int16(min(max(stored, -_LIMIT), _LIMIT))


@numba.njit("int32[:, ::1](uint8[:, ::1], int64)", nogil=True, cache=True)
def box_sum(flags: np.ndarray, half: int) -> np.ndarray:
    """Sum of flags over the square of 2 * half + 1 pixels around each pixel; (y, x) int32, nothing outside
    the image.
    """
    rows, columns = flags.shape
    along = np.zeros((rows, columns), np.int32)
    for row in range(rows):
        total = np.int32(0)
        for column in range(min(half, columns)):
            total += flags[row, column]
        for column in range(columns):
            if column + half < columns:
                total += flags[row, column + half]
            if column - half - 1 >= 0:
                total -= flags[row, column - half - 1]
            along[row, column] = total
    sums = np.zeros((rows, columns), np.int32)
    for row in range(min(half, rows)):
        for column in range(columns):
            sums[0, column] += along[row, column]
    for row in range(rows):
        if row:
            for column in range(columns):
                sums[row, column] = sums[row - 1, column]
        if row + half < rows:
            for column in range(columns):
                sums[row, column] += along[row + half, column]
        if row - half - 1 >= 0:
            for column in range(columns):
                sums[row, column] -= along[row - half - 1, column]
    return sums
