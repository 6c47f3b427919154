import json
import os
import pickle

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window

import stac_folder
from selvawatch.core.days import to_day
from selvawatch.errors import SourceError
from selvawatch.sources.catalogues.folder import FolderSource
from selvawatch.sources.catalogues.items import collect
from selvawatch.sources.catalogues.stac_api import StacSource, remote
from selvawatch.sources.open import open_source
from selvawatch.sources.reading import tiff_blocks
from selvawatch.sources.scene_pixels import bytes_of
from selvawatch.sources.source import Source

WEST, NORTH = 360_000.0, 8_600_000.0
EVERYWHERE = shapely.box(-180, -90, 180, 90)
FIRST, LAST = to_day("2024-01-01"), to_day("2024-12-31")
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
TIME = "2024-06-01T15:00:00Z"


def ready(root, name, time=TIME, keys=("ndvi",), properties=None, **changes):
    """A small ready-index item; `changes` replace top-level members."""
    folder = stac_folder.item_folder(root, "free", name)
    place = stac_folder.Affine(30, 0, WEST, 0, -30, NORTH)
    values = np.full((4, 4), 0.8, np.float32)
    assets = {key: stac_folder.make_asset(folder, key, values, "EPSG:32719", place) for key in keys}
    item = stac_folder.make_item(name, "free", time, assets, {"platform": "landsat-8", **(properties or {})})
    item |= changes
    (folder / f"{name}.json").write_text(json.dumps(item))
    return item


def search(root, geometry=EVERYWHERE, first=FIRST, last=LAST):
    return open_source(f"folder:{stac_folder.write_catalog(root)}").search(geometry, first, last)


def test_a_folder_gives_its_scenes_by_day_sensor_and_id(tmp_path):
    bands = {name: np.full((8, 8), 0.1) for name in BANDS}
    stac_folder.sentinel_2(tmp_path, "B", "2024-06-03T15:00:00Z", bands, WEST, NORTH)
    stac_folder.sentinel_2(tmp_path, "A", "2024-06-03T15:00:00Z", bands, WEST, NORTH)
    stac_folder.sentinel_1(tmp_path, "R", "2024-06-01T10:00:00Z", {"vv": np.ones((8, 8))}, WEST, NORTH)
    found = search(tmp_path)
    assert [scene.id for scene in found.scenes] == ["R", "A", "B"]
    assert found.problems == () and found.found == 3
    scene = found.scenes[1]
    assert scene.processing == "05.11" and scene.cloud_percent == 10
    assert scene.assets["red"].scale == 1e-4 and scene.assets["red"].offset == -0.1
    assert scene.assets["scl"].shape == (4, 4) and scene.assets["scl"].crs == "EPSG:32719"
    assert found.scenes[0].orbit == "descending"


def test_days_and_ground_outside_are_not_found(tmp_path):
    ready(tmp_path, "a")
    assert search(tmp_path, last=to_day("2024-05-31")).found == 0
    assert search(tmp_path, first=to_day("2024-06-01"), last=to_day("2024-06-01")).found == 1
    assert search(tmp_path, geometry=shapely.box(10, 10, 11, 11)).found == 0


def test_a_source_keeps_the_protocol_and_can_be_pickled(tmp_path):
    ready(tmp_path, "a")
    stac_folder.write_catalog(tmp_path)
    for source in (open_source(f"folder:{tmp_path}"), open_source("stac:https://example.com/stac")):
        assert isinstance(source, Source)
        assert pickle.loads(pickle.dumps(source)) == source


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time": None}, "datetime"),
        ({"time": "2024-06-01T15:00:00"}, "datetime"),
        ({"time": "yesterday"}, "datetime"),
        ({"geometry": None}, "footprint"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 0], [0, 0], [0, 0]]]}}, "footprint"),
        (
            {
                "geometry": {
                    "type": "Polygon",
                    "coordinates": [[[-179, -5], [179, -5], [179, -4], [-179, -4], [-179, -5]]],
                }
            },
            "footprint",
        ),
        ({"bbox": [179, -13, -179, -12]}, "footprint"),
        ({"geometry": {"type": "Polygon", "coordinates": "no"}}, "footprint"),
        ({"keys": ("thermal",)}, "sensor"),
        ({"properties": {"platform": "spot-5"}}, "sensor"),
        ({"properties": {"landsat:collection_category": "T2"}}, "tier"),
        ({"properties": {"value": float("nan")}}, "item"),
        ({"id": "../../etc/passwd"}, "id"),
        ({"id": "a b"}, "id"),
        ({"id": 7}, "id"),
        ({"properties": None, "assets": None}, "item"),
    ],
)
def test_an_item_that_cannot_be_used_is_a_problem_with_its_reason(tmp_path, changes, reason):
    ready(tmp_path, "good")
    ready(tmp_path, "bad", **changes)
    found = search(tmp_path)
    assert [scene.id for scene in found.scenes] == ["good"]
    assert [problem.reason for problem in found.problems] == [reason]
    assert found.problems[0].scene_id and found.problems[0].text


