"""Tables that analysts pull: `TABLES` names them, `build` makes one."""

from selvawatch.attribute.tables.base import Inputs, Options, TableSpec
from selvawatch.attribute.tables.registry import TABLES, build

__all__ = ["TABLES", "Inputs", "Options", "TableSpec", "build"]
