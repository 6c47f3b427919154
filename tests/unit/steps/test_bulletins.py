"""Bulletins made anew from a store: what is new since the run before, an earlier run, or a day."""

import json
import shutil
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest

from selvawatch.events.comparison import compare
from selvawatch.steps.run.run_report import report_of

TIERS = ("public", "restricted")


@pytest.fixture(scope="module")
def twice(small_run, tmp_path_factory):
    """The small site run to its last day, and two weeks on without a scene; treat its store as read-only."""
    place = replace(small_run, store=tmp_path_factory.mktemp("twice") / "store")
    shutil.copytree(small_run.store, place.store)
    first = report_of(small_run.opened.ledger.runs()[0])
    return place, [first, place.run("2024-09-14")]


def table(place, report, tier):
    return gpd.read_parquet(place.opened.run(report.run_id) / tier / "alerts.parquet")


def since(command, place, *words):
    return command("bulletin", "--store", place.store, *words)


@pytest.mark.slow
@pytest.mark.parametrize("tier", TIERS)
def test_a_run_tells_what_is_new_since_the_run_before_of_its_tier(twice, tier, command):
    place, (first, last) = twice
    found = json.loads(since(command, place, "--tier", tier, "--format", "json").out)
    assert (found["since"], found["run"]) == ({"run": first.run_id, "day": "2024-08-31"}, last.run_id)
    wanted = compare(table(place, first, tier), table(place, last, tier)).rows
    assert {row["event_id"]: row["group"] for row in found["events"]} == dict(
        zip(wanted["event_id"], wanted["group"], strict=True)
    )
    sums, states = found["balance"], [table(place, report, tier) for report in (first, last)]
    confirmed = [state.loc[state["status"].isin(["confirmed", "closed"]), "ha"].sum() for state in states]
    gained = sums["new_ha"] + sums["back_ha"] + sums["grown_ha"] - sums["shrunk_ha"] - sums["withdrawn_ha"]
    assert gained == pytest.approx(confirmed[1] - confirmed[0], abs=0.01)
    written = (place.products / tier / "bulletin-es.txt").read_text(encoding="utf-8")
    assert "NOVEDADES DESDE EL ÚLTIMO BOLETÍN (31 AGO. 2024)" in written
    assert written == since(command, place, "--tier", tier, "--format", "txt", "--since", "2024-09-01").out
    page = (place.products / tier / "bulletin-es.html").read_text(encoding="utf-8")
    again = since(command, place, "--tier", tier, "--since", first.run_id[:10]).out
    assert page.rstrip("\n") == again.rstrip("\n")
    for row in found["events"]:
        assert row["alert_id"] in page and row["alert_id"] in written


@pytest.mark.slow
def test_the_run_before_is_one_of_the_inputs_of_a_run(twice, small_run):
    place, (first, last) = twice
    assert last.run_id != small_run.products.name
    provenance = (place.products / "public" / "bulletin-en.txt").read_text(encoding="utf-8")
    assert f"previous_run_id: {first.run_id}" in provenance
    assert place.run("2024-09-14").run_id == last.run_id and len(place.opened.ledger.runs()) == 2


@pytest.mark.slow
@pytest.mark.parametrize("tier", TIERS)
def test_the_days_of_every_alert_of_a_run_agree(twice, tier):
    place, reports = twice
    for report in reports:
        rows = table(place, report, tier)
        assert len(rows)
        assert (rows["onset_earliest"].isna() | (rows["onset_earliest"] < rows["onset_latest"])).all()
        assert (rows["onset_latest"] <= rows["first_detected"]).all()
        assert (rows["confirmed_on"].isna() | (rows["confirmed_on"] >= rows["first_detected"])).all()
        assert (rows[["first_detected", "confirmed_on"]].max(axis=1) <= pd.Timestamp(report.until)).all()


@pytest.mark.slow
def test_what_is_asked_for_and_is_not_there_is_an_error_of_one_line(twice, command):
    place, _ = twice
    for words, part in (
        (("--since", "2023-01-01"), "no such earlier run"),
        (("--since", "abcdef0123456789"), "no such earlier run"),
        (("--since", "2024-09-01", "--format", "doc"), "no such form"),
        (("--since", "2024-09-01", "--tier", "partner"), "not published"),
    ):
        failed = since(command, place, *words)
        assert failed.code == 1 and part in failed.err and failed.err.count("\n") == 1


@pytest.mark.slow
def test_ranks_are_explained_by_the_weights_of_the_site(twice, command):
    place, (_, last) = twice
    for tier in TIERS:
        words = ("alerts", "rank", "--explain", "--json", "--store", place.store, "--site", place.site)
        rows = json.loads(command(*words, "--tier", tier).out)
        ranked = table(place, last, tier).sort_values("rank")
        assert [row["alert_id"] for row in rows] == ranked["alert_id"].head(20).tolist()
        assert [row["made_score"] for row in rows] == pytest.approx([row["score"] for row in rows], abs=0.02)
        assert (
            ranked["status"]
            .map(["confirmed", "provisional", "closed", "withdrawn"].index)
            .is_monotonic_increasing
        )
