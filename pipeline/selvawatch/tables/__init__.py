"""Tables that analysts pull: `TABLES` names them, `build` makes one of `TableInputs` and `TableOptions`,
`check_options` refuses what it does not use.

`table_settings.TableSettings` is what `aoi/tables.toml` holds for them.
"""

from selvawatch.core.table_options import TableOptions
from selvawatch.tables.base import TableInputs, TableSpec
from selvawatch.tables.registry import TABLES, build, check_options

__all__ = ["TABLES", "TableInputs", "TableOptions", "TableSpec", "build", "check_options"]
