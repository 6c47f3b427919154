"""CSV and XLSX as people open them: in their language, rounded, with real days, ready to print."""

import csv
import datetime as dt
import io

import openpyxl
import pandas as pd
import pytest

from selvawatch.core import tables
from selvawatch.core.schema import Column, Table, Tier
from selvawatch.core.tables import ALERTS
from selvawatch.tables import TABLES
from selvawatch.write import tiers
from selvawatch.write.formats import reading_sheets
from selvawatch.write.formats.format_table import Content, write_alerts, write_rows
from selvawatch.write.formats.reading_sheets import write_people_csv, write_people_xlsx
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, OPEN_RULE, PROVENANCE, hostile_alerts, real_alerts

RUNS = ("=", "+", "@")
"""What a spreadsheet would run."""
SPANISH = language("es")


def released(tier=Tier.RESTRICTED, frame=None):
    frame = real_alerts() if frame is None else frame
    return tiers.apply(ALERTS, frame, tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))


def book_of(path):
    return openpyxl.load_workbook(io.BytesIO(path.read_bytes()))


def test_a_workbook_for_people_has_spanish_heads_and_words_real_days_and_rounded_hectares(tmp_path):
    book = book_of(write_people_xlsx(tmp_path / "a.xlsx", released(), PROVENANCE, SPANISH))
    assert book.sheetnames == ["alertas", "detalle", "léame"]
    sheet = book["alertas"]
    rows = [dict(zip([one.value for one in sheet[1]], line, strict=True)) for line in sheet.iter_rows(2)]
    assert len(rows) == 8 and [row["Prioridad"].value for row in rows] == list(range(1, 9))
    first = rows[0]
    assert (first["Estado"].value, first["Causa"].value) == ("confirmada", "posible minería")
    assert first["Zonas"].value == "zona de amortiguamiento; corredor minero"
    day = first["Primera detección"]
    assert day.is_date and day.value == dt.datetime(2026, 1, 10) and day.number_format == "dd/mm/yyyy"
    assert [row["Área (ha)"].value for row in rows][:3] == [12.34, 6.17, 4.11]
    assert first["Área (ha)"].number_format == "#,##0.00"


@pytest.mark.parametrize("name", ["alertas", "detalle"])
def test_a_workbook_for_people_prints_with_its_head_on_landscape_pages_as_wide_as_the_sheet(tmp_path, name):
    sheet = book_of(write_people_xlsx(tmp_path / "a.xlsx", released(), PROVENANCE, SPANISH))[name]
    assert sheet.print_title_rows == "$1:$1" and sheet.page_setup.orientation == "landscape"
    assert sheet.sheet_properties.pageSetUpPr.fitToPage and sheet.page_setup.fitToHeight == 0
    assert sheet.page_setup.fitToWidth in (None, 1) and sheet.page_setup.paperSize == 9
    assert sheet.freeze_panes and sheet.auto_filter.ref


def test_machine_files_keep_their_names_and_codes_and_print_as_well(tmp_path):
    files = write_alerts(tmp_path, released(), PROVENANCE, SPANISH)
    assert {files["csv"].name, files["people.csv"].name} == {"alerts.csv", "alertas.csv"}
    machine = pd.read_csv(files["csv"], encoding="utf-8-sig")
    assert {"alert_id", "status", "ha"} <= set(machine) and set(machine["status"]) <= set(tables.STATUSES)
    sheet = book_of(files["xlsx"])["datos"]
    assert sheet["A1"].value == "alert_id" and sheet.print_title_rows == "$1:$1"


def test_no_code_and_no_head_of_a_program_is_left_in_what_people_read(tmp_path):
    for code, status in (("es", "confirmada"), ("en", "confirmed")):
        path = write_people_csv(tmp_path / f"{code}.csv", released(), language(code))
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert not [head for head in rows[0] if "_" in head] and len(set(rows[0])) == len(rows[0])
        assert status in rows[1]
    heads = dict(zip(rows[0], rows[1], strict=True))
    assert heads["Mining probability"] == "97%" and heads["Ha (ha)"] == "12.34"
    assert heads["First detected"] == "2026-01-10"


def test_every_code_of_every_column_of_choices_has_words():
    for column in (one for one in ALERTS.columns if one.choices and one.name not in reading_sheets.MACHINE):
        for code in column.choices:
            words = reading_sheets.words_of(column.name, code, SPANISH)
            if column.name != "site_category":
                assert words != code or code in ("provisional", "no"), (column.name, code)


@pytest.mark.parametrize("tier", [Tier.PUBLIC, Tier.PARTNER])
def test_lower_tiers_list_no_coordinate_for_people_and_say_why(tmp_path, tier):
    out = released(tier)
    book = book_of(write_people_xlsx(tmp_path / "a.xlsx", out, PROVENANCE, SPANISH))
    cells = [str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row]
    assert "Latitud" not in cells and any("cuadros de una cuadrícula" in text for text in cells)
    assert ("Comunidad nativa" in cells) == (tier is Tier.PARTNER)
    text = write_people_csv(tmp_path / "a.csv", out, SPANISH).read_text(encoding="utf-8-sig")
    assert "Latitud" not in text and "-12." not in text


