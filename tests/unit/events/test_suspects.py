"""Places under observation: patches that would be events if every suspect pixel were told of."""

from dataclasses import replace

import numpy as np
import pytest
import shapely

from drawn_tiles import DAY, EAST, GRID, RULE, TILE, state
from selvawatch.events.patches import alert_pixels
from selvawatch.events.suspects import area_of_patches, patches_under_observation, suspect_pixels
from selvawatch.events.withheld import Guard

KEPT = replace(RULE, expire_after_days=60)
SUSPECT_ON = DAY + 5


def since(drawn, tile=TILE):
    """Day since which pixels are suspect: `s` since `SUSPECT_ON`."""
    days = np.zeros((tile.grid.tile_px, tile.grid.tile_px), np.uint16)
    for y, line in enumerate(drawn.split()):
        for x, mark in enumerate(line):
            days[y, x] = SUSPECT_ON * (mark == "s")
    return days


def watched(drawn, guard=None, until=DAY + 20):
    """Places of a drawing: `s` suspect, other letters as in `drawn_tiles.state`."""
    pixels = alert_pixels({TILE: state(TILE, drawn.replace("s", "."))})
    return patches_under_observation(
        pixels, suspect_pixels({TILE: since(drawn)}), [], guard, KEPT, GRID, until
    )


def guard(columns):
    """Guard of ground from a column of the tile on."""
    west, south, east, north = TILE.bounds
    reserve = shapely.box(west + 10 * columns + 1, south, east, north)
    return Guard(reserves=reserve, checked=True, buffer_m=0.0, withhold_unchecked=True)


@pytest.mark.parametrize(
    ("drawn", "count"),
    [
        ("ss ss", 1),
        ("ss s.", 0),
        ("ss...ss ss...ss", 2),
        ("aa aa", 0),
        ("aass aass", 0),
        ("AAs AAs ..s", 0),
        ("aas s..", 1),
        ("-- -- .. ss ss", 1),
    ],
)
def test_a_place_has_the_least_size_and_is_part_of_no_event(drawn, count):
    assert watched(drawn).count == count


def test_a_place_has_all_pixels_that_make_it_up():
    found = watched("aas s.. ... ...")
    assert sorted(zip(found.row - found.row.min(), found.column, strict=True)) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
    ]


def test_a_place_is_counted_no_longer_than_a_provisional_pixel_is_kept():
    last = SUSPECT_ON + KEPT.expire_after_days
    assert [watched("ss ss", until=day).count for day in (last, last + 1)] == [1, 0]


def test_what_lies_on_guarded_ground_or_reaches_it_is_not_counted():
    drawn = "ss....ss ss....ss"
    assert [watched(drawn, each).count for each in (None, guard(6), guard(8))] == [2, 1, 2]
    assert watched("ssss ssss", guard(3)).count == 0, "it was suspect together with guarded ground"
    assert (
        watched("ss ss", guard(5)).patch.tolist() == watched("ss......ss ss......ss", guard(5)).patch.tolist()
    )


def test_a_suspect_pixel_that_joins_a_withheld_event_is_not_counted():
    assert watched("ssssAA ssssAA", guard(4)).count == 0


def test_a_place_across_a_tile_border_is_one():
    left, right = since("." * 15 + "s " + "." * 15 + "s"), since("s s", EAST)
    suspects = suspect_pixels({EAST: right, TILE: left})
    empty = alert_pixels({TILE: state(TILE, "."), EAST: state(EAST, ".")})
    found = patches_under_observation(empty, suspects, [], None, KEPT, GRID, DAY + 20)
    assert (found.count, len(found.patch)) == (1, 4)


def test_a_place_counts_in_the_area_that_holds_most_of_it():
    west, south, _, north = TILE.bounds
    areas = [shapely.box(west, south, west + 10, north), shapely.box(west + 10, south, west + 60, north)]
    found = watched("ss........ss ss........ss")
    assert area_of_patches(found, areas, GRID).tolist() == [0, -1]
    assert area_of_patches(watched("sss sss"), areas, GRID).tolist() == [1]
    assert area_of_patches(watched("..."), areas, GRID).tolist() == []
    assert area_of_patches(found, [], GRID).tolist() == [-1, -1]
