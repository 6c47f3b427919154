"""Damaged files of a store: readers get what was written, or a named error, and never other numbers."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from damages import damages
from selvawatch.attribute.loss_products import Product
from selvawatch.core.days import to_day
from selvawatch.errors import SelvawatchError
from selvawatch.prepare.observation_files import open_stack, read_observation
from selvawatch.prepare.water_counts import read_counts
from selvawatch.steps.products import read_file
from selvawatch.store.contents import ACCUMULATORS, BASELINES, COMPOSITE, LAYERS, REASON
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import keep_product, read_product
from selvawatch.store.run_files import read_seen, read_tracked
from selvawatch.store.tile_state import TileState, load_arrays
from small_site import Place

pytestmark = pytest.mark.slow

FLIPS = 8


@dataclass(frozen=True)
class Kept:
    """One kind of file of a store."""

    pattern: str
    """Which files are of it, below the store."""
    read: Callable[[Store, Path], object]
    """What the engine reads from it, given the file."""


def arrays(group):
    def read(_store, path):
        folder = next(parent for parent in path.parents if (parent / group).is_dir() or parent.name == group)
        return load_arrays(folder.parent if folder.name == group else folder, group)

    return read


def stack(_store, path):
    folder, day = path.parents[1], f"{path.stem[:4]}-{path.stem[4:6]}-{path.stem[6:]}"
    return open_stack(folder, path.parent.name, "ndvi", to_day(day), to_day(day)).compute()


def of_run(read):
    return lambda _store, path: read(next(parent for parent in path.parents if parent.parent.name == "runs"))


KINDS = {
    "observation": Kept("observations/*/sentinel-2/*.tif", lambda _, path: read_observation(path)),
    "stack": Kept("observations/*/landsat/*.tif", stack),
    "water": Kept("water/*/*.tif", lambda _, path: read_counts(path)),
    "state": Kept("state/*/*/state.json", lambda _, path: TileState.read(path.parent)),
    "accumulators": Kept(f"state/*/*/{ACCUMULATORS}/**/*", arrays(ACCUMULATORS)),
    "layers": Kept(f"state/*/*/{LAYERS}/**/*", arrays(LAYERS)),
    "composite": Kept(f"state/*/*/{COMPOSITE}/**/*", arrays(COMPOSITE)),
    "baselines": Kept(f"baselines/*/*/{BASELINES}/**/*", arrays(BASELINES)),
    "reason": Kept(f"baselines/*/*/{REASON}/**/*", arrays(REASON)),
    "checkpoint": Kept(f"checkpoints/*/*/{ACCUMULATORS}/**/*", arrays(ACCUMULATORS)),
    "seal": Kept("state/*/*/seal.json", arrays(LAYERS)),
    "events": Kept("runs/*/internal/events.parquet", of_run(read_tracked)),
    "cells": Kept("runs/*/internal/cells.parquet", of_run(read_tracked)),
    "snapshots": Kept("runs/*/internal/snapshots.json", of_run(read_seen)),
    "alerts": Kept("runs/*/restricted/alerts.parquet", lambda _, path: read_file(path)),
    "page": Kept("runs/*/public/bulletin-es.html", lambda _, path: read_file(path)),
    "product": Kept("products/*/product.json", lambda store, path: read_product(store, path.parent.name)),
    "cells of a product": Kept(
        "products/*/cells*.parquet", lambda store, path: read_product(store, path.parent.name)
    ),
}


@pytest.fixture(scope="module")
def store(small_run: Place, tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(small_run.store, folder)
    copied = Store(folder)
    cells = gpd.GeoDataFrame(
        {"cell_id": ["a"], "ha": [0.25], "onset_latest": pd.to_datetime(["2020-01-05"])},
        geometry=[shapely.box(0, 0, 50, 50)],
        crs="EPSG:32719",
    )
    keep_product(copied, Product(name="other", version="1", cause="mining"), cells)
    return copied


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_is_named_or_gives_what_was_written(store, name):
    kind = KINDS[name]
    paths = [path for path in sorted(store.folder.glob(kind.pattern)) if path.is_file()]
    assert paths
    for number, (damage, hurt) in enumerate(damages(FLIPS)):
        rng = random.Random(f"{name} {damage}")
        path = paths[rng.randrange(len(paths))]
        whole, content = kind.read(store, path), path.read_bytes()
        hurt(path, rng)
        try:
            found = kind.read(store, path)
        except SelvawatchError as error:
            assert "\n" not in str(error) and str(path.parent) in str(error), f"{number} {damage}: {error}"
        else:
            assert same(found, whole), f"{damage} of {path} gives other numbers"
        finally:
            path.write_bytes(content)
        assert same(kind.read(store, path), whole)


def same(found: object, wanted: object) -> bool:
    """Whether two readings are equal to the last bit."""
    if isinstance(found, xr.Dataset | xr.DataArray):
        return found.identical(wanted)
    if isinstance(found, pd.DataFrame):
        return bool(found.equals(wanted))
    if isinstance(found, np.ndarray):
        return bool(np.array_equal(found, wanted))
    if isinstance(found, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in found)
    if isinstance(found, tuple):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if hasattr(found, "__dataclass_fields__"):
        return all(same(getattr(found, key), getattr(wanted, key)) for key in found.__dataclass_fields__)
    return found == wanted
