import json
import re
from dataclasses import replace
from posixpath import dirname, join, normpath

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from html_page import Page
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier
from selvawatch.website.geojson_file import geojson_file
from selvawatch.website.history import PublishedState, answers_of, histories
from selvawatch.website.pages import POLICY, website_files
from selvawatch.website.picture_files import fitted
from selvawatch.website.website_content import page_names
from selvawatch.write import tiers
from selvawatch.write.bulletin.cautions import DISCLAIMER, tier_notes
from selvawatch.write.language.i18n import language
from website_made import made_files, made_website
from write_data import DATA_DAY, OPEN_RULE, alerts


def pages_of(files):
    return {path: Page(content.decode()) for path, content in files.items() if path.endswith(".html")}


@pytest.fixture(scope="module", params=list(Tier), ids=lambda tier: tier.name)
def made(request):
    return made_website(request.param), made_files(request.param)


def test_every_page_is_whole_and_has_no_script_or_style_in_it(made):
    for path, page in pages_of(made[1]).items():
        assert page.open == [], path
        assert "style" not in page.tags
        assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"], path
        scripts = made[1][path].decode().count("<script")
        assert scripts == len([tag for tag, name, _ in page.attributes if (tag, name) == ("script", "src")])
        assert POLICY in [value for tag, name, value in page.attributes if tag == "meta"]
    assert "'unsafe" not in POLICY and "http" not in POLICY and "data:" not in POLICY


def test_every_address_leads_to_a_file_of_the_site(made):
    website, files = made
    for path, page in pages_of(files).items():
        for address in page.addresses:
            if address.startswith("geo:"):
                assert website.bulletin.tier is Tier.RESTRICTED
            elif not address.startswith("#"):
                assert normpath(join(dirname(path), address)) in files, (path, address)
    everything = b"".join(files.values()).decode("latin-1")
    library = files["assets/leaflet.js"].decode() + files["assets/leaflet.css"].decode()
    hosts = set(re.findall(r"https?://([\w.-]+)", everything))
    assert {host for host in hosts if host not in library} <= {"www.w3.org", "www.georss.org"}


def test_every_event_has_a_page_in_both_languages_and_each_leads_to_its_twin(made):
    website, files = made
    pages = pages_of(files)
    spanish = {path for path in pages if not path.startswith("en/")}
    assert {f"en/{path}" for path in spanish} == set(pages) - spanish
    events = {path for path in spanish if path.startswith("events/")}
    assert events == {f"events/{name}.html" for name in website.bulletin.alerts.frame["event_id"]}
    for path in spanish:
        twin = [normpath(join(dirname(path), one)) for one in pages[path].addresses if one.endswith(".html")]
        assert f"en/{path}" in twin
        assert b'<html lang="es">' in files[path] and b'<html lang="en">' in files[f"en/{path}"]


def test_a_site_says_what_the_bulletin_of_its_tier_says(made):
    website, files = made
    for code, folder in (("es", ""), ("en", "en/")):
        lang, content = language(code), website.bulletin
        shown = " ".join(Page(files[f"{folder}index.html"].decode()).shown.split())
        wanted = [*tier_notes(content, lang), lang.hectares(content.headline.mining_ha), lang.percent(0.823)]
        wanted += [lang.text(line) for line in DISCLAIMER]
        for line in wanted:
            assert " ".join(line.split()) in shown
        for name in content.alerts.frame.query("status != 'withdrawn'")["event_id"]:
            assert f'href="events/{name}.html"' in files[f"{folder}index.html"].decode()
        about = " ".join(Page(files[f"{folder}about.html"].decode()).shown.split())
        assert "INGEMMET" in about and content.run.run_id in about
        assert lang.text("Loss by type of right") in Page(files[f"{folder}tables.html"].decode()).shown


