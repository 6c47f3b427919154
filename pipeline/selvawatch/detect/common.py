"""What a whole neighbourhood shares on one day (smoke, haze, light, wet ground) is taken off a look."""

from dataclasses import replace

import numpy as np
import xarray as xr

from selvawatch.core.look import Look
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import Model
from selvawatch.detect.shift import CommonShift

_GAUSS_QUARTILE = 0.6745
"""Upper quartile of a standard normal distribution."""


def without_common_shift(look: Look, model: Model, baselines: xr.Dataset, rule: CommonShift) -> Look:
    """The look with each block's common shift taken off; of a stream that the model does not know, as it is.

    The shift of a block is what three quarters of its forest share: the upper quartile of residuals
    (observed - predicted), less what noise alone would give, where that is negative, or the lower one where
    that is positive. So a block may lose up to three quarters of its forest before the loss is taken for
    a shift, and `most` bounds even that. After the spatial normalisation of Hamunyela et al. (2016, Remote
    Sensing of Environment 172, 126-138); the quartiles and the bound are ours.
    """
    if not model.knows(look.stream):
        return look
    values = dict(look.values)
    for index in model.stream(look.stream).indices:
        limit = rule.most.get(index.index, 0.0)
        if limit == 0 or index.index not in values:
            continue
        terms = baselines[name_of(look.stream, index.index, "terms")].to_numpy()
        sigma = baselines[name_of(look.stream, index.index, "sigma")].to_numpy()
        shift = block_shifts(
            values[index.index], terms, sigma, _basis(look.day, index.harmonic.harmonics), rule
        )
        shift = np.clip(shift, -limit / index.scale, limit / index.scale)
        values[index.index] = _taken_off(values[index.index], shift, rule.block_px)
    return replace(look, values=values)


def block_shifts(
    stored: np.ndarray, terms: np.ndarray, sigma: np.ndarray, basis: np.ndarray, rule: CommonShift
) -> np.ndarray:
    """Common shift of every block, (rows, columns) of blocks, float32 in stored units; 0 = unknown.

    stored: (y, x) int16. terms: (term, y, x), sigma: (y, x), in stored units; only sigma > 0 counts.
    """
    step, block = rule.step_px, rule.block_px
    seen = stored[::step, ::step]
    noise = sigma[::step, ::step].astype(np.float32)
    predicted = np.tensordot(basis.astype(np.float32), terms[:, ::step, ::step].astype(np.float32), axes=1)
    residual = np.where((seen != NODATA) & (noise > 0), seen - predicted, np.float32(np.nan))
    rows, columns = (-(-size // block) for size in stored.shape)
    shift = np.zeros((rows, columns), np.float32)
    row_of, column_of = (np.arange(0, size, step) // block for size in stored.shape)
    for row in range(rows):
        in_row, noise_row = residual[row_of == row], noise[row_of == row]
        for column in range(columns):
            part = in_row[:, column_of == column]
            known = np.isfinite(part)
            if known.sum() < rule.minimum_px:
                continue
            low, high = np.quantile(part[known], (0.25, 0.75))
            spread = _GAUSS_QUARTILE * np.median(noise_row[:, column_of == column][known])
            shift[row, column] = min(0.0, high - spread) + max(0.0, low + spread)
    return shift


def _basis(day: int, harmonics: int) -> np.ndarray:
    return harmonic.angles(np.array([day]), harmonics)[0]


def _taken_off(stored: np.ndarray, shift: np.ndarray, block: int) -> np.ndarray:
    whole = np.rint(shift).astype(np.int32)
    if not whole.any():
        return stored
    rows, columns = stored.shape
    spread = np.repeat(np.repeat(whole, block, axis=0)[:rows], block, axis=1)[:, :columns]
    moved = np.clip(stored.astype(np.int32) - spread, -32767, 32767).astype(np.int16)
    return np.where(stored == NODATA, NODATA, moved)
