"""Every command that reads or serves what a run made, and the site folders that people make themselves."""

import itertools
import json
import shutil
import sys
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import geopandas as gpd
import openpyxl
import pyogrio
import pytest
import shapely

import small_site
from conftest import ROOT
from selvawatch import __version__
from selvawatch.core.files import folder_digests
from selvawatch.sources.catalogues.volume import expected_bytes
from selvawatch.sources.open import open_source
from selvawatch.web import retry

pytestmark = pytest.mark.slow


@pytest.fixture
def store(small_run):
    """The store of the small run; every command here must leave it as it is."""
    before = folder_digests(small_run.store)
    yield small_run.store
    assert folder_digests(small_run.store) == before


def test_monitor_ends_with_one_object_for_machines(small_run, store, command):
    said = command(*small_run.words(), "--json")
    assert said.code == 0 and said.err == ""
    stable = (
        "run_id store bulletin alerts tables observed_share events_new events_confirmed loss_ha mining_ha"
    )
    assert set(stable.split()) <= set(said.json)
    assert said.json["store"] == str(store) and 0 < said.json["mining_ha"] <= said.json["loss_ha"]
    assert f"{said.json['events']} events" in said.out.splitlines()[0]


@pytest.mark.parametrize("tier", ["public", "restricted"])
def test_alerts_list_shows_them_by_rank(small_run, store, command, tier):
    said = command("alerts", "list", "--store", store, "--tier", tier, "--json")
    expected = gpd.read_parquet(small_run.products / tier / "alerts.parquet").sort_values("rank")
    assert [row["alert_id"] for row in said.json] == expected["alert_id"].tolist()
    assert "geometry" not in said.json[0] and ("overlap_list" in said.json[0]) == (tier == "restricted")
    lines = command("alerts", "list", "--store", store, "--tier", tier, "--top", 2).out.splitlines()
    assert len(lines) == 2 and expected["alert_id"].iloc[0] in lines[0]


def test_alerts_show_tells_one_alert_by_either_id(store, command):
    (first, *_) = command("alerts", "list", "--store", store, "--json").json
    for name in (first["alert_id"], first["event_id"]):
        assert command("alerts", "show", name, "--store", store, "--json").json == first
    lines = command("alerts", "show", first["alert_id"], "--store", store).out.splitlines()
    assert any(line.split() == ["alert_id", first["alert_id"]] for line in lines)


def test_alerts_show_names_what_it_does_not_know(store, command):
    line = command("alerts", "show", "NOBODY", "--store", store).error
    assert "NOBODY" in line and "selvawatch alerts list" in line


@pytest.mark.parametrize(
    ("form", "tier"),
    [
        *itertools.product(
            ["gpkg", "geojson", "kml", "csv", "xlsx", "parquet"],
            ["public", "restricted"],
        ),
        ("gpx", "restricted"),
    ],
)
def test_alerts_export_writes_the_product_of_the_tier(small_run, store, command, tmp_path, form, tier):
    out = tmp_path / f"out.{form}"
    said = command("alerts", "export", "--store", store, "--tier", tier, "--out", out)
    assert said.code == 0 and said.out.strip() == str(out)
    assert out.read_bytes() == (small_run.products / tier / f"alerts.{form}").read_bytes()
    if form in ("gpkg", "geojson", "kml", "gpx"):
        names = [name for name, _ in pyogrio.list_layers(out)]
        assert sum(len(pyogrio.read_dataframe(out, layer=name)) for name in names) > 0
    if form == "xlsx":
        openpyxl.load_workbook(out, read_only=True).close()


def test_files_that_no_run_writes_are_made_on_demand(small_run, store, command, tmp_path):
    alerts = gpd.read_parquet(small_run.products / "restricted" / "alerts.parquet")
    count = len(alerts)
    for name in ("a.kmz", "a.shp", "a.qgz", "b.qgs"):
        words = ["--store", store, "--tier", "restricted", "--out", tmp_path / name]
        assert command("alerts", "export", *words).code == 0
    layers = [name for name, _ in pyogrio.list_layers(tmp_path / "a.kmz")]
    assert sum(len(pyogrio.read_dataframe(tmp_path / "a.kmz", layer=name)) for name in layers) == count
    with zipfile.ZipFile(tmp_path / "a.kmz") as archive:
        pictures = {name for name in archive.namelist() if name.endswith(".jpg")}
    named = {*alerts["before_picture"].dropna(), *alerts["after_picture"].dropna()}
    assert pictures == {name.replace("pictures/", "files/") for name in named} != set()
    assert len(pyogrio.read_dataframe(tmp_path / "a.shp")) == count
    assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()
    assert len(pyogrio.read_dataframe(tmp_path / "a.gpkg")) == count


