"""Vector files from outside, read whole and in the site's pixel CRS, or refused in one line."""

import stat
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj.exceptions
import shapely
from pyproj import CRS

from selvawatch.core.hectares import M2_PER_HA
from selvawatch.errors import LayerError
from selvawatch.register.readers.isolated_reading import ReadingLimits, read_isolated
from selvawatch.register.readers.vector_reader import read_source
from selvawatch.register.site_extent import SiteExtent, in_degrees

GRID_M = 0.001
"""Grid on which imported vertices are set, metres: finer than any survey."""

LARGEST_M = 1e9
"""Largest projected ordinate, metres: what lies farther is not on Earth."""

MOST_CROSSED = 20_000_000
"""Most crossings of invalid rings, squared and summed over a layer: mending takes as long as that grows."""

_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_CHUNK = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What importing changed in one geometry."""

    key: str
    """Row of the source (from 0) or id of the right."""
    what: str
    """`invalid ring`, `no geometry`, `no area` or `changed on the 1 mm grid`."""
    ha_before: float
    """Hectares in the pixel CRS as the source draws it (of an invalid ring: whatever its formula gives)."""
    ha_after: float
    """Hectares in the pixel CRS after the repair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a file is read."""

    declared_crs: str = ""
    """CRS of a file that does not state it."""
    encoding: str = ""
    """Text encoding of a shapefile that does not state it."""
    extent: SiteExtent | None = None
    """Where the site lies: it decides which ordinate comes first."""
    remarks: list[str] = field(default_factory=list)
    """What was put right or assumed is added here, one line each."""
    limits: ReadingLimits | None = None
    """Of a file from outside, which is read by another process; None: of the site or the store, read here."""


def split_layer(text: str | Path) -> tuple[Path, str | None]:
    """Path and layer of `FILE[:layer]`; the whole text is the path where such a file exists."""
    full_path = Path(text)
    if full_path.exists() or ":" not in full_path.name:
        return full_path, None
    file, _, layer = str(text).rpartition(":")
    return Path(file), layer or None


def read_vector(
    file: str | Path,
    *,
    crs: str | CRS,
    declared_crs: str = "",
    encoding: str = "",
    reading: Reading | None = None,
) -> gpd.GeoDataFrame:
    """All rows of a layer (`FILE[:layer]`: GeoPackage, GeoJSON, shapefile, GeoParquet ...) in `crs`.

    Parameters
    ----------
    declared_crs, encoding
        What the manifest says of a file that does not state them itself.
    reading
        More on how it is read; its own CRS and encoding stand for those above.

    Raises
    ------
    LayerError
        For a missing file, an unreadable one, one that leads to others, an unnamed layer among
        several, no CRS, one without a known datum, no geometry, or coordinates that are none.
    """
    reading = reading or Reading(declared_crs=declared_crs, encoding=encoding)
    path, layer = split_layer(file)
    check_file(path)
    declared, encoding = reading.declared_crs, reading.encoding
    if reading.limits is None:
        frame, remarks = read_source(path, layer, declared=declared, encoding=encoding)
    else:
        frame, remarks = read_isolated(
            path, layer, declared=declared, encoding=encoding, limits=reading.limits
        )
    reading.remarks.extend(remarks)
    where = f"{path}{f':{layer}' if layer else ''}"
    _check_numbers(frame, "coordinates are no numbers", where, "finite coordinates")
    source = frame.crs
    reading.remarks.extend(_degrees_as_metres(frame))
    try:
        if reading.extent is not None:
            frame = in_degrees(frame, reading.extent, reading.remarks)
        frame = frame.to_crs(crs)
    except pyproj.exceptions.ProjError as error:
        raise LayerError("coordinates leave the CRS of work", where=where, got=error) from error
    frame["geometry"] = shapely.force_2d(frame.geometry.to_numpy())
    _check_numbers(
        frame, "coordinates leave the CRS of work", where, f"ground inside {CRS(crs).name}", source.name
    )
    return frame


def _degrees_as_metres(frame: gpd.GeoDataFrame) -> list[str]:
    """What is said where coordinates that are declared as metres lie where only degrees do."""
    west, south, east, north = frame.total_bounds.tolist()
    if not frame.crs.is_projected or not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return []
    corners = f"{west:.6g} {south:.6g} to {east:.6g} {north:.6g}"
    return [f"coordinates from {corners} look like degrees, but are declared as metres of {frame.crs.name}"]


def _check_numbers(frame: gpd.GeoDataFrame, what: str, where: str, needed: str, got: str = "") -> None:
    """Refuse a frame with coordinates that are no numbers, or beyond Earth."""
    coordinates, index = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    with np.errstate(invalid="ignore"):
        strange = np.unique(index[~(np.abs(coordinates) <= LARGEST_M).all(axis=1)])
    if len(strange):
        rows = f"{len(strange)} of {len(frame)} features, the first row {strange[0]}"
        raise LayerError(
            what,
            where=where,
            got=f"{got}, {rows}" if got else rows,
            needed=needed,
            do="check the CRS and the unit of the coordinates, and `crs` of its entry of zones.toml",
        )


def check_file(path: Path) -> None:
    """Refuse what is no file that can be read to its end: a pipe, a device, nothing; LayerError.

    A shapefile's companions and the files of a folder are held to the same.
    """
    try:
        about = path.stat()
    except OSError as error:
        raise LayerError(
            "no such file", where=path, do="give the path of a vector file, as FILE[:layer]"
        ) from error
    if stat.S_ISDIR(about.st_mode):
        files = [file for file in path.rglob("*") if not file.is_dir()]
    else:
        files = [
            path,
            *(file for file in path.parent.iterdir() if file.stem == path.stem and not file.is_dir()),
        ]
    for file in files:
        if file.exists() and not stat.S_ISREG(file.stat().st_mode):
            raise LayerError("no plain file, but a pipe, a socket or a device", where=file)
    if not files or (not stat.S_ISDIR(about.st_mode) and about.st_size == 0):
        raise LayerError("the file is empty", where=path)


def crossings(geometry: shapely.Geometry, most: int) -> int:
    """How often segments of a geometry cross each other; counted to a little more than `most`."""
    count = 0
    coordinates, ring = shapely.get_coordinates(shapely.get_rings(geometry), return_index=True)
    follows = ring[1:] == ring[:-1]
    segments = shapely.linestrings(np.stack([coordinates[:-1][follows], coordinates[1:][follows]], axis=1))
    tree = shapely.STRtree(segments)
    for start in range(0, len(segments), _CHUNK):
        count += tree.query(segments[start : start + _CHUNK], predicate="crosses").shape[1]
        if count > 2 * most:
            break
    return count // 2


def check_mendable(geometries: np.ndarray, keys: list[str]) -> None:
    """Refuse polygons that cross themselves so often that mending them would never end; LayerError."""
    spent = 0
    for index in np.flatnonzero(~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)):
        if shapely.get_type_id(geometries[index]) not in _POLYGONAL:
            continue
        spent += crossings(geometries[index], int(MOST_CROSSED**0.5)) ** 2
        if spent > MOST_CROSSED:
            raise LayerError(
                "rings cross themselves too often to be mended",
                where=f"row {keys[index]}",
                needed=f"no more than some {MOST_CROSSED**0.5:.0f} crossings",
                do="mend the layer where it is made",
            )


def polygons(geometries: np.ndarray, keys: list[str]) -> tuple[np.ndarray, tuple[Repair, ...]]:
    """Valid polygons on the 1 mm grid (None where nothing with an area is left), and what that changed.

    Lines and points that a repair leaves over are dropped; an area lost on the grid above 1 m2 is listed.
    LayerError for rings that cross themselves too often to be mended.
    """
    before = np.asarray(geometries, object)
    check_mendable(before, keys)
    present = ~shapely.is_missing(before)
    valid = shapely.is_valid(before) | ~present
    fixed = before.copy()
    fixed[~valid] = shapely.make_valid(fixed[~valid])
    fixed = shapely.set_precision(fixed, GRID_M, mode="valid_output")
    # The grid belongs to the import alone: kept on the geometries it would snap every later overlay.
    fixed = shapely.set_precision(fixed, 0.0, mode="pointwise")
    fixed = np.array([_polygonal(geometry) for geometry in fixed], object)
    area_before = np.nan_to_num(shapely.area(before)) / M2_PER_HA
    area_after = np.nan_to_num(shapely.area(fixed)) / M2_PER_HA
    repairs = []
    for index, key in enumerate(keys):
        if not present[index]:
            what = "no geometry"
        elif fixed[index] is None:
            what = "no area"
        elif not valid[index]:
            what = "invalid ring"
        elif abs(area_before[index] - area_after[index]) > 1e-4:
            what = "changed on the 1 mm grid"
        else:
            continue
        repairs.append(
            Repair(key=key, what=what, ha_before=float(area_before[index]), ha_after=float(area_after[index]))
        )
    return fixed, tuple(repairs)


def _polygonal(geometry: shapely.Geometry | None) -> shapely.Geometry | None:
    if geometry is None or geometry.is_empty:
        return None
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = [part for part in shapely.get_parts(geometry) if shapely.get_type_id(part) in _POLYGONAL]
    return shapely.union_all(parts) if parts else None
