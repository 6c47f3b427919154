import datetime as dt

import numpy as np
import pytest
import shapely

from selvawatch.prepare.mask import Screening, flags, screen
from selvawatch.prepare.pixel_kernels import UNSEEN
from selvawatch.site import Site, default_site
from selvawatch.sources.catalogues.items import collect
from selvawatch.sources.catalogues.spellings import by_band_name
from selvawatch.sources.sensors import radar_products
from selvawatch.sources.sensors.platforms import platform_spelled

BOX = shapely.geometry.mapping(shapely.box(-70, -13, -69, -12))
OPERA = "OPERA_L2_RTC-S1_T{}-{}-IW2_20200101T161622Z_{}_S1A_30_v1.0"
EARLY, LATE = "20200102T000000Z", "20250911T203016Z"


def found(collection, assets, name="a", **properties):
    item = {
        "id": name,
        "collection": collection,
        "geometry": BOX,
        "properties": {"datetime": "2024-06-01T10:00:00Z", **properties},
        "assets": {key: {"href": f"{key}.tif"} for key in assets},
    }
    return collect([("x", item)], shapely.box(-180, -90, 180, 90), 0, 60_000, lambda _, href: href)


@pytest.mark.parametrize("collection", ["sentinel-1-grd", "sentinel1-grd", "", "mine", "sentinel-1-rtc"])
@pytest.mark.parametrize("kind", ["GRD", "SLC", "grd", "OCN"])
def test_raw_radar_is_refused_in_any_collection(collection, kind):
    said = {"platform": "sentinel-1a", "sat:orbit_state": "descending", "sar:product_type": kind}
    result = found(collection, ["vv", "vh"], **said, **{"proj:epsg": 4326})
    assert [(one.reason, kind.upper() in one.text) for one in result.problems] == [("raw", True)]


@pytest.mark.parametrize(
    "name",
    ["S1A_IW_GRDH_1SDV_20240604T100000_20240604T100025_054170_0696AA", "S1A_IW_SLC__1SDV_x", "other"],
)
def test_radar_that_states_neither_product_nor_grid_is_refused(name):
    result = found("mine", ["vv"], name, platform="SENTINEL-1A", **{"sat:orbit_state": "descending"})
    assert [one.reason for one in result.problems] == ["raw"]


def test_corrected_radar_is_read_whatever_it_was_made_from():
    said = {"platform": "SENTINEL-1A", "sat:orbit_state": "descending", "sat:relative_orbit": 51}
    for name, collection, more in (
        ("S1A_IW_GRDH_x_rtc", "sentinel-1-rtc", {"sar:product_type": "GRD", "proj:epsg": 32719}),
        ("a", "mine", {"sar:product_type": "RTC"}),
        ("a", "mine", {"sar:product_type": "NRB"}),
        ("a", "mine", {"proj:code": "EPSG:32719"}),
    ):
        (scene,) = found(collection, ["vv", "vh"], name, **said, **more).scenes
        assert (scene.orbit, scene.track) == ("descending", "51")


@pytest.mark.parametrize(
    ("said", "name", "track"),
    [
        ({"sat:relative_orbit": 127}, "", "127"),
        ({"sat:relative_orbit": "54"}, "", "54"),
        ({"sat:relative_orbit": 0}, "", ""),
        ({"sat:relative_orbit": 176}, "", ""),
        ({"sat:relative_orbit": True}, "", ""),
        ({"sat:relative_orbit": 1.5}, "", ""),
        ({}, OPERA.format("087", "185679", LATE), "87"),
        ({}, "S1A_IW_GRDH_1SDV_20240419T045904_20240419T045916_053498_067DF2_rtc", "51"),
        ({}, "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13", "59"),
        ({}, "S1A_20200103", ""),
        ({}, "S1C_IW_GRDH_1SDV_20250110T224512_20250110T224537_001000_000001_ABCD", "129"),
        ({}, "S1C_IW_GRDH_1SDV_20260801T224512_20260801T224537_009000_000001_ABCD", ""),
        ({}, "S1D_IW_GRDH_1SDV_20260922T111440_20260922T111505_004689_008C3D_9D0D", "98"),
        ({}, "S1D_IW_GRDH_1SDV_20260927T112236_20260927T112305_004762_008EC4_A3A7", "171"),
    ],
)
def test_the_track_is_what_the_item_or_its_id_says(said, name, track):
    assert radar_products.track_of(said, name) == track


