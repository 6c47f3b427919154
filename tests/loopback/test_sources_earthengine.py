import pickle

import ee
import numpy as np
import pytest
import shapely

import earthengine_archive
import earthengine_server
import stac_folder
from engine_account import engine_account
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError, SourceError
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.site import Site
from selvawatch.sources.catalogues.earth_engine import EarthEngineSource
from selvawatch.sources.earthengine import pixels
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_window
from selvawatch.sources.sensors.quality import QualityThresholds, scl_clear
from selvawatch.sources.sensors.sensor_table import SENSORS, stream_of
from selvawatch.sources.source import Source
from selvawatch.steps.mirror import mirror
from selvawatch.steps.scenes import SceneQuery
from small_site import AREA, lay_site

EVERYWHERE = shapely.box(-75, -20, -60, 0)
THRESHOLDS = QualityThresholds(cloud_score=0.6)
DAYS = (to_day("2022-12-01"), to_day("2024-08-31"))
OPTICAL = ("blue", "green", "red", "nir", "swir16", "swir22")


@pytest.fixture
def account(monkeypatch, tmp_path):
    """Give the environment of a service account for a server; nothing of it outlives the test."""
    with engine_account(monkeypatch, tmp_path) as enter:
        yield enter


@pytest.fixture(scope="module")
def chosen(small_archive):
    """Two scenes of each sensor and orbit of the simulated archive, from its folder."""
    found = open_source(f"folder:{small_archive.catalog.parent}").search(EVERYWHERE, *DAYS)
    groups = {}
    for scene in sorted(found.scenes, key=lambda scene: scene.cloud_percent or 0):
        groups.setdefault((scene.sensor, scene.orbit), []).append(scene)
    return [scene for scenes in groups.values() for scene in scenes[:2]]


@pytest.fixture(scope="module")
def served(chosen, tmp_path_factory):
    records = earthengine_archive.records_of(chosen, tmp_path_factory.mktemp("engine"))
    with earthengine_server.serve(records) as server:
        yield server


@pytest.fixture
def pair(chosen, served, account):
    """The same scenes through the folder and through Earth Engine, by id."""
    account(served)
    found = open_source("earthengine").search(EVERYWHERE, *DAYS)
    assert found.problems == () and len(found.scenes) == len(chosen)
    by_id = {scene.id: scene for scene in found.scenes}
    return [(scene, by_id[scene.id]) for scene in chosen]


def test_the_source_keeps_the_protocol_and_no_secret():
    source = open_source("earthengine")
    assert isinstance(source, Source) and source.name == "earthengine"
    assert pickle.loads(pickle.dumps(source)) == source and len(pickle.dumps(source)) < 300


def test_optical_images_give_the_bits_of_the_files(pair, small_tile):
    optical = [(here, there) for here, there in pair if here.sensor != "sentinel-1"]
    assert {here.sensor for here, _ in optical} >= {"sentinel-2", "landsat-8"}
    for here, there in optical:
        assert (there.sensor, there.day, there.cloud_percent) == (here.sensor, here.day, here.cloud_percent)
        expected = open_source("earthengine").read(here, small_tile, OPTICAL, 7)
        got = open_source("earthengine").read(there, small_tile, OPTICAL, 7)
        for name in expected:
            np.testing.assert_array_equal(got[name].values, expected[name].values)
            assert got[name].dtype == expected[name].dtype
        assert np.isfinite(got["red"].values).any()


def test_radar_gives_the_power_of_the_files_to_a_millionth(pair, small_tile):
    radar = [(here, there) for here, there in pair if here.sensor == "sentinel-1"]
    assert {there.orbit for _, there in radar} == {here.orbit for here, _ in radar} and radar
    for here, there in radar:
        expected = open_source("earthengine").read(here, small_tile, ["vv", "vh"], 1)
        got = open_source("earthengine").read(there, small_tile, ["vv", "vh"], 1)
        for name in ("vv", "vh"):
            np.testing.assert_allclose(got[name].values, expected[name].values, rtol=2e-6)


def test_the_stack_is_the_same_bit_for_bit_and_radar_within_its_last_step(pair, small_tile, tmp_path):
    source = open_source("earthengine")
    for place, scenes in zip(("files", "engine"), zip(*pair, strict=True), strict=True):
        records = ingest_scenes(scenes, small_tile, RECIPE, tmp_path / place, read=source.read)
        assert {(record.state, record.text) for record in records} == {("read", "")}
    for here, _ in pair:
        observations = [
            read_observation(observation_path(tmp_path / place, stream_of(here), here.day))
            for place in ("files", "engine")
        ]
        for name, values in observations[0].values.items():
            other = observations[1].values[name]
            if here.orbit:
                assert np.abs(values.astype(int) - other).max() <= 1 and np.mean(values != other) < 1e-3
            else:
                np.testing.assert_array_equal(other, values)


