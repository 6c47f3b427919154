"""The one table of forms that answers come in, and which one a file is of."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selvawatch.core.files import content_digest, read_plain
from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry, with_field
from selvawatch.reviews.readers.earthranger import is_event, read_event_entries
from selvawatch.reviews.readers.geojson_answers import read_feature_entries
from selvawatch.reviews.readers.sheets import read_csv_entries, read_xlsx_entries
from selvawatch.reviews.readers.smart import read_patrol_entries
from selvawatch.reviews.readers.waypoints import read_waypoint_entries
from selvawatch.reviews.readers.xml_document import local_name, read_xml

FORMS = ("csv", "xlsx", "geojson", "earthranger", "smart", "gpx")
MOST_BYTES = 256 * 1024 * 1024
"""Bytes of a file."""
_NEEDED = "CSV or XLSX (ODK, Kobo, a sheet), GeoJSON (CoMapeo, Mapeo), EarthRanger JSON, SMART XML, or GPX"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A file of answers as read."""

    name: str
    form: str
    """One of `FORMS`."""
    sha256: str
    entries: tuple[Entry, ...]


def read_answers(path: Path) -> AnswerFile:
    """The entries of a file, whichever of the forms it has; its content decides, not its name.

    Raises
    ------
    LayerError
        For a file of none of the forms, or one that cannot be read.
    """
    try:
        content = read_plain(path, MOST_BYTES)
    except OSError as error:
        raise LayerError("the file cannot be read", where=path, got=error.strerror or error) from error
    where = str(path)
    form, entries = _read(content, where)
    return AnswerFile(name=path.name, form=form, sha256=content_digest(content).hex(), entries=tuple(entries))


def _read(content: bytes, where: str) -> tuple[str, list[Entry]]:
    head = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    if not content.strip():
        raise LayerError("the file is empty", where=where, needed=_NEEDED)
    if content.startswith(b"PK\x03\x04"):
        return "xlsx", read_xlsx_entries(content, where)
    if head == b"<":
        root = read_xml(content, where)
        if local_name(root) == "gpx":
            return "gpx", read_waypoint_entries(root)
        return "smart", read_patrol_entries(root, where)
    if head in (b"{", b"["):
        values = _json(content, where)
        if is_event(values):
            return "earthranger", read_event_entries(values, where)
        return "geojson", read_feature_entries(values, where)
    return "csv", read_csv_entries(content, where)


def _json(content: bytes, where: str) -> Any:
    try:
        text = content.decode("utf-8-sig")
        return _mended(json.loads(text, parse_constant=lambda _: None, object_pairs_hook=_members))
    except (ValueError, RecursionError) as error:
        raise LayerError("the file is no JSON", where=where, got=error, needed=_NEEDED) from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose second member of a name, which would else be lost, is one of the group `2`."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        with_field(found, name, value)
    return found


def _mended(value: Any) -> Any:
    r"""The value with halves of characters (`\ud83d` without its other half) in its texts as U+FFFD.

    JSON may hold them, and nothing that is kept or printed may.
    """
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(one) for name, one in value.items()}
    return value
