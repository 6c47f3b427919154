"""A scene whose archive did not answer is tried again by a run to the same day; a damaged one is not."""

from dataclasses import replace

import pytest

import small_site
from selvawatch.core.days import to_day
from selvawatch.sources import scene_pixels
from selvawatch.web.retry import UnreachableError

pytestmark = pytest.mark.slow


@pytest.fixture
def place(small_run, tmp_path):
    """The small site with its baseline fitted, and no run."""
    return small_run.fitted(tmp_path / "store")


def latest(place):
    """Folder name of the last Sentinel-2 scene."""
    rows = [one for one in place.state.scene_records if one.sensor == "sentinel-2" and one.state == "read"]
    return max(rows, key=lambda one: one.day).scene_id


def test_a_scene_of_a_silent_host_is_read_by_the_next_run_to_the_same_day(small_run, place, monkeypatch):
    silent, whole = latest(small_run), scene_pixels.bytes_of
    assert to_day(place.until) - 45 < max(one.day for one in small_run.state.scene_records)

    def answer(href):
        if silent in href:
            raise UnreachableError("status 503")
        return whole(href)

    monkeypatch.setattr(scene_pixels, "bytes_of", answer)
    first = place.run()
    (row,) = [one for one in place.opened.ledger.scenes() if one.state == "unread"]
    assert (row.scene_id, row.reason) == (silent, "unreachable")
    assert (first.scenes_unread, first.scenes_unreachable) == (1, 1)
    page = (place.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")
    assert "su servidor no respondió" in page

    monkeypatch.setattr(scene_pixels, "bytes_of", whole)
    second = place.run()
    assert second.run_id != first.run_id and second.scenes_unreachable == 0
    assert [one.state for one in place.opened.ledger.scenes() if one.scene_id == silent] == ["read"]
    assert place.arrays() == small_run.arrays()
    assert place.run() == second


def test_a_damaged_scene_is_not_tried_again_by_a_run_to_the_same_day(small_run, place, tmp_path):
    bad = latest(small_run)
    place = replace(place, archive=small_site.copy_archive(place.archive, tmp_path / "archive"))
    asset = small_site.folder_of(place.archive, bad) / "red.tif"
    small_site.replace_file(asset, lambda content: content[: len(content) // 2])
    first = place.run()
    assert (first.scenes_unread, first.scenes_unreachable) == (1, 0)
    assert place.run() == first and len(place.opened.ledger.runs()) == 1
