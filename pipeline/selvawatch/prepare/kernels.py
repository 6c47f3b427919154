"""Compiled loops over pixels: flags of the screening, stored indices, box sums. Plain Python twins are in the
tests.
"""

import numba
import numpy as np
from numba import types as nt

UNSEEN = 0
CLEAR = 1
HAZE = 2
SHADOW = 3

_BAND = nt.Array(nt.float32, 1, "C", readonly=True)
_IMAGE = nt.Array(nt.float32, 2, "C", readonly=True)
_NODATA = np.int16(-32768)
_LIMIT = np.float32(32767)
_TO_WHOLE = np.float32(1.5 * 2**23)
"""Added to a float32 and taken off again it leaves the nearest whole number, a half to the even one."""


@numba.njit(
    nt.void(*[_BAND] * 5, _BAND, nt.uint8[::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def flag(
    blues: np.ndarray,
    greens: np.ndarray,
    reds: np.ndarray,
    nirs: np.ndarray,
    swir16s: np.ndarray,
    thresholds: np.ndarray,
    out: np.ndarray,
) -> None:
    """`UNSEEN`, `CLEAR`, `HAZE` or `SHADOW` of pixels' reflectances into out.

    thresholds: those of `mask.Screening` from hot_slope to shadow_mndwi, in its order.
    """
    hot_slope, haze_hot, haze_red_to_blue, haze_nir = (
        thresholds[0],
        thresholds[1],
        thresholds[2],
        thresholds[3],
    )
    bright_red, bright_nir, bright_swir16_to_nir = thresholds[4], thresholds[5], thresholds[6]
    shadow_nir, shadow_swir16, shadow_mndwi = thresholds[7], thresholds[8], thresholds[9]
    for pixel in range(out.size):
        blue, green, red = blues[pixel], greens[pixel], reds[pixel]
        nir, swir16 = nirs[pixel], swir16s[pixel]
        total = blue + green + red + nir + swir16
        haze = (blue - hot_slope * red > haze_hot) & (red < haze_red_to_blue * blue) & (nir > haze_nir)
        cloud = (red > bright_red) & (nir > bright_nir) & (swir16 < bright_swir16_to_nir * nir)
        dark = (nir < shadow_nir) & (swir16 < shadow_swir16)
        shadow = dark & (green - swir16 < shadow_mndwi * (green + swir16))
        kind = np.uint8(SHADOW) if shadow else np.uint8(CLEAR)
        kind = np.uint8(HAZE) if haze | cloud else kind
        out[pixel] = kind if total == total else np.uint8(UNSEEN)


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


@numba.njit(
    nt.void(_IMAGE, _IMAGE, nt.int64, nt.float32, nt.boolean[:, ::1], nt.int16[:, ::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def store_difference(
    first: np.ndarray, second: np.ndarray, halo: int, scale: np.float32, usable: np.ndarray, out: np.ndarray
) -> None:
    """`store` of `difference` of two bands (y, x), without a halo of pixels, into out (y, x).

    usable becomes False where it is not defined; where a pixel is not usable, what is written says nothing.
    Without a branch, so that the compiler may work on many pixels at once.
    """
    zero = np.float32(0)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            one, other = first[row + halo, column + halo], second[row + halo, column + halo]
            above = one if one > zero else zero
            below = other if other > zero else zero
            total = above + below
            defined = (one == one) & (other == other) & (total > zero) & (total < np.inf)
            value = (above - below) / total / scale
            value = min(max(value if defined else zero, -_LIMIT), _LIMIT)
            out[row, column] = np.int16(np.int32((value + _TO_WHOLE) - _TO_WHOLE))
            usable[row, column] = usable[row, column] & defined


@numba.njit("void(boolean[:, ::1], int16[:, ::1])", nogil=True, cache=True)
def hide(usable: np.ndarray, out: np.ndarray) -> None:
    """-32768 into out (y, x) where a pixel is not usable."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = out[row, column] if usable[row, column] else _NODATA


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
