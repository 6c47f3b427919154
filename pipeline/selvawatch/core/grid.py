"""The site's fixed grid: square tiles of square pixels in one projected CRS, with ids that never change."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from selvawatch.core.hectares import M2_PER_HA

_TILE_ID = re.compile(r"x(m?\d{4,})y(m?\d{4,})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How ground is cut into tiles and pixels."""

    crs: str
    """Projected CRS in metres, as an authority code (`EPSG:32719`)."""
    resolution: float
    """Pixel size, metres."""
    tile_px: int
    """Pixels along a side of a tile."""
    anchor_x: float = 0.0
    """Easting of a pixel corner that is also a tile corner, metres."""
    anchor_y: float = 0.0
    """Northing of the same corner, metres."""

    def __post_init__(self) -> None:
        """Refuse what is not a grid in metres."""
        try:
            projected = CRS.from_user_input(self.crs).is_projected
        except CRSError as error:
            raise ValueError(f"grid CRS {self.crs} is not known; give one such as EPSG:32719") from error
        if not projected:
            raise ValueError(f"grid CRS {self.crs} is not projected; give a CRS in metres")
        if self.resolution <= 0 or self.tile_px <= 0:
            raise ValueError(f"resolution {self.resolution} and tile_px {self.tile_px} must be positive")

    @property
    def tile_m(self) -> float:
        """Length of a tile's side, metres."""
        return self.resolution * self.tile_px

    @property
    def pixel_ha(self) -> float:
        """Area of a pixel in the pixel CRS, hectares (not the reported hectares: see `core.areas`)."""
        return self.resolution**2 / M2_PER_HA

    def tile(self, tile_id: str) -> "Tile":
        """The tile of that id; ValueError when the text is not a tile id."""
        match = _TILE_ID.fullmatch(tile_id)
        if not match:
            raise ValueError(f"{tile_id!r} is not a tile id such as x0036y0838")
        column, row = (int(text.replace("m", "-")) for text in match.groups())
        return Tile(grid=self, column=column, row=row)

    def tiles(self, geometry: shapely.Geometry) -> list["Tile"]:
        """Tiles that share ground with a geometry in the grid's CRS: row by row from the south-west.

        Less than a hundredth of a pixel is rounding (of an outline kept in degrees, say), not ground.
        """
        if geometry.is_empty:
            return []
        west, south, east, north = geometry.bounds
        columns = range(self._index(west, self.anchor_x), self._index(east, self.anchor_x) + 1)
        rows = range(self._index(south, self.anchor_y), self._index(north, self.anchor_y) + 1)
        candidates = [Tile(grid=self, column=column, row=row) for row in rows for column in columns]
        shapely.prepare(geometry)
        least = 0.01 * self.resolution**2
        return [tile for tile in candidates if geometry.intersection(tile.polygon).area > least]

    def _index(self, value: float, anchor: float) -> int:
        return math.floor((value - anchor) / self.tile_m)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Tile:
    """One square of the grid: the unit of work and of parallelism."""

    grid: Grid
    column: int
    """Tiles east of the anchor."""
    row: int
    """Tiles north of the anchor."""

    @property
    def id(self) -> str:
        """Stable id, such as `x0036y0838`; `m` marks a negative index."""
        return "x{}y{}".format(
            *(f"{index:04d}" if index >= 0 else f"m{-index:04d}" for index in (self.column, self.row))
        )

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in metres of the grid's CRS."""
        side = self.grid.tile_m
        west, south = self.grid.anchor_x + self.column * side, self.grid.anchor_y + self.row * side
        return (west, south, west + side, south + side)

    @property
    def polygon(self) -> shapely.Polygon:
        """The tile's square in the grid's CRS."""
        return shapely.box(*self.bounds)

    @property
    def transform(self) -> Affine:
        """North-up pixel-to-metre transform."""
        west, _, _, north = self.bounds
        return Affine(self.grid.resolution, 0, west, 0, -self.grid.resolution, north)

    @property
    def geobox(self) -> GeoBox:
        """The tile as an odc GeoBox (rows north to south)."""
        return GeoBox((self.grid.tile_px, self.grid.tile_px), self.transform, self.grid.crs)

    @property
    def lonlat_bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees (WGS 84), enclosing the tile."""
        transformer = Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True)
        return transformer.transform_bounds(*self.bounds)

    @property
    def lonlat_outline(self) -> shapely.Polygon:
        """The outline in WGS 84 longitude and latitude, its sides cut so that they keep their course."""
        return self.lonlat_outline_with(0)

    def lonlat_outline_with(self, halo_px: int) -> shapely.Polygon:
        """The same of the tile and so many pixels around it."""
        transformer = Transformer.from_crs(self.grid.crs, "EPSG:4326", always_xy=True)
        square = self.polygon.buffer(halo_px * self.grid.resolution, join_style="mitre")
        outline = shapely.segmentize(square if halo_px else self.polygon, self.grid.tile_m / 8)
        return shapely.transform(outline, lambda x, y: transformer.transform(x, y), interleaved=False)

    def neighbours(self) -> Iterator["Tile"]:
        """The eight tiles around this one."""
        for row in (-1, 0, 1):
            for column in (-1, 0, 1):
                if row or column:
                    yield Tile(grid=self.grid, column=self.column + column, row=self.row + row)


def around(tile: Tile, halo_px: int) -> GeoBox:
    """A tile's pixels with as many of the same grid around them."""
    west, _, _, north = tile.bounds
    step, size = tile.grid.resolution, tile.grid.tile_px + 2 * halo_px
    corner = Affine(step, 0, west - halo_px * step, 0, -step, north + halo_px * step)
    return GeoBox((size, size), corner, tile.grid.crs)
