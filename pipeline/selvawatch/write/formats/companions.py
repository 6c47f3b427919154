"""Files that stand beside tables: the bilingual data dictionary and what a table was made from."""

import csv
import json
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from selvawatch.core.files import write_checked, write_text
from selvawatch.core.schema import Table, Tier
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import column_meaning
from selvawatch.write.language.sanitise import cell

DICTIONARY = "dictionary"
"""Context of the words of a data dictionary in the catalogues."""
MEANING = "meaning"
DICTIONARY_COLUMNS = ("column", MEANING, "type", "unit", "values", "tier")
"""What a data dictionary says of a column; the meaning in a column for each language."""
DICTIONARY_WORDS = ("table", *DICTIONARY_COLUMNS, *(tier.name.lower() for tier in Tier))
"""Messages of a data dictionary."""


def dictionary_head() -> tuple[str, ...]:
    """Heads of a data dictionary, Spanish and English: seven for the six of `DICTIONARY_COLUMNS`."""
    spanish = language("es").text(MEANING, DICTIONARY)
    heads = [(spanish, MEANING) if name == MEANING else (_both(name),) for name in DICTIONARY_COLUMNS]
    return tuple(text for head in heads for text in head)


def dictionary_rows(table: Table) -> list[tuple[str, ...]]:
    """One row for each column of a table under `dictionary_head`, Spanish and English side by side."""
    spanish = language("es")
    return [
        (
            column.name,
            column_meaning(spanish, column),
            column.description,
            column.dtype,
            column.unit,
            " | ".join(column.choices),
            _both(column.tier.name.lower()),
        )
        for column in table.columns
    ]


def write_dictionary(path: Path, tables: tuple[Table, ...]) -> Path:
    """Write the bilingual data dictionary of some tables as CSV (UTF-8 with BOM) and return the path."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([_both("table"), *dictionary_head()])
    for table in tables:
        writer.writerows([cell(part) for part in (table.name, *row)] for row in dictionary_rows(table))
    return write_checked(path, b"\xef\xbb\xbf" + text.getvalue().encode())


def write_provenance(path: Path, provenance: Mapping[str, str]) -> Path:
    """Write what a CSV was made from beside it, as `NAME-procedencia.json`, and return that path."""
    text = json.dumps(dict(provenance), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return write_text(path.with_name(f"{path.stem}-procedencia.json"), text)


def _both(message: str) -> str:
    """A word of a dictionary in Spanish and English."""
    return f"{language('es').text(message, DICTIONARY)} / {message}"