@pytest.mark.parametrize(
    ("track", "burst", "direction"), [("087", "185679", "descending"), ("035", "073251", "ascending")]
)
def test_the_direction_of_an_opera_burst_follows_from_its_number(track, burst, direction):
    assert radar_products.direction_of({}, OPERA.format(track, burst, LATE)) == direction
    assert radar_products.direction_of({"sat:orbit_state": "ASCENDING"}, "a") == "ascending"
    assert radar_products.direction_of({}, "a") == ""


def opera(name):
    return {
        "id": name,
        "collection": "OPERA_L2_RTC-S1_V1_1",
        "geometry": BOX,
        "properties": {"datetime": "2020-01-01T16:16:22Z"},
        "assets": {"0_VV": {"href": "a.tif"}, "0_VH": {"href": "b.tif"}},
    }


def test_a_burst_made_anew_replaces_the_older_and_its_neighbours_stay():
    names = [OPERA.format("087", burst, made) for burst, made in
             (("185679", EARLY), ("185679", LATE), ("185680", EARLY))]  # fmt: skip
    every = shapely.box(-180, -90, 180, 90)
    result = collect([("x", opera(name)) for name in names], every, 0, 60_000, lambda _, href: href)
    assert [scene.id for scene in result.scenes] == names[1:]
    assert [one.scene.id for one in result.superseded] == names[:1]
    assert {(scene.track, scene.orbit, scene.sensor) for scene in result.scenes} == {
        ("87", "descending", "sentinel-1-opera")
    }


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("Sentinel-2D", "sentinel-2d"),
        ("Sentinel 2", "sentinel-2"),
        ("SENTINEL_2C", "sentinel-2c"),
        ("sentinel2b", "sentinel-2b"),
        ("LANDSAT_9", "landsat-9"),
        ("Landsat 8", "landsat-8"),
        (" SENTINEL-1C ", "sentinel-1c"),
        ("spot 5", "spot-5"),
    ],
)
def test_a_platform_is_known_however_it_is_spelled(text, spelled):
    assert platform_spelled(text) == spelled


def test_a_band_is_found_by_its_name_where_one_asset_alone_has_it():
    assets = {
        "nir_narrow": {"eo:bands": [{"name": "B8A"}]},
        "swir": {"bands": [{"name": "B11"}]},
        "SR_B2.TIF": {"eo:bands": [1]},
        "red_10": {"eo:bands": [{"name": "B04"}]},
        "red_60": {"eo:bands": [{"name": "B04"}]},
        "picture": {"eo:bands": [{"name": "B02"}], "roles": ["visual"]},
        "stack": {"bands": [{"name": "B03"}, {"name": "B05"}]},
    }
    assert set(by_band_name(assets)) - set(assets) == {"B8A", "B11", "SR_B2"}


@pytest.mark.parametrize(
    ("start", "end", "time"),
    [
        ("2024-06-01T10:00:00Z", "2024-06-01T10:00:30Z", dt.datetime(2024, 6, 1, 10, 0, 15, tzinfo=dt.UTC)),
        ("2024-06-01T00:00:00Z", "2024-06-30T00:00:00Z", None),
        ("2024-06-01T10:00:30Z", "2024-06-01T10:00:00Z", None),
        ("2024-06-01T10:00:00Z", None, None),
        ("2024-06-01T10:00:00", "2024-06-01T10:00:30Z", None),
    ],
)
def test_a_time_is_the_middle_of_a_short_span_and_never_of_a_long_one(start, end, time):
    said = {"platform": "sentinel-1a", "sat:orbit_state": "descending", "sar:product_type": "RTC"}
    span = {"datetime": None, "start_datetime": start, "end_datetime": end}
    result = found("mine", ["vv"], **said, **span)
    assert [scene.time for scene in result.scenes] == ([time] if time else [])
    assert [one.reason for one in result.problems] == ([] if time else ["datetime"])


RULE: Screening = Site.load(default_site()).recipe.screening
FOREST = {"blue": 0.02, "green": 0.04, "red": 0.03, "nir": 0.32, "swir16": 0.16, "swir22": 0.07}


@pytest.mark.parametrize("band", sorted(FOREST))
def test_a_pixel_of_which_a_band_was_not_recorded_is_not_seen(band):
    bands = {name: np.full((3, 3), value, np.float32) for name, value in FOREST.items()}
    bands[band][1, 1] = -0.0999
    assert (flags(bands, RULE) == UNSEEN).nonzero() == ([1], [1])
    assert not screen(bands, RULE)[1, 1] and screen(bands, RULE).sum() == 8


def test_dark_water_whose_blue_was_corrected_a_little_too_far_is_seen():
    bands = {name: np.full(1, value, np.float32) for name, value in FOREST.items()}
    bands |= {"blue": np.full(1, -0.03, np.float32)}
    assert flags(bands, RULE)[0] != UNSEEN
