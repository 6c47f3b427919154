"""River water of the years of loss, told from ponds over all tiles."""

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from rasterio.features import geometry_mask

from selvawatch.attribute.river_water import river_water, water_frame, water_outlines
from selvawatch.core.grid import Tile
from selvawatch.core.status import Status
from selvawatch.register.manifest import References
from selvawatch.steps.tile.water_counts import yearly_counts
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, open_layers


def river_water_of(
    context: RunContext,
    states: Mapping[str, TileState],
    events: gpd.GeoDataFrame,
    references: References,
) -> gpd.GeoDataFrame:
    """River water near events in the year of their loss and the one before: year, geometry.

    Ground on which loss was found, and that of old scars (of any date), is left out: an open pond is no
    river. The tiles of an event and the eight around each are looked at, so that what lies within a tile's
    side of an event does not depend on which other events there are.
    """
    site, scars = context.site, references.scars
    rule = site.rules.water
    by_year: dict[int, list[shapely.Geometry]] = {}
    if rule is None or not len(events):
        return water_frame(by_year, site.grid.crs)
    onset = pd.to_datetime(events["onset"]).dt.year.to_numpy()
    tree = shapely.STRtree(events.geometry.to_numpy())
    old = scars.geometry[~(scars.geometry.isna() | scars.geometry.is_empty)].to_numpy()
    scarred = shapely.STRtree(old)
    for name, state in sorted(states.items()):
        tile = site.grid.tile(name)
        around = tile.polygon.buffer(tile.grid.tile_m, join_style="mitre")
        near = tree.query(around, predicate="intersects")
        years = {int(year) - before for year in onset[near] for before in (0, 1)}
        counts = yearly_counts(context, name, state.scene_records, years) if years else {}
        if not counts:
            continue
        dug = _lost(context.store, state) | _under(tile, old[scarred.query(tile.polygon)])
        for year, count in counts.items():
            water = count.water(rule.least_share, rule.least_looks) & ~dug
            by_year.setdefault(year, []).extend(water_outlines(water, tile.transform, rule.least_ha))
    lines = references.rivers.geometry.to_numpy()
    water_by_year = {year: river_water(patches, lines, rule) for year, patches in by_year.items() if patches}
    return water_frame(water_by_year, site.grid.crs)


def _lost(store: Store, state: TileState) -> np.ndarray:
    """(y, x) bool: pixels with a loss that is not withdrawn."""
    layers = open_layers(store, state.tile, state.state, delayed=state.is_delayed)
    status = layers["status"].to_numpy()
    return np.isin(status, [Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED])


def _under(tile: Tile, shapes: np.ndarray) -> np.ndarray:
    """(y, x) bool: pixels that a shape touches."""
    size = (tile.grid.tile_px, tile.grid.tile_px)
    if not len(shapes):
        return np.zeros(size, np.bool_)
    return np.asarray(geometry_mask(shapes, size, tile.transform, all_touched=True, invert=True), np.bool_)
