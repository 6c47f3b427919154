"""Answers in sheets: CSV and XLSX of ODK, KoboToolbox, or plain ones."""

import csv
import io
import re
import warnings
import zipfile

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import Entry

MOST_ROWS = 200_000
MOST_COLUMNS = 2_000
MOST_CELL = 1_000_000
"""Characters of a cell of CSV."""
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes of a workbook as unpacked."""

_KEYS = ("KEY", "meta-instanceID", "instanceID", "meta/instanceID", "_uuid", "meta/rootUuid")
"""Columns of ODK and Kobo that name a submission."""

_LATITUDE = re.compile(r"^_?(.*?)[-_]latitude$", re.IGNORECASE)


def read_csv_entries(content: bytes, where: str) -> list[Entry]:
    """The rows of a CSV: UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab.

    Raises
    ------
    LayerError
        For a file that is no table of text.
    """
    text = _text(content, where)
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=head.count)
    csv.field_size_limit(MOST_CELL)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=False))
    except csv.Error as error:
        raise LayerError("the table cannot be read", where=where, got=error, needed="CSV") from error
    return _entries(rows, where)


def read_xlsx_entries(content: bytes, where: str) -> list[Entry]:
    """The rows of the first sheet of a workbook that has any; times without zone stay without.

    Raises
    ------
    LayerError
        For a file that is no workbook, or unpacks to too much.
    """
    import openpyxl  # type: ignore[import-untyped]  # slow to import

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MOST_UNPACKED:
            raise LayerError(
                "the workbook is too large", where=where, got=f"{size} bytes unpacked", needed=MOST_UNPACKED
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
            for sheet in book.worksheets:
                rows = []
                for row in sheet.iter_rows(values_only=True):
                    cells = [_cell(value) for value in row]
                    while cells and not cells[-1]:
                        cells.pop()
                    rows.append(cells)
                    if len(rows) > MOST_ROWS + 1 or len(cells) > MOST_COLUMNS:
                        break
                if any(any(row) for row in rows):
                    return _entries(rows, where)
    except LayerError:
        raise
    except Exception as error:  # noqa: BLE001  (openpyxl raises whatever a damaged part leads to)
        raise LayerError("the workbook cannot be read", where=where, got=error, needed="XLSX") from error
    return []


def _text(content: bytes, where: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            break
        return text
    raise LayerError("the file is no text", where=where, needed="CSV as UTF-8, UTF-16 or Windows-1252")


def _cell(value: object) -> str:
    """A cell of a workbook as text; whole numbers as such."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _entries(rows: list[list[str]], where: str) -> list[Entry]:
    """Rows below the first one that has cells as entries."""
    first = next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), None)
    if first is None:
        return []
    width = max(map(len, rows))
    if len(rows) > MOST_ROWS + 1 or width > MOST_COLUMNS:
        raise LayerError(
            "the table is too large",
            where=where,
            got=f"{len(rows)} rows of {width} columns",
            needed=f"at most {MOST_ROWS} of {MOST_COLUMNS}",
        )
    head = [cell.strip() for cell in rows[first]]
    found = []
    for number, row in enumerate(rows[first + 1 :], first + 2):
        fields: dict[str, str] = {}
        for name, value in zip(head, row, strict=False):
            if name and value.strip() and name not in fields:
                fields[name] = value.strip()
        if fields:
            found.append(_entry(number, fields))
    return found


def _entry(number: int, fields: dict[str, str]) -> Entry:
    key = next((fields[name] for name in _KEYS if name in fields), "")
    lat, lon = _point(fields)
    return Entry(where=f"row {number}", key=key.removeprefix("uuid:"), fields=fields, lat=lat, lon=lon)


def _point(fields: dict[str, str]) -> tuple[str, str]:
    """Latitude and longitude of the first question for a point that has any of the two."""
    for name, latitude in fields.items():
        if _LATITUDE.match(name):
            twin = re.sub("latitude$", lambda found: _same_case(found[0]), name, flags=re.IGNORECASE)
            return latitude, fields.get(twin, "")
        if re.match(r"^_?(.*?)[-_]longitude$", name, re.IGNORECASE):
            twin = re.sub("longitude$", lambda found: _as_latitude(found[0]), name, flags=re.IGNORECASE)
            if twin not in fields:
                return "", fields[name]
    return "", ""


def _same_case(word: str) -> str:
    return "Longitude" if word[0].isupper() else "longitude"


def _as_latitude(word: str) -> str:
    return "Latitude" if word[0].isupper() else "latitude"
