"""Alerts for the field: KML and GPX files that phones and receivers open, in the reader's language."""

from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.files import write_text
from selvawatch.core.schema import Tier
from selvawatch.errors import TableError
from selvawatch.write.formats.vector import lonlat
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.legend import CAUSE_COLOURS
from selvawatch.write.tiers import Released

_KML = "http://www.opengis.net/kml/2.2"
_GPX = "http://www.topografix.com/GPX/1/1"
_SQUARE = N_("The outline is a square of the grid, not the alert's own; its centre is not the alert's place.")


def write_kml(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as KML, coloured by cause, oldest rank first, and return the path."""
    kml = ElementTree.Element("kml", {"xmlns": _KML})
    document = ElementTree.SubElement(kml, "Document")
    _child(document, "name", f"selvawatch · {released.table.name} · {to_date(released.data_day).isoformat()}")
    for cause, colour in sorted(CAUSE_COLOURS.items()):
        style = ElementTree.SubElement(document, "Style", {"id": cause})
        line = ElementTree.SubElement(style, "LineStyle")
        _child(line, "color", "ff" + _bgr(colour))
        _child(line, "width", "2.5")
        _child(ElementTree.SubElement(style, "PolyStyle"), "color", "40" + _bgr(colour))
    for row, shape in _rows(released):
        mark = ElementTree.SubElement(document, "Placemark", {"id": _id(row)})
        _child(mark, "name", _title(row, lang))
        _child(mark, "description", _description(row, released.tier, lang))
        _child(mark, "styleUrl", f"#{row['cause']}")
        multi = ElementTree.SubElement(mark, "MultiGeometry")
        centre = shapely.point_on_surface(shape)
        _child(ElementTree.SubElement(multi, "Point"), "coordinates", f"{centre.x:.6f},{centre.y:.6f}")
        for part in shapely.get_parts(shape):
            _polygon(multi, part)
    return _write(path, kml)


def write_gpx(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as GPX 1.1 waypoints, one inside each alert, and return the path."""
    gpx = ElementTree.Element("gpx", {"xmlns": _GPX, "version": "1.1", "creator": "selvawatch"})
    metadata = ElementTree.SubElement(gpx, "metadata")
    _child(metadata, "name", f"selvawatch · {released.table.name}")
    _child(metadata, "time", f"{to_date(released.data_day).isoformat()}T00:00:00Z")
    for row, shape in _rows(released):
        centre = shapely.point_on_surface(shape)
        at = {"lat": f"{centre.y:.6f}", "lon": f"{centre.x:.6f}"}
        point = ElementTree.SubElement(gpx, "wpt", at)
        _child(point, "name", _title(row, lang))
        _child(point, "desc", _description(row, released.tier, lang))
        _child(point, "type", str(row["cause"]))
    return _write(path, gpx)


def _rows(released: Released) -> list[tuple[pd.Series, shapely.Geometry]]:
    frame = released.frame
    if not isinstance(frame, gpd.GeoDataFrame) or "cause" not in frame.columns:
        raise TableError(
            "only events and alerts have places to go to",
            where=f"table {released.table.name}",
            needed="geometry and cause",
            do="export CSV or XLSX",
        )
    key = "rank" if "rank" in frame.columns else frame.columns[0]
    ordered = frame.sort_values([key, frame.columns[0]], kind="stable")
    shapes = lonlat(ordered)
    return [(row, shape) for (_, row), shape in zip(ordered.iterrows(), shapes, strict=True)]


def _title(row: pd.Series, lang: Language) -> str:
    rank = f"{int(row['rank'])}. " if "rank" in row else ""
    return f"{rank}{lang.hectares(row['ha'])} {word(lang, 'cause', row['cause'])}"


def _description(row: pd.Series, tier: Tier, lang: Language) -> str:
    onset = lang.day(pd.Timestamp(row["onset"]).date())
    lines = [
        f"{word(lang, 'status', row['status'])}, {word(lang, 'confidence', row['confidence'])}"
        if "confidence" in row
        else word(lang, "status", row["status"]),
        f"{lang.text('Began')}: {onset}",
        single_line(str(row.iloc[0]), 80),
    ]
    if tier < Tier.RESTRICTED:
        lines.append(lang.text(_SQUARE))
    return "\n".join(lines)


def _polygon(parent: ElementTree.Element, polygon: shapely.Polygon) -> None:
    if polygon.geom_type != "Polygon":
        return
    element = ElementTree.SubElement(parent, "Polygon")
    rings = [
        ("outerBoundaryIs", polygon.exterior),
        *(("innerBoundaryIs", ring) for ring in polygon.interiors),
    ]
    for name, ring in rings:
        linear = ElementTree.SubElement(ElementTree.SubElement(element, name), "LinearRing")
        points = " ".join(f"{x:.6f},{y:.6f}" for x, y in shapely.get_coordinates(ring))
        _child(linear, "coordinates", points)


def _id(row: pd.Series) -> str:
    """An XML id: letters, digits, dots, dashes and underscores."""
    return (
        "a"
        + "".join(
            mark if mark.isalnum() and mark.isascii() or mark in ".-_" else "_" for mark in str(row.iloc[0])
        )[:120]
    )


def _bgr(css: str) -> str:
    return css[5:7] + css[3:5] + css[1:3]


def _child(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _write(path: Path, root: ElementTree.Element) -> Path:
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return write_text(path, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n')
