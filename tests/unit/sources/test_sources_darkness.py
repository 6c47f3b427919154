"""Where metadata leave an offset open, dark forest decides it, or the scene is refused."""

import json

import numpy as np
import pytest
import shapely

import stac_folder
from packaged import SITE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.scene import scene_from_json, scene_to_json
from selvawatch.errors import SceneError
from selvawatch.sources.catalogues import offsets
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import DECIDED, scaling_of

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
RULE = SITE.archive_rule
FLAG = "earthsearch:boa_offset_applied"


def scene(root, *, stored_offset, collection="sentinel-2-l2a", forest=4, red=(0.012, 0.05), **said):
    """A scene whose numbers carry one offset and whose item states another, or what else is said of it."""
    numbers = np.random.default_rng(2)
    truth = {name: numbers.uniform(*red, (48, 48)).round(4) for name in BANDS}
    truth["nir"] = numbers.uniform(0.25, 0.4, (48, 48)).round(4)
    codes = np.full((48, 48), forest, np.uint8)
    time = "2024-06-01T15:00:00Z"
    stac_folder.sentinel_2(root, "S", time, truth, WEST, NORTH, scl=codes, offset=stored_offset)
    old = root / "sentinel-2-c1-l2a"
    if collection != old.name:
        old.rename(root / collection)
    path = root / collection / "S" / "S.json"
    item = json.loads(path.read_text()) | {"collection": collection}
    item["properties"] |= said.get("properties", {})
    for asset in item["assets"].values():
        for band in asset.get("raster:bands", []):
            if "scale" in band:
                band["offset"] = said["stated"]
    path.write_text(json.dumps(item))
    stac_folder.write_catalog(root)
    (found,) = open_source(f"folder:{root}").search(EVERYWHERE, *YEAR).scenes
    return found, truth


@pytest.mark.parametrize(
    ("collection", "stored_offset", "stated", "properties"),
    [
        # both say -0.1 and neither is true: the known fault of Earth Search's older collection
        ("sentinel-2-l2a", 0.0, -0.1, {FLAG: False}),
        ("sentinel-2-l2a", -0.1, -0.1, {FLAG: False}),
        ("sentinel-2-l2a", 0.0, -0.1, {FLAG: True}),
        ("sentinel-2-l2a", -0.1, 0.0, {}),
        ("sentinel-2-c1-l2a", -0.1, 0.0, {}),
        ("sentinel-2-c1-l2a", 0.0, 0.0, {}),
    ],
)
def test_the_offset_that_puts_the_forest_right_is_used_and_written_down(
    tmp_path, collection, stored_offset, stated, properties
):
    found, truth = scene(
        tmp_path,
        stored_offset=stored_offset,
        collection=collection,
        stated=stated,
        properties=properties,
    )
    assert offsets.is_doubtful(found)
    ((settled,), problems) = offsets.resolve_offsets([found], [], RULE)
    assert problems == [] and settled.properties[DECIDED] == f"dark-targets:{stored_offset:g}"
    assert not offsets.is_doubtful(settled) and scene_from_json(scene_to_json(settled)) == settled
    got = open_source(f"folder:{tmp_path}").read(settled, TILE, ["red", "nir"])
    for name in ("red", "nir"):
        np.testing.assert_allclose(got[name].values, truth[name], atol=1e-4)


def test_without_enough_clear_forest_the_scene_is_refused_with_its_reason(tmp_path):
    found, _ = scene(tmp_path, stored_offset=0.0, stated=-0.1, properties={FLAG: False}, forest=9)
    (scenes, (problem,)) = offsets.resolve_offsets([found], [], RULE)
    assert scenes == [] and problem.reason == "offset" and "too little clear forest" in problem.text


def test_ground_that_no_offset_makes_a_forest_is_refused(tmp_path):
    found, _ = scene(tmp_path, stored_offset=0.0, stated=-0.1, properties={FLAG: False}, red=(0.4, 0.5))
    with pytest.raises(SceneError, match="so do the dark targets") as caught:
        offsets.decided(found, RULE)
    assert caught.value.reason == "offset"


def test_metadata_that_agree_are_believed_and_no_pixel_is_read(tmp_path):
    found, _ = scene(tmp_path, stored_offset=0.0, collection="sentinel-2-c1-l2a", stated=-0.1)
    for path in (tmp_path / "sentinel-2-c1-l2a" / "S").glob("*.tif"):
        path.unlink()
    assert offsets.resolve_offsets([found], [], RULE) == ([found], [])
    assert scaling_of(found, "red") == (1e-4, -0.1)


def test_what_was_decided_once_is_not_read_again(tmp_path):
    found, _ = scene(tmp_path, stored_offset=0.0, stated=-0.1, properties={FLAG: False})
    (settled,), _ = offsets.resolve_offsets([found], [], RULE)
    for path in (tmp_path / "sentinel-2-l2a" / "S").glob("*.tif"):
        path.unlink()
    assert offsets.resolve_offsets([found], [settled], RULE) == ([settled], [])
    assert offsets.resolve_offsets([found], [], RULE)[1][0].reason == "unreadable"


def test_landsat_is_held_to_the_same(tmp_path):
    numbers = np.random.default_rng(3)
    bands = {
        name: numbers.uniform(0.012, 0.05, (48, 48)).round(4)
        for name in ("blue", "green", "red", "nir08", "swir16", "swir22")
    }
    stac_folder.landsat(tmp_path, "L", "2024-06-01T15:00:00Z", bands, WEST, NORTH, crs="EPSG:32719")
    path = tmp_path / "landsat-c2-l2" / "L" / "L.json"
    item = json.loads(path.read_text())
    for asset in item["assets"].values():
        for band in asset.get("raster:bands", []):
            if "scale" in band:
                band["offset"] = 0.0
    path.write_text(json.dumps(item))
    stac_folder.write_catalog(tmp_path)
    (found,) = open_source(f"folder:{tmp_path}").search(EVERYWHERE, *YEAR).scenes
    with pytest.raises(SceneError, match="contradict"):
        scaling_of(found, "red")
    assert scaling_of(offsets.decided(found, RULE), "red") == (2.75e-5, -0.2)
