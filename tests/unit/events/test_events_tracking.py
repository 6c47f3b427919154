"""Patches, outlines and tracked events on hand-drawn tiles."""

import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
import xarray as xr

from drawn_tiles import DAY, EAST, GRID, GROUND, RULE, TILE, run, state
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.errors import TableError
from selvawatch.events.detected import Detected, detect_events
from selvawatch.events.lineage import trace_events
from selvawatch.events.patches import alert_pixels


def ids(found: Detected) -> list[str]:
    return list(found.events["event_id"])


def test_an_event_row_says_what_its_pixels_say():
    found = run("AA.. AAb. ....")
    assert len(found.events) == 1
    row = found.events.iloc[0]
    assert row["event_id"].startswith("MDD-220113-") and len(row["event_id"]) == 17
    assert (row["version"], row["change"], row["status"], row["confidence"]) == (
        1,
        "new",
        "confirmed",
        "high",
    )
    assert str(row["onset"].date()) == "2022-01-08"
    assert str(row["first_detected"].date()) == "2022-01-13"
    assert str(row["confirmed_on"].date()) == "2022-01-20"
    assert str(row["last_grown"].date()) == "2022-02-07"
    assert row["sensors"] == "sentinel-2"
    assert row["looks"] == 4
    assert row["ha_lo"] < row["ha"] < row["ha_hi"]
    assert row["ha"] == pytest.approx(0.05, rel=2e-3)
    assert (row["utm_e"] - 370_000) // 10 in (0, 1, 2)
    assert -71 < row["lon"] < -69 and -14 < row["lat"] < -12
    EVENTS.check(found.events)
    CELLS.check(found.cells)


def test_cells_add_up_to_the_event_and_are_cut_by_onset_and_status():
    found = run("AAab AAbb ....")
    cells = found.cells
    assert len(cells) == 3
    assert cells["cell_id"].is_unique
    assert set(cells["status"]) == {"confirmed", "provisional"}
    assert found.events["ha"].iloc[0] == math.fsum(cells["ha"])
    union = shapely.union_all(cells.geometry.to_numpy())
    assert union.equals(found.events.geometry.iloc[0])
    assert sum(shapely.area(cells.geometry)) == union.area == 800.0


def test_corners_join_one_event_but_not_one_polygon():
    found = run("AA.. AA.. ..AA ..AA")
    assert len(found.events) == 1
    shape = found.events.geometry.iloc[0]
    assert shape.is_valid and len(shape.geoms) == 2


def test_an_old_scar_and_a_new_one_beside_it_are_two_events():
    assert len(run("AAZZ AAZZ", until=DAY + 410).events) == 2
    assert len(run("AABB AABB").events) == 1


def test_a_front_that_grows_pit_by_pit_stays_one_event():
    days = {letter: DAY + 100 * number for number, letter in enumerate("abcd")}
    states = {TILE: state(TILE, "AABBCCDD AABBCCDD", days)}
    found = detect_events(None, states, GROUND, RULE, DAY + 400, {})
    assert len(found.events) == 1
    assert len(found.cells) == 4


def test_a_patch_under_the_minimum_is_no_event():
    assert len(run("AA A.").events) == 0
    assert len(run("AA AA").events) == 1


def test_an_event_across_a_tile_border_is_one():
    found = run({TILE: ". " * 8 + "." * 14 + "AA " + "." * 14 + "AA", EAST: ". " * 8 + "AA AA"})
    assert len(found.events) == 1
    assert len(found.events.geometry.iloc[0].geoms) == 1
    west, east = found.labels.raster(TILE), found.labels.raster(EAST)
    assert (west >= 0).sum() == (east >= 0).sum() == 4
    assert set(np.unique(west)) == {-1, 0}


def test_a_rerun_is_the_same_and_stable():
    first = run("AAab AAbb")
    second = run("AAab AAbb", first.tracked)
    assert ids(first) == ids(second)
    assert list(second.events["change"]) == ["stable"]
    assert list(second.events["version"]) == [1]
    assert first.events.geometry.geom_equals_exact(second.events.geometry, 0).all()
    assert run("AAab AAbb").events.equals(first.events)


def test_growth_keeps_the_id_and_adds_a_version():
    first = run("AA.. AA..")
    second = run("AABB AABB", first.tracked)
    assert ids(first) == ids(second)
    assert (second.events["change"].iloc[0], second.events["version"].iloc[0]) == ("grown", 2)


def test_confirmation_without_growth_is_a_version_too():
    first = run("aa aa")
    assert first.events["status"].iloc[0] == "provisional"
    assert first.events["confirmed_on"].isna().all()
    second = run("AA AA", first.tracked)
    assert (second.events["change"].iloc[0], second.events["version"].iloc[0]) == ("confirmed", 2)


