"""Columns of attributes from values of any kind: each of one type that a file can keep, nothing lost."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

EXACT = 2**53
"""Whole numbers up to here are exact as floats."""

_LARGEST_WHOLE = 2**63
_LAST_MS = 253_402_300_799_999
_FIRST_MS = -62_135_596_800_000


def frame_of(
    rows: Sequence[Mapping[str, Any]],
    geometries: Sequence[Any],
    crs: CRS | int,
    kinds: Mapping[str, str] | None = None,
) -> gpd.GeoDataFrame:
    """A frame of features: attributes as columns, in the order in which they first come, and geometries.

    kinds: of columns whose source declares them: `date` (milliseconds since 1970) or `real`.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {
        "geometry_" if name == "geometry" else name: column_of(
            [row.get(name) for row in rows], (kinds or {}).get(name, "")
        )
        for name in names
    }
    return gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(rows))), geometry=list(geometries), crs=crs)


def column_of(values: Sequence[Any], kind: str = "") -> pd.Series:
    """Values as one column: numbers, truth values, dates in UTC or text, missing ones missing.

    kind: `date`, `real` or nothing, as the source declares it: a column of real numbers is one too where they
    happen to be whole, so that equal content has equal text from one day to the next.

    Numbers that a float would change, values of several kinds and nested ones are kept as text. Dates are
    milliseconds since 1970; those that are none, or beyond the years 1 to 9999, make the column text, so that
    what reads it can tell.
    """
    present = [value for value in values if not _is_missing(value)]
    if kind == "date" and all(_is_stamp(value) for value in present):
        stamps = [np.iinfo(np.int64).min if _is_missing(value) else int(value) for value in values]
        return pd.Series(np.array(stamps, np.int64).view("datetime64[ms]")).dt.tz_localize("UTC")
    kinds = {type(value) for value in present}
    if kind == "date" or not kinds <= {int, float} and kinds != {bool}:
        return pd.Series([None if _is_missing(value) else _text(value) for value in values], dtype="str")
    if kinds == {bool} and len(present) == len(values):
        return pd.Series(list(values), dtype=bool)
    if kinds == {bool}:
        return pd.Series([None if _is_missing(value) else str(value) for value in values], dtype="str")
    largest = max((abs(value) for value in present if isinstance(value, int)), default=0)
    if kind != "real" and kinds == {int} and len(present) == len(values) and largest < _LARGEST_WHOLE:
        return pd.Series(list(values), dtype="int64")
    if largest <= EXACT:
        return pd.Series(
            [np.nan if _is_missing(value) else float(value) for value in values], dtype="float64"
        )
    return pd.Series([None if _is_missing(value) else _text(value) for value in values], dtype="str")


def storable(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The frame with columns of mixed or nested values as text, so that a file can keep them."""
    kept = frame.copy()
    for name in kept.columns:
        if name != kept.active_geometry_name and kept[name].dtype == object:
            kept[name] = _plain(kept[name])
    return kept


def _plain(values: pd.Series) -> pd.Series:
    present = [value for value in values.tolist() if not _is_missing(value)]
    kinds = {type(value) for value in present}
    if kinds <= {str} or kinds <= {dt.date} or kinds <= {dt.datetime, pd.Timestamp}:
        return values.map(lambda value: _text(value) if isinstance(value, str) else value)
    made = column_of(values.tolist())
    made.index = values.index
    return made


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NaT
        or value is pd.NA
        or (isinstance(value, float) and not np.isfinite(value))
    )


def _is_stamp(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and _FIRST_MS <= value <= _LAST_MS


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return str(value)
