"""The one table of raster layers: name, type, nodata, unit and what each says."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One raster layer of a tile's state or product."""

    name: str
    dtype: str
    """numpy name of the stored type."""
    nodata: int
    """Stored value where there is nothing to say."""
    unit: str
    """`code`, `day` (days since 1970-01-01), `count`, or a physical unit."""
    description: str
    """English; with the name, the id of the layer's label in the catalogues of `write.language`."""

    def empty(self, shape: tuple[int, int]) -> np.ndarray:
        """A raster full of nodata. shape: rows and columns; of the layer's type."""
        return np.full(shape, self.nodata, self.dtype)


def _layer(name: str, dtype: str, nodata: int, unit: str, description: str) -> Layer:
    return Layer(name=name, dtype=dtype, nodata=nodata, unit=unit, description=description)


LAYERS: dict[str, Layer] = {
    layer.name: layer
    for layer in (
        _layer("status", "uint8", 255, "code", "Status of the pixel (core.status.Status)."),
        _layer("confidence", "uint8", 255, "code", "Confidence (core.status.Confidence)."),
        _layer("reason", "uint8", 255, "code", "Why the pixel is not monitored (core.status.Reason)."),
        _layer(
            "onset",
            "uint16",
            0,
            "day",
            "Day of the first observation of the run of evidence that raised the alert.",
        ),
        _layer("onset_earliest", "uint16", 0, "day", "Last clear observation before the onset."),
        _layer("onset_latest", "uint16", 0, "day", "First clear observation at or after the onset."),
        _layer(
            "detected_on",
            "uint16",
            0,
            "day",
            "Day of the first provisional status; kept through a withdrawal that lasted a short while only.",
        ),
        _layer("provisional_on", "uint16", 0, "day", "Day the pixel became provisional."),
        _layer("confirmed_on", "uint16", 0, "day", "Day the pixel was confirmed."),
        _layer("withdrawn_on", "uint16", 0, "day", "Day the pixel was withdrawn."),
        _layer("looks", "uint16", 0, "count", "Days with a usable observation since the onset."),
        _layer("looks_total", "uint16", 0, "count", "Days with a usable observation since monitoring began."),
        _layer("last_look", "uint16", 0, "day", "Last day with a usable observation."),
    )
}
"""Every raster layer by name. A tile's state is an xarray Dataset (y, x) of exactly these variables."""
