"""Indices: what they are made of, how they are stored, and their formulas. float32 in, float32 out, NaN = not
defined.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from selvawatch.core.stack import DECIBEL_SCALE, UNIT_SCALE
from selvawatch.prepare.harmonise import lines_of, to_msi

_DB = np.float32(10 / np.log(10))


def normalised_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(first - second) / (first + second) in -1..1, float32 in the shape of both; NaN where the sum is not
    positive or a band is NaN.

    Atmospheric correction leaves slightly negative reflectances over dark water; they count as 0.
    """
    from selvawatch.prepare.pixel_kernels import difference  # slow to import: settings need none of it

    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(difference(np.asarray(first, np.float32), np.asarray(second, np.float32)))


def stored(physical: np.ndarray, scale: float, usable: np.ndarray) -> np.ndarray:
    """int16 of float32 physical values as `core.stack.encode` makes them, in their shape; `NODATA` where not
    finite, or not usable (bool of the same shape).
    """
    from selvawatch.prepare.pixel_kernels import store  # slow to import: settings need none of it

    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(store(physical, np.float32(scale), usable))


def stored_without_halo(
    index: "Index", bands: Mapping[str, np.ndarray], space: str, halo: int, usable: np.ndarray
) -> np.ndarray:
    """int16 (y, x) of an index of bands in a reflectance space that have a halo of pixels on each side.

    usable, (y, x) bool, becomes False where the index is not defined; where it is False, what is stored says
    nothing until `hide` has been called.
    """
    from selvawatch.prepare.pixel_kernels import store_difference  # slow to import: settings need none of it

    if index.formula is not normalised_difference:
        inner = {name: without_halo(bands[name], halo) for name in index.bands}
        physical = index.of(to_msi(inner, space))
        usable &= np.isfinite(physical)
        return stored(physical, index.scale, usable)
    out = np.empty(usable.shape, np.int16)
    first, second = (np.ascontiguousarray(bands[name], np.float32) for name in index.bands)
    lines = lines_of(space, index.bands)
    store_difference(first, second, lines, halo, np.float32(index.scale), usable, out)
    return out


def without_halo(values: np.ndarray, halo: int) -> np.ndarray:
    """The inner pixels of values (y, x)."""
    return values[halo:-halo, halo:-halo] if halo else values


def decibel(power: np.ndarray) -> np.ndarray:
    """Backscatter in dB of linear power of any shape; NaN where the power is NaN or not positive."""
    out = np.full(np.shape(power), np.nan, np.float32)
    np.log(power, out=out, where=np.greater(power, 0))
    out *= _DB
    return out


def reflectance(band: np.ndarray) -> np.ndarray:
    """A band's reflectance as it is, float32 in its shape."""
    return np.asarray(band, np.float32)


def linear(db: np.ndarray) -> np.ndarray:
    """Linear power of backscatter in dB, in its shape; NaN stays NaN."""
    return np.exp(np.asarray(db, np.float32) / _DB)


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index."""

    name: str
    bands: tuple[str, ...]
    """Bands it is made of, in the order its formula takes them."""
    formula: Callable[..., np.ndarray]
    scale: float
    """Scale of stored values."""
    radar: bool = False
    meaning: str = ""
    """What it says, in English."""

    @property
    def is_band(self) -> bool:
        """Whether it is an optical band as it is, so that a column of that name is a band."""
        return self.formula is reflectance

    def of(self, bands: Mapping[str, np.ndarray]) -> np.ndarray:
        """The index of bands (float32 physical values, any shape), float32, NaN where it is not defined."""
        return self.formula(*(bands[name] for name in self.bands))


def _unit(name: str, first: str, second: str, meaning: str) -> Index:
    return Index(
        name=name, bands=(first, second), formula=normalised_difference, scale=UNIT_SCALE, meaning=meaning
    )


def _backscatter(name: str, meaning: str) -> Index:
    return Index(name=name, bands=(name,), formula=decibel, scale=DECIBEL_SCALE, radar=True, meaning=meaning)


INDICES: dict[str, Index] = {
    index.name: index
    for index in (
        _unit("ndvi", "nir", "red", "Green vegetation."),
        _unit("nbr", "nir", "swir22", "Canopy water and structure against bare or burnt ground."),
        _unit("ndmi", "nir", "swir16", "Canopy water."),
        _unit("mndwi", "green", "swir16", "Open water, turbid ponds included."),
        Index(
            name="blue",
            bands=("blue",),
            formula=reflectance,
            scale=UNIT_SCALE,
            meaning="Blue reflectance; haze and smoke brighten it over forest.",
        ),
        _backscatter("vv", "Co-polarised backscatter, gamma0."),
        _backscatter("vh", "Cross-polarised backscatter, gamma0."),
    )
}
"""Every index by name; the order is that of bands in observation files."""
