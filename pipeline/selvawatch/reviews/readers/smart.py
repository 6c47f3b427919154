"""Answers as SMART patrols: XML, an entry for each observation of a waypoint."""

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.parsers import expat

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry

_VALUES = ("itemKey", "sValue", "dValue", "bValue", "dateValue", "date", "value")
"""Elements and attributes that hold the value of an attribute of an observation."""


def read_patrol_entries(content: bytes, where: str) -> list[Entry]:
    """The observations of a patrol as entries; its times have no zone, its members are not read.

    Raises
    ------
    LayerError
        For a file that is no patrol, or brings definitions of its own.
    """

    def refuse(*_: object) -> None:
        raise LayerError("the patrol defines entities", where=where, needed="XML without a DOCTYPE")

    screening = expat.ParserCreate()
    screening.StartDoctypeDeclHandler = refuse
    try:
        screening.Parse(content, True)
        root = ElementTree.fromstring(content)  # noqa: S314  (no entities: refused above, in any encoding)
    except (ElementTree.ParseError, expat.ExpatError, ValueError, LookupError) as error:
        raise LayerError("the file is no XML", where=where, got=error, needed="a SMART patrol") from error
    if _name(root) != "patrol":
        raise LayerError("the XML is no patrol", where=where, got=_name(root), needed="a SMART patrol")
    patrol = root.get("id", "")
    return [
        entry
        for leg in _named(root, "legs")
        for day in _named(leg, "days")
        for waypoint in _named(day, "waypoints")
        for entry in _entries(waypoint, day.get("date", ""), patrol)
    ]


def _entries(waypoint: ElementTree.Element, day: str, patrol: str) -> Iterator[Entry]:
    number = waypoint.get("id", "")
    time = f"{day} {waypoint.get('time', '')}".strip()
    observations = [one for group in _named(waypoint, "groups") for one in _named(group, "observations")]
    observations += list(_named(waypoint, "observations"))
    for place, observation in enumerate(observations, 1):
        fields: dict[str, str] = {}
        for attribute in _named(observation, "attributes"):
            if value := _value(attribute):
                fields.setdefault(attribute.get("attributeKey", ""), value)
        yield Entry(
            where=f"waypoint {number}, observation {place}",
            key=f"{patrol} {day} {number} {place}" if patrol and number else "",
            fields=fields,
            times=[time] if time else [],
            lon=waypoint.get("x", ""),
            lat=waypoint.get("y", ""),
        )


def _value(attribute: ElementTree.Element) -> str:
    """Text of an attribute; of a key of a list, its last part."""
    for child in attribute:
        if _name(child) in _VALUES and (child.text or "").strip():
            text = (child.text or "").strip()
            return text.strip(".").split(".")[-1] if _name(child) == "itemKey" else text
    return next((attribute.get(name, "").strip() for name in _VALUES if attribute.get(name)), "")


def _named(parent: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    return (child for child in parent if _name(child) == name)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
