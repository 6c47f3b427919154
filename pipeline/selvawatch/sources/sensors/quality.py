"""What the archives' own quality layers say: True = usable. Turbid ponds and bright sand are kept."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityThresholds:
    """Numbers that a site may set for quality layers that are scores, not codes."""

    cloud_score: float
    """Cloud Score+ (cs_cdf, 0-1) from which on a pixel is clear."""

    def __post_init__(self) -> None:
        """Refuse a score that cannot be one."""
        if not 0 <= self.cloud_score <= 1:
            raise ValueError(f"cloud_score is {self.cloud_score}, need 0 to 1")


Clear = Callable[[Mapping[str, np.ndarray], QualityThresholds], np.ndarray]
"""Bool (y, x): usable pixels, from quality layers by name, all (y, x) in the archive's own codes."""


def classes_clear(layer: str, classes: Collection[int]) -> Clear:
    """Usable where a uint8 layer of classes holds one of some."""
    table = np.isin(np.arange(256), list(classes))

    def clear(quality: Mapping[str, np.ndarray], thresholds: QualityThresholds) -> np.ndarray:  # noqa: ARG001
        return np.asarray(np.take(table, quality[layer]))

    return clear


def bits_clear(layer: str, unclear: int, fill: int | None = None) -> Clear:
    """Usable where a layer of bits has none of some set, and is not its fill."""

    def clear(quality: Mapping[str, np.ndarray], thresholds: QualityThresholds) -> np.ndarray:  # noqa: ARG001
        usable = (quality[layer] & unclear) == 0
        if fill is not None:
            usable &= quality[layer] != fill
        return np.asarray(usable)

    return clear


_scl = classes_clear("scl", (2, 4, 5, 6, 7))
_qa_pixel = bits_clear("qa_pixel", 0b111111)


def scl_clear(quality: Mapping[str, np.ndarray], thresholds: QualityThresholds) -> np.ndarray:
    """True where Sen2Cor's scene classification (`scl`) is usable and Cloud Score+, where given, agrees.

    Classes 2 (dark), 4 (vegetation), 5 (bare), 6 (water) and 7 (unclassified) are kept: turbid mine ponds
    fall in 2, 6 and 7. No data, saturated, cloud shadow, clouds, cirrus and snow are not. A `cloud_score`
    (cs_cdf, 0-1; below 0: none) from the threshold on is clear.
    """
    clear = _scl(quality, thresholds)
    if "cloud_score" in quality:
        score = quality["cloud_score"]
        clear &= (score < 0) | (score >= thresholds.cloud_score)
    return clear


def qa_pixel_clear(quality: Mapping[str, np.ndarray], thresholds: QualityThresholds) -> np.ndarray:
    """True where Landsat Collection 2 `qa_pixel` is usable and `qa_radsat`, where given, says nothing is
    saturated.

    Fill, dilated cloud, cirrus, cloud, cloud shadow and snow (bits 0-5) are not usable; water (bit 7) is.
    """
    clear = _qa_pixel(quality, thresholds)
    if "qa_radsat" in quality:
        clear &= quality["qa_radsat"] == 0
    return clear


def rtc_mask_clear(quality: Mapping[str, np.ndarray], thresholds: QualityThresholds) -> np.ndarray:  # noqa: ARG001
    """True where the `mask` of OPERA RTC-S1 says neither shadow (1), layover (2), both (3) nor invalid (255).

    Codes: https://developers.google.com/earth-engine/datasets/catalog/OPERA_RTC_L2_V1_S1
    """
    return np.asarray(quality["mask"] == 0)


fmask_clear = bits_clear("fmask", 0b011110, fill=255)
"""True where the HLS `fmask` is usable: no cloud, its edge, shadow or snow (bits 1-4), no fill."""
