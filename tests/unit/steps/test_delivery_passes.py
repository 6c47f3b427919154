"""From committed runs to what each subscriber gets: new once, in its tier, and no recipient anywhere."""

import contextlib
import datetime as dt
import html
import io
import json
import os
import re
import shutil
import sqlite3
import zipfile
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd
import pytest

from conftest import ROOT
from made_deliveries import BEGIN, DAY_S, MadeStore, events
from post_office import PASSWORD, SECRET, TOKEN, every_channel, hook_server, mail_server
from selvawatch.core.days import to_date
from selvawatch.deliver import planning
from selvawatch.deliver.delivery_ledger import DELIVERED, PENDING, REFUSED, UNCERTAIN
from selvawatch.deliver.mail import make_mail
from selvawatch.deliver.planning import Notice
from selvawatch.deliver.recipients import key_path
from selvawatch.errors import DeliveryError, SelvawatchError, StoreError
from selvawatch.health.delivery_findings import delivery_findings
from selvawatch.health.store_findings import store_findings
from selvawatch.returns.reviewing import review_alert
from selvawatch.site import Site
from selvawatch.steps.delivery import attached_files, deliveries
from selvawatch.steps.delivery.deliveries import deliver_after_run, send_notice, tell_of_failure
from selvawatch.store.inspection import inspect_store
from selvawatch.store.lock import exclusive, sending

CORE = {"event_id": "CORE", "status": "confirmed", "protected": "core", "zones": "protected_core"}


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """A store with one run, made once, and its site, loaded once."""
    store = MadeStore(tmp_path_factory.mktemp("made")).create()
    store.run(events({}, {"status": "confirmed", "ha": 12.3}, {"cause": "road", "ha": 0.1}))
    return store, Site.load(ROOT)


@pytest.fixture
def made(first_run, tmp_path, monkeypatch):
    store, site = first_run
    shutil.copytree(store.store.folder, tmp_path / "store")
    (tmp_path / "drop").mkdir()
    monkeypatch.setattr(deliveries, "site_of_store", lambda *_: contextlib.nullcontext(site))
    return MadeStore(tmp_path)


def drop(made, extra="", name="office", folder="drop"):
    """A subscription of the restricted tier whose messages lie in a folder."""
    return f"""
[[subscription]]
name = "{name}"
channel = "drop"
to = "{made.folder}/{folder}"
tier = "restricted"
language = "en"
{extra}
"""


DROP = '[channels.drop]\nkind = "folder"\n'


def texts(made, folder="drop"):
    """Texts of all messages that lie in a folder."""
    return [path.read_text() for path in sorted((made.folder / folder).glob("*/message.txt"))]


def states(done):
    return [sent.row.state for sent in done.sent]


def test_a_subscriber_gets_a_run_once_and_then_what_is_new_since(made):
    made.subscribe(DROP + drop(made, 'formats = ["csv", "geojson"]\nleast_ha = 0.5'))
    assert states(made.deliver()) == [DELIVERED]
    (text,) = texts(made)
    assert "2 alerts with news" in text and "EV-1.v1 · new · 12.3" in text and "EV-2" not in text
    assert re.search(r"EV-0.v1 .* -12\.\d{5}, -70\.\d{5}", text)
    (folder,) = (made.folder / "drop").iterdir()
    rows = json.loads(next(folder.glob("*.geojson")).read_text())["features"]
    assert {row["properties"]["alert_id"] for row in rows} == {"EV-0.v1", "EV-1.v1"}
    made.wait(3)
    made.run(events({"status": "confirmed", "version": 2}, {"status": "confirmed", "ha": 12.3}, {"ha": 0.7}))
    assert made.deliver().planned == ()
    made.wait(5)
    assert states(made.deliver()) == [DELIVERED] and made.deliver().sent == ()
    new = next(text for text in texts(made) if "Since your last message" in text)
    assert "EV-0.v2 · now confirmed" in new and "EV-2.v1 · new" in new and "EV-1" not in new


