"""River water of the years of loss, told from ponds over all tiles."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.water import river_water, water_frame, water_outlines
from selvawatch.core.status import Status
from selvawatch.site import Site
from selvawatch.steps.tile import TileState, open_layers
from selvawatch.steps.water import yearly_counts
from selvawatch.store.folders import Store

WATCHED_M = 1000.0
"""Tiles whose ground comes as near as this to an event are looked at for river water, metres."""


def river_water_of(
    site: Site,
    store: Store,
    states: Mapping[str, TileState],
    events: gpd.GeoDataFrame,
    rivers: gpd.GeoDataFrame,
    until_day: int,
) -> gpd.GeoDataFrame:
    """River water near events in the year of their loss and the one before: year, geometry.

    Ground on which loss was found is left out: an open pond is no river.
    """
    rule = site.rules.water
    by_year: dict[int, list[shapely.Geometry]] = {}
    if rule is None or not len(events):
        return water_frame(by_year, site.grid.crs)
    onset = pd.to_datetime(events["onset"]).dt.year.to_numpy()
    tree = shapely.STRtree(events.geometry.to_numpy())
    for name, says in sorted(states.items()):
        tile = site.grid.tile(name)
        near = tree.query(tile.polygon, predicate="dwithin", distance=WATCHED_M)
        years = {int(year) - before for year in onset[near] for before in (0, 1)}
        counts = yearly_counts(site, store, name, says.taken, until_day, years) if years else {}
        if not counts:
            continue
        lost = _lost(store, says)
        for year, one in counts.items():
            water = one.water(rule.least_share, rule.least_looks) & ~lost
            by_year.setdefault(year, []).extend(water_outlines(water, tile.transform, rule.least_ha))
    lines = rivers.geometry.to_numpy()
    told = {year: river_water(patches, lines, rule) for year, patches in by_year.items() if patches}
    return water_frame(told, site.grid.crs)


def _lost(store: Store, says: TileState) -> np.ndarray:
    """(y, x) bool: pixels with a loss that is not withdrawn."""
    status = open_layers(store, says.tile, says.state)["status"].to_numpy()
    return np.isin(status, [Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED])
