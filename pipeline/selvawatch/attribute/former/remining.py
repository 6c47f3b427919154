"""Old mining ground: whether a loss lies where mining had been seen before."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class ScarRule:
    """When a loss counts as mining again in an old scar: `[remining]` of `aoi/rules.toml`."""

    least_share: float
    """Share of the loss's ground that must lie in old scars, above 0 to 1."""
    least_days: int
    """Days that a scar must be older than the loss."""

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if not 0 < self.least_share <= 1 or self.least_days < 0:
            raise SiteError(
                "numbers mean nothing", where="[remining]", got=(self.least_share, self.least_days)
            )


def remining(events: gpd.GeoDataFrame, scars: gpd.GeoDataFrame, rule: ScarRule | None) -> np.ndarray:
    """Whether each event is mining again in an old scar: `yes`, `no` or `unknown`; object array.

    Ground can be lost a second time once it has grown over. `no` means that no mining ground at hand is there
    and old enough; without any, without a rule, or where scars of unknown age would decide, it is `unknown`.
    Only losses whose published cause is mining can be `yes`.

    (events,).

    Parameters
    ----------
    events
        EVENTS rows.
    scars
        Mining ground of before, `seen_on` (day by which it was there; NaT: unknown), in the same CRS.
    """
    if rule is None or not len(scars):
        return np.full(len(events), "unknown", object)
    found = np.full(len(events), "no", object)
    outlines, shapes = events.geometry.to_numpy(), scars.geometry.to_numpy()
    seen = pd.to_datetime(scars["seen_on"]).to_numpy("datetime64[D]")
    onset = pd.to_datetime(events["onset_earliest"]).fillna(pd.to_datetime(events["onset"]))
    latest = onset.to_numpy("datetime64[D]") - np.timedelta64(rule.least_days, "D")
    event, scar = shapely.STRtree(shapes).query(outlines, predicate="intersects")
    mining = (events["cause"] == "mining").to_numpy()
    for index in np.unique(event[mining[event]]):
        mine = scar[event == index]
        old = mine[seen[mine] <= latest[index]]
        maybe = mine[(seen[mine] <= latest[index]) | np.isnat(seen[mine])]
        if share_covered(outlines[index], shapes[old]) >= rule.least_share:
            found[index] = "yes"
        elif share_covered(outlines[index], shapes[maybe]) >= rule.least_share:
            found[index] = "unknown"
    return found


def share_covered(outline: shapely.Geometry, shapes: np.ndarray) -> float:
    """Share of an outline's area, 0 to 1, that lies in any of some shapes, all in one projected CRS."""
    if not len(shapes):
        return 0.0
    shared = shapely.union_all(shapely.intersection(shapes, outline))
    return float(shapely.area(shared) / shapely.area(outline))
