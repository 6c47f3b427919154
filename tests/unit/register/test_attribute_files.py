"""Files of tables say what they were made from; kept faces and pieces are those made anew."""

import json
import os
import re
import shutil

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

import attribute_made as made
import selvawatch
from attribute_made import box, cells, register
from selvawatch.attribute.loss_products import Product
from selvawatch.attribute.overlay import attribute
from selvawatch.errors import StoreError
from selvawatch.site import Site, default_site
from selvawatch.steps.run.attribute_events import read_zones, with_product_scars
from selvawatch.steps.run.monitor import plan
from selvawatch.store.faces import KEPT, KEPT_EACH, site_faces, site_pieces
from selvawatch.store.folders import Store
from selvawatch.store.lock import exclusive
from selvawatch.store.loss_products import keep_product
from selvawatch.store.run_files import read_seen

SHA = re.compile(r"[0-9a-f]{64}")
DIGESTS = ("code_sha256", "register_sha256", "site_sha256", "run_scenes_sha256", "run_model_sha256")


@pytest.fixture(scope="module")
def copied(small_run, tmp_path_factory):
    """The small run's store where tables may keep things."""
    folder = tmp_path_factory.mktemp("tables") / "store"
    shutil.copytree(small_run.store, folder)
    return small_run.site, folder


def told_of(path):
    if path.suffix == ".parquet":
        return json.loads(pq.read_schema(path).metadata[b"selvawatch"])
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path, read_only=True)
        found = dict(book["procedencia"].iter_rows(values_only=True))
        assert next(book["diccionario"].iter_rows(values_only=True))[1] == "significado"
        book.close()
        return found
    return json.loads(path.with_name(f"{path.stem}-procedencia.json").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "parquet", "xlsx"])
def test_a_table_file_says_its_run_digests_and_layers(copied, tmp_path, command, suffix):
    site, store = copied
    out = tmp_path / f"zonas.{suffix}"
    said = command("table", "loss_by_zone", "--site", site, "--store", store, "--out", out)
    assert said.code == 0, said
    told = told_of(out)
    for name in DIGESTS:
        assert SHA.fullmatch(told[name]), name
    assert told["run_id"] == Store(store).ledger.current().run_id
    assert told["register_of_run"] == "yes"
    seen = read_seen(Store(store).run(told["run_id"]))
    assert ("mining-cadastre", "2024-01-15") in {(layer, day) for layer, day, _ in seen}
    assert told["table"] == "loss_by_zone" and told["tier"] == "public"
    assert json.loads(told["options"])["accounting"] == "exclusive"
    assert re.fullmatch(r"2024-01-15 [0-9a-f]{64}", told["layer mining-cadastre"])
    if suffix != "xlsx":
        dictionary = (tmp_path / "zonas-diccionario.csv").read_text(encoding="utf-8-sig")
        assert (
            "De qué total es parte la proporción" in dictionary
            and "What the share is a share of" in dictionary
        )


@pytest.mark.slow
def test_a_table_from_python_has_the_provenance_beside_its_rows(copied):
    site, store = copied
    table = selvawatch.table("loss_by_type", site=site, store=store)
    assert SHA.fullmatch(table.attrs["provenance"]["register_sha256"])


