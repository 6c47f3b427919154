"""XLSX: a workbook with the rows, their bilingual dictionary and what they were made from."""

import datetime as dt
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xlsxwriter

from selvawatch.core.days import to_date
from selvawatch.core.files import write_checked
from selvawatch.core.schema import Table
from selvawatch.write.formats.companions import dictionary_head, dictionary_rows
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.language.sanitise import cell
from selvawatch.write.tiers import Released

TEXTS = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
"""Settings of a workbook in which a text stays a text."""
_A4 = 9


def set_up_print(sheet: Any, title: str, rows: int, columns: int) -> None:
    """Make a sheet of rows under a head ready to scroll and to print.

    The head stays in view and stands on each page, which is landscape A4 and as wide as the sheet.
    """
    sheet.freeze_panes(1, min(2, columns))
    if not columns:
        return
    sheet.autofilter(0, 0, max(1, rows), columns - 1)
    sheet.repeat_rows(0)
    sheet.print_area(0, 0, max(1, rows), columns - 1)
    sheet.set_landscape()
    sheet.set_paper(_A4)
    sheet.fit_to_pages(1, 0)
    sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
    sheet.set_header(f"&L{title.replace('&', '&&')}")
    sheet.set_footer("&R&P / &N")


def write_xlsx(path: Path, released: Released, provenance: Mapping[str, str]) -> Path:
    """Write the rows as a workbook: the data, the bilingual dictionary, the provenance; return the path."""
    columns = [column for column in released.table.columns if column.dtype != "geometry"]
    created = dt.datetime.combine(to_date(released.data_day), dt.time())
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True, **TEXTS}) as book:
        book.set_properties({"title": released.table.name, "author": "selvawatch", "created": created})
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("datos")
        for position, column in enumerate(columns):
            sheet.write_string(0, position, cell(column.name), head)
            sheet.set_column(position, position, max(10, min(28, len(column.name) + 2)))
            for line, value in enumerate(released.frame[column.name], start=1):
                _write_cell(
                    sheet, line, position, plain_value(column, value), day if column.dtype == "date" else None
                )
        set_up_print(sheet, released.table.name, len(released.frame), len(columns))
        _dictionary_sheet(book, released.table, head, wrapped)
        about = book.add_worksheet("procedencia")
        about.set_column(0, 0, 28)
        about.set_column(1, 1, 80)
        for line, (key, value) in enumerate(sorted(provenance.items())):
            about.write_string(line, 0, cell(key), head)
            about.write_string(line, 1, cell(str(value)))
    return write_checked(path, content.getvalue())


def _dictionary_sheet(book: Any, table: Table, head: Any, wrapped: Any) -> None:
    sheet = book.add_worksheet("diccionario")
    for position, (title, width) in enumerate(
        zip(dictionary_head(), (26, 34, 60, 10, 10, 40, 24), strict=True)
    ):
        sheet.write_string(0, position, title, head)
        sheet.set_column(position, position, width)
    for line, row in enumerate(dictionary_rows(table), start=1):
        for position, text in enumerate(row):
            sheet.write_string(line, position, cell(text), wrapped)
    sheet.freeze_panes(1, 1)


def _write_cell(sheet: Any, line: int, position: int, value: Any, style: Any) -> None:
    if value is None:
        return
    if style is not None:
        sheet.write_datetime(line, position, dt.datetime.fromisoformat(value), style)
    elif isinstance(value, str):
        sheet.write_string(line, position, cell(value))
    elif isinstance(value, bool):
        sheet.write_boolean(line, position, value)
    else:
        sheet.write_number(line, position, value)