def test_a_confirmed_change_in_a_core_goes_at_once_and_is_not_in_the_digest_again(made):
    made.subscribe(DROP + drop(made))
    made.deliver()
    made.wait(1)
    made.run(events({}, {"status": "confirmed", "ha": 12.3}, {"cause": "road", "ha": 0.1}, CORE, {"ha": 2.0}))
    done = made.deliver()
    assert [one.row.kind for one in done.planned] == ["at-once"] and states(done) == [DELIVERED]
    assert [one.alert_id for one in done.planned[0].alerts] == ["CORE.v1"]
    made.wait(8)
    made.run(events({}, {"status": "confirmed", "ha": 12.3}, {"cause": "road", "ha": 0.1}, CORE, {"ha": 2.0}))
    (digest,) = made.deliver().planned
    assert [one.alert_id for one in digest.alerts] == ["EV-4.v1"]


def test_what_people_answered_goes_with_a_message_and_is_news_once_where_the_alert_was_sent_before(made):
    names = ("SEEN-260701-AAAAAA", "GONE-260701-BBBBBB", "FAR-260701-CCCCCC")
    rows = [{"event_id": name, "ha": ha} for name, ha in zip(names, (1.0, 12.3, 3.0), strict=True)]
    made.run(events(*rows))
    made.subscribe(DROP + drop(made, 'formats = ["csv"]'))

    def review(event, verdict):
        now = dt.datetime.fromtimestamp(made.now_s, dt.UTC)
        review_alert(str(made.store.folder), event, verdict, "ranger", now=now)

    review(names[0], "no-loss")
    assert states(made.deliver()) == [DELIVERED]
    assert re.search(rf"{names[0]}\.v1 · new .* What people saw: no loss there", *texts(made))
    (folder,) = (made.folder / "drop").iterdir()
    sent = pd.read_csv(next(folder.glob("*.csv")), encoding="utf-8-sig").set_index("event_id")
    assert sent.loc[names[0], "review"] == "no-loss" and sent["review"].notna().sum() == 1
    made.wait(8)
    review(names[1], "mining")
    review(names[2], "not-reached")
    made.run(events(*rows))
    (told,) = told_of(made.deliver()).items()
    assert told[0] == f"{names[1]}.v1.mining" and f"{names[1]}.v1 · reviewed by people · 12.3" in told[1]
    made.wait(8)
    made.run(events(*rows))
    assert [one.alerts for one in made.deliver().planned] == [()]


def told_of(done):
    """Each alert version that a pass tells of, and in which words."""
    (planned,) = done.planned
    versions = {one.alert_id: f"{one.event_id}.v{one.version}" for one in planned.alerts}
    return {name: line_of(planned.message.text, version) for name, version in versions.items()}


def line_of(text, alert_id):
    return next(line for line in text.splitlines() if f") {alert_id} " in line)


def test_a_subscription_moved_to_another_tier_gets_its_versions_once_there_and_none_called_new(made):
    public = DROP + drop(made).replace("restricted", "public")
    made.subscribe(public)
    assert set(told_of(made.deliver())) == {"EV-0.v1", "EV-1.v1", "EV-2.v1"}
    made.subscribe(DROP + drop(made))
    moved = told_of(made.deliver())
    assert set(moved) == {"EV-0.v1", "EV-1.v1", "EV-2.v1"}
    assert all(re.search(r"-12\.\d{5}, -70\.\d{5}", line) for line in moved.values())
    assert made.deliver().planned == ()
    for text in (public, DROP + drop(made)):
        made.subscribe(text)
        assert made.deliver().planned == ()
    assert len(texts(made)) == 2


