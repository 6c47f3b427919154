"""Evidence of one observation: log-likelihood ratios of residuals, combined over indices, as whole units.

Scratch holds, for each lane of pixels, the combined ratio, then the number of indices that were added or
whether all that haze is held against were seen, then the departures and sigmas of those: one lane behind the
other, so that distances are known when the kernel is compiled. Lanes are sliced before they are walked: an
index that might be negative would keep the loop out of SIMD registers, as would Python's check of a division
by zero.
"""

from collections.abc import Callable

import numba as nb
import numpy as np

from selvawatch.detect.kernels.family import Family
from selvawatch.detect.kernels.fused import fma

FALL, BOTH, RISE = -1, 0, 1
"""Sides of a departure."""

LANE = 1024
"""Pixels of a lane."""

BLOCK = 64
"""Pixels of a lane that are held against haze, or left alone, at once."""

SLOTS = 7
"""Values of scratch for each pixel: ratio, count or known, then fall of the vegetation index, departure and
sigma of the soil index and of the water index.
"""

UNKNOWN = np.float32(-1e9)
"""Ratio of a pixel that no index has seen."""

VEGETATION, SOIL, WATER, COUNTED, NO_PART = 0, 1, 2, 3, -1
"""Parts of an index in the haze of its observation; `COUNTED`: it only has to have a history."""

HAZE = 14
"""Numbers of haze that `quantise` takes."""


_READ = nb.types.Array(nb.int16, 1, "C", readonly=True)


