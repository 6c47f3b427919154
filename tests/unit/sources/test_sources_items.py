"""Items of a catalogue that are not what STAC says: each is a problem of its own, and stops no other."""

import copy
import json

import pytest
import shapely

from selvawatch.core.days import to_day
from selvawatch.sources.catalogues.items import collect
from selvawatch.sources.catalogues.superseded import superseded_since
from stac_folder import make_item

BOUNDS = (-70.2, -12.9, -70.1, -12.8)
KEYS = ("red", "green", "blue", "nir", "nir08", "swir16", "swir22", "scl")
WRONG = {
    "null": None,
    "empty": [],
    "mapping": {},
    "nulls": [None, None, None, None],
    "one": [7],
    "word": "x",
    "long": "9" * 5000,
    "huge": 10**400,
    "nan": float("nan"),
    "minus": -1,
    "true": True,
    "deep": json.loads("[" * 300 + "]" * 300),
}


def item(name="good"):
    asset = {
        "href": f"./{name}.tif",
        "proj:code": "EPSG:32719",
        "proj:shape": [10, 10],
        "proj:transform": [10, 0, 360_000, 0, -10, 8_580_000],
        "raster:bands": [{"scale": 1e-4, "offset": -0.1, "nodata": 0}],
        "file:size": 1000,
        "file:checksum": "1220" + "0" * 64,
    }
    properties = {
        "platform": "sentinel-2a",
        "constellation": "sentinel-2",
        "eo:cloud_cover": 3.5,
        "s2:processing_baseline": "05.11",
        "processing:datetime": "2024-06-02T00:00:00Z",
        "grid:code": "MGRS-19LCF",
        "updated": "2024-06-03T00:00:00Z",
    }
    return make_item(
        name, "sentinel-2-c1-l2a", "2024-06-01T15:00:00Z", dict.fromkeys(KEYS, asset), properties, BOUNDS
    )


def search(*items):
    first, last = to_day("2024-01-01"), to_day("2024-12-31")
    pairs = [("address", one) for one in items]
    return collect(pairs, shapely.box(*BOUNDS), first, last, lambda _, href: href)


def leaves(value, path=()):
    """Paths of every member of an item, the item's own members included."""
    if path:
        yield path
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield from leaves(member, (*path, key))


PATHS = [path for path in leaves(item()) if path[:1] != ("assets",) or path[1:2] in ((), ("red",))]


def test_the_item_that_the_others_are_made_from_is_a_scene():
    found = search(item())
    assert [scene.id for scene in found.scenes] == ["good"] and found.problems == ()


@pytest.mark.parametrize("wrong", WRONG)
def test_no_member_of_an_item_stops_the_others_whatever_it_is(wrong):
    assert len(PATHS) > 40
    for path in PATHS:
        bad = copy.deepcopy(item("bad"))
        parent = bad
        for key in path[:-1]:
            parent = parent[key]
        parent[path[-1]] = WRONG[wrong]
        found = search(bad, item())
        assert "good" in {scene.id for scene in found.scenes}, path
        assert found.found in (1, 2), path
        superseded_since(found.scenes, search(item()).scenes)
        for problem in found.problems:
            assert "\n" not in problem.text and len(problem.text) < 300, path


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_day_outside_the_calendar_is_a_problem_of_its_item(time):
    bad = item("bad")
    bad["properties"]["datetime"] = time
    found = search(bad, item())
    assert [problem.reason for problem in found.problems] == ["item"]
    assert [scene.id for scene in found.scenes] == ["good"]


def test_what_is_no_mapping_at_all_is_a_problem():
    found = search(None, [], "item", 7, item())
    assert [problem.reason for problem in found.problems] == ["item"] * 4 and len(found.scenes) == 1
