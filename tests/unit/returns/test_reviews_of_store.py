"""Reviews of a store: answers change at once, files of a committed run never, the public tier late."""

import datetime as dt
import json
import shutil
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import rasterio

from selvawatch.core.days import to_day
from selvawatch.core.files import folder_digests, read_checked_json, write_checked_json
from selvawatch.core.tier import Tier, tier_named
from selvawatch.errors import DamagedError, StoreError
from selvawatch.returns.known_reviews import known_reviews
from selvawatch.returns.reviewed_alerts import reviewed_alerts_of
from selvawatch.returns.reviewing import Options, import_reviews, review_alert
from selvawatch.steps.published.current_bulletin import bulletin_since
from selvawatch.store.folders import Store
from selvawatch.store.inspection import inspect_store
from selvawatch.store.returned.review_batches import read_reviews
from selvawatch.store.site_copy import SITE_COPY
from selvawatch.write.formats.geojson import feature_collection
from selvawatch.write.language.i18n import language

pytestmark = pytest.mark.slow
TIERS = ("public", "restricted")
NOW = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def store(small_run, tmp_path):
    """A copy of the small run's store, with its site beside it."""
    folder = tmp_path / "store"
    shutil.copytree(small_run.store, folder)
    shutil.copytree(small_run.site, tmp_path / small_run.site.name)
    return folder


def alerts_of(store, tier="restricted"):
    (path,) = store.glob(f"runs/*/{tier}/alerts.parquet")
    return gpd.read_parquet(path)


def mining_event(store):
    frame = alerts_of(store, "public")
    held = frame[(frame["cause"] == "mining") & (frame["status"] != "withdrawn")]
    return held.sort_values("ha").iloc[-1]


def delayed(store, days):
    """Let the store's copy of its site say a longer delay of the public tier."""
    values = read_checked_json(store / SITE_COPY)
    text = values["files"]["site"]["text"]
    assert "delay_days = 0" in text
    values["files"]["site"]["text"] = text.replace("delay_days = 0", f"delay_days = {days}")
    write_checked_json(store / SITE_COPY, values)
    site = store.parent / "site" / values["site_file"]
    site.write_text(site.read_text().replace("delay_days = 0", f"delay_days = {days}"))


def answers_of(store, folder, tier, command, event):
    """Everything that commands answer of a store in a tier, as bytes by command."""
    folder.mkdir()
    found = {}
    common = ("--store", store, "--tier", tier)
    asked = [("alerts", "list"), ("alerts", "show", event), ("table", "loss_by_type", "--json")]
    for words in asked:
        said = command(*words, *common, "--site", store.parent / "site")
        assert said.code == 0, said.error
        found[" ".join(words)] = said.out.encode()
    for form in ("geojson", "people.csv"):
        out = folder / f"alerts.{form}"
        said = command("alerts", "export", "--format", form, "--out", out, *common)
        assert said.code == 0, said.error
        found[f"export {form}"] = out.read_bytes()
    for form, ending in (("message", "txt"), ("json", "json")):
        out = folder / f"bulletin-{form}.{ending}"
        said = command("bulletin", "--format", form, "--lang", "en", "--out", out, *common)
        assert said.code == 0, said.error
        found[f"bulletin {form}"] = out.read_bytes()
    return found


def loss_of(answers):
    return pd.DataFrame(json.loads(answers["table loss_by_type --json"]))["loss_all"].sum()


