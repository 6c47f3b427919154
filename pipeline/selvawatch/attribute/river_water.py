"""River water of a year, from imagery: which water belongs to a river, and how near it is.

Forest loss often becomes water: an open pond. Nearness to that pond says nothing of a river. So water counts
only on ground on which no loss was found, and only where it belongs to a body that the river layer meets.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import rasterio.features
import shapely
from affine import Affine

from selvawatch.core.hectares import M2_PER_HA
from selvawatch.errors import SiteError

_TOUCH_M = 0.001
"""Distance given to what only touches: nearer than anything apart, and not inside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterRule:
    """How river water of a year is told from imagery: `[water]` of `aoi/rules.toml`."""

    mndwi_over: float
    """MNDWI above which a clear observation shows open water (Xu 2006, doi:10.1080/01431160600589179)."""
    least_share: float
    """Share of a year's clear observations that must show water, 0 to 1 (occurrence: Pekel et al. 2016,
    doi:10.1038/nature20584)."""
    least_looks: int
    """Clear observations that a pixel needs in the year before anything is said of it."""
    least_ha: float
    """Bodies of water smaller than this are left out, hectares."""
    river_m: float
    """A body is river water where the river layer comes as near as this to it, metres (its error)."""
    alone_m: float
    """Without any river layer: bodies at least this long are taken for rivers, metres."""

    def __post_init__(self) -> None:
        """Refuse shares and counts that mean nothing."""
        if not 0 < self.least_share <= 1:
            raise SiteError("least_share is no share", where="[water]", got=self.least_share)
        if self.least_looks < 1 or min(self.least_ha, self.river_m, self.alone_m) < 0:
            raise SiteError("a number is too small", where="[water]", needed="least_looks of 1 or more")


def water_outlines(water: np.ndarray, transform: Affine, least_ha: float) -> list[shapely.Polygon]:
    """Outlines of water pixels ((y, x) bool) in the pixel CRS, one for each 8-connected patch of a tile.

    Patches below `least_ha` that end within the tile are left out: nothing can make them larger.
    """
    found = rasterio.features.shapes(water.astype(np.uint8), water, 8, transform)
    patches = np.array([shapely.geometry.shape(shape) for shape, _ in found], object)
    rows, columns = water.shape
    inner = shapely.box(*(transform @ (0.5, rows - 0.5)), *(transform @ (columns - 0.5, 0.5)))
    large = shapely.area(patches) >= least_ha * M2_PER_HA
    return list(patches[large | ~shapely.covered_by(patches, inner)])


def river_water(
    patches: Iterable[shapely.Geometry], rivers: np.ndarray, rule: WaterRule
) -> list[shapely.Geometry]:
    """Bodies of river water among patches of all tiles of one year, in an order of their own.

    Patches that touch across tiles are one body. rivers: lines or outlines of the river layer.

    rivers: (m,) object array of geometries in the CRS of the patches.
    """
    joined = shapely.union_all(shapely.make_valid(np.array(list(patches), object)))
    bodies = shapely.get_parts(_touching(joined))
    bodies = bodies[shapely.area(bodies) >= rule.least_ha * M2_PER_HA]
    if not len(bodies):
        return []
    if len(rivers):
        near, _ = shapely.STRtree(rivers).query(bodies, predicate="dwithin", distance=rule.river_m)
        kept = np.unique(near)
    else:
        west, south, east, north = shapely.bounds(bodies).T
        kept = np.flatnonzero(np.hypot(east - west, north - south) >= rule.alone_m)
    bounds = shapely.bounds(bodies[kept])
    return [bodies[kept][index] for index in np.lexsort(bounds.T[::-1])]


def _touching(geometry: shapely.Geometry) -> shapely.GeometryCollection:
    """Polygons that meet in a corner put together as one multipolygon each, as members of a collection."""
    parts = shapely.get_parts(geometry)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    first, second = shapely.STRtree(parts).query(parts, predicate="intersects")
    body = np.arange(len(parts))
    for _ in range(len(parts)):
        least = body.copy()
        np.minimum.at(least, first, body[second])
        if (least == body).all():
            break
        body = least[least]
    groups = [shapely.union_all(parts[body == one]) for one in np.unique(body)]
    return shapely.GeometryCollection(groups)


def water_frame(by_year: dict[int, list[shapely.Geometry]], crs: object) -> gpd.GeoDataFrame:
    """Bodies by year as a frame: year, geometry."""
    years = [year for year, bodies in sorted(by_year.items()) for _ in bodies]
    shapes = [body for _, bodies in sorted(by_year.items()) for body in bodies]
    return gpd.GeoDataFrame({"year": np.array(years, np.int64)}, geometry=shapes, crs=crs)


def river_distance(outlines: np.ndarray, years: np.ndarray, water: gpd.GeoDataFrame) -> np.ndarray:
    """Metres from each outline to river water of its year or the one before; NaN where there is none.

    0 means shared ground; what only touches is a millimetre away. Two years count, since early in a year few
    observations are clear, and since the water that stood before a loss is what the loss was near.

    outlines: (n,) object array of polygons in metres. years: (n,) float, NaN where the year is not known; so
    is what comes back.
    """
    found = np.full(len(outlines), np.nan)
    shapes = water.geometry.to_numpy()
    of_year = np.asarray(water["year"], np.int64)
    for year in np.unique(years[~np.isnan(years)]):
        mine = years == year
        near = shapes[(of_year == year) | (of_year == year - 1)]
        found[mine] = nearest_distance(outlines[mine], near)
    return found


def nearest_distance(outlines: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Metres to the nearest target; 0 only where the insides meet, a millimetre where borders touch. (n,)
    float64; outlines (n,) and targets: object arrays of geometries in metres.
    """
    found = np.full(len(outlines), np.nan)
    if not len(targets) or not len(outlines):
        return found
    tree = shapely.STRtree(targets)
    pairs, metres = tree.query_nearest(outlines, return_distance=True, all_matches=False)
    found[pairs[0]] = np.maximum(metres, _TOUCH_M)
    outline, target = tree.query(outlines, predicate="intersects")
    inside = ~shapely.touches(outlines[outline], targets[target])
    found[np.unique(outline[inside])] = 0.0
    return found
