import numpy as np
import pytest
import rasterio
import shapely
from scipy import ndimage

from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.prepare.ingest import ingest_scenes, scenes_on
from selvawatch.prepare.scene_indices import observe_scene
from selvawatch.simulate.terrain.causes import Cause
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.quality import QualityThresholds, scl_clear


def search(archive):
    found = open_source(f"folder:{archive.catalog.parent}").search(
        shapely.box(-180, -90, 180, 90), to_day("2023-10-01"), to_day("2030-01-01")
    )
    assert found.problems == ()
    return found


@pytest.fixture(scope="module")
def taken(small_archive, small_tile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("looks")
    scenes = scenes_on(search(small_archive).scenes, small_tile)
    return folder, ingest_scenes(scenes, small_tile, RECIPE, folder)


def test_every_simulated_scene_is_read(taken):
    folder, records = taken
    assert {(record.state, record.text) for record in records} == {("read", "")}
    assert len(records) > 60
    streams = {path.parent.name for path in folder.glob("*/*.tif")}
    assert {"landsat", "sentinel-2"} < streams and any(name.startswith("sentinel-1-") for name in streams)


def test_new_mines_stay_visible_through_the_masks(small_archive, small_tile):
    with rasterio.open(small_archive.truth / "onset.tif") as file:
        onset = file.read(1)
    with rasterio.open(small_archive.truth / "cause.tif") as file:
        mined = file.read(1) == int(Cause.MINING)
    with rasterio.open(small_archive.truth / "forest.tif") as file:
        forest = ndimage.binary_erosion((file.read(1) == 1) & (onset == 0), iterations=3)
    nbr = {"mine": [], "forest": []}
    share = {"mine": [0, 0], "forest": [0, 0]}
    for scene in search(small_archive).scenes:
        if scene.sensor != "sentinel-2":
            continue
        part = observe_scene(scene, small_tile, RECIPE, read_scene)
        scl = read_scene(scene, small_tile, ())["scl"].values
        for name, where in (("mine", mined & (onset < scene.day - 10)), ("forest", forest)):
            sought = where & scl_clear({"scl": scl}, QualityThresholds(cloud_score=0.6))
            share[name][0] += np.count_nonzero(sought & part.clear)
            share[name][1] += np.count_nonzero(sought)
            nbr[name].extend(part.values["nbr"][where & part.clear] * 1e-4)
    kept = {name: usable / sought for name, (usable, sought) in share.items()}
    assert kept["mine"] > 0.9 * kept["forest"] > 0.7
    assert np.median(nbr["forest"]) > 0.6 and np.median(nbr["mine"]) < 0.45
    assert np.mean(np.array(nbr["forest"]) < 0.45) < 0.002
