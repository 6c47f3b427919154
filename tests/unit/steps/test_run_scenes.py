"""What became of each scene of a run: in the ledger, and in the counts of its report."""

import shutil
from dataclasses import replace

import pytest
import shapely

import small_site
from selvawatch.core.days import iso, to_day
from selvawatch.site import Site
from selvawatch.sources.open import open_source
from selvawatch.sources.source import Problem, Superseded
from selvawatch.steps.run.coverage import coverage_of
from selvawatch.steps.run.run_content import TileResults
from selvawatch.steps.run.scene_rows import scene_rows
from selvawatch.store.ledger import SceneRow
from selvawatch.store.run_plan import SceneInputs

pytestmark = pytest.mark.slow

EVERYWHERE = shapely.box(-75, -20, -60, 0)


@pytest.fixture
def place(small_run, tmp_path):
    """The small site with an empty store."""
    return replace(small_run, store=tmp_path / "store")


def test_a_scene_whose_item_is_mended_is_read_and_no_longer_unread(small_run, place, tmp_path):
    one = next(one.scene_id for one in small_run.state.scene_records if iso(one.day) > "2024-06-01")
    place = small_run.fitted(place.store)
    broken = replace(place, archive=small_site.copy_archive(place.archive, tmp_path / "broken"))
    small_site.change_item(broken.archive, one, lambda item: item["properties"].update(datetime="June"))
    assert broken.run("2024-06-30").scenes_unread == 1
    rows = [row for row in place.opened.ledger.scenes() if row.scene_id == one]
    assert [(row.tile, row.state) for row in rows] == [("", "unread")]
    assert place.run("2024-06-30").scenes_unread == 0
    rows = [row for row in place.opened.ledger.scenes() if row.scene_id == one]
    assert [(row.tile, row.state) for row in rows] == [(place.tile.id, "read")]


def test_a_scene_in_the_halo_that_a_newer_one_replaces_is_told_as_superseded(small_run, place):
    site = Site.load(place.site, "aoi/site.toml")
    halo = site.halo_px
    first, last = to_day("2024-06-01"), to_day("2024-06-30")
    scene = open_source(place.source).search(EVERYWHERE, first, last).scenes[0]
    rim = place.tile.lonlat_outline_with(halo).difference(place.tile.lonlat_outline_with(1))
    beside = replace(scene, footprint=rim)
    assert halo > 1 and not rim.intersects(place.tile.lonlat_outline)
    before = SceneRow(
        tile=place.tile.id,
        scene_id=beside.id,
        digest=beside.digest,
        sensor=beside.sensor,
        stream=beside.sensor,
        day=beside.day,
        state="read",
        reason="",
        clear_share=0.0,
    )
    inputs = SceneInputs(
        scenes=(),
        problems=(),
        skipped=(),
        superseded=(Superseded(scene=beside, by="newer"),),
        unsearched=(),
    )
    name = place.tile.id
    states = {name: replace(small_run.state, scene_records=())}
    results = TileResults(states=states, before={}, advanced={name: small_run.state.state}, failed={})
    (row,) = scene_rows(small_site.context(site, place.opened, last, inputs), [before], results)
    assert (row.state, row.reason) == ("superseded", "newer")


def test_a_scene_is_counted_once_whatever_its_tiles_and_reasons_and_a_failed_tile_is_none(small_run, place):
    site, here, other = Site.load(place.site, "aoi/site.toml"), small_run.state, "x0000y0000"
    store = place.opened
    store.folder.mkdir(parents=True)
    store.ledger.create()
    for name in (here.tile, other):
        shutil.copytree(small_run.opened.state(here.tile, here.state), store.state(name, here.state))
        shutil.copytree(
            small_run.opened.baseline(here.tile, here.baseline), store.baseline(name, here.baseline)
        )
    begins = to_day(site.days.monitoring_from)
    first, second, *rest = [one for one in here.scene_records if one.day >= begins]
    unread = replace(first, state="unread", reason="unreachable")
    late = replace(second, state="unread", reason="late")
    states = {
        here.tile: replace(here, scene_records=(first, late, *rest)),
        other: replace(
            here, tile=other, scene_records=(unread, replace(second, state="unread", reason="unreadable"))
        ),
    }
    problems = [("bad", "item"), ("bad", "datetime"), ("worse", "item"), (first.scene_id, "item")]
    inputs = SceneInputs(
        scenes=(),
        problems=tuple(Problem(scene_id=name, reason=why, text=why) for name, why in problems),
        skipped=(),
        superseded=(),
        unsearched=(),
    )
    context = small_site.context(site, store, here.until_day, inputs)
    seen = coverage_of(context, states, {"x0001y0001": "the disk is full"}, [])
    assert sum(one.scenes_read for one in seen.sensors) == len(rest) + 1
    assert seen.scenes_unread == len({second.scene_id, "bad", "worse"})
    assert "x0001y0001" in {one.scene_id for one in seen.unread}
