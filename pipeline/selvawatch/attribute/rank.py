"""Ranking of alerts: which few come first, and why."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import day_numbers
from selvawatch.core.tables import CHANGES, CONFIDENCES, NEAR_WATER

RANK_REASONS: dict[str, str] = {
    "core": "In a protected area.",
    "isolated-peoples": "Near a reserve of isolated peoples.",
    "buffer": "In a buffer zone.",
    "native-community": "In a native community.",
    "size": "Large.",
    "growth": "Grew in the last weeks.",
    "news": "New or changed since the last run.",
    "confidence": "Well supported by observations.",
    "mining": "Possible mining.",
    "water": "In or beside water.",
    "beside": "Beside an alert ranked higher.",
}
"""Codes of `rank_reasons`: the message that each stands for, English."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Most points that each reason can give; they are scaled to a sum of 100."""

    place: float
    size: float
    growth: float
    news: float
    confidence: float
    mining: float
    water: float

    @property
    def most(self) -> dict[str, float]:
        """Points that each reason gives at most, scaled to a sum of 100, by name."""
        given = {name: float(getattr(self, name)) for name in Points.__dataclass_fields__}
        return {name: 100 * points / sum(given.values()) for name, points in given.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingRule:
    """How alerts are ranked; values in `models/ranking.toml`."""

    points: Points
    places: Mapping[str, float]
    """Share of the place's points, 0 to 1, by `core`, `isolated-peoples`, `buffer`, `native-community`."""
    news: Mapping[str, float]
    """Share of the news' points by value of `change`."""
    confidence: Mapping[str, float]
    """Share of the confidence's points by value of `confidence`."""
    water: Mapping[str, float]
    """Share of the water's points by value of `near_water`."""
    activity: Mapping[str, float]
    """Factor on the whole score by value of `change`: what did not change does not come first."""
    size_half_ha: float
    """Hectares that give half of the size's points, and from which size is given as a reason."""
    growth_half_ha: float
    """Hectares of recent growth that give half of the growth's points."""
    recent_days: int
    """Days before the data date in which growth is recent."""
    beside_m: float
    """Alerts within this distance of one ranked higher are seen on the same visit, metres."""
    beside_factor: float
    """Factor on their score."""
    reason_least: float
    """Points from which a reason is given."""

    def __post_init__(self) -> None:
        """Refuse missing and unknown keys."""
        for name, wanted in (
            ("places", ("core", "isolated-peoples", "buffer", "native-community")),
            ("news", CHANGES),
            ("activity", CHANGES),
            ("confidence", CONFIDENCES),
            ("water", NEAR_WATER),
        ):
            given = getattr(self, name)
            if set(given) != set(wanted):
                raise ValueError(f"{name} has {sorted(given)}, need {sorted(wanted)}")
        if min(self.size_half_ha, self.growth_half_ha) <= 0:
            raise ValueError("size_half_ha and growth_half_ha must be positive")


def rank(alerts: gpd.GeoDataFrame, cells: pd.DataFrame, rule: RankingRule, until_day: int) -> pd.DataFrame:
    """`rank` (from 1), `score` (0 to 100) and `rank_reasons` by event id, first rank first.

    Confirmed events come before provisional ones, these before closed ones, and withdrawn ones last; within
    each by score, then by hectares, then by id, whatever the order of the rows. One row per event: of several
    versions only the latest is ranked.

    Parameters
    ----------
    alerts
        ALERTS, or EVENTS with `protected`, `in_native_community`, `isolated_peoples` and `near_water`.
        Without `status` an event of more than low confidence counts as confirmed.
    cells
        CELLS, for the growth of the last `recent_days` before `until_day`.
    """
    latest = alerts.sort_values(["event_id", "version"]).drop_duplicates("event_id", keep="last")
    effects = weigh(latest, cells, rule, until_day)
    score = np.round(effects[_POINTS].sum(axis=1).to_numpy() * effects["activity"].to_numpy(), 6)
    group, ids = _precedence(latest), latest["event_id"].to_numpy(str)
    ha = latest["ha"].to_numpy(np.float64)
    order = np.lexsort((ids, -ha, -score, group))
    clustered = np.zeros(len(latest), np.bool_)
    clustered[order] = _clustered(latest.geometry.to_numpy()[order], rule.beside_m)
    score = np.round(score * np.where(clustered, rule.beside_factor, 1.0), 2)
    final = np.lexsort((ids, -ha, -score, group))
    points = effects[_POINTS].assign(size=effects["size"].where(latest["ha"] >= rule.size_half_ha, 0.0))
    reasons = [
        " ".join([*_reasons(points.iloc[row], rule.reason_least), *["beside"] * bool(clustered[row])])
        for row in final
    ]
    result = pd.DataFrame(
        {"score": score[final], "rank_reasons": reasons}, index=pd.Index(ids[final], name="event_id")
    )
    result.insert(0, "rank", np.arange(1, len(result) + 1))
    return result


def explain(alerts: pd.DataFrame, cells: pd.DataFrame, rule: RankingRule, until_day: int) -> pd.DataFrame:
    """What gave each ranked alert its score, a row per alert by rank: columns of ALERTS and of `weigh`.

    `event_id`, `alert_id`, `rank`, `status`, `ha`, `score`, the points of each reason, the factors `activity`
    and `nearness` (of an alert beside one ranked higher, by `rank_reasons`), and `made_score`: the sum of the
    points times both factors, which is the score.

    alerts: ALERTS of a tier as they were published; cells: CELLS of the same events.
    """
    ranked = alerts.sort_values(["rank", "alert_id"]).reset_index(drop=True)
    if "isolated_peoples" not in ranked.columns:  # who may not know of them has no row near them
        ranked = ranked.assign(isolated_peoples="no")
    effects = weigh(ranked, cells, rule, until_day)
    beside = np.array(["beside" in reasons.split() for reasons in ranked["rank_reasons"]], np.bool_)
    effects["nearness"] = np.where(beside, rule.beside_factor, 1.0)
    factors = effects["activity"] * effects["nearness"]
    effects["made_score"] = (effects[_POINTS].sum(axis=1) * factors).round(2)
    shown = ranked[["event_id", "alert_id", "rank", "status", "ha", "score"]]
    return pd.concat([pd.DataFrame(shown), effects], axis=1)


_POINTS = [name for name in RANK_REASONS if name != "beside"]

_PRECEDENCE = {"confirmed": 0, "provisional": 1, "closed": 2, "withdrawn": 3}


def _precedence(alerts: pd.DataFrame) -> np.ndarray:
    """Which group of the ranking each alert is in, by status."""
    if "status" in alerts.columns:
        return alerts["status"].map(_PRECEDENCE).to_numpy(np.int64)
    return (alerts["confidence"] == "low").to_numpy(np.int64)


def weigh(alerts: pd.DataFrame, cells: pd.DataFrame, rule: RankingRule, until_day: int) -> pd.DataFrame:
    """Points by reason code and the factor `activity`, one row per alert in their order: see `rank`."""
    effects = _parts(alerts, cells, rule, until_day)
    effects["activity"] = alerts["change"].map(rule.activity).to_numpy(np.float64)
    return effects


def _parts(alerts: pd.DataFrame, cells: pd.DataFrame, rule: RankingRule, until_day: int) -> pd.DataFrame:
    """Points by reason code, one row per alert."""
    most = rule.points.most
    holds = pd.DataFrame(
        {
            "core": alerts["protected"] == "core",
            "isolated-peoples": alerts["isolated_peoples"] == "yes",
            "buffer": alerts["protected"] == "buffer",
            "native-community": alerts["in_native_community"] == "in",
        }
    )
    weights_of_zones = holds * pd.Series(rule.places)[holds.columns]
    ha = alerts["ha"].astype(float)
    recent = cells[day_numbers(cells["onset"]) > until_day - rule.recent_days]
    grown_of = recent.groupby("event_id")["ha"].agg(math.fsum)
    grown = grown_of.reindex(alerts["event_id"]).fillna(0.0).to_numpy(np.float64)
    parts = pd.DataFrame(index=alerts.index)
    strongest = weights_of_zones.max(axis=1)
    for name in holds.columns:
        is_it = (weights_of_zones[name] == strongest) & (weights_of_zones[name] > 0)
        parts[name] = np.where(is_it & (parts.sum(axis=1) == 0), most["place"] * strongest, 0.0)
    parts["size"] = most["size"] * ha / (ha + rule.size_half_ha)
    parts["growth"] = most["growth"] * grown / (grown + rule.growth_half_ha)
    parts["news"] = most["news"] * alerts["change"].map(rule.news).astype(float)
    parts["confidence"] = most["confidence"] * alerts["confidence"].map(rule.confidence).astype(float)
    parts["mining"] = most["mining"] * alerts["mining_probability"].astype(float)
    parts["water"] = most["water"] * alerts["near_water"].map(rule.water).astype(float)
    return parts


def _reasons(parts: pd.Series, least: float) -> list[str]:
    strong = parts[parts >= least].sort_values(ascending=False, kind="stable")
    return [str(name) for name in strong.index]


def _clustered(geometry: np.ndarray, distance_m: float) -> np.ndarray:
    """Which geometries lie within a distance of an earlier one that is not itself beside another."""
    near = shapely.STRtree(geometry).query(geometry, predicate="dwithin", distance=distance_m)
    earlier: list[list[int]] = [[] for _ in geometry]
    for position, other in near.T.tolist():
        if other < position:
            earlier[position].append(other)
    clustered = np.zeros(len(geometry), np.bool_)
    for position, others in enumerate(earlier):
        clustered[position] = any(not clustered[other] for other in others)
    return clustered