def test_export_and_bulletin_give_the_public_tier_unless_asked(small_run, store, command, tmp_path):
    command("alerts", "export", "--store", store, "--out", tmp_path / "out.gpkg")
    command("bulletin", "--store", store, "--out", tmp_path / "out.html")
    public = small_run.products / "public"
    assert (tmp_path / "out.gpkg").read_bytes() == (public / "alerts.gpkg").read_bytes()
    assert (tmp_path / "out.html").read_bytes() == (public / "bulletin-es.html").read_bytes()


@pytest.mark.parametrize("words", [["--format", "gpx"], []])
def test_the_public_tier_has_no_waypoints_and_is_told_which_tier_has(
    small_run, store, command, tmp_path, words
):
    out = tmp_path / "a.gpx"
    line = command("alerts", "export", *words, "--store", store, "--tier", "public", "--out", out).error
    assert "--tier restricted" in line and "gpx" in line and not out.exists()
    assert not (small_run.products / "public" / "alerts.gpx").exists()


def test_an_unknown_format_is_answered_with_the_known_ones(store, command, tmp_path):
    export = ["alerts", "export", "--store", store, "--out", tmp_path / "x.dxf"]
    line = command(*export, "--format", "dxf").error
    assert "got dxf" in line and "gpkg" in line and "gfw" in line
    line = command(*export).error
    assert "got .dxf" in line and ".gpkg" in line and not (tmp_path / "x.dxf").exists()
    for name in ("x.json", "x.tif"):  # of several formats, none of them the one that is meant
        line = command("alerts", "export", "--store", store, "--out", tmp_path / name).error
        assert "no format has the ending" in line and "--format" in line


