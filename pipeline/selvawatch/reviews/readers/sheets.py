"""Answers in sheets: CSV and XLSX of ODK, KoboToolbox, or plain ones."""

import csv
import io
import itertools
import re
import warnings
import zipfile

from selvawatch.errors import LayerError
from selvawatch.reviews.form_entries import ROLES_OF_FIELDS, Entry, Naming, field_names, with_field

MOST_ROWS = 200_000
MOST_COLUMNS = 2_000
MOST_CELL = 1_000_000
"""Characters of a cell of CSV."""
MOST_UNPACKED = 256 * 1024 * 1024
"""Bytes of a workbook as unpacked."""

_KEYS = ("KEY", "meta-instanceID", "instanceID", "meta/instanceID", "_uuid", "meta/rootUuid")
"""Columns of ODK and Kobo that name a submission."""

_STATED = re.compile(r"\s*sep=([,;\t])\r?\n", re.IGNORECASE)
"""First line by which some programs tell the mark between cells."""
_NOTHING_DECLARED = Naming(fields={}, verdicts={})

_LATITUDE = re.compile(r"^_?(.*?)[-_]latitude$", re.IGNORECASE)
_LONGITUDE = re.compile(r"^_?(.*?)[-_]longitude$", re.IGNORECASE)
_MORE_CELLS = "the row has more cells than the head, so that none is sure to stand below its name"


def read_csv_entries(content: bytes, where: str) -> list[Entry]:
    """The rows of a CSV: UTF-8, UTF-16 or Windows-1252; comma, semicolon or tab.

    Raises
    ------
    LayerError
        For a file that is no table of text.
    """
    text = _text(content, where)
    stated = _STATED.match(text)
    text = text[stated.end() :] if stated else text
    csv.field_size_limit(MOST_CELL)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=stated[1] if stated else _delimiter(text), strict=True
    )
    try:
        rows = list(reader)
    except csv.Error as error:
        raise LayerError(
            "the table cannot be read",
            where=f"{where}, line {reader.line_num}",
            got=error,
            needed="CSV whose quotes are closed",
        ) from error
    return _entries(rows, where)


def _delimiter(text: str) -> str:
    """The mark that parts the head of a table into most fields that are known, then into most of all."""
    head = next((line for line in text.splitlines() if line.strip()), "")

    def worth(mark: str) -> tuple[int, int]:
        names = next(iter(csv.reader([head], delimiter=mark)), [])
        entry = Entry(where="", key="", fields=dict.fromkeys(names, "x"))
        known = [name for role in ROLES_OF_FIELDS for name in field_names(entry, role, _NOTHING_DECLARED)]
        return len(set(known)), len(names)

    return max(",;\t", key=worth)


def read_xlsx_entries(content: bytes, where: str) -> list[Entry]:
    """The rows of all sheets of a workbook; times without zone stay without.

    A formula counts as what it was calculated to; one that never was, as its text.

    Raises
    ------
    LayerError
        For a file that is no workbook, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > MOST_UNPACKED:
            raise LayerError(
                "the workbook is too large", where=where, got=f"{size} bytes unpacked", needed=MOST_UNPACKED
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values, formulas = _sheets(content, calculated=True), _sheets(content, calculated=False)
    except LayerError:
        raise
    except Exception as error:  # noqa: BLE001  (openpyxl raises whatever a damaged part leads to)
        why = " ".join(str(error).split())[:200]
        raise LayerError("the workbook cannot be read", where=where, got=why, needed="XLSX") from error
    entries: list[Entry] = []
    for (name, rows), (_, texts) in zip(values, formulas, strict=True):
        cells = [
            [shown or text for shown, text in itertools.zip_longest(row, of_row, fillvalue="")]
            for row, of_row in itertools.zip_longest(rows, texts, fillvalue=())
        ]
        widest = max(map(len, cells), default=0)
        for row in cells:  # a cell of a workbook stands in its column, whether that has a name or not
            row += [""] * (widest - len(row))
        entries += _entries(cells, where, "" if not entries else f"sheet {name}, ")
    return entries


def _sheets(content: bytes, *, calculated: bool) -> list[tuple[str, list[list[str]]]]:
    """Name and rows of cells of each sheet of a workbook, as far as it is not too large."""
    import openpyxl  # type: ignore[import-untyped]  # slow to import

    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=calculated)
    found = []
    for sheet in book.worksheets:
        rows: list[list[str]] = []
        sheet.reset_dimensions()  # what a file says of them may be less than it holds
        for row in sheet.iter_rows(values_only=True):
            cells = [_cell(value) for value in row]
            while cells and not cells[-1]:
                cells.pop()
            rows.append(cells)
            if len(rows) > MOST_ROWS + 1 or len(cells) > MOST_COLUMNS:
                break
        found.append((str(sheet.title), rows))
    return found


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


def _entries(rows: list[list[str]], where: str, sheet: str = "") -> list[Entry]:
    """Rows below the first one that has cells as entries; sheet: what stands before their numbers."""
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
    head = [cell.strip() or f"column {number}" for number, cell in enumerate(rows[first], 1)]
    found = []
    for number, row in enumerate(rows[first + 1 :], first + 2):
        fields: dict[str, str] = {}
        for name, value in zip(head, row, strict=False):
            if value.strip():
                with_field(fields, name, value.strip())
        beyond = any(cell.strip() for cell in row[len(head) :])
        if fields or beyond:
            found.append(_entry(f"{sheet}row {number}", fields, _MORE_CELLS if beyond else ""))
    return found


def _entry(where: str, fields: dict[str, str], fault: str) -> Entry:
    key = next((fields[name] for name in _KEYS if name in fields), "")
    points = _points(fields)
    lat, lon = points[0] if points else ("", "")
    return Entry(
        where=where,
        key=key.removeprefix("uuid:"),
        fields=fields,
        lat=lat,
        lon=lon,
        more_points=[(x, y) for y, x in points[1:]],
        fault=fault,
    )


def _points(fields: dict[str, str]) -> list[tuple[str, str]]:
    """Latitude and longitude of each question for a point that has any of the two, each pair once."""
    found: dict[tuple[str, str], None] = {}
    for name, value in fields.items():
        if _LATITUDE.match(name):
            twin = re.sub("latitude$", lambda found: _same_case(found[0]), name, flags=re.IGNORECASE)
            found[value, fields.get(twin, "")] = None
        elif _LONGITUDE.match(name):
            twin = re.sub("longitude$", lambda found: _as_latitude(found[0]), name, flags=re.IGNORECASE)
            if twin not in fields:
                found["", value] = None
    return list(found)


def _same_case(word: str) -> str:
    return "Longitude" if word[0].isupper() else "longitude"


def _as_latitude(word: str) -> str:
    return "Latitude" if word[0].isupper() else "latitude"
