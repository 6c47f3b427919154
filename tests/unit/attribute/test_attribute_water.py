"""River water of a year: counted from observations, told from ponds, near which losses are said to be."""

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine

import attribute_made as made
from selvawatch.attribute.river_water import (
    nearest_distance,
    river_distance,
    river_water,
    water_frame,
    water_outlines,
)
from selvawatch.attribute.rules import Rules
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.prepare.observation_files import observation_path, write_observation
from selvawatch.prepare.water_counts import count_water, read_counts

RULE = load(Rules, made.AOI / "rules.toml").water
GRID = Grid(crs="EPSG:32719", resolution=10.0, tile_px=256, anchor_x=0.0, anchor_y=0.0)
TILE = next(iter(GRID.tiles(shapely.Point(340_000, 8_560_000).buffer(1))))


def observation(folder: Path, day: int, mndwi: np.ndarray) -> Path:
    stored = np.where(np.isnan(mndwi), NODATA, np.round(mndwi * 10_000)).astype(np.int16)
    made_look = Observation(
        day=day,
        stream="sentinel-2",
        values={"ndvi": stored, "mndwi": stored},
        scales={"ndvi": 1e-4, "mndwi": 1e-4},
        scene_ids=("s",),
        clear_share=1.0,
    )
    write_observation(made_look, TILE, folder)
    return observation_path(folder, "sentinel-2", day)


def some_looks(folder: Path, count: int = 6):
    rng = np.random.default_rng(20260101)
    stack = rng.uniform(-0.5, 0.5, (count, 256, 256))
    stack[rng.random(stack.shape) < 0.3] = np.nan
    days = [20_000 + 5 * index for index in range(count)]
    observations = {
        f"sentinel-2/{day}": (observation(folder, day, values), f"d{day}")
        for day, values in zip(days, stack, strict=True)
    }
    return np.round(stack, 4), observations


def test_counts_are_those_of_a_plain_loop_over_the_observations(tmp_path):
    stack, observations = some_looks(tmp_path / "looks")
    counts = read_counts(count_water(TILE, tmp_path / "water", 2024, observations, 0.1))
    np.testing.assert_array_equal(counts.seen, (~np.isnan(stack)).sum(axis=0))
    np.testing.assert_array_equal(counts.wet, (np.nan_to_num(stack, nan=-9) > 0.1).sum(axis=0))
    water = counts.water(0.5, 4)
    for y, x in ((0, 0), (10, 20), (255, 255), (100, 7)):
        seen = [value for value in stack[:, y, x] if value == value]
        expected = len(seen) >= 4 and sum(value > 0.1 for value in seen) >= len(seen) / 2
        assert water[y, x] == expected


def test_counts_gone_on_from_have_the_bytes_of_those_made_at_once(tmp_path):
    _, observations = some_looks(tmp_path / "looks")
    some = dict(list(observations.items())[::2])
    first = count_water(TILE, tmp_path / "parts", 2024, some, 0.0)
    second = count_water(TILE, tmp_path / "parts", 2024, observations, 0.0)
    whole = count_water(TILE, tmp_path / "once", 2024, observations, 0.0)
    assert second.name == whole.name != first.name
    assert second.read_bytes() == whole.read_bytes()
    assert first.exists()
    observations["sentinel-2/20000"] = (observations["sentinel-2/20000"][0], "another scene")
    assert count_water(TILE, tmp_path / "parts", 2024, observations, 0.0).name != whole.name


def test_an_observation_without_mndwi_and_a_year_without_enough_observations_say_nothing(tmp_path):
    _, observations = some_looks(tmp_path / "looks", count=3)
    counts = read_counts(count_water(TILE, tmp_path / "water", 2024, observations, 0.0))
    assert not counts.water(0.5, 4).any()


def raster(*boxes):
    """Water on a raster of 10 m: boxes as row, column, rows, columns."""
    water = np.zeros((200, 200), bool)
    for row, column, rows, columns in boxes:
        water[row : row + rows, column : column + columns] = True
    return water_outlines(water, Affine(10, 0, made.WEST, 0, -10, made.SOUTH + 2000), RULE.least_ha)