def test_an_event_known_from_another_tier_is_not_new_again_but_may_be_confirmed(made):
    made.subscribe(DROP + drop(made).replace("restricted", "public"))
    made.deliver()
    made.wait(8)
    changed = events({"status": "confirmed", "version": 2, "change": "confirmed"}, {"status": "confirmed"},
                     {"change": "stable"}, {})  # fmt: skip
    made.run(changed)
    made.subscribe(DROP + drop(made))
    lines = told_of(made.deliver())
    assert "now confirmed" in lines["EV-0.v2"] and "unchanged" in lines["EV-2.v1"]
    assert "· new ·" in lines["EV-3.v1"] and "· new ·" not in lines["EV-0.v2"] + lines["EV-2.v1"]


def test_what_waits_in_a_tier_that_a_subscription_left_is_not_sent_by_the_way_of_the_new_one(made):
    made.subscribe(DROP + drop(made, folder="late"))
    assert states(made.deliver()) == [PENDING]
    made.subscribe(DROP + drop(made, folder="late").replace("restricted", "public"))
    (made.folder / "late").mkdir()
    made.wait(1)
    assert states(made.deliver()) == [DELIVERED]
    (text,) = texts(made, "late")
    assert not re.search(r"-12\.\d+, -70", text) and len(made.ledger.messages(PENDING)) == 1


def test_a_subscription_that_is_widened_gets_what_lies_in_the_new_areas_and_types_alone(made):
    near, far = {"area_name": "la-pampa"}, {"area_name": "huepetuhe"}
    made.wait(1)
    made.run(events(near, far, near | {"combination": "timber", "exclusive_class": "timber"}))
    narrow = 'types = ["mining"]\nareas = ["la-pampa"]\ncadence = "each-run"'
    made.subscribe(DROP + drop(made, narrow))
    assert set(told_of(made.deliver())) == {"EV-0.v1"}
    made.wait(1)
    made.run(events(near, far, near | {"combination": "timber", "exclusive_class": "timber"}, near))
    made.subscribe(DROP + drop(made, narrow.replace('"la-pampa"', '"la-pampa", "huepetuhe"')))
    assert set(told_of(made.deliver())) == {"EV-1.v1", "EV-3.v1"}
    made.wait(1)
    made.run(events(near, far, near | {"combination": "timber", "exclusive_class": "timber"}, near))
    made.subscribe(DROP + drop(made, 'cadence = "each-run"'))
    assert set(told_of(made.deliver())) == {"EV-2.v1"}
    assert made.deliver().planned == ()


def test_a_ledger_of_an_earlier_version_sends_nothing_again(made, monkeypatch):
    made.subscribe(DROP + drop(made))
    with monkeypatch.context() as before:
        before.setattr(planning.Planner, "recipient", planning.Planner._without_tier)
        assert states(made.deliver()) == [DELIVERED]
    made.wait(8)
    assert made.deliver().planned == ()
    assert len(texts(made)) == 1


def test_what_a_ledger_of_an_earlier_version_holds_of_another_tier_is_not_told_as_withdrawn(
    made, monkeypatch
):
    made.subscribe(DROP + drop(made))
    with monkeypatch.context() as before:
        before.setattr(planning.Planner, "recipient", planning.Planner._without_tier)
        assert states(made.deliver()) == [DELIVERED]
    made.wait(8)
    made.run(events({"status": "confirmed", "version": 2}, {"status": "confirmed", "ha": 12.3}))
    made.subscribe(DROP + drop(made, 'cadence = "each-run"').replace("restricted", "public"))
    (public,) = made.deliver(dry_run=True).planned
    made.subscribe(DROP + drop(made, 'cadence = "each-run"'))
    (exact,) = made.deliver(dry_run=True).planned
    ids = [{one.alert_id for one in planned.alerts} for planned in (public, exact)]
    assert ids == [{"EV-0.v2"}, {"EV-0.v2", "EV-2.v1.withdrawn"}]


def words_of(page):
    return html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<head>.*?</head>", "", page, flags=re.S))).split()


