"""What was known of alerts on an earlier day, as far as the cells of today can tell it."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.days import to_date

TELLS_OF_NOW = ("growth", "news")
"""Ranking reasons that speak of the last weeks; they are left out of what is told late."""


def as_known(alerts: gpd.GeoDataFrame, cells: pd.DataFrame, newest_day: int) -> gpd.GeoDataFrame:
    """Alerts cut back to the cells whose loss had been seen by a day; those detected later are left out.

    A front that still grows is so told of as it was, instead of being held back for as long as it grows.
    Hectares, bounds, days and outline are those of the older cells; a confirmation after the day is taken
    back. `alerts` have the columns of ALERTS or EVENTS, `cells` those of CELLS; neither is changed.
    """
    newest = pd.Timestamp(to_date(newest_day))
    known = alerts[alerts["first_detected"] <= newest].copy()
    old = cells[cells["onset_latest"] <= newest].sort_values(["event_id", "onset"], kind="stable")
    total = cells.groupby("event_id")["ha"].sum()
    seen = old.groupby("event_id")["ha"].sum()
    known = known[known["event_id"].isin(seen.index) | ~known["event_id"].isin(total.index)].copy()
    cut = known["event_id"].isin(seen.index) & (known["event_id"].map(seen) < known["event_id"].map(total))
    ratio = (known["event_id"].map(seen) / known["event_id"].map(total)).where(cut, 1.0)
    for name in ("ha", "ha_lo", "ha_hi"):
        known[name] = known[name] * ratio
    _cut_back(known, cut.to_numpy(), old)
    late = known["confirmed_on"].notna() & (known["confirmed_on"] > newest)
    known.loc[late, "confirmed_on"] = pd.NaT
    known.loc[late, "ha_lo"] = 0.0
    known.loc[late & (known["status"] == "confirmed"), ["status", "confidence"]] = ["provisional", "low"]
    return without_recent_reasons(known) if "rank_reasons" in known.columns else known


def without_recent_reasons(alerts: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Alerts without the ranking reasons that speak of the last weeks."""
    return alerts.assign(rank_reasons=[_older(codes) for codes in alerts["rank_reasons"]])


def _cut_back(known: gpd.GeoDataFrame, cut: np.ndarray, old: gpd.GeoDataFrame) -> None:
    """Days and outlines of the events cut back, from their older cells, sorted by event and onset."""
    part = old[old["event_id"].isin(known.loc[cut, "event_id"])]
    if not len(part):
        return
    by = part.groupby("event_id", sort=True)
    days = by.agg(
        onset_earliest=("onset_earliest", "min"),
        onset_latest=("onset_latest", "max"),
        last_grown=("onset", "max"),
    )
    half = by["ha"].cumsum() >= by["ha"].transform("sum") / 2
    days["onset"] = part["onset"].where(half).groupby(part["event_id"]).first().fillna(days["last_grown"])
    events = known.loc[cut, "event_id"]
    for name in ("onset", "onset_earliest", "onset_latest", "last_grown"):
        known.loc[cut, name] = days[name].reindex(events).to_numpy()
    shapes = part["geometry"].to_numpy()
    starts = np.flatnonzero(~part["event_id"].duplicated().to_numpy())
    outlines = [shapely.union_all(one) for one in np.split(shapes, starts[1:])]
    by_event = pd.Series(outlines, part["event_id"].to_numpy()[starts], dtype=object)
    geometry = known["geometry"].to_numpy().copy()
    geometry[cut] = by_event.reindex(events).to_numpy()
    known["geometry"] = geometry


def _older(codes: str | None) -> str:
    return " ".join(code for code in (codes or "").split() if code not in TELLS_OF_NOW)
