"""A QGIS project that opens a GeoPackage of alerts with its style, beside that GeoPackage."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
from pyproj import CRS

from selvawatch.core.files import write_checked, write_text
from selvawatch.errors import TableError
from selvawatch.write.formats.desktop.gpkg import write_gpkg
from selvawatch.write.formats.desktop.layer_style import QGIS_VERSION, STYLES, is_styled, style_elements
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.tiers import Released

PACKED = ".qgz"
"""Suffix of a project that is a ZIP."""
_LAYER = "alerts_selvawatch"
_MARGIN_M = 1000.0
"""Ground around the alerts that the map shows when it is opened, metres."""


def write_qgis(path: Path, released: Released, provenance: Mapping[str, str], lang: Language) -> Path:
    """Write a project and, beside it under the same name, the GeoPackage that it shows; the project.

    A path that ends in `.qgz` is a ZIP with the project (QGS). The project holds the style, so that the
    GeoPackage is the one for programs, with one layer.

    Raises
    ------
    TableError
        For rows without geometry, status or cause.
    """
    if not isinstance(released.frame, gpd.GeoDataFrame) or not is_styled(released.table):
        raise TableError(
            "only events and alerts have a style",
            where=f"table {released.table.name}",
            needed="geometry, status and cause",
            do="write GeoPackage",
        )
    data = write_gpkg(path.with_suffix(".gpkg"), released, provenance)
    text = ElementTree.tostring(_project(released, data.name, lang), encoding="unicode")
    project = f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{text}\n"
    if path.suffix.lower() != PACKED:
        return write_text(path, project)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{path.stem}.qgs")
        entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        archive.writestr(entry, project)
    return write_checked(path, content.getvalue())


def data_of_project(path: Path) -> Path:
    """The GeoPackage that the project of this path shows.

    Raises
    ------
    TableError
        For one that is there without such a project, and would be replaced.
    """
    data = path.with_suffix(".gpkg")
    if data.exists() and not any(path.with_suffix(suffix).exists() for suffix in (".qgs", PACKED)):
        raise TableError(
            "the GeoPackage of the project would replace another file",
            where=path,
            got=f"{data.name} without a project",
            do="give another name, or move that file away",
        )
    return data


def _project(released: Released, file: str, lang: Language) -> ElementTree.Element:
    """The project; its one layer lies in a file beside it."""
    title, crs = f"selvawatch · {lang.text(N_('alerts'))}", CRS.from_user_input(released.frame.crs)
    source = f"./{file}|layername={released.table.name}"
    root = ElementTree.Element("qgis", {"projectname": title, "version": QGIS_VERSION})
    _text(root, "title", title)
    _system(ElementTree.SubElement(root, "projectCrs"), crs)
    tree = ElementTree.SubElement(root, "layer-tree-group")
    ElementTree.SubElement(
        tree,
        "layer-tree-layer",
        {
            **{"id": _LAYER, "name": title, "source": source, "providerKey": "ogr"},
            **{"checked": "Qt::Checked", "expanded": "1"},
        },
    )
    canvas = ElementTree.SubElement(root, "mapcanvas", {"name": "theMapCanvas"})
    _text(canvas, "units", "meters" if crs.is_projected else "degrees")
    _extent(canvas, released.frame)
    _system(ElementTree.SubElement(canvas, "destinationsrs"), crs)
    layers = ElementTree.SubElement(root, "projectlayers")
    layer = ElementTree.SubElement(
        layers, "maplayer", {"type": "vector", "geometry": "Polygon", "labelsEnabled": "1"}
    )
    _text(layer, "id", _LAYER)
    _text(layer, "datasource", source)
    _text(layer, "layername", title)
    _system(ElementTree.SubElement(layer, "srs"), crs)
    provider = ElementTree.SubElement(layer, "provider", {"encoding": "UTF-8"})
    provider.text = "ogr"
    layer.extend(style_elements(released.table, STYLES[0], lang))
    order = ElementTree.SubElement(root, "layerorder")
    ElementTree.SubElement(order, "layer", {"id": _LAYER})
    paths = ElementTree.SubElement(ElementTree.SubElement(root, "properties"), "Paths")
    ElementTree.SubElement(paths, "Absolute", {"type": "bool"}).text = "false"
    return root


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _system(parent: ElementTree.Element, crs: CRS) -> None:
    """A coordinate reference system as a project names it."""
    system = ElementTree.SubElement(parent, "spatialrefsys", {"nativeFormat": "Wkt"})
    _text(system, "wkt", crs.to_wkt())
    authority = crs.to_authority()
    if authority:
        _text(system, "srid", authority[1])
        _text(system, "authid", ":".join(authority))
    _text(system, "description", crs.name)
    _text(system, "geographicflag", "true" if crs.is_geographic else "false")


def _extent(parent: ElementTree.Element, frame: gpd.GeoDataFrame) -> None:
    """What the map shows when it is opened: all rows and some ground around; nothing without rows."""
    if not len(frame):
        return
    west, south, east, north = (float(value) for value in frame.total_bounds)
    extent = ElementTree.SubElement(parent, "extent")
    sides = {"xmin": west - _MARGIN_M, "ymin": south - _MARGIN_M, "xmax": east + _MARGIN_M}
    for name, value in {**sides, "ymax": north + _MARGIN_M}.items():
        _text(extent, name, f"{value:.1f}")