def test_the_html_of_a_message_says_the_words_of_its_text_and_loads_and_runs_nothing(made):
    made.wait(1)
    evil = "Reserva <script>alert(1)</script> <img src=x>"
    made.run(events({"status": "confirmed", "protected": "core", "protected_name": evil}, {}))
    made.subscribe(DROP + drop(made) + drop(made, "", "spanish", "other").replace('"en"', '"es"'))
    for planned in made.deliver(dry_run=True).planned:
        message = planned.message
        assert words_of(message.html) == message.text.split()
        assert not re.search(r"<(script|img|link|iframe)|https?:|url\(|@import", message.html)
        assert '<html lang="' in message.html and message.html.count("<h1>") == 1


def test_a_digest_of_300_alerts_without_pictures_has_at_most_100_kb(made):
    made.wait(1)
    long = {"protected_name": "Reserva Nacional " * 5, "native_community": "Comunidad Nativa " * 5}
    made.run(events(*[{"event_id": f"LONG-{n}", **long} for n in range(300)]))
    made.subscribe(DROP + drop(made))
    (planned,) = made.deliver(dry_run=True).planned
    mail = make_mail({"host": "localhost", "sender": "a@example.org"})
    content = mail._content(replace(planned.message, recipient="b@example.org"))
    assert len(planned.alerts) == 300 and len(content) <= 100_000


def test_a_digest_without_news_goes_with_its_cadence_and_not_for_each_run(made):
    (made.folder / "other").mkdir()
    made.subscribe(DROP + drop(made) + drop(made, 'cadence = "each-run"', "each", "other"))
    made.deliver()
    made.wait(8)
    made.run(events({}, {"status": "confirmed", "ha": 12.3}, {"cause": "road", "ha": 0.1}))
    (digest,) = made.deliver().planned
    assert digest.name == "office" and "No alert with news" in digest.message.subject


def test_two_subscriptions_with_one_address_get_each_version_once_between_them(made):
    made.subscribe(DROP + drop(made, 'causes = ["mining"]', "mines") + drop(made, "", "all"))
    first, second = made.deliver().planned
    assert ({one.alert_id for one in first.alerts}, {one.alert_id for one in second.alerts}) == (
        {"EV-0.v1", "EV-1.v1"}, {"EV-2.v1"},
    )  # fmt: skip


def test_the_public_tier_tells_no_coordinate_and_the_withdrawn_its_reason(made):
    made.subscribe(DROP + drop(made).replace("restricted", "public"))
    made.deliver()
    assert not re.search(r"-12\.\d+, -70", texts(made)[0])
    made.wait(8)
    gone = {"status": "withdrawn", "version": 2, "withdrawn_reason": "not-reproduced", "change": "withdrawn"}
    made.run(events(gone, {"status": "confirmed", "ha": 12.3}))
    text = made.deliver().planned[0].message.text
    assert "EV-0.v2 · withdrawn · 1.0" in text
    assert re.search(r"EV-2.v1 · withdrawn · 0\.10\s?ha · it is not listed any more", text)


def content_of(message):
    """Everything that a message holds as one text, packed files unpacked."""
    parts = [message.subject, message.text, message.html]
    for file in message.attachments:
        packed = [file.content]
        if file.content.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
                packed = [archive.read(name) for name in archive.namelist()]
        if file.name.endswith(".parquet"):
            packed.append(gpd.read_parquet(io.BytesIO(file.content)).to_csv().encode())
        parts += [f"{file.name} {part.decode('latin-1')}" for part in packed]
    return "\n".join(parts)


