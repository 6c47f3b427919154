"""What a layer must hold, by name, area and place, so that none is believed by its file's name alone."""

import unicodedata
from collections.abc import Iterator

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.core.hectares import M2_PER_HA, equal_area_crs
from selvawatch.register.entries import ExpectedZone, LayerEntry

_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def misfits(frame: gpd.GeoDataFrame, entry: LayerEntry) -> tuple[str, ...]:
    """What of an entry's expected zones a layer does not hold, in words; empty: each is there.

    A zone is there where the features of one text column that have its name lie around its middle and have
    its area together, within the tolerances of the entry. An entry that expects nothing is a misfit where it
    tells of isolated peoples: without it nobody could check the layer.
    """
    if not entry.expected and entry.tells_isolated:
        ha = _united_ha(frame)
        return (f"{len(frame)} features of {ha:,.0f} ha, and no zone is expected of the layer",)
    return tuple(filter(None, (_misfit(frame, zone) for zone in entry.expected)))


def described(zone: ExpectedZone) -> str:
    """An expected zone with its tolerances, in words."""
    return (
        f"{zone.name} of {zone.ha:,.0f} ha ± {zone.ha_tolerance:.0%},"
        f" its middle within {zone.within_km:g} km of {zone.lon:g}, {zone.lat:g}"
    )


def _united_ha(frame: gpd.GeoDataFrame) -> float:
    if not len(frame):
        return 0.0
    west, south, east, north = np.nan_to_num(frame.to_crs(4326).total_bounds).tolist()
    return _united(frame, equal_area_crs((west + east) / 2, (south + north) / 2)).area / M2_PER_HA


def _united(frame: gpd.GeoDataFrame, crs: object) -> shapely.Geometry:
    shapes = frame.geometry.to_crs(crs).to_numpy()
    shapes = shapely.make_valid(shapes[~shapely.is_missing(shapes)])
    parts = shapely.get_parts(shapely.get_parts(shapes))
    return shapely.union_all(parts[np.isin(shapely.get_type_id(parts), _POLYGONAL)])


def _misfit(frame: gpd.GeoDataFrame, zone: ExpectedZone) -> str:
    crs = equal_area_crs(zone.lon, zone.lat)
    found = [_departure(_united(frame[named], crs), zone) for named in _named(frame, zone.name)]
    if not found:
        return f"no feature is named {zone.name}"
    return "" if "" in found else found[0]


def _departure(shape: shapely.Geometry, zone: ExpectedZone) -> str:
    """How a zone differs from what is expected, in equal-area metres around its middle; empty: it fits."""
    if shape.is_empty:
        return f"{zone.name} has no area"
    ha = shape.area / M2_PER_HA
    middle = shape.centroid
    km = float(np.hypot(middle.x, middle.y)) / 1000
    wrong = [f"{ha:,.0f} ha"] if not abs(ha - zone.ha) <= zone.ha_tolerance * zone.ha else []
    wrong += [f"its middle {km:,.0f} km away"] if not km <= zone.within_km else []
    return f"{zone.name} has {' and '.join(wrong)}" if wrong else ""


def _named(frame: gpd.GeoDataFrame, name: str) -> Iterator[np.ndarray]:
    """Rows that bear a name, (n,) bool, for each text column in which some do."""
    wanted = f" {_plain(name)} "
    for column in frame.columns.drop(frame.active_geometry_name):
        if not (pd.api.types.is_object_dtype(frame[column]) or pd.api.types.is_string_dtype(frame[column])):
            continue
        rows = np.array([wanted in f" {_plain(value)} " for value in frame[column].tolist()], bool)
        if rows.any():
            yield rows


def _plain(value: object) -> str:
    """Text without accents, case and punctuation, its words one blank apart."""
    folded = unicodedata.normalize("NFKD", value if isinstance(value, str) else "").casefold()
    return " ".join(
        "".join(one if one.isalnum() else " " for one in folded if not unicodedata.combining(one)).split()
    )
