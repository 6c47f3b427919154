"""The scenes of a simulated archive, written by several processes; each has a seed of its own."""

import concurrent.futures
import logging
import multiprocessing
from pathlib import Path

import numpy as np

from selvawatch.core.grid import Tile
from selvawatch.simulate.archive.scene_files import Placed, Slot, scene_id, write_scene
from selvawatch.simulate.noise import NoiseBank, generator
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.sky.landsat import LandsatGrid, landsat_assets, landsat_grid
from selvawatch.simulate.sky.optical import observe, sentinel2_assets
from selvawatch.simulate.sky.radar import sentinel1_assets
from selvawatch.simulate.terrain.landscape import Landscape, build_landscape

log = logging.getLogger(__name__)

BANK_FIELDS = 6
"""Fields in a bank of noise."""


class Studio:
    """What one process needs to make any scene of an archive: the landscape and its banks of noise."""

    def __init__(self, plan: SimulationPlan, tile: Tile, landscape: Landscape | None = None) -> None:
        self.plan = plan
        self.tile = tile
        self.landscape = landscape or build_landscape(plan, tile)
        size = round(1.5 * tile.grid.tile_px) + 8
        self.noise = NoiseBank.normal(generator(plan.seed, "noise bank"), size, BANK_FIELDS)
        self.speckle = NoiseBank.speckle(
            generator(plan.seed, "speckle bank"), size, BANK_FIELDS, plan.sensors.speckle_looks
        )
        self.landsat: LandsatGrid = landsat_grid(tile)

    def make(self, slot: Slot, folder: Path) -> Path:
        """Write one scene below the archive's folder and return its item; an item that is there is kept."""
        item = _item_path(slot, folder)
        if item.is_file():
            return item
        if slot.sensor == "sentinel-1":
            values = sentinel1_assets(self.landscape, self.speckle, slot.day, slot.level_db)
            return self._write(folder, slot, {key: self._radar(value) for key, value in values.items()}, None)
        seen = observe(self.landscape, slot.day, slot.sensor)
        if slot.sensor == "sentinel-2":
            values = sentinel2_assets(self.landscape, seen, self.noise, slot.day)
            cloud = float(100 * np.isin(values["scl"], (8, 9, 10)).mean())
            return self._write(
                folder, slot, {key: self._sentinel2(key, value) for key, value in values.items()}, cloud
            )
        values = landsat_assets(self.landscape, seen, self.noise, slot.day, self.landsat)
        cloud = float(100 * ((values["qa_pixel"] & 0b1000) > 0).mean())
        return self._write(
            folder, slot, {key: self._landsat(key, value) for key, value in values.items()}, cloud
        )

    def _write(self, folder: Path, slot: Slot, assets: dict[str, Placed], cloud: float | None) -> Path:
        return write_scene(folder, slot, self.tile, assets, cloud)

    def _radar(self, values: np.ndarray) -> Placed:
        return Placed(values=values, crs=self.tile.grid.crs, transform=self.tile.transform, nodata=-32768)

    def _sentinel2(self, key: str, values: np.ndarray) -> Placed:
        factor = self.tile.grid.tile_px // values.shape[0]
        transform = self.tile.transform @ self.tile.transform.scale(factor)
        level = (None, None) if key == "scl" else (0.0001, -0.1)
        return Placed(
            values=values,
            crs=self.tile.grid.crs,
            transform=transform,
            nodata=0,
            scale=level[0],
            offset=level[1],
        )

    def _landsat(self, key: str, values: np.ndarray) -> Placed:
        level = (None, None) if key == "qa_pixel" else (2.75e-05, -0.2)
        return Placed(
            values=values,
            crs=self.landsat.crs,
            transform=self.landsat.transform,
            nodata=1 if key == "qa_pixel" else 0,
            scale=level[0],
            offset=level[1],
        )


def write_scenes(folder: Path, plan: SimulationPlan, tile: Tile, slots: list[Slot], workers: int) -> None:
    """Write every scene that is not there yet; the bytes do not depend on the number of workers."""
    missing = [slot for slot in slots if not _item_path(slot, folder).is_file()]
    log.info("%d of %d scenes to write in %s", len(missing), len(slots), folder)
    if workers <= 1 or len(missing) < 2 * workers:
        if missing:
            studio = Studio(plan, tile)
            for slot in missing:
                studio.make(slot, folder)
        return
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(
        max_workers=workers, mp_context=context, initializer=_begin, initargs=(plan, tile)
    ) as pool:
        for _ in pool.map(_make, missing, [folder] * len(missing), chunksize=4):
            pass


def _item_path(slot: Slot, folder: Path) -> Path:
    return folder / slot.collection / scene_id(slot) / f"{scene_id(slot)}.json"


_STUDIOS: list[Studio] = []


def _begin(plan: SimulationPlan, tile: Tile) -> None:
    _STUDIOS[:] = [Studio(plan, tile)]


def _make(slot: Slot, folder: Path) -> Path:
    return _STUDIOS[0].make(slot, folder)
