"""The form by which answers come back: an XLSForm for ODK and KoboToolbox."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from selvawatch.core.files import write_checked
from selvawatch.core.tables import VERDICTS
from selvawatch.reviews.review import ROLES

LIST = "selvawatch_alerts"
"""Entity list, or media file, that the form chooses alerts from."""
_LANGUAGES = ("Español (es)", "English (en)")
_SURVEY: tuple[tuple[str, str, tuple[str, str], str, str], ...] = (
    ("start", "start", ("", ""), "", ""),
    ("end", "end", ("", ""), "", ""),
    ("note", "no_names", ("No escriba nombres de personas.", "Write no names of persons."), "", ""),
    (
        f"select_one_from_file {LIST}.csv",
        "chosen",
        ("¿Qué alerta?", "Which alert?"),
        "yes",
        "",
    ),
    ("calculate", "alert_id", ("", ""), "", f"instance('{LIST}')/root/item[name=${{chosen}}]/alert_id"),
    ("select_one verdicts", "verdict", ("¿Qué se vio?", "What was seen?"), "yes", ""),
    ("select_one roles", "role", ("¿En qué función?", "In which role?"), "", ""),
    ("geopoint", "seen_here", ("¿Desde dónde?", "From where?"), "", ""),
)
"""Type, name, label in Spanish and English, required, calculation of each question."""
_WORDS = {
    "mining": ("Se vio minería", "Mining seen"),
    "other-loss": ("No es minería", "Not mining"),
    "no-loss": ("No hay nada", "Nothing there"),
    "not-reached": ("No se llegó", "Not reached"),
    "ranger": ("Guardaparque", "Ranger"),
    "community": ("Comunidad", "Community"),
    "prosecutor": ("Fiscalía", "Prosecutor"),
    "police": ("Policía", "Police"),
    "authority": ("Autoridad", "Authority"),
    "partner": ("Socio", "Partner"),
    "technician": ("Técnico", "Technician"),
    "analyst": ("Analista", "Analyst"),
}
"""Labels of the choices, Spanish and English; `reviews.form_entries` reads them back."""


def write_xlsform(path: Path) -> Path:
    """Write the form and return the path; equal program, equal bytes.

    It asks which alert, what was seen, in which role and from where; never for a name or a free text. The
    list `LIST` is the file that `alerts export --format odk` or `kobo` writes.
    """
    labels = [f"label::{name}" for name in _LANGUAGES]
    survey = [["type", "name", *labels, "required", "calculation"]]
    survey += [
        [kind, name, *words, required, calculation] for kind, name, words, required, calculation in _SURVEY
    ]
    choices = [["list_name", "name", *labels]]
    choices += [["verdicts", verdict, *_WORDS[verdict]] for verdict in VERDICTS]
    choices += [["roles", role, *_WORDS[role]] for role in ROLES]
    settings = [
        ["form_title", "form_id", "version", "default_language", "instance_name"],
        ["selvawatch", "selvawatch_review", "1", _LANGUAGES[0], "concat(${alert_id}, ' ', ${verdict})"],
    ]
    return write_checked(path, _workbook({"survey": survey, "choices": choices, "settings": settings}))


def _workbook(sheets: dict[str, Sequence[Sequence[str]]]) -> bytes:
    import datetime as dt

    import xlsxwriter  # slow to import

    content = BytesIO()
    book = xlsxwriter.Workbook(
        content, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"created": dt.datetime(2000, 1, 1)})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                if value:
                    sheet.write_string(number, column, value)
    book.close()
    return content.getvalue()
