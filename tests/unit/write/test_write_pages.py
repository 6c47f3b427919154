import re
from dataclasses import replace

import pandas as pd
import pytest

from chromium import console, drawn
from html_page import Page
from selvawatch.core.days import to_day
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS, CELLS
from selvawatch.errors import TableError
from selvawatch.steps.run.pictures import PAGE_BYTES
from selvawatch.write import tiers
from selvawatch.write.bulletin.bulletin import MESSAGE_LENGTH, html, message, text, write_bulletin
from selvawatch.write.bulletin.bulletin_model import (
    MOMENTS,
    AreaUnderObservation,
    ListedSensor,
    Picture,
    headline,
    largest_mines,
    loss_table,
    shown_in_full,
)
from selvawatch.write.bulletin.cautions import DISCLAIMER, watched_line
from selvawatch.write.bulletin.kept import content_from_json, content_to_json
from selvawatch.write.bulletin.map_page import Backdrop, map_page, write_map
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, HOSTILE, OPEN_RULE, RULE, alerts, bulletin, cells, real_alerts

LANGUAGES = ("es", "en")


PAGES = {"bulletin": html, "map": map_page}


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_a_page_is_whole_and_loads_nothing(make, tier, code):
    page = Page(make(bulletin(tier), language(code)))
    assert page.open == []
    addresses = [
        value for _, name, value in page.attributes if name in ("src", "href", "srcset", "data", "action")
    ]
    assert all(re.match(r"data:image/|#\w+$|geo:-?\d", address) for address in addresses)
    assert tier is Tier.RESTRICTED or not [address for address in addresses if address.startswith("geo:")]
    (policy,) = [value for tag, name, value in page.attributes if tag == "meta" and "default-src" in value]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("code", LANGUAGES)
@pytest.mark.parametrize("make", PAGES.values(), ids=PAGES)
def test_hostile_texts_make_no_element_and_turn_no_direction(make, code):
    calm, angry = (make(bulletin(Tier.RESTRICTED, hostile=evil), language(code)) for evil in (False, True))
    allowed = set(Page(calm).tags) | {"li", "ul", "bdi", "span"}
    page = Page(angry)
    assert set(page.tags) <= allowed and page.open == []
    assert page.tags.count("script") == Page(calm).tags.count("script")
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08]", angry)
    assert "x" * 200 not in page.shown
    assert "{{7*7}}" in angry and "49" not in page.shown.split("{{")[0][:20]


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_bulletin_says_what_it_must(code):
    content = bulletin(Tier.PUBLIC, rule=RULE)
    lang = language(code)
    shown = " ".join(Page(html(content, lang)).shown.split())
    for line in (*DISCLAIMER, "Absence of an alert is not absence of mining.", "could not be searched"):
        assert lang.text(line) in shown
    hectares = [lang.hectares(value) for value in (content.headline.mining_ha, content.headline.loss_ha)]
    days = [lang.day(DATA_DAY), lang.day(content.run.since_day)]
    for fact in (lang.percent(0.823), lang.percent(0.07), *days, *hectares, content.run.run_id, "INGEMMET"):
        assert " ".join(fact.split()) in shown


@pytest.mark.parametrize(("code", "note"), [("es", "sin verificar"), ("en", "not verified")])
def test_bodies_and_norms_that_nobody_verified_are_marked_as_such(code, note):
    content = bulletin(Tier.RESTRICTED)

    def shown(**checked):
        frame = content.alerts.frame.assign(**checked)
        told = tiers.apply(
            ALERTS, frame, tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=content.alerts.data_day)
        )
        changed = replace(content, alerts=told)
        return " ".join(Page(html(changed, language(code))).shown.split())

    verified = shown(legal_verified=True, authority_verified=True)
    assert "FEMA Madre de Dios" in verified and "DL 1100, anexo 1" in verified and note not in verified
    bodies = shown(legal_verified=True, authority_verified=False)
    assert f"FEMA Madre de Dios ({note})" in bodies and "DL 1100, anexo 1)" in bodies
    norms = shown(legal_verified=False, authority_verified=True)
    assert f"DL 1100, anexo 1; {note})" in norms and f"({note})" not in norms


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_bulletin_calls_anything_illegal(code):
    lang = language(code)
    for made in (
        html(bulletin(), lang),
        text(bulletin(), lang),
        message(bulletin(), lang),
        map_page(bulletin(), lang),
    ):
        assert not re.search(r"\b(ileg|illeg)", made, re.IGNORECASE)


def test_a_bulletin_is_under_100_kb_without_its_pictures():
    content = bulletin(Tier.RESTRICTED, count=30)
    for code in LANGUAGES:
        made = html(content, language(code))
        assert len(re.sub(r"data:image/[^\"]+", "", made).encode()) < 100_000