@pytest.mark.parametrize(
    "href",
    [
        "../../../outside.tif",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://host/a.tif",
        "http://example.com/a.tif",
        "s3://bucket/a.tif",
        "/vsicurl/http://example.com/a.tif",
        "a\0.tif",
    ],
)
def test_a_folder_opens_nothing_outside_itself(tmp_path, href):
    item = ready(tmp_path, "a")
    item["assets"]["ndvi"]["href"] = href
    stac_folder.write_item(tmp_path, item)
    found = search(tmp_path)
    assert found.scenes == () and [problem.reason for problem in found.problems] == ["href"]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    inside = tmp_path / "inside"
    ready(inside, "a")
    ready(tmp_path / "outside", "b")
    (inside / "free" / "a" / "ndvi.tif").unlink()
    (inside / "free" / "a" / "ndvi.tif").symlink_to(tmp_path / "outside" / "free" / "b" / "ndvi.tif")
    assert [problem.reason for problem in search(inside).problems] == ["href"]
    catalog = json.loads((inside / "catalog.json").read_text())
    catalog["links"] = [{"rel": "item", "href": "../outside/free/b/b.json"}]
    (inside / "catalog.json").write_text(json.dumps(catalog))
    found = open_source(f"folder:{inside}").search(EVERYWHERE, FIRST, LAST)
    assert found.scenes == () and [problem.reason for problem in found.problems] == ["item"]


def test_a_broken_or_missing_item_file_is_a_problem(tmp_path):
    ready(tmp_path, "good")
    ready(tmp_path, "bad")
    ready(tmp_path, "gone")
    stac_folder.write_catalog(tmp_path)
    (tmp_path / "free" / "bad" / "bad.json").write_text("{")
    (tmp_path / "free" / "gone" / "gone.json").unlink()
    found = open_source(f"folder:{tmp_path}").search(EVERYWHERE, FIRST, LAST)
    assert [scene.id for scene in found.scenes] == ["good"]
    assert [problem.reason for problem in found.problems] == ["item", "item"]


def test_a_missing_asset_is_named(tmp_path):
    item = stac_folder.sentinel_2(
        tmp_path, "A", TIME, {name: np.full((8, 8), 0.1) for name in BANDS}, WEST, NORTH
    )
    del item["assets"]["swir16"]
    stac_folder.write_item(tmp_path, item)
    (problem,) = search(tmp_path).problems
    assert problem.reason == "missing-asset" and "swir16" in problem.text


def test_radar_without_orbit_is_a_problem(tmp_path):
    stac_folder.sentinel_1(tmp_path, "R", TIME, {"vv": np.ones((8, 8))}, WEST, NORTH, orbit="")
    assert [problem.reason for problem in search(tmp_path).problems] == ["orbit"]


def test_of_equal_ids_the_one_updated_last_is_kept(tmp_path):
    item = ready(tmp_path, "a")
    old = {**item, "properties": {**item["properties"], "updated": "2024-01-01", "eo:cloud_cover": 1}}
    new = {**item, "properties": {**item["properties"], "updated": "2024-02-01", "eo:cloud_cover": 2}}
    for order in ((old, new), (new, old)):
        found = collect([("x", entry) for entry in order], EVERYWHERE, FIRST, LAST, lambda _, href: href)
        assert [scene.cloud_percent for scene in found.scenes] == [2]
        assert [problem.reason for problem in found.problems] == ["duplicate"] and found.found == 2