def test_of_merging_events_the_oldest_id_survives_and_names_the_others():
    first = run("AA..BB AA..BB")
    old, young = ids(first)
    second = run("AACCBB AACCBB", first.tracked)
    assert ids(second) == [old]
    assert second.events["merged_from"].iloc[0] == young
    assert second.events["change"].iloc[0] == "merged"
    third = run("AACCBB AACCBB", second.tracked)
    assert third.events["merged_from"].iloc[0] == young
    assert (third.events["change"].iloc[0], third.events["version"].iloc[0]) == ("stable", 2)


def test_a_single_run_names_what_merged_before_it_too():
    old, young = ids(run("AA..BB AA..BB"))
    alone = run("AACCBB AACCBB")
    assert (ids(alone), alone.events["merged_from"].iloc[0]) == ([old], young)


def test_parts_that_were_detected_together_were_never_events_of_their_own():
    assert run("AAAAAA AA..AA AA..AA").events["merged_from"].iloc[0] is None
    assert run("AA.AA AA.AA ..A..").events["merged_from"].iloc[0] is None


def test_what_was_too_small_for_an_event_gives_no_id_to_the_event_that_grows_over_it():
    first = run("a...BB ....BB")
    (event,) = ids(first)
    assert event.startswith("MDD-220212-")
    second = run("a.CCBB .CCCBB", first.tracked)
    assert (ids(second), second.events["merged_from"].iloc[0]) == ([event], None)
    third = run("aCCCBB .CCCBB", second.tracked)
    assert ids(third) == ids(run("aCCCBB .CCCBB")) == [event]


def test_of_a_split_the_part_with_the_first_pixel_keeps_the_id():
    first = run("abbbbbb bbbbbbb")
    for previous in (first.tracked, None):
        second = run("ab-bbbb bb-bbbb", previous)
        kept, other = (second.events[second.events["event_id"].isin(ids(first)) == k].iloc[0] for k in (1, 0))
        assert kept["ha"] < other["ha"]
    second = run("ab-bbbb bb-bbbb", first.tracked)
    assert dict(zip(second.events["ha"].round(2), second.events["change"], strict=True)) == {
        0.04: "reduced",
        0.08: "new",
    }


def test_a_first_pixel_that_was_withdrawn_since_still_names_the_patch_that_it_was_live_with():
    (event,) = ids(run("AAAA bbbb"))
    later = run("-AAA bbbb")
    assert ids(later) == [event]
    assert later.events["ha"].iloc[0] < run("AAAA bbbb").events["ha"].iloc[0]
    alone = run("-... cccc ....")
    assert ids(alone) != [event], "what was withdrawn before the patch began was never part of it"


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        ("-- --", "forest-seen"),
        ("aa a-", "below-minimum"),
        ("aa ..", "below-minimum"),
        (".. ..", "not-reproduced"),
    ],
)
def test_a_withdrawn_event_stays_as_a_row_with_its_reason(after, reason):
    first = run("aa aa")
    second = run(after, first.tracked)
    assert ids(second) == ids(first)
    row = second.events.iloc[0]
    assert (row["status"], row["change"], row["version"]) == ("withdrawn", "withdrawn", 2)
    assert row["withdrawn_reason"] == reason
    assert row["ha"] == pytest.approx(first.events["ha"].iloc[0], rel=1e-6)
    assert len(second.cells) == 0
    third = run(after, second.tracked)
    assert (third.events["change"].iloc[0], third.events["version"].iloc[0]) == ("stable", 2)
    assert third.events["withdrawn_reason"].iloc[0] == reason


def test_a_withdrawn_event_that_comes_back_has_its_old_id():
    first = run("aa aa")
    gone = run("-- --", first.tracked)
    back = run("AA AA", gone.tracked)
    assert ids(back) == ids(first)
    row = back.events.iloc[0]
    assert (row["status"], row["version"], row["change"]) == ("confirmed", 3, "new")
    assert row["withdrawn_reason"] is None


def test_a_confirmed_event_of_which_too_little_is_left_is_withdrawn_and_says_so():
    first = run("Aaa Aaa")
    assert first.events["status"].iloc[0] == "confirmed"
    second = run("A-- A--", first.tracked)
    assert ids(second) == ids(first)
    row = second.events.iloc[0]
    assert (row["status"], row["change"], row["withdrawn_reason"]) == (
        "withdrawn",
        "withdrawn",
        "below-minimum",
    )
    assert len(second.cells) == 0
    grown = run("AAC AAC", second.tracked)
    assert (ids(grown), grown.events["status"].iloc[0]) == (ids(first), "confirmed")


