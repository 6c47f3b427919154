"""No byte of any channel, file or page of a lower tier tells what is withheld: names, codes, places, ids."""

import contextlib
import json
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from conftest import ROOT
from every_byte import VECTORS, corners, parts, texts
from made_deliveries import MadeStore, events
from post_office import every_channel, hook_server, mail_server
from selvawatch.core.days import to_day
from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS
from selvawatch.deliver.delivery_ledger import DELIVERED
from selvawatch.site import Site
from selvawatch.steps.delivery import deliveries
from selvawatch.website.history import PublishedState, histories
from selvawatch.website.pages import website_files
from selvawatch.website.website_content import Website
from selvawatch.write import tiers
from selvawatch.write.bulletin.bulletin import write_bulletin
from selvawatch.write.bulletin.map_page import write_map
from selvawatch.write.formats.format_table import FORMATS
from selvawatch.write.formats.kml import write_kmz
from selvawatch.write.language.i18n import language
from write_data import CRS, PROVENANCE, bulletin

LOWER = (Tier.PUBLIC, Tier.PARTNER)
DAY = to_day("2026-06-30")
GRID_M = 1000.0
RULE = tiers.TierRule(delay_days=60, grid_m=GRID_M, isolated_buffer_m=5000.0, withhold_unchecked=True)
RESTRICTED_COLUMNS = ("overlap_list", "concession_code", "holder_types", "scenes")
PARTNER_COLUMNS = ("concession_status", "native_community")
ROWS = 4
GUARDED, YOUNG = 2, 3
"""Numbers of the row near isolated peoples, and of the one that the public tier may not learn of yet."""


def planted():
    """Alerts of which one is guarded, one young, and every column of higher tiers holds a mark."""
    kinds = {GUARDED: "GUARDED", YOUNG: "YOUNG"}
    rows = [
        {"event_id": f"{kinds.get(n, 'OPEN')}-EV-{n}", "ha": 1.0 + n, "status": "confirmed"}
        for n in range(ROWS)
    ]
    frame = events(*rows)
    marks = {
        name: [f"hidden-{name}-{n}" for n in range(ROWS)] for name in (*RESTRICTED_COLUMNS, *PARTNER_COLUMNS)
    }
    grown = pd.to_datetime(["2026-03-01", "2026-03-02", "2026-03-03", "2026-06-20"]).astype("datetime64[ms]")
    return frame.assign(
        **marks,
        district=[f"Distrito-{n}-{'secreto' if n == GUARDED else 'abierto'}" for n in range(ROWS)],
        isolated_peoples=["yes" if n == GUARDED else "no" for n in range(ROWS)],
        last_grown=grown,
    )


def forbidden(frame, tier):
    """Texts of which none may be in anything that a tier is given."""
    hidden = [GUARDED, *([YOUNG] if tier is Tier.PUBLIC else [])]
    found = [f"hidden-{name}-" for name in RESTRICTED_COLUMNS]
    found += [f"hidden-{name}-" for name in PARTNER_COLUMNS if tier is Tier.PUBLIC]
    found += [f"hidden-{name}-{GUARDED}" for name in PARTNER_COLUMNS]
    found += [frame["event_id"].iloc[n] for n in hidden] + ["Distrito-2-secreto"]
    for number in frame[["lon", "lat"]].to_numpy().ravel():
        found.append(f"{number:.5f}"[:-1])
    return found + [f"{number:.1f}" for number in frame[["utm_e", "utm_n"]].to_numpy().ravel()]


def squares(frame, numbers):
    """Bounds of the squares that rows lie in."""
    points = frame[["utm_e", "utm_n"]].to_numpy()[numbers]
    return np.floor(points / GRID_M) * GRID_M


def leaks(found, words):
    return sorted({word for text in found for word in words if word in text})


def release(frame, tier):
    return tiers.apply(ALERTS, frame, tiers.Gate(tier=tier, rule=RULE, data_day=DAY))


