"""KML and KMZ: alerts as coloured outlines in folders by status, for phones and globes."""

import html
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.files import write_checked
from selvawatch.core.tables import STATUSES
from selvawatch.core.tier import Tier
from selvawatch.write.formats.placemarks import (
    add_text,
    description,
    field_rows,
    title,
    write_xml,
    xml_text,
)
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.labels import column_label
from selvawatch.write.language.phrases import point_of, row_text
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.legend import CAUSE_COLOURS
from selvawatch.write.tiers import Released

_KML = "http://www.opengis.net/kml/2.2"
FOLDERS = ("confirmed", "provisional", "closed", "withdrawn")
"""Statuses in the order of their folders."""
EXTENDED = (
    *("alert_id", "event_id", "version", "status", "confidence", "change", "cause", "mining_probability"),
    *("ha", "ha_lo", "ha_hi", "onset_earliest", "onset_latest", "first_detected", "confirmed_on"),
    *("last_grown", "rank", "area_name", "district", "combination", "zones", "protected_name"),
    *("native_community", "concession_code", "legal_context", "review"),
)
"""Columns that a placemark's extended data have, as far as the tier has them: codes, as tables give them."""
_DIGITS = {"mining_probability": 2, "ha": 4, "ha_lo": 4, "ha_hi": 4}
_TEXT_LENGTH = 200
_PICTURES = {"before_picture": N_("Before"), "after_picture": N_("After")}


def write_kml(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as KML in folders by status, coloured by cause, in order of rank; the path.

    Below the restricted tier a row is the outline of its square and has no point.
    """
    return write_xml(path, _document(released, lang, {}))


def write_kmz(path: Path, released: Released, lang: Language, pictures: Mapping[str, bytes]) -> Path:
    """Write the rows as KMZ: the KML, and the pictures that its descriptions show; return the path.

    pictures: JPEG by the name that `before_picture` and `after_picture` give it; of others none is shown.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "doc.kml", xml_text(_document(released, lang, pictures)).encode())
        if "after_picture" in released.frame.columns:
            named = {row_text(row, name) for _, row in released.frame.iterrows() for name in _PICTURES}
            for name in sorted(named & set(pictures)):
                _add(archive, _inside(name), pictures[name])
    return write_checked(path, content.getvalue())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name)
    entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(entry, content)


def _inside(name: str) -> str:
    """Path of a picture in a KMZ."""
    return f"files/{Path(name).name}"


def _document(released: Released, lang: Language, pictures: Mapping[str, bytes]) -> ElementTree.Element:
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
    rows = field_rows(released)
    for status in (*FOLDERS, *(status for status in STATUSES if status not in FOLDERS)):
        within = [(row, shape) for row, shape in rows if row["status"] == status]
        if not within:
            continue
        folder = ElementTree.SubElement(document, "Folder", {"id": f"status-{status}"})
        add_text(folder, "name", f"{word(lang, 'status', status)} ({len(within)})")
        add_text(folder, "visibility", "0" if status == "withdrawn" else "1")
        for row, shape in within:
            _placemark(folder, row, shape, released, lang, pictures)
    return kml


def _placemark(
    folder: ElementTree.Element,
    row: pd.Series,
    shape: shapely.Geometry,
    released: Released,
    lang: Language,
    pictures: Mapping[str, bytes],
) -> None:
    """One row, its children in the order of the schema of KML 2.2."""
    mark = ElementTree.SubElement(folder, "Placemark", {"id": _id(row)})
    add_text(mark, "name", title(row, lang))
    add_text(mark, "visibility", "0" if row["status"] == "withdrawn" else "1")
    shown = html.escape(description(row, released.tier, lang), quote=False)
    add_text(mark, "description", shown + _shown_pictures(row, lang, pictures))
    begin = row["onset"] if pd.isna(row.get("onset_earliest")) else row["onset_earliest"]
    span = ElementTree.SubElement(mark, "TimeSpan")
    add_text(span, "begin", pd.Timestamp(begin).date().isoformat())
    add_text(mark, "styleUrl", f"#{row['cause']}")
    _extended_data(mark, row, released, lang)
    multi = ElementTree.SubElement(mark, "MultiGeometry")
    if released.tier is Tier.RESTRICTED:
        longitude, latitude = point_of(row)
        point = ElementTree.SubElement(multi, "Point")
        add_text(point, "coordinates", f"{longitude:.6f},{latitude:.6f}")
    for part in shapely.get_parts(shape):
        _polygon(multi, part)


def _extended_data(mark: ElementTree.Element, row: pd.Series, released: Released, lang: Language) -> None:
    """What the row's columns hold, by their stable names; their labels are in the reader's language."""
    data = ElementTree.SubElement(mark, "ExtendedData")
    known = {column.name: column for column in released.table.columns}
    for name in EXTENDED:
        value = plain_value(known[name], row[name]) if name in known else None
        if value is None or value == "":
            continue
        if isinstance(value, float):
            value = round(value, _DIGITS.get(name, 6))
        entry = ElementTree.SubElement(data, "Data", {"name": name})
        add_text(entry, "displayName", column_label(lang, known[name]))
        add_text(entry, "value", single_line(str(value), _TEXT_LENGTH))


def _shown_pictures(row: pd.Series, lang: Language, pictures: Mapping[str, bytes]) -> str:
    """The row's pictures as HTML; empty where there is none."""
    shown = [
        f'<p>{html.escape(lang.text(label))}<br/><img src="{html.escape(_inside(name))}" width="320"/></p>'
        for column, label in _PICTURES.items()
        if (name := row_text(row, column)) in pictures
    ]
    return "".join(shown)


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