def test_every_command_answers_with_a_review_at_once_and_no_file_of_the_run_changes(store, tmp_path, command):
    event, files = mining_event(store), folder_digests(store / "runs")
    before = {tier: answers_of(store, tmp_path / tier, tier, command, event["event_id"]) for tier in TIERS}
    said = command(
        "alerts", "review", event["event_id"], "--as", "no-loss", "--by", "ranger", "--store", store
    )
    assert said.code == 0 and said.out.startswith(f"{event['event_id']}.v")
    for tier in TIERS:
        after = answers_of(store, tmp_path / f"{tier} after", tier, command, event["event_id"])
        assert [name for name, found in after.items() if found == before[tier][name]] == []
        made = bulletin_since(str(store), tier_named(tier))
        page, text = (made.written(form, language("en")) for form in ("html", "txt"))
        assert event["event_id"] in page.split("</section>")[0] and 'class="plain reviews"' in page
        assert "no longer count alerts where people found no loss" in page and "no longer count" in text
        assert "What people saw: no loss there: 1" in after["bulletin message"].decode()
        assert len(after["bulletin message"].decode()) <= 1000
        spans = [json.loads(found["bulletin json"])["spans"][0] for found in (before[tier], after)]
        gone = loss_of(before[tier]) - loss_of(after)
        assert gone == pytest.approx(float(event["ha"]), rel=1e-6)
        assert spans[0]["loss_ha"] - spans[1]["loss_ha"] == pytest.approx(gone, abs=1e-6)
        assert made.counts_reviews and made.content.headline.loss_ha == pytest.approx(loss_of(after))
        by_type = next(table for table in made.content.tables if table.name == "loss_by_type")
        assert sum(row.loss_ha for row in by_type.rows) == pytest.approx(loss_of(after))
        shown = command("alerts", "show", event["event_id"], "--tier", tier, "--store", store, "--json").json
        version = event["version"] if tier == "restricted" else None
        assert (shown["review"], shown["review_version"]) == ("no-loss", version)
        assert shown["review_date"] == dt.datetime.now(dt.UTC).date().isoformat()
    assert folder_digests(store / "runs") == files
    path = command("bulletin", "--store", store).out.strip()
    assert "cache/bulletins" in path and "Lo que se vio" in Path(path).read_text(encoding="utf-8")
    assert inspect_store(Store(store), deep=True).damages == ()
    assert inspect_store(Store(store), deep=True).unknown == ()


def test_a_bulletin_made_anew_without_reviews_is_the_one_that_the_run_wrote(store):
    for tier in TIERS:
        made = bulletin_since(str(store), tier_named(tier))
        (folder,) = store.glob(f"runs/*/{tier}")
        assert made.written("html", language("en")) == (folder / "bulletin-en.html").read_text("utf-8")


def test_a_bulletin_without_the_copy_of_its_site_says_that_its_figures_hold_the_alert_still(store):
    review_alert(str(store), mining_event(store)["event_id"], "no-loss", "ranger", now=NOW)
    write_checked_json(store / SITE_COPY, read_checked_json(store / SITE_COPY) | {"folder": ""})
    made = bulletin_since(str(store), Tier.RESTRICTED, day=to_day("2026-07-02"))
    assert not made.counts_reviews
    assert "still hold" in made.written("txt", language("en"))


def test_exports_hold_the_review_and_are_the_run_s_own_bytes_without(store, tmp_path, command):
    event = mining_event(store)
    for form in ("csv", "geojson", "gpkg", "xlsx", "parquet", "kml"):
        out = tmp_path / f"before.{form}"
        assert command("alerts", "export", "--format", form, "--out", out, "--store", store).code == 0
        (kept,) = store.glob(f"runs/*/public/alerts.{form}")
        assert out.read_bytes() == kept.read_bytes()
    review_alert(str(store), event["event_id"], "mining", "analyst", now=NOW)
    out = tmp_path / "after.csv"
    assert command("alerts", "export", "--format", "csv", "--out", out, "--store", store).code == 0
    rows = pd.read_csv(out, encoding="utf-8-sig").set_index("event_id")
    assert rows.loc[event["event_id"], "review"] == "mining" and rows["review"].notna().sum() == 1


def test_the_public_tier_learns_of_a_review_when_its_delay_has_passed(store):
    opened, event = Store(store), mining_event(store)
    delayed(store, 45)
    received = to_day("2026-07-01")

    def seen(day):
        current = opened.ledger.current()
        alerts = reviewed_alerts_of(opened, current, Tier.PUBLIC, day)
        return json.dumps(feature_collection(alerts.released)), dict(alerts.provenance)

    without = [seen(day) for day in (received, received + 44, received + 45)]
    review_alert(str(store), event["event_id"], "no-loss", "ranger", at="2026-01-05T00:00:00Z", now=NOW)
    assert [seen(day) for day in (received, received + 44)] == without[:2]
    assert seen(received + 45) != without[2]
    assert known_reviews(opened, Tier.RESTRICTED, received).reviews


