"""What a run leaves in the store, whatever way it got there: in parts, late, past bad scenes, killed."""

import datetime as dt
import logging
import shutil
from dataclasses import replace

import geopandas as gpd
import pytest

import small_site
from command_line import PACKAGE
from kill_points import left_in, runner
from made_schedules import differences
from selvawatch.core.days import iso, to_day
from selvawatch.core.files import file_digest, folder_digests
from selvawatch.errors import SelvawatchError, StoreError
from selvawatch.site import Site
from selvawatch.steps.run import monitor as steps
from selvawatch.steps.run import plan, publish
from selvawatch.steps.run.run_report import report_of
from selvawatch.steps.tile import advance, baseline, state
from selvawatch.steps.tile.water_counts import yearly_counts
from selvawatch.store.lock import exclusive
from selvawatch.store.run_files import read_tracked
from selvawatch.store.run_plan import scenes_before
from selvawatch.store.seal import SEAL

pytestmark = pytest.mark.slow

EARLY, MIDWAY, LATER = "2024-02-10", "2024-04-30", "2024-05-20"
TOLD_OF_RUNS = {
    *("alert_id", "version", "change", "rank", "score", "rank_reasons", "before_picture", "after_picture")
}
"""Columns of ALERTS that tell of what was published before, and are not the same for any days of runs."""
OPEN, LAST_SETTLED = "2024-03-17", "2024-03-16"
"""First day that is still replayed after a run to MIDWAY, and the one before: 45 days back."""


def committed(place):
    """What of a store is committed: the ledger's bytes and the files its current run and state consist of."""
    return {"ledger": file_digest(place.store / "ledger.sqlite"), **folder_digests(place.products)}


def events_of(place):
    """Events and cells of the current run, by content."""
    return folder_digests(place.products / "internal")


def clearest(place, first, last, sensor="sentinel-2"):
    """Id of the scene of a sensor between two days that shows most of the tile."""
    rows = [
        one
        for one in place.state.scene_records
        if one.sensor == sensor and one.state == "read" and first <= iso(one.day) <= last
    ]
    return max(rows, key=lambda one: (one.clear_share, one.scene_id)).scene_id


@pytest.fixture
def place(small_run, tmp_path):
    """The small site with an empty store."""
    return replace(small_run, store=tmp_path / "store")


@pytest.fixture(scope="module")
def midway(small_run, tmp_path_factory):
    """The small site run to a day in the middle; treat its store as read-only."""
    place = small_run.fitted(tmp_path_factory.mktemp("midway") / "store")
    place.run(MIDWAY)
    return place


@pytest.fixture
def begun(midway, place):
    """The same in a store of the test's own."""
    shutil.copytree(midway.store, place.store)
    return place


@pytest.fixture(scope="module")
def in_parts(midway, tmp_path_factory):
    """The same run on to the last day, and the report of the run before; treat its store as read-only."""
    place = replace(midway, store=tmp_path_factory.mktemp("parts") / "store")
    shutil.copytree(midway.store, place.store)
    first = place.run(MIDWAY)
    place.run()
    return place, first


@pytest.fixture
def changed(small_run, tmp_path):
    """A store with the baseline and no run, and a copy of the archive to be changed after the history."""
    archive = small_site.copy_archive(small_run.archive, tmp_path / "archive")
    return replace(small_run.fitted(tmp_path / "store"), archive=archive)


def test_a_second_run_with_the_same_inputs_changes_no_byte(small_run):
    before, report = folder_digests(small_run.store), small_run.run()
    assert folder_digests(small_run.store) == before
    assert report.run_id == small_run.products.name
    assert report == report_of(small_run.opened.ledger.runs()[0])


def test_another_store_gets_the_same_bytes(small_run, place):
    place.run()
    other, one = folder_digests(place.store), folder_digests(small_run.store)
    run = f"runs/{place.products.name}"
    says_where = {"ledger.sqlite", "ledger.json", "site.json", f"{run}/report.json", f"{run}/{SEAL}"}
    read_since = {name for name in set(one) - set(other) if name.startswith("cache/")}  # by other tests
    assert set(one) - read_since == set(other)
    assert {name for name in other if one[name] != other[name]} <= says_where


