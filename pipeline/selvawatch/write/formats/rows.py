"""Cells and shapes of released rows as text formats hold them."""

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.core.schema import Column


def plain_value(column: Column, value: Any) -> Any:
    """A cell as JSON knows it: ISO text for dates, None for what is missing or not finite."""
    if value is None or value is pd.NaT or (not isinstance(value, str) and pd.isna(value)):
        return None
    if column.dtype == "date":
        return pd.Timestamp(value).date().isoformat()
    if column.dtype == "int":
        return int(value)
    if column.dtype == "bool":
        return bool(value)
    if column.dtype == "float":
        return float(value) if np.isfinite(value) else None
    return str(value)


def lonlat(frame: gpd.GeoDataFrame) -> np.ndarray:
    """The geometries in WGS 84 degrees to seven decimals (about a centimetre), rings by the right hand.

    frame: rows in any CRS; the array (row,) holds a shape for each, in its order.
    """
    transformer = Transformer.from_crs(frame.crs, "EPSG:4326", always_xy=True)

    def moved(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lon, lat = transformer.transform(x, y)
        return np.round(lon, 7), np.round(lat, 7)

    shapes = np.asarray(frame.geometry, object)
    return shapely.orient_polygons(shapely.transform(shapes, moved, interleaved=False))
