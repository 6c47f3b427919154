import json
import logging
import pickle
import shutil

import numpy as np
import pytest
import shapely

import fault_server
import stac_api
import stac_folder
from conftest import ROOT
from packaged import RECIPE
from selvawatch.cli.options import the_source
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.scene import scene_to_json
from selvawatch.errors import SceneError, SourceError
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.sources.open import open_source
from selvawatch.sources.source import Source
from selvawatch.web import retry, signing

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
LANDSAT = (*BANDS[:3], "nir08", *BANDS[4:])
TIME = "2024-06-01T15:00:00Z"
SECRET = fault_server.TOKEN.rpartition("=")[2]
ELEMENT = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08", "swir16": "B11", "swir22": "B12",
           "scl": "SCL"}  # fmt: skip


def _planetary_computer(root):
    """The folder's Sentinel-2 scene as Planetary Computer keeps it: other names, no scale in the metadata."""
    old = root / "sentinel-2-c1-l2a" / "S" / "S.json"
    item = json.loads(old.read_text()) | {"collection": "sentinel-2-l2a"}
    assets = {}
    for key, name in ELEMENT.items():
        asset = {field: value for field, value in item["assets"][key].items() if field != "raster:bands"}
        asset["href"] = f"./{name}.tif"
        assets[name] = asset
        place = root / "sentinel-2-l2a" / "S" / f"{name}.tif"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(old.parent / f"{key}.tif", place)
    stac_folder.write_item(root, item | {"assets": assets})


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """One scene of each sensor, as the archives name them."""
    root = tmp_path_factory.mktemp("archive")
    numbers = np.random.default_rng(5)
    bands = {name: numbers.uniform(0.01, 0.5, (48, 48)).round(4) for name in BANDS}
    stac_folder.sentinel_2(root, "S", TIME, bands, WEST, NORTH)
    _planetary_computer(root)
    bands = {
        name: numbers.uniform(0.01, 0.5, (17, 17)).round(4) for name in (*BANDS[:3], "nir08", *BANDS[4:])
    }
    stac_folder.landsat(root, "L", TIME, bands, WEST - 15, NORTH + 15, crs="EPSG:32719")
    power = numbers.uniform(0.01, 0.5, (48, 48))
    stac_folder.sentinel_1(root, "R", TIME, {"vv": power, "vh": power / 5}, WEST, NORTH)
    return stac_folder.write_catalog(root)


@pytest.fixture(scope="module")
def served(archive, tmp_path_factory):
    """File server and address of the API; assets lie in a made-up storage that only the proxy reaches."""
    with (
        fault_server.serve(archive) as files,
        stac_api.serve(
            archive, "http://anaccount.blob.core.windows.net", tmp_path_factory.mktemp("api")
        ) as api,
    ):
        files.signed_only = True
        yield files, api


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=3, wait_s=0.01))


@pytest.fixture
def computer(served, monkeypatch):
    """The environment of Planetary Computer on loopback, without an account."""
    files, api = served
    monkeypatch.setenv("PLANETARY_COMPUTER_URL", api)
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{files.address}{fault_server.TOKEN_PATH.rstrip('/')}")
    monkeypatch.setenv("http_proxy", files.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("PC_SDK_SUBSCRIPTION_KEY", raising=False)
    signing._tokens.clear()
    yield files
    signing._tokens.clear()


def test_addresses_are_signed_when_read_and_the_token_is_never_written_down(
    computer, archive, caplog, tmp_path
):
    caplog.set_level(logging.DEBUG)
    source = open_source("planetary-computer")
    found = source.search(EVERYWHERE, *YEAR)
    assert isinstance(source, Source) and [scene.id for scene in found.scenes] == ["L", "R", "S"]
    assert not any(path.startswith(fault_server.TOKEN_PATH) for path in computer.requests)
    sentinel = found.scenes[-1]
    got = source.read(sentinel, TILE, BANDS)
    local = open_source(f"folder:{archive}").search(EVERYWHERE, *YEAR).scenes
    here = next(scene for scene in local if scene.collection == "sentinel-2-c1-l2a")
    expected = source.read(here, TILE, BANDS)
    for name in (*BANDS, "scl"):
        np.testing.assert_array_equal(got[name].values, expected[name].values)
    tokens = [path for path in computer.requests if path.startswith(fault_server.TOKEN_PATH)]
    assert (
        tokens == [f"{fault_server.TOKEN_PATH}anaccount/sentinel-2-l2a"] and computer.requests[tokens[0]] == 1
    )
    written = (
        pickle.dumps((source, found)) + json.dumps([scene_to_json(one) for one in found.scenes]).encode()
    )
    assert SECRET.encode() not in written and SECRET not in caplog.text
    records = ingest_scenes(found.scenes, TILE, RECIPE, tmp_path, read=source.read)
    observations = [path.read_bytes() for path in tmp_path.rglob("*.tif")]
    assert {one.state for one in records} == {"read"} and len(observations) == 3
    assert not any(SECRET.encode() in observation or b"sig=" in observation for observation in observations)


@pytest.mark.parametrize(
    "url", ["http://me:hush@a.example/stac", "http://hush@a.example/", "http://a.example/?key=hush"]
)
def test_an_address_with_a_secret_is_refused_without_telling_it(url):
    with pytest.raises(SourceError, match="would be written down") as caught:
        open_source(f"stac:{url}")
    assert "hush" not in str(caught.value)


@pytest.mark.usefixtures("computer")
@pytest.mark.parametrize("key", ["", "a-key-that-must-not-be-told"])
def test_radar_is_searched_with_and_without_an_account(monkeypatch, key):
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", key)
    found = open_source("planetary-computer").search(EVERYWHERE, *YEAR)
    assert found.unsearched == () and {scene.sensor for scene in found.scenes} == {
        "sentinel-2",
        "landsat-8",
        "sentinel-1",
    }


def test_a_token_that_is_refused_leaves_the_scene_unread_and_one_that_is_late_does_not(computer, monkeypatch):
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "a-key-that-must-not-be-told")
    source = open_source("planetary-computer")
    landsat = source.search(EVERYWHERE, *YEAR).scenes[0]
    computer.tokens_fail = 99
    with pytest.raises(SceneError) as caught:
        source.read(landsat, TILE, ["red"])
    assert caught.value.reason == "unreachable" and "no token" in str(caught.value)
    assert "must-not-be-told" not in str(caught.value) and "blob" not in str(caught.value)
    computer.tokens_fail = 2
    assert np.isfinite(source.read(landsat, TILE, ["red"])["red"].values).any()


