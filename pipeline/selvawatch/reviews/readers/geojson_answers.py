"""Answers as GeoJSON: CoMapeo and Mapeo observations, or any points."""

from collections.abc import Mapping
from typing import Any

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry

_MOST_DEPTH = 6
"""Levels of objects whose members count as fields."""


def read_feature_entries(values: Any, where: str) -> list[Entry]:
    """The features of a collection as entries; their points, where they are points.

    Raises
    ------
    LayerError
        For an object that is no collection of features.
    """
    features = values.get("features") if isinstance(values, Mapping) else None
    if not isinstance(features, list):
        raise LayerError("the file has no features", where=where, needed="a GeoJSON FeatureCollection")
    return [_entry(number, feature) for number, feature in enumerate(features, 1)]


def _entry(number: int, feature: Any) -> Entry:
    where = f"feature {number}"
    if not isinstance(feature, Mapping):
        return Entry(where=where, key="", fields={})
    properties = feature.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    comapeo = properties.get("$comapeo", feature.get("$comapeo"))
    comapeo = comapeo if isinstance(comapeo, Mapping) else {}
    fields = plain_fields({name: value for name, value in properties.items() if name != "$comapeo"})
    for name, value in plain_fields(comapeo.get("tags")).items():
        fields.setdefault(name, value)
    lon, lat = _coordinates(feature.get("geometry"))
    if not (lon or lat):
        lon, lat = text_of(comapeo.get("lon")), text_of(comapeo.get("lat"))
    key = properties.get("$id") or comapeo.get("docId") or feature.get("id") or ""
    times = [properties.get("$createdAt"), properties.get("$created"), comapeo.get("createdAt")]
    return Entry(
        where=where,
        key=text_of(key),
        fields={name: value for name, value in fields.items() if not name.startswith("$")},
        times=[text_of(time) for time in times if time],
        lon=lon,
        lat=lat,
    )


def _coordinates(geometry: Any) -> tuple[str, str]:
    if not isinstance(geometry, Mapping) or geometry.get("type") != "Point":
        return "", ""
    pair = geometry.get("coordinates")
    if not isinstance(pair, list):
        return "", ""
    texts = [text_of(value) for value in pair[:2]]
    return (*texts, "", "")[0], (*texts, "", "")[1]


def plain_fields(values: Any, prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Members of an object as texts by name, of objects in it by `outer/inner`; lists joined by spaces."""
    fields: dict[str, str] = {}
    if not isinstance(values, Mapping) or depth > _MOST_DEPTH:
        return fields
    for name, value in values.items():
        if isinstance(value, Mapping):
            fields |= plain_fields(value, f"{prefix}{name}/", depth + 1)
        elif isinstance(value, list):
            joined = " ".join(text_of(part) for part in value if not isinstance(part, Mapping | list))
            if joined.strip():
                fields[f"{prefix}{name}"] = joined
        elif text := text_of(value):
            fields[f"{prefix}{name}"] = text
    return fields


def text_of(value: Any) -> str:
    """A JSON value as text; empty for null, objects and lists."""
    if value is None or isinstance(value, Mapping | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip()
