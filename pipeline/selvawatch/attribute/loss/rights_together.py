"""Loss on the register: versions of a right over a feature put together, with its validity at the loss."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.attribute.loss.loss_days import LossDays
from selvawatch.core.days import day_numbers
from selvawatch.core.hectares import hectares
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, Register, validity

POSITION = "zone__row"
"""Column with the position of a zone in the register; NaN: outside all zones."""
_NOT, _UNKNOWN, _IN = 0, 1, 2
_WORDS = {_NOT: "not_in_force", _UNKNOWN: "unknown", _IN: "in_force"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measure:
    """How hectares of ground that is cut anew are taken."""

    crs: str
    equal_area: CRS
    by_area: bool
    """Whether attributed hectares are a part of the feature's own, by its ground."""


def with_rights_together(
    result: gpd.GeoDataFrame, register: Register, days: LossDays | None, equal_area: CRS, *, by_area: bool
) -> gpd.GeoDataFrame:
    """Rows of `any_loss.attribute_layer` on a register, with `zone_validity` in place of `zone__row`.

    A right that the register holds in several versions (states, holders, outlines) has one row for a feature,
    with what the version says that stood at the loss, else the latest. Where its outlines differ it has one
    for each validity, on ground apart: hectares of a right count once. Where the validity is not the same on
    the first and on the last possible day it is unknown; without days it is empty, and rows stay as they are.

    by_area: whether features have hectares of their own, which are prorated.
    """
    if days is None:
        words = np.full(len(result), "", object)
        return result.assign(**{POSITION: words}).rename(columns={POSITION: "zone_validity"})
    inside = result[POSITION].notna().to_numpy()
    rows = _with_states(result[inside], register, days)
    kept = rows.sort_values(["_best", "_start"], kind="stable")
    kept = kept.assign(
        **{name: kept.groupby(["_feature", "_id", "_outline"])[name].transform("max") for name in _DAYS}
    )
    kept = kept.drop_duplicates(["_feature", "_id", "_outline"], keep="last")
    several = kept.duplicated(["_feature", "_id"], keep=False).to_numpy()
    measure = _Measure(crs=str(result.crs), equal_area=equal_area, by_area=by_area)
    parts = [_apart(part, measure) for _, part in kept[several].groupby(["_feature", "_id"], sort=False)]
    whole = kept[~several]
    agreed = np.where(whole["_first"] == whole["_last"], whole["_first"], _UNKNOWN)
    whole = whole.assign(zone_validity=[_WORDS[int(one)] for one in agreed])
    outside = result[~inside].assign(zone_validity="")
    joined = pd.concat([part for part in (whole, *parts, outside) if len(part)] or [whole])
    joined = joined.sort_index(kind="stable").reset_index(drop=True)
    columns = ["zone_validity" if name == POSITION else name for name in result.columns]
    return gpd.GeoDataFrame(joined[columns], geometry="geometry", crs=result.crs)


_DAYS = ("_first", "_last")
"""Columns with the validity on the first and on the last possible day."""


def _with_states(rows: gpd.GeoDataFrame, register: Register, days: LossDays) -> gpd.GeoDataFrame:
    """The rows with the right, the outline, the first day and the validity of each one's version."""
    dates, rights = validity(register.rights), register.rights
    right, feature = rows[POSITION].to_numpy(np.int64), rows["_feature"].to_numpy(np.int64)
    dated = np.isin(days.dating[feature], ("day", "span"))
    found = {}
    for name, of in zip(_DAYS, (days.first, days.last), strict=True):
        state = dates.states(right, day_numbers(of)[feature])
        rank = np.where(state == IN_FORCE, _IN, np.where(state == NOT_IN_FORCE, _NOT, _UNKNOWN))
        found[name] = np.where(dated, rank, _UNKNOWN)
    outlines = pd.factorize(pd.Series(rights.geometry.normalize().to_wkb()))[0]
    return rows.assign(
        **found,
        _best=np.maximum(found["_first"], found["_last"]),
        _start=dates.line.starts[right],
        _id=pd.factorize(rights["right_id"])[0][right],
        _outline=outlines[right],
    )


def _apart(rows: gpd.GeoDataFrame, measure: _Measure) -> gpd.GeoDataFrame:
    """Versions of a right with several outlines over a feature: a row for each validity, on ground apart."""
    shapes = rows.geometry.to_numpy()

    def under(least: int, name: str) -> shapely.Geometry:
        return shapely.union_all(shapes[(rows[name] >= least).to_numpy()])

    surely = shapely.intersection(under(_IN, "_first"), under(_IN, "_last"))
    perhaps = shapely.union(under(_UNKNOWN, "_first"), under(_UNKNOWN, "_last"))
    grounds = {
        _IN: surely,
        _UNKNOWN: shapely.difference(perhaps, surely),
        _NOT: shapely.difference(shapely.union_all(shapes), perhaps),
    }
    found = []
    for state, ground in grounds.items():
        solid = [part for part in shapely.get_parts(ground) if shapely.area(part) > 0]
        if not solid:
            continue
        of = rows[rows["_best"] >= state] if state != _NOT else rows[rows["_best"] == _NOT]
        row, shape = of.tail(1), shapely.union_all(solid)
        outline = np.array([shape], object)
        ha = float(hectares(outline, measure.crs, measure.equal_area, points_alone=True)[0])
        share = shapely.area(shape) / float(row.geometry.area.iloc[0])
        attributed = float(row["attributed_ha"].iloc[0]) * share if measure.by_area else ha
        row = row.assign(overlap_ha=ha, attributed_ha=attributed, zone_validity=_WORDS[state])
        found.append(row.set_geometry(np.array([shape], object), crs=rows.crs))
    return gpd.GeoDataFrame(pd.concat(found), geometry="geometry", crs=rows.crs)
