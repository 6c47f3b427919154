"""A scene that lies off its place is kept with how far, and where that is too far it is not used."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio

from selvawatch.core.days import to_day
from selvawatch.detect.registration import Displaced
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.steps.run.scene_rows import TERMS
from selvawatch.steps.run.track import clear_days
from selvawatch.steps.tile.displaced_scenes import with_displaced
from selvawatch.steps.tile.late_scenes import history_as_read
from selvawatch.store.contents import LAYERS
from selvawatch.store.tile_state import TileState, load_arrays
from small_site import copy_archive, folder_of, unlink_items

MADE_UP = TileState(
    tile="x0000y0000", state="made-up", until_day=10, baseline="made-up", baseline_rule="",
    observations=(), scene_records=(), delayed_until=0,
)  # fmt: skip


def record(day, stream="sentinel-2", state="read", reason=""):
    return SceneRecord(
        scene_id=f"{stream}-{day}", sensor="sentinel-2", day=day, stream=stream, state=state, reason=reason
    )


def test_only_scenes_that_were_read_of_an_observation_that_lay_off_its_place_bear_how_far():
    records = (
        record(1),
        record(2),
        record(3),
        record(2, "landsat"),
        record(2, state="unread", reason="size"),
        record(4, "sentinel-1-descending-t127", reason="track"),
    )
    found = with_displaced(
        records, (Displaced(2, "sentinel-2", 0.624, False), Displaced(3, "sentinel-2", 12.0, True))
    )
    assert [one.reason for one in found] == ["", "moved:0.62", "displaced:12.00", "", "size", "track"]
    assert [replace(one, reason="") for one in found] == [replace(one, reason="") for one in records]


@pytest.mark.parametrize(
    ("reason", "is_used"), [("", True), ("moved:0.62", True), ("displaced:2.41", False), ("track", False)]
)
def test_a_day_on_which_nothing_of_a_scene_was_weighed_is_none_on_which_its_sensor_observed(reason, is_used):
    state = replace(MADE_UP, scene_records=(replace(record(7, reason=reason), clear_share=0.4),))
    assert clear_days(state) == ({"sentinel-2": [7]} if is_used else {})


@pytest.mark.parametrize(
    ("reason", "is_opened"), [("", False), ("moved:0.62", False), ("displaced:2.41", False), ("track", True)]
)
def test_scenes_of_the_history_that_lay_off_their_place_are_not_opened_again(reason, is_opened, monkeypatch):
    one = record(1, reason=reason)
    monkeypatch.setattr("selvawatch.steps.tile.late_scenes.stream_of", lambda scene: scene.stream)
    assert (history_as_read((one,), (one,), 5) == ()) is is_opened


@pytest.mark.slow
def test_a_scene_that_lies_too_far_off_is_told_of_in_ledger_and_balance_and_changes_no_sum(
    small_run, tmp_path
):
    days = range(to_day("2024-02-01"), to_day("2024-04-20"))
    archive = copy_archive(small_run.archive, tmp_path / "archive")
    record = max(
        (one for one in small_run.state.scene_records if one.stream == "sentinel-2" and one.day in days),
        key=lambda one: one.clear_share,
    )
    for path in folder_of(archive, record.scene_id).glob("*.tif"):
        _shift(path, 40)
    place = replace(small_run.fitted(tmp_path / "store"), archive=archive)
    report = place.run("2024-04-30")
    (row,) = [one for one in place.opened.ledger.scenes() if one.scene_id == record.scene_id]
    code, _, px = row.reason.partition(":")
    assert (row.state, code) == ("read", "displaced") and abs(float(px) - 4) < 0.3
    counts = report.scene_balance["sentinel-2"]
    assert counts["displaced"] == 1
    assert counts["found"] == sum(counts[term] for term in TERMS) + counts["displaced"]
    assert record.day not in clear_days(place.state)["sentinel-2"]
    assert record.day in clear_days(small_run.state)["sentinel-2"]
    looks = layers_of(place, place.state)["looks_total"]
    place.run("2024-05-31")
    (later,) = [one for one in place.opened.ledger.scenes() if one.scene_id == record.scene_id]
    assert later.reason == row.reason
    unlink_items(archive, [record.scene_id])
    other = replace(place, store=small_run.fitted(tmp_path / "without").store)
    np.testing.assert_array_equal(looks, layers_of(other, other.advance("2024-04-30"))["looks_total"])


def layers_of(place, state):
    return load_arrays(place.opened.state(place.tile.id, state.state), LAYERS)


def _shift(path, metres):
    with rasterio.open(path) as file:
        values, profile, tags, scales, offsets = (
            file.read(), file.profile, file.tags(), file.scales, file.offsets
        )  # fmt: skip
    path.unlink()
    with rasterio.open(path, "w", **profile) as file:
        file.write(np.roll(values, round(metres / profile["transform"].a), axis=1))
        file.update_tags(**tags)
        file.scales, file.offsets = scales, offsets
