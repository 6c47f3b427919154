import functools
import http.server
import re
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
import shapely

import stac_api
import stac_folder
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError, SourceError
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.web.retry import RetryRule

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, with ranges; counts what it sends."""

    sent: list[tuple[str, int]] = []

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(content) - 1
        if match:
            first, last = int(match[1]), min(int(match[2] or last), last)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            self.send_response(200)
        part = content[first : last + 1]
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Type", "application/json" if path.suffix == ".json" else "image/tiff")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.sent.append((path.name, len(part)))
        self.wfile.write(part)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A STAC folder with three Sentinel-2 scenes, served over http; gives folder and address."""
    root = tmp_path_factory.mktemp("served")
    for name, time_ in (
        ("A", "2024-06-01T15:00:00Z"),
        ("B", "2024-07-01T15:00:00Z"),
        ("C", "2024-08-01T15:00:00Z"),
    ):
        bands = {
            key: np.random.default_rng(seed).uniform(0.01, 0.5, (48, 48)).round(4)
            for seed, key in enumerate(BANDS)
        }
        stac_folder.sentinel_2(root, name, time_, bands, WEST, NORTH)
    stac_folder.write_catalog(root)
    handler = functools.partial(RangeHandler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield root, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def api(archive, tmp_path_factory):
    """Address of a real STAC API over the same items, with absolute asset addresses."""
    root, address = archive
    with stac_api.serve(root, address, tmp_path_factory.mktemp("api")) as served:
        yield served


def test_an_api_gives_the_same_scenes_and_pixels_as_the_folder(api, archive):
    root, _ = archive
    local = open_source(f"folder:{root}").search(EVERYWHERE, *YEAR)
    remote = open_source(f"stac:{api}").search(EVERYWHERE, *YEAR)
    assert remote.problems == () and [scene.id for scene in remote.scenes] == ["A", "B", "C"]
    for here, there in zip(local.scenes, remote.scenes, strict=True):
        assert (here.sensor, here.day, here.processing) == (there.sensor, there.day, there.processing)
    for here, there in zip(local.scenes[:1], remote.scenes[:1], strict=True):
        expected, got = read_scene(here, TILE, BANDS), read_scene(there, TILE, BANDS)
        for name in (*BANDS, "scl"):
            np.testing.assert_array_equal(got[name].values, expected[name].values)


def test_an_api_is_asked_for_the_days_and_ground_wanted(api):
    source = open_source(f"stac:{api}")
    june = source.search(EVERYWHERE, to_day("2024-06-01"), to_day("2024-06-01"))
    assert [scene.id for scene in june.scenes] == ["A"] and june.problems == ()
    assert source.search(shapely.box(10, 10, 11, 11), *YEAR).found == 0


def test_a_static_catalogue_on_the_web_is_walked(archive):
    _, address = archive
    found = open_source(f"stac:{address}/catalog.json").search(EVERYWHERE, *YEAR)
    assert [scene.id for scene in found.scenes] == ["A", "B", "C"] and found.problems == ()
    got = read_scene(found.scenes[0], TILE, ["nir"])["nir"].values
    assert np.isfinite(got).all()


# GDAL keeps what it fetched for the whole process: B and C are each read by one test only.


def test_every_byte_of_a_scene_is_fetched_once(archive):
    root, address = archive
    found = open_source(f"stac:{address}/catalog.json").search(EVERYWHERE, *YEAR)
    RangeHandler.sent.clear()
    read_scene(found.scenes[1], TILE, BANDS)
    size = sum(path.stat().st_size for path in (root / "sentinel-2-c1-l2a" / "B").glob("*.tif"))
    assert {name for name, _ in RangeHandler.sent} == {f"{key}.tif" for key in (*BANDS, "scl")}
    assert sum(count for _, count in RangeHandler.sent) <= 1.3 * size


def test_a_file_that_is_gone_is_unreadable_and_names_no_host(archive):
    root, address = archive
    found = open_source(f"stac:{address}/catalog.json").search(EVERYWHERE, *YEAR)
    path = root / "sentinel-2-c1-l2a" / "C" / "green.tif"
    kept = path.read_bytes()
    path.unlink()
    try:
        with pytest.raises(SceneError) as caught:
            read_scene(found.scenes[2], TILE, ["green"])
    finally:
        path.write_bytes(kept)
    assert caught.value.reason == "unreadable" and "127.0.0.1" not in str(caught.value)


def test_a_catalogue_that_does_not_answer_is_one_clear_error(monkeypatch):
    monkeypatch.setattr("selvawatch.web.retry.RULE", RetryRule(tries=1))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(SourceError, match="cannot be searched"):
        open_source(f"stac:http://127.0.0.1:{port}").search(EVERYWHERE, *YEAR)