def test_in_two_parts_the_layers_are_those_of_one_run(small_run, midway, in_parts):
    begun, _ = in_parts
    assert 0 < len(midway.state.observations) < len(small_run.state.observations)
    assert begun.state.observations == small_run.state.observations
    assert begun.arrays() == small_run.arrays()
    assert begun.state.state == small_run.state.state
    mine, theirs = (read_tracked(one.products) for one in (small_run, begun))
    assert len(mine.events)
    assert differences(mine, theirs) == []
    for tier in ("public", "restricted"):
        folders = [one.products / tier for one in (small_run, begun)]
        names = sorted(path.name for path in (folders[0] / "tables").glob("*.csv"))
        assert names
        for name in names:
            assert len({(folder / "tables" / name).read_bytes() for folder in folders}) == 1
        alerts = [gpd.read_parquet(folder / "alerts.parquet").sort_values("event_id") for folder in folders]
        plain = [one.reset_index(drop=True) for one in alerts]
        assert {name for name in plain[0] if not plain[0][name].equals(plain[1][name])} <= TOLD_OF_RUNS


def test_a_scene_that_arrives_late_leaves_the_state_of_one_in_time(small_run, changed, caplog):
    late = clearest(small_run, OPEN, MIDWAY)
    whole = changed.archive
    without = replace(
        changed, archive=small_site.copy_archive(whole, whole.with_name("without")), store=changed.store
    )
    small_site.unlink_items(without.archive, [late])
    without.run(MIDWAY)
    assert late not in {one.scene_id for one in without.state.scene_records}
    with caplog.at_level(logging.INFO, logger="selvawatch.steps.tile"):
        replace(without, archive=whole).run()
    assert late in {one.scene_id for one in without.state.scene_records}
    assert without.arrays() == small_run.arrays()
    assert without.state.state == small_run.state.state
    assert f"are added to the state of day {to_day(LAST_SETTLED)}" in caplog.text