def test_a_bulletin_of_200_events_is_under_2_mb_with_the_largest_pictures_there_may_be():
    content = bulletin(Tier.RESTRICTED, count=200)
    shown = shown_in_full(content.alerts.frame, content.top)
    part = PAGE_BYTES // len(shown) // 9
    most = {
        alert: tuple(
            Picture(moment=moment, bands=bands, day=DATA_DAY, sensor="sentinel-2", content=bytes(size))
            for bands, size in (("natural", 2 * part), ("swir", part))
            for moment in MOMENTS
        )
        for alert in shown
    }
    page = html(replace(content, pictures=most), language("es"))
    assert page.count("data:image/jpeg") == 6 * len(shown) and len(shown) >= 12
    assert 1_500_000 < len(page.encode()) <= 2_000_000
    largest = set(largest_mines(content.alerts.frame)["alert_id"])
    assert len(largest) == 10 and all(alert in page for alert in largest)
    assert len(map_page(content, language("es")).encode()) <= 2_000_000


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_below_restricted_no_page_shows_a_picture_or_an_exact_place(tier):
    exact = alerts()
    marks = [f"{value:.5f}" for value in (*exact["lon"], *exact["lat"])]
    marks += [f"{value:.0f}" for value in (*exact["utm_e"], *exact["utm_n"])]
    for make in (html, text, message, map_page):
        made = make(bulletin(tier), language("es"))
        assert "data:image/jpeg" not in made
        assert not [mark for mark in marks if mark in made]
    assert "data:image/jpeg" in html(bulletin(Tier.RESTRICTED), language("es"))


def test_no_public_page_tells_how_many_alerts_are_protected():
    frame = real_alerts(8).assign(isolated_peoples=["yes"] * 7 + ["no"])
    shown = bulletin(Tier.PUBLIC)
    content = replace(
        shown,
        alerts=tiers.apply(ALERTS, frame, tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)),
    )
    same = replace(
        shown,
        alerts=tiers.apply(
            ALERTS, frame.iloc[7:], tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)
        ),
    )
    assert content.alerts.withheld.protected == 7
    for make in (html, text, message, map_page):
        assert make(content, language("es")) == make(same, language("es"))


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_message_fits_a_phone_and_keeps_its_caution(code):
    for hostile in (False, True):
        content = bulletin(Tier.RESTRICTED, count=30, hostile=hostile)
        made = message(content, language(code))
        assert len(made) <= MESSAGE_LENGTH
        assert language(code).text("Absence of an alert is not absence of mining.") in made
        assert made.endswith(content.run.run_id[:12])
        assert "1) " in made


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_found_is_told_as_such_with_what_was_seen(code):
    content = bulletin(Tier.PUBLIC, count=0)
    lang = language(code)
    for made in (html(content, lang), text(content, lang), message(content, lang), map_page(content, lang)):
        assert lang.text("No new alert in this period") in made
        assert lang.percent(0.823) in made


def test_a_withdrawn_alert_is_told_with_its_reason_and_is_not_ranked():
    made = Page(html(bulletin(Tier.RESTRICTED), language("es"))).shown
    assert "observaciones posteriores muestran bosque" in made
    assert made.index("Alertas retiradas") < made.index("mdd-7f3k04.v2")


def test_equal_contents_make_equal_files(tmp_path):
    first, second = (write_bulletin(tmp_path / name, bulletin(Tier.RESTRICTED)) for name in "ab")
    assert list(first) == ["es.html", "es.txt", "es.message", "en.html", "en.txt", "en.message"]
    for key in first:
        assert first[key].read_bytes() == second[key].read_bytes()


def test_headline_hectares_are_those_of_confirmed_cells_in_the_period_and_not_of_whole_events():
    frame = real_alerts(3).assign(event_id=["a", "b", "c"], ha=10.0, ha_lo=5.0, ha_hi=20.0)
    loss = cells(4).assign(
        event_id=["a", "a", "b", "c"],
        ha=[1.0, 2.0, 4.0, 8.0],
        cause=["mining", "mining", "road", "mining"],
        mining_probability=[1.0, 0.5, 0.25, 0.0],
        status=["closed", "confirmed", "provisional", "withdrawn"],
        onset=pd.to_datetime(["2026-02-01", "2025-02-01", "2026-03-01", "2026-03-01"]),
    )
    released = [
        tiers.apply(table, one, tiers.Gate(tier=Tier.RESTRICTED, rule=OPEN_RULE, data_day=DATA_DAY))
        for table, one in ((ALERTS, frame), (CELLS, loss))
    ]
    told = headline(released[0], pd.DataFrame(released[1].frame), to_day("2026-01-01"), DATA_DAY)
    assert (told.loss_ha, told.mining_ha, told.mining_expected_ha) == (1.0, 1.0, 1.0)
    assert (told.loss_ha_lo, told.loss_ha_hi, told.mining_ha_hi) == (1.0, 10.0, 2.0)


