import numpy as np
import pytest
import shapely
import xarray as xr

import bolivia_folder
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.stack import encode
from selvawatch.prepare.ingest import ingest_scenes, scenes_on
from selvawatch.prepare.observation_files import list_days, open_stack
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_scene


def grid(x=0.0, y=0.0):
    return Grid(
        crs=bolivia_folder.CRS,
        resolution=30,
        tile_px=100,
        anchor_x=bolivia_folder.ANCHOR[0] + x,
        anchor_y=bolivia_folder.ANCHOR[1] + y,
    )


@pytest.fixture(scope="module")
def netcdf(reference_data):
    return reference_data / "bolivia-s1-landsat-raster" / "bolivia_north.nc"


@pytest.fixture(scope="module")
def scenes(netcdf, tmp_path_factory):
    folder = bolivia_folder.write_bolivia(netcdf, tmp_path_factory.mktemp("bolivia"))
    found = open_source(f"folder:{folder}").search(
        shapely.box(-63, -19, -62, -18), to_day("2015-01-01"), to_day("2017-01-01")
    )
    assert found.problems == ()
    return found.scenes


def test_the_36_dates_are_found_as_two_ready_sensors(scenes):
    assert len(scenes) == 36
    assert {scene.sensor for scene in scenes} == {"sentinel-1-vv-db", "landsat-ndvi"}


def test_on_the_archives_own_anchor_every_read_is_bit_equal(scenes, netcdf):
    tile = grid().tile("x0000ym0001")
    with xr.open_dataset(netcdf) as cube:
        for scene in scenes:
            radar = scene.sensor == "sentinel-1-vv-db"
            variable, time, band = (
                ("s1_vv_db", "time_s1", "vv") if radar else ("landsat_ndvi", "time_landsat", "ndvi")
            )
            expected = cube[variable].sel({time: np.datetime64(scene.day, "D")}).values
            got = read_scene(scene, tile, [band])[band].values
            np.testing.assert_array_equal(got[:50], expected)
            assert np.isnan(got[50:]).all()


def test_on_another_anchor_the_read_is_the_nearest_pixel(scenes, netcdf):
    tile = grid(x=10.0, y=-40.0).tile("x0000ym0001")
    scene = next(scene for scene in scenes if scene.sensor == "landsat-ndvi")
    got = read_scene(scene, tile, ["ndvi"])["ndvi"].values
    with xr.open_dataset(netcdf) as cube:
        expected = cube["landsat_ndvi"].sel(time_landsat=np.datetime64(scene.day, "D")).values
    np.testing.assert_array_equal(got[:49], expected[1:])


def test_every_date_becomes_an_observation_and_the_empty_ones_say_so(scenes, netcdf, tmp_path):
    tile = grid().tile("x0000ym0001")
    taken = ingest_scenes(scenes_on(scenes, tile), tile, RECIPE, tmp_path)
    assert [record.state for record in taken] == ["read"] * 36
    with xr.open_dataset(netcdf) as cube:
        held = sum(int(np.isfinite(cube[name].values).any((1, 2)).sum()) for name in bolivia_folder.LAYERS)
    assert sum(record.clear_share > 0 for record in taken) == held == 26
    assert len(list_days(tmp_path, "sentinel-1")) == 22 and len(list_days(tmp_path, "landsat")) == 14
    stack = open_stack(tmp_path, "sentinel-1", "vv").compute()
    with xr.open_dataset(netcdf) as cube:
        np.testing.assert_array_equal(stack.values[:, :50], encode(cube["s1_vv_db"].values, 1e-2))
