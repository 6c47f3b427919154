"""Columns and tables as data: name, type, unit, tier and meaning; what checks a frame against them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from selvawatch.core.tier import Tier
from selvawatch.errors import TableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table."""

    name: str
    dtype: str
    """`text`, `date` (datetime64[ms], NaT = unknown), `int`, `float`, `bool`, or `geometry`."""
    unit: str = ""
    tier: Tier = Tier.PUBLIC
    """Lowest tier that may see it."""
    nullable: bool = False
    choices: tuple[str, ...] = ()
    """Allowed values of a text column; empty: any."""
    description: str
    """English; with the name, the id of the column's label in the catalogues of `write.language`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its columns in order."""

    name: str
    description: str
    columns: tuple[Column, ...]
    tier: Tier = Tier.PUBLIC
    """Lowest tier that may have its rows, whatever their columns."""

    def column(self, name: str) -> Column:
        """The column of that name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A copy with exactly this table's columns, in order and of their types.

        Raises
        ------
        TableError
            For a missing, unknown, mistyped or unexpectedly empty column, or a value that is no choice.
        """
        names = [column.name for column in self.columns]
        if missing := [name for name in names if name not in frame.columns]:
            raise TableError("columns are missing", where=f"table {self.name}", got=missing, needed=names)
        if unknown := [name for name in frame.columns if name not in names]:
            raise TableError("columns are unknown", where=f"table {self.name}", got=unknown, needed=names)
        checked = frame[names].copy()
        for column in self.columns:
            checked[column.name] = _typed(self.name, column, checked[column.name])
        return checked.reset_index(drop=True)

    def empty(self) -> Mapping[str, pd.Series]:
        """Typed empty columns by name, to build an empty frame from."""
        return {
            column.name: pd.Series([], dtype=object if column.dtype == "geometry" else _DTYPES[column.dtype])
            for column in self.columns
        }


_DTYPES: dict[str, Any] = {
    "text": "object",
    "date": "datetime64[ms]",
    "int": "int64",
    "float": "float64",
    "bool": "bool",
}


def _typed(table: str, column: Column, values: pd.Series) -> pd.Series:
    where = f"table {table}, column {column.name}"
    if column.dtype == "geometry":
        return values
    if not column.nullable and values.isna().any():
        raise TableError(
            "a value is missing", where=where, got=f"{int(values.isna().sum())} empty", needed="none empty"
        )
    try:
        if column.dtype == "text":
            typed = values.astype(object).where(values.notna(), None)
        elif column.dtype == "int" and column.nullable:
            typed = values.astype("Int64")
        else:
            typed = values.astype(_DTYPES[column.dtype])
    except (TypeError, ValueError) as error:
        raise TableError(
            "a column has the wrong type", where=where, got=values.dtype, needed=column.dtype
        ) from error
    if column.choices:
        strange = sorted({str(value) for value in typed.dropna()} - set(column.choices))
        if strange:
            raise TableError("a value is not allowed", where=where, got=strange[:3], needed=column.choices)
    return typed


def columns(*rows: Column | Iterable[Column]) -> tuple[Column, ...]:
    """Columns, flattened in order."""
    flat: list[Column] = []
    for row in rows:
        flat.extend([row] if isinstance(row, Column) else row)
    return tuple(flat)


def column(name: str, dtype: str, description: str, **rest: Any) -> Column:
    """A column; the rest by name: unit, tier, nullable, choices."""
    return Column(name=name, dtype=dtype, description=description, **rest)
