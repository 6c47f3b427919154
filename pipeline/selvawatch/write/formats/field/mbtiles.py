"""Raster MBTiles: pictures of alerts on a map that phones carry offline."""

import io
import math
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from PIL import Image
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.warp import reproject

from selvawatch.core.files import write_checked
from selvawatch.errors import TableError

MIN_ZOOM, MAX_ZOOM = 10, 16
"""Zooms of the tiles; at 16 a pixel is 2.3 m here, as fine as a picture."""
_TILE = 256
_HALF = math.pi * 6_378_137.0
"""Half the side of the Web Mercator square, metres (EPSG:3857)."""
_COLOURS = 256

_SCHEMA = """
CREATE TABLE metadata (name TEXT, value TEXT);
CREATE TABLE tiles (zoom_level INTEGER, tile_column INTEGER, tile_row INTEGER, tile_data BLOB);
CREATE UNIQUE INDEX tile_index ON tiles (zoom_level, tile_column, tile_row);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPicture:
    """A picture and where it lies."""

    content: bytes
    """JPEG."""
    bounds: tuple[float, float, float, float]
    """West, south, east and north in `crs`."""
    crs: str


def write_mbtiles(path: Path, pictures: Sequence[PlacedPicture], name: str, description: str) -> Path:
    """Write pictures as raster MBTiles 1.3 (PNG with transparency, zooms 10 to 16) and return the path.

    The first picture lies over the others. Equal pictures, equal bytes.

    Raises
    ------
    TableError
        Where there is no picture, or the path does not end in `.mbtiles`, by which GDAL and phones know it.
    """
    if path.suffix.lower() != ".mbtiles":
        raise TableError("the name is none of such a map", where=path, needed="a file named *.mbtiles")
    if not pictures:
        raise TableError(
            "there are no pictures to make a map of",
            where=path,
            needed="a run with pictures of its alerts",
            do="monitor with a source of optical scenes, or export GPX or KML",
        )
    tiles: dict[tuple[int, int, int], np.ndarray] = {}
    for picture in pictures:
        for zoom in range(MIN_ZOOM, MAX_ZOOM + 1):
            for key, drawn in _tiles_of(picture, zoom):
                under = tiles.get(key)
                tiles[key] = drawn if under is None else np.where(under[..., 3:] > 0, under, drawn)
    return write_checked(path, _database(tiles, _lonlat_bounds(pictures), name, description))


def _tiles_of(picture: PlacedPicture, zoom: int) -> Iterator[tuple[tuple[int, int, int], np.ndarray]]:
    """Tiles that a picture shows in: zoom, column, row from the north, and (256, 256, 4) uint8 RGBA."""
    with Image.open(io.BytesIO(picture.content)) as image:
        colours = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    west, south, east, north = picture.bounds
    height, width = colours.shape[1:]
    source = np.concatenate([colours, np.full((1, height, width), 255, np.uint8)])
    transform = Affine((east - west) / width, 0, west, 0, -(north - south) / height, north)
    span = 2 * _HALF / 2**zoom
    x, y = Transformer.from_crs(picture.crs, "EPSG:3857", always_xy=True).transform(
        [west, east, west, east], [south, south, north, north]
    )
    columns = range(int((min(x) + _HALF) // span), int((max(x) + _HALF) // span) + 1)
    rows = range(int((_HALF - max(y)) // span), int((_HALF - min(y)) // span) + 1)
    for column in columns:
        for row in rows:
            drawn = np.zeros((4, _TILE, _TILE), np.uint8)
            reproject(
                source,
                drawn,
                src_transform=transform,
                src_crs=picture.crs,
                dst_transform=Affine(
                    span / _TILE, 0, column * span - _HALF, 0, -span / _TILE, _HALF - row * span
                ),
                dst_crs="EPSG:3857",
                resampling=Resampling.average if zoom < MAX_ZOOM else Resampling.bilinear,
            )
            if drawn[3].any():
                drawn[3] = np.where(drawn[3] > 127, 255, 0)
                yield (zoom, column, row), drawn.transpose(1, 2, 0)


def _lonlat_bounds(pictures: Sequence[PlacedPicture]) -> tuple[float, float, float, float]:
    boxes = [
        Transformer.from_crs(one.crs, "EPSG:4326", always_xy=True).transform_bounds(*one.bounds)
        for one in pictures
    ]
    west, south, east, north = np.array(boxes).T
    return float(west.min()), float(south.min()), float(east.max()), float(north.max())


def _database(
    tiles: dict[tuple[int, int, int], np.ndarray],
    bounds: tuple[float, float, float, float],
    name: str,
    description: str,
) -> bytes:
    """The bytes of the SQLite file; rows of tiles count from the south, as TMS does."""
    west, south, east, north = bounds
    about = {
        "name": name,
        "format": "png",
        "type": "overlay",
        "version": "1",
        "description": description,
        "minzoom": str(MIN_ZOOM),
        "maxzoom": str(MAX_ZOOM),
        "bounds": ",".join(f"{value:.6f}" for value in bounds),
        "center": f"{(west + east) / 2:.6f},{(south + north) / 2:.6f},{MAX_ZOOM - 2}",
    }
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(_SCHEMA)
        connection.executemany("INSERT INTO metadata VALUES (?, ?)", about.items())
        connection.executemany(
            "INSERT INTO tiles VALUES (?, ?, ?, ?)",
            [
                (zoom, column, 2**zoom - 1 - row, _png(tile))
                for (zoom, column, row), tile in sorted(tiles.items())
            ],
        )
        connection.commit()
        return connection.serialize()
    finally:
        connection.close()


def _png(tile: np.ndarray) -> bytes:
    content = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(tile), "RGBA")
    image.quantize(_COLOURS, Image.Quantize.FASTOCTREE).save(content, "PNG", optimize=False)
    return content.getvalue()