def test_pictures_are_of_the_restricted_tier_alone_and_lie_once(made):
    website, files = made
    pictures = {path for path in files if path.startswith("pictures/")}
    assert bool(pictures) == (website.bulletin.tier is Tier.RESTRICTED)
    used = {
        normpath(join(dirname(path), one))
        for path, page in pages_of(files).items()
        for one in page.addresses
        if "pictures/" in one
    }
    assert used == pictures
    maps = {path for path in files if path.startswith("maps/")}
    assert len(maps) == len(website.bulletin.alerts.frame)


def test_an_event_page_tells_its_versions_and_answers():
    website = made_website(Tier.RESTRICTED)
    files, row = made_files(Tier.RESTRICTED), website.bulletin.alerts.frame.iloc[1]
    shown = " ".join(Page(files[f"events/{row['event_id']}.html"].decode()).shown.split())
    lang = language("es")
    for wanted in ("Historia", lang.day(DATA_DAY - 30), lang.day(DATA_DAY), lang.hectares(row["ha"] / 2)):
        assert " ".join(wanted.split()) in shown
    first = website.bulletin.alerts.frame["event_id"].iloc[0]
    judged = Page(files[f"events/{first}.html"].decode()).shown
    assert "se vio minería" in judged and "guardaparque" in judged
    public = made_files(Tier.PUBLIC)
    told = Page(public[f"events/{first}.html"].decode()).shown
    assert "se vio minería" in told and "guardaparque" not in told and "Función" not in told


def test_a_version_is_dated_by_the_run_that_gave_it_first_and_events_that_are_gone_have_no_history():
    old = alerts(3, event_id=["a", "b", "c"], alert_id=["a.v1", "b.v2", "c.v1"], version=[1, 2, 1])
    new = alerts(2, event_id=["a", "b"], alert_id=["a.v2", "b.v2"], version=[2, 2])
    found = histories([PublishedState(10, old), PublishedState(20, old), PublishedState(30, new)], {"c": ()})
    assert {event: [(one.number, one.day) for one in story.versions] for event, story in found.items()} == {
        "a": [(2, 30), (1, 10)],
        "b": [(2, 10)],
    }
    assert [found["a"].is_cut, found["b"].is_cut] == [False, True]
    assert "Ya no se conservan todas las versiones" in website_of_histories(found)


def website_of_histories(found):
    website = made_website(Tier.RESTRICTED, count=2)
    events = website.bulletin.alerts.frame["event_id"]
    changed = replace(website, histories={events.iloc[0]: found["a"], events.iloc[1]: found["b"]})
    return website_files(changed)[f"events/{events.iloc[1]}.html"].decode()


def test_below_the_restricted_tier_nobody_learns_who_answered(one_review):
    for tier in Tier:
        ((answer,),) = answers_of([one_review], tier, 60).values()
        exact = tier is Tier.RESTRICTED
        assert (answer.role, answer.version) == (("ranger", 3) if exact else ("", None))
        assert answer.learned_day == one_review.received_day + (60 if tier is Tier.PUBLIC else 0)


@pytest.fixture
def one_review():
    from selvawatch.reviews.review import Review

    return Review(
        review_id="r",
        event_id="a",
        version=3,
        verdict="mining",
        role="ranger",
        observed_at="2026-06-04T15:00:00Z",
        time_reason="",
        received_at="2026-06-05T15:00:00Z",
        judged_until=DATA_DAY,
        matched_by="id",
        form="command",
    )


@pytest.mark.parametrize("tier", list(Tier))
def test_hostile_texts_make_no_element_and_turn_no_direction(tier):
    calm, files = pages_of(made_files(tier)), made_files(tier, hostile=True)
    allowed = {tag for page in calm.values() for tag in page.tags} | {"li", "ul", "bdi", "span"}
    for path, page in pages_of(files).items():
        assert set(page.tags) <= allowed and page.open == [], path
        assert page.tags.count("script") == calm[
            "map.html" if "map.html" in path else "index.html"
        ].tags.count("script")
    for path, content in files.items():
        if not path.endswith((".jpg", ".js")):
            assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08]", content.decode()), path


