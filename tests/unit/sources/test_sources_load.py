import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

import stac_folder
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError
from selvawatch.sources.open import open_source
from selvawatch.sources.reading.pixel_rule import nearest
from selvawatch.sources.scene_pixels import picture_bands, read_scene, read_window

EVERYWHERE = shapely.box(-180, -90, 180, 90)
TIME = "2024-06-01T15:00:00Z"
GRID = Grid(crs="EPSG:32719", resolution=10, tile_px=48)
TILE = GRID.tile("x0800y18000")
WEST, SOUTH, EAST, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
LANDSAT = {"nir": "nir08"}


def scenes(root):
    found = open_source(f"folder:{stac_folder.write_catalog(root)}").search(
        EVERYWHERE, to_day("2000-01-01"), to_day("2030-01-01")
    )
    assert found.problems == ()
    return found.scenes


def pattern(rows, columns, seed=1):
    return np.round(np.random.default_rng(seed).uniform(0.01, 0.5, (rows, columns)), 4)


def one_sentinel_2(root, west=WEST, north=NORTH, size=48, **changes):
    bands = {name: pattern(size, size, seed) for seed, name in enumerate(BANDS)}
    bands["red"][3, 5] = np.nan
    stac_folder.sentinel_2(root, "S", TIME, bands, west, north, **changes)
    return bands, scenes(root)[0]


def brute(values, file_transform, shift, tile=TILE):
    """Value of the file pixel that each tile pixel's centre lies in, by exact fractions; half-open pixels."""
    a, _, west, _, e, north = (Fraction(value) for value in tuple(file_transform)[:6])
    north += Fraction(shift)
    size, step = tile.grid.tile_px, Fraction(tile.grid.resolution)
    out = np.full((size, size), np.nan, np.float64)
    for row in range(size):
        for column in range(size):
            x = Fraction(tile.bounds[0]) + step * column + step / 2
            y = Fraction(tile.bounds[3]) - step * row - step / 2
            i, j = math.floor((y - north) / e), math.floor((x - west) / a)
            if 0 <= i < values.shape[0] and 0 <= j < values.shape[1]:
                out[row, column] = values[i, j]
    return out


def test_on_the_grids_own_pixels_the_read_is_the_file(tmp_path):
    bands, scene = one_sentinel_2(tmp_path)
    got = read_scene(scene, TILE, BANDS)
    assert list(got.data_vars) == [*BANDS, "scl"] and got["red"].dims == ("y", "x")
    assert got["red"].dtype == np.float32 and got["scl"].dtype == np.uint8
    np.testing.assert_allclose(got["red"].values, bands["red"], atol=5e-5)
    assert np.isnan(got["red"].values).sum() == 1
    np.testing.assert_allclose(got["swir16"].values[::2, ::2], bands["swir16"][::2, ::2], atol=5e-5)
    np.testing.assert_array_equal(got["swir16"].values[1::2, 1::2], got["swir16"].values[::2, ::2])
    np.testing.assert_allclose(got["y"].values[[0, -1]], [NORTH - 5, SOUTH + 5])


def test_stored_numbers_are_scaled_by_us(tmp_path):
    _, scene = one_sentinel_2(tmp_path)
    with rasterio.open(scene.assets["nir"].href) as file:
        stored = file.read(1)
    expected = (stored.astype(np.float64) * 1e-4 - 0.1).astype(np.float32)
    np.testing.assert_array_equal(read_scene(scene, TILE, ["nir"])["nir"].values, expected)


@pytest.mark.parametrize("move", [(-200, 100), (100, -200), (470, 470), (7, 3)])
def test_a_file_that_covers_a_part_leaves_the_rest_unobserved(tmp_path, move):
    bands, scene = one_sentinel_2(tmp_path, WEST + move[0], NORTH + move[1])
    got = read_scene(scene, TILE, ["red"])
    expected = brute(bands["red"], Affine(10, 0, WEST + move[0], 0, -10, NORTH + move[1]), 0)
    np.testing.assert_allclose(got["red"].values, expected, atol=5e-5)
    codes = brute(np.full((24, 24), 4.0), Affine(20, 0, WEST + move[0], 0, -20, NORTH + move[1]), 0)
    np.testing.assert_array_equal(got["scl"].values, np.nan_to_num(codes, nan=0))


def test_a_file_that_lies_elsewhere_is_wholly_unobserved(tmp_path):
    _, scene = one_sentinel_2(tmp_path, EAST, NORTH)
    got = read_scene(scene, TILE, ["red", "swir16"])
    assert np.isnan(got["red"].values).all() and np.isnan(got["swir16"].values).all()
    assert (got["scl"].values == 0).all()


