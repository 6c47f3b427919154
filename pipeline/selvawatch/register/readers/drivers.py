"""Formats in which a vector file from outside may come: those that hold their data themselves."""

from pathlib import Path

import pyogrio

HELD = frozenset(
    {
        "ESRI Shapefile",
        "ESRIJSON",
        "FlatGeobuf",
        "GML",
        "GPKG",
        "GPX",
        "GeoJSON",
        "GeoJSONSeq",
        "JSONFG",
        "KML",
        "LIBKML",
        "MapInfo File",
        "OpenFileGDB",
        "SQLite",
        "TopoJSON",
    }
)
"""GDAL's names of formats whose files hold their data.

GDAL goes by content, not by suffix: what is called `.shp` or `.json` may be a description (OGR_VRT, GDALG,
WFS) of another file or address of this machine, whose content would then be taken for the publisher's.
"""


def driver_of(path: Path) -> str:
    """GDAL's name of the format of a file.

    Raises
    ------
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError
        When it cannot be opened or has no layer.
    """
    return str(pyogrio.read_info(path, layer=0)["driver"])