def test_no_byte_of_a_public_message_holds_what_only_the_restricted_tier_may_see(made):
    frame = events({}, {"status": "confirmed"}, {})
    hidden = ("overlap_list", "concession_code", "concession_status", "native_community", "scenes")
    frame = frame.assign(**{name: [f"hidden-{name}-{n}" for n in range(3)] for name in hidden})
    made.wait(1)
    made.run(frame)
    every = 'formats = ["gpkg", "geojson", "kml", "csv", "xlsx", "parquet"]'
    made.subscribe(DROP + drop(made, every).replace("restricted", "public"))
    (planned,) = made.deliver(dry_run=True).planned
    text = content_of(planned.message)
    assert len(planned.message.attachments) == 6 and text.count("EV-1.v1") > 6
    assert "hidden-" not in text
    exact = [f"{number:.4f}"[:-1] for row in frame.itertuples() for number in (row.lon, row.lat)]
    assert not [number for number in exact if number in text]
    made.subscribe(DROP + drop(made, every.replace('"gpkg"', '"gpx", "odk", "gpkg"')))
    (planned,) = made.deliver(dry_run=True).planned
    text = content_of(planned.message)
    assert len(planned.message.attachments) == 8
    assert all(f"hidden-{name}-1" in text for name in hidden) and all(number in text for number in exact)


def test_texts_of_layers_cannot_make_a_message_more_than_it_is(made):
    made.wait(1)
    evil = "Reserva\r\nBcc: all@example.org\u202e<script>"
    made.run(events({"status": "confirmed", "protected": "core", "protected_name": evil}))
    made.subscribe(DROP + drop(made))
    planned = made.deliver(dry_run=True).planned[0]
    assert "Reserva\\u000d Bcc: all@example.org\\u202e<script> · " in planned.message.text


def test_a_long_digest_says_how_many_alerts_it_has_no_room_for(made):
    made.wait(1)
    made.run(events(*[{"event_id": f"LONG-{n}"} for n in range(300)]))
    made.subscribe(DROP + drop(made))
    (digest,) = made.deliver(dry_run=True).planned
    assert len(digest.alerts) == 300 and len(digest.message.text.encode("utf-16-le")) // 2 <= 3900
    listed = len(re.findall(r"^\d+\) ", digest.message.text, flags=re.M))
    assert f"and {300 - listed} more that this message has no room for" in digest.message.text


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('areas = ["atlantis"]', "areas: it is not there; got atlantis; needed .*la-pampa"),
        ('zones = ["atlantis"]', "zones: it is not there; got atlantis"),
        ('formats = ["docx"]', "formats: it is not there; got docx"),
        ('tier = "partner"', "tier: it is not there; got partner; needed public, restricted"),
        ('tier = "secret"', "tier: it is not there; got secret"),
        ('tier = "public"\nformats = ["gpx"]', "formats: it is not there; got gpx"),
        ('tier = "public"\nzones = ["isolated_peoples"]', "zones: it is not there; got isolated_peoples"),
    ],
)
def test_a_subscription_to_what_is_not_there_is_one_line_and_nothing_is_sent_to_anybody(made, extra, said):
    wrong = drop(made, extra, "wrong")
    if "tier" in extra:
        wrong = wrong.replace('tier = "restricted"\n', "", 1)
    made.subscribe(DROP + drop(made) + wrong.replace("/drop", "/other"))
    with pytest.raises(DeliveryError, match=f"wrong: {said}"):
        made.deliver()
    assert texts(made) == [] and not made.ledger.is_there


@dataclass(frozen=True)
class MadePage:
    """A bulletin that says what it was asked for."""

    text: str

    def written(self, form, lang):
        return f"{self.text} as {form} in {lang.code}"


def made_page(_, tier, since, day):
    return MadePage(f"{tier.name} since {since} on {to_date(day)}")


def test_the_bulletins_page_goes_to_who_asks_for_all_since_the_last_digest(made, monkeypatch):
    made.wait(1)
    made.run(events({"status": "confirmed"}))
    made.subscribe(DROP + drop(made, 'formats = ["html"]'))
    (planned,) = made.deliver(dry_run=True).planned
    (page,) = planned.message.attachments
    assert (page.media_type, page.content) == ("text/html", b"<p>bulletin-en restricted</p>")
    made.deliver()
    made.wait(8)
    made.run(events({"status": "confirmed"}, {"status": "confirmed"}))
    monkeypatch.setattr(attached_files, "keeps_bulletin", lambda *_: True)
    monkeypatch.setattr(attached_files, "bulletin_since", made_page)
    (planned,) = made.deliver(dry_run=True).planned
    assert (
        planned.message.attachments[0].content
        == f"RESTRICTED since run2 on {to_date(int(made.now_s // DAY_S))} as html in en".encode()
    )
    made.subscribe(DROP + drop(made, 'formats = ["html"]\nleast_ha = 0.1'))
    with pytest.raises(DeliveryError, match="tells of every alert of its tier; got html"):
        made.deliver()


