"""Planar faces: the ground cut once along every boundary of a register, each face with the rights over it."""

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from selvawatch.core.hectares import hectares
from selvawatch.errors import LayerError

SLIVER_HA = 0.01
"""Faces below this are listed as slivers, hectares; they are kept and counted."""
_MAX_VERTICES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Faces:
    """A partition of an extent by the outlines of rights; build with `faces_of`.

    Large faces are kept in several parts, so that a join stays quick; parts of one face share its number.
    """

    parts: np.ndarray
    """Polygons in the pixel CRS, object array: together exactly the extent, without overlap."""
    face: np.ndarray
    """Number of the face of each part, int64."""
    members: np.ndarray
    """Positions of the register's rows over a face, one face after another, int64."""
    starts: np.ndarray
    """Where the members of each face start in `members`; one more than faces, int64."""
    ha: np.ndarray
    """Equal-area hectares of each face, float64."""
    extent: shapely.Polygon
    """What the faces fill; ground beyond it cannot be attributed."""
    crs: CRS
    register_version: str = ""
    touching: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    """(n, 2) int64, positions in `members`: what gives way on its face, and to what (`with_touches`)."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rights_of(self, face: int) -> tuple[int, ...]:
        """Positions of the register's rows over a face."""
        return tuple(self.members[self.starts[face] : self.starts[face + 1]].tolist())

    def slivers(self) -> np.ndarray:
        """(m,) int: numbers of the faces under rights that are smaller than `SLIVER_HA`."""
        counts = np.diff(self.starts)
        return np.flatnonzero((self.ha < SLIVER_HA) & (counts > 0))

    def outside(self) -> np.ndarray:
        """(m,) int: numbers of the faces under no right at all: measured ground, not a difference."""
        return np.flatnonzero(np.diff(self.starts) == 0)

    def frame(self) -> gpd.GeoDataFrame:
        """One row for each part: face, rights (positions, separated by spaces), ha of the face, geometry."""
        lists = [" ".join(map(str, self.rights_of(face))) for face in range(len(self))]
        return gpd.GeoDataFrame(
            {"face": self.face, "rights": np.array(lists, object)[self.face], "ha": self.ha[self.face]},
            geometry=self.parts,
            crs=self.crs,
        )


def faces_of(
    rights: gpd.GeoDataFrame, extent: shapely.Geometry, *, equal_area: CRS, register_version: str = ""
) -> Faces:
    """The faces of rights (any overlaps) over the box of an extent, in the CRS of the rights.

    The outlines are noded together at full precision and polygonised; nothing is snapped. A face lies under
    a right when a point inside the face does, since no outline crosses a face. Ground under no right becomes
    faces with no members.

    Raises
    ------
    LayerError
        Where the rights have no projected CRS.
    """
    if rights.crs is None or not rights.crs.is_projected:
        raise LayerError("rights are not in a CRS in metres", got=rights.crs, needed="the pixel CRS")
    box = shapely.box(*extent.bounds)
    outlines = rights.geometry.to_numpy()
    near = np.flatnonzero(shapely.intersects(outlines, box))
    outlines = outlines[near]
    lines = shapely.union_all(np.concatenate([shapely.boundary(outlines), [box.exterior]]))
    polygons = shapely.get_parts(shapely.polygonize(shapely.get_parts(lines)))
    polygons = polygons[shapely.area(polygons) > 0]
    inside = shapely.point_on_surface(polygons)
    shapely.prepare(box)
    polygons, inside = polygons[shapely.contains(box, inside)], inside[shapely.contains(box, inside)]
    order = _order(polygons)
    polygons, inside = polygons[order], inside[order]
    right, face = shapely.STRtree(inside).query(outlines, predicate="contains")
    order = np.lexsort((near[right], face))
    starts = np.concatenate([[0], np.cumsum(np.bincount(face, minlength=len(polygons)))])
    parts, numbers = _cut(polygons)
    return Faces(
        parts=parts,
        face=numbers,
        members=near[right][order].astype(np.int64),
        starts=starts.astype(np.int64),
        ha=hectares(polygons, rights.crs, equal_area),
        extent=box,
        crs=rights.crs,
        register_version=register_version,
    )


def _order(geometries: np.ndarray) -> np.ndarray:
    """An order of geometries that does not depend on how they were found."""
    bounds = shapely.bounds(geometries)
    return np.lexsort((shapely.area(geometries), bounds[:, 3], bounds[:, 2], bounds[:, 1], bounds[:, 0]))


def _cut(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces in parts of few vertices, and the number of the face of each part."""
    numbers = np.arange(len(polygons), dtype=np.int64)
    done_parts, done_numbers = [], []
    parts = polygons
    while len(parts):
        heavy = shapely.get_num_coordinates(parts) > _MAX_VERTICES
        done_parts.append(parts[~heavy])
        done_numbers.append(numbers[~heavy])
        parts, numbers = parts[heavy], numbers[heavy]
        if not len(parts):
            break
        west, south, east, north = shapely.bounds(parts).T
        wide = (east - west) >= (north - south)
        x, y = (west + east) / 2, (south + north) / 2
        first = shapely.box(west, south, np.where(wide, x, east), np.where(wide, north, y))
        second = shapely.box(np.where(wide, x, west), np.where(wide, south, y), east, north)
        halves = np.concatenate([shapely.intersection(parts, first), shapely.intersection(parts, second)])
        parts, index = shapely.get_parts(halves, return_index=True)
        numbers = np.concatenate([numbers, numbers])[index]
        kept = shapely.area(parts) > 0
        parts, numbers = parts[kept], numbers[kept]
    parts, numbers = np.concatenate(done_parts), np.concatenate(done_numbers)
    order = np.lexsort((_rank(_order(parts)), numbers))
    return parts[order], numbers[order]


def _rank(order: np.ndarray) -> np.ndarray:
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank
