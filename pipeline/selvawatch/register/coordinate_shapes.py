"""Geometries from the coordinates that services write, without a driver: rings, paths, points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely

MOST_NESTED = 1_000_000
"""Most pairs of rings, one inside the other, in one feature."""

MOST_COLLECTED = 8
"""Deepest nesting of geometry collections."""

_LEAST_VERTICES = 4
_CHUNK = 200


class ShapeError(ValueError):
    """Coordinates that make no geometry; its text is what is wrong with them."""


def vertices(coordinates: Any) -> np.ndarray:
    """The first two ordinates of positions; (n, 2) float64, heights and measures left out.

    Raises
    ------
    ShapeError
        For what are no positions, and for curves.
    """
    if not isinstance(coordinates, list):
        raise ShapeError("coordinates are no list")
    if any(isinstance(position, dict) for position in coordinates):
        raise ShapeError("curves are not read")
    try:
        pairs = [(position[0], position[1]) for position in coordinates]
        found = np.array(pairs, np.float64).reshape(-1, 2)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError):
        raise ShapeError("coordinates are no pairs of numbers") from None
    if not np.isfinite(found).all():
        raise ShapeError("coordinates are no numbers (NaN or infinite)")
    return found


def closed_ring(coordinates: Any) -> np.ndarray | None:
    """Vertices of a ring, closed; None where it has fewer than three corners."""
    ring = vertices(coordinates)
    if len(ring) and (ring[0] != ring[-1]).any():
        ring = np.vstack([ring, ring[:1]])
    distinct = len(set(map(tuple, ring.tolist()))) if len(ring) < 2 * _LEAST_VERTICES else _LEAST_VERTICES
    return ring if len(ring) >= _LEAST_VERTICES and distinct >= _LEAST_VERTICES - 1 else None


def polygon(coordinates: Any) -> tuple[shapely.Geometry | None, int]:
    """The polygon of an outer ring and its holes (GeoJSON), and how many rings had no corners.

    None where the outer ring has none.
    """
    if not isinstance(coordinates, list):
        raise ShapeError("coordinates are no list")
    rings = [closed_ring(ring) for ring in coordinates]
    left_out = sum(ring is None for ring in rings)
    if not rings or rings[0] is None:
        return None, left_out
    return shapely.Polygon(rings[0], [ring for ring in rings[1:] if ring is not None]), left_out


def polygons_of_rings(rings: Any) -> tuple[shapely.Geometry | None, int]:
    """The (multi)polygon of rings in any order and sense (Esri), and how many rings were left out.

    A ring that lies inside another is its hole, one inside a hole is ground again, however they turn: real
    services write them in either sense. Left out are rings without three corners, and repeated ones.
    """
    if not isinstance(rings, list):
        raise ShapeError("rings are no list")
    found = [ring for ring in map(closed_ring, rings) if ring is not None]
    distinct = list({ring.tobytes(): ring for ring in found}.values())
    left_out = len(rings) - len(distinct)
    if not distinct:
        return None, left_out
    if len(distinct) == 1:
        return shapely.Polygon(distinct[0]), left_out
    return _nested([shapely.Polygon(ring) for ring in distinct]), left_out


def _nested(rings: list[shapely.Polygon]) -> shapely.Geometry:
    array = np.array(rings, object)
    inner, outer = _inside(array)
    depth = np.bincount(inner, minlength=len(array))
    area = shapely.area(array)
    holes: dict[int, list[shapely.Geometry]] = {}
    for index in np.flatnonzero(depth % 2):
        around = outer[(inner == index)]
        parents = around[depth[around] == depth[index] - 1]
        if len(parents):
            holes.setdefault(int(parents[np.argmin(area[parents])]), []).append(array[index].exterior)
    shells = [
        shapely.Polygon(array[index].exterior, holes.get(int(index), []))
        for index in np.flatnonzero(depth % 2 == 0)
    ]
    return shells[0] if len(shells) == 1 else shapely.MultiPolygon(shells)


def _inside(rings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rings of which the first lies inside the second."""
    tree, pairs, count = shapely.STRtree(rings), [], 0
    for start in range(0, len(rings), _CHUNK):
        inner, outer = tree.query(rings[start : start + _CHUNK], predicate="covered_by")
        inner = inner + start
        apart = inner != outer
        pairs.append((inner[apart], outer[apart]))
        count += int(apart.sum())
        if count > MOST_NESTED:
            raise ShapeError("too many rings lie inside each other")
    return np.concatenate([one[0] for one in pairs]), np.concatenate([one[1] for one in pairs])


def lines(paths: Any) -> tuple[shapely.Geometry | None, int]:
    """The (multi)line of paths, and how many had fewer than two positions."""
    if not isinstance(paths, list):
        raise ShapeError("paths are no list")
    found = [path for path in map(vertices, paths) if len(path) > 1]
    drawn = [shapely.LineString(path) for path in found]
    shape = None if not drawn else drawn[0] if len(drawn) == 1 else shapely.MultiLineString(drawn)
    return shape, len(paths) - len(drawn)


def points(coordinates: Any) -> tuple[shapely.Geometry | None, int]:
    """The (multi)point of positions; None where there is none."""
    found = vertices(coordinates)
    if not len(found):
        return None, 0
    return shapely.Point(found[0]) if len(found) == 1 else shapely.MultiPoint(found), 0


def esri_shape(geometry: Any) -> tuple[shapely.Geometry | None, int]:
    """The geometry of an Esri JSON geometry and how many rings or paths were left out; None for an empty one.

    Raises
    ------
    ShapeError
        Saying what is wrong with it.
    """
    if geometry is None:
        return None, 0
    if not isinstance(geometry, dict):
        raise ShapeError("the geometry is no object")
    if "curveRings" in geometry or "curvePaths" in geometry:
        raise ShapeError("curves are not read")
    if "rings" in geometry:
        return polygons_of_rings(geometry["rings"])
    if "paths" in geometry:
        return lines(geometry["paths"])
    if "points" in geometry:
        return points(geometry["points"])
    if "xmin" in geometry:
        corners = vertices(
            [[geometry.get("xmin"), geometry.get("ymin")], [geometry.get("xmax"), geometry.get("ymax")]]
        )
        return shapely.box(*corners.ravel()), 0
    if "x" in geometry:
        empty = geometry["x"] is None or geometry["x"] == "NaN"
        return (None, 0) if empty else points([[geometry["x"], geometry.get("y")]])
    if geometry:
        raise ShapeError(f"the geometry is of no known kind ({', '.join(sorted(map(str, geometry))[:3])})")
    return None, 0


def geojson_shape(geometry: Any, depth: int = 0) -> tuple[shapely.Geometry | None, int]:
    """The geometry of a GeoJSON geometry and how many rings or lines were left out; None for an empty one.

    Raises
    ------
    ShapeError
        Saying what is wrong with it.
    """
    if geometry is None:
        return None, 0
    if not isinstance(geometry, dict):
        raise ShapeError("the geometry is no object")
    kind, coordinates = geometry.get("type"), geometry.get("coordinates", [])
    if kind == "GeometryCollection":
        members = geometry.get("geometries")
        if depth >= MOST_COLLECTED or not isinstance(members, list):
            raise ShapeError("the collection of geometries is too deep, or none")
        return _joined([geojson_shape(member, depth + 1) for member in members], shapely.GeometryCollection)
    if not isinstance(coordinates, list):
        raise ShapeError("coordinates are no list")
    if kind == "Point":
        return points([coordinates] if coordinates else [])
    if kind == "MultiPoint":
        return points(coordinates)
    if kind == "LineString":
        return lines([coordinates] if coordinates else [])
    if kind == "MultiLineString":
        return lines(coordinates)
    if kind == "Polygon":
        return polygon(coordinates)
    if kind == "MultiPolygon":
        return _joined([polygon(part) for part in coordinates], shapely.MultiPolygon)
    raise ShapeError(f"the geometry is of no known kind ({str(kind)[:40]})")


def _joined(
    parts: Sequence[tuple[shapely.Geometry | None, int]], joined: Any
) -> tuple[shapely.Geometry | None, int]:
    found = [shape for shape, _ in parts if shape is not None]
    left_out = sum(count for _, count in parts)
    return (joined(found) if found else None), left_out
