"""Answers as SMART patrols: XML, an entry for each observation of a waypoint."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry, with_field
from selvawatch.reviews.readers.xml_document import local_name

_VALUES = ("itemKey", "sValue", "dValue", "bValue", "dateValue", "date", "value")
"""Elements and attributes that hold the value of an attribute of an observation."""


def read_patrol_entries(root: Element, where: str) -> list[Entry]:
    """The observations of a patrol as entries; its times have no zone, its members are not read.

    Raises
    ------
    LayerError
        For XML that is no patrol.
    """
    if local_name(root) != "patrol":
        raise LayerError(
            "the XML is no patrol", where=where, got=local_name(root), needed="a SMART patrol or GPX"
        )
    patrol = root.get("id", "")
    return [
        entry
        for leg in _named(root, "legs")
        for day in _named(leg, "days")
        for waypoint in _named(day, "waypoints")
        for entry in _entries(waypoint, day.get("date", ""), patrol)
    ]


def _entries(waypoint: Element, day: str, patrol: str) -> Iterator[Entry]:
    number = waypoint.get("id", "")
    time = f"{day} {waypoint.get('time', '')}".strip()
    observations = [one for group in _named(waypoint, "groups") for one in _named(group, "observations")]
    observations += list(_named(waypoint, "observations"))
    for place, observation in enumerate(observations, 1):
        fields: dict[str, str] = {}
        for attribute in _named(observation, "attributes"):
            if value := _value(attribute):
                with_field(fields, attribute.get("attributeKey", ""), value)
        yield Entry(
            where=f"waypoint {number}, observation {place}",
            key=f"{patrol} {day} {number} {place}" if patrol and number else "",
            fields=fields,
            times=[time] if time else [],
            lon=waypoint.get("x", ""),
            lat=waypoint.get("y", ""),
        )


def _value(attribute: Element) -> str:
    """Text of an attribute; of a key of a list, its last part."""
    for child in attribute:
        if local_name(child) in _VALUES and (child.text or "").strip():
            text = (child.text or "").strip()
            return text.strip(".").split(".")[-1] if local_name(child) == "itemKey" else text
    return next((attribute.get(name, "").strip() for name in _VALUES if attribute.get(name)), "")


def _named(parent: Element, name: str) -> Iterator[Element]:
    return (child for child in parent if local_name(child) == name)