def test_the_command_says_what_became_of_each_message_and_fails_where_one_is_not_delivered(made, command):
    made.subscribe(DROP + drop(made) + drop(made, "", "absent", "nowhere"))
    said = command("deliver", "--store", made.store.folder, "--json")
    assert said.code == 1 and {one["state"] for one in said.json["sent"]} == {DELIVERED, PENDING}
    made.subscribe(DROP + drop(made))
    (late,) = made.ledger.messages(PENDING)
    said = command("deliver", made.store.folder)
    assert (said.code, said.out) == (0, "0 delivered, 0 not\n")
    assert command("deliver", made.store.folder, "--close", late.key).code == 0
    assert made.ledger.messages(PENDING) == []
    assert "no such message" in command("deliver", made.store.folder, "--resend", late.key).error
    missing = command("deliver", made.store.folder, "--subscriptions", made.folder / "none.toml")
    assert "the subscriptions cannot be read" in missing.error


def test_a_folder_in_the_store_is_refused(made):
    made.subscribe(DROP + drop(made, "", "inside", "store/runs"))
    with pytest.raises(DeliveryError, match="lies in the store"):
        made.deliver()


def test_a_store_without_a_run_and_one_that_another_process_sends_from_are_one_line(tmp_path):
    made = MadeStore(tmp_path).create()
    made.subscribe(DROP + drop(made))
    with pytest.raises(StoreError, match="no run"):
        made.deliver()
    made.run(events({}))
    with sending(made.store), pytest.raises(StoreError, match="another process is sending"):
        made.deliver()


def test_a_run_may_hold_the_store_while_something_is_sent(made):
    made.subscribe(DROP + drop(made))
    with exclusive(made.store.folder, "selvawatch monitor"):
        assert states(made.deliver()) == [DELIVERED]


def test_a_trial_says_what_would_go_and_writes_nothing(made, command):
    made.subscribe(DROP + drop(made))
    before = sorted(made.folder.rglob("*"))
    said = command("deliver", made.store.folder, "--dry-run")
    assert (said.code, said.out.split("  ")[:3]) == (0, ["office", "digest", "3 alerts"])
    assert sorted(made.folder.rglob("*")) == before


@pytest.fixture
def everywhere(made):
    """Subscriptions by every channel, against servers that take everything."""
    with mail_server(made.folder) as box, hook_server() as hook:
        made.subscribe(
            f"""
{every_channel(box, hook)}
[[subscription]]
name = "by-mail"
channel = "mail"
to = "secret-ranger@example.org"
formats = ["kml"]
[[subscription]]
name = "by-hook"
channel = "hook"
to = "{hook.address}/secret-path"
[[subscription]]
name = "by-bot"
channel = "bot"
to = "-1009988776655"
{drop(made, "", "by-drop", "secret-drop")}
"""
        )
        (made.folder / "secret-drop").mkdir()
        yield made, box, hook


