"""Which days of a tile are settled, and what becomes of scenes that come after."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import shapely
import xarray as xr

from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.sources.sensors.reasons import SCENE_REASONS
from selvawatch.steps.tile.late_scenes import LATE, FrozenDays, frozen_days, in_time, with_frozen_days
from selvawatch.store.checkpoints import checkpoint, keep, kept, newest_checkpoint
from selvawatch.store.folders import Store

BEGINS, UNTIL, BUFFER = 19_000, 19_100, 45
LAST = UNTIL - BUFFER


def scene(name, day, digest="a"):
    return Scene(
        id=name,
        sensor="sentinel-2",
        collection="sentinel-2-c1-l2a",
        time=dt.datetime(1970, 1, 1, 15, tzinfo=dt.UTC) + dt.timedelta(days=day),
        footprint=shapely.box(0, 0, 1, 1),
        assets={},
        digest=digest,
    )


def record(one, state="read", reason=""):
    return SceneRecord(
        scene_id=one.id, sensor=one.sensor, day=one.day, stream="sentinel-2", state=state, reason=reason,
        digest=one.digest,
    )  # fmt: skip


HISTORY, OLD, EDGE, YOUNG = (
    scene("h", BEGINS - 9),
    scene("o", BEGINS + 3),
    scene("e", LAST),
    scene("y", LAST + 1),
)
HAD = tuple(record(one) for one in (HISTORY, OLD, EDGE, YOUNG))


def test_all_but_the_buffer_of_the_monitoring_is_frozen():
    past = frozen_days(HAD, BEGINS, UNTIL, BUFFER)
    assert [one.scene_id for one in past.scene_records] == ["o", "e"]
    assert (BEGINS - 1 in past, BEGINS in past, LAST in past, LAST + 1 in past) == (False, True, True, False)


def test_before_the_first_run_nothing_is_late():
    scenes = (HISTORY, OLD, YOUNG)
    assert in_time(scenes, FrozenDays()) == scenes
    taken = tuple(record(one) for one in scenes)
    assert with_frozen_days(taken, scenes, FrozenDays()) == taken


def test_a_newcomer_of_a_frozen_day_is_not_read_but_recorded_with_a_reason_that_has_words():
    past = frozen_days(HAD, BEGINS, UNTIL, BUFFER)
    late, young, history = scene("l", LAST - 1), scene("n", LAST + 2), scene("b", BEGINS - 1)
    scenes = (HISTORY, OLD, EDGE, YOUNG, late, young, history)
    read = in_time(scenes, past)
    assert [one.id for one in read] == ["h", "o", "e", "y", "n", "b"]
    said = with_frozen_days([record(one) for one in read], scenes, past)
    assert {one.scene_id: one.reason for one in said if one.state != "read"} == {"l": LATE}
    assert len(said) == len(scenes)
    assert [one.day for one in said] == sorted(one.day for one in said)
    assert LATE in SCENE_REASONS


def test_a_reprocessed_scene_of_a_frozen_day_leaves_the_version_that_was_taken_in():
    past = frozen_days(HAD, BEGINS, UNTIL, BUFFER)
    newer = replace(OLD, digest="b")
    assert in_time((newer,), past) == ()
    said = with_frozen_days([], (newer,), past)
    assert {(one.digest, one.state, one.reason) for one in said if one.scene_id == "o"} == {
        ("a", "read", ""),
        ("b", "unread", LATE),
    }


def test_a_reprocessed_scene_within_the_buffer_takes_the_place_of_the_older_version():
    past = frozen_days(HAD, BEGINS, UNTIL, BUFFER)
    newer = replace(YOUNG, digest="b")
    assert in_time((newer,), past) == (newer,)
    said = with_frozen_days([record(newer)], (newer,), past)
    assert [(one.digest, one.state) for one in said if one.scene_id == "y"] == [("b", "read")]


def test_a_scene_that_its_archive_lists_no_more_stays_in_frozen_days_only():
    said = with_frozen_days([], (), frozen_days(HAD, BEGINS, UNTIL, BUFFER))
    assert [one.scene_id for one in said] == ["o", "e"]


def test_what_was_unread_on_a_frozen_day_keeps_its_reason_and_is_not_tried_again():
    past = frozen_days((record(OLD, "unread", "size"),), BEGINS, UNTIL, BUFFER)
    assert in_time((OLD,), past) == ()
    assert [one.reason for one in with_frozen_days([], (OLD,), past)] == ["size"]


def test_without_a_buffer_every_day_up_to_the_last_is_frozen():
    past = frozen_days(HAD, BEGINS, UNTIL, 0)
    assert UNTIL in past
    assert UNTIL + 1 not in past


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def keys(*days, scenes="s"):
    return tuple(ObservationKey(day=day, stream="sentinel-2", scenes=scenes) for day in days)


def state(value):
    return xr.Dataset({"sum": (("y", "x"), np.full((2, 2), value, np.uint8))}, attrs={"until": value})


def test_a_replay_begins_at_the_newest_kept_state_of_the_same_observations_and_baseline(store):
    observations = keys(1, 5, 9, 14)
    assert newest_checkpoint(store, "t", "base", observations) is None
    older, newer = checkpoint("base", observations, 5), checkpoint("base", observations, 9)
    keep(store, "t", older, state(5), None)
    keep(store, "t", newer, state(9), older)
    assert newest_checkpoint(store, "t", "base", observations) == newer
    xr.testing.assert_identical(kept(store, "t", newer), state(9))
    assert newest_checkpoint(store, "t", "base", keys(1, 5, 8, 9, 14)) == older
    assert newest_checkpoint(store, "t", "base", keys(1, 4, 5)) is None
    assert newest_checkpoint(store, "t", "base", keys(1, 5, 9, scenes="other")) is None
    assert newest_checkpoint(store, "t", "another", observations) is None


def test_two_states_are_kept_and_no_more(store):
    observations = keys(*range(1, 30))
    before = None
    for day in (3, 9, 20):
        one = checkpoint("base", observations, day)
        keep(store, "t", one, state(day), before)
        before = one
    assert sorted(int(path.name.split("-")[0]) for path in store.checkpoints("t").iterdir()) == [9, 20]