def test_hostile_texts_stay_texts_and_equal_inputs_give_equal_bytes(tmp_path):
    out = released(frame=hostile_alerts())
    made = [write_people_xlsx(tmp_path / n, out, PROVENANCE, SPANISH).read_bytes() for n in ("a", "b")]
    assert made[0] == made[1]
    for sheet in openpyxl.load_workbook(io.BytesIO(made[0])):
        for row in sheet.iter_rows():
            assert not [
                one for one in row if one.data_type == "f" or str(one.value).startswith(("=", "+", "@"))
            ]
    text = write_people_csv(tmp_path / "a.csv", out, SPANISH).read_text(encoding="utf-8-sig")
    for row in csv.reader(io.StringIO(text)):
        assert not [one for one in row if one.startswith(RUNS)] and "\u202e" not in "".join(row)


def test_no_alert_at_all_makes_sheets_with_heads_alone(tmp_path):
    out = released(frame=real_alerts(1).iloc[:0])
    book = book_of(write_people_xlsx(tmp_path / "a.xlsx", out, PROVENANCE, SPANISH))
    assert book["alertas"].max_row == 1 and book["alertas"]["A1"].value == "Prioridad"
    assert write_people_csv(tmp_path / "a.csv", out, SPANISH).read_text(encoding="utf-8-sig").count("\n") == 1


def test_a_table_for_people_has_words_too_and_keeps_what_it_was_made_from(tmp_path):
    table = TABLES["loss_by_type"]
    row = {column.name: _plain(column) for column in table.columns}
    row |= {
        "class": "brazil_nut+mining?",
        "accounting": "exclusive",
        "clock": "at-loss",
        "measure": "loss_all",
    }
    frame = pd.DataFrame([row])
    gate = tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY)
    out = tiers.apply(
        Table(name=table.name, description=table.description, columns=table.columns), frame, gate
    )
    write_rows(tmp_path / "t.csv", out, PROVENANCE, SPANISH, Content.PEOPLE)
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "t-procedencia.json"}
    text = (tmp_path / "t.csv").read_text(encoding="utf-8-sig")
    assert "concesión de castaña" in text and "brazil_nut" not in text and "toda la pérdida" in text
    book = book_of(write_rows(tmp_path / "t.xlsx", out, PROVENANCE, SPANISH, Content.PEOPLE))
    about = {row[0]: row[1] for row in book["léame"].iter_rows(values_only=True)}
    assert about["version"] == "0.1.0"


def test_texts_are_whole_and_shares_are_not_rounded_to_nothing_or_all(tmp_path):
    columns = (
        Column(name="rule", dtype="text", description="The rule cited."),
        Column(name="share", dtype="float", description="Share."),
        Column(name="share_other", dtype="float", description="Other share."),
    )
    table = Table(name="made", description="Made up.", columns=columns)
    frame = pd.DataFrame({"rule": ["a" * 2000] * 2, "share": [0.004, 0.9996], "share_other": [0.5, 1.0]})
    out = tiers.apply(table, frame, tiers.Gate(tier=Tier.PUBLIC, rule=OPEN_RULE, data_day=DATA_DAY))
    text = write_people_csv(tmp_path / "a.csv", out, SPANISH).read_text(encoding="utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))[1:]
    assert rows == [["a" * 2000, "<\u00a01%", "50%"], ["a" * 2000, "99%", "100%"]]
    sheet = book_of(write_people_xlsx(tmp_path / "a.xlsx", out, PROVENANCE, SPANISH)).worksheets[0]
    assert [one.value for one in sheet[2]] == ["a" * 2000, 0.004, 0.5]
    assert {sheet[3][1].number_format, sheet[3][2].number_format} == {"0.0%"}


@pytest.mark.parametrize(
    ("column", "code", "words"),
    [
        ("watched", "partly", "en parte"),
        ("period", "no_period", "fuera de estos periodos"),
        ("period", "across", "en un lapso que abarca varios"),
        ("period", "undated", "sin fecha"),
        ("period", "stock", "perdido hasta un día, de ningún periodo"),
        ("area", "none", "ninguno"),
        ("clock", "none", "ninguno"),
        ("period", "after_2012", "after_2012"),
        ("area", "before", "before"),
    ],
)
def test_codes_that_stand_where_a_name_would_have_words_and_names_stay(column, code, words):
    assert reading_sheets.words_of(column, code, SPANISH) == words


def _plain(column):
    if column.choices:
        return column.choices[0]
    return {"text": "x", "date": pd.Timestamp("2026-01-01"), "int": 1, "float": 1.234, "bool": True}[
        column.dtype
    ]
