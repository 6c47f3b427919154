"""What optical satellites receive through the sky, and Sentinel-2 L2A numbers with their scene classes."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from selvawatch.sources.simulate.landscape import Landscape, reflectance
from selvawatch.sources.simulate.noise import NoiseBank, generator
from selvawatch.sources.simulate.spectra import (
    BANDS,
    CLOUD,
    HAZE_ADDS,
    HAZE_HIDES,
    NOISE,
    SHADOW_HIDES,
)
from selvawatch.sources.simulate.weather import Sky, draw_sky


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one optical satellite receives at 10 m: reflectance, and the sky it looked through."""

    bands: np.ndarray
    """(band, size, size) float32 reflectance at the top of the canopy, as after atmospheric correction."""
    sky: Sky
    bright_flagged: np.ndarray
    """bool (size, size): bright ground that this look takes for cloud."""


def look(landscape: Landscape, bank: NoiseBank, day: int, sensor: str) -> Look:
    """One look of a sensor on a day."""
    plan, size = landscape.plan, landscape.size
    rng = generator(plan.seed, "look", sensor, day)
    west, south, east, north = landscape.tile.lonlat_bounds
    sky = draw_sky(plan, day, size, landscape.tile.grid.resolution, (south + north) / 2)
    bands = reflectance(landscape, day)
    shift = rng.normal(0, plan.sensors.misregistration_m / landscape.tile.grid.resolution, 2)
    for axis in (0, 1):
        kernel = _shift_kernel(float(np.clip(shift[axis], -0.8, 0.8)))
        ndimage.correlate1d(bands, kernel, axis=axis + 1, mode="nearest", output=bands)
    bright = bands[0] > 0.075
    gain = 1 + plan.sensors.scene_gain * rng.standard_normal()
    tilt = (1 + 0.012 * rng.standard_normal() * np.linspace(-1, 1, size)).astype(np.float32)
    textured = (0.92 + 0.05 * bank.draw(rng)).astype(np.float32)
    textured = ndimage.uniform_filter(textured, 5, mode="nearest") + np.float32(0.08)
    for band in range(len(BANDS)):
        received = bands[band]
        received *= np.float32(gain * (1 + 0.006 * rng.standard_normal())) * tilt
        received *= 1 - SHADOW_HIDES[band] * sky.shadow
        received *= 1 - HAZE_HIDES[band] * sky.haze
        received += HAZE_ADDS[band] * sky.haze
        received += sky.cloud * (CLOUD[band] * textured - received)
        received += np.float32(NOISE[band] * plan.sensors.noise) * bank.draw(rng) * (1 - 0.7 * sky.cloud)
    flagged = bright & (rng.random() < plan.weather.bright_flagged)
    return Look(bands=np.clip(bands, 0.0005, 1.6), sky=sky, bright_flagged=flagged)


def _shift_kernel(shift: float) -> np.ndarray:
    """Three weights that move an image by part of a pixel and blur it as a camera does (0.16 px^2)."""
    spread = 0.16 + shift**2
    return np.array([(spread - shift) / 2, 1 - spread, (spread + shift) / 2], np.float32)


def halve(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels of the last two axes."""
    return 0.25 * (
        values[..., ::2, ::2] + values[..., 1::2, ::2] + values[..., ::2, 1::2] + values[..., 1::2, 1::2]
    )


def sentinel2_assets(landscape: Landscape, seen: Look, bank: NoiseBank, day: int) -> dict[str, np.ndarray]:
    """Stored numbers by asset key: blue green red nir at 10 m; swir16 swir22 scl at 20 m."""
    step = landscape.plan.sensors.dn_step
    rng = generator(landscape.plan.seed, "sentinel-2 swir", day)
    assets: dict[str, np.ndarray] = {}
    half = halve(seen.bands)
    size = landscape.size // 2
    for band, name in enumerate(BANDS):
        values = seen.bands[band]
        if name.startswith("swir"):
            extra = NOISE[band] * landscape.plan.sensors.noise * math.sqrt(0.75)
            values = half[band] + np.float32(extra) * bank.draw(rng)[:size, :size] * (
                1 - 0.7 * halve(seen.sky.cloud)
            )
        numbers = np.rint(values * np.float32(10_000 / step)) * step + 1000
        assets[name] = np.clip(numbers, 1, 65_000).astype(np.uint16)
    assets["scl"] = _scene_classes(half, seen)
    return assets


def _scene_classes(half: np.ndarray, seen: Look) -> np.ndarray:
    blue, green, red, nir, swir16, _ = half
    with np.errstate(divide="ignore", invalid="ignore"):
        ndvi = (nir - red) / (nir + red)
    classes = np.full(blue.shape, 4, np.uint8)
    classes[ndvi < 0.45] = 5
    classes[(ndvi < 0.45) & (swir16 < 0.16) & (swir16 >= 0.07)] = 7
    classes[(nir < 0.13) & (swir16 < 0.07) & (green > 0.5 * nir)] = 6
    classes[(nir < 0.13) & (swir16 < 0.09) & (green <= 0.5 * nir)] = 2
    sky = seen.sky
    classes[_any(sky.flagged_thin)] = 10
    classes[_any(sky.flagged_shadow)] = 3
    cloudy = _any(sky.flagged_cloud)
    classes[cloudy] = 8
    classes[cloudy & (halve(sky.cloud) > 0.75)] = 9
    classes[_any(seen.bright_flagged)] = 8
    return classes


def _any(mask: np.ndarray) -> np.ndarray:
    return mask[::2, ::2] | mask[1::2, 1::2]
