"""The sky over the tile on a day: clouds and their shadows, haze, and what a quality mask makes of them."""

import math
from dataclasses import dataclass

import numpy as np

from selvawatch.sources.simulate.climate import smokiness, sun, wetness
from selvawatch.sources.simulate.noise import generator, smooth_field
from selvawatch.sources.simulate.plan import SimulationPlan, WeatherPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Light between ground and satellite, and the mask's view of it; (size, size) each."""

    cloud: np.ndarray
    """float32 opacity of white cloud, 0 to 1."""
    shadow: np.ndarray
    """float32 depth of cloud shadow, 0 to 1."""
    haze: np.ndarray
    """float32 opacity of haze and smoke, 0 to 1."""
    flagged_cloud: np.ndarray
    """bool: the quality mask says cloud."""
    flagged_thin: np.ndarray
    """bool: the quality mask says cirrus."""
    flagged_shadow: np.ndarray
    """bool: the quality mask says shadow."""


def cloud_cover(plan: SimulationPlan, day: int) -> float:
    """Share of the sky under cloud on a day, 0 to 1."""
    rng = generator(plan.seed, "cover", day)
    wet = rng.random() < wetness(day)
    pick, value = rng.random(), rng.random()
    if wet:
        return (
            min(1.0, 0.80 + 0.24 * value) if pick < plan.weather.wet_overcast_share else 0.15 + 0.65 * value
        )
    return 0.40 * value**1.3 if pick < plan.weather.dry_clear_share else 0.40 + 0.55 * value


def rain(plan: SimulationPlan, day: int) -> float:
    """How soaked the ground is, 0 to 1: showers of the day and of the two days before."""
    soaked = 0.0
    for before, kept in enumerate((1.0, 0.6, 0.3)):
        rng = generator(plan.seed, "rain", day - before)
        if rng.random() < 0.08 + 0.45 * wetness(day - before):
            soaked = max(soaked, kept * rng.random())
    return soaked


def draw_sky(plan: SimulationPlan, day: int, size: int, pixel_m: float, latitude: float) -> Sky:
    """The sky of a day; the same for every optical satellite of that day."""
    rng = generator(plan.seed, "sky", day)
    weather, cover = plan.weather, cloud_cover(plan, day)
    opacity, softness = _cloud_deck(rng, cover, size, pixel_m, weather)
    small, missed = _cumulus(rng, size, pixel_m, weather, cover)
    cloud = np.maximum(opacity, small)
    height = rng.uniform(900, 2600)
    elevation, azimuth = sun(day, latitude)
    reach = height / math.tan(math.radians(elevation)) / pixel_m
    down = round(reach * math.cos(math.radians(azimuth)))
    right = round(-reach * math.sin(math.radians(azimuth)))
    shadow = np.roll(cloud, (down, right), (0, 1)) * (1 - cloud)
    limit = np.float32(weather.cloud_threshold) * (1 + np.float32(0.45) * softness)
    flagged = (opacity > np.maximum(limit, 0.08)) | ((small > 0.2) & ~missed)
    unseen = smooth_field(rng, size, 250 / pixel_m) < _quantile_of_normal(weather.missed_shadow)
    haze = _haze(rng, day, size, pixel_m, weather)
    return Sky(
        cloud=cloud,
        shadow=shadow,
        haze=haze,
        flagged_cloud=flagged,
        flagged_thin=(haze > 0.38) & ~flagged,
        flagged_shadow=(shadow > 0.3) & ~unseen & ~flagged,
    )


def _cloud_deck(
    rng: np.random.Generator, cover: float, size: int, pixel_m: float, weather: WeatherPlan
) -> tuple[np.ndarray, np.ndarray]:
    large = smooth_field(rng, size, 1800 / pixel_m)
    middle = smooth_field(rng, size, 420 / pixel_m)
    fine = smooth_field(rng, size, 90 / pixel_m)
    softness = smooth_field(rng, size, 300 / pixel_m)
    field = large + 0.55 * middle + 0.18 * fine
    if cover >= 0.995:
        level = float(field[::4, ::4].min()) - 2 * weather.cloud_edge - 0.05
    else:
        level = float(np.quantile(field[::4, ::4], 1 - cover)) - 0.5 * weather.cloud_edge
    opacity = np.clip((field - np.float32(level)) / np.float32(max(weather.cloud_edge, 1e-3)), 0, 1)
    opacity *= opacity * (3 - 2 * opacity)
    return opacity, softness


def _cumulus(
    rng: np.random.Generator, size: int, pixel_m: float, weather: WeatherPlan, cover: float
) -> tuple[np.ndarray, np.ndarray]:
    share = weather.cumulus_cover * rng.gamma(1.0) * min(1.0, 0.35 + 1.3 * cover)
    field = smooth_field(rng, size, 45 / pixel_m)
    limit = -_quantile_of_normal(min(0.3, share))
    small = np.clip((field - np.float32(limit)) / np.float32(0.5), 0, 0.9).astype(np.float32)
    missed = smooth_field(rng, size, 400 / pixel_m) < _quantile_of_normal(weather.missed_cumulus)
    return small, missed


def _haze(rng: np.random.Generator, day: int, size: int, pixel_m: float, weather: WeatherPlan) -> np.ndarray:
    level = weather.haze * rng.gamma(1.5) / 1.5 + weather.smoke * smokiness(day) * rng.gamma(1.2) / 1.2
    pattern = smooth_field(rng, size, 1500 / pixel_m) * 0.30 + smooth_field(rng, size, 350 / pixel_m) * 0.15
    return np.clip(np.float32(level) * (1 + pattern), 0, 0.6).astype(np.float32)


def _quantile_of_normal(share: float) -> float:
    """The value below which that share of a standard normal lies (Acklam-free: bisection on erf)."""
    low, high = -6.0, 6.0
    for _ in range(50):
        middle = (low + high) / 2
        if 0.5 * (1 + math.erf(middle / math.sqrt(2))) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
