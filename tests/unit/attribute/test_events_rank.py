"""Ranking: who comes first, and why."""

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from selvawatch.attribute.rank import RANK_REASONS, RankingRule, rank
from selvawatch.core.days import to_date
from selvawatch.core.settings import load

DAY = 19_000
RULE = load(RankingRule, Path(__file__).resolve().parents[3] / "models" / "ranking.toml")


def alert(event_id: str, x: float = 0.0, **other: object) -> dict:
    row = {
        "event_id": event_id,
        "version": 1,
        "change": "new",
        "confidence": "high",
        "ha": 1.0,
        "mining_probability": 0.5,
        "protected": "out",
        "in_native_community": "out",
        "isolated_peoples": "no",
        "near_water": "far",
        "geometry": shapely.box(x, 0, x + 100, 100),
    }
    return row | other


def ranked(*rows: dict, cells: pd.DataFrame | None = None) -> pd.DataFrame:
    none = pd.DataFrame({"event_id": [], "onset": pd.to_datetime([]), "ha": []})
    frame = gpd.GeoDataFrame(list(rows), geometry="geometry", crs="EPSG:32719")
    return rank(frame, none if cells is None else cells, RULE, DAY)


def test_the_protected_core_comes_before_the_buffer_and_that_before_the_rest():
    result = ranked(
        alert("other", 0),
        alert("buffer", 5000, protected="buffer"),
        alert("core", 10_000, protected="core"),
        alert("community", 15_000, in_native_community="in", ha=0.5),
    )
    assert list(result.index) == ["core", "buffer", "community", "other"]
    assert list(result["rank"]) == [1, 2, 3, 4]
    assert result.loc["core", "rank_reasons"].split()[0] == "core"
    assert result["score"].between(0, 100).all()


def test_two_places_count_once():
    both = ranked(alert("a", protected="buffer", in_native_community="in"))
    one = ranked(alert("a", protected="buffer"))
    assert both["score"].iloc[0] == one["score"].iloc[0]


@pytest.mark.parametrize(
    "better",
    [
        {"ha": 5.0},
        {"confidence": "highest"},
        {"mining_probability": 0.9},
        {"near_water": "in_water"},
        {"isolated_peoples": "yes"},
    ],
)
def test_each_of_these_alone_ranks_higher(better):
    assert list(ranked(alert("a"), alert("b", 5000, **better)).index) == ["b", "a"]


@pytest.mark.parametrize("change", ["stable", "closed", "withdrawn", "reduced"])
def test_what_did_not_grow_comes_after_what_is_new(change):
    result = ranked(alert("a", change=change, ha=3.0), alert("b", 5000))
    assert list(result.index) == ["b", "a"]


def test_growth_of_the_last_weeks_counts_and_older_growth_does_not():
    onsets = [DAY - RULE.recent_days + 1, DAY - RULE.recent_days]
    cells = pd.DataFrame(
        {"event_id": ["b", "a"], "onset": pd.to_datetime([to_date(day) for day in onsets]), "ha": [1.0, 1.0]}
    )
    result = ranked(alert("a"), alert("b", 5000), cells=cells)
    assert list(result.index) == ["b", "a"]
    assert "growth" in result.loc["b", "rank_reasons"]
    assert "growth" not in result.loc["a", "rank_reasons"]


def test_alerts_beside_a_higher_one_are_scaled_down_and_say_so():
    result = ranked(alert("a", ha=9.0), alert("b", 300), alert("c", 5000, ha=0.9))
    assert list(result.index) == ["a", "c", "b"]
    assert "beside" in result.loc["b", "rank_reasons"].split()


def test_ties_go_by_hectares_then_by_id_whatever_the_order():
    rows = [alert("c", 0), alert("a", 5000), alert("b", 10_000)]
    assert list(ranked(*rows).index) == list(ranked(*rows[::-1]).index) == ["a", "b", "c"]


def test_only_the_latest_version_of_an_event_is_ranked():
    result = ranked(alert("a", version=1, ha=9.0), alert("a", version=2, ha=1.0))
    assert list(result.index) == ["a"]
    assert result["score"].iloc[0] == ranked(alert("a"))["score"].iloc[0]


def test_nothing_to_rank_is_an_empty_ranking():
    empty = gpd.GeoDataFrame([alert("a")], geometry="geometry", crs="EPSG:32719").iloc[:0]
    none = pd.DataFrame({"event_id": [], "onset": pd.to_datetime([]), "ha": []})
    assert len(rank(empty, none, RULE, DAY)) == 0


def test_every_reason_is_in_the_table():
    rows = [alert("a", protected="core", ha=50.0, mining_probability=1.0, near_water="in_water")]
    codes = set(" ".join(ranked(*rows)["rank_reasons"]).split())
    assert codes <= set(RANK_REASONS) and {"core", "size", "mining", "water"} <= codes


def test_a_rule_that_forgets_a_value_is_refused():
    with pytest.raises(ValueError, match="water"):
        replace(RULE, water={"far": 0.0})
