import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import shapely

import bad_items
import fault_server
import stac_folder
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SourceError
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.sources.open import open_source
from selvawatch.web import range_file, retry, throttle

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=160).tile("x0240y5400")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
PASSING = {"flaky": "503 twice", "busy": "429 with Retry-After"}
LASTING = {
    "dead": "status 503",
    "short": "breaks off",
    "zeroed": "cannot be read",
    "tailless": "a block is damaged",
    "rotten": "cannot be read",
    "drip": "too slowly",
    "long": "another range",
    "endless": "more than was asked for",
    "loop": "in circles",
    "elsewhere": "private host",
}

PASSES = {"dead", "short", "drip", "long", "endless"}
"""Faults of the way, not of the file: another run may read the scene."""


@pytest.fixture(autouse=True)
def _hurry(monkeypatch):
    brief = retry.RetryRule(tries=3, wait_s=0.02, longest_wait_s=3.0)
    monkeypatch.setattr(retry, "RULE", brief)
    monkeypatch.setattr(range_file, "PATIENCE", range_file.Patience(silence_s=0.5))


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A scene for each fault, each on its own day, and good ones; one shares its day with a dead one."""
    root = tmp_path_factory.mktemp("faults")
    numbers = np.random.default_rng(3)
    ground = {name: numbers.uniform(0.02, 0.06, (160, 160)) for name in BANDS}
    ground["nir"] = ground["nir"] + 0.3
    for day, name in enumerate(("dead", "good1", *PASSING, *list(LASTING)[1:], "good2", "late")):
        bands = {
            key: (values + numbers.uniform(0, 0.01, values.shape)).round(4) for key, values in ground.items()
        }
        stac_folder.sentinel_2(root, name, f"2024-06-{max(1, day):02d}T15:00:00Z", bands, WEST, NORTH)
    bad_items.add(root, "good1")
    stac_folder.write_catalog(root)
    with fault_server.serve(root) as server:
        yield server


def _faults():
    return {f"/{name}/{'red' if name == 'busy' else ''}.*tif": name for name in (*PASSING, *LASTING)}


def _tree(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.tif"))}


@pytest.mark.slow
def test_a_run_with_every_fault_equals_one_in_which_the_faulty_scenes_are_not(served, tmp_path):
    source = open_source(f"stac:{served.address}/catalog.json")
    found = source.search(EVERYWHERE, *YEAR)
    assert sorted(one.reason for one in found.problems) == bad_items.REASONS
    assert {one.id for one in found.scenes} > {*LASTING, *PASSING, *bad_items.LIES, "no-twin"}
    served.faults = _faults()
    records = ingest_scenes(found.scenes, TILE, RECIPE, tmp_path / "faults", read=source.read, workers=2)
    reasons = {record.scene_id: record.reason for record in records if record.state == "unread"}
    assert {name for name, why in reasons.items() if why == "unreachable"} == PASSES
    lies = {name: why for name, (why, _) in bad_items.LIES.items()}
    assert {name: reasons[name] for name in lies} == lies
    unread = {record.scene_id: record.text for record in records if record.state == "unread"}
    assert set(unread) == {*LASTING, *lies} and all(unread.values())
    read = [record for record in records if record.state == "read"]
    assert len(read) + len(unread) + len(found.problems) == found.found
    for name, why in LASTING.items():
        assert why in unread[name] and "127.0.0.1" not in unread[name] and "/" not in unread[name]
    assert not any("secret" in path for path in served.requests)
    served.faults = {}
    good = [scene for scene in found.scenes if scene.id not in {*LASTING, *lies}]
    ingest_scenes(good, TILE, RECIPE, tmp_path / "good", read=source.read)
    assert _tree(tmp_path / "faults") == _tree(tmp_path / "good") and len(_tree(tmp_path / "good")) == 5
    again = ingest_scenes(found.scenes, TILE, RECIPE, tmp_path / "faults", read=source.read)
    assert {record.scene_id for record in again if record.state == "unread"} == set(lies)


@pytest.mark.parametrize("fault", ["busy", "busy-until"])
def test_a_server_is_given_the_time_it_asks_for(served, fault):
    served.faults, place = {"late/red": fault}, "/sentinel-2-c1-l2a/late/red.tif"
    served.requests.clear()
    served.times.clear()
    range_file.RemoteFile(f"{served.address}{place}")
    assert served.times[place][1] - served.times[place][0] >= 2.0


def test_an_answer_that_does_not_end_is_left_after_what_was_asked_for(served):
    served.faults, place = {"late/red": "endless"}, "/sentinel-2-c1-l2a/late/red.tif"
    served.sent.clear()
    with pytest.raises(OSError, match="more than was asked for"):
        range_file.fetch(
            f"{served.address}{place}", 0, 100, range_file.Patience(rule=retry.RetryRule(tries=1))
        )
    assert served.sent[place] < 20_000_000


def test_a_whole_file_of_untold_length_has_the_size_it_ends_with_and_no_other(served):
    served.faults = {"late/red": "unmeasured"}
    place, once = "sentinel-2-c1-l2a/late/red.tif", range_file.Patience(rule=retry.RetryRule(tries=1))
    content = (served.folder / place).read_bytes()
    address = f"{served.address}/{place}"
    assert range_file.fetch(address, 0, len(content), once) == (content, len(content))
    with pytest.raises(OSError, match="how long it is"):
        range_file.fetch(address, 0, 100, once)


def test_bytes_are_those_of_the_blocks_and_each_comes_once(served):
    served.faults = {}
    source = open_source(f"stac:{served.address}/catalog.json")
    scene = next(one for one in source.search(EVERYWHERE, *YEAR).scenes if one.id == "good2")
    served.sent.clear()
    source.read(scene, TILE, BANDS)
    files = served.folder / "sentinel-2-c1-l2a" / "good2"
    assert sum(served.sent.values()) <= 1.01 * sum(path.stat().st_size for path in files.glob("*.tif"))


def test_a_host_is_asked_for_few_things_at_a_time(served, monkeypatch):
    served.faults = {}
    monkeypatch.setattr(throttle, "_gates", {})
    monkeypatch.setattr(throttle, "AT_ONCE", 2)
    served.most_at_once = served.at_once = 0
    address = f"{served.address}/sentinel-2-c1-l2a/good1/nir.tif"
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(lambda _: range_file.RemoteFile(address).size, range(16)))
    assert len(set(sizes)) == 1 and served.most_at_once <= 2


def test_a_remote_file_reads_as_the_file_does(served):
    served.faults = {}
    path = "sentinel-2-c1-l2a/good1/nir.tif"
    content = (served.folder / path).read_bytes()
    file = range_file.RemoteFile(f"{served.address}/{path}")
    file.prefetch([(30_000, 500), (20_000, 100)])
    numbers = np.random.default_rng(9)
    for place, count in zip(
        numbers.integers(0, len(content), 60), numbers.integers(0, 9_000, 60), strict=True
    ):
        file.seek(int(place))
        assert file.read(int(count)) == content[place : place + count]
    assert file.read(-1) == content[file.tell() :] or file.tell() == len(content)


def test_a_catalogue_that_asks_for_hours_is_asked_again_after_two_minutes(served, monkeypatch):
    waits = []
    monkeypatch.setattr(retry, "RULE", retry.RetryRule())
    monkeypatch.setattr(retry, "time", SimpleNamespace(sleep=waits.append, monotonic=time.monotonic))
    served.faults = {"catalog.json": "busy-for-hours"}
    served.requests.clear()
    source = open_source(f"stac:{served.address}/catalog.json")
    assert source.search(EVERYWHERE, *YEAR).found and waits == [120.0]
    served.faults = {}


@pytest.mark.parametrize("fault", ["dead", "loop"])
def test_a_catalogue_that_stays_ill_is_one_clear_error(served, fault):
    served.faults = {"catalog.json": fault}
    with pytest.raises(SourceError, match="cannot be searched"):
        open_source(f"stac:{served.address}/catalog.json").search(EVERYWHERE, *YEAR)
    served.faults = {}