def misplaced(path, frame, tier):
    """Corners in a file that are none of the grid's, or of a square in which only withheld rows lie."""
    found = corners(path, CRS)
    off = np.abs(found - np.round(found / GRID_M) * GRID_M).max(initial=0.0) > 0.5
    hidden = squares(frame, [GUARDED, *([YOUNG] if tier is Tier.PUBLIC else [])]) + GRID_M / 2
    shown = squares(frame, [n for n in range(ROWS) if n not in (GUARDED, YOUNG)])
    assert not set(map(tuple, hidden - GRID_M / 2)) & set(map(tuple, shown))
    near = [np.abs(found - middle).max(axis=1).min(initial=np.inf) < GRID_M / 2 - 1 for middle in hidden]
    return bool(off) or any(near)


@pytest.mark.parametrize("tier", LOWER)
def test_no_byte_of_any_file_or_page_tells_what_a_tier_may_not_see(tmp_path, tier):
    frame = planted()
    out, words = release(frame, tier), forbidden(frame, tier)
    for form in (form for form in FORMATS.values() if form.tier <= tier):
        for code in ("es", "en") if form.speaks else ("es",):
            folder = tmp_path / form.name / code
            folder.mkdir(parents=True)
            form.write(folder / f"rows{form.suffix}", out, PROVENANCE, language(code))
    pictures = {f"pictures/{n}.jpg": b"hidden-picture" for n in range(ROWS)}
    (tmp_path / "kmz-pictures").mkdir()
    write_kmz(tmp_path / "kmz-pictures" / "rows.kmz", out, language("es"), pictures)
    pages = replace(bulletin(tier), alerts=out)
    write_bulletin(tmp_path / "pages", pages)
    for code in ("es", "en"):
        write_map(tmp_path / "pages" / f"map-{code}.html", pages, language(code))
    files = [path for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    wanted = {f"rows{suffix}" for suffix in (*VECTORS - {".gpx"}, ".qgz", ".xlsx", ".csv")}
    assert wanted | {"map-es.html", "bulletin-es-message.txt"} <= {path.name for path in files}
    assert not [path for path in files if path.suffix == ".gpx"]
    for path in files:
        held = list(texts(path.name, path.read_bytes()))
        assert leaks(held, [*words, "hidden-picture"]) == [], path
        if path.suffix in VECTORS:
            assert not misplaced(path, frame, tier), path
    one = tmp_path / "csv" / "es" / "rows.csv"
    assert leaks(texts(one.name, one.read_bytes()), ["OPEN-EV-0", "OPEN-EV-1"]) == ["OPEN-EV-0", "OPEN-EV-1"]
    assert ("YOUNG" in one.read_text(encoding="utf-8-sig")) == (tier is Tier.PARTNER)


def test_the_test_finds_in_every_format_what_is_planted_in_the_restricted_tier(tmp_path):
    frame = planted()
    out, words = release(frame, Tier.RESTRICTED), forbidden(frame, Tier.PUBLIC)
    for form in (form for form in FORMATS.values() if form.name != "comapeo"):
        (tmp_path / form.name).mkdir()
        path = form.write(tmp_path / form.name / f"rows{form.suffix}", out, PROVENANCE, language("es"))
        held = [text for one in path.parent.iterdir() for text in texts(one.name, one.read_bytes())]
        assert frame["event_id"].iloc[GUARDED] in leaks(held, words) or path.suffix == ".qgz", form.name
        if path.suffix in VECTORS:
            assert misplaced(path, frame, Tier.PUBLIC), form.name


@pytest.mark.parametrize("tier", LOWER)
def test_no_byte_of_a_static_site_tells_what_a_tier_may_not_see(tmp_path, tier):
    frame = planted()
    out, words = release(frame, tier), forbidden(frame, tier)
    pictured = {
        name: bulletin(Tier.RESTRICTED, count=1).pictures["mdd-7f3k00.v1"] for name in frame["alert_id"]
    }
    content = replace(bulletin(tier), alerts=out, pictures=pictured)
    older = frame.assign(ha=frame["ha"] / 3, version=frame["version"] + 1, alert_id=frame["event_id"] + ".v9")
    states = [PublishedState(DAY - 90, release(older, tier).frame), PublishedState(DAY, out.frame)]
    told = {str(name): () for name in frame["event_id"]}
    website = Website(bulletin=content, histories=histories(states, told), areas={"la-pampa": "La Pampa"})
    for path, body in website_files(website).items():
        if path.startswith("assets/"):
            continue
        assert leaks(texts(path, body), words) == [], path
        assert not path.endswith(".jpg") and not leaks([path], words), path
        if path.endswith(".geojson"):
            (tmp_path / path).write_bytes(body)
            assert not misplaced(tmp_path / path, frame, tier)
    shown = website_files(website)["index.html"].decode()
    assert ("YOUNG-EV-3" in shown) == (tier is Tier.PARTNER) and "OPEN-EV-0" in shown
    every = replace(website, bulletin=replace(content, alerts=release(frame, Tier.RESTRICTED)))
    planted_in = website_files(every)
    assert leaks(texts("", planted_in["index.html"]), words) and "pictures" in str(list(planted_in))


EVERY = json.dumps(
    ["gpkg", "geojson", "kml", "kmz", "csv", "xlsx", "parquet", "shp", "qgz", "people.csv", "people.xlsx"]
)


@pytest.fixture
def made(tmp_path, monkeypatch):
    site = Site.load(ROOT)
    monkeypatch.setattr(deliveries, "site_of_store", lambda *_: contextlib.nullcontext(site))
    store = MadeStore(tmp_path).create()
    store.now_s = (DAY + 1) * 86_400.0
    monkeypatch.setattr("made_deliveries.OPEN_RULE", RULE)
    store.run(planted())
    return store


def test_no_byte_of_any_channel_tells_what_the_public_tier_may_not_see(made):
    (made.folder / "drop").mkdir()
    with mail_server(made.folder) as box, hook_server() as hook:
        made.subscribe(
            f"""
{every_channel(box, hook)}
[[subscription]]
name = "mail"
channel = "mail"
to = "a@example.org"
formats = {EVERY}
[[subscription]]
name = "hook"
channel = "hook"
to = "{hook.address}/x"
formats = {EVERY}
[[subscription]]
name = "bot"
channel = "bot"
to = "-100112233"
[[subscription]]
name = "drop"
channel = "drop"
to = "{made.folder}/drop"
formats = {EVERY}
"""
        )
        done = made.deliver()
        assert [sent.row.state for sent in done.sent] == [DELIVERED] * 4, [sent.line for sent in done.sent]
        ((_, message),) = box.messages
        (body,) = hook.bodies.values()
        ((_, chat),) = hook.chats
    held = {"mail.eml": message.as_bytes(), "hook.json": json.dumps(body).encode(), "bot.txt": chat.encode()}
    for path in sorted((made.folder / "drop").rglob("*")):
        if path.is_file():
            held[path.name] = path.read_bytes()
    frame = planted()
    words = forbidden(frame, Tier.PUBLIC)
    assert "message.html" in held and message.get_body(("html",)) is not None
    for name, content in held.items():
        found = list(texts(name, content))
        assert leaks(found, words) == [], name
        if name in ("mail.eml", "hook.json", "bot.txt", "message.txt", "message.html"):
            assert leaks(found, ["OPEN-EV-0.v1"]) == ["OPEN-EV-0.v1"], name
    folder = made.folder / "parts"
    folder.mkdir()
    files = {name: part for one, content in held.items() for name, part in parts(one, content)}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    vectors = [path for path in sorted(folder.iterdir()) if path.suffix in VECTORS]
    assert {path.suffix for path in vectors} == VECTORS - {".gpx"}
    assert not [path for path in vectors if misplaced(path, frame, Tier.PUBLIC)]
    assert len(gpd.read_file(folder / "alerts-2026-07-01.shp")) == 2
