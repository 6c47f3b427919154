"""The pipeline's own screening after the archives' quality layers: haze, clouds and their edges, shadows.

It works from bands alone, so that clouds the archive missed, or an archive without quality layers, do not
pass. Turbid ponds and bright sand must survive: haze lifts blue over red, sand and turbid water do not. Haze
is seen by the haze-optimised transform (Zhang et al. 2002, doi:10.1016/S0034-4257(02)00034-2; as used by
Fmask, Zhu & Woodcock 2012, doi:10.1016/j.rse.2011.10.028), shadow by a dark near-infrared over ground that is
not water. Numbers: models/screening.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from selvawatch.prepare.harmonise import lines_of

SCREENED_BANDS = ("blue", "green", "red", "nir", "swir16")
"""Bands that the screening looks at."""


LOWEST_REFLECTANCE = -0.05
"""Value of a rule that states none: below what atmospheric correction leaves of dark water and shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRule:
    """What pixels that the screening leaves weigh: the less the hazier they are."""

    full_hot: float
    """Hot up to which a pixel has full weight, reflectance."""
    least_hot: float
    """Hot from which it has the least, reflectance; straight between."""
    least: float
    """The least weight, 0-1."""

    def __post_init__(self) -> None:
        """Refuse a weight that does not fall."""
        if not self.full_hot < self.least_hot:
            raise ValueError(f"full_hot is {self.full_hot}, need less than least_hot, {self.least_hot}")
        if not 0 <= self.least <= 1:
            raise ValueError(f"least is {self.least}, need 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """Thresholds of the screening. Reflectances are 0-1 in Sentinel-2's space."""

    hot_slope: float
    """Slope of the haze-optimised transform: hot = blue - hot_slope * red."""
    haze_hot: float
    """Hot above this is haze or cloud, reflectance."""
    haze_red_to_blue: float
    """Red / blue above this is ground (sand, soil, laterite), not haze."""
    haze_nir: float
    """Near-infrared below this is water, which haze is not looked for over, reflectance."""
    bright_red: float
    """Red above this is bright; ground so bright is sand, whose short-wave infrared is high, reflectance."""
    bright_nir: float
    """Near-infrared above this, with such a red, is bright ground or cloud, reflectance."""
    bright_swir16_to_nir: float
    """Short-wave infrared / near-infrared below this on such a pixel is cloud (cloud edges, where bands are
    apart, too).
    """
    shadow_nir: float
    """Near-infrared below this may be shadow, reflectance."""
    shadow_swir16: float
    """Short-wave infrared (1.6 um) below this may be shadow, reflectance."""
    shadow_mndwi: float
    """MNDWI above this is water, not shadow."""
    cloud_grow_m: float
    """How far a patch of cloud is grown, metres."""
    shadow_grow_m: float
    """How far a patch of shadow is grown, metres."""
    patch_m: float
    """Side of the square in which cloud or shadow is counted as a patch, metres; smaller things are not
    grown.
    """
    patch_share: float
    """Share of that square that makes it a patch, 0-1."""
    lowest_reflectance: float = LOWEST_REFLECTANCE
    """Below it a band holds no reflectance of land or water, and the pixel is not seen."""
    quality: QualityRule | None = None
    """What the pixels that are left weigh; None: observations are made without quality."""

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be thresholds."""
        if not self.lowest_reflectance <= 0:
            raise ValueError(f"lowest_reflectance is {self.lowest_reflectance}, need 0 or less")
        if not 0 < self.patch_share <= 1:
            raise ValueError(f"patch_share is {self.patch_share}, need 0 < patch_share <= 1")
        for name in ("cloud_grow_m", "shadow_grow_m", "patch_m", "haze_hot", "shadow_nir"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}, need 0 or more")

    def halo_px(self, resolution: float) -> int:
        """Pixels around a tile that its mask depends on."""
        return _pixels(max(self.cloud_grow_m, self.shadow_grow_m), resolution) + _pixels(
            self.patch_m / 2, resolution
        )


def flags(bands: Mapping[str, np.ndarray], rule: Screening, space: str = "msi") -> np.ndarray:
    """uint8 `UNSEEN`, `CLEAR`, `HAZE` or `SHADOW` (`prepare.pixel_kernels`) of float32 reflectances of any
    equal shape.

    space: the reflectances' (`prepare.harmonise`); they are brought to Sentinel-2's on the way. A pixel of
    which any band given, screened or not, is below `lowest_reflectance` is unseen: at edges of scenes and
    detectors archives store 1 for single bands.
    """
    from selvawatch.prepare.pixel_kernels import flag  # slow to import: settings need none of it

    thresholds = (
        rule.hot_slope,
        rule.haze_hot,
        rule.haze_red_to_blue,
        rule.haze_nir,
        rule.bright_red,
        rule.bright_nir,
        rule.bright_swir16_to_nir,
        rule.shadow_nir,
        rule.shadow_swir16,
        rule.shadow_mndwi,
    )
    blue, green, red, nir, swir16 = (
        np.ascontiguousarray(bands[name], np.float32).reshape(-1) for name in SCREENED_BANDS
    )
    lost = np.zeros(blue.size, bool)
    for values in bands.values():
        lost |= np.asarray(values).reshape(-1) < np.float32(rule.lowest_reflectance)
    if lost.any():
        blue = np.where(lost, np.float32(np.nan), blue)
    out = np.empty(np.shape(bands[SCREENED_BANDS[0]]), np.uint8)
    lines = lines_of(space, SCREENED_BANDS)
    flag(blue, green, red, nir, swir16, lines, np.array(thresholds, np.float32), out.reshape(-1))
    return out


def screen(bands: Mapping[str, np.ndarray], rule: Screening) -> np.ndarray:
    """True where a pixel is usable by its own bands: observed in all of `SCREENED_BANDS`, no haze, no shadow.

    bands: reflectances (float32, Sentinel-2's space) of any equal shape, (time, pixel) series included;
    nothing is grown.
    """
    from selvawatch.prepare.pixel_kernels import CLEAR  # slow to import: settings need none of it

    return flags(bands, rule) == CLEAR


def clear_pixels(
    bands: Mapping[str, np.ndarray],
    quality: np.ndarray | None,
    rule: Screening,
    resolution: float,
    space: str = "msi",
) -> np.ndarray:
    """True where a (y, x) image is usable: by the archive's quality layer (None: it has none) and by
    `screen`.

    Patches that the screening sees are grown, haze and cloud by `cloud_grow_m`, shadow by `shadow_grow_m`.
    What only the archive marks is not: its layers carry margins of their own where they need them, and where
    they take bright ground for cloud a margin would hide the mine around it. resolution: metres of a pixel;
    space: as in `flags`.

    bands: (y, x) float32 reflectance by name, NaN = no data.
    """
    from selvawatch.prepare import pixel_kernels as kernels  # slow to import: settings need none of it

    flagged = flags(bands, rule, space)
    clear = flagged == kernels.CLEAR
    half = _pixels(rule.patch_m / 2, resolution)
    needed = rule.patch_share * (2 * half + 1) ** 2
    patches = np.empty_like(flagged)
    for kind, reach in ((kernels.HAZE, rule.cloud_grow_m), (kernels.SHADOW, rule.shadow_grow_m)):
        if reach and (flagged == kind).any():
            kernels.mark_patches(flagged, kind, half, needed, patches)
            kernels.clear_around(patches, _pixels(reach, resolution), clear)
    return clear if quality is None else clear & quality


def _pixels(metres: float, resolution: float) -> int:
    """Whole pixels that a length touches."""
    return int(np.ceil(metres / resolution - 1e-9))
