"""Primary forest or secondary growth: what a layer of primary forest says of the ground of a loss."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.former.remining import share_covered
from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRule:
    """When a loss counts as one of primary forest, and when of secondary growth: `[forest]` of
    `aoi/rules.toml`.
    """

    least_share: float
    """Share of the loss's ground that must be of one kind, above half to 1; else it is mixed."""

    def __post_init__(self) -> None:
        """Refuse a share that would be of both kinds."""
        if not 0.5 < self.least_share <= 1:
            raise SiteError(
                "least_share means nothing", where="[forest]", got=self.least_share, needed="above 0.5 to 1"
            )


def forest_kinds(events: gpd.GeoDataFrame, primary: gpd.GeoDataFrame, rule: ForestRule | None) -> np.ndarray:
    """What forest each event took: `primary`, `secondary`, `mixed` or `unknown`; object array (events,).

    A loss is one of forest, so what of its ground is no primary forest is secondary growth, or forest that
    the layer does not know. Only outlines that were mapped by the day before the loss say anything, since a
    later map lacks what was cleared; and nothing is said of ground beyond the extent of these. Without any of
    them, or without a rule, it is `unknown`.

    Parameters
    ----------
    events
        EVENTS rows.
    primary
        Primary forest, `seen_on` (day by which it stood), in the same CRS.
    """
    found = np.full(len(events), "unknown", object)
    if rule is None or not len(primary):
        return found
    outlines, shapes = events.geometry.to_numpy(), primary.geometry.to_numpy()
    seen = pd.to_datetime(primary["seen_on"]).to_numpy("datetime64[D]")
    onset = pd.to_datetime(events["onset_earliest"]).fillna(pd.to_datetime(events["onset"]))
    lost = onset.to_numpy("datetime64[D]")
    event, shape = shapely.STRtree(shapes).query(outlines, predicate="intersects")
    for day in np.unique(lost):
        known = seen < day
        if not known.any():
            continue
        extent = shapely.box(*shapely.total_bounds(shapes[known]))
        for index in np.flatnonzero((lost == day) & shapely.covers(extent, outlines)):
            touched = shape[event == index]
            share = share_covered(outlines[index], shapes[touched[known[touched]]])
            found[index] = _kind(share, rule.least_share)
    return found


def _kind(share: float, least: float) -> str:
    if share >= least:
        return "primary"
    return "secondary" if 1 - share >= least else "mixed"
