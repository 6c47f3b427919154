"""Landsat Collection 2 numbers with QA_PIXEL, on Landsat's own 30 m grid in the northern UTM zone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import ndimage

from selvawatch.core.grid import Tile
from selvawatch.simulate.noise import NoiseBank, generator
from selvawatch.simulate.sky.optical import BRIGHT_BLUE, Air, SkyView, receive
from selvawatch.simulate.sky.weather import Sky
from selvawatch.simulate.spectra import LANDSAT_GAIN, LANDSAT_OFFSET, NOISE
from selvawatch.simulate.terrain.landscape import Landscape

PIXEL_M = 30
SOUTHERN_FALSE_NORTHING = 10_000_000
"""Metres that separate northings of a southern UTM zone from the northern zone of the same number."""

QA_CLEAR, QA_WATER, QA_CLOUD, QA_DILATED, QA_SHADOW, QA_CIRRUS = 21824, 21952, 22280, 21826, 23888, 54596
"""Whole QA_PIXEL values of Landsat 8 and 9."""

NOISE_KEPT = 0.63
"""Noise of a 30 m pixel over that of a 10 m pixel: it averages out less than white noise does."""

ASSETS = {"blue": 0, "green": 1, "red": 2, "nir08": 3, "swir16": 4, "swir22": 5}
"""Band of each asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Which source cells lie under each target cell along one axis, and how much each counts; (k, n) both."""

    index: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class LandsatGrid:
    """The 30 m grid of Landsat over a tile: pixel edges at odd multiples of 15 m."""

    crs: str
    transform: Affine
    shape: tuple[int, int]
    overlaps: Mapping[int, tuple[Overlap, Overlap]]
    """Overlaps of rows and columns by the side of the source raster: 10 m and 20 m pixels."""

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Area means of a square raster of the tile; beyond the tile its edge pixels go on. float32."""
        rows, columns = self.overlaps[len(values)]
        tall = np.zeros((self.shape[0], values.shape[1]), np.float32)
        for index, weight in zip(rows.index, rows.weight, strict=True):
            tall += values[index] * weight[:, None]
        mean = np.zeros(self.shape, np.float32)
        for index, weight in zip(columns.index, columns.weight, strict=True):
            mean += tall[:, index] * weight[None, :]
        return mean


def landsat_grid(tile: Tile) -> LandsatGrid:
    """The Landsat pixels that cover a tile whose CRS is a UTM zone (EPSG:326xx or EPSG:327xx)."""
    code = int(tile.grid.crs.split(":")[1])
    southern = 32701 <= code <= 32760
    west, south, east, north = tile.bounds
    down = SOUTHERN_FALSE_NORTHING if southern else 0
    left = math.floor((west - 15) / PIXEL_M) * PIXEL_M + 15
    top = math.ceil((north - down - 15) / PIXEL_M) * PIXEL_M + 15
    across = math.ceil((east - left) / PIXEL_M)
    along = math.ceil((top - (south - down)) / PIXEL_M)
    overlaps = {}
    for size in (tile.grid.tile_px, tile.grid.tile_px // 2):
        pixel = tile.grid.tile_m / size
        overlaps[size] = (
            _overlap((north - down) - top, along, size, pixel),
            _overlap(left - west, across, size, pixel),
        )
    return LandsatGrid(
        crs=f"EPSG:{code - 100 if southern else code}",
        transform=Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top),
        shape=(along, across),
        overlaps=overlaps,
    )


def _overlap(shift: float, count: int, size: int, pixel: float) -> Overlap:
    """Source cells under each of `count` cells of 30 m that begin `shift` metres along the source axis."""
    begin = shift + PIXEL_M * np.arange(count)
    first = np.floor(begin / pixel).astype(np.int64)
    parts = math.ceil(PIXEL_M / pixel) + 1
    index = first[None, :] + np.arange(parts)[:, None]
    low = np.maximum(index * pixel, begin[None, :])
    high = np.minimum((index + 1) * pixel, begin[None, :] + PIXEL_M)
    weight = (np.maximum(0, high - low) / PIXEL_M).astype(np.float32)
    return Overlap(index=np.clip(index, 0, size - 1), weight=weight)


def landsat_assets(
    landscape: Landscape, seen: SkyView, bank: NoiseBank, day: int, grid: LandsatGrid
) -> dict[str, np.ndarray]:
    """Stored numbers by asset key: six bands and qa_pixel, uint16 on Landsat's grid."""
    rng = generator(landscape.plan.seed, "landsat noise", day)
    rows, columns = grid.shape
    sky = seen.sky
    air = Air.of([grid.mean(layer) for layer in (sky.cloud, sky.shadow, sky.haze, sky.brightness)])
    assets: dict[str, np.ndarray] = {}
    levels: dict[str, np.ndarray] = {}
    for name, band in ASSETS.items():
        sigma = float(NOISE_KEPT * NOISE[band] * landscape.plan.sensors.noise)
        noise = bank.draw(rng, max(rows, columns))[:rows, :columns]
        level = receive(seen, band, grid.mean(seen.surface[band]), air, noise, sigma=sigma, pixel=3)
        levels[name] = level * LANDSAT_GAIN[band] + LANDSAT_OFFSET[band]
        assets[name] = np.clip(np.rint((levels[name] + 0.2) / 2.75e-5), 1, 65_455).astype(np.uint16)
    bright = grid.mean(seen.surface[0]) > BRIGHT_BLUE
    assets["qa_pixel"] = _quality(levels, sky, bright & seen.bright_flagged, grid)
    return assets


def _quality(
    levels: Mapping[str, np.ndarray], sky: Sky, mistaken_for_cloud: np.ndarray, grid: LandsatGrid
) -> np.ndarray:
    """QA_PIXEL as CFMask would give it: clouds widened, thin edges inside, shadows partly missed."""
    quality = np.full(grid.shape, QA_CLEAR, np.uint16)
    quality[(levels["nir08"] < 0.13) & (levels["swir16"] < 0.07)] = QA_WATER
    quality[grid.mean(sky.flagged_shadow) > 0.3] = QA_SHADOW
    quality[grid.mean(sky.flagged_thin) > 0.5] = QA_CIRRUS
    cloud = (grid.mean(sky.flagged_cloud) > 0.4) | mistaken_for_cloud
    quality[ndimage.binary_dilation(cloud, iterations=2) & ~cloud] = QA_DILATED
    quality[cloud] = QA_CLOUD
    return quality