@pytest.mark.parametrize(
    ("form", "name"),
    [("kml", "a.gpkg"), ("gpkg", "a.KML"), ("csv", "a.xlsx"), ("kmz", "a.kml"), ("odk", "a.json"),
     ("gfw", "a.csv"), ("xlsform", "a.csv"), ("mbtiles", "a.tif")],
)  # fmt: skip
def test_a_file_whose_ending_is_another_formats_is_refused(store, command, tmp_path, form, name):
    words = ["--store", store, "--tier", "restricted", "--out", tmp_path / name]
    line = command("alerts", "export", "--format", form, *words).error
    assert "the ending of the file is another format's" in line and f"--format {form}" in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lang", "form", "name"),
    [
        ("es", "html", "bulletin-es.html"),
        ("en", "txt", "bulletin-en.txt"),
        ("es", "message", "bulletin-es-message.txt"),
    ],
)
def test_bulletin_says_where_it_is_or_copies_it(small_run, store, command, tmp_path, lang, form, name):
    words = ["bulletin", "--lang", lang, "--format", form, "--store", store, "--tier", "restricted"]
    path = small_run.products / "restricted" / name
    assert command(*words).out.strip() == str(path)
    command(*words, "--out", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_a_bulletin_has_the_form_of_its_files_ending_and_another_is_refused(
    small_run, store, command, tmp_path
):
    assert command("bulletin", "--store", store, "--out", tmp_path / "b.txt").code == 0
    kept = small_run.products / "public" / "bulletin-es.txt"
    assert (tmp_path / "b.txt").read_bytes() == kept.read_bytes()
    for form, name in (("pdf", "x.html"), ("html", "x.txt"), ("txt", "x.json"), ("message", "x.pdf")):
        for more in ([], ["--since", "2026-01-01"]):
            words = ["bulletin", "--format", form, *more, "--store", store, "--out", tmp_path / name]
            assert "the ending of the file is another format's" in command(*words).error
    assert "got .gpkg" in command("bulletin", "--store", store, "--out", tmp_path / "x.gpkg").error
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_bulletin_as_pdf_without_its_extra_is_an_error_of_one_line(store, command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)  # an import of it fails
    out = tmp_path / "bulletin.pdf"
    for words in (["--format", "pdf", "--out", out], ["--out", out]):
        line = command("bulletin", "--store", store, *words).error
        assert "weasyprint" in line and "selvawatch[pdf]" in line and not out.exists()
    assert "--out" in command("bulletin", "--store", store, "--format", "pdf").error


def test_a_bulletin_is_made_as_pdf_of_the_page_of_the_tier(small_run, store, command, tmp_path, monkeypatch):
    drawn = {}

    class Writer:
        def __init__(self, string, url_fetcher):
            drawn["page"], drawn["fetcher"] = string, url_fetcher

        def write_pdf(self, identifier):
            return b"%PDF-" + identifier

    def fetcher(**options):
        return options

    urls = SimpleNamespace(URLFetcher=fetcher)
    monkeypatch.setitem(sys.modules, "weasyprint", SimpleNamespace(HTML=Writer, urls=urls))
    out = tmp_path / "bulletin.pdf"
    said = command("bulletin", "--store", store, "--lang", "en", "--format", "pdf", "--out", out)
    assert (said.code, said.out.strip()) == (0, str(out))
    assert drawn["page"] == (small_run.products / "public" / "bulletin-en.html").read_text(encoding="utf-8")
    assert drawn["fetcher"]["allowed_protocols"] == ["data"]
    assert out.read_bytes() == b"%PDF-" + small_run.products.name[:32].encode()


@pytest.mark.parametrize("words", [["alerts", "list"], ["alerts", "show", "X"], ["bulletin"]])
def test_a_store_without_a_run_says_what_to_do(command, tmp_path, words):
    line = command(*words, "--store", tmp_path / "new").error
    assert "selvawatch monitor" in line and not (tmp_path / "new").exists()


def test_scenes_counts_what_there_is_by_sensor_and_month(small_run, command):
    words = ["scenes", "--from", "2024-01-01", "--to", "2024-02-29", "--source", small_run.source]
    said = command(*words, "--site", small_run.site, "--json").json
    ids = [name for name, one in small_site.items(small_run.archive).items() if _between(one)]
    assert sum(row["found"] for row in said["months"]) == len(ids) and said["problems"] == []
    assert {row["month"] for row in said["months"]} == {"2024-01", "2024-02"}
    for row in said["months"]:
        assert row["searched"] and abs(row["covered"] + row["missing"] - 1) < 1e-9
        assert row["hours"] == round(row["megabytes"] / 2 / 3600, 3) or row["megabytes"] < 1
    assert "sentinel-1" in command(*words, "--site", small_run.site).out


def _between(item):
    return "2024-01-01" <= item["properties"]["datetime"][:10] <= "2024-02-29"


def test_scenes_names_those_that_cannot_be_used(small_run, command, tmp_path):
    archive = small_site.copy_archive(small_run.archive, tmp_path / "archive")
    name = next(name for name, one in small_site.items(archive).items() if _between(one))
    small_site.change_item(archive, name, lambda item: item["assets"].clear())
    words = ["scenes", "--from", "2024-01-01", "--to", "2024-02-29", "--source", f"folder:{archive}"]
    said = command(*words, "--site", small_run.site)
    assert said.code == 0 and said.err.startswith(f"unusable: {name}: ")


def test_scenes_tells_months_without_a_scene_from_sensors_that_were_not_searched(
    small_run, command, monkeypatch
):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
    source = f"sentinel-2={small_run.source},landsat=stac:http://127.0.0.1:9"
    words = ["scenes", "--from", "2023-12-01", "--to", "2024-10-31", "--source", source]
    said = command(*words, "--site", small_run.site, "--json").json
    rows = {(row["sensor"], row["month"]): row for row in said["months"]}
    assert rows["sentinel-2", "2024-08"]["found"] > 0 and rows["sentinel-2", "2024-08"]["missing"] < 1
    empty = rows["sentinel-2", "2024-10"]
    assert (empty["searched"], empty["found"], empty["missing"], empty["megabytes"]) == (True, 0, 1, 0)
    assert rows["landsat", "2024-10"]["searched"] is False and rows["landsat", "2024-10"]["found"] is None
    assert said["unsearched"] == ["landsat"]
    told = command(*words, "--site", small_run.site)
    assert "not searched: landsat" in told.err and "MB/s" in told.out


def test_bytes_of_a_declared_size_are_the_share_of_it_that_is_read(small_archive):
    found = open_source(f"folder:{small_archive.catalog.parent}").search(
        shapely.box(-75, -20, -60, 0), 0, 30_000
    )
    scene = next(one for one in found.scenes if one.sensor == "sentinel-2")
    asset = replace(scene.assets["red"], file_size=1_000_000)
    everywhere, half = scene.footprint.buffer(1), scene.footprint.bounds
    half = shapely.box(half[0], half[1], (half[0] + half[2]) / 2, half[3])
    whole, part = (
        expected_bytes(replace(scene, assets=dict.fromkeys(scene.assets, asset)), ground)
        for ground in (everywhere, half)
    )
    assert whole == (len(scene.assets) * 1_000_000, True)
    assert part[1] and 0.48 < part[0] / whole[0] < 0.55
    assert not expected_bytes(scene, everywhere)[1] and expected_bytes(scene, everywhere)[0] > 0


def test_scenes_between_days_without_any_says_so(small_run, command):
    words = ["scenes", "--from", "2030-01-01", "--to", "2030-02-01", "--source", small_run.source]
    assert command(*words, "--site", small_run.site).out == "no scene\n"


def test_init_copies_a_site_that_monitor_can_run(small_run, command, tmp_path):
    folder = tmp_path / "mine"
    assert command("init", folder).code == 0
    for part in ("aoi", "models", "flows"):
        assert folder_digests(folder / part) == folder_digests(ROOT / part)
    for path in sorted((small_run.site / "aoi").iterdir()):
        (folder / "aoi" / path.name).write_bytes(path.read_bytes())
    mine = replace(small_run.fitted(tmp_path / "store"), site=folder)
    said = command(*mine.words("2024-02-15"))
    assert said.code == 0 and "2024-02-15" in said.out
    assert mine.state.until_day > 0


def test_init_overwrites_nothing(command, tmp_path):
    (tmp_path / "aoi").mkdir()
    (tmp_path / "aoi" / "mine.txt").write_text("mine")
    assert "there is a site already" in command("init", tmp_path).error
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["aoi", "mine.txt"]


def test_the_site_of_the_current_folder_is_used(small_run, store, command, monkeypatch):
    monkeypatch.chdir(small_run.site)
    words = ["--store", store, "--source", small_run.source, "--area", small_site.AREA]
    said = command("monitor", *words, "--until", small_run.until)
    assert said.code == 0 and "events" in said.out


def test_doctor_finds_nothing_wrong_with_the_small_site(small_run, store, command):
    said = command("doctor", "--site", small_run.site, "--store", store)
    assert said.code == 0, said.out
    assert "site demo" in said.out and f"run {small_run.products.name}" in said.out
    assert f"selvawatch {__version__}" in said.out and "FAIL" not in said.out


def test_doctor_names_what_would_stop_a_run_and_ends_with_1(command, tmp_path):
    (tmp_path / "file").write_text("mine")
    said = command("doctor", "--site", tmp_path / "nosite", "--store", tmp_path / "file")
    bad = [line for line in said.out.splitlines() if line.startswith("FAIL")]
    assert said.code == 1 and len(bad) == 2
    assert "site.toml" in bad[0] and "not a folder" in bad[1]


def test_serve_without_a_server_says_how_to_start_one(small_run, command, monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    line = command("serve", "--site", small_run.site, "--source", small_run.source).error
    assert "prefect server start" in line and "PREFECT_API_URL" in line


def test_the_report_beside_the_products_is_what_the_command_said(small_run, command):
    said = command(*small_run.words(), "--json").json
    assert json.loads((small_run.products / "report.json").read_text(encoding="utf-8")) == said


def test_a_run_on_a_site_whose_days_were_edited_is_refused_at_the_plan(small_run, store, command, tmp_path):
    shutil.copytree(small_run.site, tmp_path / "site")
    path = tmp_path / "site" / "aoi" / "site.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("history_from = 2022-12-01", "history_from = 2022-12-02"), encoding="utf-8")
    line = command(*replace(small_run, site=tmp_path / "site").words("2024-09-30")).error
    assert "history_from 2022-12-02, the store has 2022-12-01" in line and "site.toml" in line
    assert (store / "site.json").is_file()


def test_a_file_for_people_has_the_words_of_the_language_that_is_asked_for(store, command, tmp_path):
    export = ["alerts", "export", "--store", store, "--out"]
    heads = {}
    for lang in ("es", "en"):
        assert command(*export, tmp_path / f"{lang}.xlsx", "--lang", lang).code == 0
        book = openpyxl.load_workbook(tmp_path / f"{lang}.xlsx")
        heads[lang] = book.worksheets[0]["C1"].value
        assert command(*export, tmp_path / f"{lang}.kml", "--lang", lang).code == 0
        assert command(*export, tmp_path / f"{lang}.gpkg", "--lang", lang).code == 0
        names = [str(name) for name, _ in pyogrio.list_layers(tmp_path / f"{lang}.gpkg")]
        assert names == ["alerts", "layer_styles"]
    assert heads == {"es": "Estado", "en": "Status"}
    texts = [(tmp_path / f"{lang}.kml").read_text(encoding="utf-8") for lang in ("es", "en")]
    assert "posible minería" in texts[0] and "possible mining" in texts[1]
    line = command(*export, tmp_path / "x.parquet", "--lang", "es").error
    assert "the format has no words" in line and "--format parquet" in line
    assert "unknown language" in command(*export, tmp_path / "x.csv", "--lang", "qu").error
    encoded = command(*export, tmp_path / "x.tif", "--format", "gfw", "--tier", "restricted", "--lang", "es")
    assert encoded.code == 1 and "the format has no words" in encoded.error
    printed = command("table", "loss_by_type", "--store", store, "--lang", "es")
    assert printed.code == 1 and "what is printed has codes, no words" in printed.error
    assert not list(tmp_path.glob("x.*"))
