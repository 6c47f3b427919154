"""The simulated ground of one tile: forest as it would be everywhere, and covers old and new."""

import math
from dataclasses import dataclass

import numpy as np

from selvawatch.core.grid import Tile
from selvawatch.simulate.climate import season
from selvawatch.simulate.noise import generator, smooth_field, strips
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.spectra import (
    BACKSCATTER_DB,
    FOREST,
    FOREST_DB,
    RAIN_DB,
    REFLECTANCE,
    SEASON,
    WIND_DB,
)
from selvawatch.simulate.terrain.changes import paint_changes
from selvawatch.simulate.terrain.covers import Canvas, Covers
from selvawatch.simulate.terrain.lines import Lines, draw_lines
from selvawatch.simulate.terrain.oldland import paint_old_land


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Everything on the ground that does not depend on who looks."""

    plan: SimulationPlan
    tile: Tile
    lines: Lines
    forest: np.ndarray
    """(band, size, size) float32 mean reflectance of closed forest."""
    swing: np.ndarray
    """(2, size, size) float32 amplitude of the forest's cosine and sine season."""
    forest_power: np.ndarray
    """(2, size, size) float32 gamma0 of forest, VV and VH, linear power."""
    old: Canvas
    """Covers older than the archive."""
    new: Canvas
    """Losses of forest during the archive."""
    layers: tuple[Covers, Covers]
    """The same, old then new, as flat arrays."""

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return self.tile.grid.tile_px


def build_landscape(plan: SimulationPlan, tile: Tile) -> Landscape:
    """The landscape of a plan on a tile; depends on the seed and the tile's size only."""
    size, pixel_m = tile.grid.tile_px, tile.grid.resolution
    lines = draw_lines(
        plan.seed,
        size,
        streams=plan.terrain.streams,
        river_width_px=plan.terrain.river_width_m / pixel_m,
        river_shift_px=plan.terrain.river_shift_m / pixel_m,
    )
    old = paint_old_land(plan, lines, size, pixel_m)
    new = paint_changes(plan, lines, old, pixel_m)
    forest, swing, power = _forest(plan.seed, size)
    return Landscape(
        plan=plan,
        tile=tile,
        lines=lines,
        forest=forest,
        swing=swing,
        forest_power=power,
        old=old,
        new=new,
        layers=(old.covers(), new.covers()),
    )


def _forest(seed: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = generator(seed, "forest")
    crowns, stands, types = (smooth_field(rng, size, scale) for scale in (1.3, 7.0, 45.0))
    palms = np.clip(types - 0.9, 0, 1)
    bamboo = np.clip(smooth_field(rng, size, 30.0) - 1.1, 0, 1)
    forest = np.empty((len(FOREST), size, size), np.float32)
    for band, level in enumerate(FOREST):
        grain = smooth_field(rng, size, 2.0)
        visible = band < 3
        texture = 1 + (0.05 if visible else 0.055) * crowns + 0.035 * stands + 0.03 * grain
        texture += (0.06 if visible else -0.10) * palms + (0.10 if visible else 0.09) * bamboo
        forest[band] = level * texture
    amplitude = 0.045 * (1 + 0.3 * smooth_field(rng, size, 25.0)) + 0.04 * bamboo
    phase = 0.25 * smooth_field(rng, size, 40.0)
    swing = np.stack([amplitude * np.cos(phase), amplitude * np.sin(phase)]).astype(np.float32)
    power = np.empty((2, size, size), np.float32)
    for polarisation, level in enumerate(FOREST_DB):
        rough = 0.35 * crowns + 0.2 * stands + 0.25 * smooth_field(rng, size, 1.2) - 0.3 * palms
        power[polarisation] = 10 ** ((level + rough) / 10)
    return forest, swing, power


def reflectance(landscape: Landscape, day: int) -> np.ndarray:
    """Surface reflectance on a day, (band, size, size) float32, without atmosphere, shift or noise."""
    cosine, sine = season(day)
    year = generator(landscape.plan.seed, "year", day // 365).normal(1.0, 0.2)
    dry = np.float32(_drought(landscape.plan.seed, day))
    surface = np.empty_like(landscape.forest)
    for rows in strips(landscape.size):
        swing = landscape.swing[0, rows] * np.float32(cosine * year) + dry
        swing += landscape.swing[1, rows] * np.float32(sine * year)
        for band, strength in enumerate(SEASON):
            np.multiply(landscape.forest[band, rows], 1 + strength * swing, out=surface[band, rows])
    flat = surface.reshape(len(surface), -1)
    for covers in landscape.layers:
        share, mixture = covers.on(day)
        bright = np.clip(1 + 0.09 * covers.variety, 0.6, 1.5)
        covered = (mixture @ REFLECTANCE) * bright[:, None]
        for band in range(len(flat)):
            flat[band, covers.index] = flat[band, covers.index] * (1 - share) + covered[:, band] * share
    return surface


def _drought(seed: int, day: int) -> float:
    """What a dry year takes from the forest's greenness at the end of its dry season, relative."""
    year = round(day / 365.25)
    depth = abs(generator(seed, "drought", year).normal(0, 0.012))
    return -depth * math.exp(-(((day / 365.25 - math.floor(day / 365.25)) - 0.70) ** 2) / 0.006)


def backscatter(landscape: Landscape, day: int, rain: float, wind: float) -> np.ndarray:
    """Gamma0 on a day, (VV VH, size, size) float32 linear power, without speckle.

    rain: 0 (dry) to 1 (just soaked); wind: dB that wind adds to open water.
    """
    cosine, _ = season(day)
    level = np.float32(10 ** ((0.12 * cosine + 0.35 * rain) / 10))
    surface = landscape.forest_power * level
    flat = surface.reshape(2, -1)
    closed = np.ones(landscape.size**2, np.float32)
    material = 10 ** ((BACKSCATTER_DB + (rain * RAIN_DB + wind * WIND_DB)[:, None]) / 10)
    for covers in landscape.layers:
        share, mixture = covers.on(day)
        varied = 10 ** (0.09 * np.clip(covers.variety, -2, 2))
        covered = (mixture @ material.astype(np.float32)) * varied[:, None]
        for polarisation in range(2):
            kept = flat[polarisation, covers.index] * (1 - share)
            flat[polarisation, covers.index] = kept + covered[:, polarisation] * share
        closed[covers.index] *= 1 - share
    return surface * _edges(closed.reshape(landscape.size, landscape.size))


def _edges(closed: np.ndarray) -> np.ndarray:
    """Factor of layover and radar shadow at forest edges; the descending orbit looks from the east."""
    slope = np.zeros_like(closed)
    slope[:, 1:-1] = 0.5 * (closed[:, 2:] - closed[:, :-2])
    return np.exp(np.float32(-0.55) * slope)
