"""Simulated scenes look like the real archives: numbers, grids, masks and metadata."""

import numpy as np
import pystac
import pytest
import rasterio
from scipy import ndimage

from selvawatch.core.grid import Grid
from selvawatch.simulate.archive.scene_files import scene_id, timetable
from selvawatch.simulate.climate import wetness
from selvawatch.simulate.noise import NoiseBank, enlarge, generator, smooth_field
from selvawatch.simulate.sky.landsat import PIXEL_M, landsat_grid
from selvawatch.simulate.sky.optical import halve
from selvawatch.simulate.sky.weather import cloud_cover, draw_sky


def _items(archive, collection):
    catalog = pystac.Catalog.from_file(archive.catalog)
    return sorted(catalog.get_child(collection).get_items(), key=lambda item: item.id)


def _read(item, key):
    with rasterio.open(item.assets[key].get_absolute_href()) as file:
        return file.read(1), file.profile


def _calm(archive):
    """Forest that is never touched nor near anything else, on the 10 m grid."""
    with rasterio.open(archive.truth / "share.tif") as file:
        touched = file.read(1) > 0
    with rasterio.open(archive.truth / "forest.tif") as file:
        touched |= file.read(1) == 0
    return ~ndimage.binary_dilation(touched, iterations=6)


def test_the_catalogue_lists_every_acquisition_once(small_archive, small_plan):
    catalog = pystac.Catalog.from_file(small_archive.catalog)
    ids = sorted(item.id for item in catalog.get_items(recursive=True))
    assert ids == sorted(scene_id(slot) for slot in timetable(small_plan))
    assert len(ids) == len(set(ids)) == small_archive.scenes


@pytest.mark.parametrize(
    ("collection", "keys", "epsg"),
    [
        ("sentinel-2-c1-l2a", {"blue", "green", "red", "nir", "swir16", "swir22", "scl"}, 32719),
        ("landsat-c2-l2", {"blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"}, 32619),
        ("sentinel-1-rtc", {"vv", "vh"}, 32719),
    ],
)
def test_an_item_says_of_its_files_what_the_files_say(small_archive, collection, keys, epsg):
    item = _items(small_archive, collection)[3]
    assert set(item.assets) == keys
    for key, asset in item.assets.items():
        values, profile = _read(item, key)
        band = asset.extra_fields["raster:bands"][0]
        assert asset.extra_fields["proj:code"] == f"EPSG:{epsg}"
        assert profile["crs"].to_epsg() == epsg
        assert asset.extra_fields["proj:shape"] == list(values.shape)
        assert asset.extra_fields["proj:transform"] == list(profile["transform"])[:6]
        assert band["nodata"] == profile["nodata"]
        assert band["data_type"] == profile["dtype"]


def test_sentinel_2_numbers_carry_the_offset_and_forest_has_its_level(small_archive):
    item = min(_items(small_archive, "sentinel-2-c1-l2a"), key=lambda item: item.properties["eo:cloud_cover"])
    assert float(item.properties["s2:processing_baseline"]) >= 5.0
    band = item.assets["red"].extra_fields["raster:bands"][0]
    assert (band["scale"], band["offset"]) == (0.0001, -0.1)
    classes, profile = _read(item, "scl")
    assert profile["transform"].a == 20
    clear = np.kron(classes == 4, np.ones((2, 2), bool)) & _calm(small_archive)
    red, nir = ((_read(item, key)[0] * 0.0001 - 0.1)[clear] for key in ("red", "nir"))
    assert 0.015 < np.median(red) < 0.06
    assert 0.24 < np.median(nir) < 0.36


def test_landsat_covers_the_tile_in_the_northern_zone_at_odd_multiples_of_15_m(small_archive, small_tile):
    _, profile = _read(_items(small_archive, "landsat-c2-l2")[0], "red")
    transform = profile["transform"]
    west, south, east, north = small_tile.bounds
    right = transform.c + PIXEL_M * profile["width"]
    bottom = transform.f - PIXEL_M * profile["height"]
    assert transform.f < 0
    assert transform.c % PIXEL_M == transform.f % PIXEL_M == 15
    assert transform.c <= west
    assert right >= east
    assert transform.f >= north - 10_000_000
    assert bottom <= south - 10_000_000


@pytest.mark.parametrize("row", [6700, 6701, 6702])
def test_landsat_means_are_those_of_a_5_m_grid(row):
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=32).tile(f"x{row % 97:04d}y{row:04d}")
    grid = landsat_grid(tile)
    values = np.random.default_rng(row).random((32, 32)).astype(np.float32)
    fine = np.kron(values, np.ones((2, 2)))
    west, _, _, north = tile.bounds
    top = round((grid.transform.f - (north - 10_000_000)) / 5)
    left = round((west - grid.transform.c) / 5)
    rows, columns = grid.shape
    padded = np.pad(fine, ((top, rows * 6 - top - 64), (left, columns * 6 - left - 64)), "edge")
    slow = padded.reshape(rows, 6, columns, 6).mean((1, 3))
    inner = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(grid.mean(values)[inner], slow[inner], rtol=1e-5)
    np.testing.assert_allclose(grid.mean(np.full((16, 16), 3.0, np.float32)), 3.0, rtol=1e-6)