def test_an_image_and_tile_cost_one_request_with_all_bands(pair, served, small_tile):
    for _, there in pair:
        served.requests.clear()
        served.grids.clear()
        bands = ("vv", "vh") if there.orbit else OPTICAL
        open_source("earthengine").read(there, small_tile, bands, 3)
        assert served.requests == {"image:computePixels": 1}
        resolution = 30 if there.sensor.startswith("landsat") else 10
        assert served.grids[0]["affineTransform"]["scaleX"] == resolution


def test_a_year_is_found_with_few_requests(served, account):
    account(served)
    open_source("earthengine").search(EVERYWHERE, *DAYS)
    served.requests.clear()
    EarthEngineSource(families=("landsat",)).search(EVERYWHERE, DAYS[0], DAYS[0] + 364)
    assert served.requests == {"value:compute": 8}


def test_an_answer_that_would_be_too_large_is_asked_for_in_strips(pair, served, small_tile, monkeypatch):
    here, there = _optical(pair)
    expected = open_source("earthengine").read(here, small_tile, OPTICAL)
    monkeypatch.setattr(pixels, "MOST_BYTES", 20_000)
    monkeypatch.setattr(served, "most_bytes", 20_000)
    served.requests.clear()
    got = open_source("earthengine").read(there, small_tile, OPTICAL)
    assert served.requests["image:computePixels"] > 1
    for name in expected:
        np.testing.assert_array_equal(got[name].values, expected[name].values)


def test_too_many_images_are_listed_in_halves(served, account, monkeypatch):
    account(served)
    whole = open_source("earthengine").search(EVERYWHERE, *DAYS)
    monkeypatch.setattr("earthengine_answers.MOST_LISTED", 2)
    assert open_source("earthengine").search(EVERYWHERE, *DAYS) == whole


def test_pictures_can_be_read_from_an_image(pair, small_tile):
    here, there = _optical(pair)
    west, south, _, _ = small_tile.bounds
    bounds = (west + 100, south + 100, west + 400, south + 400)
    expected, got = (
        read_window(one, bounds, "EPSG:32719", ("red", "green", "blue")) for one in (here, there)
    )
    np.testing.assert_array_equal(got, expected)


def test_a_mirror_of_images_gives_their_bits_and_is_fetched_once(
    pair, served, small_archive, small_plan, small_tile, tmp_path
):
    site = Site.load(lay_site(tmp_path / "site", small_archive, small_plan, small_tile), "aoi/site.toml")
    folder, here = tmp_path / "mirror", {there.id: there for _, there in pair}
    served.requests.clear()
    query = SceneQuery(area=AREA, first_day=DAYS[0], last_day=DAYS[1], source="earthengine")
    report = mirror(site, query, folder)
    wanted = [one for one in here.values() if (one.cloud_percent or 0) <= site.search.max_cloud_percent]
    assert (report.new, report.cloudy, report.unread) == (len(wanted), len(here) - len(wanted), ())
    two_grids = sum(one.sensor == "sentinel-2" for one in wanted)
    assert served.requests["image:computePixels"] == len(wanted) + two_grids
    copies = open_source(f"folder:{folder}").search(EVERYWHERE, *DAYS)
    assert copies.problems == () and {one.id for one in copies.scenes} == {one.id for one in wanted}
    assert {one.sensor for one in copies.scenes} >= {"sentinel-2", "landsat-8", "sentinel-1-grd"}
    for copy in copies.scenes:
        there = here[copy.id]
        assert (copy.sensor, copy.day, copy.orbit, copy.processing) == (
            there.sensor, there.day, there.orbit, there.processing
        )  # fmt: skip
        bands = ("vv", "vh") if copy.orbit else OPTICAL
        got, expected = (open_source("earthengine").read(one, small_tile, bands, 7) for one in (copy, there))
        assert set(got) == set(expected)
        for name in expected:
            np.testing.assert_array_equal(got[name].values, expected[name].values)
    served.requests.clear()
    again = mirror(site, query, folder)
    assert (again.new, again.here) == (0, len(wanted)) and "image:computePixels" not in served.requests


@pytest.fixture
def dark(tmp_path):
    """One small Sentinel-2 scene with a reflectance of exactly 0, no data, and its records."""
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=64).tile("x0600y14000")
    west, _, _, north = tile.bounds
    red = np.full((48, 48), 0.2)
    red[:8], red[8:16] = 0.0, np.nan
    stac_folder.sentinel_2(
        tmp_path / "folder", "S", "2024-06-01T15:00:00Z", dict.fromkeys(OPTICAL, red), west, north
    )
    stac_folder.write_catalog(tmp_path / "folder")
    scenes = open_source(f"folder:{tmp_path / 'folder'}").search(EVERYWHERE, *DAYS).scenes
    return tile, scenes[0], earthengine_archive.records_of(scenes, tmp_path)


def test_zero_reflectance_is_seen_and_beyond_the_image_is_not(dark, account):
    tile, here, records = dark
    with earthengine_server.serve(records) as other:
        account(other)
        (there,) = open_source("earthengine").search(EVERYWHERE, *DAYS).scenes
        got = open_source("earthengine").read(there, tile, ["red"], 4)
        expected = open_source("earthengine").read(here, tile, ["red"], 4)
        np.testing.assert_array_equal(got["red"].values, expected["red"].values)
        assert (got["red"].values[4:12, 4:52] == 0).all() and np.isnan(got["red"].values[12:20]).all()
        assert np.isnan(got["red"].values[:4]).all() and np.isnan(got["red"].values[:, 52:]).all()


