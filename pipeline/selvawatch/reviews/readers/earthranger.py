"""Answers as EarthRanger events: JSON of its API, or the body that made an event."""

from collections.abc import Mapping
from typing import Any

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry
from selvawatch.reviews.readers.geojson_answers import plain_fields, text_of

_LISTS = ("results", "events", "data")
"""Members that an answer of the API wraps its events in."""


def is_event(values: Any) -> bool:
    """Whether an object is an event, or holds a list of events."""
    events = _unwrapped(values)
    return bool(events) and all(
        isinstance(event, Mapping) and "event_type" in event for event in events or ()
    )


def read_event_entries(values: Any, where: str) -> list[Entry]:
    """Events as entries: `event_details` are the fields, `time` or `recorded_at` the time.

    Raises
    ------
    LayerError
        For an object without events.
    """
    events = _unwrapped(values)
    if events is None:
        raise LayerError("the file has no events", where=where, needed="an EarthRanger event, or a list")
    return [_entry(number, event) for number, event in enumerate(events, 1)]


def _unwrapped(values: Any) -> list[Any] | None:
    for _ in range(4):
        if isinstance(values, list):
            return values
        if not isinstance(values, Mapping):
            return None
        if "event_type" in values:
            return [values]
        values = next((values[name] for name in _LISTS if name in values), None)
    return None


def _entry(number: int, event: Any) -> Entry:
    where = f"event {number}"
    if not isinstance(event, Mapping):
        return Entry(where=where, key="", fields={})
    location = event.get("location")
    location = location if isinstance(location, Mapping) else {}
    fields = plain_fields(event.get("event_details"))
    for name, value in plain_fields({"title": event.get("title"), "state": event.get("state")}).items():
        fields.setdefault(name, value)
    reporter = event.get("reported_by")
    if isinstance(reporter, Mapping):
        fields |= {f"reported_by/{name}": value for name, value in plain_fields(reporter).items()}
    return Entry(
        where=where,
        key=text_of(event.get("id") or event.get("serial_number")),
        fields=fields,
        times=[text_of(event[name]) for name in ("time", "recorded_at", "created_at") if event.get(name)],
        lon=text_of(location.get("longitude", location.get("lon"))),
        lat=text_of(location.get("latitude", location.get("lat"))),
    )
