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
    for event, part in old[old["event_id"].isin(known.loc[cut, "event_id"])].groupby("event_id"):
        _cut_back(known, known.index[known["event_id"] == event], part)
    late = known["confirmed_on"].notna() & (known["confirmed_on"] > newest)
    known.loc[late, "confirmed_on"] = pd.NaT
    known.loc[late, "ha_lo"] = 0.0
    known.loc[late & (known["status"] == "confirmed"), ["status", "confidence"]] = ["provisional", "low"]
    if "rank_reasons" in known.columns:
        known["rank_reasons"] = [_older(codes) for codes in known["rank_reasons"]]
    return known


def _cut_back(known: gpd.GeoDataFrame, rows: pd.Index, part: pd.DataFrame) -> None:
    """Days and outline of one event from its older cells, sorted by onset."""
    half = np.searchsorted(np.cumsum(part["ha"].to_numpy()), part["ha"].sum() / 2)
    known.loc[rows, "onset"] = part["onset"].iloc[min(int(half), len(part) - 1)]
    known.loc[rows, "onset_earliest"] = part["onset_earliest"].min()
    known.loc[rows, "onset_latest"] = part["onset_latest"].max()
    known.loc[rows, "last_grown"] = part["onset"].max()
    outline = shapely.union_all(part["geometry"].to_numpy())
    for row in rows:
        known.at[row, "geometry"] = outline


def _older(codes: str | None) -> str:
    return " ".join(code for code in (codes or "").split() if code not in TELLS_OF_NOW)
