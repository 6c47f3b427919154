"""The static site of a store: versions of every run of the tier, answers as the tier may know them."""

import shutil

import pytest

from made_deliveries import MadeStore, events
from selvawatch.core.tier import Tier
from selvawatch.reviews.review import Review
from selvawatch.steps.published import website
from selvawatch.steps.published.current_bulletin import CurrentBulletin
from selvawatch.store.lock import exclusive
from selvawatch.store.returned.review_batches import append_reviews
from selvawatch.website.pages import website_files
from website_made import made_website


def review(number, role, received):
    return Review(
        review_id=f"r{number}",
        event_id="mdd-7f3k00",
        version=1,
        verdict="mining" if number else "not-reached",
        role=role,
        observed_at=received,
        time_reason="",
        received_at=received,
        judged_until=0,
        matched_by="id",
        form="command",
    )


@pytest.fixture
def made(tmp_path, monkeypatch):
    def since(_store, tier, *, day):
        assert day > 20_000
        return CurrentBulletin(content=made_website(tier).bulletin, counts_reviews=False)

    monkeypatch.setattr(website, "bulletin_since", since)
    store = MadeStore(tmp_path).create()
    for version, change in ((1, "new"), (2, "grown"), (2, "grown"), (3, "confirmed")):
        row = {"event_id": "mdd-7f3k00", "version": version, "change": change, "ha": 1.0 + version}
        store.run(events(row))
        store.wait(10)
    return store


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.RESTRICTED])
def test_a_version_is_told_once_and_of_the_run_that_published_it(made, tier):
    story = website.website_of(made.store, tier).histories["mdd-7f3k00"]
    first = story.versions[-1].day
    assert [(one.number, one.day - first, one.change) for one in story.versions] == [
        (3, 30, "confirmed"),
        (2, 10, "grown"),
        (1, 0, "new"),
    ]
    shutil.rmtree(made.store.run("run1"))
    story = website.website_of(made.store, tier).histories["mdd-7f3k00"]
    assert [one.number for one in story.versions] == [3, 2] and story.is_cut


def test_each_tier_is_told_of_answers_what_it_may_know(made):
    old, new = "2026-01-02T00:00:00Z", "2999-01-02T00:00:00Z"
    given = [review(0, "police", old), review(1, "ranger", old), review(2, "ranger", new)]
    with exclusive(made.store.folder, "test") as held:
        append_reviews(held, {"form": "command"}, given)
    exact = website.website_of(made.store, Tier.RESTRICTED)
    assert sorted(one.role for one in exact.histories["mdd-7f3k00"].answers) == ["police", "ranger", "ranger"]
    public = website.website_of(made.store, Tier.PUBLIC)
    ((answer,),) = [story.answers for story in public.histories.values() if story.answers]
    assert (answer.verdict, answer.role, answer.version) == ("mining", "", None)
    page = website_files(public)["events/mdd-7f3k00.html"].decode()
    assert "se vio minería" in page and "policía" not in page and "guardaparque" not in page


def test_a_run_over_all_areas_has_a_feed_for_each_area_of_the_site(made):
    assert website.website_of(made.store, Tier.PUBLIC).areas == {}
    assert website._areas(made.store, "all")["la-pampa"].startswith("La Pampa")
    assert len(website._areas(made.store, "all")) > 2
    (made.store.folder / "site.json").unlink()
    assert website._areas(made.store, "all") == {}
