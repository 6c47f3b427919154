"""One reflectance space: Landsat and HLS bands are brought to that of Sentinel-2's MSI before indices are
taken.

Sources: MSI (Sentinel-2A) to OLI, Claverie et al. 2018, doi:10.1016/j.rse.2018.09.002, table 5 (inverted
here; its near-infrared is the narrow band 8A, and no adjustment is published for band 8 alone); ETM+ to OLI,
Roy et al. 2016, doi:10.1016/j.rse.2015.12.024, table 2, surface reflectance by ordinary least squares (TM is
taken as ETM+). Sentinel-2B and 2C are calibrated to 2A and left as they are.
"""

from collections.abc import Mapping, Sequence

import numpy as np

MSI_TO_OLI: Mapping[str, tuple[float, float]] = {
    "blue": (0.9778, -0.0040),
    "green": (1.0053, -0.0009),
    "red": (0.9765, 0.0009),
    "nir": (0.9983, -0.0001),
    "swir16": (0.9987, -0.0011),
    "swir22": (1.0030, -0.0012),
}
"""Slope and offset: OLI = slope * MSI + offset."""

ETM_TO_OLI: Mapping[str, tuple[float, float]] = {
    "blue": (0.8474, 0.0003),
    "green": (0.8483, 0.0088),
    "red": (0.9047, 0.0061),
    "nir": (0.8462, 0.0412),
    "swir16": (0.8937, 0.0254),
    "swir22": (0.9071, 0.0172),
}
"""Slope and offset: OLI = slope * ETM+ + offset."""


def adjustment(space: str, band: str) -> tuple[float, float]:
    """Slope and offset that bring a band from a space (`msi`, `oli`, `etm`) to MSI; (1, 0) where nothing is
    to be done.
    """
    if space not in ("msi", "oli", "etm", ""):
        raise ValueError(f"{space!r} is no reflectance space; known: msi, oli, etm")
    if space in ("msi", "") or band not in MSI_TO_OLI:
        return 1.0, 0.0
    slope, offset = MSI_TO_OLI[band]
    gain, shift = ETM_TO_OLI[band] if space == "etm" else (1.0, 0.0)
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
