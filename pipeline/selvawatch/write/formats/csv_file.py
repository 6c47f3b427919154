"""CSV: rows without outlines, for sheets and programs alike."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

from selvawatch.core.files import write_checked
from selvawatch.core.schema import Column
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.language.sanitise import cell
from selvawatch.write.tiers import Released


def write_csv(path: Path, released: Released) -> Path:
    """Write the rows but geometry as CSV (UTF-8 with BOM, ISO dates, decimal point) and return the path."""
    columns = [column for column in released.table.columns if column.dtype != "geometry"]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(column.name) for column in columns])
    cells = [[_csv_cell(column, value) for value in released.frame[column.name]] for column in columns]
    writer.writerows(zip(*cells, strict=True))
    return write_checked(path, b"\xef\xbb\xbf" + text.getvalue().encode())


def _csv_cell(column: Column, value: Any) -> str:
    plain = plain_value(column, value)
    if plain is None:
        return ""
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return cell(plain) if isinstance(plain, str) and column.dtype == "text" else str(plain)
