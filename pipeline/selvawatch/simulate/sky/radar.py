"""Sentinel-1 RTC scenes: gamma0 in linear power with speckle."""

import numpy as np

from selvawatch.simulate.noise import NoiseBank, generator
from selvawatch.simulate.sky.weather import rain
from selvawatch.simulate.terrain.landscape import Landscape, backscatter

KEPT_BITS = 7
"""Bits of the mantissa that are stored: a step of 0.8 %, far below speckle, keeps the archive small."""


def sentinel1_assets(
    landscape: Landscape, bank: NoiseBank, day: int, level_db: float = 0.0
) -> dict[str, np.ndarray]:
    """float32 gamma0 by asset key, vv and vh; bank holds speckle of mean 1.

    level_db: what the geometry of the track adds.
    """
    rng = generator(landscape.plan.seed, "sentinel-1", day)
    wind = float(np.clip(rng.gamma(1.3) * 1.1, 0, 5))
    power = backscatter(landscape, day, rain(landscape.plan, day), wind)
    gain = 10 ** (0.012 * rng.standard_normal(2) + level_db / 10)
    return {
        name: _rounded(power[part] * np.float32(gain[part]) * bank.draw(rng, landscape.size))
        for part, name in enumerate(("vv", "vh"))
    }


def _rounded(values: np.ndarray) -> np.ndarray:
    bits = np.maximum(values, np.float32(1e-6)).view(np.uint32)
    drop = 23 - KEPT_BITS
    bits = (bits + np.uint32(1 << (drop - 1))) & np.uint32(0xFFFFFFFF ^ ((1 << drop) - 1))
    return bits.view(np.float32)
