"""Landsat Collection 2 numbers with QA_PIXEL, on Landsat's own 30 m grid in the northern UTM zone."""

import math
from dataclasses import dataclass

import numpy as np
from affine import Affine
from scipy import ndimage

from selvawatch.core.grid import Tile
from selvawatch.sources.simulate.landscape import Landscape
from selvawatch.sources.simulate.noise import NoiseBank, generator
from selvawatch.sources.simulate.optical import Look
from selvawatch.sources.simulate.spectra import LANDSAT_GAIN, LANDSAT_OFFSET, NOISE

PIXEL_M = 30
SOUTHERN_FALSE_NORTHING = 10_000_000
"""Metres that separate northings of a southern UTM zone from the northern zone of the same number."""

QA_CLEAR, QA_WATER, QA_CLOUD, QA_DILATED, QA_SHADOW, QA_CIRRUS = 21824, 21952, 22280, 21826, 23888, 54596
"""Whole QA_PIXEL values of Landsat 8 and 9."""

ASSETS = {"blue": 0, "green": 1, "red": 2, "nir08": 3, "swir16": 4, "swir22": 5}
"""Band of each asset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandsatGrid:
    """The 30 m grid of Landsat over a tile: pixel edges at odd multiples of 15 m."""

    crs: str
    transform: Affine
    rows: tuple[np.ndarray, np.ndarray]
    """Tile rows under each Landsat row (k, n), and how much each counts (k, n)."""
    columns: tuple[np.ndarray, np.ndarray]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows[0].shape[1], self.columns[0].shape[1]

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Area means of a (size, size) raster; beyond the tile its edge pixels go on. float32."""
        index, weight = self.rows
        tall = np.zeros((index.shape[1], values.shape[1]), np.float32)
        for part in range(len(index)):
            tall += values[index[part]] * weight[part][:, None]
        index, weight = self.columns
        mean = np.zeros(self.shape, np.float32)
        for part in range(len(index)):
            mean += tall[:, index[part]] * weight[part][None, :]
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
    size, pixel = tile.grid.tile_px, tile.grid.resolution
    return LandsatGrid(
        crs=f"EPSG:{code - 100 if southern else code}",
        transform=Affine(PIXEL_M, 0, left, 0, -PIXEL_M, top),
        rows=_overlaps((north - down) - top, along, size, pixel),
        columns=_overlaps(left - west, across, size, pixel),
    )


def _overlaps(shift: float, count: int, size: int, pixel: float) -> tuple[np.ndarray, np.ndarray]:
    """Source cells under each of `count` cells of 30 m that begin `shift` metres along the source axis."""
    begin = shift + PIXEL_M * np.arange(count)
    first = np.floor(begin / pixel).astype(np.int64)
    parts = math.ceil(PIXEL_M / pixel) + 1
    index = first[None, :] + np.arange(parts)[:, None]
    low = np.maximum(index * pixel, begin[None, :])
    high = np.minimum((index + 1) * pixel, begin[None, :] + PIXEL_M)
    weight = (np.maximum(0, high - low) / PIXEL_M).astype(np.float32)
    return np.clip(index, 0, size - 1), weight


def landsat_assets(
    landscape: Landscape, seen: Look, bank: NoiseBank, day: int, grid: LandsatGrid
) -> dict[str, np.ndarray]:
    """Stored numbers by asset key: six bands and qa_pixel, uint16 on Landsat's grid."""
    rng = generator(landscape.plan.seed, "landsat", day)
    rows, columns = grid.shape
    assets: dict[str, np.ndarray] = {}
    means: dict[str, np.ndarray] = {}
    clear = 1 - 0.7 * grid.mean(seen.sky.cloud)
    for name, band in ASSETS.items():
        mean = grid.mean(seen.bands[band]) * LANDSAT_GAIN[band] + LANDSAT_OFFSET[band]
        extra = np.float32(0.55 * NOISE[band] * landscape.plan.sensors.noise)
        mean = mean + extra * _cut(bank.draw(rng), rows, columns) * clear
        means[name] = mean
        assets[name] = np.clip(np.rint((mean + 0.2) / 2.75e-5), 1, 65_455).astype(np.uint16)
    assets["qa_pixel"] = _quality(means, seen, grid)
    return assets


def _cut(noise: np.ndarray, rows: int, columns: int) -> np.ndarray:
    if noise.shape[0] < rows or noise.shape[1] < columns:
        noise = np.pad(noise, ((0, max(0, rows - len(noise))), (0, max(0, columns - noise.shape[1]))), "wrap")
    return noise[:rows, :columns]


def _quality(means: dict[str, np.ndarray], seen: Look, grid: LandsatGrid) -> np.ndarray:
    quality = np.full(grid.shape, QA_CLEAR, np.uint16)
    quality[(means["nir08"] < 0.13) & (means["swir16"] < 0.07)] = QA_WATER
    quality[grid.mean(seen.sky.flagged_shadow.astype(np.float32)) > 0.3] = QA_SHADOW
    quality[grid.mean(seen.sky.flagged_thin.astype(np.float32)) > 0.5] = QA_CIRRUS
    cloud = grid.mean((seen.sky.flagged_cloud | seen.bright_flagged).astype(np.float32)) > 0.4
    quality[ndimage.binary_dilation(cloud, iterations=2) & ~cloud] = QA_DILATED
    quality[cloud] = QA_CLOUD
    return quality


def covered(assets: dict[str, np.ndarray]) -> float:
    """Percent of a scene that QA_PIXEL calls cloud."""
    return float(100 * (assets["qa_pixel"] == QA_CLOUD).mean())
