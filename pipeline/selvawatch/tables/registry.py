"""The tables that the modules of this package declare, and the one way to make one."""

import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import NOT_KNOWN
from selvawatch.core.schema import Column, column
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import CI_METHODS, INTERVAL
from selvawatch.errors import TableError
from selvawatch.tables.base import TableInputs, TableSpec, by_columns, confirmed_alone, layer_dates
from selvawatch.tables.wording.explanations import share_of


def read_specs(folders: Iterable[str]) -> dict[str, TableSpec]:
    """Every table by name, in the order of names, of the `SPECS` of the modules in the package's folders.

    Raises
    ------
    TableError
        For two tables of one name.
    """
    specs: list[TableSpec] = []
    for module in pkgutil.iter_modules(folders, f"{__package__}."):
        if module.name != __name__:
            specs += getattr(import_module(module.name), "SPECS", ())
    specs = [_with_added(spec) for spec in specs]
    specs.sort(key=lambda spec: spec.name)
    for spec, following in zip(specs, specs[1:], strict=False):
        if spec.name == following.name:
            raise TableError("two tables have one name", where=__package__, got=spec.name)
    return {spec.name: spec for spec in specs}


def _with_added(spec: TableSpec) -> TableSpec:
    """The table with the columns of an interval behind `ha_hi`, and a Spanish one before each that explains,
    in each of its forms that has these.
    """
    public = spec.public
    if public is not None:
        public = replace(public, columns=_spanish_before(_interval_behind(public.columns)))
    return replace(spec, columns=_spanish_before(_interval_behind(spec.columns)), public=public)


_SPANISH = {
    "share_of": column("share_of_es", "text", "What the share is a share of, in Spanish."),
    "reason": column("reason_es", "text", "Why the number is empty, in Spanish; empty: it is there."),
}
"""Columns in Spanish by the English one; `write.language.explained` fills them."""


def _spanish_before(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    pairs = [(_SPANISH[one.name], one) if one.name in _SPANISH else (one,) for one in columns]
    return tuple(one for pair in pairs for one in pair)


def _interval_behind(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    names = [one.name for one in columns]
    if "ha_hi" not in names or "ci_method" in names:
        return columns
    behind = names.index("ha_hi") + 1
    return (*columns[:behind], *INTERVAL, *columns[behind:])


TABLES = read_specs(import_module(__package__).__path__)
"""Tables by name."""


def check_options(name: str, options: TableOptions) -> None:
    """Refuse options that a table does not use: it would be the same, and look as if it were not.

    Raises
    ------
    TableError
        Naming the options that it does use; and for an unknown table.
    """
    uses = _spec(name).uses
    if strange := [option for option in options.changed() if option not in uses]:
        raise TableError(
            "the table does not use the option" + "s" * (len(strange) > 1),
            where=f"table {name}",
            got=", ".join(strange),
            needed=f"of {', '.join(uses)}" if uses else "none of them",
            do="leave it out" if len(strange) == 1 else "leave them out",
        )


def _spec(name: str) -> TableSpec:
    if name not in TABLES:
        raise TableError("unknown table", got=name, needed=sorted(TABLES), do="see `selvawatch table list`")
    return TABLES[name]


def build(name: str, inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """A table by name, as it is made for the tier of its inputs: the dimensions asked for, then the table's
    own columns in declared order.

    Raises
    ------
    TableError
        For an unknown table, option, scale, period set or area.
    """
    spec = _spec(name).of_tier(inputs.tier)
    table = spec.build(confirmed_alone(inputs), options)
    if "ci_method" in (one.name for one in spec.columns) and "ci_method" not in table:
        table = table.assign(ha_ci_lo=np.nan, ha_ci_hi=np.nan, ci_method=CI_METHODS[0])
    order = [one.name for one in spec.columns if one.name in table.columns]
    if strange := [name for name in table.columns if name not in order]:
        raise TableError("columns without a description", where=f"table {name}", got=strange)
    table = table[order].reset_index(drop=True)
    if not len(table) and spec.of_types and not inputs.register.types_present() & set(spec.of_types):
        table = _unknown(spec, inputs)
    table = _with_lacking(table, inputs)
    table.attrs = {"table": name, "description": spec.description}
    return table


_KINDS = ("type", "zone", "type_senior", "type_junior", "zone_other", "state", "coexisted", "sernanp_opinion")
"""Columns of text that say `unknown` where no layer was there; other text is empty."""


def _unknown(spec: TableSpec, inputs: TableInputs) -> pd.DataFrame:
    """One row without numbers: no layer of the types that the table tells of is at hand."""
    row = {
        one.name: False
        if one.dtype == "bool"
        else NOT_KNOWN
        if one.name in _KINDS
        else ""
        if one.dtype == "text"
        else None
        for one in spec.columns
        if one not in by_columns() and one not in _SPANISH.values()
    }
    register = {"register_version": inputs.register.version, "layer_dates": layer_dates(inputs.register)}
    row |= {name: value for name, value in register.items() if name in row}
    if "ci_method" in row:
        row["ci_method"] = CI_METHODS[0]
    if "share_of" in row:
        row["share_of"] = share_of("no-layer", {"types": ", ".join(spec.of_types)})
    return pd.DataFrame([row])


def _with_lacking(table: pd.DataFrame, inputs: TableInputs) -> pd.DataFrame:
    """The table with the layers that are not at hand named in each row, as `layer=none`."""
    if not inputs.lacking or "layer_dates" not in table:
        return table
    none = " ".join(f"{name}=none" for name in inputs.lacking)
    return table.assign(layer_dates=[f"{dates} {none}".strip() for dates in table["layer_dates"]])
