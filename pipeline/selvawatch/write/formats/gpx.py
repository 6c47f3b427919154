"""GPX 1.1: a waypoint in each alert, for receivers."""

from pathlib import Path
from xml.etree import ElementTree

from selvawatch.core.days import to_date
from selvawatch.write.formats.placemarks import add_text, description, field_rows, title, write_xml
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.phrases import point_of
from selvawatch.write.tiers import Released

_GPX = "http://www.topografix.com/GPX/1/1"


def write_gpx(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as GPX 1.1 waypoints, one inside each alert, and return the path."""
    gpx = ElementTree.Element("gpx", {"xmlns": _GPX, "version": "1.1", "creator": "selvawatch"})
    metadata = ElementTree.SubElement(gpx, "metadata")
    add_text(metadata, "name", f"selvawatch · {released.table.name}")
    add_text(metadata, "time", f"{to_date(released.data_day).isoformat()}T00:00:00Z")
    for row, _ in field_rows(released):
        longitude, latitude = point_of(row)
        at = {"lat": f"{latitude:.6f}", "lon": f"{longitude:.6f}"}
        point = ElementTree.SubElement(gpx, "wpt", at)
        add_text(point, "name", title(row, lang))
        add_text(point, "desc", description(row, released.tier, lang))
        add_text(point, "type", str(row["cause"]))
    return write_xml(path, gpx)
