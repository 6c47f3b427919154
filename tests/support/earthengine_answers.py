"""How Earth Engine writes values and pixels into an answer, and what it is too large for."""

import math
import operator
from functools import reduce
from typing import Any

import numpy as np

from earthengine_graph import Collection, Image, PixelGrid, RefusedError

MOST_LISTED = 5000


def described(value: Any) -> Any:
    """A value as the service writes it."""
    if isinstance(value, Collection):
        if len(value.images) > MOST_LISTED:
            raise RefusedError(
                400, f"Collection query aborted after accumulating over {MOST_LISTED} elements."
            )
        return {"type": "ImageCollection", "features": [described(image) for image in value.images]}
    if isinstance(value, list):
        return [described(one) for one in value]
    if isinstance(value, Image):
        return {
            "type": "Image",
            "id": value.id,
            "version": value.version,
            "bands": [
                {
                    "id": name,
                    "data_type": _pixel_type(band.dtype),
                    "crs": band.crs,
                    "crs_transform": list(band.transform),
                    **({"dimensions": list(band.size)} if band.size else {}),
                }
                for name, band in value.bands.items()
            ],
            "properties": dict(value.properties),
        }
    return value


def _pixel_type(dtype: np.dtype) -> dict[str, Any]:
    if dtype.kind == "f":
        return {"type": "PixelType", "precision": "float" if dtype.itemsize == 4 else "double"}
    limits = np.iinfo(dtype)
    return {"type": "PixelType", "precision": "int", "min": int(limits.min), "max": int(limits.max)}


def pixels(image: Image, grid: PixelGrid, most_bytes: int) -> np.ndarray:
    """A structured array of an image on a grid; masked pixels are 0, as the service writes them."""
    a_pixel = sum(band.dtype.itemsize + 1 for band in image.bands.values())
    size = reduce(operator.mul, (a_pixel, grid.width, grid.height))
    if size > most_bytes:
        raise RefusedError(
            400, f"Total request size ({size} bytes) must be less than or equal to {most_bytes} bytes."
        )
    if max(grid.width, grid.height) > 32768 or not math.isfinite(sum(tuple(grid.transform))):
        raise RefusedError(400, "Pixel grid dimensions must be less than or equal to 32768.")
    out = np.zeros((grid.height, grid.width), [(name, band.dtype) for name, band in image.bands.items()])
    for name, band in image.bands.items():
        got = band.read(grid)
        out[name] = np.where(got.seen, got.values, 0)
    return out
