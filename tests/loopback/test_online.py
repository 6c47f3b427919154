"""What `doctor --online` and `make live` say of archives that answer, lie or hang."""

import datetime as dt
import threading

import numpy as np
import pytest
import shapely
from pyproj import Transformer

import fault_server
import stac_api
import stac_folder
from conftest import ROOT
from selvawatch.core.grid import Grid
from selvawatch.health.online import archive_table, ask_archives
from selvawatch.site import Site
from selvawatch.steps.doctor import examine_online
from selvawatch.web import retry

TODAY = dt.date(2026, 7, 1)
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
    for name in ("EARTH_SEARCH_URL", "PLANETARY_COMPUTER_URL", "ASF_OPERA_URL", "COPERNICUS_URL"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "")


@pytest.fixture(scope="module")
def site():
    return Site.load(ROOT)


@pytest.fixture(scope="module")
def archive(tmp_path_factory, site):
    """Two Sentinel-2 scenes over the middle of an area of the packaged site, the newer one cloudy."""
    root = tmp_path_factory.mktemp("archive")
    to_grid = Transformer.from_crs("EPSG:4326", site.grid.crs, always_xy=True)
    point = site.areas[0].geometry.representative_point()
    x, y = to_grid.transform(point.x, point.y)
    tile = Grid(crs=site.grid.crs, resolution=10, tile_px=256)
    west, _, _, north = next(iter(tile.tiles(shapely.Point(x, y).buffer(5)))).bounds
    numbers = np.random.default_rng(3)
    for name, when in (("A", "2026-05-02T15:00:00Z"), ("B", "2026-06-02T15:00:00Z")):
        bands = {band: numbers.uniform(0.01, 0.5, (256, 256)).round(4) for band in BANDS}
        stac_folder.sentinel_2(root, name, when, bands, west, north)
    return stac_folder.write_catalog(root)


def test_an_archive_that_answers_is_counted_and_read_and_the_others_say_why_not(
    site, archive, tmp_path, monkeypatch
):
    with fault_server.serve(archive) as files, stac_api.serve(archive, files.address, tmp_path) as api:
        monkeypatch.setenv("EARTH_SEARCH_URL", api)
        answers = {(one.archive, one.sensor): one for one in ask_archives(site, today=TODAY)}
    here = answers["earth-search", "sentinel-2"]
    assert here.works and (here.found, here.first, here.last) == (2, "2026-05-02", "2026-06-02")
    assert here.token == "none needed" and here.read_share == 1.0
    there = answers["planetary-computer", "landsat"]
    assert not there.works and there.failed == "search" and there.found is None
    table = archive_table(list(answers.values())).splitlines()
    assert len(table) == 2 + len(answers) and len({row.count("|") for row in table}) == 1
    assert any("| works |" in row for row in table) and any("search failed" in row for row in table)


def test_an_archive_that_is_silent_is_waited_for_only_so_long(site, archive, tmp_path, monkeypatch):
    with fault_server.serve(archive) as files, stac_api.serve(archive, files.address, tmp_path) as api:
        monkeypatch.setenv("EARTH_SEARCH_URL", api)
        monkeypatch.setattr("selvawatch.health.online._newest_clear", lambda *_: threading.Event().wait(60))
        answers = {(one.archive, one.sensor): one for one in ask_archives(site, today=TODAY, longest_s=2.0)}
    here = answers["earth-search", "sentinel-2"]
    assert (here.found, here.failed, here.why) == (2, "token", "no answer within 2 s")


def test_doctor_says_one_line_for_each_archive_without_any_network():
    lines = [one.line for one in examine_online(ROOT)]
    assert lines and all(line.startswith("warn ") and "failed" in line for line in lines)
