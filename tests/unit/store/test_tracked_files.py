"""Events that a run keeps: those that are published, those that are not, and those of earlier versions."""

from dataclasses import replace

import geopandas as gpd
import pytest

from drawn_tiles import RULE, run
from selvawatch.events.calibrated.chance_rule import ChanceRule
from selvawatch.store.folders import new_folder
from selvawatch.store.run_files import read_tracked, write_tracked

CHANCE = ChanceRule(
    within_days=60, least=0.5, start=0.0, unit_ha=0.06, doubling=2.0, radar=0.0, optical=0.0, seen=0.0,
    near=0.0, near_m=40.0,
)  # fmt: skip


def kept(folder, tracked):
    """A run's folder that keeps some events."""
    with new_folder(folder / "run") as part:
        write_tracked(part, tracked)
    return folder / "run"


def test_unlikely_events_are_kept_in_a_file_of_their_own_and_are_not_read_as_events(tmp_path):
    found = run("aa..aaa aa..aaa", rule=replace(RULE, chance=CHANCE)).tracked
    folder = kept(tmp_path, found)
    below = gpd.read_parquet(folder / "internal" / "unpublished.parquet")
    assert len(below) == 1 and list(below["chance"]) == list(found.unpublished["chance"])
    assert list(read_tracked(folder).events["event_id"]) == list(found.events["event_id"])
    assert not set(below["event_id"]) & set(found.events["event_id"])


@pytest.mark.parametrize("name", ["chance", "ha_subpixel"])
def test_events_of_a_run_before_there_was_a_column_are_read_with_an_empty_one(tmp_path, name):
    found = run("aaa aaa", rule=RULE).tracked
    older = replace(found, events=found.events.drop(columns=name), unpublished=None)
    folder = kept(tmp_path, older)
    assert list(read_tracked(folder).events[name].isna()) == [True]
    assert not (folder / "internal" / "unpublished.parquet").exists()