def test_an_id_that_is_no_name_of_a_file_has_a_page_all_the_same():
    names = ["A-1", "a-1", "../../etc", "b/c", "x-1", "", "\ud800", "é", "ok_2", "n" * 200]
    found = page_names(names)
    assert found["ok_2"] == "ok_2"
    assert len({name.casefold() for name in found.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) for name in found.values())


def test_nothing_found_is_a_site_all_the_same():
    files = made_files(Tier.PUBLIC, count=0)
    assert (
        "Sin alertas nuevas" in files["index.html"].decode()
        or "Ninguna alerta" in files["index.html"].decode()
    )
    assert json.loads(files["alerts.geojson"])["features"] == []


def test_equal_contents_make_equal_files_and_another_content_another_worker():
    first = made_files(Tier.RESTRICTED)
    assert first == website_files(made_website(Tier.RESTRICTED))
    other = made_files(Tier.RESTRICTED, count=2)
    version = re.compile(rb'const version = "(\w+)"')
    assert version.search(first["sw.js"])[1] != version.search(other["sw.js"])[1]
    listed = json.loads(re.search(rb"const files = (\{.*?\});", first["sw.js"], re.DOTALL)[1])
    assert set(listed) == set(first) - {"sw.js"}


def test_a_hundred_events_with_pictures_are_under_5_mb():
    files = website_files(made_website(Tier.RESTRICTED, count=100, pictured=True))
    assert len([path for path in files if path.startswith("events/")]) == 100
    assert sum(map(len, files.values())) < 4_900_000
    pictures = [content for path, content in files.items() if path.startswith("pictures/")]
    assert len(pictures) > 400 and all(content.startswith(b"\xff\xd8") for content in pictures)


def test_pictures_that_fit_stay_as_they_are_and_small_ones_are_left_alone():
    website = made_website(Tier.RESTRICTED, count=1)
    ((_, some),) = website.bulletin.pictures.items()
    given = {str(number): one.content for number, one in enumerate(some)}
    total = sum(map(len, given.values()))
    assert fitted(given, total) == given
    tight = fitted(given, total // 3)
    assert sum(map(len, tight.values())) <= total // 3 + 2_000 * len(given)
    least = min(given, key=lambda name: len(given[name]))
    assert len(tight[least]) <= len(given[least])


def test_the_geojson_is_read_by_gdal_and_follows_rfc_7946(tmp_path):
    for tier in (Tier.RESTRICTED, Tier.PUBLIC):
        website = made_website(tier)
        path = tmp_path / f"{tier.name}.geojson"
        path.write_bytes(geojson_file(website))
        collection = json.loads(path.read_bytes())
        assert collection["type"] == "FeatureCollection" and "crs" not in collection
        for feature in collection["features"]:
            shape = shapely.from_geojson(json.dumps(feature["geometry"]))
            assert shape.is_valid and all(shapely.is_ccw(part.exterior) for part in shapely.get_parts(shape))
            west, south, east, north = shape.bounds
            assert -71 < west <= east < -69 and -13 < south <= north < -12
            assert feature["id"] == feature["properties"]["event_id"]
        read = gpd.read_file(path)
        frame = website.bulletin.alerts.frame
        assert read.crs.to_epsg() == 4326 and sorted(read["alert_id"]) == sorted(frame["alert_id"])
        assert set(read.columns) - {"geometry", "page", "id"} <= {column.name for column in ALERTS.columns}
        assert set(read["page"]) <= set(made_files(tier))


def test_a_lone_surrogate_in_a_text_stops_no_file():
    website = made_website(Tier.RESTRICTED, count=2)
    frame = website.bulletin.alerts.frame.assign(district=pd.Series(["a\ud800b", "ñ"], dtype=object))
    gate = tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY)
    broken = replace(website.bulletin, alerts=tiers.apply(ALERTS, frame, gate))
    files = website_files(replace(website, bulletin=broken))
    assert "\\ud800" in files["events/mdd-7f3k00.html"].decode()
    assert json.loads(files["alerts.geojson"])["features"][0]["properties"]["district"] == "a\\ud800b"
