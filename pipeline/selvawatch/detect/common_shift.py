"""What a neighbourhood shares on one day (smoke, haze, light, wet ground) is taken off an observation."""

from dataclasses import replace

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.kernels import shift as kernels
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift, Corner

_FEW = 0.1
"""Share of a block's forest below which its calm pixels are too few to speak for it."""

_GAUSS_QUARTILE = 0.6745
"""Upper quartile of a standard normal distribution."""


def without_common_shift(
    observation: Observation,
    model: Model,
    baselines: xr.Dataset,
    rule: CommonShift,
    corner: Corner | None = None,
    calm: np.ndarray | None = None,
) -> Observation:
    """The observation with each block's common shift taken off; of a stream that the model does not know, as
    it is.

    The shift of a block is what three quarters of its forest share: the upper quartile of residuals (observed
    - predicted), less what noise alone would give, where that is negative, or the lower one where that is
    positive. So a block may lose up to three quarters of its forest before the loss is taken for a shift, and
    `most` bounds even that. After the spatial normalisation of Hamunyela et al. (2016, Remote Sensing of
    Environment 172, 126-138); the quartiles and the bound are ours.

    corner: where the observation begins on the grid; None: at its anchor. calm: (y, x) bool, pixels that are
    measured; those that stand in a loss would pull the shift; None: all.

    baselines: (y, x) as `detect.baseline.fit_baselines` gives them.
    """
    if not model.knows(observation.stream):
        return observation
    values = dict(observation.values)
    stream = model.stream(observation.stream)
    for index in stream.indices:
        limit = rule.most.get(index.index, 0.0)
        if limit == 0 or index.index not in values:
            continue
        terms = baselines[name_of(stream.stream, index.index, "terms")].to_numpy()
        sigma = baselines[name_of(stream.stream, index.index, "sigma")].to_numpy()
        basis = _basis(observation.day, index.harmonic.harmonics)
        if calm is not None:
            sigma = np.where(measured(calm, sigma, rule, corner), sigma, 0)
        shift = block_shifts(values[index.index], terms, sigma, basis, rule, corner)
        shift = np.clip(shift, -limit / index.scale, limit / index.scale)
        values[index.index] = _subtracted(values[index.index], shift, rule, corner)
    return replace(observation, values=values)


def block_shifts(
    stored: np.ndarray,
    terms: np.ndarray,
    sigma: np.ndarray,
    basis: np.ndarray,
    rule: CommonShift,
    corner: Corner | None = None,
) -> np.ndarray:
    """Common shift of every block that an image meets, (rows, columns) of blocks, float32 in stored units; 0
    = unknown.

    stored: (y, x) int16. terms: (term, y, x), sigma: (y, x), in stored units; only sigma > 0 counts.

    basis: (term,) float32.
    """
    blocks, offsets, sampled = _sampled_blocks(stored.shape, rule, corner)
    seen = stored[sampled]
    noise = sigma[sampled].astype(np.float32)
    predicted = np.zeros(seen.shape, np.float32)
    for weight, term in zip(basis.astype(np.float32), terms, strict=True):
        predicted += weight * term[sampled]
    residual = np.where((seen != NODATA) & (noise > 0), seen - predicted, np.float32(np.nan))
    noise[np.isnan(residual)] = np.nan
    residual, noise = (_sorted_blocks(values, blocks, offsets, rule) for values in (residual, noise))
    count = np.isfinite(residual).sum(axis=-1)
    low, high = _quantile(residual, count, 0.25), _quantile(residual, count, 0.75)
    spread = _GAUSS_QUARTILE * _quantile(noise, count, 0.5)
    shift = np.minimum(0, high - spread) + np.maximum(0, low + spread)
    left_in = rule.noise / _GAUSS_QUARTILE * spread
    shift = np.sign(shift) * np.maximum(0, np.abs(shift) - np.nan_to_num(left_in))
    return np.where(count >= rule.minimum_px, shift, 0).astype(np.float32)


def measured(
    calm: np.ndarray, sigma: np.ndarray, rule: CommonShift, corner: Corner | None = None
) -> np.ndarray:
    """Pixels that a block is measured by, (y, x) bool: the calm ones, or all of a block with few of them.

    Without that, one bad day of a whole block would leave nothing to measure the next by.

    calm: (y, x) bool; sigma: (y, x), only sigma > 0 is forest.
    """
    _, _, sampled = _sampled_blocks(calm.shape, rule, corner)
    rows, columns = block_numbers(calm.shape, rule, corner)
    blocks = (int(rows[-1]) + 1, int(columns[-1]) + 1)
    at = rows[sampled[0]][:, None] * blocks[1] + columns[sampled[1]][None, :]
    forest = sigma[sampled] > 0
    size = blocks[0] * blocks[1]
    all_of_it = np.bincount(at[forest], minlength=size)
    quiet = np.bincount(at[forest & calm[sampled]], minlength=size)
    few = (quiet < np.maximum(rule.minimum_px, _FEW * all_of_it)).reshape(blocks)
    return np.asarray(calm | few[rows][:, columns]) if few.any() else calm


