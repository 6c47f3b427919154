"""The simulated archive: repeatable, resumable, and careful with the folders of others."""

import datetime as dt
from dataclasses import replace

import pytest

from selvawatch.core.files import folder_digests
from selvawatch.core.grid import Grid
from selvawatch.errors import SourceError
from selvawatch.simulate import SimulationPlan, simulate
from selvawatch.simulate.archive import all_scenes


class BrokenOffError(Exception):
    """What stands for a kill."""


@pytest.fixture(scope="module")
def short_plan(small_plan) -> SimulationPlan:
    """Two months of observations."""
    return replace(
        small_plan,
        first_day=dt.date(2023, 12, 1),
        last_day=dt.date(2024, 1, 31),
        changes=replace(small_plan.changes, quiet_days=5, old_mining_fronts=0),
    )


@pytest.fixture(scope="module")
def short_archive(short_plan, small_tile, tmp_path_factory):
    return simulate(short_plan, tmp_path_factory.mktemp("short") / "simulated", small_tile)


def test_an_archive_that_is_there_is_reused(short_archive, short_plan, small_tile):
    before = folder_digests(short_archive.folder)
    again = simulate(short_plan, short_archive.folder, small_tile)
    assert again.reused
    assert again.digest == short_archive.digest
    assert folder_digests(short_archive.folder) == before


def test_a_broken_off_archive_is_finished_to_the_same_bytes(
    short_archive, short_plan, small_tile, tmp_path, monkeypatch
):
    write, calls = all_scenes.write_scene, []

    def breaking(*arguments):
        calls.append(arguments)
        if len(calls) == 8:
            raise BrokenOffError
        return write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(all_scenes, "write_scene", breaking)
        with pytest.raises(BrokenOffError):
            simulate(short_plan, tmp_path / "other", small_tile)
    assert not (tmp_path / "other" / "simulation.json").exists()
    left = tmp_path / "other" / "archive" / "sentinel-1-rtc" / ".17-0123abcd.vv.tif"
    left.parent.mkdir(parents=True, exist_ok=True)
    left.write_bytes(b"half a file")
    again = simulate(short_plan, tmp_path / "other", small_tile)
    assert not again.reused
    assert not left.exists()
    assert folder_digests(again.folder) == folder_digests(short_archive.folder)


@pytest.mark.slow
def test_the_number_of_workers_changes_no_byte(short_archive, short_plan, small_tile, tmp_path):
    again = simulate(short_plan, tmp_path / "other", small_tile, workers=2)
    assert folder_digests(again.folder) == folder_digests(short_archive.folder)


def test_another_seed_replaces_the_archive(short_plan, small_tile, tmp_path):
    few = replace(short_plan.sensors, sentinel2_days=30, landsat_days=0, sentinel1_days=0)
    one = simulate(replace(short_plan, sensors=few), tmp_path / "one", small_tile)
    before = folder_digests(one.folder)
    other = simulate(replace(short_plan, sensors=few, seed=12), tmp_path / "one", small_tile)
    after = folder_digests(other.folder)
    assert not other.reused
    assert before.keys() == after.keys()
    assert before["truth/onset.tif"] != after["truth/onset.tif"]


def test_a_folder_of_somebody_else_is_refused(short_plan, small_tile, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SourceError, match="give another folder"):
        simulate(short_plan, tmp_path, small_tile)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(("resolution", "side"), [(30, 128), (10, 127)])
def test_a_grid_that_sentinel_2_does_not_have_is_refused(short_plan, tmp_path, resolution, side):
    tile = Grid(crs="EPSG:32719", resolution=resolution, tile_px=side).tile("x0280y6700")
    with pytest.raises(SourceError, match="a UTM zone, 10 m, an even number"):
        simulate(short_plan, tmp_path / "none", tile)