def test_a_loss_table_comes_from_the_table_of_analysts():
    frame = pd.DataFrame(
        {
            "class": ["mining", "mining", "timber", "outside"],
            "validity": ["in_force", "unknown", "in_force", ""],
            "loss_all": [3.0, 1.0, 0.0, 2.0],
            "loss_mining": [3.0, 0.5, 0.0, 1.0],
            "ha_lo": 1.0,
            "ha_hi": 4.0,
            "share": [0.5, 1 / 6, 0.0, 1 / 3],
            "accounting": "exclusive",
            "clock": "at-loss",
            "additive": True,
        }
    )
    table = loss_table("loss_by_type", frame)
    assert [row.code for row in table.rows] == ["mining", "mining?", "outside"]
    assert (table.accounting, table.clock, table.additive) == ("exclusive", "at-loss", True)
    periods = frame.assign(period=["p1", "p2", "p3", "no_period"], accounting="none").drop(
        columns=["class", "validity"]
    )
    by_period = loss_table("loss_by_period", periods, {"p1": "Antes de 2012"})
    assert [row.label for row in by_period.rows] == ["Antes de 2012", "p2", ""]
    assert by_period.accounting == ""


def test_a_bulletin_of_another_day_or_table_is_refused():
    content = bulletin()
    with pytest.raises(TableError, match="another day"):
        replace(content, run=replace(content.run, data_day=DATA_DAY - 1))
    with pytest.raises(TableError, match="table cells"):
        replace(
            content,
            alerts=tiers.apply(
                CELLS, cells(), tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)
            ),
        )


def test_a_map_carries_its_backdrop_inside():
    content = bulletin(Tier.RESTRICTED)
    picture = next(iter(content.pictures.values()))[1].content
    made = map_page(
        content, language("es"), Backdrop(picture=picture, west=-70.3, south=-13, east=-70, north=-12.7)
    )
    assert "data:image/jpeg;base64," in made


def test_a_pdf_is_made_from_the_page_alone(tmp_path):
    pytest.importorskip("weasyprint")
    content = bulletin(Tier.RESTRICTED, count=1)
    page = html(content, language("es"))
    first, second = (
        write_pdf(tmp_path / f"{name}.pdf", page, content.run.run_id).read_bytes() for name in "ab"
    )
    assert first.startswith(b"%PDF-") and first == second


@pytest.mark.slow
@pytest.mark.parametrize("hostile", [False, True], ids=["calm", "hostile"])
def test_chromium_draws_bulletin_and_map_without_network_and_without_complaint(tmp_path, hostile):
    content = bulletin(Tier.RESTRICTED, hostile=hostile)
    page = write_bulletin(tmp_path, content)["es.html"]
    atlas = write_map(tmp_path / "map.html", content, language("es"))
    for one in (page, atlas):
        shot = tmp_path / f"{one.stem}.png"
        assert console(one, shot) == []
        assert shot.stat().st_size > 20_000


@pytest.mark.slow
def test_the_map_draws_every_alert_that_is_held(tmp_path):
    content = replace(bulletin(Tier.PUBLIC), top=3)
    page = drawn(write_map(tmp_path / "map.html", content, language("es")), tmp_path / "profile")
    numbered = re.findall(r'<text [^>]*font-weight="700"[^>]*>(\d+)</text>', page)
    assert len(numbered) == len(shown_in_full(content.alerts.frame, 3)) > 3
    # seven alerts are held: a square and a mark each, with a number or without
    assert page.count("leaflet-interactive") >= 7 + 7


@pytest.mark.slow
def test_chromium_would_have_complained(tmp_path):
    page = tmp_path / "bad.html"
    page.write_text('<script>console.error("boom")</script>')
    assert any("boom" in line for line in console(page, tmp_path / "bad.png"))


def test_hostile_texts_are_all_in_the_test_bulletin():
    made = html(bulletin(Tier.RESTRICTED, hostile=True), language("es"))
    assert "&lt;script&gt;" in made and "\\u202e" in made and len(HOSTILE) == 12


