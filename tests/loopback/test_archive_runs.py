"""Runs of a site over two archives: whichever is first, one of them down, radar on tracks old and new."""

import copy
from collections import Counter

import numpy as np
import pytest

import archive_world
from selvawatch.core.status import Status
from selvawatch.prepare.observation_files import read_observation
from selvawatch.web import retry

pytestmark = pytest.mark.slow

UNTIL = "2024-05-15"
MONITORED = "2024-01-01"
OPTICAL = "sentinel-2=earth-search+planetary-computer"
RADAR = "landsat=planetary-computer,sentinel-1=planetary-computer"
EARTH_FIRST = f"{RADAR},{OPTICAL}"
COMPUTER_FIRST = f"{RADAR},sentinel-2=planetary-computer+earth-search"
LOST = (Status.PROVISIONAL, Status.CONFIRMED)


def _day(item):
    return item["properties"]["datetime"][:10]


def _on_tracks(items):
    """Radar on a second track that the history knows, and later on a third that it does not."""
    radar = sorted((item for item in items if item["collection"] == "sentinel-1-rtc"), key=_day)
    for number, item in enumerate(radar):
        track = 25 if number % 2 else 127
        if _day(item) >= MONITORED and number % 3 == 0:
            track = 54
        item["properties"]["sat:relative_orbit"] = track


def _lists(made):
    """What both archives list: an acquisition each alone, files that are gone, an older and a broken item."""
    earth, computer = copy.deepcopy([*made.earth]), copy.deepcopy([*made.computer])
    _on_tracks(computer)
    clear = [item for item in earth if item["properties"]["eo:cloud_cover"] < 90]
    there = {_day(item): item for item in computer if item["collection"] == "sentinel-2-l2a"}
    clear[1]["assets"]["nir"]["href"] += "-gone"
    for asset in (clear[2]["assets"]["red"], there[_day(clear[2])]["assets"]["B04"]):
        asset["href"] += "-gone"
    older = copy.deepcopy(clear[3])
    older["id"] += "_old"
    older["properties"]["s2:processing_baseline"] = "05.00"
    broken = copy.deepcopy(clear[4])
    broken |= {"id": "broken", "geometry": None}
    clear[8]["properties"]["eo:cloud_cover"] = 99
    earth.remove(clear[5])
    computer.remove(there[_day(clear[6])])
    nothing = {**copy.deepcopy(clear[7]), "id": "nothing", "assets": None}
    return [*earth, older, broken, nothing], [*computer, {**broken, "collection": "sentinel-2-l2a"}]


@pytest.fixture(scope="module")
def made(small_archive, small_plan, small_tile, tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    with archive_world.world(folder, small_archive, small_plan, small_tile, UNTIL) as made:
        yield made


@pytest.fixture(scope="module")
def lists(made):
    return _lists(made)


@pytest.fixture(scope="module")
def runs(made, lists, tmp_path_factory):
    """Outcomes by name."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
        earth, computer = lists
        return {
            "earth first": archive_world.run(made, folder / "a", EARTH_FIRST, earth, computer),
            "computer first": archive_world.run(made, folder / "b", COMPUTER_FIRST, earth, computer),
            "earth down": archive_world.run(made, folder / "c", OPTICAL, None, computer),
        }


def test_with_equal_pixels_every_layer_and_so_each_hectare_is_equal_whichever_archive_is_first(runs):
    here, there = runs["earth first"], runs["computer first"]
    assert np.isin(here.layers["status"], LOST).sum() > 50
    for name, layer in here.layers.items():
        np.testing.assert_array_equal(there.layers[name].to_numpy(), layer.to_numpy(), err_msg=name)
    folders = [one.context.store.observations(one.context.plan.tiles[0]) for one in (here, there)]
    names = [sorted(path.relative_to(folder) for path in folder.rglob("*.tif")) for folder in folders]
    assert names[0] == names[1] and len(names[0]) > 80
    for name in names[0]:
        one, other = (read_observation(folder / name, with_halo=True) for folder in folders)
        for index, values in one.values.items():
            np.testing.assert_array_equal(other.values[index], values)


@pytest.mark.parametrize("name", ["earth first", "computer first"])
def test_every_scene_of_both_archives_is_in_one_term(runs, lists, name):
    balance, (earth, computer) = runs[name].balance, lists
    optical = balance["sentinel-2"]
    listed = Counter(item["collection"] for item in (*earth, *computer) if item["id"] != "nothing")
    assert optical["found"] == listed["sentinel-2-c1-l2a"] + listed["sentinel-2-l2a"]
    assert balance["landsat"]["found"] == listed["landsat-c2-l2"]
    assert balance["sentinel-1"]["found"] == listed["sentinel-1-rtc"]
    assert balance[""] == {**dict.fromkeys(balance[""], 0), "found": 1, "unread": 1, "unread:item": 1}
    assert optical["superseded"] == optical["unread:unreadable"] == 1
    assert optical["unread:footprint"] == 2 and optical["unread"] == 3
    assert optical["duplicates"] == listed["sentinel-2-c1-l2a"] - 1 - 1 - 1
    acquisitions = {_day(item) for item in (*earth, *computer) if item["collection"].startswith("sentinel-2")}
    assert optical["read"] + optical["cloud"] + 1 == len(acquisitions)


def test_with_one_archive_down_the_other_fills_and_is_counted_alone(runs, lists):
    one, (_, computer) = runs["earth down"], lists
    listed = sum(item["collection"] == "sentinel-2-l2a" for item in computer)
    assert one.balance["sentinel-2"]["found"] == listed and one.balance["sentinel-2"]["duplicates"] == 0
    assert one.context.inputs.unsearched == ()
    assert one.context.inputs.stopped == ("sentinel-2=earth-search: it could not be searched",)
    assert one.balance["sentinel-2"]["read"] >= runs["earth first"].balance["sentinel-2"]["read"] - 2


def test_passes_of_a_track_without_a_level_are_counted_apart_and_those_of_known_tracks_are_read(runs, lists):
    radar = runs["earth first"].balance["sentinel-1"]
    tracks = Counter(
        item["properties"]["sat:relative_orbit"]
        for item in lists[1]
        if item["collection"] == "sentinel-1-rtc"
    )
    assert set(tracks) == {25, 54, 127}
    assert radar["track"] == tracks[54] > 0 and radar["read"] == tracks[25] + tracks[127]
