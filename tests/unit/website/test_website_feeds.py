import re
import time
from dataclasses import replace
from xml.etree import ElementTree

import feedparser
import pytest

from selvawatch.core.days import to_date
from selvawatch.core.tier import Tier
from selvawatch.website.feeds import MOST_ENTRIES, feeds
from selvawatch.write.bulletin.presentation import alert_views
from selvawatch.write.language.i18n import language
from website_made import made_files, made_website
from write_data import DATA_DAY, HOSTILE

ATOM = "{http://www.w3.org/2005/Atom}"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT00:00:00Z")
TAG = re.compile(r"tag:[a-z0-9.-]+,\d{4}:[A-Za-z0-9/._~%-]+")


def feeds_of(website, code="es"):
    lang = language(code)
    return feeds(website, alert_views(website.bulletin, lang), lang)


@pytest.mark.parametrize("hostile", [False, True], ids=["calm", "hostile"])
@pytest.mark.parametrize("tier", list(Tier))
def test_a_feed_parser_reads_every_feed_without_complaint(tier, hostile):
    website = made_website(tier, hostile=hostile)
    frame, files = website.bulletin.alerts.frame, made_files(tier, hostile=hostile)
    paths = [path for path in files if path.startswith("feeds/")]
    name = tier.name.lower()
    assert sorted(paths) == [
        f"feeds/{name}-{area}-{code}.xml" for area in ("delta", "la-pampa") for code in ("en", "es")
    ]
    for path in paths:
        feed = feedparser.parse(files[path])
        assert not feed.bozo, feed.get("bozo_exception")
        assert feed.version == "atom10" and feed.feed.author == "selvawatch"
        assert feed.feed.language == path[-6:-4]
        assert len(feed.entries) == (len(frame) if "la-pampa" in path else 0)
        for entry in feed.entries:
            assert entry.title_detail.type == "text/plain" and entry.summary_detail.type == "text/plain"
            link = entry.link.removeprefix("../")
            assert link in files, link
            assert entry.updated_parsed >= entry.get("published_parsed", entry.updated_parsed)
            assert entry.updated_parsed <= feed.feed.updated_parsed


@pytest.mark.parametrize("tier", list(Tier))
def test_a_feed_has_what_the_standard_demands(tier):
    seen = set()
    for code in ("es", "en"):
        for feed in feeds_of(made_website(tier), code):
            root = ElementTree.fromstring(feed.content)
            assert root.tag == f"{ATOM}feed"
            for part in (root, *root.findall(f"{ATOM}entry")):
                for name in ("id", "title", "updated"):
                    assert len(part.findall(ATOM + name)) == 1, name
                assert TAG.fullmatch(part.find(f"{ATOM}id").text), part.find(f"{ATOM}id").text
                assert MOMENT.fullmatch(part.find(f"{ATOM}updated").text)
                kinds = [
                    (one.get("rel"), one.get("type"), one.get("hreflang"))
                    for one in part.findall(f"{ATOM}link")
                ]
                assert len(kinds) == len(set(kinds)) and ("alternate", "text/html", code) in kinds
            assert root.find(f"{ATOM}author/{ATOM}name").text == "selvawatch"
            (own,) = [one.get("href") for one in root.findall(f"{ATOM}link") if one.get("rel") == "self"]
            assert feed.path == f"feeds/{own}"
            ids = [one.text for one in root.iter(f"{ATOM}id")]
            assert len(ids) == len(set(ids)) and not seen & set(ids)
            seen |= set(ids)


def test_an_entry_keeps_its_id_and_bears_the_day_of_its_last_version_or_answer():
    website = made_website(Tier.RESTRICTED)
    entries = {entry.id: entry for entry in feedparser.parse(feeds_of(website)[0].content).entries}
    first = website.bulletin.alerts.frame.sort_values("rank")["event_id"].iloc[0]
    answered = entries[f"tag:selvawatch.invalid,2026:alert/restricted/{first}/es"]
    day = to_date(DATA_DAY + 2).isoformat()
    assert time.strftime("%Y-%m-%d", answered.updated_parsed) == day
    assert "Lo que se vio en el lugar: se vio minería" in answered.summary
    older = replace(website, histories={})
    again = {entry.id: entry for entry in feedparser.parse(feeds_of(older)[0].content).entries}
    assert set(again) == set(entries)
    assert {time.strftime("%Y-%m-%d", entry.updated_parsed) for entry in again.values()} == {
        to_date(DATA_DAY).isoformat()
    }


def test_a_feed_of_an_area_tells_of_its_alerts_alone_and_keeps_its_length():
    website = made_website(Tier.RESTRICTED, count=MOST_ENTRIES + 4)
    names = ["delta" if number % 2 else "la-pampa" for number in range(MOST_ENTRIES + 4)]
    frame = website.bulletin.alerts.frame
    object.__setattr__(website.bulletin.alerts, "frame", frame.assign(area_name=names))
    every, delta = feeds_of(website)
    assert len(feedparser.parse(every.content).entries) == MOST_ENTRIES
    assert len(feedparser.parse(delta.content).entries) == (MOST_ENTRIES + 4) // 2


def test_a_feed_of_an_area_with_a_hostile_name_is_a_feed():
    website = replace(made_website(), areas={text: text for text in HOSTILE})
    made = feeds_of(website)
    assert len({feed.path for feed in made}) == len(HOSTILE) + 1
    for feed in made:
        assert re.fullmatch(r"feeds/public-[\w-]+-es\.xml", feed.path), feed.path
        assert not feedparser.parse(feed.content).bozo
