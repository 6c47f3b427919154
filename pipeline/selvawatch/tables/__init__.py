"""Tables that analysts pull: `TABLES` names them, `build` makes one."""

from selvawatch.core.table_options import TableOptions
from selvawatch.tables.base import TableInputs, TableSpec
from selvawatch.tables.registry import TABLES, build

__all__ = ["TABLES", "TableInputs", "TableOptions", "TableSpec", "build"]
