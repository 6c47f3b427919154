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


def foreign_driver(data: Path | bytes) -> str | None:
    """Name of the format of a file or its bytes where it is none of `HELD`; None where it is.

    Raises
    ------
    pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError
        When it cannot be opened or has no layer.
    """
    driver = str(pyogrio.read_info(data, layer=0)["driver"])
    return None if driver in HELD else driver
