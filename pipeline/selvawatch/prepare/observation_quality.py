"""What a pixel of an observation weighs as evidence: the hazier it is, the less.

The screening hides a pixel whose haze-optimised transform (hot = blue - slope * red, `prepare.mask`) lies
above a threshold; below it haze is thinner, not absent. What it then costs was measured on real forest
(models/screening.md). As in the screening, ground (red over blue) and water (dark in near infrared) are not
taken for haze: a fresh pit weighs all.
"""

from collections.abc import Mapping

import numpy as np

from selvawatch.core.observation import QUALITY
from selvawatch.core.stack import NODATA
from selvawatch.prepare.harmonise import lines_of
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.mask import Screening

_BANDS = ("blue", "red", "nir")


def scale_of(name: str) -> float:
    """Scale of a stored index, or of quality: percent, which fit an int8 in files whose bands share int16."""
    return 1.0 if name == QUALITY else INDICES[name].scale


def quality_of(
    bands: Mapping[str, np.ndarray], usable: np.ndarray, rule: Screening, space: str = "msi", halo: int = 0
) -> np.ndarray | None:
    """Quality of an image, (y, x) int16: 0-100, percent of full weight; `NODATA` where it is not usable. None
    where the rule makes none.

    bands: (y, x) float32 reflectance by name, with `halo` pixels more on each side. usable: (y, x) bool,
    without them. space: the reflectances' (`prepare.harmonise`).
    """
    from selvawatch.prepare.pixel_kernels import weigh  # slow to import: settings need none of it

    if rule.quality is None:
        return None
    numbers = np.array(
        [
            rule.hot_slope,
            rule.haze_red_to_blue,
            rule.haze_nir,
            rule.quality.full_hot,
            rule.quality.least_hot,
            rule.quality.least,
        ],
        np.float32,
    )
    blue, red, nir = (np.ascontiguousarray(bands[name], np.float32) for name in _BANDS)
    out = np.full(usable.shape, NODATA, np.int16)
    weigh(blue, red, nir, lines_of(space, _BANDS), numbers, halo, np.ascontiguousarray(usable), out)
    return out
