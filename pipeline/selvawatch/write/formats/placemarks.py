"""Alerts for the field as XML: what KML and GPX files share, in the reader's language."""

from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import pandas as pd
import shapely

from selvawatch.core.files import write_text
from selvawatch.core.schema import Tier
from selvawatch.errors import TableError
from selvawatch.write.formats.rows import lonlat
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.phrases import days_of
from selvawatch.write.language.sanitise import single_line
from selvawatch.write.language.vocabulary import word
from selvawatch.write.tiers import Released

_SQUARE = N_("The outline is a square of the grid, not the alert's own; its centre is not the alert's place.")


def field_rows(released: Released) -> list[tuple[pd.Series, shapely.Geometry]]:
    """Each row and its outline in WGS 84 degrees, by rank, then by id.

    Raises
    ------
    TableError
        For rows without geometry or cause.
    """
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


def title(row: pd.Series, lang: Language) -> str:
    """What a row is called: its rank if it has one, its hectares and its cause."""
    rank = f"{int(row['rank'])}. " if "rank" in row else ""
    return f"{rank}{lang.hectares(row['ha'])} {word(lang, 'cause', row['cause'])}"


def description(row: pd.Series, tier: Tier, lang: Language) -> str:
    """Status, days and id of a row, a line each; below the restricted tier that it is a square."""
    lines = [
        f"{word(lang, 'status', row['status'])}, {word(lang, 'confidence', row['confidence'])}"
        if "confidence" in row
        else word(lang, "status", row["status"]),
        *(f"{label}: {words}" for label, words in days_of(lang, row)),
        single_line(str(row.iloc[0]), 80),
    ]
    if tier < Tier.RESTRICTED:
        lines.append(lang.text(_SQUARE))
    return "\n".join(lines)


def add_text(parent: ElementTree.Element, tag: str, text: str) -> None:
    """Append an element with a text to its parent, which is changed."""
    ElementTree.SubElement(parent, tag).text = text


def xml_text(root: ElementTree.Element) -> str:
    """An XML document, indented, to be encoded as UTF-8."""
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def write_xml(path: Path, root: ElementTree.Element) -> Path:
    """Write an XML document, indented, as UTF-8 and return the path."""
    return write_text(path, xml_text(root))
