"""Texts from layers of others go through attribution, tables, charts and PDF without being run or drawn."""

import csv
import io

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest

import attribute_made as made
from attribute_made import box, cells, inputs, register
from selvawatch.attribute.loss_products import Product
from selvawatch.core.schema import Table, Tier
from selvawatch.core.table_options import TableRequest
from selvawatch.steps.tables import MadeTable, plot_table, write_table
from selvawatch.tables import TABLES, TableOptions, build
from selvawatch.write.bulletin.bulletin import html
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Gate, TierRule, apply
from write_data import HOSTILE, bulletin

FIRST = ("=", "+", "-", "@", "\t", "\r")
RULE = TierRule(delay_days=0, grid_m=1000, isolated_buffer_m=0, withhold_unchecked=False)
TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x00\x07"


def harmless(text):
    return not text.startswith(FIRST) and not any(mark in text for mark in TURNS)


def square(column):
    return box(column * 100, 0, (column + 1) * 100, 100)


@pytest.fixture(scope="module")
def made_inputs():
    """Loss in places, and on rights, whose every name is hostile."""
    places = [
        {"type": "district", "geometry": square(index), "name": text, "key": f"d{index}"}
        for index, text in enumerate(HOSTILE)
    ]
    rights = [
        {"type": "timber", "geometry": square(index), "name": text, "key": text}
        for index, text in enumerate(HOSTILE)
    ]
    names = [f"{text}{index}" for index, text in enumerate(HOSTILE)]
    lost = cells([square(index) for index in range(len(HOSTILE))]).assign(event_id=names)
    return inputs(lost, register([*places, *rights]))


def made_table(made_inputs, name, **options):
    frame = build(name, made_inputs, TableOptions(**options))
    spec = TABLES[name]
    columns = tuple(one for one in spec.columns if one.name in frame.columns)
    table = Table(name=spec.name, description=spec.description, columns=columns)
    released = apply(table, frame, Gate(tier=Tier.RESTRICTED, rule=RULE, data_day=made.TODAY))
    return MadeTable(released=released, provenance={"table": name, "evil": HOSTILE[3], HOSTILE[3]: "x"})


TABLES_OF_TEXT = [
    ("loss_by_district", {}),
    ("loss_by_right", {}),
    ("overlap_conflicts", {}),
    ("loss_by_type", {"by": ("district", "event_id")}),
]


@pytest.mark.parametrize(("name", "options"), TABLES_OF_TEXT)
def test_no_cell_of_a_table_is_a_formula_in_any_program(made_inputs, tmp_path, name, options):
    table = made_table(made_inputs, name, **options)
    path = write_table(tmp_path / "t.csv", table)
    for file in (path, tmp_path / "t-diccionario.csv"):
        rows = list(csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
        words = [cell for row in rows for cell in row]
        assert len(words) > 20
        assert [cell for cell in words if not harmless(cell) and not _number(cell)] == []
    book = openpyxl.load_workbook(write_table(tmp_path / "t.xlsx", table))
    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in found} <= {"s", "n", "b", "d"}
    assert [cell.value for cell in found if cell.data_type == "s" and not harmless(cell.value)] == []
    back = pd.read_parquet(write_table(tmp_path / "t.parquet", table))
    assert len(back) == len(table.released.frame)


def _number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_chart_of_hostile_names_is_drawn_small_and_as_text(made_inputs, tmp_path):
    table = made_table(made_inputs, "loss_by_district")
    wanted = TableRequest(name="loss_by_district")
    svg = plot_table(tmp_path / "p.svg", table, wanted).read_text(encoding="utf-8")
    assert "<script" not in svg and "onerror=" not in svg.replace("onerror=alert(1)&gt;", "")
    assert "x" * 200 not in svg
    assert plot_table(tmp_path / "p.png", table, wanted).stat().st_size > 1000


@pytest.mark.parametrize("suffix", ["csv", "parquet", "gpkg"])
def test_an_attributed_file_disarms_names_of_columns_too(tmp_path, command, suffix):
    evil = ["=1+1", "@SUM(A1)", "<b>x</b>", "abc\u202etxt"]
    values = {name: list(HOSTILE[:-1]) for name in evil}
    loss = gpd.GeoDataFrame(values, geometry=[square(index) for index in range(11)], crs=made.CRS)
    loss.to_parquet(tmp_path / "loss.parquet")
    zone = gpd.GeoDataFrame({"=zone": [HOSTILE[3]]}, geometry=[box(0, 0, 2000, 100)], crs=made.CRS)
    zone.to_parquet(tmp_path / "zona.parquet")
    out = tmp_path / f"out.{suffix}"
    words = ["--loss", tmp_path / "loss.parquet", "--zones", tmp_path / "zona.parquet", "--out", out]
    assert command("attribute", *words).code == 0
    if suffix == "csv":
        rows = list(csv.reader(io.StringIO(out.read_text(encoding="utf-8-sig"), newline="")))
        assert [cell for row in rows for cell in row if not harmless(cell) and not _number(cell)] == []
        assert len(rows) == 12
    else:
        back = gpd.read_parquet(out) if suffix == "parquet" else gpd.read_file(out)
        assert len(back) == 11
        assert list(back["=1+1"])[0] == HOSTILE[0]


def test_a_product_takes_no_hostile_name():
    for text in HOSTILE:
        with pytest.raises(Exception, match="product name"):
            Product(name=text, version="1", cause="mining")


@pytest.mark.slow
def test_a_pdf_of_hostile_texts_is_made_and_runs_nothing(tmp_path):
    pytest.importorskip("weasyprint", reason="the PDF writer is an extra: pip install 'selvawatch[pdf]'")
    content = bulletin(Tier.RESTRICTED, hostile=True)
    made_pdf = write_pdf(tmp_path / "a.pdf", html(content, language("es")), content.run.run_id).read_bytes()
    assert made_pdf.startswith(b"%PDF-")
    for word in (b"/JavaScript", b"/JS ", b"/Launch", b"/OpenAction << /S /JavaScript", b"/SubmitForm"):
        assert word not in made_pdf
