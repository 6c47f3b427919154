"""The list of tables, and the one way to make one."""

import pandas as pd

from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.tables import (
    blocking,
    comparisons,
    concessions,
    conflicts,
    districts,
    granted,
    loss,
    rights,
    spda_charts,
)
from selvawatch.tables.base import TableInputs, TableSpec

TABLES: dict[str, TableSpec] = {
    spec.name: spec
    for spec in (
        *loss.SPECS,
        *concessions.SPECS,
        *granted.SPECS,
        *conflicts.SPECS,
        *blocking.SPECS,
        *rights.SPECS,
        *districts.SPECS,
        *comparisons.SPECS,
        *spda_charts.SPECS,
    )
}
"""Tables by name."""


def build(name: str, inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """A table by name: the dimensions asked for, then the table's own columns in declared order.

    Raises
    ------
    TableError
        For an unknown table, option, scale, period set or area.
    """
    if name not in TABLES:
        raise TableError("unknown table", got=name, needed=sorted(TABLES), do="see `selvawatch table list`")
    spec = TABLES[name]
    table = spec.build(inputs, options)
    order = [one.name for one in spec.columns if one.name in table.columns]
    if strange := [one for one in table.columns if one not in order]:
        raise TableError("columns without a description", where=f"table {name}", got=strange)
    table = table[order].reset_index(drop=True)
    table.attrs = {"table": name, "description": spec.description}
    return table
