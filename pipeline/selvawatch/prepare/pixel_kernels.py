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
_TO_INTEGER = np.float32(1.5 * 2**23)
"""Added to a float32 and taken off again it leaves the nearest whole number, a half to the even one."""


@numba.njit(nt.void(*[_BAND] * 7, nt.uint8[::1]), nogil=True, cache=True, error_model="numpy")
def flag(
    blues: np.ndarray,
    greens: np.ndarray,
    reds: np.ndarray,
    nirs: np.ndarray,
    swir16s: np.ndarray,
    lines: np.ndarray,
    thresholds: np.ndarray,
    out: np.ndarray,
) -> None:
    """`UNSEEN`, `CLEAR`, `HAZE` or `SHADOW` of pixels' reflectances into out.

    lines: slope and offset that bring each band to Sentinel-2's space, by turns; thresholds: those of
    `mask.Screening` from hot_slope to shadow_mndwi, in its order. Without a branch, so that the compiler may
    work on many pixels at once.

    Bands: (pixels,) float32 reflectance, NaN = not seen; lines: (10,) and thresholds: (10,) float32; out:
    (pixels,) uint8.
    """
    # numbers that hold for every pixel
    hot_slope, haze_hot, haze_red_to_blue, haze_nir = (
        thresholds[0],
        thresholds[1],
        thresholds[2],
        thresholds[3],
    )
    bright_red, bright_nir, bright_swir16_to_nir = thresholds[4], thresholds[5], thresholds[6]
    shadow_nir, shadow_swir16, shadow_mndwi = thresholds[7], thresholds[8], thresholds[9]
    blue_slope, blue_offset, green_slope, green_offset = lines[0], lines[1], lines[2], lines[3]
    red_slope, red_offset, nir_slope, nir_offset = lines[4], lines[5], lines[6], lines[7]
    swir16_slope, swir16_offset = lines[8], lines[9]
    for pixel in range(out.size):
        # reflectance in the space of Sentinel-2
        blue = blues[pixel] * blue_slope + blue_offset
        green = greens[pixel] * green_slope + green_offset
        red = reds[pixel] * red_slope + red_offset
        nir = nirs[pixel] * nir_slope + nir_offset
        swir16 = swir16s[pixel] * swir16_slope + swir16_offset
        total = blue + green + red + nir + swir16
        # haze, bright cloud, dark ground that is no water
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


@numba.njit(inline="always")
def _rounded(value: np.float32) -> np.int16:
    """The nearest whole number, a half to the even one, clipped."""
    value = value if value > -_LIMIT else -_LIMIT
    value = value if value < _LIMIT else _LIMIT
    return np.int16(np.int32((value + _TO_INTEGER) - _TO_INTEGER))


@numba.vectorize(["int16(float32, float32, boolean)"], cache=True)
def store(value: np.float32, scale: np.float32, usable: bool) -> np.int16:
    """int16 of a physical value, clipped and never wrapped; -32768 where it is not usable or not finite."""
    known = usable & (np.abs(value) < np.inf)
    scaled = value / scale
    kept = _rounded(scaled if known else np.float32(0))
    return kept if known else _NODATA


