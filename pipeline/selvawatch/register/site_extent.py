"""Where a site lies, as far as coordinates of layers can be checked by it."""

from collections.abc import Iterable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj.exceptions
import shapely

from selvawatch.core.area import Area
from selvawatch.errors import LayerError
from selvawatch.register.coordinate_reference import WGS84

NEAR_DEG = 2.0
"""Degrees around the areas within which a layer of the site is expected to have something."""

REACH_KM = 4_000.0
"""Kilometres from the middle of the areas beyond which nothing of a layer can lie: layers of a country and of
the Amazon do not, ordinates in another order, unit or CRS do."""

SWAPPED = "its coordinates came in the other order: put right, since it lies on the site only so"
"""Remark on a layer whose ordinates were swapped."""

_EARTH_KM = 6_371.0
_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteExtent:
    """The box of a site's areas, WGS 84 degrees."""

    west: float
    south: float
    east: float
    north: float

    @property
    def near(self) -> shapely.Polygon:
        """The box and what lies near."""
        return shapely.box(
            self.west - NEAR_DEG, self.south - NEAR_DEG, self.east + NEAR_DEG, self.north + NEAR_DEG
        )

    def distance_km(self, lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        """Great-circle kilometres from the middle of the box; float64, NaN for what are no degrees."""
        middle_lon, middle_lat = (
            np.radians((self.west + self.east) / 2),
            np.radians((self.south + self.north) / 2),
        )
        lon = np.radians(np.where(np.abs(lon) <= 180.001, lon, np.nan))
        lat = np.radians(np.where(np.abs(lat) <= 90.001, lat, np.nan))
        half = (
            np.sin((lat - middle_lat) / 2) ** 2
            + np.cos(lat) * np.cos(middle_lat) * np.sin((lon - middle_lon) / 2) ** 2
        )
        return 2 * _EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0, 1)))


def extent_of_areas(areas: Iterable[Area]) -> SiteExtent | None:
    """The box of areas; None without any."""
    shapes = [area.geometry for area in areas]
    if not shapes:
        return None
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    return SiteExtent(west=west, south=south, east=east, north=north)


def in_degrees(frame: gpd.GeoDataFrame, extent: SiteExtent | None, remarks: list[str]) -> gpd.GeoDataFrame:
    """A frame in WGS 84 with longitude first, from its own CRS.

    Where nothing of it lies near the site as written, and something does with the ordinates of each pair
    swapped, they are put right, and a remark says so.
    """
    written = frame.to_crs(WGS84)
    if extent is None or _is_near(written, extent):
        return written
    swapped = frame.set_geometry(
        shapely.transform(frame.geometry.to_numpy(), lambda x, y: (y, x), interleaved=False), crs=frame.crs
    )
    try:
        turned = swapped.to_crs(WGS84)
    except pyproj.exceptions.ProjError:
        return written
    if not _is_near(turned, extent) or not _within(turned, extent).all():
        return written
    remarks.append(SWAPPED)
    return turned


def check_extent(frame: gpd.GeoDataFrame, extent: SiteExtent, where: str) -> None:
    """Refuse a frame in WGS 84 of which anything lies where no layer of the site can.

    Raises
    ------
    LayerError
        Naming the first rows and where they lie.
    """
    strange = np.flatnonzero(~_within(frame, extent))
    if not len(strange):
        return
    west, south, _, _ = shapely.bounds(frame.geometry.to_numpy()[strange[0]]).tolist()
    rows = ", ".join(str(row) for row in strange[:_LISTED].tolist())
    raise LayerError(
        "coordinates lie outside the site's ground",
        where=where,
        got=f"{len(strange)} of {len(frame)} features (row {rows}), the first at {west:.6g}, {south:.6g}",
        needed=f"degrees within {REACH_KM:.0f} km of the areas",
        do="check the CRS (`crs` of the entry), the unit and the order of the coordinates; nothing was kept",
    )


def _is_near(frame: gpd.GeoDataFrame, extent: SiteExtent) -> bool:
    bounds = shapely.bounds(frame.geometry.to_numpy())
    west, south, east, north = extent.near.bounds
    with np.errstate(invalid="ignore"):
        touches = (
            (bounds[:, 0] <= east)
            & (bounds[:, 2] >= west)
            & (bounds[:, 1] <= north)
            & (bounds[:, 3] >= south)
        )
    return bool((touches & np.isfinite(bounds).all(axis=1)).any())


def _within(frame: gpd.GeoDataFrame, extent: SiteExtent) -> np.ndarray:
    """Whether all of each geometry lies within reach; (n,) bool, true for a missing or empty one."""
    coordinates, index = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
    with np.errstate(invalid="ignore"):
        far = ~(extent.distance_km(coordinates[:, 0], coordinates[:, 1]) <= REACH_KM)
    found = np.ones(len(frame), bool)
    found[index[far]] = False
    return found
