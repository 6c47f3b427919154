"""Answers as waypoints of GPX: OsmAnd, Locus Map, receivers."""

from xml.etree.ElementTree import Element

from selvawatch.reviews.form_entries import VERDICT_WORDS, Entry, folded
from selvawatch.reviews.readers.xml_document import local_name

_TEXTS = ("name", "cmt", "desc", "type")
"""Elements of a waypoint that people write into."""


def read_waypoint_entries(root: Element) -> list[Entry]:
    """The waypoints of a GPX as entries; one whose name, comment or description is nothing but a verdict has
    it. Their times have a zone, as GPX asks.
    """
    points = [child for child in root if local_name(child) == "wpt"]
    return [_entry(number, point) for number, point in enumerate(points, 1)]


def _entry(number: int, point: Element) -> Entry:
    found = {local_name(child): " ".join((child.text or "").split()) for child in reversed(point)}
    fields = {name: found[name] for name in _TEXTS if found.get(name)}
    known = {word for words in VERDICT_WORDS.values() for word in words} | set(VERDICT_WORDS)
    answers = [name for name, text in fields.items() if folded(text) in {folded(word) for word in known}]
    return Entry(
        where=f"waypoint {number}",
        key="",
        fields=fields | {f"{name}/verdict": fields[name] for name in answers},
        times=[found["time"]] if found.get("time") else [],
        lon=point.get("lon", ""),
        lat=point.get("lat", ""),
    )
