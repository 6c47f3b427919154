"""What optical satellites receive through the sky, and Sentinel-2 L2A numbers with their scene classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from selvawatch.simulate.noise import NoiseBank, enlarge, generator, strips
from selvawatch.simulate.sky.weather import Sky, draw_sky
from selvawatch.simulate.spectra import BANDS, CLOUD, HAZE_ADDS, HAZE_HIDES, NOISE, SHADOW_HIDES
from selvawatch.simulate.terrain.landscape import Landscape, reflectance

BRIGHT_BLUE = 0.075
"""Ground brighter than this in blue may be taken for cloud."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkyView:
    """One observation of one optical satellite: the ground, the sky between, and what is peculiar to this
    observation.
    """

    surface: np.ndarray
    """(band, size, size) float32 reflectance at 10 m, without sky or noise."""
    sky: Sky
    shift_px: tuple[float, float]
    """Misregistration along rows and columns, pixels of 10 m."""
    gains: np.ndarray
    """(band,) float32 factor of this observation's brightness."""
    tilt: float
    """Relative change of brightness from the middle to the eastern edge."""
    bright_flagged: bool
    """Whether this observation's quality mask takes bright ground for cloud."""


def observe(landscape: Landscape, day: int, sensor: str) -> SkyView:
    """One observation of a sensor on a day."""
    plan = landscape.plan
    rng = generator(plan.seed, "look", sensor, day)
    _, south, _, north = landscape.tile.lonlat_bounds
    shift = np.clip(
        rng.normal(0, plan.sensors.misregistration_m / landscape.tile.grid.resolution, 2), -0.8, 0.8
    )
    common = 1 + plan.sensors.scene_gain * rng.standard_normal()
    return SkyView(
        surface=reflectance(landscape, day),
        sky=draw_sky(plan, day, landscape.size // 2, (south + north) / 2),
        shift_px=(float(shift[0]), float(shift[1])),
        gains=(common * (1 + 0.006 * rng.standard_normal(len(BANDS)))).astype(np.float32),
        tilt=float(0.012 * rng.standard_normal()),
        bright_flagged=bool(rng.random() < plan.weather.bright_flagged),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """The sky of an observation on the grid of one band."""

    cloud: np.ndarray
    shadow: np.ndarray
    haze: np.ndarray
    brightness: np.ndarray

    @classmethod
    def of(cls, layers: Sequence[np.ndarray]) -> "Air":
        """From cloud, shadow, haze and brightness."""
        cloud, shadow, haze, brightness = layers
        return cls(cloud=cloud, shadow=shadow, haze=haze, brightness=brightness)


def receive(
    seen: SkyView, band: int, surface: np.ndarray, air: Air, noise: np.ndarray, *, sigma: float, pixel: float
) -> np.ndarray:
    """Reflectance as an atmospheric correction leaves it, on the grid of `ground`.

    noise: standard normal; sigma: its standard deviation, reflectance; pixel: pixel size, in units of 10 m.
    """
    received = surface
    for axis in (0, 1):
        kernel = _shift_kernel(seen.shift_px[axis] / pixel)
        received = ndimage.correlate1d(received, kernel, axis=axis, mode="nearest")
    across = seen.gains[band] * (
        1 + np.float32(seen.tilt) * np.linspace(-1, 1, surface.shape[1], dtype=np.float32)
    )
    for rows in strips(len(surface)):
        part, haze, cloud = received[rows], air.haze[rows], air.cloud[rows]
        part *= across
        part *= 1 - SHADOW_HIDES[band] * air.shadow[rows]
        part *= 1 - HAZE_HIDES[band] * haze
        part += HAZE_ADDS[band] * haze
        part += cloud * (CLOUD[band] * air.brightness[rows] - part)
        part += sigma * noise[rows] * (1 - np.float32(0.7) * cloud)
        np.clip(part, 0.0005, 1.6, out=part)
    return received


def _shift_kernel(shift: float) -> np.ndarray:
    """Three weights that move an image by part of a pixel and blur it as a camera does (0.16 px^2)."""
    spread = 0.16 + shift**2
    return np.array([(spread - shift) / 2, 1 - spread, (spread + shift) / 2], np.float32)


def halve(values: np.ndarray) -> np.ndarray:
    """Means of 2 x 2 pixels of the last two axes."""
    return np.float32(0.25) * (
        values[..., ::2, ::2] + values[..., 1::2, ::2] + values[..., ::2, 1::2] + values[..., 1::2, 1::2]
    )


def sentinel2_assets(landscape: Landscape, seen: SkyView, bank: NoiseBank, day: int) -> dict[str, np.ndarray]:
    """Stored numbers by asset key: blue green red nir at 10 m; swir16 swir22 scl at 20 m."""
    size, step = landscape.size, landscape.plan.sensors.dn_step
    rng = generator(landscape.plan.seed, "sentinel-2 noise", day)
    coarse = Air.of((seen.sky.cloud, seen.sky.shadow, seen.sky.haze, seen.sky.brightness))
    fine = Air.of(
        [_doubled(layer, size) for layer in (coarse.cloud, coarse.shadow, coarse.haze, coarse.brightness)]
    )
    assets: dict[str, np.ndarray] = {}
    halves: list[np.ndarray] = []
    for band, name in enumerate(BANDS):
        sigma = float(NOISE[band] * landscape.plan.sensors.noise)
        if name.startswith("swir"):
            surface, noise = halve(seen.surface[band]), bank.draw(rng, size // 2)
            values = receive(seen, band, surface, coarse, noise, sigma=sigma, pixel=2)
            halves.append(values)
        else:
            surface, noise = seen.surface[band], bank.draw(rng, size)
            values = receive(seen, band, surface, fine, noise, sigma=sigma, pixel=1)
            halves.append(halve(values))
        assets[name] = _numbers(values, step)
    bright = halve(seen.surface[0]) > BRIGHT_BLUE
    assets["scl"] = _scene_classes(halves, seen.sky, bright & seen.bright_flagged)
    return assets


def _numbers(values: np.ndarray, step: int) -> np.ndarray:
    """Stored Sentinel-2 numbers, multiples of `step`, of reflectance above 0."""
    numbers = np.empty(values.shape, np.uint16)
    for rows in strips(len(values)):
        np.rint(values[rows] * np.float32(10_000 / step), out=numbers[rows], casting="unsafe")
    numbers *= np.uint16(step)
    numbers += np.uint16(1000)
    return numbers


def _doubled(values: np.ndarray, size: int) -> np.ndarray:
    return enlarge(np.pad(values, (0, 1), "edge"), size, 2)


def _scene_classes(halves: Sequence[np.ndarray], sky: Sky, mistaken_for_cloud: np.ndarray) -> np.ndarray:
    """Scene classification (SCL codes) as Sen2Cor would give it, faults included."""
    _, green, red, nir, swir16, _ = halves
    ndvi = (nir - red) / (nir + red)
    classes = np.full(red.shape, 4, np.uint8)
    classes[ndvi < 0.45] = 5
    classes[(ndvi < 0.45) & (swir16 < 0.16) & (swir16 >= 0.07)] = 7
    classes[(nir < 0.13) & (swir16 < 0.07) & (green > 0.5 * nir)] = 6
    classes[(nir < 0.13) & (swir16 < 0.09) & (green <= 0.5 * nir)] = 2
    classes[sky.flagged_thin] = 10
    classes[sky.flagged_shadow] = 3
    classes[sky.flagged_cloud] = 8
    classes[sky.flagged_cloud & (sky.cloud > 0.75)] = 9
    classes[mistaken_for_cloud] = 8
    return classes
