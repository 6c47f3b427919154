"""Provisional events have a chance to be confirmed, and those that are too unlikely are not published."""

from dataclasses import replace

import numpy as np
import pytest

from drawn_tiles import DAY, GRID, GROUND, RULE, TILE, run, state
from selvawatch.core.tables import EVENTS
from selvawatch.events.calibrated.chance_rule import ChanceRule
from selvawatch.events.chance.chance_of_events import courses
from selvawatch.events.detected import detect_events
from selvawatch.events.lineage import trace_events
from selvawatch.events.patches import alert_pixels
from selvawatch.events.suspects import patches_under_observation, suspect_pixels

CHANCE = ChanceRule(
    within_days=60, least=0.5, start=0.0, unit_ha=0.06, doubling=2.0, radar=0.0, optical=0.0, seen=0.0,
    near=0.0, near_m=40.0,
)  # fmt: skip
"""An event of six pixels has a chance of one half; of four, 0.24."""
LIKELY = replace(RULE, chance=CHANCE)
SMALL, LARGE = "aa aa", "aaa aaa"


def with_chance(**numbers):
    return replace(LIKELY, chance=replace(CHANCE, **numbers))


def statuses(found):
    return dict(zip(found.events["event_id"], found.events["status"], strict=True))


def test_a_provisional_event_has_its_chance_and_a_confirmed_one_has_none():
    found = run("aaa..AAA aaa..AAA", rule=LIKELY).events.set_index("status")["chance"]
    assert found["provisional"] == 0.5 and np.isnan(found["confirmed"])


def test_without_numbers_every_event_is_published_without_a_chance():
    found = run(SMALL, rule=RULE)
    assert list(found.events["status"]) == ["provisional"] and found.events["chance"].isna().all()
    assert len(found.tracked.unpublished) == 0


def test_an_event_whose_ground_nobody_observed_is_published_without_a_chance():
    found = detect_events(None, {TILE: state(TILE, SMALL)}, GROUND, LIKELY, DAY + 60, {})
    assert list(found.events["status"]) == ["provisional"] and found.events["chance"].isna().all()


def test_an_event_that_is_too_unlikely_is_in_no_table_and_has_no_label():
    found = run("aa..bbb aa..bbb", rule=LIKELY)
    assert list(found.events["ha"]) == pytest.approx([0.06], rel=2e-3)
    assert set(found.cells["event_id"]) == set(found.events["event_id"])
    assert (found.labels.raster(TILE) == 0).sum() == 6 and (found.labels.raster(TILE) >= 0).sum() == 6


def test_what_is_not_published_is_kept_apart_without_a_version_or_a_cause():
    row = EVENTS.check(run(SMALL, rule=LIKELY).tracked.unpublished).iloc[0]
    assert (row["status"], row["version"], row["cause"]) == ("provisional", 0, "unknown")
    assert row["chance"] == pytest.approx(0.24) and row["ha"] == pytest.approx(0.04, rel=2e-3)


def test_a_chance_of_exactly_the_least_is_published():
    assert len(run(LARGE, rule=with_chance(least=0.5)).events) == 1
    assert len(run(LARGE, rule=with_chance(least=0.51)).events) == 0


def test_an_event_that_is_confirmed_is_published_as_new_however_unlikely_it_was():
    first = run(SMALL, rule=LIKELY)
    row = run("AA AA", first.tracked, rule=LIKELY).events.iloc[0]
    assert len(first.events) == 0
    assert (row["status"], row["change"], row["version"]) == ("confirmed", "new", 1)


def test_an_event_that_grows_is_published_when_it_is_likely_enough_and_as_new():
    grown = run("aab aab", run("aa. aa.", rule=LIKELY).tracked, rule=LIKELY)
    assert [(row.change, row.version) for row in grown.events.itertuples()] == [("new", 1)]
    assert len(grown.tracked.unpublished) == 0


def test_an_event_that_shrinks_stays_published_with_the_chance_of_its_size():
    row = run("aaa aa-", rule=LIKELY).events.iloc[0]
    assert row["status"] == "provisional" and row["chance"] < 0.5
    assert statuses(run("aaa aa-", run(LARGE, rule=LIKELY).tracked, rule=LIKELY)) == {
        row["event_id"]: "provisional"
    }