def test_every_public_answer_has_the_same_bytes_until_the_delay_has_passed(store, tmp_path, command):
    delayed(store, 45)
    event = mining_event(store)["event_id"]
    before = answers_of(store, tmp_path / "before", "public", command, event)
    command("alerts", "review", event, "--as", "no-loss", "--by", "ranger", "--store", store)
    assert answers_of(store, tmp_path / "after", "public", command, event) == before
    listed = command("alerts", "list", "--store", store, "--tier", "restricted", "--json").json
    assert "no-loss" in {row["review"] for row in listed}


def test_a_file_read_twice_adds_nothing_and_a_corrected_answer_counts(store, tmp_path):
    event = mining_event(store)["event_id"]
    path = tmp_path / "answers.csv"
    path.write_text(
        f"KEY,alert_id,verdict,end\nuuid:1,{event},no-loss,2024-08-30T10:00:00-05:00\nuuid:2,X-1,mining,\n"
    )
    first = import_reviews(str(store), path, Options(), NOW)
    assert (len(first.added), first.known, first.unused) == (1, 0, 1)
    bytes_before = folder_digests(store / "reviews")
    again = import_reviews(str(store), path, Options(), NOW + dt.timedelta(days=3))
    assert (len(again.added), again.known) == (0, 1)
    assert folder_digests(store / "reviews") == bytes_before
    path.write_text(path.read_text().replace("no-loss", "mining"))
    import_reviews(str(store), path, Options(), NOW + dt.timedelta(days=4))
    counts = known_reviews(Store(store), Tier.RESTRICTED, to_day("2026-07-09")).deciding
    assert counts[event].verdict == "mining" and len(read_reviews(Store(store))) == 2


def test_a_lost_or_edited_batch_is_told_and_never_passed_over(store):
    events = list(alerts_of(store, "public")["event_id"])[:3]
    for number, event in enumerate(events):
        review_alert(str(store), event, "mining", "analyst", now=NOW + dt.timedelta(days=number))
    batches = sorted((store / "reviews").glob("0*.json"))
    kept = {path: path.read_bytes() for path in batches}
    for gone in batches:
        gone.unlink()
        with pytest.raises(DamagedError):
            read_reviews(Store(store))
        assert inspect_store(Store(store), deep=False).damages
        gone.write_bytes(kept[gone])
    batches[1].write_bytes(kept[batches[1]].replace(b'"mining"', b'"no-loss"'))
    with pytest.raises(DamagedError):
        read_reviews(Store(store))


def test_accuracy_is_told_of_a_drawn_sample_alone(store, command):
    assert "no such sample" in command("validate", "reviews", "--store", store).error
    first = command("reviews", "draw", "--n", 50, "--store", store, "--json").json
    assert command("reviews", "draw", "--n", 50, "--store", store, "--json").json == first
    silent = command("validate", "reviews", "--store", store, "--json").json
    assert silent["loss"]["share"] is None and "needed" in silent["loss"]["why"]
    assert "too little to say anything" in command("validate", "reviews", "--store", store).out
    for alert in first["alerts"]:
        review_alert(str(store), alert["event_id"], "mining", "analyst", now=NOW)
    found = command("validate", "reviews", "--store", store, "--json").json
    assert found["loss"]["share"] == 1.0 and found["loss"]["ci95"] == [1.0, 1.0]
    assert (found["n"], found["answered"]) == (found["population"], found["population"])
    draw = next((store / "reviews").glob("draw-*.json"))
    draw.write_bytes(draw.read_bytes().replace(b'"seed"', b'"deed"'))
    assert "damaged" in command("validate", "reviews", "--store", store).error


