"""What a bulletin says but for its rows and pictures, as JSON and back, so that it can be made anew."""

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import shapely

from selvawatch.errors import TableError
from selvawatch.write.bulletin.bulletin_changes import Changes
from selvawatch.write.bulletin.bulletin_model import Bulletin, Picture
from selvawatch.write.tiers import Released

_OTHERWISE = ("alerts", "changes", "pictures")
"""Fields of a bulletin that are kept otherwise, or made anew."""


def content_to_json(content: Bulletin) -> dict[str, Any]:
    """Everything of a bulletin but its alerts, what is new, and the bytes of its pictures."""
    names = [field.name for field in dataclasses.fields(Bulletin) if field.name not in _OTHERWISE]
    values = {name: _encoded(getattr(content, name)) for name in names}
    pictures = {
        alert: [_encoded(replace(one, content=b"")) for one in made]
        for alert, made in sorted(content.pictures.items())
    }
    for made in pictures.values():
        for about in made:
            del about["content"]
    return {**values, "pictures": pictures}


def content_from_json(
    values: Mapping[str, Any],
    alerts: Released,
    changes: Changes | None,
    image_of: Callable[[str, str], bytes | None],
) -> Bulletin:
    """The bulletin that `content_to_json` was given, with other rows; pictures without bytes are left out.

    image_of: JPEG of an alert id and a `Picture.side`; None: there is none, and the picture is left out.

    Raises
    ------
    TableError
        For values that another version wrote.
    """
    try:
        hints = typing.get_type_hints(Bulletin)
        fields = {
            name: _decoded(hints[name], value) for name, value in values.items() if name not in _OTHERWISE
        }
        pictures = {
            alert: found
            for alert, made in values["pictures"].items()
            if (found := _with_content(alert, [Picture(**about) for about in made], image_of))
        }
    except (AttributeError, KeyError, TypeError, ValueError, shapely.errors.ShapelyError) as error:
        raise TableError(
            "what the bulletin says cannot be read",
            got=repr(error),
            do="run `selvawatch monitor` with this version",
        ) from error
    return Bulletin(alerts=alerts, changes=changes, pictures=pictures, **fields)


def _with_content(
    alert: str, made: list[Picture], image_of: Callable[[str, str], bytes | None]
) -> tuple[Picture, ...]:
    contents = [(one, image_of(alert, one.side)) for one in made]
    return tuple(replace(one, content=content) for one, content in contents if content is not None)


def _encoded(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.name
    if dataclasses.is_dataclass(value):
        return {field.name: _encoded(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(_encoded(key)): _encoded(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encoded(item) for item in value]
    return value.wkb_hex if isinstance(value, shapely.Geometry) else value


def _decoded(kind: Any, value: Any) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return (
            None if value is None else _decoded(next(part for part in parts if part is not type(None)), value)
        )
    if origin is tuple:
        return tuple(_decoded(parts[0], item) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {_decoded(parts[0], key): _decoded(parts[1], item) for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind[value]
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{name: _decoded(hints[name], item) for name, item in value.items()})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, shapely.Geometry):
        return shapely.from_wkb(value)
    return value