@numba.njit(
    nt.void(_IMAGE, _IMAGE, _BAND, nt.int64, nt.float32, nt.boolean[:, ::1], nt.int16[:, ::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def store_difference(
    first: np.ndarray,
    second: np.ndarray,
    lines: np.ndarray,
    halo: int,
    scale: np.float32,
    usable: np.ndarray,
    out: np.ndarray,
) -> None:
    """`store` of `difference` of two bands (y, x), without a halo of pixels, into out (y, x).

    lines: slope and offset of the first band, and of the second, that are applied before. usable becomes
    False where it is not defined; where a pixel is not usable, what is written says nothing. Without a
    branch, so that the compiler may work on many pixels at once.

    Bands: float32; lines: (4,) float32; usable: bool; out: int16.
    """
    zero = np.float32(0)
    slope, offset, other_slope, other_offset = lines[0], lines[1], lines[2], lines[3]
    for row in range(out.shape[0]):
        ones, others = first[row + halo, halo:], second[row + halo, halo:]
        for column in range(out.shape[1]):
            one = ones[column] * slope + offset
            other = others[column] * other_slope + other_offset
            above = one if one > zero else zero
            below = other if other > zero else zero
            total = above + below
            defined = (one == one) & (other == other) & (total > zero) & (total < np.inf)
            value = (above - below) / total / scale
            out[row, column] = _rounded(value if defined else zero)
            usable[row, column] = usable[row, column] & defined


@numba.njit(
    nt.void(_IMAGE, _IMAGE, _IMAGE, _BAND, _BAND, nt.int64, nt.boolean[:, ::1], nt.int16[:, ::1]),
    nogil=True,
    cache=True,
    error_model="numpy",
)
def weigh(
    blues: np.ndarray,
    reds: np.ndarray,
    nirs: np.ndarray,
    lines: np.ndarray,
    numbers: np.ndarray,
    halo: int,
    usable: np.ndarray,
    out: np.ndarray,
) -> None:
    """Percent of full weight of pixels into out (y, x), -32768 where they are not usable; bands have a halo.

    Full up to a hot, the least from another on, straight between; full for ground and for water, whatever
    their hot.

    Bands: (y, x) float32 reflectance; lines: (6,) slope and offset of each band, by turns; numbers: (6,)
    slope of the hot, red to blue of ground, near infrared of water, the two hots, the least weight (0-1);
    usable: bool; out: int16.
    """
    zero, one, hundred, half = np.float32(0), np.float32(1), np.float32(100), np.float32(0.5)
    slope, ground, water = numbers[0], numbers[1], numbers[2]
    full, per_hot, lost = numbers[3], one / (numbers[4] - numbers[3]), one - numbers[5]
    for row in range(out.shape[0]):
        blue_row, red_row, nir_row = (
            blues[row + halo, halo:],
            reds[row + halo, halo:],
            nirs[row + halo, halo:],
        )
        for column in range(out.shape[1]):
            blue = blue_row[column] * lines[0] + lines[1]
            red = red_row[column] * lines[2] + lines[3]
            nir = nir_row[column] * lines[4] + lines[5]
            reached = (blue - slope * red - full) * per_hot
            reached = reached if reached > zero else zero
            reached = reached if reached < one else one
            hazy = (red < ground * blue) & (nir > water)
            weight = one - lost * (reached if hazy else zero)
            percent = np.int16(np.int32(hundred * weight + half))
            out[row, column] = percent if usable[row, column] else _NODATA


@numba.njit("void(boolean[:, ::1], int16[:, ::1])", nogil=True, cache=True)
def hide(usable: np.ndarray, out: np.ndarray) -> None:
    """-32768 into out (y, x) where a pixel is not usable."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = out[row, column] if usable[row, column] else _NODATA


@numba.njit("void(int32[::1], int64, int32[::1])", nogil=True, cache=True)
def _run(values: np.ndarray, half: int, out: np.ndarray) -> None:
    """Sums of the 2 * half + 1 values around each, nothing outside, into out."""
    total, count = np.int32(0), values.size
    for position in range(min(half, count)):
        total += values[position]
    for position in range(count):
        if position + half < count:
            total += values[position + half]
        if position - half - 1 >= 0:
            total -= values[position - half - 1]
        out[position] = total


@numba.njit("void(uint8[:, ::1], uint8, int64, float64, uint8[:, ::1])", nogil=True, cache=True)
def mark_patches(flags: np.ndarray, kind: int, half: int, needed: float, out: np.ndarray) -> None:
    """1 into out (y, x) where a flag is of a kind and so are at least so many in the square of 2 * half + 1
    pixels around it, nothing counted outside the image; else 0. flags and out: uint8.
    """
    rows, columns = flags.shape
    below, around = np.zeros(columns, np.int32), np.empty(columns, np.int32)
    for row in range(-half, rows):
        if row + half < rows:
            for column in range(columns):
                below[column] += flags[row + half, column] == kind
        if row - half - 1 >= 0:
            for column in range(columns):
                below[column] -= flags[row - half - 1, column] == kind
        if row >= 0:
            _run(below, half, around)
            for column in range(columns):
                out[row, column] = (flags[row, column] == kind) & (around[column] >= needed)


@numba.njit("void(uint8[:, ::1], int64, boolean[:, ::1])", nogil=True, cache=True)
def clear_around(marks: np.ndarray, reach: int, clear: np.ndarray) -> None:
    """False into clear (y, x) where a mark lies in the square of 2 * reach + 1 pixels around a pixel. marks:
    (y, x) uint8, 0 or 1; clear: bool.
    """
    rows, columns = marks.shape
    below, around = np.zeros(columns, np.int32), np.empty(columns, np.int32)
    for row in range(-reach, rows):
        if row + reach < rows:
            for column in range(columns):
                below[column] += marks[row + reach, column]
        if row - reach - 1 >= 0:
            for column in range(columns):
                below[column] -= marks[row - reach - 1, column]
        if row >= 0:
            _run(below, reach, around)
            for column in range(columns):
                clear[row, column] = clear[row, column] & (around[column] == 0)


@numba.njit(nt.void(_IMAGE, nt.int64, nt.float32[:, ::1]), nogil=True, cache=True, error_model="numpy")
def box_mean(power: np.ndarray, half: int, out: np.ndarray) -> None:
    """Mean of power (y, x) over the square of 2 * half + 1 pixels around each pixel into out, which lacks
    half a square on each side.

    Only powers that are finite and above 0 count; NaN where the pixel's own is none. Sums run over rows, then
    columns, from the upper left, so that a pixel's mean does not depend on where its tile begins.
    """
    columns, side = out.shape[1], 2 * half + 1
    total, count = np.empty(columns, np.float32), np.empty(columns, np.float32)
    for row in range(out.shape[0]):
        total[:] = 0
        count[:] = 0
        for down in range(side):
            for across in range(side):
                powers = power[row + down, across:]
                for column in range(columns):
                    value = powers[column]
                    known = (value > 0) & (value < np.inf)
                    total[column] += value if known else np.float32(0)
                    count[column] += np.float32(1) if known else np.float32(0)
        powers = power[row + half, half:]
        for column in range(columns):
            value = powers[column]
            known = (value > 0) & (value < np.inf)
            out[row, column] = total[column] / count[column] if known else np.float32(np.nan)
