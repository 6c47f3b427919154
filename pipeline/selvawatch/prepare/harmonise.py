"""One reflectance space: bands of other instruments come to that of Sentinel-2's MSI before indices are
taken.

The lines between spaces, and where they come from, are in `sources.sensors.sensor_table.TO_OLI`.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from selvawatch.sources.sensors.sensor_table import TO_OLI


def adjustment(space: str, band: str) -> tuple[float, float]:
    """Slope and offset that bring a band from a space (`msi`, `oli`, `etm`) to MSI; (1, 0) where nothing is
    to be done.

    Raises
    ------
    ValueError
        For a space that is not in `TO_OLI`.
    """
    if space and space not in TO_OLI:
        raise ValueError(f"{space!r} is no reflectance space; known: {', '.join(TO_OLI)}")
    if space in ("msi", "") or band not in TO_OLI["msi"]:
        return 1.0, 0.0
    slope, offset = TO_OLI["msi"][band]
    gain, shift = TO_OLI[space].get(band, (1.0, 0.0))
    return gain / slope, (shift - offset) / slope


def lines_of(space: str, bands: Sequence[str]) -> np.ndarray:
    """(2 x bands,) float32: slope and offset of `adjustment` for each band, by turns."""
    return np.array([adjustment(space, band) for band in bands], np.float32).reshape(-1)


def to_msi(bands: Mapping[str, np.ndarray], space: str) -> dict[str, np.ndarray]:
    """Bands in MSI's space, float32; bands of other kinds and NaN pass through unchanged. bands: reflectance
    0-1, of any one shape.
    """
    adjusted = {}
    for name, values in bands.items():
        slope, offset = adjustment(space, name)
        same = (slope, offset) == (1.0, 0.0)
        adjusted[name] = values if same else values * np.float32(slope) + np.float32(offset)
    return adjusted
