"""What is checked of a layer before it is kept: that every command that reads it later can use it."""

import unicodedata

import geopandas as gpd
import numpy as np
import shapely

from selvawatch.errors import LayerError
from selvawatch.register.columns import storable
from selvawatch.register.entries import OF_AREA, UNATTRIBUTED, LayerEntry
from selvawatch.register.site_extent import SiteExtent, check_extent
from selvawatch.register.vector_files import check_mendable

LISTED = 5
"""Rows that a remark names."""

_POLYGONAL = (
    shapely.GeometryType.POLYGON,
    shapely.GeometryType.MULTIPOLYGON,
    shapely.GeometryType.GEOMETRYCOLLECTION,
)


def acceptable(
    frame: gpd.GeoDataFrame, entry: LayerEntry, extent: SiteExtent | None, remarks: list[str]
) -> gpd.GeoDataFrame:
    """A layer in WGS 84 as it can be kept, with remarks on what it lacks.

    Columns that differ from those of the entry by the case of letters alone get the entry's names.

    Raises
    ------
    LayerError
        For a layer without CRS, features or ground, with coordinates that are no numbers or lie where no
        layer of the site can, or with rings that cannot be mended.
    """
    if frame.crs is None:
        raise LayerError("the layer has no CRS", where=entry.name)
    if not len(frame):
        raise LayerError("the layer is empty", where=entry.name, do="the last snapshot stays")
    shapes = frame.geometry.to_numpy()
    coordinates = shapely.get_coordinates(shapes)
    if not np.isfinite(coordinates).all():
        raise LayerError("coordinates are no numbers", where=entry.name, do="nothing was kept")
    if extent is not None:
        check_extent(frame, extent, entry.name)
    _check_shapes(frame, entry, remarks)
    check_mendable(shapes, [str(row) for row in range(len(frame))])
    return storable(_named_as(frame, entry, remarks))


def _check_shapes(frame: gpd.GeoDataFrame, entry: LayerEntry, remarks: list[str]) -> None:
    shapes = frame.geometry.to_numpy()
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    if empty.all():
        raise LayerError("no feature has a geometry", where=entry.name, got=f"{len(frame)} features")
    if empty.any():
        remarks.append(f"{_rows(empty)} without geometry")
    of_area = entry.kind == "reference" and entry.type in OF_AREA
    if entry.kind in UNATTRIBUTED and not of_area:
        return
    flat = ~empty & ~np.isin(shapely.get_type_id(shapes), _POLYGONAL)
    if (flat | empty).all():
        raise LayerError("no feature has an area", where=entry.name, got="points or lines", needed="polygons")
    if flat.any():
        remarks.append(f"{_rows(flat)} without area: points or lines")


def _rows(which: np.ndarray) -> str:
    rows = np.flatnonzero(which)
    listed = ", ".join(str(row) for row in rows[:LISTED].tolist())
    more = ", ..." if len(rows) > LISTED else ""
    return f"{len(rows)} of {len(which)} features (row {listed}{more})"


def _named_as(frame: gpd.GeoDataFrame, entry: LayerEntry, remarks: list[str]) -> gpd.GeoDataFrame:
    present = [str(name) for name in frame.columns]
    renamed: dict[str, str] = {}
    for wanted in entry.columns:
        same = [name for name in present if _letters(name) == _letters(wanted)]
        if wanted not in present and len(same) == 1:
            renamed[same[0]] = wanted
    if renamed:
        remarks.append(f"columns in other letters: {', '.join(sorted(renamed))}")
    return frame.rename(columns=renamed)


def _letters(name: str) -> str:
    """A name without the case of its letters, each with its accents as one character."""
    return unicodedata.normalize("NFC", name).casefold()
