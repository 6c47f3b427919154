"""Processes of charts: Datasets that a kernel moves without changing the one given."""

from collections.abc import Callable

import numpy as np
import xarray as xr


def blank(like: xr.DataArray, **parts: type) -> xr.Dataset:
    """A Dataset (y, x) of zeros: the parts named, and `alarm` (uint16). like: any (y, x) array."""
    shape = (like.sizes["y"], like.sizes["x"])
    types = {**parts, "alarm": np.uint16}
    return xr.Dataset({name: (("y", "x"), np.zeros(shape, dtype)) for name, dtype in types.items()})


def moved(
    process: xr.Dataset, residual: xr.DataArray, step: Callable[[np.ndarray, dict[str, np.ndarray]], None]
) -> xr.Dataset:
    """A new process: copies of all parts, moved by `step`, which gets residuals and parts by pixel.

    What is not finite was not seen.

    process: parts (y, x), or (slot, y, x). residual: (y, x), taken as float32.
    """
    parts = {str(name): process[name].to_numpy().copy() for name in process}
    pixels = residual.size
    flat = {name: part.reshape(*part.shape[:-2], pixels) for name, part in parts.items()}
    values = np.asarray(residual.to_numpy(), np.float32)
    step(np.where(np.isfinite(values), values, np.float32(np.nan)).reshape(pixels), flat)
    return xr.Dataset({name: (process[name].dims, part) for name, part in parts.items()})