def test_landsat_of_the_northern_zone_meets_the_grid_by_the_declared_rule(tmp_path):
    west, north = 30 * round(WEST / 30) - 15 - 90, 30 * round((NORTH - 1e7) / 30) + 15 + 90
    values = {LANDSAT.get(name, name): pattern(24, 24, seed) for seed, name in enumerate(BANDS)}
    stac_folder.landsat(tmp_path, "L", TIME, values, west, north)
    (scene,) = scenes(tmp_path)
    got = read_scene(scene, TILE, BANDS)
    expected = brute(values["nir08"], Affine(30, 0, west, 0, -30, north), 1e7)
    np.testing.assert_allclose(got["nir"].values, expected, atol=2e-5)
    centres_on_edges = np.unique(np.diff(np.flatnonzero(np.diff(expected[0]))))
    assert centres_on_edges.tolist() == [3]
    assert (got["qa_pixel"].values == 21824).all() and np.isfinite(expected).all()


@pytest.mark.parametrize("file_step", [10.0, 20.0, 30.0, 15.0, 100.0, 0.7])
@pytest.mark.parametrize("offset", [0.0, 15.0, -7.5, 3.333, 1234.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_nearest_pixel_is_that_of_exact_fractions(file_step, offset, sign):
    got = nearest(350_000.0, sign * 10.0, 50, 350_000.0 - sign * offset, sign * file_step)
    start, step = Fraction(350_000) - Fraction(str(350_000.0 - sign * offset)), Fraction(sign * 10)
    width = Fraction(str(sign * file_step))
    assert got.tolist() == [math.floor((start + step * (2 * j + 1) / 2) / width) for j in range(50)]


def test_another_crs_is_reprojected_by_nearest(tmp_path):
    grid = Grid(crs="EPSG:32718", resolution=10, tile_px=32)
    bands = {name: pattern(256, 256, seed) for seed, name in enumerate(BANDS)}
    stac_folder.sentinel_2(tmp_path, "S", TIME, bands, WEST, NORTH)
    (scene,) = scenes(tmp_path)
    x, y = rasterio.warp.transform("EPSG:32719", grid.crs, [WEST + 1280], [NORTH - 1280])
    tile = grid.tiles(shapely.box(x[0], y[0], x[0] + 2, y[0] + 2))[0]
    got = read_scene(scene, tile, ["red"])["red"]
    xs, ys = np.meshgrid(got["x"].values, got["y"].values)
    east, north = rasterio.warp.transform(grid.crs, "EPSG:32719", xs.ravel(), ys.ravel())
    rows = np.floor((NORTH - np.array(north)) / 10).astype(int)
    columns = np.floor((np.array(east) - WEST) / 10).astype(int)
    inside = (rows >= 0) & (rows < 256) & (columns >= 0) & (columns < 256)
    expected = np.full(rows.shape, np.nan)
    expected[inside] = bands["red"][rows[inside], columns[inside]]
    assert inside.mean() > 0.5
    assert np.isclose(got.values.ravel(), expected, atol=6e-5, equal_nan=True).mean() > 0.98


def test_a_damaged_block_is_refused_where_the_file_is_reprojected_too(tmp_path):
    grid = Grid(crs="EPSG:32718", resolution=10, tile_px=32)
    bands = {name: pattern(256, 256, seed) for seed, name in enumerate(BANDS)}
    stac_folder.sentinel_2(tmp_path, "S", TIME, bands, WEST, NORTH)
    (scene,) = scenes(tmp_path)
    x, y = rasterio.warp.transform("EPSG:32719", grid.crs, [WEST + 1280], [NORTH - 1280])
    tile = grid.tiles(shapely.box(x[0], y[0], x[0] + 2, y[0] + 2))[0]
    path = tmp_path / "sentinel-2-c1-l2a" / "S" / "red.tif"
    with rasterio.open(path) as file:
        end = sum(int(file.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
    whole = path.read_bytes()
    path.write_bytes(whole[: end - 4] + bytes(4) + whole[end:])
    with pytest.raises(SceneError, match="a block is damaged"):
        read_scene(scene, tile, ["red"])
    assert np.isfinite(read_scene(scene, tile, ["nir"])["nir"].values).any()


def test_a_halo_is_read_around_the_tile(tmp_path):
    bands, scene = one_sentinel_2(tmp_path, WEST - 100, NORTH + 100, size=68)
    got = read_scene(scene, TILE, ["red"], 3)["red"]
    assert got.shape == (54, 54)
    np.testing.assert_allclose(got.values, bands["red"][7:61, 7:61], atol=5e-5)


def test_radar_keeps_its_power_and_its_gaps(tmp_path):
    power = pattern(48, 48).astype(np.float32)
    power[0, 0] = np.nan
    stac_folder.sentinel_1(tmp_path, "R", TIME, {"vv": power, "vh": power / 4}, WEST, NORTH)
    got = read_scene(scenes(tmp_path)[0], TILE, ["vv", "vh"])
    np.testing.assert_array_equal(got["vv"].values, power)
    assert list(got.data_vars) == ["vv", "vh"]


def reason(scene, band="red"):
    with pytest.raises(SceneError) as caught:
        read_scene(scene, TILE, [band])
    assert "S" in str(caught.value) and "\n" not in str(caught.value)
    return caught.value.reason


def with_asset(scene, key, **changes):
    return dataclasses.replace(
        scene, assets={**scene.assets, key: dataclasses.replace(scene.assets[key], **changes)}
    )


def test_a_file_that_contradicts_its_item_is_refused(tmp_path):
    _, scene = one_sentinel_2(tmp_path)
    assert reason(with_asset(scene, "red", crs="EPSG:32718")) == "crs"
    assert reason(with_asset(scene, "red", shape=(48, 47))) == "size"
    assert reason(with_asset(scene, "red", transform=(10, 0, WEST + 10, 0, -10, NORTH))) == "grid"
    assert reason(with_asset(scene, "red", file_size=12)) == "size"
    assert reason(with_asset(scene, "red", nodata=3000)) == "nodata"
    assert reason(with_asset(scene, "red", offset=0.0)) == "offset"


def test_a_missing_truncated_or_foreign_file_is_unreadable(tmp_path):
    _, scene = one_sentinel_2(tmp_path, size=48)
    path = tmp_path / "sentinel-2-c1-l2a" / "S" / "red.tif"
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"", b"not a picture"):
        path.write_bytes(content)
        assert reason(scene) == "unreadable"
    path.write_text(f'<VRTDataset rasterXSize="1" rasterYSize="1"><SRS>{tmp_path}</SRS></VRTDataset>')
    assert reason(scene) == "unreadable"
    path.unlink()
    assert reason(scene) == "unreadable"


def test_zeroed_blocks_are_unreadable_not_unobserved(tmp_path):
    _, scene = one_sentinel_2(tmp_path, size=48)
    path = tmp_path / "sentinel-2-c1-l2a" / "S" / "red.tif"
    with rasterio.open(path) as file:
        start = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", 1))
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + bytes(len(whole) - start))
    assert reason(scene) == "unreadable"


def test_an_error_names_the_scene_and_no_folder(tmp_path):
    _, scene = one_sentinel_2(tmp_path)
    (tmp_path / "sentinel-2-c1-l2a" / "S" / "red.tif").unlink()
    with pytest.raises(SceneError, match="scene S") as caught:
        read_scene(scene, TILE, ["red"])
    assert str(tmp_path) not in str(caught.value)


def test_a_file_without_crs_is_refused(tmp_path):
    _, scene = one_sentinel_2(tmp_path)
    path = tmp_path / "sentinel-2-c1-l2a" / "S" / "red.tif"
    place = Affine(10, 0, WEST, 0, -10, NORTH)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, height=48, width=48, transform=place, nodata=0
    ) as file:
        file.write(np.ones((48, 48), np.uint16), 1)
    assert reason(scene) == "crs"


def test_a_window_for_pictures_is_small_and_in_place(tmp_path):
    bands, scene = one_sentinel_2(tmp_path)
    bounds = (WEST + 100, NORTH - 300, WEST + 250, NORTH - 100)
    assert picture_bands(scene) == ("red", "green", "blue")
    got = read_window(scene, bounds, "EPSG:32719", picture_bands(scene))
    assert got.shape == (3, 20, 15)
    np.testing.assert_allclose(got[0], bands["red"][10:30, 10:25], atol=5e-5)


def test_a_scene_with_a_ready_index_is_shown_by_it(tmp_path):
    folder = stac_folder.item_folder(tmp_path, "free", "N")
    values = np.where(np.eye(4) > 0, np.nan, 0.8).astype(np.float32)
    place = Affine(30, 0, WEST, 0, -30, NORTH)
    asset = stac_folder.make_asset(folder, "ndvi", values, "EPSG:32719", place, nodata=np.nan)
    asset["raster:bands"] = [{"nodata": "nan"}]
    item = stac_folder.make_item("N", "free", TIME, {"ndvi": asset}, {"platform": "landsat-8"})
    stac_folder.write_item(tmp_path, item)
    (scene,) = scenes(tmp_path)
    assert picture_bands(scene) == ("ndvi",)
    got = read_window(scene, (WEST, NORTH - 120, WEST + 120, NORTH), "EPSG:32719", ("ndvi",))
    np.testing.assert_array_equal(got[0], values)