def test_every_channel_delivers_and_no_byte_of_the_store_tells_of_a_recipient_or_a_secret(everywhere):
    made, box, hook = everywhere
    done = made.deliver()
    assert states(done) == [DELIVERED] * 4, [sent.line for sent in done.sent]
    assert (len(box.messages), len(hook.bodies), len(hook.chats)) == (1, 1, 1) and hook.unsigned == []
    made.wait(8)
    made.run(events({"version": 2, "ha": 3.0}, {"status": "confirmed", "ha": 12.3}))
    made.deliver()
    hidden = ["secret-", "ranger", "example.org", "1009988776655", PASSWORD, SECRET, TOKEN, "127.0.0.1"]
    for path in sorted(made.store.folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes().lower()
            assert not [text for text in hidden if text.lower().encode() in content], path
    with sqlite3.connect(made.ledger.path) as connection:
        dump = "\n".join(connection.iterdump()).lower()
    connection.close()
    assert not [text for text in hidden if text.lower() in dump]
    assert [path.name for path in inspect_store(made.store, deep=True).unknown] == []
    assert made.ledger.path.stat().st_mode & 0o077 == 0


def test_a_refused_login_loses_nothing_and_is_tried_again_once_it_is_right(everywhere):
    made, box, _ = everywhere
    text = made.file.read_text()
    made.subscribe(text.replace(PASSWORD, "wrong"))
    done = made.deliver()
    (late,) = done.undelivered
    assert (late.name, late.row.state) == ("by-mail", PENDING) and "login is refused" in late.line
    assert "secret" not in late.line and len(late.line.splitlines()) == 1
    made.subscribe(text)
    assert made.deliver().sent == ()
    made.wait(0.1)
    assert states(made.deliver()) == [DELIVERED] and len(box.messages) == 1


def test_doctor_names_dead_letters_and_uncertain_messages_and_no_recipient(made, command):
    faults = {1: "nobody", 2: "lost"}
    with mail_server(made.folder, lambda count: faults.get(count, "busy")) as box:
        mail = "\n".join(f'{key} = "{text}"' for key, text in box.settings().items())
        readers = [
            f'[[subscription]]\nname = "r{n}"\nchannel = "mail"\nto = "ranger{n}@example.org"\n'
            for n in range(3)
        ]
        made.subscribe("\n".join(['[channels.mail]\nkind = "email"', mail, *readers]))
        done = made.deliver()
        assert sorted(states(done)) == [PENDING, REFUSED, UNCERTAIN]
        today = to_date(BEGIN)
        lines = [one.line for one in delivery_findings(made.store, today)]
        assert sum("dead letter: the server answers 550" in line for line in lines) == 1
        assert sum("uncertain: the other side may have it" in line for line in lines) == 1
        assert "deliveries: 0 of 3 messages delivered" in lines[-1]
        assert not [line for line in lines if "ranger" in line or "FAIL" in line]
        late = [one.line for one in delivery_findings(made.store, to_date(BEGIN + 4))]
        assert sum("not delivered yet" in line for line in late) == 1
        uncertain = next(sent.row.key for sent in done.sent if sent.row.state == UNCERTAIN)
        said = command("deliver", made.store.folder, "--close", uncertain[:12])
        assert said.code in (0, 1) and "Traceback" not in said.err
    closed = next(row for row in made.ledger.messages() if row.key == uncertain)
    assert closed.state == "closed" and box.ids().most_common(1)[0][1] == 1


def test_doctor_says_where_subscriptions_cannot_be_used_and_nothing_where_there_are_none(made):
    today = to_date(BEGIN)
    assert list(delivery_findings(made.store, today)) == []
    made.subscribe(DROP + drop(made))
    os.chmod(made.file, 0o644)  # noqa: PTH101
    (line,) = [one.line for one in delivery_findings(made.store, today)]
    assert line in [one.line for one in store_findings(str(made.store.folder), None, today, deep=False)]
    assert line.startswith("warn subscriptions: ") and "needed mode 600" in line


OPERATOR = """
[[operator]]
name = "operator"
channel = "drop"
to = "{folder}/drop"
language = "en"
"""


def test_an_operator_is_told_of_each_trouble_once_and_of_what_lasts_once_a_week(made, monkeypatch):
    made.subscribe(DROP + OPERATOR.format(folder=made.folder))
    assert made.deliver().planned == ()
    made.report = {
        "failed": {"x1y1": "no room"}, "tiles": 4, "stale": {"landsat": "2026-05-01"}, "unsearched": [],
    }  # fmt: skip
    made.run(events({}))
    monkeypatch.setattr("selvawatch.health.operator_notices.FREE_GB", 1e9)
    kinds = [one.row.kind for one in made.deliver().planned]
    assert kinds == ["failed", "stale", "disk"] and made.deliver().planned == ()
    made.wait(7)
    assert [one.row.kind for one in made.deliver().planned] == ["late", "stale", "disk"]
    joined = "\n".join(texts(made))
    assert "the monitoring failed" in joined and "x1y1: no room" in joined and "stale: landsat" in joined


def test_a_failed_run_is_told_at_once_and_once_and_a_store_without_subscribers_is_left_alone(tmp_path):
    made = MadeStore(tmp_path).create()
    notice = Notice(kind="failed", occasion="flow-run-1", text="the search found no server")
    assert send_notice(str(made.store.folder), notice) is None and not made.ledger.is_there
    (tmp_path / "drop").mkdir()
    made.subscribe(DROP + OPERATOR.format(folder=made.folder))
    for _ in range(2):
        tell_of_failure(str(made.store.folder), "flow-run-1", "the search found no server")
    (text,) = texts(made)
    assert "the search found no server" in text


def test_the_failure_of_a_run_is_told_once_though_the_run_and_the_flow_both_tell_of_it(made):
    made.subscribe(DROP + OPERATOR.format(folder=made.folder))
    made.report = {"failed": {"x1y1": "no room"}, "tiles": 4, "stale": {}, "unsearched": []}
    run_id = made.run(events({}))
    assert [one.row.kind for one in made.deliver().planned] == ["failed"]
    why = f"monitor la-pampa: SelvawatchError: run {run_id}, tile x1y1: 1 of 4 tiles could not be brought up"
    for flow_run in ("flow-1", "flow-2"):
        tell_of_failure(str(made.store.folder), flow_run, why)
    assert len(texts(made)) == 1
    tell_of_failure(str(made.store.folder), "flow-3", "monitor la-pampa: the search found no server")
    assert len(texts(made)) == 2 and any("no server" in text for text in texts(made))


def test_a_failure_is_told_though_the_ledger_of_the_store_cannot_be_read(made):
    made.subscribe(DROP + OPERATOR.format(folder=made.folder))
    made.deliver()
    made.store.ledger.path.write_bytes(b"no ledger at all")
    tell_of_failure(str(made.store.folder), "flow-1", "the ledger is damaged")
    assert len(texts(made)) == 1


def test_after_a_run_a_fault_of_delivery_is_a_line_in_the_log_and_no_error(made, caplog):
    deliver_after_run(str(made.store.folder), ".", "aoi/site.toml")
    assert caplog.text == ""
    made.subscribe("nonsense")
    deliver_after_run(str(made.store.folder), ".", "aoi/site.toml")
    tell_of_failure(str(made.store.folder), "1", "x")
    assert "nothing is sent" in caplog.text and "no operator is told" in caplog.text


def test_a_ledger_that_is_gone_stops_everything_rather_than_send_it_again(made):
    made.subscribe(DROP + drop(made))
    made.deliver()
    made.ledger.path.unlink()
    for _ in range(2):
        with pytest.raises(StoreError, match="ledger of deliveries is gone"):
            made.deliver()
    lines = [one.line for one in delivery_findings(made.store, to_date(BEGIN))]
    assert lines[-1].startswith("FAIL deliveries: ") and len(texts(made)) == 1


def test_without_its_key_nothing_is_sent_rather_than_everything_again(made):
    made.subscribe(DROP + drop(made))
    made.deliver()
    key_path(made.file).unlink()
    with pytest.raises(SelvawatchError, match="key of recipients is gone"):
        made.deliver()
    assert len(texts(made)) == 1
