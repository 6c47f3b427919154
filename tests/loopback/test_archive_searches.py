import copy
import datetime as dt
import json
import math
from dataclasses import replace

import pytest
import shapely

import archive_profiles
import archive_world
from conftest import ROOT
from selvawatch.core.days import to_day
from selvawatch.errors import SourceError
from selvawatch.progress import PROGRESS
from selvawatch.site import Site
from selvawatch.sources.catalogues import stac_requests
from selvawatch.sources.catalogues.stac_api import StacSource
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.run.scene_rows import scene_balance
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import open_run
from selvawatch.web import retry

UNTIL = "2026-01-02"
DAYS = (dt.date(2023, 1, 1), dt.date(2025, 12, 31))
BOUNDS = (-71.0, -13.5, -69.5, -12.0)
HERE = shapely.box(-70.4, -13.0, -70.1, -12.9)


@pytest.fixture
def _hurry(monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=3, wait_s=0.01))
    monkeypatch.setattr(stac_requests, "_GAP_S", 0.001)


@pytest.fixture(scope="module")
def history():
    """Three years of two tiles in items of 23 kB."""
    return archive_profiles.sentinel_2_history(*DAYS, BOUNDS, tiles=2, size=23_000)


def _source(address, page=100):
    return StacSource(url=address, name="made-up", collections=("sentinel-2-c1-l2a",), page=page)


def _search(address, page=100):
    return _source(address, page).search(HERE, *map(to_day, DAYS))


@pytest.mark.usefixtures("paused")
def test_the_history_of_all_areas_is_found_in_few_requests_of_replies_of_6_mb(monkeypatch, tmp_path):
    site = Site.load(ROOT)
    areas = shapely.union_all([area.geometry for area in site.areas])
    items = archive_profiles.sentinel_2_history(*DAYS, areas.bounds, tiles=3, size=23_000)
    for item in items[::7]:
        item["properties"]["eo:cloud_cover"] = 99
    older = copy.deepcopy(items[1])
    older["id"] += "_old"
    older["properties"]["s2:processing_baseline"] = "05.00"
    items.append(older)
    with archive_profiles.serve(archive_profiles.EARTH_SEARCH, items) as served:
        monkeypatch.setenv("EARTH_SEARCH_URL", served.address)
        with exclusive(str(tmp_path / "store"), "tests") as held:
            plan = plan_run(held, site, "all", to_day(UNTIL), "sentinel-2=earth-search")
    size = sum(len(json.dumps(item)) for item in items)
    print(
        f"{len(items)} items, {size / 1e6:.1f} MB, {len(served.requests)} requests, {len(plan.tiles)} tiles"
    )
    assert set(served.requests) == {200} and len(served.requests) <= 3 * math.ceil(size / 6e6)
    (counts,) = scene_balance(open_run(plan), {}).values()
    archive_world.assert_balanced({"sentinel-2": counts})
    assert (
        counts["found"] == len(items) and counts["cloud"] == len(items[:-1:7]) and counts["superseded"] == 1
    )
    assert counts["off_tiles"] == 0 and counts["unread:tile-failed"] == len(items) - counts["cloud"] - 1


@pytest.mark.usefixtures("_hurry")
@pytest.mark.parametrize("status", [413, 502])
def test_replies_of_1_mb_lose_no_item(status, history):
    profile = replace(
        archive_profiles.EARTH_SEARCH, cap_bytes=1_000_000, cap_status=status, a_second=0, has_fields=False
    )
    with archive_profiles.serve(profile, history) as served:
        found = _search(served.address)
    assert len(found.scenes) == len(history) and found.problems == ()
    assert len(served.requests) < 25


@pytest.mark.usefixtures("_hurry")
def test_days_are_halved_where_the_smallest_page_is_too_large(history):
    profile = archive_profiles.Profile(name="x", cap_bytes=150_000, has_fields=False)
    with archive_profiles.serve(profile, history[:60]) as served:
        assert len(_search(served.address).scenes) == 60
    with (
        archive_profiles.serve(replace(profile, cap_bytes=20_000), history[:4]) as served,
        pytest.raises(SourceError, match="status 502"),
    ):
        _search(served.address)


@pytest.mark.usefixtures("_hurry")
@pytest.mark.parametrize("profile", archive_profiles.PROFILES, ids=lambda one: one.name)
def test_every_archive_is_searched_to_its_end_and_no_item_counts_twice(profile, history):
    few = history[:320]
    with archive_profiles.serve(replace(profile, a_second=0), few) as served:
        found = _search(served.address, page=500)
    assert [scene.id for scene in found.scenes] == sorted(
        (item["id"] for item in few), key=lambda name: (name[-8:], name)
    )
    assert found.problems == () and found.found == 320


@pytest.mark.usefixtures("_hurry")
def test_an_archive_is_waited_for_that_forbids_who_asks_too_fast(history, monkeypatch):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=5, wait_s=0.2))
    with archive_profiles.serve(replace(archive_profiles.EARTH_SEARCH, a_second=3), history[:250]) as served:
        assert len(_search(served.address, page=50).scenes) == 250
    assert 403 in served.requests


@pytest.mark.usefixtures("_hurry")
def test_what_is_left_out_of_an_item_changes_no_scene(history):
    few = history[:5]
    found = []
    for has_fields in (True, False):
        profile = replace(archive_profiles.EARTH_SEARCH, has_fields=has_fields)
        with archive_profiles.serve(profile, few) as served:
            found.append(_search(served.address).scenes)
    assert found[0] == found[1] and len(found[0]) == 5


@pytest.mark.usefixtures("_hurry")
def test_a_page_of_html_with_status_200_is_one_line(history):
    profile = replace(archive_profiles.EARTH_SEARCH, html=99)
    with (
        archive_profiles.serve(profile, history[:5]) as served,
        pytest.raises(SourceError, match="a page of HTML"),
    ):
        _search(served.address)


@pytest.mark.usefixtures("_hurry")
def test_an_item_that_another_of_its_id_contradicts_stays_a_problem(history):
    one = history[0]
    other = {**one, "properties": {**one["properties"], "eo:cloud_cover": 50}}
    with archive_profiles.serve(archive_profiles.EARTH_SEARCH, [one, other, one]) as served:
        found = _search(served.address)
    assert len(found.scenes) == 1 and [problem.reason for problem in found.problems] == ["duplicate"]


def test_a_search_says_how_far_it_is_and_that_it_is_done(history, caplog):
    caplog.set_level(PROGRESS, logger="selvawatch")
    with archive_profiles.serve(replace(archive_profiles.EARTH_SEARCH, a_second=0), history[:150]) as served:
        _search(served.address, page=60)
    said = [record.progress for record in caplog.records if hasattr(record, "progress")]
    assert [one.done for one in said] == [60, 120, 150, 150]
    assert [one.is_complete for one in said] == [False, False, False, True]