def test_field_files_of_a_store_are_refused_to_the_public_tier_and_read_back(store, tmp_path, command):
    export = ("alerts", "export", "--store", store, "--format")
    endings = {"mbtiles": "mbtiles", "comapeo": "json", "earthranger": "json"}
    for form in ("odk", "kobo", "comapeo", "earthranger", "mbtiles"):
        out = tmp_path / f"{form}.{endings.get(form, 'csv')}"
        assert "needed tier restricted" in command(*export, form, "--out", out).error
        assert not out.exists()
        assert command(*export, form, "--tier", "restricted", "--out", out).code == 0
    with rasterio.open(tmp_path / "mbtiles.mbtiles") as pictures:
        assert pictures.read(4).any()
    assert command(*export, "xlsform", "--out", tmp_path / "form.xlsx").code == 0
    events = json.loads((tmp_path / "earthranger.json").read_text())
    for event in events:
        event["event_details"]["verdict"] = "not mining"
    (tmp_path / "answers.json").write_text(json.dumps(events))
    done = import_reviews(str(store), tmp_path / "answers.json", Options(), NOW)
    assert [one.alert_id for one in done.added] == [event["event_details"]["alert_id"] for event in events]
    assert done.unused == 0 and {one.verdict for one in done.added} == {"other-loss"}


def test_no_name_stands_for_a_role(store, command):
    event = mining_event(store)["event_id"]
    said = command("alerts", "review", event, "--as", "mining", "--by", "Juana Pérez", "--store", store)
    assert "the role is not known" in said.error and "Juana" not in said.error
    assert not (store / "reviews").exists()
    for words in (("--as", "illegal"), ("--as", "mining", "--at", "2026-06-04 10:00")):
        more = ("--by", "ranger", "--store", store)
        assert command("alerts", "review", event, *(words if "--as" in words else ()), *more).error
    with pytest.raises(StoreError):
        review_alert(str(store / "none"), event, "mining", "ranger", now=NOW)


def test_the_next_run_lists_what_came_in_as_a_revision(small_run, store, command):
    event = mining_event(store)
    review_alert(str(store), event["event_id"], "no-loss", "ranger", now=NOW)
    report = small_run.__class__(
        site=small_run.site, archive=small_run.archive, store=store, until="2024-09-05", tile=small_run.tile
    ).run()
    restricted = gpd.read_parquet(store / "runs" / report.run_id / "restricted" / "alerts.parquet")
    judged = restricted.set_index("event_id").loc[event["event_id"]]
    assert (judged["review"], report.reviews) == ("no-loss", 1)
    assert report.reviews_new == (f"{event['event_id']}.v{event['version']} no-loss",)
    by_type = pd.read_csv(store / "runs" / report.run_id / "restricted" / "tables" / "loss_by_type.csv")
    exclusive = by_type[(by_type["accounting"] == "exclusive") & (by_type["clock"] == "at-loss")]
    assert exclusive["loss_all"].sum() == pytest.approx(report.loss_ha, abs=1e-3)
    page = (store / "runs" / report.run_id / "restricted" / "bulletin-en.html").read_text()
    assert "no longer count alerts where people found no loss" in page
    public = (store / "runs" / report.run_id / "public" / "bulletin-en.html").read_text()
    assert "What people saw" not in public  # the run's data day lies before the day it came in
    assert json.loads((store / "runs" / report.run_id / "report.json").read_text())["reviews"] == 1
    assert command("doctor", "--store", store, "--site", small_run.site).out
    when, run_before = to_day("2026-08-01"), "2024-09-04"
    kept = bulletin_since(str(store), Tier.RESTRICTED, run_before, day=when)
    assert kept.counts_reviews and kept.content.headline.loss_ha == pytest.approx(report.loss_ha)
    review_alert(str(store), event["event_id"], "mining", "ranger", now=NOW + dt.timedelta(days=1))
    back = bulletin_since(str(store), Tier.RESTRICTED, run_before, day=when)
    gained = back.content.headline.loss_ha - kept.content.headline.loss_ha
    assert back.counts_reviews and gained == pytest.approx(float(judged["ha"]), rel=1e-6)
