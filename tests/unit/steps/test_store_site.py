"""A store is told by its own site: that given, the current folder's or the copy that it keeps."""

import json
import os
import shutil
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import made_decade
import selvawatch
from conftest import ROOT
from selvawatch.core.files import read_checked_json, write_checked_json
from selvawatch.errors import SiteError
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import product_names
from selvawatch.store.site_copy import read_site_copy, site_copy_path
from small_site import write_area


@pytest.fixture
def place(small_run, tmp_path, monkeypatch):
    """The small run with a store and a site of its own, seen from a folder without a site."""

    def copy(source, target):
        (shutil.copyfile if "ledger." in source else os.link)(source, target)

    shutil.copytree(small_run.store, tmp_path / "store", copy_function=copy)
    shutil.copytree(small_run.site, tmp_path / "site")
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    found = replace(small_run, store=tmp_path / "store", site=tmp_path / "site")
    path = site_copy_path(found.opened)
    content = read_checked_json(path)
    path.unlink()
    write_checked_json(path, {**content, "folder": "../site"})
    return found


def edited(place, old, new, file="site.toml"):
    """A copy of the site with one edit."""
    folder = place.site.parent / "edited"
    shutil.copytree(place.site, folder)
    path = folder / "aoi" / file
    if not path.exists():
        shutil.copyfile(ROOT / "aoi" / file, path)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return folder


def table(place, name="loss_by_type", **rest):
    return selvawatch.table(name, store=place.store, tier="restricted", **rest)


def test_without_a_site_a_table_is_that_of_the_stores_own_site(place, command, tmp_path):
    by_site, by_copy = table(place, site=place.site), table(place)
    pd.testing.assert_frame_equal(by_site, by_copy)
    assert len(by_copy) > 3 and by_copy["ha"].sum() > 0
    assert by_copy.attrs["provenance"] == by_site.attrs["provenance"]
    assert by_copy.attrs["provenance"]["site_edits"] == "none"
    words = ("table", "loss_by_type", "--store", place.store, "--tier", "restricted")
    said = command(*words, "--out", tmp_path / "t.parquet")
    assert said.code == 0, said.error
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "t.parquet")["ha"], by_site["ha"])
    out = tmp_path / "a.tif"
    said = command(
        "alerts", "export", "--format", "gfw", "--tier", "restricted", "--store", place.store, "--out", out
    )
    assert said.code == 0 and out.exists(), said.error


OTHER = [
    ('name = "demo"', 'name = "pampa"', "name pampa, the store has demo"),
    ("resolution = 10.0", "resolution = 20.0", "[grid]: resolution 20.0, the store has 10.0"),
    ("lon = -70.16", "lon = -71.16", "[centre]: lon -71.16, the store has -70.16"),
    (
        "monitoring_from = 2024-01-01",
        "monitoring_from = 2024-02-01",
        "monitoring_from 2024-02-01, the store has 2024-01-01",
    ),
]


@pytest.mark.parametrize(("old", "new", "both"), OTHER, ids=lambda one: one[:12])
def test_another_site_is_refused_in_one_line_with_both_values(place, command, monkeypatch, old, new, both):
    other = edited(place, old, new)
    words = [["table", "loss_by_type"], ["alerts", "list"], ["bulletin"]]
    for one in words:
        said = command(*one, "--site", other, "--store", place.store)
        assert said.code == 1 and both in said.error and "\n" not in said.error
    with pytest.raises(SiteError, match="not the site of the store"):
        table(place, site=other)
    monkeypatch.chdir(other)
    with pytest.raises(SiteError, match="not the site of the store"):
        table(place)
    assert command("table", "loss_by_type", "--store", place.store).code == 1
    assert command("table", "loss_by_type", "--site", place.site, "--store", place.store).code == 0


def test_the_packaged_site_tells_of_no_other_store(place, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SiteError, match=r"name madre-de-dios, the store has demo"):
        table(place)


@pytest.mark.parametrize("change", ["smaller", "larger", "renamed"])
def test_another_outline_of_an_area_with_events_is_another_site(place, change):
    folder = edited(place, "demo", "demo")
    path = folder / "aoi" / "areas.geojson"
    features = json.loads(path.read_text("utf-8"))
    outline = shapely.from_geojson(json.dumps(features["features"][0]["geometry"]))
    if change == "renamed":
        path.write_text(path.read_text("utf-8").replace('"la-pampa"', '"pampa"'), "utf-8")
    else:
        write_area(path, outline.buffer(0.001 if change == "larger" else -0.001))
    with pytest.raises(SiteError, match="area la-pampa: .* the store has another outline of"):
        table(place, site=folder)


@pytest.mark.parametrize(
    ("old", "new", "file", "role"),
    [
        ("grid_m = 1000.0", "grid_m = 2000.0", "site.toml", "site"),
        ("old_layer_days = ", "# none\nold_layer_days = ", "tables.toml", "tables"),
        ('title = "Fajas', 'title = "Otras fajas', "zones.toml", "zones"),
    ],
    ids=["tiers", "tables", "layers"],
)
def test_any_other_edit_is_used_and_told(place, old, new, file, role):
    found = table(place, site=edited(place, old, new, file))
    assert found.attrs["provenance"]["site_edits"] == role
    assert found.attrs["provenance"]["site"] == "demo"


