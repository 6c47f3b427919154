"""How far the hectares of confirmed events may be off: intervals from what rims, omission and commission were
in made-up worlds, where the truth is known.
"""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.tables import CI_METHODS
from selvawatch.events.calibrated.interval_rule import IntervalRule

_NOT_ESTIMATED, _, _MODELLED = CI_METHODS
_HAS_INTERVAL = ("confirmed", "closed")


def event_interval(ha: np.ndarray, rim_ha: np.ndarray, rule: IntervalRule) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the hectares of each event, (events,) float64; never below 0.

    ha: (events,) hectares. rim_ha: (events,) hectares of a rim of one pixel.
    """
    low = np.maximum(ha - rule.event_inward_px * rim_ha, 0.0)
    return low, ha + rule.event_outward_px * rim_ha


def interval_columns(events: gpd.GeoDataFrame, rule: IntervalRule | None, pixel_m: float) -> pd.DataFrame:
    """`ha_ci_lo`, `ha_ci_hi` and `ci_method` of events, in their order: of confirmed and closed ones of the
    least size or more; empty of all others, and without a rule.

    events: EVENTS. pixel_m: side of the pixels that outlines follow, metres.
    """
    ha = events["ha"].to_numpy(np.float64)
    if rule is None:
        is_known = np.zeros(len(events), np.bool_)
        low = high = np.full(len(events), np.nan)
    else:
        shapes = events.geometry.to_numpy()
        area = shapely.area(shapes)
        rims = np.divide(shapely.length(shapes) * pixel_m, area, out=np.zeros(len(events)), where=area > 0)
        low, high = event_interval(ha, ha * rims, rule)
        is_known = events["status"].isin(_HAS_INTERVAL).to_numpy(np.bool_) & (ha >= rule.least_ha)
    return pd.DataFrame(
        {
            "ha_ci_lo": np.where(is_known, low, np.nan),
            "ha_ci_hi": np.where(is_known, high, np.nan),
            "ci_method": np.where(is_known, _MODELLED, _NOT_ESTIMATED),
        },
        index=events.index,
    )


def sum_interval(ha: float, rim_ha: float, rule: IntervalRule) -> tuple[float, float]:
    """Lower and upper end of the hectares that were lost in an area.

    ha: its confirmed hectares. rim_ha: hectares of a rim of one pixel around all its events.
    """
    rim = rule.sum_rim_px * rim_ha
    return max(ha * (1 - rule.commission) - rim, 0.0), ha * (1 + rule.omission) + rim