def forest_blue(
    stored: np.ndarray, sigma: np.ndarray, noise: float, rule: CommonShift, corner: Corner | None = None
) -> np.ndarray:
    """Blue above that of the forest of its block, (y, x) int16 in stored units; -32768 where the block shows
    too little forest, or nothing was seen.

    The forest's blue is the lower quartile of its pixels and what noise lies above it: haze and loss are
    brighter.

    stored: (y, x) int16; sigma: (y, x), only sigma > 0 is forest; noise: standard deviation, stored units.
    """
    blocks, offsets, sampled = _sampled_blocks(stored.shape, rule, corner)
    seen = stored[sampled]
    values = np.where((seen != NODATA) & (sigma[sampled] > 0), seen.astype(np.float32), np.float32(np.nan))
    ascending = _sorted_blocks(values, blocks, offsets, rule)
    count = np.isfinite(ascending).sum(axis=-1)
    level = _quantile(ascending, count, 0.25) + _GAUSS_QUARTILE * noise
    known = count >= rule.minimum_px
    rows, columns = block_numbers(stored.shape, rule, corner)
    shift = np.rint(np.where(known, level, 0)).astype(np.int32)
    out = np.empty(stored.shape, np.int16)
    kernels.subtract(np.ascontiguousarray(stored), shift, rows, columns, out)
    if not known.all():
        out[~known[rows][:, columns]] = NODATA
    return out


def _sampled_blocks(
    shape: tuple[int, ...], rule: CommonShift, corner: Corner | None
) -> tuple[tuple[int, int], tuple[int, ...], tuple[slice, slice]]:
    """How many blocks an image meets, which sample of its block the first is, and which pixels are
    sampled.
    """
    step = rule.step_px
    of_rows, of_columns = block_numbers(shape, rule, corner)
    begin = Corner(row=0, column=0) if corner is None else corner
    offsets = tuple(-(first % rule.block_px // -step) for first in (begin.row, begin.column))
    sampled = np.s_[-begin.row % step :: step, -begin.column % step :: step]
    return (int(of_rows[-1]) + 1, int(of_columns[-1]) + 1), offsets, sampled


def _sorted_blocks(
    sampled: np.ndarray, blocks: tuple[int, int], offsets: tuple[int, ...], rule: CommonShift
) -> np.ndarray:
    """Samples of each block in ascending order, (rows, columns, samples) float32, NaN last.

    places: which sample of its block the first row, and the first column, is.
    """
    side = rule.block_px // rule.step_px
    padded = np.full((blocks[0] * side, blocks[1] * side), np.nan, np.float32)
    rows, columns = (slice(first, first + size) for first, size in zip(offsets, sampled.shape, strict=True))
    padded[rows, columns] = sampled
    parted = padded.reshape(blocks[0], side, blocks[1], side).swapaxes(1, 2)
    return np.sort(parted.reshape(*blocks, side * side), axis=-1)


def _quantile(ascending: np.ndarray, count: np.ndarray, share: float) -> np.ndarray:
    """Quantile of the first `count` values along the last axis, linear between two, float64; NaN of none."""
    quantile_position = share * np.maximum(count - 1, 0)
    below = quantile_position.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    low, high = (
        np.take_along_axis(ascending, at[..., None], axis=-1)[..., 0].astype(np.float64)
        for at in (below, above)
    )
    return low + (high - low) * (quantile_position - below)


def block_numbers(
    shape: tuple[int, ...], rule: CommonShift, corner: Corner | None
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the blocks that an image meets each of its rows, and each of its columns, lies in.

    (y,) and (x,) int64, from 0. shape: (y, x).
    """
    begin = Corner(row=0, column=0) if corner is None else corner
    rows, columns = (
        (first + np.arange(size)) // rule.block_px - first // rule.block_px
        for first, size in zip((begin.row, begin.column), shape, strict=True)
    )
    return rows, columns


def _basis(day: int, harmonics: int) -> np.ndarray:
    return harmonic.angles(np.array([day]), harmonics)[0]


def _subtracted(
    stored: np.ndarray, shift: np.ndarray, rule: CommonShift, corner: Corner | None
) -> np.ndarray:
    padded = np.rint(shift).astype(np.int32)
    if not padded.any():
        return stored
    rows, columns = block_numbers(stored.shape, rule, corner)
    out = np.empty(stored.shape, np.int16)
    kernels.subtract(np.ascontiguousarray(stored), padded, rows, columns, out)
    return out