def blind(stale_all: bool = False):
    """A bulletin that the newest scene of Landsat came two years before, and none of Sentinel-1 ever."""
    content = bulletin(Tier.RESTRICTED)
    ages = {"landsat": 702, "sentinel-1": None, "sentinel-2": 500 if stale_all else 3}
    listed = tuple(
        ListedSensor(
            sensor=sensor,
            searched=True,
            newest_day=0 if age is None else DATA_DAY - age,
            age_days=age or 0,
            limit_days=27,
        )
        for sensor, age in ages.items()
    )
    seen = replace(
        content.coverage,
        listed=listed,
        span_from=DATA_DAY - 30,
        observed_share_span=0.117,
        observed_share_span_optical=0.031,
    )
    return replace(content, coverage=seen)


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_sensor_without_new_scenes_is_told_before_any_number(code):
    lang, content = language(code), blind()
    day, days = lang.day(DATA_DAY - 702), lang.plural("%(num)s day", "%(num)s days", 702)
    page = Page(html(content, lang)).shown
    number = page.index(lang.text("possible mining"))
    assert page.index(day) < number and page.index(days) < number
    for made in (text(content, lang), message(content, lang)):
        assert made.index("Landsat") < made.index(lang.hectares(content.headline.mining_ha))
        assert day in made and "Sentinel-1" in made
    for make in (html, text, message, map_page):
        assert day not in make(bulletin(Tier.RESTRICTED), lang)


@pytest.mark.parametrize("code", LANGUAGES)
def test_where_every_sensor_is_stale_a_page_says_since_when_it_knows_nothing(code):
    lang = language(code)
    known = lang.text("No sensor brings new scenes: of the days after %(day)s this bulletin knows nothing.")
    sentence = known % {"day": lang.day(DATA_DAY - 500)}
    for make in (html, text):
        assert sentence in make(blind(stale_all=True), lang) and sentence not in make(blind(), lang)


@pytest.mark.parametrize("code", LANGUAGES)
def test_observed_is_told_of_the_days_since_the_last_run_and_of_optical_sensors(code):
    lang = language(code)
    for make in (html, text, message, map_page):
        made = make(blind(), lang)
        assert f"{lang.percent(0.117)} observ" in made and lang.day(DATA_DAY - 30) in made
        assert lang.percent(0.031) in made
    assert lang.percent(0.823) in html(blind(), lang)
    unknown = replace(blind(), coverage=replace(blind().coverage, observed_share_span=None))
    assert lang.text("not known how much was observed since %(day)s")[:20] in message(unknown, lang)


def test_closed_alerts_are_counted_beside_the_others():
    content = bulletin(Tier.RESTRICTED)
    known = replace(content, headline=replace(content.headline, closed=19))
    for make in (html, text, message):
        assert "19 cerradas" in make(known, language("es"))
        assert "19 closed" in make(known, language("en"))


WATCHED = (
    AreaUnderObservation(area="la-pampa", title="La Pampa", patches=3, ha=1.2),
    AreaUnderObservation(area="delta", title="Delta", patches=0, ha=0.0),
    AreaUnderObservation(area="", title="", patches=1, ha=0.1),
)


@pytest.mark.parametrize(
    ("areas", "code", "line"),
    [
        (
            WATCHED,
            "es",
            "En observación, con señales aún débiles para una alerta y fuera de las hectáreas de pérdida:"
            " La Pampa 3 (1.20\xa0ha), fuera de las áreas 1 (0.10\xa0ha).",
        ),
        (
            WATCHED,
            "en",
            "Under observation, signs too weak for an alert and in no hectares of loss:"
            " La Pampa 3 (1.20\xa0ha), outside the areas 1 (0.10\xa0ha).",
        ),
        (WATCHED[1:2], "es", "Ningún lugar está en observación."),
        (None, "es", "No se sabe cuántos lugares están en observación."),
    ],
)
@pytest.mark.parametrize("tier", list(Tier))
def test_a_bulletin_says_how_many_places_are_under_observation_by_area(areas, code, line, tier):
    content = replace(bulletin(tier), under_observation=areas)
    assert watched_line(content, language(code)) == line
    assert line in text(content, language(code))
    assert line.replace("\xa0", " ") in Page(html(content, language(code))).shown.replace("\xa0", " ")


def test_what_is_under_observation_is_in_no_figure_of_a_bulletin():
    content = bulletin(Tier.RESTRICTED)
    lines = [text(replace(content, under_observation=areas), language("en")) for areas in (WATCHED, ())]
    assert [sum("nder observation" in line for line in one.splitlines()) for one in lines] == [1, 1]
    without = [
        "\n".join(line for line in one.splitlines() if "nder observation" not in line) for one in lines
    ]
    assert without[0] == without[1]


def test_a_bulletin_that_is_made_anew_still_says_what_is_under_observation():
    content = replace(bulletin(Tier.PUBLIC), under_observation=WATCHED)
    kept = content_to_json(content)
    again = content_from_json(kept, content.alerts, None, lambda *_: None)
    assert again.under_observation == WATCHED
    del kept["under_observation"]
    assert content_from_json(kept, content.alerts, None, lambda *_: None).under_observation is None