def test_a_copy_that_cannot_be_laid_out_says_what_to_give(place, command):
    path = site_copy_path(place.opened)
    content = read_checked_json(path)
    for gone in ({"files": {}}, {"folder": ""}, {"site_file": ""}):
        write_checked_json(path, {**content, **gone})
        said = command("table", "loss_by_type", "--store", place.store)
        assert said.code == 1 and "copy of its site is not whole" in said.error and "--site" in said.error
    zones = content["files"]["zones"]
    elsewhere = zones["text"].replace("/register/rights.gpkg", "/register/gone.gpkg")
    assert elsewhere != zones["text"]
    write_checked_json(
        path, {**content, "files": {**content["files"], "zones": {**zones, "text": elsewhere}}}
    )
    said = command("table", "loss_by_type", "--store", place.store)
    assert said.code == 1 and "copy of its site cannot be used" in said.error and "no such file" in said.error
    assert "give the site's folder by --site" in said.error and "\n" not in said.error


@pytest.fixture
def kept_product(command, tmp_path):
    """A site, and a store that holds one loss product of it and no run."""
    site, store = made_decade.write_site(tmp_path / "site"), tmp_path / "store"
    west, south = made_decade.WEST + 6_000, made_decade.SOUTH + 6_000
    shape = shapely.box(west, south, west + 1_000, south + 1_000)
    frame = gpd.GeoDataFrame({"day": ["2020-05-01"]}, geometry=[shape], crs="EPSG:32719")
    frame.to_parquet(tmp_path / "loss.parquet")
    said = register_loss(command, site, store, "made")
    assert said.code == 0, said.error
    return site, store


def register_loss(command, site, store, name):
    words = ["--loss", site.parent / "loss.parquet", "--date-field", "day", "--register-as", name]
    return command("attribute", *words, "--site", site, "--store", store)


OF_PRODUCTS = [
    ('name = "madre-de-dios"', 'name = "pampa"', "name pampa, the store has madre-de-dios"),
    ("EPSG:32719", "EPSG:32718", "[grid]: crs EPSG:32718, the store has EPSG:32719"),
    ("lon = -70.3", "lon = -71.3", "[centre]: lon -71.3, the store has -70.3"),
    ("monitoring_from = 2016-01-01", "monitoring_from = 2016-02-01", "monitoring_from 2016-02-01"),
    ("smaller", "", "area la-pampa: "),
    ("renamed", "", "area la-pampa: no such area, the store has another outline"),
]


def other_site(site, old, new):
    """A copy of a site with one edit of its site file, or of the outline or name of one area."""
    folder = site.parent / "another"
    shutil.copytree(site, folder)
    path = folder / "aoi" / ("site.toml" if new else "areas.geojson")
    text = path.read_text("utf-8")
    if not new:
        areas = json.loads(text)
        (area,) = (one for one in areas["features"] if one["properties"]["name"] == "la-pampa")
        if old == "renamed":
            area["properties"]["name"] = "pampa"
        else:
            outline = shapely.from_geojson(json.dumps(area["geometry"])).buffer(-0.001)
            area["geometry"] = json.loads(shapely.to_geojson(outline))
    assert not new or old in text
    path.write_text(text.replace(old, new) if new else json.dumps(areas), "utf-8")
    return folder


@pytest.mark.parametrize(("old", "new", "both"), OF_PRODUCTS, ids=lambda one: one[:12])
def test_a_store_of_products_without_a_run_refuses_another_site(kept_product, command, old, new, both):
    site, store = kept_product
    other = other_site(site, old, new)
    before = site_copy_path(Store(store)).read_bytes()
    run = ["--source", site.parent, "--until", "2026-02-01"]
    said = [
        command("table", "loss_by_type", "--product", "made", "--site", other, "--store", store),
        register_loss(command, other, store, "second"),
        command("monitor", *run, "--site", other, "--store", store),
    ]
    for one in said:
        assert one.code == 1 and "not the site of the store" in one.error and both in one.error, one
        assert "\n" not in one.error
    with pytest.raises(SiteError, match="not the site of the store"):
        selvawatch.table("loss_by_type", site=other, store=store, product="made")
    assert product_names(Store(store)) == ["made"]
    assert site_copy_path(Store(store)).read_bytes() == before


def test_a_store_of_products_is_told_by_its_copy_and_by_its_site_with_other_edits(
    kept_product, command, tmp_path, monkeypatch
):
    site, store = kept_product
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    by_copy = selvawatch.table("loss_by_type", store=store, product="made", tier="restricted")
    assert by_copy["ha"].sum() == pytest.approx(100.0, rel=2e-3)
    assert by_copy.attrs["provenance"]["site_edits"] == "none"
    edit = other_site(site, "grid_m = 1000.0", "grid_m = 2000.0")
    by_edit = selvawatch.table("loss_by_type", site=edit, store=store, product="made", tier="restricted")
    assert by_edit.attrs["provenance"]["site_edits"] == "site"
    assert register_loss(command, edit, store, "second").code == 0
    assert read_site_copy(Store(store)).digest == Site.load(edit).digest


def test_a_store_of_products_whose_copy_is_damaged_says_what_to_do_and_is_helped_by_it(kept_product, command):
    site, store = kept_product
    path = site_copy_path(Store(store))
    path.write_bytes(b"{}")
    words = ["table", "loss_by_type", "--product", "made", "--site", site, "--store", store]
    said = command(*words)
    assert said.code == 1 and "remove the file" in said.error and "\n" not in said.error
    path.unlink()
    assert command(*words).code == 0
    assert register_loss(command, site, store, "second").code == 0
    assert command(*words).code == 0 and read_site_copy(Store(store)) is not None