def test_a_small_patch_counts_only_where_it_may_go_on_in_the_next_tile():
    kept = raster(
        (0, 50, 2, 2), (50, 0, 2, 2), (198, 100, 2, 2), (100, 198, 2, 2), (80, 80, 2, 2), (1, 9, 2, 2)
    )
    assert len(kept) == 4
    assert len(raster((120, 120, 10, 10))) == 1


def test_only_the_body_that_the_river_layer_meets_is_river_water():
    patches = raster((50, 0, 10, 200), (90, 20, 12, 12), (150, 100, 2, 2))
    line = shapely.LineString([(made.WEST, made.SOUTH + 1570), (made.WEST + 2000, made.SOUTH + 1570)])
    found = river_water(patches, np.array([line]), RULE)
    assert [round(one.area) for one in found] == [10 * 200 * 100]
    assert river_water(patches, np.array([shapely.Point(0, 0)]), RULE) == []


def test_without_a_river_layer_only_a_long_body_is_a_river():
    short = raster((50, 0, 10, 200))
    none = np.zeros(0, object)
    assert river_water(short, none, RULE) == []
    east = [shapely.affinity.translate(one, 2000 * step) for one in short for step in range(3)]
    found = river_water(east, none, RULE)
    assert len(found) == 1 and found[0].area == pytest.approx(3 * 10 * 200 * 100)


def test_patches_that_meet_in_a_corner_or_across_tiles_are_one_body():
    corner = raster((0, 0, 10, 10), (10, 10, 10, 10))
    line = shapely.LineString([(made.WEST, made.SOUTH + 1990), (made.WEST + 5, made.SOUTH + 1990)])
    tight = replace(RULE, river_m=0.0)
    assert sum(one.area for one in river_water(corner, np.array([line]), tight)) == pytest.approx(20_000)


def test_the_order_of_patches_changes_nothing():
    patches = raster((50, 0, 10, 200), (90, 20, 12, 12), (10, 100, 20, 20))
    line = shapely.LineString([(made.WEST, made.SOUTH), (made.WEST + 2000, made.SOUTH + 2000)])
    one = river_water(patches, np.array([line]), RULE)
    other = river_water(patches[::-1], np.array([line]), RULE)
    assert [shapely.to_wkb(a) for a in one] == [shapely.to_wkb(b) for b in other]


def test_distance_is_to_water_of_the_year_of_loss_or_the_one_before():
    near, far = made.box(0, 0, 100, 100), made.box(0, 500, 100, 600)
    water = water_frame({2024: [near], 2020: [far]}, made.CRS)
    outline = np.array([made.box(130, 0, 200, 100)] * 4)
    years = np.array([2024.0, 2025.0, 2026.0, np.nan])
    found = river_distance(outline, years, water)
    np.testing.assert_allclose(found[:2], 30.0)
    assert np.isnan(found[2:]).all()


def test_ground_that_only_touches_water_is_beside_it_and_not_in_it():
    water = np.array([made.box(0, 0, 100, 100)])
    touching, inside = made.box(100, 0, 200, 100), made.box(90, 0, 190, 100)
    beside, within = nearest_distance(np.array([touching, inside]), water)
    assert 0 < beside < 0.01 and within == 0
    line = np.array(
        [shapely.LineString([(made.WEST - 50, made.SOUTH + 50), (made.WEST + 50, made.SOUTH + 50)])]
    )
    assert nearest_distance(np.array([made.box(0, 0, 100, 100)]), line)[0] == 0


def test_a_frame_of_no_water_has_a_crs_and_no_rows():
    empty = water_frame({}, made.CRS)
    assert isinstance(empty, gpd.GeoDataFrame) and empty.crs == made.CRS and not len(empty)
    assert np.isnan(river_distance(np.array([made.box(0, 0, 1, 1)]), np.array([2024.0]), empty)).all()