def test_landsat_and_sentinel_2_see_the_same_forest(small_archive):
    levels = {}
    for collection, key, scale, offset in (
        ("sentinel-2-c1-l2a", "nir", 0.0001, -0.1),
        ("landsat-c2-l2", "nir08", 2.75e-05, -0.2),
    ):
        items = _items(small_archive, collection)
        clearest = sorted(items, key=lambda item: item.properties["eo:cloud_cover"])[:5]
        levels[collection] = np.median([np.median(_read(item, key)[0]) * scale + offset for item in clearest])
    assert levels["landsat-c2-l2"] == pytest.approx(levels["sentinel-2-c1-l2a"], rel=0.12)


def test_quality_masks_hold_only_codes_of_the_real_products(small_archive):
    for item in _items(small_archive, "sentinel-2-c1-l2a"):
        assert set(np.unique(_read(item, "scl")[0])) <= set(range(2, 11))
    for item in _items(small_archive, "landsat-c2-l2"):
        assert set(np.unique(_read(item, "qa_pixel")[0])) <= {21824, 21952, 22280, 21826, 23888, 54596}


def test_quality_masks_miss_some_clouds(small_archive):
    calm, missed, seen = _calm(small_archive), 0, 0
    for item in _items(small_archive, "sentinel-2-c1-l2a"):
        clear = np.kron(np.isin(_read(item, "scl")[0], (2, 4, 5, 6, 7)), np.ones((2, 2), bool)) & calm
        blue = _read(item, "blue")[0] * 0.0001 - 0.1
        missed += int((clear & (blue > 0.1)).sum())
        seen += int(clear.sum())
    assert 0.001 < missed / seen < 0.2


def test_radar_is_linear_power_of_forest(small_archive):
    item = _items(small_archive, "sentinel-1-rtc")[2]
    assert item.properties["sat:orbit_state"] == "descending"
    calm = _calm(small_archive)
    vv, vh = (10 * np.log10(_read(item, key)[0][calm].mean()) for key in ("vv", "vh"))
    assert vv == pytest.approx(-7.5, abs=1)
    assert vh == pytest.approx(-13.3, abs=1)


def test_speckle_has_mean_one_and_the_observations_asked_for():
    bank = NoiseBank.speckle(generator(1, "test"), 400, 1, 4.6)
    assert bank.fields.min() > 0
    assert bank.fields.mean() == pytest.approx(1, abs=0.01)
    # 160 000 correlated pixels: the sampling error of the observations is about 2 %, the gamma's rounding
    # less sert 1 / bank.fields.var() == pytest.approx(4.6, rel=0.06)


def test_most_rainy_dates_are_overcast_and_most_dry_dates_are_not(small_plan):
    days = range(18_262, 18_262 + 4 * 365)
    cover = np.array([cloud_cover(small_plan, day) for day in days])
    rainy = np.array([wetness(day) > 0.95 for day in days])
    dry = np.array([wetness(day) < 0.05 for day in days])
    asked = small_plan.weather.wet_overcast_share
    assert (cover[rainy] >= 0.8).mean() == pytest.approx(asked, abs=0.08)
    assert (cover[dry] <= 0.4).mean() == pytest.approx(small_plan.weather.dry_clear_share, abs=0.08)


def test_shadows_lie_beside_clouds_not_under_them(small_plan):
    sky = draw_sky(small_plan, 19_580, 128, -12.8)
    assert (sky.shadow + sky.cloud).max() <= 1 + 1e-6
    assert not (sky.flagged_shadow & sky.flagged_cloud).any()


def test_a_sky_depends_on_its_day_only(small_plan):
    one, other, again = (draw_sky(small_plan, day, 64, -12.8) for day in (19_400, 19_401, 19_400))
    np.testing.assert_array_equal(one.cloud, again.cloud)
    assert not np.array_equal(one.haze, other.haze)


@pytest.mark.parametrize("scale", [1.0, 4.0, 20.0])
def test_smooth_fields_have_unit_variance(scale):
    # the error of the variance falls with the number of independent patches, (size / scale)^2
    field = smooth_field(generator(3, scale), 600, scale)
    assert field.std() == pytest.approx(1, abs=0.12)


def test_enlarging_meets_the_samples_and_halves_between():
    coarse = np.arange(16, dtype=np.float32).reshape(4, 4)
    large = enlarge(coarse, 6, 2)
    np.testing.assert_allclose(large[::2, ::2], coarse[:3, :3])
    np.testing.assert_allclose(large[1, ::2], (coarse[0, :3] + coarse[1, :3]) / 2)


def test_halving_takes_means_of_four():
    values = np.random.default_rng(0).random((6, 8)).astype(np.float32)
    np.testing.assert_allclose(halve(values), values.reshape(3, 2, 4, 2).mean((1, 3)), rtol=1e-6)
