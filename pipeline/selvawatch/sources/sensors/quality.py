"""What the archives' own quality layers say: True = usable. Turbid ponds and bright sand are kept."""

from collections.abc import Mapping

import numpy as np

_SCL_CLEAR = np.isin(np.arange(256), (2, 4, 5, 6, 7))
_CLOUD_SCORE_CLEAR = 0.60
_QA_PIXEL_UNCLEAR = 0b111111
_FMASK_UNCLEAR = 0b011110
_FMASK_FILL = 255


def scl_clear(quality: Mapping[str, np.ndarray]) -> np.ndarray:
    """True where Sen2Cor's scene classification (`scl`) is usable and Cloud Score+, where given, agrees.

    Classes 2 (dark), 4 (vegetation), 5 (bare), 6 (water) and 7 (unclassified) are kept: turbid mine ponds
    fall in 2, 6 and 7. No data, saturated, cloud shadow, clouds, cirrus and snow are not. A `cloud_score`
    (cs_cdf, 0-1; below 0: none) from 0.60 on is clear: Pasquarella et al., CVPR Workshops 2023.
    """
    clear = np.take(_SCL_CLEAR, quality["scl"])
    if "cloud_score" in quality:
        score = quality["cloud_score"]
        clear &= (score < 0) | (score >= _CLOUD_SCORE_CLEAR)
    return np.asarray(clear)


def qa_pixel_clear(quality: Mapping[str, np.ndarray]) -> np.ndarray:
    """True where Landsat Collection 2 `qa_pixel` is usable and `qa_radsat`, where given, says nothing is
    saturated.

    Fill, dilated cloud, cirrus, cloud, cloud shadow and snow (bits 0-5) are not usable; water (bit 7) is.
    """
    clear = (quality["qa_pixel"] & _QA_PIXEL_UNCLEAR) == 0
    if "qa_radsat" in quality:
        clear &= quality["qa_radsat"] == 0
    return np.asarray(clear)


def fmask_clear(quality: Mapping[str, np.ndarray]) -> np.ndarray:
    """True where the HLS `fmask` is usable: no cloud, its edge, shadow or snow (bits 1-4), no fill."""
    fmask = quality["fmask"]
    return np.asarray(((fmask & _FMASK_UNCLEAR) == 0) & (fmask != _FMASK_FILL))