@pytest.mark.slow
def test_the_same_table_again_has_the_same_bytes(copied, tmp_path, command):
    site, store = copied
    for name in ("a", "b"):
        out = tmp_path / name / "t.csv"
        assert command("table", "overlap_conflicts", "--site", site, "--store", store, "--out", out).code == 0
    for name in ("t.csv", "t-procedencia.json", "t-diccionario.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.slow
def test_a_broken_product_of_mining_stops_the_next_run_and_no_table(copied, tmp_path, command):
    site, store = copied[0], tmp_path / "store"
    shutil.copytree(copied[1], store)
    loaded, folder = Site.load(site), store / "products" / "amw"
    keep_product(Store(store), Product(name="amw", version="1", cause="mining"), cells([box(0, 0, 100, 100)]))
    zones = read_zones(loaded, Store(store))
    joined = with_product_scars(zones, Store(store), loaded.grid.crs)
    assert len(joined.references.scars) == len(zones.references.scars) + 1
    (folder / "cells.parquet").write_bytes(b"half")
    words = ["--site", site, "--store", store]
    assert command("table", "loss_by_type", *words, "--out", tmp_path / "t.csv").code == 0
    with pytest.raises(StoreError, match="register it again"), exclusive(store, "test") as held:
        plan(held, str(site), "aoi/site.toml", "all", "2024-09-01", f"folder:{tmp_path}")


def ground():
    rng = np.random.default_rng(20260101)
    rows = [
        {"type": kind, "geometry": box(x, y, x + 900, y + 700)}
        for kind, (x, y) in zip(
            ["mining", "timber", "brazil_nut"] * 5, rng.integers(0, 3000, (15, 2)).tolist(), strict=True
        )
    ]
    loss = cells([box(x, y, x + 150, y + 90) for x, y in rng.integers(0, 3500, (40, 2)).tolist()])
    return register(rows), loss


def test_kept_faces_and_pieces_are_those_made_anew(tmp_path):
    site, store = Site.load(default_site()), Store(tmp_path)
    owned, loss = ground()
    anew = site_faces(site, None, owned, [loss])
    first, second = (site_faces(site, store, owned, [loss]) for _ in range(2))
    for name in ("face", "members", "starts", "ha"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        np.testing.assert_array_equal(getattr(anew, name), getattr(second, name))
    assert shapely.equals_exact(anew.parts, second.parts).all()
    assert second.extent.equals(anew.extent) and second.crs == anew.crs
    plain = attribute(loss, anew, owned, today=made.TODAY)
    site_pieces(store, owned, second, loss, made.TODAY, of="x")
    kept = site_pieces(store, owned, second, loss.iloc[:0], made.TODAY, of="x")
    # Text comes back from Parquet in another pandas type of text; every value is the same.
    pd.testing.assert_frame_equal(pd.DataFrame(kept.frame), pd.DataFrame(plain.frame), check_dtype=False)
    pd.testing.assert_frame_equal(kept.members, plain.members)
    assert len(list(store.faces.iterdir())) == 2


def test_faces_of_another_register_replace_the_kept_ones_and_a_broken_file_is_made_anew(tmp_path):
    site, store = Site.load(default_site()), Store(tmp_path)
    owned, loss = ground()
    site_faces(site, store, owned, [loss])
    (folder,) = store.faces.iterdir()
    path = folder / "faces.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    assert len(site_faces(site, store, owned, [loss])) == len(site_faces(site, None, owned, [loss]))
    assert path.read_bytes() == whole
    for number in range(1, 4):
        other = register([{"type": "timber", "geometry": box(0, 0, 100 * number, 100)}])
        site_faces(site, store, other, [loss])
        os.utime(next(store.faces.glob(f"{other.version[:16]}-*")), (2e9 + number, 2e9 + number))
    left = {one.name.split("-")[0] for one in store.faces.iterdir()}
    assert len(left) == KEPT and owned.version[:16] not in left


def test_pieces_of_run_after_run_do_not_pile_up_and_those_in_use_stay(tmp_path):
    site, store = Site.load(default_site()), Store(tmp_path)
    owned, loss = ground()
    faces = site_faces(site, store, owned, [loss])
    folder = store.faces
    left, young = folder / ".9-abc.old", folder / ".9-def.new"
    for path in (left, young):
        path.mkdir()
    os.utime(left, (1e9, 1e9))
    for run in range(KEPT_EACH + 8):
        for path in folder.glob("[!.]*"):
            os.utime(path, ns=(path.stat().st_mtime_ns - 10**9,) * 2)
        site_pieces(store, owned, faces, loss, made.TODAY, of=f"run {run}")
        site_pieces(store, owned, faces, loss.iloc[:0], made.TODAY, of="run 0")
        site_faces(site, store, owned, [loss])
    assert len(list(folder.glob("[!.]*"))) == KEPT_EACH
    assert len(list(folder.glob("[!.]*/faces.npz"))) == 1
    assert len(site_pieces(store, owned, faces, loss.iloc[:0], made.TODAY, of="run 0").frame) > 0
    assert young.exists() and not left.exists()


def test_a_store_that_cannot_be_written_only_costs_time(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    owned, loss = ground()
    faces = site_faces(Site.load(default_site()), Store(tmp_path), owned, [loss])
    pieces = site_pieces(Store(tmp_path), owned, faces, loss, made.TODAY, of="x")
    assert pieces.total_ha == pytest.approx(loss["ha"].sum())


def test_an_attributed_file_says_the_digests_of_what_it_was_made_from(tmp_path, command):
    for name, shape in (("loss", box(0, 0, 100, 100)), ("zones", box(50, 0, 300, 100))):
        gpd.GeoDataFrame({"a": [1]}, geometry=[shape], crs=made.CRS).to_file(tmp_path / f"{name}.gpkg")
    for suffix in ("csv", "parquet"):
        out = tmp_path / f"out.{suffix}"
        words = ["--loss", tmp_path / "loss.gpkg", "--zones", tmp_path / "zones.gpkg", "--out", out]
        assert command("attribute", *words).code == 0
        told = told_of(out)
        assert SHA.fullmatch(told["loss_sha256"]) and SHA.fullmatch(told["zones_1_sha256"])
        assert told["loss"] == "loss.gpkg" and str(tmp_path) not in json.dumps(told)