def test_a_token_that_ends_while_a_run_reads_is_asked_for_anew(computer, monkeypatch):
    source = open_source("planetary-computer")
    landsat = next(one for one in source.search(EVERYWHERE, *YEAR).scenes if one.sensor == "landsat-8")
    assert np.isfinite(source.read(landsat, TILE, ["red"])["red"].values).any()
    monkeypatch.setattr(computer, "token", "sv=1&sig=another-signature-not-to-be-told")
    assert np.isfinite(source.read(landsat, TILE, ["green"])["green"].values).any()


def test_a_storage_that_refuses_every_signature_is_tried_by_the_next_run(computer, monkeypatch):
    source = open_source("planetary-computer")
    landsat = next(one for one in source.search(EVERYWHERE, *YEAR).scenes if one.sensor == "landsat-8")
    monkeypatch.setattr(computer, "refuses_all", True)
    with pytest.raises(SceneError, match="refuses a new signature") as caught:
        source.read(landsat, TILE, ["red"])
    assert caught.value.reason == "unreachable" and SECRET not in str(caught.value)


def test_a_subscription_key_follows_no_redirect(computer, monkeypatch):
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "a-key-that-must-not-be-told")
    source = open_source("planetary-computer")
    landsat = source.search(EVERYWHERE, *YEAR).scenes[0]
    monkeypatch.setattr(computer, "tokens_moved", f"{computer.address}/elsewhere")
    with pytest.raises(SceneError, match=r"no token \(status 302\)"):
        source.read(landsat, TILE, ["red"])
    assert not computer.requests["/elsewhere"]


def test_earth_search_reads_collection_1_only(archive, tmp_path, monkeypatch):
    with fault_server.serve(archive) as files, stac_api.serve(archive, files.address, tmp_path) as api:
        monkeypatch.setenv("EARTH_SEARCH_URL", api)
        source = open_source("earth-search")
        (scene,) = source.search(EVERYWHERE, *YEAR).scenes
        assert scene.collection == "sentinel-2-c1-l2a" and source.name == "earth-search"
        assert np.isfinite(source.read(scene, TILE, ["red"])["red"].values).all()


@pytest.mark.usefixtures("computer")
def test_each_sensor_comes_from_its_own_source_and_one_that_fails_is_named(archive, caplog):
    text = f"landsat=folder:{archive},sentinel-1=asf-opera,sentinel-2=stac:http://127.0.0.1:9"
    source = open_source(text)
    assert source.name == text and pickle.loads(pickle.dumps(source)) == source
    found = source.search(EVERYWHERE, *YEAR)
    assert found.unsearched == ("sentinel-1", "sentinel-2")
    assert [scene.sensor for scene in found.scenes] == ["landsat-8"]
    assert "sentinel-2 was not searched" in caplog.text and "EARTHDATA_TOKEN" in caplog.text


def test_it_is_an_error_when_no_sensor_can_be_searched():
    with pytest.raises(SourceError, match="no sensor can be searched"):
        open_source("sentinel-2=stac:http://127.0.0.1:9").search(EVERYWHERE, *YEAR)
    with pytest.raises(SourceError, match="keeps no landsat"):
        open_source("landsat=earth-search").search(EVERYWHERE, *YEAR)


@pytest.mark.parametrize(
    "text", ["sentinel-2=", "sentinel-2=earth-search,sentinel-2=earthengine", "sentinel-3=earth-search"]
)
def test_a_combination_that_makes_no_sense_is_refused(text):
    with pytest.raises(SourceError):
        open_source(text)


def test_the_packaged_site_names_the_sources_of_its_sensors():
    assert the_source(None, ROOT, "aoi/site.toml") == (
        "landsat=planetary-computer,sentinel-1=planetary-computer,sentinel-2=earth-search+planetary-computer"
    )