def test_digest_changes_with_the_data_and_not_with_the_catalogue(tmp_path):
    item = ready(tmp_path, "a")

    def digest(**properties):
        entry = {**item, "properties": {**item["properties"], **properties}}
        found = collect([("x", entry)], EVERYWHERE, FIRST, LAST, lambda _, href: href)
        return found.scenes[0].digest

    assert digest() == digest(updated="2025-01-01T00:00:00Z")
    assert digest() != digest(**{"processing:version": "2"})


@pytest.mark.parametrize("content", [None, {}, {"other.json": "{}"}, {"catalog.json": "[]"}])
def test_a_folder_without_a_catalogue_is_one_clear_error(tmp_path, content):
    folder = tmp_path / "archive"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(SourceError, match="folder:|catalog"):
        open_source(f"folder:{folder}").search(EVERYWHERE, FIRST, LAST)


def test_a_catalogue_without_items_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="lists no scene"):
        search(tmp_path)


@pytest.mark.parametrize("text", ["", "folder", "folder:", "nasa", "stac:", "stac:ftp://x"])
def test_an_unknown_source_says_what_is_needed(text):
    with pytest.raises(SourceError, match="needed"):
        open_source(text)


@pytest.mark.parametrize(
    "href",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.tif",
        "s3://bucket/a.tif",
        "http://127.0.0.1/a.tif",
        "http://localhost/a.tif",
        "http://10.0.0.1/a.tif",
        "http://127.1/a.tif",
        "http://2130706433/a.tif",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/a.tif",
        "http://intranet/a.tif",
        "https://user:secret@example.com/a.tif",
        "https:///a.tif",
        "https://example.com/a b.tif",
    ],
)
def test_a_catalogue_cannot_send_us_to_other_schemes_or_private_hosts(href):
    with pytest.raises(ValueError, match=r"address|scheme") as caught:
        remote(href, "catalogue.example.com")
    assert "secret" not in str(caught.value)


def test_public_hosts_and_the_catalogues_own_host_are_allowed():
    assert remote("https://data.example.com/a.tif?sig=1", "x") == "https://data.example.com/a.tif?sig=1"
    source = StacSource.open("http://127.0.0.1:8080/catalog.json")
    assert source._resolve("http://127.0.0.1:8080/c/item.json", "./a.tif") == "http://127.0.0.1:8080/c/a.tif"


def test_a_pipe_a_loop_or_a_deep_file_in_a_folder_is_a_problem_of_its_own(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "deep.json").write_text("[" * 100_000 + "]" * 100_000)
    links = [{"rel": "item", "href": f"./{name}.json"} for name in ("pipe", "loop", "deep", "absent")]
    catalogue = {"type": "Catalog", "id": "c", "stac_version": "1.0.0", "description": "", "links": links}
    (tmp_path / "catalog.json").write_text(json.dumps(catalogue))
    found = FolderSource.open(tmp_path).search(shapely.box(-75, -20, -60, 0), 0, 30_000)
    assert found.scenes == () and [one.reason for one in found.problems] == ["item"] * 4
    with pytest.raises(OSError, match="a pipe and no plain file"):
        bytes_of(str(tmp_path / "pipe.json"))


def test_blocks_beyond_what_can_be_held_are_refused_before_they_are_read(tmp_path, monkeypatch):
    profile = {"driver": "GTiff", "dtype": "uint16", "count": 1, "height": 64, "width": 64, "tiled": True}
    profile |= {"blockxsize": 16, "blockysize": 16, "compress": "DEFLATE", "crs": "EPSG:32719"}
    path = tmp_path / "a.tif"
    with rasterio.open(path, "w", **profile, transform=Affine(10, 0, 0, 0, -10, 0)) as file:
        file.write(np.ones((1, 64, 64), np.uint16))
    for name, most, words in (
        ("_MOST_BLOCK_BYTES", 511, "a block of the file has 512 bytes"),
        ("_MOST_BYTES", 8_191, "needs 16 blocks of 512 bytes"),
        ("_MOST_BLOCKS", 15, "needs 16 blocks"),
    ):
        with monkeypatch.context() as patched, rasterio.open(path) as file:
            patched.setattr(tiff_blocks, name, most)
            with pytest.raises(OSError, match=words):
                tiff_blocks.locations(file, path.stat().st_size, 1, Window(0, 0, 64, 64))
