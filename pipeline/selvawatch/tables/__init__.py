"""Tables that analysts pull: `TABLES` names them, `build` makes one."""

from selvawatch.tables.base import Inputs, Options, TableSpec
from selvawatch.tables.registry import TABLES, build

__all__ = ["TABLES", "Inputs", "Options", "TableSpec", "build"]
