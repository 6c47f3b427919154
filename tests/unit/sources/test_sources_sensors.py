import datetime as dt

import numpy as np
import pytest
import shapely

from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SceneError
from selvawatch.sources.sensors import quality
from selvawatch.sources.sensors.sensor_table import SENSORS, missing, recognise, scaling_of, stream_of

OPTICAL = ("blue", "green", "red", "nir", "swir16", "swir22", "scl")
LANDSAT = ("blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel")
THRESHOLDS = quality.QualityThresholds(cloud_score=0.6)
MICROSOFT = ("B02", "B03", "B04", "B08", "B11", "B12", "SCL")


def scene(sensor, collection, keys, processing="", orbit="", properties=None, **said):
    return Scene(
        id="a",
        sensor=sensor,
        collection=collection,
        time=dt.datetime(2024, 6, 1, tzinfo=dt.UTC),
        footprint=shapely.box(-70, -13, -69, -12),
        assets={key: Asset(href=f"/x/{key}.tif", **said) for key in keys},
        processing=processing,
        orbit=orbit,
        properties=properties or {},
    )


@pytest.mark.parametrize(
    ("collection", "platform", "assets", "name"),
    [
        ("sentinel-2-c1-l2a", "sentinel-2b", OPTICAL, "sentinel-2"),
        ("sentinel-2-l2a", "Sentinel-2A", MICROSOFT, "sentinel-2"),
        ("landsat-c2-l2", "landsat-9", LANDSAT, "landsat-9"),
        ("landsat-c2-l2", "landsat-5", LANDSAT, "landsat-5"),
        ("landsat-c2-l2", "landsat-4", LANDSAT, None),
        ("sentinel-1-rtc", "SENTINEL-1A", ("vv", "vh"), "sentinel-1"),
        ("hls2-l30", "landsat-8", ("B02",), "hls-l30"),
        ("free", "landsat-8", ("ndvi",), "landsat-ndvi"),
        ("free", "landsat-8", LANDSAT, "landsat-8"),
        ("free", "sentinel-1a", ("vv_db",), "sentinel-1-vv-db"),
        ("free", "sentinel-2a", ("nbr",), "sentinel-2-ndvi"),
        ("free", "", ("ndvi",), None),
        ("free", "spot-5", ("ndvi",), None),
    ],
)
def test_a_sensor_is_told_by_collection_platform_and_assets(collection, platform, assets, name):
    sensor = recognise(collection, platform, "", assets)
    assert (sensor.name if sensor else None) == name


@pytest.mark.parametrize("name", sorted(SENSORS))
def test_every_sensor_can_read_what_it_promises(name):
    from selvawatch.prepare.indices import INDICES

    sensor = SENSORS[name]
    assert sensor.indices
    for index in sensor.indices:
        made_of = {index} if sensor.ready else set(INDICES[index].bands)
        assert made_of <= set(sensor.bands)
    assert not missing(
        sensor, [key for band in {**sensor.bands, **sensor.quality}.values() for key in band.assets]
    )


def test_what_is_missing_is_named():
    assert missing(SENSORS["sentinel-2"], [key for key in OPTICAL if key not in ("nir", "scl")]) == [
        "nir",
        "scl",
    ]
    assert missing(SENSORS["sentinel-1"], ["vv"]) == []


@pytest.mark.parametrize(
    ("collection", "processing", "properties", "expected"),
    [
        ("sentinel-2-c1-l2a", "", {}, (1e-4, -0.1)),
        ("sentinel-2-l2a", "05.11", {}, (1e-4, -0.1)),
        ("sentinel-2-l2a", "03.01", {}, (1e-4, 0.0)),
        ("sentinel-2-l2a", "05.11", {"earthsearch:boa_offset_applied": "true"}, (1e-4, 0.0)),
        ("COPERNICUS/S2_SR_HARMONIZED", "05.11", {}, (1e-4, 0.0)),
    ],
)
def test_offset_follows_the_processing_baseline(collection, processing, properties, expected):
    got = scaling_of(scene("sentinel-2", collection, OPTICAL, processing, properties=properties), "red")
    assert got == expected


def test_an_item_that_contradicts_the_rule_is_refused():
    for collection, processing, offset in (
        ("sentinel-2-c1-l2a", "05.11", 0.0),
        ("sentinel-2-l2a", "03.01", -0.1),
    ):
        with pytest.raises(SceneError, match="contradict") as caught:
            scaling_of(scene("sentinel-2", collection, OPTICAL, processing, scale=1e-4, offset=offset), "red")
        assert caught.value.reason == "offset"


def test_an_unknown_baseline_is_refused_unless_the_item_says():
    with pytest.raises(SceneError, match="neither the item nor a rule") as caught:
        scaling_of(scene("sentinel-2", "sentinel-2-l2a", OPTICAL), "red")
    assert caught.value.reason == "offset"
    assert scaling_of(scene("sentinel-2", "sentinel-2-l2a", OPTICAL, scale=1e-4), "red") == (1e-4, 0.0)


def test_a_ready_index_is_physical_unless_the_item_scales_it():
    assert scaling_of(scene("landsat-ndvi", "free", ["ndvi"]), "ndvi") == (1.0, 0.0)
    assert scaling_of(scene("landsat-ndvi", "free", ["ndvi"], scale=1e-4), "ndvi") == (1e-4, 0.0)


def test_orbits_are_streams_of_their_own():
    assert (
        stream_of(scene("sentinel-1", "sentinel-1-rtc", ["vv"], orbit="ascending")) == "sentinel-1-ascending"
    )
    assert stream_of(scene("landsat-9", "landsat-c2-l2", LANDSAT)) == "landsat"


def test_scl_keeps_what_turbid_ponds_fall_in():
    clear = quality.scl_clear({"scl": np.arange(12, dtype=np.uint8)}, THRESHOLDS)
    assert np.flatnonzero(clear).tolist() == [2, 4, 5, 6, 7]


def test_qa_pixel_keeps_water_and_drops_fill_cloud_shadow_and_snow():
    clear_land, water = 0b0000001001000000, 0b0000001011000000
    bits = np.array([clear_land, water, *(clear_land | 1 << bit for bit in range(6))], np.uint16)
    assert quality.qa_pixel_clear({"qa_pixel": bits}, THRESHOLDS).tolist() == [True, True] + [False] * 6
    saturated = np.array([0, 8] + [0] * 6, np.uint16)
    assert (
        quality.qa_pixel_clear({"qa_pixel": bits, "qa_radsat": saturated}, THRESHOLDS).tolist()
        == [True] + [False] * 7
    )


def test_fmask_drops_cloud_its_edge_shadow_snow_and_fill():
    codes = np.array([0, 32, 192, 2, 4, 8, 16, 255], np.uint8)
    assert quality.fmask_clear({"fmask": codes}, THRESHOLDS).tolist() == [True] * 3 + [False] * 5
