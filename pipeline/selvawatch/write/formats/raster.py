"""Rasters people receive: one COG a layer, coloured by the one legend, provenance in its tags."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from affine import Affine
from rasterio.io import MemoryFile

from selvawatch.core.files import write_checked
from selvawatch.core.raster_layers import LAYERS, Layer
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import layer_label, swatch_label
from selvawatch.write.legend import LEGENDS, colour_table

PRODUCT_LAYERS = ("status", "onset", "confirmed_on", "confidence", "reason")
"""Layers of a tile's state that go out, in order."""


def write_layer(
    path: Path, values: np.ndarray, layer: Layer, transform: Affine, crs: str, provenance: Mapping[str, str]
) -> Path:
    """Write one layer as a COG and return its path; equal inputs give equal bytes.

    values: (y, x) of the layer's type, unit and nodata, north up. Coded layers get the legend's colours and
    labels.

    Raises
    ------
    ValueError
        For values of another type or shape.
    """
    if values.dtype != np.dtype(layer.dtype) or values.ndim != 2:
        raise ValueError(
            f"layer {layer.name} is {values.dtype} {values.shape}, needs {layer.dtype} with two dimensions"
        )
    profile = {
        "driver": "GTiff",
        "height": values.shape[0],
        "width": values.shape[1],
        "count": 1,
        "dtype": layer.dtype,
        "nodata": layer.nodata,
        "crs": crs,
        "transform": transform,
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as raster:
            raster.write(values, 1)
            raster.set_band_description(1, layer.name)
            raster.update_tags(**_tags(layer, provenance))
            if layer.name in LEGENDS:
                raster.write_colormap(1, colour_table(layer.name))
        with memory.open() as raster, MemoryFile() as cloud_optimised:
            rasterio.shutil.copy(
                raster,
                cloud_optimised.name,
                driver="COG",
                COMPRESS="DEFLATE",
                LEVEL=9,
                PREDICTOR="NO",
                BLOCKSIZE=512,
                OVERVIEW_RESAMPLING="MODE" if layer.unit == "code" else "NEAREST",
                NUM_THREADS=1,
            )
            return write_checked(path, cloud_optimised.read())


def write_layers(
    folder: Path,
    stem: str,
    state: xr.Dataset,
    transform: Affine,
    crs: str,
    provenance: Mapping[str, str],
    names: tuple[str, ...] = PRODUCT_LAYERS,
) -> dict[str, Path]:
    """Write layers of a tile's state as `folder/stem-<layer>.tif`; paths by layer name, in order."""
    return {
        name: write_layer(
            folder / f"{stem}-{name}.tif",
            np.ascontiguousarray(state[name].values),
            LAYERS[name],
            transform,
            crs,
            provenance,
        )
        for name in names
    }


def _tags(layer: Layer, provenance: Mapping[str, str]) -> dict[str, str]:
    spanish = language("es")
    tags = {
        "description": layer.description,
        "descripcion": layer_label(spanish, layer),
        "unit": "days since 1970-01-01" if layer.unit == "day" else layer.unit,
    }
    for swatch in LEGENDS.get(layer.name, ()):
        tags[f"code_{swatch.code:03d}"] = f"{swatch.label} | {swatch_label(spanish, swatch)}"
    tags |= {f"selvawatch_{key}": value for key, value in provenance.items()}
    return dict(sorted(tags.items()))
