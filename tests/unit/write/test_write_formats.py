"""The table of file formats: what it knows, what it refuses, and a format made up by the recipe."""

from pathlib import Path

import pystac
import pytest
import shapely

from selvawatch.core.schema import Tier
from selvawatch.core.tables import ALERTS
from selvawatch.errors import TableError
from selvawatch.store.folders import open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.seal import seal_folder
from selvawatch.write import tiers
from selvawatch.write.formats.format_table import (
    FORMATS,
    Content,
    Format,
    formats_of,
    write_alerts,
    write_rows,
)
from selvawatch.write.formats.stac_catalogue import Product, write_stac
from selvawatch.write.language.i18n import language
from write_data import DATA_DAY, OPEN_RULE, PROVENANCE, alerts, bulletin

SPANISH = language("es")


def released(tier=Tier.RESTRICTED):
    return tiers.apply(ALERTS, alerts(3), tiers.Gate(tier=tier, rule=OPEN_RULE, data_day=DATA_DAY))


@pytest.mark.parametrize("content", list(Content))
def test_every_format_writes_what_it_says_it_can(tmp_path, content):
    for form in formats_of(content):
        path = tmp_path / form.name / f"rows{form.suffix}"
        assert form.write(path, released(), PROVENANCE, SPANISH).stat().st_size > 300
        if content is not Content.FIELD:
            assert write_rows(path, released(), PROVENANCE, SPANISH, content).stat().st_size > 500


def test_names_and_suffixes_stand_once_and_each_content_keeps_its_formats():
    by_suffix = [
        form.suffix
        for form in FORMATS.values()
        if not form.contents & {Content.FIELD, Content.PEOPLE, Content.WORDED}
    ]
    assert len(set(by_suffix)) == len(by_suffix)
    assert {name for name, form in FORMATS.items() if form.name != name} == set()
    known = {content: {form.suffix for form in formats_of(content)} for content in Content}
    assert known == {
        Content.ALERTS: {".parquet", ".gpkg", ".geojson", ".csv", ".xlsx", ".kml", ".gpx"},
        Content.TABLE: {".parquet", ".csv", ".xlsx"},
        Content.ATTRIBUTION: {".parquet", ".csv", ".gpkg", ".xlsx"},
        Content.FIELD: {".csv", ".json"},
        Content.DEMAND: {".kmz", ".shp", ".qgs", ".qgz"},
        Content.PEOPLE: {".csv", ".xlsx", ".qgs"},
        Content.SHEET: {".csv", ".xlsx"},
        Content.WORDED: {".gpkg"},
    }


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path):
    for content, suffix in ((Content.ALERTS, ".dxf"), (Content.TABLE, ".gpkg"), (Content.ATTRIBUTION, "")):
        with pytest.raises(TableError, match=r"unknown format.*needed .*\.csv"):
            write_rows(tmp_path / f"a{suffix}", released(), {}, SPANISH, content)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "suffix", "companions"),
    [
        (Content.TABLE, ".csv", {"t-diccionario.csv", "t-procedencia.json"}),
        (Content.TABLE, ".parquet", {"t-diccionario.csv"}),
        (Content.TABLE, ".XLSX", set()),
        (Content.ATTRIBUTION, ".csv", {"t-procedencia.json"}),
        (Content.ATTRIBUTION, ".gpkg", set()),
        (Content.ALERTS, ".csv", set()),
    ],
)
def test_what_a_file_cannot_hold_stands_in_files_of_its_own(tmp_path, content, suffix, companions):
    path = write_rows(tmp_path / f"t{suffix}", released(), PROVENANCE, SPANISH, content)
    assert {file.name for file in tmp_path.iterdir()} == {path.name, *companions}


def write_tsv(path: Path, rows: tiers.Released, _provenance, _lang) -> Path:
    """A format as the recipe of CONTRIBUTING makes one: a function ..."""
    path.write_text(rows.frame[["alert_id", "ha"]].to_csv(sep="\t", index=False), encoding="utf-8")
    return path


TSV = Format(
    name="tsv",
    suffix=".tsv",
    media_type="text/tab-separated-values",
    contents=frozenset({Content.ALERTS}),
    write=write_tsv,
)
"""... and an entry."""


def test_a_format_made_up_by_the_recipe_is_written_by_a_run_catalogued_and_exported(
    tmp_path, monkeypatch, command
):
    store, run = open_store(str(tmp_path / "store")), bulletin().run
    folder, out = store.run(run.run_id) / "public", tmp_path / "out.tsv"
    words = ["alerts", "export", "--format", "tsv", "--store", store.folder, "--out", out]
    assert "unknown format" in command(*words).error
    monkeypatch.setitem(FORMATS, TSV.name, TSV)
    files = write_alerts(folder, released(Tier.PUBLIC), PROVENANCE, SPANISH)
    product = Product(
        id="alerts", title="Alerts", geometry=shapely.box(-70.2, -12.9, -70, -12.7), files=files
    )
    write_stac(folder, run, "la-pampa", "La Pampa", (product,))
    seal_folder(folder.parent)
    row = RunRow(sequence=1, run_id=run.run_id, area="la-pampa", until_day=run.data_day, result={})
    store.ledger.commit(row, tiles=(), scenes=(), alerts=())
    assert command(*words).code == 0
    assert out.read_text(encoding="utf-8").splitlines()[0] == "alert_id\tha"
    item = next(pystac.Catalog.from_file(str(folder / "catalog.json")).get_items(recursive=True))
    assert item.assets["tsv"].media_type == TSV.media_type
