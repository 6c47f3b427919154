"""A year in 24 runs: what each bulletin says is new balances, and the days of every alert agree."""

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from selvawatch.core.tier import Tier
from selvawatch.demo.layout import prepare_demo
from selvawatch.steps.published.current_bulletin import bulletin_since
from selvawatch.write.bulletin.bulletin_model import largest_mines
from selvawatch.write.bulletin.changes_view import changes_json
from selvawatch.write.language.i18n import language
from small_site import Place

pytestmark = pytest.mark.faults

RUNS = 24
FIRST = dt.date(2024, 1, 20)


def assert_days_agree(rows: pd.DataFrame, until: str) -> None:
    earliest, confirmed = rows["onset_earliest"], rows["confirmed_on"]
    assert (earliest.isna() | (earliest < rows["onset_latest"])).all()
    assert (rows["onset_latest"] <= rows["first_detected"]).all()
    assert (confirmed.isna() | (confirmed >= rows["first_detected"])).all()
    assert (rows[["first_detected", "confirmed_on"]].max(axis=1) <= pd.Timestamp(until)).all()


def confirmed_ha(rows: pd.DataFrame) -> float:
    return float(rows.loc[rows["status"].isin(["confirmed", "closed"]), "ha"].sum())


def world_of(name: str, request: pytest.FixtureRequest, folder: Path) -> Place:
    """The small archive, or the demo's, before any run."""
    if name == "small":
        return replace(request.getfixturevalue("small_run"), store=folder / "store")
    layout = prepare_demo(folder / "demo")
    return Place(
        site=layout.site,
        archive=layout.simulated.catalog.parent,
        store=layout.store,
        until=layout.until,
        tile=layout.tile,
    )


@pytest.mark.parametrize("name", ["small", "demo"])
def test_a_year_in_24_runs_balances_in_each_tier(name, request, tmp_path):
    place = world_of(name, request, tmp_path)
    last = dt.date.fromisoformat(place.until)
    before: dict[Tier, gpd.GeoDataFrame] = {}
    new: dict[Tier, list[str]] = {Tier.PUBLIC: [], Tier.RESTRICTED: []}
    for number in range(RUNS):
        report = place.run((FIRST + (last - FIRST) * number // (RUNS - 1)).isoformat())
        for tier in new:
            folder = place.products / tier.name.lower()
            rows = gpd.read_parquet(folder / "alerts.parquet")
            assert_days_agree(rows, report.until)
            content = bulletin_since(str(place.store), tier).content
            found = json.loads(changes_json(content, language("es")))
            earlier = before.get(tier, rows.iloc[:0])
            events = [row["event_id"] for row in found["events"]]
            assert sorted(events) == sorted({*earlier["event_id"], *rows["event_id"]})
            sums = found["balance"]
            gained = sums["new_ha"] + sums["back_ha"] + sums["grown_ha"]
            change = gained - sums["shrunk_ha"] - sums["withdrawn_ha"]
            assert change == pytest.approx(confirmed_ha(rows) - confirmed_ha(earlier), abs=0.01)
            new[tier] += [row["event_id"] for row in found["events"] if row["group"] == "new"]
            page = (folder / "bulletin-es.html").read_text(encoding="utf-8")
            plain = (folder / "bulletin-es.txt").read_text(encoding="utf-8")
            for name in (*largest_mines(rows)["alert_id"], *(row["alert_id"] for row in found["events"])):
                assert name in page and name in plain
            assert len((folder / "bulletin-es-message.txt").read_text(encoding="utf-8")) <= 1000
            before[tier] = rows
        print(f"run {number + 1}: {report.events} events, {report.events_confirmed} confirmed", flush=True)
    for tier, names in new.items():
        assert names and len(names) == len(set(names)), tier
