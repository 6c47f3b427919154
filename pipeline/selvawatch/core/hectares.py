"""Hectares: areas are taken in an equal-area projection at the site's centre, shares in the pixel CRS."""

import numpy as np
import shapely
from pyproj import CRS, Transformer

M2_PER_HA = 10_000.0
"""Square metres of a hectare."""


def equal_area_crs(lon: float, lat: float) -> CRS:
    """Lambert azimuthal equal-area CRS (WGS 84, metres) centred on a point in degrees."""
    return CRS.from_proj4(f"+proj=laea +lat_0={lat:.6f} +lon_0={lon:.6f} +datum=WGS84 +units=m +no_defs")


def hectares(geometries: np.ndarray, crs: str | CRS, equal_area: CRS) -> np.ndarray:
    """Equal-area hectares of geometries given in `crs`; float64, one each, 0 for an empty geometry."""
    transformer = Transformer.from_crs(crs, equal_area, always_xy=True)
    moved = shapely.transform(
        np.asarray(geometries, object), lambda x, y: transformer.transform(x, y), interleaved=False
    )
    return np.asarray(shapely.area(moved), np.float64) / M2_PER_HA
