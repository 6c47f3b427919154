"""GPX 1.1: a waypoint in each alert, for receivers, whose displays know plain ASCII alone."""

import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from selvawatch.core.days import to_date
from selvawatch.core.tier import Tier
from selvawatch.errors import TableError
from selvawatch.write.formats.placemarks import add_text, description, field_rows, title, write_xml
from selvawatch.write.language.i18n import Language
from selvawatch.write.language.phrases import point_of
from selvawatch.write.language.vocabulary import word
from selvawatch.write.tiers import Released

_GPX = "http://www.topografix.com/GPX/1/1"
_SYMBOLS = {"confirmed": "Flag, Red", "provisional": "Flag, Blue", "closed": "Flag, Green"}
"""Names of the symbols of Garmin's receivers by status, which others know too."""
_OTHER_SYMBOL = "Waypoint"
_NAME_LENGTH, _COMMENT_LENGTH = 30, 100


def write_gpx(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows as GPX 1.1 waypoints, one inside each alert, and return the path.

    `name` is the code of the event and `cmt` says hectares, cause, status and day, both in ASCII; `time` is
    the day on which it was first seen.

    Raises
    ------
    TableError
        Below the restricted tier, whose squares have no point that somebody could go to.
    """
    if released.tier is not Tier.RESTRICTED:
        raise TableError(
            "waypoints tell exact places",
            where="format gpx",
            got=f"tier {released.tier.name.lower()}",
            needed="tier restricted",
            do="give --tier restricted, and do not publish the file",
        )
    gpx = ElementTree.Element("gpx", {"xmlns": _GPX, "version": "1.1", "creator": "selvawatch"})
    metadata = ElementTree.SubElement(gpx, "metadata")
    add_text(metadata, "name", f"selvawatch {released.table.name}")
    add_text(metadata, "time", f"{to_date(released.data_day).isoformat()}T00:00:00Z")
    for row, _ in field_rows(released):
        longitude, latitude = point_of(row)
        at = {"lat": f"{latitude:.6f}", "lon": f"{longitude:.6f}"}
        point = ElementTree.SubElement(gpx, "wpt", at)
        add_text(point, "time", f"{_day(row)}T00:00:00Z")
        add_text(point, "name", plain_ascii(str(row.get("event_id", row.iloc[0])), _NAME_LENGTH))
        add_text(point, "cmt", plain_ascii(_comment(row, lang), _COMMENT_LENGTH))
        add_text(point, "desc", f"{title(row, lang)}\n{description(row, released.tier, lang)}")
        add_text(point, "sym", _SYMBOLS.get(row["status"], _OTHER_SYMBOL))
        add_text(point, "type", str(row["cause"]))
    return write_xml(path, gpx)


def plain_ascii(text: str, limit: int) -> str:
    """The text in printable ASCII, accents dropped, what has no letter as `_`, cut to `limit` characters."""
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(mark for mark in plain if not unicodedata.combining(mark))
    line = " ".join(kept.split())
    return "".join(mark if mark.isascii() and mark.isprintable() else "_" for mark in line)[:limit].rstrip()


def _comment(row: pd.Series, lang: Language) -> str:
    """What a receiver shows of a row on one line: hectares, cause, status, day first seen."""
    parts = [
        lang.hectares(row["ha"]),
        word(lang, "cause", row["cause"]),
        word(lang, "status", row["status"]),
        _day(row),
    ]
    return "; ".join(parts)


def _day(row: pd.Series) -> str:
    return pd.Timestamp(row["first_detected"]).date().isoformat()