def test_an_event_that_no_longer_grows_is_closed_and_takes_in_nothing():
    first = run("AA AA", until=DAY + 365)
    assert first.events["status"].iloc[0] == "confirmed"
    closed = run("AA AA", first.tracked, until=DAY + 366)
    assert (closed.events["status"].iloc[0], closed.events["change"].iloc[0]) == ("closed", "closed")
    for previous in (closed.tracked, None):
        later = run("AAYY AAYY", previous, until=DAY + 380)
        assert len(later.events) == 2
    assert (
        dict(zip(later.events["event_id"], later.events["status"], strict=True))[ids(closed)[0]] == "closed"
    )


def test_events_on_tiles_that_were_not_run_are_carried_over():
    both = run({TILE: "AA AA", EAST: "." * 4 + "AA " + "." * 4 + "AA"})
    again = run({TILE: "AABB AABB"}, both.tracked)
    assert ids(again) == ids(both)
    assert sorted(again.events["change"]) == ["grown", "stable"]
    assert set(again.cells["event_id"]) == set(ids(both))


def test_half_an_event_is_not_tracked():
    across = run({TILE: "." * 14 + "AA " + "." * 14 + "AA", EAST: "AA AA"})
    with pytest.raises(TableError, match="x0001y0000"):
        run({TILE: "." * 14 + "AA"}, across.tracked)


def test_no_alert_is_no_event():
    found = run("....")
    assert len(found.events) == len(found.cells) == 0
    EVENTS.check(found.events)
    CELLS.check(found.cells)
    assert (found.labels.raster(TILE) == -1).all()


def test_ids_are_never_given_twice():
    first = run("aaaa.. aaaa.. .....")
    second = run("--aa.. --aa.. .....", first.tracked)
    third = run("aa-aaaa aa-aaaa .....", second.tracked)
    assert third.events["event_id"].is_unique
    assert len(third.events) == 2


def test_rules_that_contradict_themselves_are_refused():
    with pytest.raises(ValueError, match="close_after_days"):
        replace(RULE, close_after_days=100)


def labels_slow(state: xr.Dataset, gap: int) -> list[set[tuple[int, int]]]:
    """Patches by a flood fill in plain Python."""
    live = {(int(y), int(x)) for y, x in zip(*np.nonzero(np.isin(state["status"], (1, 2, 4))), strict=True)}
    onset = state["onset"].values.astype(int)
    found = []
    while live:
        todo, patch = [min(live)], set()
        while todo:
            y, x = todo.pop()
            if (y, x) not in live:
                continue
            live.discard((y, x))
            patch.add((y, x))
            todo += [
                (y + dy, x + dx)
                for dy in (-1, 0, 1)
                for dx in (-1, 0, 1)
                if (y + dy, x + dx) in live and abs(onset[y, x] - onset[y + dy, x + dx]) <= gap
            ]
        found.append(patch)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_patches_are_those_of_a_flood_fill(seed):
    rng = np.random.default_rng(seed)
    drawn = state(TILE, ".")
    drawn["status"].values[:] = rng.choice([0, 1, 2, 3, 4], (16, 16), p=[0.5, 0.1, 0.2, 0.1, 0.1])
    drawn["onset"].values[:] = rng.choice([DAY, DAY + 100, DAY + 200, DAY + 300], (16, 16))
    pixels = alert_pixels({TILE: drawn})
    pixels = pixels.select(pixels.is_live)
    lineage = trace_events(pixels, replace(RULE, min_ha=0.0, close_after_days=10_000), GRID)
    labels = lineage.event
    fast: dict[int, set[tuple[int, int]]] = {}
    for label, row, column in zip(
        labels.tolist(), (pixels.row + 16).tolist(), pixels.column.tolist(), strict=True
    ):
        fast.setdefault(label, set()).add((row, column))
    assert [fast[label] for label in sorted(fast)] == labels_slow(drawn, 120)


def _fallen(fall: np.ndarray) -> Detected:
    drawn = state(TILE, " ".join(["......", ".AAAA.", ".AAAA.", ".AAAA.", ".AAAA.", "......"]))
    full = np.full((GRID.tile_px, GRID.tile_px), np.nan, np.float32)
    full[1:5, 1:5] = fall
    return detect_events(None, {TILE: drawn.assign(fall=(("y", "x"), full))}, GROUND, RULE, DAY + 60, {})


def test_a_rim_that_was_lost_by_less_than_half_is_no_part_of_the_event():
    fall = np.full((4, 4), 0.6, np.float32)
    fall[0, :] = 0.25
    fall[3, 3] = np.nan
    assert _fallen(fall).events.geometry.area.sum() == pytest.approx(12 * GRID.resolution**2)


def test_bare_soil_beside_a_pond_stays_in_the_event_and_noise_does_not():
    fall = np.full((4, 4), 1.0, np.float32)
    fall[0, :] = 0.4
    fall[3, :] = 0.05
    assert _fallen(fall).events.geometry.area.sum() == pytest.approx(12 * GRID.resolution**2)
