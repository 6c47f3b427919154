"""Runs while archives fail in part: nothing read is lost, and what comes back makes the run whole."""

from dataclasses import replace

import pytest

import small_site
from selvawatch.core.days import iso
from selvawatch.errors import SelvawatchError, SourceError
from selvawatch.sources import open as opening
from selvawatch.sources import scene_pixels
from selvawatch.steps.run.monitor import monitor
from selvawatch.web.retry import UnreachableError

pytestmark = pytest.mark.slow

MIDWAY = "2024-06-30"


@pytest.fixture
def place(small_run, tmp_path):
    """The small site with its baseline fitted, and no run."""
    return small_run.fitted(tmp_path / "store")


def test_a_second_stream_on_the_last_day_is_taken_in(small_run, place, tmp_path):
    read = [one for one in small_run.state.scene_records if one.state == "read"]
    landsat = next(one for one in read if one.stream == "landsat" and iso(one.day) > "2024-05-01")
    moved = min(
        (one for one in read if one.stream == "sentinel-2"), key=lambda one: abs(one.day - landsat.day)
    )
    whole = small_site.copy_archive(place.archive, tmp_path / "whole")
    small_site.change_item(
        whole,
        moved.scene_id,
        lambda item: item["properties"].update(datetime=f"{iso(landsat.day)}T15:00:00Z"),
    )
    without = small_site.copy_archive(whole, tmp_path / "without")
    small_site.unlink_items(without, [moved.scene_id])
    replace(place, archive=without).run(iso(landsat.day)).checked()
    assert place.state.observations[-1].stream == "landsat"
    replace(place, archive=whole).run(iso(landsat.day)).checked()
    assert [observation.stream for observation in place.state.observations[-2:]] == ["landsat", "sentinel-2"]
    fresh = replace(small_run.fitted(tmp_path / "fresh"), archive=whole)
    assert place.arrays() == fresh.arrays(fresh.advance(iso(landsat.day)))


def test_a_sensor_that_cannot_be_searched_loses_no_observation(small_run, place, monkeypatch):
    source = ",".join(
        f"{family}=folder:{place.archive}" for family in ("sentinel-2", "landsat", "sentinel-1")
    )

    def run(until):
        store = str(place.store)
        return monitor(str(place.site), "aoi/site.toml", store, small_site.AREA, until, source)

    class Silent:
        def search(self, *_):
            raise SourceError("the archive does not answer", where="a test")

    first = run(MIDWAY)
    before = place.state.observations
    whole = opening._part
    with monkeypatch.context() as patch:
        patch.setattr(
            opening,
            "_part",
            lambda family, text: Silent() if family == "sentinel-1" else whole(family, text),
        )
        second = run(MIDWAY)
        assert second.run_id != first.run_id and place.state.observations == before
        assert (second.scenes_read, second.loss_ha) == (first.scenes_read, first.loss_ha)
        page = (place.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")
        assert "sentinel-1" in page.lower()
    run(place.until).checked()
    assert place.arrays() == small_run.arrays()


def test_a_history_that_was_out_of_reach_is_fitted_anew(small_run, monkeypatch, tmp_path):
    place = replace(small_run, store=tmp_path / "store")
    begins = "2024-01-01"
    history = [
        one.scene_id
        for one in small_run.state.scene_records
        if one.state == "read" and iso(one.day) < begins and one.stream == "sentinel-2"
    ]
    silent, whole = set(history[: len(history) // 2]), scene_pixels.bytes_of

    def answer(href):
        if any(name in href for name in silent):
            raise UnreachableError("status 503")
        return whole(href)

    with monkeypatch.context() as patch:
        patch.setattr(scene_pixels, "bytes_of", answer)
        first = place.run()
    assert first.scenes_unreachable == len(silent)
    poor, seen = place.state.baseline, place.arrays()
    second = place.run().checked()
    assert second.run_id != first.run_id and second.scenes_unreachable == 0
    assert place.state.baseline != poor
    assert place.arrays() == small_run.arrays() != seen


def test_observations_of_frozen_days_that_are_gone_are_named(place, tmp_path):
    place.run(MIDWAY)
    settled = next(
        one
        for one in place.state.scene_records
        if one.stream == "sentinel-2" and one.state == "read" and "2024-02-01" < iso(one.day) < "2024-05-01"
    )
    newer = small_site.copy_archive(place.archive, tmp_path / "newer")
    small_site.change_item(
        newer, settled.scene_id, lambda item: item["properties"].update({"selva:revision": "2"})
    )
    before = place.arrays()
    (place.store / "observations" / place.tile.id / "sentinel-2").rename(tmp_path / "away")
    with pytest.raises(SelvawatchError, match=f"are gone; got none of {iso(settled.day)}.*copy them back"):
        replace(place, archive=newer).run()
    assert place.arrays() == before
