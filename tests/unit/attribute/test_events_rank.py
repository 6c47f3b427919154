"""Ranking: who comes first, and why."""

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from selvawatch.attribute.rank import RANK_REASONS, RankingRule, explain, rank
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


def test_confirmed_comes_before_provisional_and_closed_and_withdrawn_last():
    result = ranked(
        alert("w", 0, status="withdrawn", protected="core", ha=9.0),
        alert("c", 5000, status="closed", protected="core", ha=9.0),
        alert("p", 10_000, status="provisional", protected="core", ha=9.0),
        alert("s", 15_000, status="confirmed", ha=0.1),
    )
    assert list(result.index) == ["s", "p", "c", "w"]


def test_a_mine_of_eleven_hectares_that_went_on_is_not_behind_every_patch_of_a_tenth():
    mine = alert("mine", 0, ha=11.0, mining_probability=0.95, change="stable", status="confirmed")
    patches = [
        alert(f"p{number}", 5000 * (number + 1), ha=0.1, protected="buffer", status="confirmed")
        for number in range(12)
    ]
    assert ranked(mine, *patches).loc["mine", "rank"] == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_same_events_and_cells_in_another_order_of_rows_have_the_same_ranks(seed):
    rows = [
        alert(f"e{n:02d}", 180.0 * n, ha=0.1 * (n % 7 + 1), status=("confirmed", "provisional")[n % 2])
        for n in range(20)
    ]
    days = pd.to_datetime([to_date(DAY - number % 40) for number in range(200)])
    grown = [0.1 + 0.017 * (number % 9) for number in range(200)]
    cells = pd.DataFrame({"event_id": [f"e{n % 20:02d}" for n in range(200)], "onset": days, "ha": grown})
    first = ranked(*rows, cells=cells)
    rng = np.random.default_rng(seed)
    mixed = [rows[position] for position in rng.permutation(len(rows))]
    pd.testing.assert_frame_equal(first, ranked(*mixed, cells=cells.iloc[rng.permutation(200)]))


def test_what_is_not_large_is_not_called_large():
    assert "size" not in ranked(alert("a", ha=0.84)).loc["a", "rank_reasons"].split()
    assert "size" in ranked(alert("a", ha=RULE.size_half_ha)).loc["a", "rank_reasons"].split()


def test_points_and_factors_explain_every_score():
    rows = [
        alert("a", ha=9.0, protected="core", status="confirmed"),
        alert("b", 300, status="provisional", change="stable", near_water="in_water"),
    ]
    frame = gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:32719")
    none = pd.DataFrame({"event_id": [], "onset": pd.to_datetime([]), "ha": []})
    ranks = rank(frame, none, RULE, DAY)
    published = (
        frame.set_index("event_id", drop=False).join(ranks).assign(alert_id=frame["event_id"].tolist())
    )
    found = explain(published[::-1], none, RULE, DAY)
    assert found["event_id"].tolist() == ["a", "b"]
    assert found["made_score"].tolist() == pytest.approx(found["score"].tolist())
    assert found["nearness"].tolist() == [1.0, RULE.beside_factor]
    assert sum(RULE.points.most.values()) == pytest.approx(100)


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