def scratch(pixels: int) -> np.ndarray:
    """Scratch that a span of that many pixels needs: (lanes * LANE * SLOTS,) float32, not cleared."""
    return np.empty(-(-pixels // LANE) * LANE * SLOTS, np.float32)


def _evidence_kernel(of: tuple[int, bool, bool]) -> Callable[..., None]:
    terms, spatial_too, added = of

    @nb.njit(
        nb.void(
            _READ,
            nb.types.Array(nb.int16, 2, "C", readonly=True),
            _READ,
            nb.float32[::1],
            nb.float32,
            nb.float32[::1],
            nb.float32[::1],
            nb.int64,
            nb.boolean,
            nb.boolean,
            nb.int64,
            nb.int64,
            nb.int64,
            nb.float32[::1],
        ),
        nogil=True,
        cache=True,
        error_model="numpy",
    )
    def kernel(
        values: np.ndarray,
        coefficients: np.ndarray,
        sigma: np.ndarray,
        basis: np.ndarray,
        reference: float,
        temporal: np.ndarray,
        spatial: np.ndarray,
        side: int,
        first_index: bool,
        counts: bool,
        part: int,
        start: int,
        stop: int,
        lanes: np.ndarray,
    ) -> None:
        """`add_index` for one number of terms, with or without a spatial reference, adding or comparing."""
        # numbers that hold for every pixel
        nodata = np.int16(-32768)
        zero, one = np.float32(0), np.float32(1)
        both, sign = side == BOTH, np.float32(side)
        empty, unseen = (zero, zero) if added else (UNKNOWN, one)
        plays, keeps, at = (
            part >= 0,
            (part >= 0) & (part < COUNTED),
            LANE * (2 if part <= 0 else (3 if part == SOIL else 5)),
        )
        have = not np.isnan(reference)
        level = reference if have else zero
        gain, centre, low, high, floor = temporal[0], temporal[1], temporal[2], temporal[3], temporal[4]
        alone = temporal[5]
        gain_s, centre_s, low_s, high_s, floor_s = spatial[0], spatial[1], spatial[2], spatial[3], spatial[4]
        angle = np.zeros(8, np.float32)
        for k in range(terms):
            angle[k] = basis[k]
        a0, a1, a2, a3, a4, a5, a6 = angle[0], angle[1], angle[2], angle[3], angle[4], angle[5], angle[6]
        ratios, histories = np.empty(LANE, np.float32), np.empty(LANE, np.float32)
        departures, widths = np.empty(LANE, np.float32), np.empty(LANE, np.float32)
        for first in range(start, stop, LANE):
            last = first + min(LANE, stop - first)
            # a lane of pixels, its scratch, and its coefficients
            base = (first - start) * SLOTS
            lane = lanes[base : base + SLOTS * LANE]
            value, spreads = values[first:last], sigma[first:last]
            c0, c1, c2 = coefficients[0, first:last], coefficients[1, first:last], coefficients[2, first:last]
            c3, c4 = coefficients[min(3, terms - 1), first:last], coefficients[min(4, terms - 1), first:last]
            c5, c6 = coefficients[min(5, terms - 1), first:last], coefficients[min(6, terms - 1), first:last]
            # the departure in sigmas, by the history or the spatial reference, and its ratio in nats
            for p in range(value.size):
                predicted = np.float32(c0[p]) * a0
                predicted = fma(np.float32(c1[p]), a1, predicted)
                predicted = fma(np.float32(c2[p]), a2, predicted)
                if terms > 3:
                    predicted = fma(np.float32(c3[p]), a3, predicted)
                    predicted = fma(np.float32(c4[p]), a4, predicted)
                if terms > 5:
                    predicted = fma(np.float32(c5[p]), a5, predicted)
                    predicted = fma(np.float32(c6[p]), a6, predicted)
                spread = np.float32(spreads[p])
                usable = (value[p] != nodata) & (spreads[p] != np.int16(0))
                by_history = usable
                least, slope, middle, bottom, top = floor, gain, centre, low, high
                if spatial_too:
                    fallback = spread < zero
                    by_history = usable & (not fallback)
                    usable = usable & (have | (not fallback))
                    predicted = predicted + level if fallback else predicted
                    spread = abs(spread)
                    least = floor_s if fallback else floor
                    slope = gain_s if fallback else gain
                    middle = centre_s if fallback else centre
                    bottom = low_s if fallback else low
                    top = high_s if fallback else high
                width = spread if spread > least else least
                moved = np.float32(value[p]) - predicted
                departure = moved / width
                departure = abs(departure) if both else departure * sign
                ratio = slope * (departure - middle)
                ratio = ratio if ratio > bottom else bottom
                ratio = ratio if ratio < top else top
                if added:
                    before = empty if first_index else lane[p]
                    stored = unseen if first_index else lane[LANE + p]
                    lane[p] = before + (ratio if usable else zero)
                    lane[LANE + p] = stored + (one if usable else zero)
                else:
                    ratio = ratio if usable else UNKNOWN
                    before = empty if first_index else lane[p]
                    held = ratio if (before > low) | (ratio < alone) else alone
                    held = held if (held > before) & counts else before
                    lane[p] = held
                    ratios[p] = ratio
                    departures[p], widths[p] = moved * sign, width
                    if spatial_too:
                        histories[p] = one if by_history else zero
            if added:
                continue
            # whether the pixel can be held against haze, and what that needs: each loop stores one value
            # whatever it is, since a choice between a new value and the one that stands there is a branch
            if first_index:
                for p in range(value.size):
                    lane[LANE + p] = unseen
            if plays and spatial_too:
                for p in range(value.size):
                    stored, strange = lane[LANE + p], ratios[p] > UNKNOWN
                    known = stored if stored < histories[p] else histories[p]
                    lane[LANE + p] = -one if strange & (histories[p] == zero) else known
            elif plays:
                for p in range(value.size):
                    stored, known = lane[LANE + p], one if ratios[p] > UNKNOWN else zero
                    lane[LANE + p] = stored if stored < known else known
            if keeps:
                departure_lane, width_lane = (
                    lane[at : at + value.size],
                    lane[at + LANE : at + LANE + value.size],
                )
                for p in range(departure_lane.size):
                    departure_lane[p] = departures[p]
                for p in range(width_lane.size):
                    width_lane[p] = widths[p]

    return kernel


AT_IMPORT = tuple((terms, spatial, terms == 3) for terms in (3, 5) for spatial in (False, True))
"""Kernels that the packaged model needs: number of terms, whether a spatial reference is read, and whether
evidence is added; others are compiled when they are first used.
"""

_KERNELS = Family(_evidence_kernel, AT_IMPORT)


def add_index(
    values: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    reference: float,
    temporal: np.ndarray,
    spatial: np.ndarray,
    spatial_too: bool,
    side: int,
    first_index: bool,
    counts: bool,
    part: int,
    added: bool,
    start: int,
    stop: int,
    lanes: np.ndarray,
) -> None:
    """Take pixels start..stop of one index of an observation into scratch, which the first index clears.

    `added`: its evidence is added and counted. Otherwise, where it `counts`, the larger is kept; an
    index with a `part` in haze leaves its departure and sigma (stored units, the way loss moves it), and that
    the pixel cannot be held against haze where it was not seen or has no history.

    sigma > 0: the prediction is terms @ basis; sigma < 0: `reference` (NaN: none today) plus terms @ basis,
    with sigma -sigma, which only the kernel for `spatial_too` reads; 0: no baseline. temporal, spatial: gain,
    centre, low, high, sigma floor (stored units) of either kind, then, read of temporal alone, the most that
    an index that is not added may say where none before it says more than `low`.

    values, sigma: (pixels,) int16, stored units, -32768 = not seen; terms: (K, pixels) int16; basis: (K,)
    float32; temporal, spatial: (6,) float32; lanes: float32 of `scratch(stop - start)`.
    """
    _KERNELS.of((basis.size, spatial_too, added))(
        values,
        terms,
        sigma,
        basis,
        reference,
        temporal,
        spatial,
        side,
        first_index,
        counts,
        part,
        start,
        stop,
        lanes,
    )


@nb.njit(
    "void(float32[::1], boolean, float32, float32, float32, float32[::1], int16[::1], float32, boolean,"
    " int16[::1], int64, int64, int16[::1])",
    nogil=True,
    cache=True,
    error_model="numpy",
)
def quantise(
    lanes: np.ndarray,
    added: bool,
    correlation: float,
    low: float,
    high: float,
    haze: np.ndarray,
    blue: np.ndarray,
    per_unit: float,
    first_of_run: bool,
    quality: np.ndarray,
    start: int,
    stop: int,
    out: np.ndarray,
) -> None:
    """Add one observation's evidence of pixels start..stop, in whole units, to `out`, of those pixels alone.

    The day's first observation clears it. The sum of n <= 3 indices (`added`) is divided by 1 + (n - 1) *
    correlation and clipped at `high`. Otherwise it is clipped at `untested` where the pixel cannot be held
    against haze, at `high` where a spatial reference stands in for a history, and elsewhere at veiled +
    (distance - freedom) / 2, between veiled and unveiled, with the squared distance of the departures from
    what haze would make of the fall of the vegetation index; blue that is too dark for haze adds to it. What
    is left, for or against a loss, is multiplied by the pixel's quality. `out` is -32768 where no observation
    saw the pixel.

    lanes: float32 of `scratch(stop - start)`; haze: (`HAZE`,) float32: soil share and slack, water share and
    slack, unlit, most, 1 / beyond, blue share and slack, blue noise (stored units but for shares), freedom,
    veiled, unveiled, untested; blue: (pixels,) int16, stored excess over forest, -32768 = not known, or
    empty; quality: (pixels,) int16, percent of full weight, negative = full, or empty; out: (stop - start,)
    int16.
    """
    nodata = np.int16(-32768)
    zero, one, two, three, half = np.float32(0), np.float32(1), np.float32(2), np.float32(3), np.float32(0.5)
    by_two, by_three = one / (one + correlation), one / (one + two * correlation)
    soil, soil_slack, water, water_slack = haze[0], haze[1], haze[2], haze[3]
    unlit, most, per_beyond, blueness, blue_slack = haze[4], haze[5], haze[6], haze[7], haze[8]
    blue_noise, freedom, veiled, unveiled, untested = haze[9], haze[10], haze[11], haze[12], haze[13]
    per_cent = np.float32(0.01)
    nothing, none, mark = np.full(LANE, nodata, np.int16), np.int16(0), np.int16(-1)
    wholes, marks = np.empty(LANE, np.int16), np.empty(LANE, np.int16)
    ratios, tops, units = np.empty(LANE, np.float32), np.empty(LANE, np.float32), np.empty(LANE, np.float32)
    lit, shines = np.empty(LANE, np.float32), np.empty(LANE, np.float32)
    for first in range(start, stop, LANE):
        size = min(LANE, stop - first)
        base = (first - start) * SLOTS
        lane = lanes[base : base + SLOTS * LANE]
        said = out[first - start : first - start + size]
        shine = blue[first : first + size] if blue.size > 0 else nothing[:size]
        # the first observation of a day begins anew
        if first_of_run:
            for p in range(said.size):
                said[p] = nodata
        # the most that haze lets each pixel say, or the mean of what was added
        if added:
            for p in range(said.size):
                n = lane[LANE + p]
                ratios[p] = lane[p] * (one if n < two else (by_two if n < three else by_three))
                tops[p] = high
                marks[p] = mark if n > zero else none
        else:
            for begin in range(0, said.size, BLOCK):
                end = min(begin + BLOCK, said.size)
                said_by, allowed = lane[begin:end], tops[begin:end]
                # haze has no say where no pixel says more than it lets every pixel say
                loud = np.int32(low > veiled)
                for p in range(said_by.size):
                    loud |= np.int32(said_by[p] > veiled)
                if loud == 0:
                    for p in range(allowed.size):
                        allowed[p] = unveiled
                    continue
                blues, bright, light = shine[begin:end], shines[begin:end], lit[begin:end]
                vegetation = lane[2 * LANE + begin : 2 * LANE + end]
                soils = lane[3 * LANE + begin : 3 * LANE + end]
                soil_spreads = lane[4 * LANE + begin : 4 * LANE + end]
                waters = lane[5 * LANE + begin : 5 * LANE + end]
                water_spreads = lane[6 * LANE + begin : 6 * LANE + end]
                for p in range(blues.size):
                    light[p] = one if blues[p] != nodata else zero
                    bright[p] = np.float32(blues[p])
                for p in range(allowed.size):
                    fall = vegetation[p]
                    amount = fall if fall > zero else zero
                    wanted = blueness * amount
                    amount = amount if amount < most else most
                    past = (fall - most) * per_beyond
                    past = past if past > zero else zero
                    slack = amount * (unlit if light[p] < half else one)
                    off = soils[p] - soil * amount
                    wide = soil_slack * slack
                    spread = soil_spreads[p]
                    distance = past * past + off * off / (spread * spread + wide * wide)
                    off = waters[p] - water * amount
                    wide = water_slack * slack
                    spread = water_spreads[p]
                    distance += off * off / (spread * spread + wide * wide)
                    off = bright[p] - wanted
                    wide = blue_slack * wanted
                    dark = off * off / (blue_noise * blue_noise + wide * wide)
                    dark = dark if off < zero else zero
                    distance += dark if light[p] > half else zero
                    against = veiled + half * (distance - freedom)
                    against = against if against > veiled else veiled
                    allowed[p] = against if against < unveiled else unveiled
            for p in range(said.size):
                known = lane[LANE + p]
                unheld = untested if known == zero else high
                tops[p] = tops[p] if known > zero else unheld
                ratios[p] = lane[p]
                marks[p] = mark if lane[p] > UNKNOWN else none
        # clipped, in whole units, to what the day has
        for p in range(said.size):
            ratio, top = ratios[p], tops[p]
            ratio = ratio if ratio > low else low
            ratios[p] = ratio if ratio < top else top
        # weighed by the quality of the pixel
        if quality.size > 0:
            shares = quality[first : first + size]
            for p in range(shares.size):
                share = np.float32(shares[p]) * per_cent
                ratios[p] *= share if shares[p] >= none else one
        for p in range(said.size):
            units[p] = np.floor(ratios[p] * per_unit + half)
        for p in range(said.size):
            before = np.float32(said[p] if said[p] != nodata else none)
            wholes[p] = np.int16(np.int32(units[p] + before))
        for p in range(said.size):
            said[p] = (wholes[p] & marks[p]) | (said[p] & ~marks[p])