def test_an_image_of_another_zone_is_reprojected_by_the_service(dark, account):
    _, here, records = dark
    tile = Grid(crs="EPSG:32718", resolution=10, tile_px=4096)
    x, y = here.footprint.centroid.coords[0]
    east, north = shapely.transform(shapely.Point(x, y), _to("EPSG:32718"), interleaved=False).coords[0]
    square = tile.tiles(shapely.box(east, north, east + 20, north + 20))[0]
    with earthengine_server.serve(records) as other:
        account(other)
        (there,) = open_source("earthengine").search(EVERYWHERE, *DAYS).scenes
        bounds = (east - 200, north - 200, east + 200, north + 200)
        got = read_window(there, bounds, square.grid.crs, ["red"])
        expected = read_window(here, bounds, square.grid.crs, ["red"])
        assert np.isfinite(got).mean() > 0.3
        assert np.isclose(got, expected, equal_nan=True).mean() > 0.98


def _to(crs):
    from pyproj import Transformer

    return Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform


def test_a_low_cloud_score_masks_what_the_scene_classification_let_pass(dark, account, tmp_path):
    tile, here, records = dark
    scores = np.full((48, 48), 0.9)
    scores[:, :5], scores[30:40, 30:40] = -1, 0.3
    record = records["COPERNICUS/S2_SR_HARMONIZED"][0]
    records["GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"] = [
        earthengine_archive.score(record, scores, tmp_path)
    ]
    with earthengine_server.serve(records) as other:
        account(other)
        source = open_source("earthengine")
        (there,) = source.search(EVERYWHERE, *DAYS).scenes
        data = source.read(there, tile, ["red"])
        layers = {name: data[name].values for name in ("scl", "cloud_score")}
        clear = SENSORS[there.sensor].clear(layers, THRESHOLDS)
        assert scl_clear({"scl": source.read(here, tile, ["red"])["scl"].values}, THRESHOLDS)[:48, :48].all()
        assert not clear[30:40, 30:40].any() and clear[:30, :48].all()
        assert clear[40:48, :48].all()


def _optical(pair):
    return next(both for both in pair if not both[0].orbit)


def test_quota_errors_are_tried_again_and_then_leave_one_scene_unread(pair, served, small_tile, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    _, there = _optical(pair)
    expected = open_source("earthengine").read(there, small_tile, ["red"])
    served.faults.append(earthengine_server.Fault("computePixels", 429, 2))
    got = open_source("earthengine").read(there, small_tile, ["red"])
    np.testing.assert_array_equal(got["red"].values, expected["red"].values)
    served.faults[:] = [earthengine_server.Fault("computePixels", 429, 99)]
    served.requests.clear()
    try:
        with pytest.raises(SceneError) as caught:
            open_source("earthengine").read(there, small_tile, ["red"])
    finally:
        served.faults.clear()
    assert caught.value.reason == "unreachable" and "quota" in str(caught.value)
    assert served.requests["image:computePixels"] == 5


def test_no_error_tells_a_token_a_key_or_a_project(served, account, monkeypatch):
    account(served)
    monkeypatch.setattr("time.sleep", lambda _: None)
    message = f"No access to https://x.example/?key={served.token} for projects/secret-project-7"
    served.faults.append(earthengine_server.Fault("value:compute", 403, 99, "PERMISSION_DENIED", message))
    try:
        with pytest.raises(SourceError) as caught:
            open_source("earthengine").search(EVERYWHERE, *DAYS)
    finally:
        served.faults.clear()
    assert "No access" in str(caught.value)
    assert served.token not in str(caught.value) and "secret-project" not in str(caught.value)


def test_without_credentials_the_error_says_what_to_set(served, account, monkeypatch, tmp_path):
    account(served)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(SourceError, match="set GOOGLE_APPLICATION_CREDENTIALS"):
        open_source("earthengine").search(EVERYWHERE, *DAYS)


def test_credentials_are_never_sent_in_the_clear(served, account, monkeypatch):
    account(served)
    monkeypatch.setenv("EARTHENGINE_URL", "http://earthengine.example.org")
    with pytest.raises(SourceError, match="https only"):
        open_source("earthengine").search(EVERYWHERE, *DAYS)


def test_the_loopback_server_refuses_what_it_does_not_model(served, account):
    account(served)
    open_source("earthengine").search(EVERYWHERE, DAYS[0], DAYS[0])
    ee.data.setMaxRetries(0)
    with pytest.raises(ee.EEException, match=r"does not model Image\.entropy"):
        ee.Image("COPERNICUS/S1_GRD/none").entropy(ee.Kernel.square(1)).getInfo()
    with pytest.raises(ee.EEException, match="not found"):
        ee.Image("COPERNICUS/S1_GRD/none").getInfo()
