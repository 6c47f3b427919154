"""Robust harmonic fit of a history, per pixel: mean, seasons, sigma, counts, and whether it held still."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import dask.array as da
import numpy as np
import xarray as xr

from selvawatch.core.days import day_numbers
from selvawatch.core.stack import check_stack
from selvawatch.detect.kernels import harmonic as kernels
from selvawatch.detect.model import Harmonic
from selvawatch.errors import StackError

YEAR = 365.25
"""Days of a year: period of the first harmonic."""

_PIECE = 4 * kernels.TILE


def angles(days: np.ndarray, harmonics: int) -> np.ndarray:
    """(days, 2 * harmonics + 1) float32: 1, then cos and sin of 1.. times each day's yearly angle."""
    phase = 2 * math.pi * np.asarray(days, np.float64)[:, None] / YEAR
    table = [np.ones_like(phase)]
    for order in range(1, harmonics + 1):
        table += [np.cos(order * phase), np.sin(order * phase)]
    return np.concatenate(table, axis=1).astype(np.float32)


def fit(stack: xr.DataArray, rule: Harmonic, *, workers: int = 1) -> xr.Dataset:
    """Baseline of one index: `terms` (term, y, x), `sigma`, `looks`, `kept`, `shift` (y, x).

    Lazy where the stack is. `terms` and `sigma` are int16 in the stack's stored units (term 0 the mean,
    then cos and sin of each harmonic of the yearly angle of days since 1970), sigma 0 where there was no
    fit; `looks` uint8 screened observations (at most 255); `kept` uint8 percent of observations that
    screening left; `shift` uint8 twentieths: reach of the walk of the kept residuals over sigma *
    sqrt(observations), the OLS- CUSUM statistic of Ploberger and Kraemer (1992), doi:10.2307/2951597.

    stack: (time, y, x) int16 with a `scale`. workers: threads over row blocks of a stack that is in memory;
    a lazy stack is cut by its own chunks.

    Raises
    ------
    StackError
        When the stack breaks the contract of `core.stack`, or is not int16.
    """
    check_stack(stack)
    if stack.dtype != np.int16:
        raise StackError(
            "a history is not int16", got=stack.dtype, needed="int16 with a scale", do="encode it first"
        )
    days = day_numbers(stack["time"].values)
    planes = rule.terms + kernels.EXTRA
    if stack.chunks is None:
        fitted = fit_block(stack.values, days, rule, workers)
    else:
        fitted = da.map_blocks(
            fit_block,
            stack.data,
            days,
            rule,
            1,
            dtype=np.int16,
            chunks=((planes,), *stack.chunks[1:]),
            meta=np.empty((0, 0, 0), np.int16),
        )
    coordinates = {name: stack.coords[name] for name in ("y", "x") if name in stack.coords}
    k = rule.terms
    return xr.Dataset(
        {
            "terms": ((f"term{k}", "y", "x"), fitted[:k]),
            "sigma": (("y", "x"), fitted[k]),
            "looks": (("y", "x"), fitted[k + 1].astype(np.uint8)),
            "kept": (("y", "x"), fitted[k + 2].astype(np.uint8)),
            "shift": (("y", "x"), fitted[k + 3].astype(np.uint8)),
        },
        coords=coordinates,
    )


def fit_block(block: np.ndarray, days: np.ndarray, rule: Harmonic, workers: int) -> np.ndarray:
    """(terms + EXTRA, rows, columns) int16 planes of a (time, rows, columns) int16 block. days: (time,)
    int64.
    """
    return fit_together([block], days, rule, workers)[0]


def fit_together(blocks: Sequence[np.ndarray], days: np.ndarray, rule: Harmonic, workers: int) -> np.ndarray:
    """(indices, terms + EXTRA, rows, columns) int16 planes of indices of the same dates, each as if alone.

    Where indices were seen on the same dates their first fits share one design and one factorisation. Each is
    screened by itself: cutting at two sigmas of every index would leave no more than 87 of 100 observations.

    blocks: one or several (time, rows, columns) int16 of one shape; days: (time,) int64.
    """
    dates, rows, columns = blocks[0].shape
    pixels, terms = rows * columns, rule.terms + kernels.EXTRA
    flat = [np.ascontiguousarray(block).reshape(dates, pixels) for block in blocks]
    trig, screens = angles(days, 2 * rule.harmonics), np.array(rule.screens, np.float32)
    out = np.empty((len(flat), terms, pixels), np.int16)

    def piece(start: int) -> None:
        stop = min(start + _PIECE, pixels)
        for first in range(0, len(flat), kernels.MOST_TOGETHER):
            some = flat[first : first + kernels.MOST_TOGETHER]
            part = np.empty((len(some), terms, stop - start), np.int16)
            kernels.fit(some, start, stop, trig, rule.ridge, screens, part)
            out[first : first + len(some), :, start:stop] = part

    with ThreadPoolExecutor(max(1, workers)) as pool:
        list(pool.map(piece, range(0, pixels, _PIECE)))
    return out.reshape(len(flat), terms, rows, columns)
