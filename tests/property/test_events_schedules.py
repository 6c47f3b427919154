"""What a run says follows from the ground and the observations, never from when the program ran."""

from dataclasses import replace

import numpy as np
import pytest

from made_schedules import LIKELY, RULE, TILE, differences, ground
from selvawatch.core.tables import EVENTS
from selvawatch.events.patches import alert_pixels, with_expired_pixels

SCHEDULES = 20


@pytest.fixture(scope="module")
def made():
    return ground(4)


@pytest.fixture(scope="module")
def stepped(made):
    """A run every seventh day with an observation, and on the last."""
    return made.run([*made.days[:-1:7], made.days[-1]])


def schedules(days, seed):
    """Random days of runs, each schedule to the last day; the first of them runs on that day alone."""
    rng = np.random.default_rng(seed)
    yield [days[-1]]
    for _ in range(SCHEDULES - 1):
        chosen = rng.choice(days[:-1], int(rng.integers(1, 3)), replace=False)
        yield [*sorted(chosen.tolist()), days[-1]]


def test_twenty_schedules_of_one_store_say_the_same(made):
    first, *others = [made.run(days) for days in schedules(made.days, 1)]
    events = first[-1].events
    assert {"confirmed", "withdrawn"} <= set(events["status"]), "the made-up ground must show something"
    assert events["merged_from"].notna().any()
    for found in others:
        EVENTS.check(found[-1].events)
        assert differences(first[-1].tracked, found[-1].tracked) == []


@pytest.mark.parametrize("count", [17, None])
def test_twenty_schedules_publish_the_same_live_events_by_their_chance(made, count):
    days = made.days[:count]
    first, *others = [made.run(some, LIKELY) for some in schedules(days, 2)]
    published, below = first[-1].events, first[-1].tracked.unpublished
    assert len(published) + len(below) < len(made.run(days[-1:])[-1].events), "some were never likely enough"
    assert count is None or len(below)
    for found in others:
        assert differences(live(first[-1].tracked), live(found[-1].tracked)) == []
        assert list(found[-1].tracked.unpublished["event_id"]) == list(below["event_id"])


def live(tracked):
    """What was not withdrawn: pixels of withdrawn events that are detected anew tell no more of before."""
    events = tracked.events[tracked.events["status"] != "withdrawn"]
    return replace(tracked, events=events.reset_index(drop=True))


def test_a_published_event_is_never_hidden_again(made):
    known = set()
    for found in made.run(made.days, LIKELY):
        assert not known & set(found.tracked.unpublished["event_id"])
        known |= set(found.events["event_id"])
    assert known


def test_what_was_once_confirmed_is_in_the_last_table_or_went_on_in_another(stepped):
    last = stepped[-1].events
    known = {*last["event_id"], *" ".join(last["merged_from"].dropna()).split()}
    ground_of_last = last.union_all()
    for one in stepped:
        sure = one.events[one.events["status"].isin(["confirmed", "closed"])]
        for name, shape in zip(sure["event_id"], sure.geometry, strict=True):
            assert name in known or shape.intersects(ground_of_last)


def test_as_long_as_no_scene_comes_late_what_was_detected_once_stays_detected(made):
    before = set()
    for day in made.days:
        pixels = alert_pixels({TILE: made.layers[day]})
        now = set(zip(pixels.column.tolist(), pixels.row.tolist(), strict=True))
        assert before <= now
        before = now
    assert before


def test_as_long_as_no_scene_comes_late_every_withdrawal_is_seen_in_the_pixels(stepped):
    withdrawn = [one.events[one.events["change"] == "withdrawn"]["withdrawn_reason"] for one in stepped]
    reasons = {reason for found in withdrawn for reason in found}
    assert reasons and reasons <= {"forest-seen", "expired", "below-minimum"}


def test_pixels_of_the_made_up_ground_expire(made):
    last = made.days[-1]
    pixels = with_expired_pixels(alert_pixels({TILE: made.layers[last]}), RULE, last)
    assert pixels.is_expired.any()
