"""Text from outside becomes frozen dataclasses here: every key known, every type checked."""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from selvawatch.core.files import read_plain
from selvawatch.errors import SiteError

T = TypeVar("T")
_MOST_BYTES = 10_000_000
"""Bytes of a file of settings."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    SiteError
        When the file is missing, unreadable or no TOML.
    """
    try:
        return tomllib.loads(read_plain(path, _MOST_BYTES).decode())
    except FileNotFoundError as error:
        raise SiteError(
            "the file is missing", where=path, do="write it, or start from `selvawatch init`"
        ) from error
    except (OSError, RecursionError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SiteError("the file cannot be read as TOML", where=path, got=error) from error


def parse(kind: type[T], values: Mapping[str, Any], where: object) -> T:
    """A dataclass made from nested tables.

    Raises
    ------
    SiteError
        Naming file and key: unknown or missing keys, wrong types, what the dataclass itself refuses.
    """
    if unknown := _unknown(kind, values, ""):
        name, known = unknown
        raise SiteError(f"{name} is not a known key", where=where, needed=known, do="check its spelling")
    try:
        made: T = _adapter(kind).validate_python(values)  # type: ignore[arg-type]
        return made
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or kind.__name__
        message = first["msg"].removeprefix("Value error, ")
        given = first.get("input")
        got = given if isinstance(given, str | int | float | bool) else ""
        raise SiteError(f"{key}: {message}", where=where, got=got) from error
    except ValueError as error:
        raise SiteError(str(error), where=where) from error


def load(kind: type[T], path: Path) -> T:
    """A dataclass made from a TOML file; SiteError as `read_toml` and `parse`."""
    return parse(kind, read_toml(path), path)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """What makes a dataclass of nested tables; slow to make."""
    return TypeAdapter(kind)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """Type of each field of a dataclass."""
    return typing.get_type_hints(kind)


def _unknown(kind: Any, values: Any, prefix: str) -> tuple[str, str] | None:
    """The first key that no field explains, with the known ones."""
    for candidate in _dataclasses_in(kind):
        if not isinstance(values, Mapping):
            continue
        hints = _hints(candidate)
        names = [field.name for field in dataclasses.fields(candidate)]
        for key, value in values.items():
            if key not in names:
                return f"{prefix}{key}", ", ".join(names)
            if found := _unknown(hints[key], value, f"{prefix}{key}."):
                return found
        return None
    arguments = typing.get_args(kind)
    if isinstance(values, list) and arguments:
        for item in values:
            if found := _unknown(arguments[0], item, prefix):
                return found
    if isinstance(values, Mapping) and len(arguments) == 2:
        for key, value in values.items():
            if found := _unknown(arguments[1], value, f"{prefix}{key}."):
                return found
    return None


def _dataclasses_in(kind: Any) -> list[Any]:
    if dataclasses.is_dataclass(kind):
        return [kind]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [argument for argument in typing.get_args(kind) if dataclasses.is_dataclass(argument)]
    return []
