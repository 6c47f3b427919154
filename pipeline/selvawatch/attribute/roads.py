"""Kilometres of a road, counted between marks whose kilometre somebody has checked."""

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import shapely

from selvawatch.errors import SiteError
from selvawatch.register.entries import RoadMark


def road_kilometres(
    outlines: np.ndarray, roads: gpd.GeoDataFrame, marks: Sequence[RoadMark], points: np.ndarray
) -> np.ndarray:
    """Kilometre of the road nearest to each outline, to 0.1 km; NaN where it cannot be told.

    Kilometres are counted along the road between the two checked marks around the place. It cannot be told
    beyond the marks, on a road with fewer than two, or where another road is nearer.

    outlines, points: (n,) and (m,) object arrays of geometries in metres; (n,) float64 comes back.

    Parameters
    ----------
    roads
        Lines with a column `name`, in the CRS of the outlines.
    points
        Where the marks are, in that CRS.

    Raises
    ------
    SiteError
        Where the kilometres of checked marks neither rise nor fall along their road.
    """
    found = np.full(len(outlines), np.nan)
    if not len(roads) or not len(outlines):
        return found
    nearest = shapely.STRtree(roads.geometry.to_numpy()).query_nearest(outlines, all_matches=False)
    name = np.full(len(outlines), None, object)
    name[nearest[0]] = roads["name"].to_numpy(object)[nearest[1]]
    for road in sorted({mark.road for mark in marks if mark.verified}):
        mine = [index for index, mark in enumerate(marks) if mark.road == road and mark.verified]
        here = np.flatnonzero(name == road)
        if len(mine) < 2 or not len(here):
            continue
        parts = roads.geometry[(roads["name"] == road).to_numpy()].to_numpy()
        lines = shapely.get_parts(shapely.line_merge(shapely.union_all(parts)))
        gap = [float(shapely.distance(line, points[mine]).sum()) for line in lines]
        line = lines[int(np.argmin(gap))]
        along = shapely.line_locate_point(line, points[mine])
        order = np.argsort(along)
        kilometres = np.array([marks[index].km for index in mine])[order]
        steps = np.diff(kilometres)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise SiteError("marks are not in the order of their road", where=road, got=kilometres.tolist())
        along_line = shapely.line_locate_point(line, shapely.centroid(outlines[here]))
        interpolated = np.interp(along_line, along[order], kilometres, left=np.nan, right=np.nan)
        found[here] = np.round(interpolated, 1)
    return found
