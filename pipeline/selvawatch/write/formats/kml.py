"""KML: alerts as coloured outlines, for phones and globes."""

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.tier import Tier
from selvawatch.write.formats.placemarks import add_text, description, field_rows, title, write_xml
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.phrases import point_of
from selvawatch.write.legend import CAUSE_COLOURS
from selvawatch.write.tiers import Released

_KML = "http://www.opengis.net/kml/2.2"


def write_kml(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as KML, coloured by cause, oldest rank first, and return the path."""
    kml = ElementTree.Element("kml", {"xmlns": _KML})
    document = ElementTree.SubElement(kml, "Document")
    add_text(
        document, "name", f"selvawatch · {released.table.name} · {to_date(released.data_day).isoformat()}"
    )
    for cause, colour in sorted(CAUSE_COLOURS.items()):
        style = ElementTree.SubElement(document, "Style", {"id": cause})
        line = ElementTree.SubElement(style, "LineStyle")
        add_text(line, "color", "ff" + _bgr(colour))
        add_text(line, "width", "2.5")
        add_text(ElementTree.SubElement(style, "PolyStyle"), "color", "40" + _bgr(colour))
    for row, shape in field_rows(released):
        mark = ElementTree.SubElement(document, "Placemark", {"id": _id(row)})
        add_text(mark, "name", title(row, lang))
        add_text(mark, "description", description(row, released.tier, lang))
        add_text(mark, "styleUrl", f"#{row['cause']}")
        multi = ElementTree.SubElement(mark, "MultiGeometry")
        if released.tier is not Tier.PUBLIC:
            longitude, latitude = point_of(row)
            point = ElementTree.SubElement(multi, "Point")
            add_text(point, "coordinates", f"{longitude:.6f},{latitude:.6f}")
        for part in shapely.get_parts(shape):
            _polygon(multi, part)
    return write_xml(path, kml)


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
        add_text(linear, "coordinates", points)


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
