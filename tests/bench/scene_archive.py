"""COGs as the archives keep them, around one tile of 1024 px: their blocks, types, predictors and noise."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
from scipy import ndimage

import stac_folder
from selvawatch.core.grid import Grid, Tile

TILE: Tile = Grid(crs="EPSG:32719", resolution=10, tile_px=1024).tile("x0040y0840")
SIDE_M = 25_600
FOREST = {"blue": 0.026, "green": 0.046, "red": 0.026, "nir": 0.3, "swir16": 0.15, "swir22": 0.06}
CLOUD = {"blue": 0.5, "green": 0.5, "red": 0.5, "nir": 0.6, "swir16": 0.4, "swir22": 0.35}
SCL_FOREST, SCL_CLOUD = 4, 9


def write_scenes(root: Path, stream: str, days: int) -> Path:
    """A STAC folder with one scene of a stream a day, from 1 June 2024 on; the folder is returned."""
    for day in range(days):
        {"sentinel-2": _sentinel_2, "landsat": _landsat, "sentinel-1": _sentinel_1}[stream](root, day)
    return stac_folder.write_catalog(root)


def _time(day: int) -> str:
    return f"2024-06-{day + 1:02d}T14:00:00Z"


def _field(rng: np.random.Generator, side: int, grain: float) -> np.ndarray:
    """(side, side) of unit variance, even over about `grain` pixels."""
    coarse = max(1, int(grain))
    count = -(-side // coarse) + 1
    field = ndimage.zoom(ndimage.gaussian_filter(rng.standard_normal((count, count)), 1.5), coarse, order=1)
    return np.asarray(field[:side, :side] / field.std())


def _reflectances(side: int, day: int, names: dict[str, str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Forest with its grain and noise by asset key, and where clouds hide it."""
    rng = np.random.default_rng(day)
    ground, noise = _field(rng, side, 8), ndimage.gaussian_filter(rng.standard_normal((side, side)), 0.6)
    cloud = _field(rng, side, 64) > 0.9
    bands = {}
    for number, (name, key) in enumerate(names.items()):
        values = FOREST[name] * (1 + 0.15 * ground) + 0.012 * np.roll(noise, 97 * number, axis=0)
        bands[key] = np.clip(np.where(cloud, CLOUD[name] + 0.2 * ground * FOREST[name], values), 0.002, 1)
    return bands, cloud


def _sentinel_2(root: Path, day: int) -> None:
    west, _, _, north = TILE.bounds
    bands, cloud = _reflectances(SIDE_M // 10, day, {name: name for name in FOREST})
    scl = np.where(cloud, SCL_CLOUD, SCL_FOREST)
    corner = west - 7650, north + 7770
    stac_folder.sentinel_2(root, f"S{day}", _time(day), bands, *corner, scl=scl)


def _landsat(root: Path, day: int) -> None:
    west, _, _, north = TILE.bounds
    names = {name: "nir08" if name == "nir" else name for name in FOREST}
    bands, cloud = _reflectances(SIDE_M // 30, day, names)
    qa = np.where(cloud, 22280, 21824)
    corner = 30 * round((west - 7650) / 30) - 15, 30 * round((north + 7770) / 30) + 15
    stac_folder.landsat(root, f"L{day}", _time(day), bands, *corner, qa=qa, crs="EPSG:32719")


def _sentinel_1(root: Path, day: int) -> None:
    west, _, _, north = TILE.bounds
    rng = np.random.default_rng(day)
    side = SIDE_M // 10
    speckle = rng.gamma(4.4, 1 / 4.4, (side, side)) * (1 + 0.1 * _field(rng, side, 8))
    power = {"vv": 0.18 * speckle, "vh": 0.04 * np.roll(speckle, 97, axis=0)}
    stac_folder.sentinel_1(root, f"R{day}", _time(day), power, west - 7650, north + 7770)


def outline(halo_px: int) -> tuple[float, float, float, float]:
    """West, south, east and north of the tile with a halo."""
    step = TILE.grid.resolution * halo_px
    west, south, east, north = TILE.bounds
    return west - step, south - step, east + step, north + step


def spread_scenes(folder: Path, root: Path, days: dict[str, list[dt.date]]) -> Path:
    """An archive with one item of each stream on each of its days, by turns over the files of a few scenes.

    root: an archive of every stream by `write_scenes`; its files are linked, not copied.
    """
    for stream, dates in days.items():
        samples = sorted((root / stream).glob("*/*/*.json"))
        for number, date in enumerate(dates):
            sample = samples[number % len(samples)]
            item = json.loads(sample.read_text())
            item["id"] = f"{item['id']}-{date:%Y%m%d}"
            item["properties"]["datetime"] = f"{date}T14:00:00Z"
            place = stac_folder.write_item(folder, item).parent
            for path in sample.parent.glob("*.tif"):
                (place / path.name).hardlink_to(path)
    return stac_folder.write_catalog(folder)
