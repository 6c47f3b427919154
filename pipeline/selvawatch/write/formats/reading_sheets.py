"""CSV and XLSX for people: heads and words in their language, rounded numbers, real dates, ready to print."""

import csv
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from selvawatch.core.days import to_date
from selvawatch.core.files import write_checked
from selvawatch.core.schema import Column
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier
from selvawatch.write.formats.companions import DICTIONARY
from selvawatch.write.formats.rows import plain_value
from selvawatch.write.formats.xlsx import TEXTS, set_up_print
from selvawatch.write.language.i18n import N_, Language
from selvawatch.write.language.labels import column_label, table_title
from selvawatch.write.language.sanitise import cell
from selvawatch.write.language.vocabulary import CODES, LISTS, MIXED, column_word, combination, word, words
from selvawatch.write.tiers import Released

FIRST = (
    *("rank", "alert_id", "status", "cause", "ha", "change", "onset_earliest", "onset_latest"),
    *("first_detected", "confirmed_on", "district", "zones", "protected_name", "native_community"),
    *("combination", "distance_road_m", "lat", "lon", "legal_context", "review"),
)
"""Columns of the sheet of alerts that is printed, in order; a second sheet has all that people read."""
MACHINE = (
    *("register_version", "parameters_digest", "code_version", "layer_dates", "scenes", "before_picture"),
    *("after_picture", "ubigeo", "score", "legal_rules", "overlap_list", "ci_method", "ha_ci_lo", "ha_ci_hi"),
    "ha_subpixel",
)
"""Columns of alerts that are for programs alone."""
PLACES = ("lat", "lon", "utm_e", "utm_n")
"""Coordinates: below the restricted tier they are those of a square, which nobody is to go to."""
SHARES = ("mining_probability", "exclusive_share", "share", "exact_share", "observed_share", "share_other")
"""Columns of 0-1 that are given in percent."""
_COMBINATIONS = ("combination", "combination_today", "overlap_types", "class")
_WIDEST = 40
_GREEN = "#e7efe3"
_DAYS = {"es": "dd/mm/yyyy", "en": "yyyy-mm-dd"}
_SQUARES = N_("In this tier places are squares of a grid; no coordinate is listed.")
_ROUNDED = N_(
    "Hectares are rounded to two decimals. Codes and exact numbers stand in the machine files beside it: "
    "alerts.csv, alerts.xlsx, alerts.parquet."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadColumn:
    """A column as people read it."""

    head: str
    kind: str
    """`text`, `date`, `int`, `float`, `coordinate` or `share`."""
    values: tuple[Any, ...]
    """Words, days, and rounded numbers; None: empty."""


def write_people_csv(path: Path, released: Released, lang: Language) -> Path:
    """Write the rows for people as CSV (UTF-8 with BOM, ISO days, rounded numbers) and return the path."""
    columns = _read(released, lang, _read_names(released))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([cell(column.head) for column in columns])
    texts = [[_csv_text(column, value, lang) for value in column.values] for column in columns]
    writer.writerows(zip(*texts, strict=True))
    return write_checked(path, b"\xef\xbb\xbf" + text.getvalue().encode())


def write_people_xlsx(path: Path, released: Released, provenance: Mapping[str, str], lang: Language) -> Path:
    """Write the rows for people as a workbook and return the path.

    Alerts have a sheet to print (`FIRST`) and one with all that people read; every workbook says on a last
    sheet what it is. Days are real dates, numbers real numbers that are shown rounded.
    """
    created = dt.datetime.combine(to_date(released.data_day), dt.time())
    content, names = io.BytesIO(), _read_names(released)
    title = table_title(lang, released.table.name, released.table.description)
    is_alerts = released.table.name == ALERTS.name
    if is_alerts:
        title = lang.text(N_("alerts"))
    with xlsxwriter.Workbook(content, {"in_memory": True, **TEXTS}) as book:
        book.set_properties({"title": f"selvawatch · {title}", "author": "selvawatch", "created": created})
        first = [name for name in FIRST if name in names] if is_alerts else names
        sheets = [(title[:31] if is_alerts else lang.text(N_("detail")), first)]
        if is_alerts:
            sheets.append((lang.text(N_("detail")), names))
        for sheet, shown in sheets:
            _sheet(book, sheet, _read(released, lang, shown), lang, title)
        _about(book, released, provenance, lang, title)
    return write_checked(path, content.getvalue())


def _read_names(released: Released) -> list[str]:
    """Columns that people read, in order."""
    hidden = {*MACHINE} if released.table.name == ALERTS.name else set()
    if released.tier is not Tier.RESTRICTED:
        hidden |= {*PLACES}
    names = [column.name for column in released.table.columns if column.dtype != "geometry"]
    return [name for name in names if name not in hidden]


def _read(released: Released, lang: Language, names: Sequence[str]) -> list[_ReadColumn]:
    frame = released.frame
    if "rank" in frame.columns:
        frame = frame.sort_values("rank", kind="stable")
    return [_read_column(released.table.column(name), frame[name], lang) for name in names]


def _read_column(column: Column, values: pd.Series, lang: Language) -> _ReadColumn:
    kind = {"bool": "text"}.get(column.dtype, column.dtype)
    if column.name in SHARES:
        kind = "share"
    elif column.name in ("lat", "lon"):
        kind = "coordinate"
    unit = f" ({column.unit})" if column.unit and column.unit not in ("degree", "code") else ""
    read = [_read_value(column, plain_value(column, value), kind, lang) for value in values]
    return _ReadColumn(head=_capital(column_label(lang, column)) + unit, kind=kind, values=tuple(read))


def _capital(label: str) -> str:
    text = label.replace("_", " ")
    return text[:1].upper() + text[1:]


def _read_value(column: Column, value: Any, kind: str, lang: Language) -> Any:
    if value is None:
        return None
    if kind == "date":
        return dt.date.fromisoformat(value)
    if kind == "share":
        return float(value)
    if kind == "coordinate":
        return round(float(value), 5)
    if kind == "float":
        return round(float(value), 0 if column.unit == "m" else 2)
    if isinstance(value, bool):
        return word(lang, "answer", "yes" if value else "no")
    return words_of(column.name, value, lang) if isinstance(value, str) else value


def words_of(name: str, value: str, lang: Language) -> str:
    """Words for a text cell of a column: those of its codes, or the text as it is."""
    if not value:
        return ""
    if name in _COMBINATIONS:
        return combination(lang, value)
    if name in MIXED:
        return word(lang, "answer", value) if value in MIXED[name] else value
    if name in LISTS:
        return "; ".join(words(lang, LISTS[name], value))
    return column_word(lang, name, value) if name in CODES else value


def _csv_text(column: _ReadColumn, value: Any, lang: Language) -> str:
    if value is None:
        return ""
    if column.kind == "date":
        return str(value.isoformat())
    if column.kind == "share":
        return lang.percent(value)
    if column.kind == "float":
        return f"{value:.2f}".removesuffix(".00") if value == int(value) else f"{value:.2f}"
    return cell(value) if isinstance(value, str) else str(value)


def _sheet(book: Any, name: str, columns: Sequence[_ReadColumn], lang: Language, title: str) -> None:
    head = book.add_format(
        {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top", "bg_color": _GREEN}
    )
    numbers = {"float": "#,##0.00", "int": "0", "share": "0.0%", "coordinate": "0.00000"}
    formats = {
        kind: book.add_format({"num_format": pattern, "valign": "top"})
        for kind, pattern in {**numbers, "date": _DAYS[lang.code]}.items()
    }
    formats["text"] = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(name)
    for position, column in enumerate(columns):
        sheet.write_string(0, position, cell(column.head), head)
        sheet.set_column(position, position, _width(column))
        for line, value in enumerate(column.values, start=1):
            if value is None:
                continue
            if column.kind == "date":
                sheet.write_datetime(line, position, dt.datetime.combine(value, dt.time()), formats["date"])
            elif isinstance(value, str):
                sheet.write_string(line, position, cell(value), formats["text"])
            else:
                sheet.write_number(line, position, value, formats[column.kind])
    rows = len(columns[0].values) if columns else 0
    set_up_print(sheet, title, rows, len(columns))


def _width(column: _ReadColumn) -> int:
    """Width in characters: of a day or number what it needs, of words half a line at most."""
    if column.kind != "text":
        return max(11, max((len(part) for part in column.head.split()), default=0) + 2)
    longest = max((len(str(value)) for value in column.values if value), default=0)
    return max(10, min(_WIDEST, longest + 2), max(len(part) for part in column.head.split()) + 2)


def _about(book: Any, released: Released, provenance: Mapping[str, str], lang: Language, title: str) -> None:
    """The sheet that says what the workbook is, to which day, for whom, and what it does not say."""
    bold = book.add_format({"bold": True, "valign": "top"})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    sheet = book.add_worksheet(lang.text(N_("read me")))
    rows = [
        (lang.text(N_("What it is")), f"selvawatch · {title}"),
        (lang.text(N_("Data to")), lang.day(released.data_day)),
        (lang.text(N_("Tier")), lang.text(released.tier.name.lower(), DICTIONARY)),
        (lang.text(N_("Run")), str(provenance.get("run_id", ""))),
        ("", lang.text(N_("Absence of an alert is not absence of mining."))),
        ("", lang.text(N_("Possible causes; a holder is not thereby the author."))),
    ]
    if released.table.name == ALERTS.name:
        rows.append(("", lang.text(_ROUNDED)))
        if released.tier is not Tier.RESTRICTED:
            rows.append(("", lang.text(_SQUARES)))
    rows += [("", ""), *((key, str(value)) for key, value in sorted(provenance.items()) if key != "run_id")]
    for line, (label, text) in enumerate(rows):
        sheet.write_string(line, 0, cell(label), bold)
        sheet.write_string(line, 1, cell(text), wrapped)
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 90)
    sheet.set_landscape()
    sheet.set_paper(9)
