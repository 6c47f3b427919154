import functools

import numpy as np
import pytest

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, write_observation
from selvawatch.steps.run import pictures
from selvawatch.store.folders import Store

TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=60).tile("x0800y15000")
WEST, SOUTH, EAST, NORTH = TILE.bounds
DAY = to_day("2024-06-01")


@pytest.fixture
def store(tmp_path):
    values = np.random.default_rng(1).integers(0, 9000, (60, 60)).astype(np.int16)
    values[:, :20], values[30:, 40:] = NODATA, NODATA
    observation = Observation(
        day=DAY,
        stream="sentinel-2",
        values={"ndvi": values},
        scales={"ndvi": 1e-4},
        scene_ids=("S",),
        clear_share=0.5,
    )
    place = Store(tmp_path / "store")
    write_observation(observation, TILE, place.observations(TILE.id))
    return place, values != NODATA


def one():
    return SceneRecord(scene_id="S", sensor="sentinel-2", day=DAY, stream="sentinel-2", state="read")


@pytest.mark.parametrize("left", [-20, 0, 13, 33, 50, 70])
@pytest.mark.parametrize("top", [-40, -7, 0, 31, 59])
def test_the_clear_share_of_a_ground_is_that_of_its_pixels_and_none_outside(store, left, top):
    place, clear = store
    whole = np.pad(clear, 80)
    expected = whole[80 + top : 80 + top + 24, 80 + left : 80 + left + 24].mean()
    bounds = (WEST + 10 * left, NORTH - 10 * top - 240, WEST + 10 * left + 240, NORTH - 10 * top)
    seen = functools.partial(pictures._seen, place)
    assert pictures._clear_share(seen, TILE.id, one(), bounds) == pytest.approx(expected)


def test_the_pictures_of_many_alerts_read_an_observation_once(store):
    place, _ = store
    seen = functools.lru_cache(maxsize=pictures.KEPT)(functools.partial(pictures._seen, place))
    first = pictures._clear_share(seen, TILE.id, one(), (WEST, SOUTH, EAST, NORTH))
    observation_path(place.observations(TILE.id), "sentinel-2", DAY).unlink()
    assert pictures._clear_share(seen, TILE.id, one(), (WEST, SOUTH, EAST, NORTH)) == first > 0.4
