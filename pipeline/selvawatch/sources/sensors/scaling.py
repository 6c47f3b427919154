"""Stored numbers become physical values."""

import functools

import numpy as np

from selvawatch.sources.sensors.sensor import Scaling


def physical(raw: np.ndarray, scaling: Scaling, nodata: float | None) -> np.ndarray:
    """float32 physical values of stored ones; NaN where there is no data.

    An offset of whole steps is taken off the stored number itself, so that two archives that keep the same
    ground with and without it give equal bits.
    """
    if raw.dtype in (np.uint8, np.uint16):
        return np.take(table_of(raw.dtype.itemsize, scaling, nodata), raw, mode="clip")
    values = raw.astype(np.float32)
    if scaling != (1.0, 0.0):
        values = _scaled(raw, scaling)
    if nodata is not None and not np.isnan(nodata):
        values[raw == nodata] = np.nan
    return values


def _scaled(raw: np.ndarray, scaling: Scaling) -> np.ndarray:
    scale, offset = scaling
    steps = round(offset / scale)
    if abs(steps * scale - offset) < 1e-9 * abs(scale):
        return ((raw.astype(np.float64) + steps) * scale).astype(np.float32)
    return (raw.astype(np.float64) * scale + offset).astype(np.float32)


@functools.lru_cache(maxsize=32)
def table_of(itemsize: int, scaling: Scaling, nodata: float | None) -> np.ndarray:
    """float32 physical value of every possible stored number."""
    table = _scaled(np.arange(1 << (8 * itemsize)), scaling)
    if nodata is not None and 0 <= nodata < table.size:
        table[int(nodata)] = np.nan
    table.flags.writeable = False
    return table