def test_a_scene_later_than_the_buffer_changes_nothing_but_is_told_and_enters_at_the_next_baseline(
    small_run, changed, monkeypatch
):
    late = clearest(small_run, "2024-01-01", LAST_SETTLED)
    whole = changed.archive
    without = replace(
        changed, archive=small_site.copy_archive(whole, whole.with_name("without")), store=changed.store
    )
    small_site.unlink_items(without.archive, [late])
    without.run(MIDWAY)
    other = replace(without, store=changed.store.with_name("other"))
    shutil.copytree(without.store, other.store)
    other.run()

    report = replace(without, archive=whole).run()
    assert without.arrays() == other.arrays()
    assert events_of(without) == events_of(other)
    assert without.state.observations == other.state.observations
    told = [one for one in without.opened.ledger.scenes() if one.state == "unread"]
    assert [(one.scene_id, one.reason) for one in told] == [(late, "late")]
    listed = {one.scene_id for one in small_run.state.scene_records}
    assert {one.scene_id for one in without.state.scene_records} == listed
    in_monitoring = [one for one in without.state.scene_records if iso(one.day) >= "2024-01-01"]
    assert (report.scenes_unread, report.scenes_read) == (1, len(in_monitoring) - 1)
    page = (without.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")
    assert late in page
    assert "demasiado tarde" in page

    for module in (state, baseline):
        monkeypatch.setattr(module, "STATE_VERSION", module.STATE_VERSION + 1)
    monkeypatch.setattr(plan, "code_digest", lambda: "0" * 64)
    report = replace(without, archive=whole).run()
    assert report.scenes_unread == 0
    assert without.arrays() == small_run.arrays()


def test_a_scene_reprocessed_after_its_day_was_frozen_leaves_the_older_one_in_the_state(
    small_run, begun, tmp_path
):
    name = clearest(small_run, "2024-01-01", LAST_SETTLED)
    place = replace(begun, archive=small_site.copy_archive(begun.archive, tmp_path / "archive"))
    small_site.change_item(place.archive, name, lambda item: item["properties"].update(note="made anew"))
    report = place.run()
    assert place.arrays() == small_run.arrays()
    assert place.state.observations == small_run.state.observations
    rows = [one for one in place.opened.ledger.scenes() if one.scene_id == name]
    assert sorted((one.state, one.reason) for one in rows) == [("read", ""), ("unread", "late")]
    since = [one for one in place.state.scene_records if iso(one.day) >= "2024-01-01"]
    assert report.scenes_read + report.scenes_unread == len(since)
    assert (report.scenes_unread, report.scenes_superseded) == (1, 0)


def test_an_unreadable_scene_is_recorded_and_all_else_is_as_if_it_did_not_exist(small_run, changed):
    bad = clearest(small_run, "2024-01-01", MIDWAY)
    without = replace(
        changed.fitted(changed.store.with_name("other")),
        archive=small_site.copy_archive(changed.archive, changed.archive.with_name("without")),
    )
    small_site.unlink_items(without.archive, [bad])
    asset = max(
        small_site.folder_of(changed.archive, bad).glob("*.tif"), key=lambda path: path.stat().st_size
    )
    small_site.replace_file(asset, lambda content: content[: len(content) // 2])

    report = changed.run(MIDWAY)
    assert report.scenes_unread == 1 and report.failed == {}
    (row,) = [one for one in changed.opened.ledger.scenes() if one.state == "unread"]
    assert row.scene_id == bad and row.reason
    text = (changed.products / "public" / "bulletin-es.txt").read_text(encoding="utf-8")
    assert "No leídas 1" in text
    assert bad in (changed.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")

    without.run(MIDWAY)
    assert changed.arrays() == without.arrays()
    assert events_of(changed) == events_of(without)


def test_a_scene_that_can_be_read_again_is_taken_in_by_the_next_run(small_run, changed):
    bad = clearest(small_run, OPEN, MIDWAY)
    asset = small_site.folder_of(changed.archive, bad) / "red.tif"
    content = asset.read_bytes()
    small_site.replace_file(asset, lambda content: content[:200])
    changed.run(MIDWAY)
    assert [one.scene_id for one in changed.state.scene_records if one.state != "read"] == [bad]
    small_site.replace_file(asset, lambda _: content)
    changed.run()
    assert all(one.state == "read" for one in changed.state.scene_records)
    assert changed.arrays() == small_run.arrays()


def test_an_error_between_the_tiles_and_the_commit_changes_nothing_committed(begun, monkeypatch):
    before = committed(begun)

    def broken(*_args, **_keywords):
        raise SelvawatchError("the disk is full")

    monkeypatch.setattr(steps, "publish_run", broken)
    with pytest.raises(SelvawatchError, match="disk is full"):
        begun.run(LATER)
    assert committed(begun) == before
    assert not [path for path in begun.store.rglob(".*") if path.is_dir()]


def water_of(place):
    """Counts of open water that the committed state of the tile is told with, by year."""
    site, says = Site.load(place.site, "aoi/site.toml"), place.state
    context = small_site.context(site, place.opened, says.until_day)
    found = yearly_counts(context, place.tile.id, says.scene_records, {2023, 2024})
    return {year: (int(count.seen.sum()), int(count.wet.sum())) for year, count in found.items()}


def test_a_tile_that_fails_after_its_water_was_counted_keeps_the_water_of_its_committed_state(
    begun, monkeypatch
):
    before = water_of(begun)
    assert set(before) == {2023, 2024}

    def broken(*_args, **_keywords):
        raise SelvawatchError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(advance, "advance_state", broken)
        with pytest.raises(SelvawatchError, match="disk is full"):
            begun.run(LATER)
    assert water_of(begun) == before
    begun.run(LATER)
    after, folder = water_of(begun), begun.store / "water" / begun.tile.id
    assert after[2024] > before[2024]
    assert len(list(folder.iterdir())) == 3  # 2023, and 2024 of this state and the one before


@pytest.fixture(scope="module")
def to_kill(midway, tmp_path_factory):
    """The store run to a day in the middle, under a path of its own, and what a run to LATER makes of it."""
    place = replace(midway, store=tmp_path_factory.mktemp("kill") / "store")
    shutil.copytree(midway.store, place.store)
    place.run(LATER)
    return place, left_in(place.store)


@pytest.fixture(scope="module")
def runs():
    """A server of runs that can be killed."""
    with runner(PACKAGE) as started:
        yield started


@pytest.mark.parametrize(
    ("moment", "is_committed"),
    [
        ("after replace .*plans/", False),
        ("before rename .*runs/", False),
        ("before COMMIT", False),
        ("after COMMIT", True),
    ],
)
def test_after_a_kill_a_rerun_leaves_the_bytes_of_an_undisturbed_run(
    midway, to_kill, runs, moment, is_committed
):
    """COMMIT is killed with pages spilled into the ledger, or before anything is removed that is old."""
    place, undisturbed = to_kill
    shutil.rmtree(place.store)
    shutil.copytree(midway.store, place.store)
    before = committed(place)
    ended = runs.run(place.arguments(LATER), moment)
    assert ended.killed
    assert (place.opened.ledger.current().until_day == to_day(LATER)) == is_committed
    assert (committed(place) == before) != is_committed
    assert left_in(place.store) != undisturbed
    assert place.run(LATER).failed == {}
    assert left_in(place.store) == undisturbed


def test_a_second_run_is_refused_at_once_while_the_first_goes_on_undisturbed(to_kill, midway, monkeypatch):
    place, undisturbed = to_kill
    shutil.rmtree(place.store)
    shutil.copytree(midway.store, place.store)
    real, refused = steps.advance_tile, []

    def interrupted(plan, tile):
        with pytest.raises(StoreError, match="another run is using the store.*selvawatch monitor"):
            place.run()
        refused.append(tile)
        return real(plan, tile)

    monkeypatch.setattr(steps, "advance_tile", interrupted)
    place.run(LATER)
    assert refused == [place.tile.id]
    assert left_in(place.store) == undisturbed


def test_the_files_of_a_committed_run_are_never_replaced(begun):
    files, row = folder_digests(begun.products), begun.opened.ledger.current()
    with exclusive(begun.store, "test") as held:
        run = steps.plan(held, *(str(begun.site), "aoi/site.toml"), small_site.AREA, LATER, begun.source)
        older = replace(run, run_id=row.run_id, sequence=row.sequence)
        with pytest.raises(StoreError, match="another run was committed meanwhile; got run 1; needed run 0"):
            steps.finish(held, older, {begun.tile.id: begun.state.state}, {})
        context = small_site.context(Site.load(begun.site), begun.opened, run.until_day)
        with pytest.raises(StoreError, match="another run was committed meanwhile"):
            publish.publish_run(replace(context, plan=older), None, None, {})
    assert folder_digests(begun.products) == files


@pytest.mark.parametrize("is_late", [False, True])
def test_a_site_that_is_edited_while_a_run_goes_on_stops_it_before_the_commit(
    begun, tmp_path, monkeypatch, is_late
):
    place = replace(begun, site=shutil.copytree(begun.site, tmp_path / "site"))
    before, real, file = committed(place), steps.advance_tile, place.site / "aoi" / "site.toml"

    def edited(plan, tile):
        made = real(plan, tile) if is_late else ""
        file.write_text(file.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        return made or real(plan, tile)

    monkeypatch.setattr(steps, "advance_tile", edited)
    with pytest.raises(SelvawatchError, match="the site was edited while the run was going.*run again"):
        place.run(LATER)
    assert committed(place) == before


def test_a_day_before_that_of_the_store_is_refused(small_run, place):
    shutil.copytree(small_run.store, place.store)
    before = folder_digests(place.store)
    with pytest.raises(StoreError, match=f"got --until {MIDWAY}; needed {place.until} or later"):
        place.run(MIDWAY)
    assert folder_digests(place.store) == before


def test_an_earlier_run_that_was_committed_is_only_reported(in_parts):
    begun, first = in_parts
    before = folder_digests(begun.store)
    assert begun.run(MIDWAY) == first
    assert folder_digests(begun.store) == before


def test_a_run_in_which_every_tile_failed_commits_nothing(begun, monkeypatch):
    before = committed(begun)
    monkeypatch.setattr(steps, "advance_tile", failing)
    with pytest.raises(SelvawatchError, match="no tile could be brought up"):
        begun.run()
    assert committed(begun) == before


def failing(_plan, tile):
    raise SelvawatchError("the tile cannot be read", where=tile, got="/srv/archive/a.tif: no such file")


def test_a_tile_that_failed_stops_no_other_and_is_brought_up_by_the_same_command(
    small_archive, small_plan, small_run, small_tile, tmp_path, monkeypatch
):
    plan = replace(small_plan, first_day=dt.date(2023, 9, 1))
    site, tiles = small_site.lay_halves(tmp_path / "site", small_archive, plan, small_tile)
    place = replace(small_run, site=site, store=tmp_path / "store")
    real = steps.advance_tile

    def one_fails(plan, tile):
        return failing(plan, tile) if tile == tiles[1] else real(plan, tile)

    with monkeypatch.context() as patch:
        patch.setattr(steps, "advance_tile", one_fails)
        report = place.run(EARLY)
    with pytest.raises(SelvawatchError, match=f"1 of 2 tiles .*{tiles[1]}.*run the command again"):
        report.checked()
    assert set(place.opened.ledger.tiles()) == set(tiles) - {tiles[1]}
    assert "/srv/archive/a.tif" in report.failed[tiles[1]]
    for page in place.products.rglob("bulletin-*"):
        assert "/srv/archive" not in page.read_text(encoding="utf-8")
    page = (place.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")
    assert f"{tiles[1]}</span>: <bdi>el cuadro no se pudo actualizar" in page
    again = place.run(EARLY)
    assert again.checked().run_id != report.run_id
    assert set(place.opened.ledger.tiles()) == set(tiles)
    before = folder_digests(place.store)
    assert place.run(EARLY) == again
    assert folder_digests(place.store) == before


def test_a_store_knows_what_its_last_run_was_planned_with_and_keeps_no_plan(small_run):
    known = {scene.id for scene in scenes_before(small_run.opened, small_site.AREA)}
    assert known == {record.scene_id for record in small_run.state.scene_records}
    assert list((small_run.store / "plans").iterdir()) == []
