"""The sky over the tile on a day: clouds and their shadows, haze, and what a quality mask makes of them."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from selvawatch.simulate.climate import smokiness, sun, wetness
from selvawatch.simulate.noise import generator, smooth_field
from selvawatch.simulate.simulation_plan import SimulationPlan, WeatherPlan

SKY_M = 20.0
"""Pixel size of the sky, metres: the grid of Sentinel-2's scene classes."""

FARTHEST_SHADOW_M = 2600.0
"""No shadow falls farther than this from its cloud, metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Light between ground and satellite, and the mask's view of it; (half, half) each, pixels of 20 m."""

    cloud: np.ndarray
    """float32 opacity of white cloud, 0 to 1."""
    shadow: np.ndarray
    """float32 depth of cloud shadow, 0 to 1."""
    haze: np.ndarray
    """float32 opacity of haze and smoke, 0 to 1."""
    brightness: np.ndarray
    """float32 factor on the brightness of cloud."""
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


def draw_sky(plan: SimulationPlan, day: int, size: int, latitude: float) -> Sky:
    """The sky of a day over (size, size) pixels of 20 m; the same for every optical satellite of that day."""
    rng = generator(plan.seed, "sky", day)
    weather, cover = plan.weather, cloud_cover(plan, day)
    down, right = _shadow_step(rng, day, latitude)
    margin = max(abs(down), abs(right))
    here = slice(margin, margin + size)
    wide = size + 2 * margin
    deck, patchy = _cloud_deck(rng, cover, wide, here, weather)
    small, missed = _cumulus(rng, wide, weather, cover)
    cover = np.maximum(deck, small)
    source = (slice(margin - down, margin - down + size), slice(margin - right, margin - right + size))
    cloud = np.ascontiguousarray(cover[here, here])
    shadow = cover[source] * (1 - cloud)
    limit = np.float32(weather.cloud_threshold) * np.exp(np.float32(0.45) * patchy[here, here])
    flagged = (deck[here, here] > limit) | ((small[here, here] > 0.2) & ~missed[here, here])
    unseen = smooth_field(rng, size, 250 / SKY_M) < _below(weather.missed_shadow)
    haze = _haze(rng, day, size, weather)
    return Sky(
        cloud=cloud,
        shadow=shadow,
        haze=haze,
        brightness=np.clip(1 + 0.06 * patchy[here, here], 0.8, 1.2),
        flagged_cloud=flagged,
        flagged_thin=(haze > 0.38) & ~flagged,
        flagged_shadow=(shadow > 0.3) & ~unseen & ~flagged,
    )


def _shadow_step(rng: np.random.Generator, day: int, latitude: float) -> tuple[int, int]:
    """Rows down and columns right from a cloud to its shadow."""
    elevation, azimuth = sun(day, latitude)
    reach = min(FARTHEST_SHADOW_M, rng.uniform(900, 2600) / math.tan(math.radians(elevation))) / SKY_M
    return round(reach * math.cos(math.radians(azimuth))), round(-reach * math.sin(math.radians(azimuth)))


def _cloud_deck(
    rng: np.random.Generator, cover: float, size: int, here: slice, weather: WeatherPlan
) -> tuple[np.ndarray, np.ndarray]:
    large = smooth_field(rng, size, 1800 / SKY_M)
    middle = smooth_field(rng, size, 420 / SKY_M)
    fine = smooth_field(rng, size, 90 / SKY_M)
    patchy = smooth_field(rng, size, 300 / SKY_M)
    field = large + np.float32(0.55) * middle + np.float32(0.18) * fine
    known = field[here, here][::2, ::2]
    if cover >= 0.995:
        level = float(known.min()) - 2 * weather.cloud_edge - 0.05
    else:
        level = float(np.quantile(known, 1 - cover)) - 0.5 * weather.cloud_edge
    opacity = np.clip((field - np.float32(level)) / np.float32(max(weather.cloud_edge, 1e-3)), 0, 1)
    return opacity * opacity * (3 - 2 * opacity), patchy


def _cumulus(
    rng: np.random.Generator, size: int, weather: WeatherPlan, cover: float
) -> tuple[np.ndarray, np.ndarray]:
    share = weather.cumulus_cover * rng.gamma(1.0) * min(1.0, 0.35 + 1.3 * cover)
    field = smooth_field(rng, size, 45 / SKY_M)
    limit = -_below(min(0.3, share))
    small = np.clip((field - np.float32(limit)) / np.float32(0.5), 0, 0.9)
    missed = smooth_field(rng, size, 400 / SKY_M) < _below(weather.missed_cumulus)
    return small, missed


def _haze(rng: np.random.Generator, day: int, size: int, weather: WeatherPlan) -> np.ndarray:
    level = weather.haze * rng.gamma(1.5) / 1.5 + weather.smoke * smokiness(day) * rng.gamma(1.2) / 1.2
    pattern = smooth_field(rng, size, 1500 / SKY_M) * 0.30 + smooth_field(rng, size, 350 / SKY_M) * 0.15
    return np.clip(np.float32(level) * (1 + pattern), 0, 0.6).astype(np.float32)


def _below(share: float) -> float:
    """The value below which that share of a standard normal lies."""
    return NormalDist().inv_cdf(min(max(share, 1e-9), 1 - 1e-9))
