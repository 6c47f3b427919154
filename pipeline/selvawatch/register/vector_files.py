"""Vector files from outside, read whole and in the site's pixel CRS, or refused in one line."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pyogrio.errors
import shapely
from pyproj import CRS

from selvawatch.core.hectares import M2_PER_HA
from selvawatch.errors import LayerError
from selvawatch.register.drivers import HELD, foreign_driver

GRID_M = 0.001
"""Grid on which imported vertices are set, metres: finer than any survey."""

_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


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


def split_layer(text: str | Path) -> tuple[Path, str | None]:
    """Path and layer of `FILE[:layer]`; the whole text is the path where such a file exists."""
    if str(text).startswith("/vsi"):
        file, mark, layer = str(text).partition(":")
        return Path(file), layer if mark else None
    full_path = Path(text)
    if full_path.exists() or ":" not in full_path.name:
        return full_path, None
    file, _, layer = str(text).rpartition(":")
    return Path(file), layer or None


def read_vector(
    file: str | Path, *, crs: str | CRS, declared_crs: str = "", encoding: str = ""
) -> gpd.GeoDataFrame:
    """All rows of a layer (`FILE[:layer]`: GeoPackage, GeoJSON, shapefile, GeoParquet ...) in `crs`.

    Parameters
    ----------
    declared_crs
        What the manifest says of a file that does not state its CRS itself.
    encoding
        Text encoding of a shapefile that does not state it.

    Raises
    ------
    LayerError
        For a missing file, an unreadable one, one that leads to others, an unnamed layer among
        several, no CRS, or no geometry.
    """
    path, layer = split_layer(file)
    if not path.exists() and not str(path).startswith("/vsi"):
        raise LayerError("no such file", where=path, do="give the path of a vector file, as FILE[:layer]")
    frame = _read(path, layer, encoding)
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        raise LayerError("the layer has no geometry", where=file, needed="a vector layer")
    if frame.active_geometry_name != "geometry":
        frame = frame.rename_geometry("geometry")
    if frame.crs is None:
        if not declared_crs:
            raise LayerError(
                "the layer has no CRS",
                where=file,
                needed="a CRS in the file, or `crs` in its entry of zones.toml",
                do="ask the publisher or write the CRS into the file; it is never guessed",
            )
        frame = frame.set_crs(declared_crs)
    frame = frame.to_crs(crs)
    frame["geometry"] = shapely.force_2d(frame.geometry.to_numpy())
    bounds = frame.total_bounds
    if len(frame) and not np.isfinite(bounds[~np.isnan(bounds)]).all():
        raise LayerError(
            "coordinates leave the CRS of work", where=file, got=frame.crs, needed=f"ground inside {crs}"
        )
    return frame


def _read(path: Path, layer: str | None, encoding: str) -> gpd.GeoDataFrame:
    if path.suffix.lower() in {".parquet", ".geoparquet"}:
        try:
            return gpd.read_parquet(path)
        except (ValueError, OSError) as error:
            raise LayerError("the file cannot be read as GeoParquet", where=path, got=error) from error
    try:
        if (driver := foreign_driver(path)) is not None:
            raise LayerError(
                "this kind of file may lead to others and is not read",
                where=path,
                got=driver,
                needed=f"one of {', '.join(sorted(HELD))}, or GeoParquet",
                do="convert it: ogr2ogr out.gpkg FILE",
            )
        layers = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
        if layer is not None and layer not in layers:
            raise LayerError("no such layer", where=path, got=layer, needed=f"one of {layers}")
        if layer is None and len(layers) != 1:
            raise LayerError(
                "the file has not one layer", where=path, got=layers, do=f"name one, as {path.name}:LAYER"
            )
        return gpd.read_file(path, layer=layer or layers[0], encoding=encoding or None)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise LayerError("the file cannot be read as a vector layer", where=path, got=error) from error


def polygons(geometries: np.ndarray, keys: list[str]) -> tuple[np.ndarray, tuple[Repair, ...]]:
    """Valid polygons on the 1 mm grid (None where nothing with an area is left), and what that changed.

    Lines and points that a repair leaves over are dropped; an area lost on the grid above 1 m2 is listed.
    """
    before = np.asarray(geometries, object)
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
