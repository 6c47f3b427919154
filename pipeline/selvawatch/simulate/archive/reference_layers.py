"""Reference lines and districts of the simulated ground, as a GeoPackage."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from rasterio.features import shapes

from selvawatch.core.grid import Tile
from selvawatch.simulate.archive.geopackage import write_layers
from selvawatch.simulate.terrain.landscape import Landscape


def to_metres(tile: Tile, points: np.ndarray) -> np.ndarray:
    """Eastings and northings (k, 2) of points (row, column) in pixels, (k, 2)."""
    west, _, _, north = tile.bounds
    step = tile.grid.resolution
    return np.round(
        np.stack([west + (points[:, 1] + 0.5) * step, north - (points[:, 0] + 0.5) * step], axis=1), 2
    )


def river_polygon(landscape: Landscape) -> shapely.Geometry:
    """The water of the river on the first day."""
    water = (landscape.lines.river.water(0) >= 0.5).astype(np.uint8)
    parts = [
        shapely.geometry.shape(shape)
        for shape, _ in shapes(water, mask=water > 0, connectivity=8, transform=landscape.tile.transform)
    ]
    return shapely.simplify(shapely.unary_union(parts), 6.0)


def write_reference(path: Path, landscape: Landscape) -> Path:
    """Write layers `rivers`, `districts` (polygons), `streams`, `roads` (lines) and return the path."""
    plan, tile, lines = landscape.plan, landscape.tile, landscape.lines
    crs = tile.grid.crs
    date = np.datetime64(plan.first_day, "ms")
    streams = [
        shapely.LineString(to_metres(tile, stream[:: max(1, len(stream) // 120)])) for stream in lines.streams
    ]
    column = np.arange(0, landscape.size, max(1, landscape.size // 160))
    road = shapely.LineString(to_metres(tile, np.stack([lines.road[column], column.astype(float)], axis=1)))
    layers = {
        "rivers": gpd.GeoDataFrame(
            {"nombre": ["Río Simulado"], "fecha": [date]}, geometry=[river_polygon(landscape)], crs=crs
        ),
        "streams": gpd.GeoDataFrame(
            {
                "nombre": [f"Quebrada {number}" for number in range(1, len(streams) + 1)],
                "fecha": [date] * len(streams),
            },
            geometry=streams,
            crs=crs,
        ),
        "roads": gpd.GeoDataFrame(
            {"nombre": ["Carretera Simulada"], "codigo": ["SIM-01"], "km_inicio": [98.0], "fecha": [date]},
            geometry=[road],
            crs=crs,
        ),
        "districts": _districts(tile, date),
    }
    return write_layers(path, layers, plan.last_day.isoformat())


def _districts(tile: Tile, date: np.datetime64) -> gpd.GeoDataFrame:
    west, south, east, north = tile.bounds
    side, margin = east - west, 2000.0
    points = [(0.55, 1.2), (0.52, 0.9), (0.58, 0.6), (0.5, 0.35), (0.54, 0.1), (0.5, -0.2)]
    border = [(round(west + x * side, 2), round(south + y * side, 2)) for x, y in points]
    outer = shapely.box(west - margin, south - margin, east + margin, north + margin)
    left = shapely.Polygon([(west - 9e4, north + 9e4), *border, (west - 9e4, south - 9e4)])
    parts = [shapely.intersection(outer, left), shapely.difference(outer, left)]
    return gpd.GeoDataFrame(
        {"NOMBDIST": ["Distrito Simulado Oeste", "Distrito Simulado Este"], "UBIGEO": ["990101", "990102"],
         "fecha": [date, date]},
        geometry=parts,
        crs=tile.grid.crs,
    )  # fmt: skip