def test_what_was_published_stays_when_a_late_scene_or_new_numbers_make_it_unlikely():
    first = run(SMALL, rule=RULE)
    later = run(SMALL, first.tracked, rule=LIKELY).events
    assert list(later["event_id"]) == list(first.events["event_id"])
    assert (later["status"].iloc[0], later["change"].iloc[0], later["chance"].iloc[0]) == (
        "provisional",
        "stable",
        pytest.approx(0.24),
    )


def test_where_a_published_event_goes_on_in_an_unlikely_one_that_is_published_too():
    first = run("aa. aa.", rule=RULE)
    moved = run(". .bb .bb", first.tracked, rule=LIKELY).events
    assert list(run(". .bb .bb", rule=LIKELY).events["event_id"]) == []
    assert list(moved["status"]) == ["provisional"]
    assert set(moved["event_id"]).isdisjoint(first.events["event_id"])


def test_a_withdrawn_event_is_in_the_table_only_where_it_was_likely_enough():
    assert len(run("-- --", rule=LIKELY).events) == 0
    assert list(run("--- ---", rule=LIKELY).events["status"]) == ["withdrawn"]
    assert len(run("-- --", rule=LIKELY).tracked.unpublished) == 0


def test_a_published_event_that_is_withdrawn_has_no_chance_any_more():
    gone = run("--- ---", run(LARGE, rule=LIKELY).tracked, rule=LIKELY).events.iloc[0]
    assert (gone["status"], gone["change"]) == ("withdrawn", "withdrawn") and np.isnan(gone["chance"])


def test_a_confirmed_pixel_of_another_event_counts_from_its_confirmation_on_and_within_reach():
    near = with_chance(near=2.0)
    cases = (
        ("aaa..AAA aaa..AAA", DAY + 60, 0.88),
        ("aaa..AAA aaa..AAA", DAY + 11, 0.5),
        ("aaa.....AAA aaa.....AAA", DAY + 60, 0.5),
        (LARGE, DAY + 60, 0.5),
    )
    for drawn, until, expected in cases:
        assert run(drawn, rule=near, until=until).events["chance"].max() == pytest.approx(expected), until


def test_sensors_and_days_count_from_the_first_detection_to_the_last_day():
    looked = {"sentinel-1": [DAY - 3, DAY + 9, DAY + 70], "sentinel-2": [DAY + 5, DAY + 9]}
    pixels = alert_pixels({TILE: state(TILE, LARGE)})
    lineage = trace_events(pixels, LIKELY, GRID)
    ((event, course),) = courses(pixels, lineage, LIKELY, GRID, DAY + 60, [looked])
    assert event == 0 and course.day.tolist() == [DAY + 5, DAY + 9, DAY + 60]
    assert course.facts.seen_days.tolist() == [1, 2, 2]
    assert course.facts.by_radar.tolist() == [False, True, True]
    assert course.facts.by_optical.tolist() == [True, True, True]


def test_an_unlikely_event_counts_as_under_observation_with_suspect_pixels_that_touch_it_once():
    drawn, nobody = state(TILE, "aa..... aa....."), np.zeros((16, 16), np.uint16)
    found, pixels = run("aa aa", rule=LIKELY), alert_pixels({TILE: drawn})
    below = list(found.tracked.unpublished.geometry)
    since = nobody.copy()
    since[:2, 2:4] = DAY + 6
    for outlines, suspects, size in ((below, nobody, 4), (below, since, 8), ([], nobody, 0)):
        counted = patches_under_observation(
            pixels, suspect_pixels({TILE: suspects}), outlines, None, LIKELY, GRID, DAY + 60
        )
        assert (counted.count, len(counted.column)) == (int(size > 0), size)


@pytest.mark.parametrize(
    "numbers",
    [{"least": 1.1}, {"doubling": -0.1}, {"unit_ha": 0.0}, {"within_days": 0}, {"near_m": -1.0}],
)
def test_numbers_that_make_no_chance_are_refused(numbers):
    with pytest.raises(ValueError, match=next(iter(numbers))):
        replace(CHANCE, **numbers)
