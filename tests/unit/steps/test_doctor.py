"""What `doctor` and `zones status` tell an operator to do next."""

import datetime as dt
import json
import os
import random
import shutil
import threading
from dataclasses import asdict, replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from conftest import ROOT
from damages import cut, deleted, emptied, flipped, zeroed
from selvawatch.attribute.loss_products import Product
from selvawatch.core.files import file_digest, folder_digests, write_checked_json
from selvawatch.health import setup_findings
from selvawatch.health import store_findings as stored
from selvawatch.health.layer_findings import layers_sentence
from selvawatch.health.store_findings import store_findings
from selvawatch.register.manifest import Manifest
from selvawatch.register.snapshot_index import add_to_index
from selvawatch.register.snapshots import SnapshotRecord
from selvawatch.site import Site
from selvawatch.steps.doctor import examine
from selvawatch.steps.register import store_salt, zones_status
from selvawatch.steps.tile.water_counts import counts_of
from selvawatch.store.folders import Store
from selvawatch.store.inspection import KINDS, inspect_store
from selvawatch.store.loss_products import keep_product
from selvawatch.store.seal import SEAL, seal_folder

TODAY = dt.date(2024, 9, 2)


@pytest.fixture
def place(small_run, tmp_path):
    """The small run with a store of its own that shares its files until they are replaced."""

    def copy(source, target):
        (shutil.copyfile if "ledger." in source else os.link)(source, target)

    shutil.copytree(small_run.store, tmp_path / "store", copy_function=copy)
    return replace(small_run, store=tmp_path / "store")


def said(place, *, deep=False, today=TODAY):
    """Lines of doctor on a store."""
    site = Site.load(place.site)
    return [
        one.line for one in store_findings(str(place.store), site, today, deep=deep, wanted_counts=counts_of)
    ]


def own(path):
    """A file that is shared with the original store, made one's own."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    return path


CONTENT = [
    "runs/*/internal/events.parquet", "runs/*/public/bulletin-es.html", "runs/*/report.json",
    "observations/*/sentinel-2/*.tif", "water/*/*.tif", "baselines/*/*/baselines.zarr/**/c/*/*",
    "state/*/*/state.json", "state/*/*/layers.zarr/**/c/*/*", "checkpoints/*/*/accumulators.zarr/**/c/*/*",
    "cache/faces/*/*.npz", "zones/other/*.parquet", "products/other/*.parquet",
]  # fmt: skip
SEALS = [
    "runs/*/seal.json", "state/*/*/seal.json", "baselines/*/*/seal.json", "products/other/product.json",
    "zones/other/*.json", "zones/.salt",
]  # fmt: skip
INDEX = ["zones/index.json", "site.json"]


def with_product_and_layer(place):
    """The place with a loss product of others and a snapshot of a layer."""
    cells = gpd.GeoDataFrame(
        {"cell_id": ["a"], "ha": [0.25], "onset_latest": pd.to_datetime(["2020-01-05"])},
        geometry=[shapely.box(0, 0, 50, 50)],
        crs="EPSG:32719",
    )
    keep_product(place.opened, Product(name="other", version="1", cause="mining"), cells)
    record = SnapshotRecord(
        layer="other", date="2024-01-01", file="2024-01-01-abcdabcd.parquet", sha256="", source="s",
        licence="l", address="a", features=1, area_ha=0.25, state="accepted",
    )  # fmt: skip
    root = place.opened.snapshots
    (root / "other").mkdir(parents=True)
    cells.to_parquet(root / "other" / record.file)
    record = replace(record, sha256=file_digest(root / "other" / record.file))
    name = f"other/2024-01-01-{record.sha256[:8]}.json"
    write_checked_json(root / name, asdict(record))
    add_to_index(root, name)
    store_salt(place.opened)
    return place


@pytest.mark.slow
@pytest.mark.parametrize("damage", [deleted, emptied, cut, zeroed, flipped])
def test_doctor_deep_names_every_damaged_file_and_what_to_do(place, damage):
    with_product_and_layer(place)
    for patterns in (CONTENT, SEALS, INDEX):
        rng = random.Random(damage.__name__)
        hurt = {}
        for pattern in patterns:
            path = own(rng.choice(sorted(path for path in place.store.glob(pattern) if path.is_file())))
            hurt[path] = path.read_bytes()
            damage(path, rng)
        failed = [line for line in said(place, deep=True) if line.startswith("FAIL") and "; " in line]
        assert [path for path in hurt if not any(str(path) in line for line in failed)] == []
        for path, content in hurt.items():
            path.write_bytes(content)


@pytest.mark.slow
def test_every_damage_of_the_ledger_is_named_outside_its_rows_too(place):
    rng = random.Random(1)
    for name, damages_of in (
        ("ledger.sqlite", [deleted, cut, *[flipped] * 6]),
        ("ledger.json", [deleted, cut]),
    ):
        path = place.store / name
        content = path.read_bytes()
        for damage in damages_of:
            damage(path, rng)
            lines = [one.line for one in stored._ledger(place.opened, TODAY, deep=True)]
            assert any(line.startswith("FAIL ledger: ") and str(path) in line for line in lines), damage
            path.write_bytes(content)
    assert not any(one.state == "FAIL" for one in stored._ledger(place.opened, TODAY, deep=True))


@pytest.mark.slow
def test_an_undamaged_store_is_told_as_such_and_stays_as_it_is(place):
    before = folder_digests(place.store)
    for deep in (False, True):
        lines = said(place, deep=deep)
        assert [line for line in lines if not line.startswith("ok")] == []
        assert any("files: " in line for line in lines)
        assert any(line.startswith("ok   numbers of the last run are those of its files") for line in lines)
        assert any("up to 2024-08-31, 2 days ago; next due 2024-09-03" in line for line in lines)
    assert folder_digests(place.store) == before
    late = said(place, today=TODAY + dt.timedelta(days=30))
    assert any(line.startswith("warn last run") and "overdue" in line for line in late)


@pytest.mark.slow
def test_sizes_and_names_are_compared_without_deep_and_content_with_it(place):
    def damaged(*, deep):
        return [one.path for one in inspect_store(place.opened, deep=deep).damages]

    path = own(next(place.store.glob("observations/*/sentinel-2/*.tif")))
    content = path.read_bytes()
    path.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    assert (damaged(deep=False), damaged(deep=True)) == ([], [path])
    path.write_bytes(content[:-100] + content[-50:])
    assert damaged(deep=False) == [path]
    path.write_bytes(content)
    extra = next(place.store.glob("state/*/*")) / "layers.zarr" / "notes.txt"
    extra.write_text("mine", encoding="utf-8")
    assert damaged(deep=False) == [extra]


@pytest.mark.slow
def test_files_of_no_kind_and_what_a_kill_left_are_told_apart(place):
    mine = ("notes.txt", "photos/a.jpg", "runs/old.zip", "zones/list.csv", "observations/x0001y0001/a.tif")
    for name in mine:
        (place.store / name).parent.mkdir(exist_ok=True, parents=True)
        (place.store / name).write_text("mine", encoding="utf-8")
    (place.store / "state" / ".4242-0123abcd.x").mkdir()
    (place.store / "state" / ".4242-0123abcd.x" / "half").write_text("", encoding="utf-8")
    lines = said(place)
    unknown = [line for line in lines if line.startswith("warn unknown file")]
    assert len(unknown) == len(mine)
    for name in ("notes.txt", "photos", "runs/old.zip", "zones/list.csv", "observations/x0001y0001/a.tif"):
        assert any(f"{place.store / name}:" in line for line in unknown)
    assert any("1 files or folders are being written" in line for line in lines)
    assert not any(line.startswith("FAIL") for line in lines)


@pytest.mark.slow
def test_a_report_that_its_files_contradict_is_told_with_both_numbers(place):
    run = place.products
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    own(run / "report.json").write_text(
        json.dumps({**report, "events": report["events"] + 1}), encoding="utf-8"
    )
    own(run / SEAL).unlink()
    seal_folder(run)
    (line,) = [line for line in said(place) if line.startswith("FAIL")]
    assert f"events is {report['events'] + 1} in report.json, {report['events']} in the ledger" in line


@pytest.mark.slow
def test_what_the_ledger_names_and_the_store_lacks_is_told(place):
    tile = place.tile.id
    for path in (
        place.opened.state(tile, place.state.state),
        place.opened.baseline(tile, place.state.baseline),
    ):
        moved = path.rename(place.store / "away")
        assert any(line.startswith("FAIL") and str(path) in line for line in said(place))
        moved.rename(path)


def test_each_kind_has_a_word_for_what_to_do_and_a_pattern_of_its_own():
    assert len({kind.name for kind in KINDS}) == len({kind.pattern for kind in KINDS}) == len(KINDS)
    checked = [kind for kind in KINDS if kind.name not in ("lock", "specification")]
    assert all(kind.do for kind in checked)


@pytest.mark.parametrize(
    ("store", "why"),
    [
        ("FILE", "not a folder"),
        ("FILE/below", "not a folder"),
        ("s3://bucket/store", "not supported"),
        ("FULL", "holds other things: notes.txt"),
        ("", "holds other things"),
        ("x" * 300, "name"),
    ],
)
def test_a_path_that_cannot_be_a_store_is_not_ok(tmp_path, monkeypatch, store, why):
    (tmp_path / "FILE").write_text("mine", encoding="utf-8")
    (tmp_path / "FULL").mkdir()
    (tmp_path / "FULL" / "notes.txt").write_text("mine", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = list(store_findings(store, None, TODAY, deep=False))
    assert found[0].state == "FAIL" and why in found[0].line and found[0].do, found[0].line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["FILE", "FULL"]


def test_a_store_that_is_not_there_yet_is_no_fault(tmp_path):
    found = list(store_findings(str(tmp_path / "a" / "b"), None, TODAY, deep=True))
    assert {one.state for one in found} == {"ok", "warn"}
    assert "no run yet" in found[0].line and not (tmp_path / "a").exists()


def test_a_commit_that_was_cut_off_is_left_for_a_command_that_writes(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"half")
    (tmp_path / "ledger.sqlite-journal").write_bytes(b"half")
    found = [one.line for one in store_findings(str(tmp_path), None, TODAY, deep=False)]
    assert found[0].startswith("warn") and "cut off" in found[0]
    assert (tmp_path / "ledger.sqlite-journal").read_bytes() == b"half"


def test_short_disk_is_a_fault_that_says_how_much_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr(stored, "FREE_GB", 1e9)
    line = list(store_findings(str(tmp_path), None, TODAY, deep=False))[-1].line
    assert line.startswith("FAIL") and "GB free; needed 1000000000 GB" in line


def test_nothing_is_inspected_of_a_folder_that_is_not_there(tmp_path):
    assert inspect_store(Store(tmp_path / "none"), deep=True).counts == {}


@pytest.mark.parametrize("key", ["", "0123-secret"])
def test_a_key_is_told_as_set_or_not_and_never_shown(monkeypatch, key):
    monkeypatch.setenv("EARTHDATA_TOKEN", key)
    finding = setup_findings.source_finding("sentinel-1", "asf-opera")
    assert finding.state == ("ok" if key else "warn") and "EARTHDATA_TOKEN" in finding.line
    assert "secret" not in finding.line


@pytest.mark.parametrize(
    ("source", "state", "told"),
    [
        ("earth-search", "FAIL", "keeps none of it that can be read, but sentinel-2"),
        ("planetary-computer", "ok", "no key needed"),
        ("folder:none", "FAIL", "source of landsat"),
        ("earth-serch", "FAIL", "not known"),
        ("stac:http://127.0.0.1:9/", "ok", "stac"),
        ("stac:http://user:pass@127.0.0.1:9/", "FAIL", "needed an address without them"),
    ],
)
def test_every_source_is_told_by_whether_it_can_be_opened(source, state, told):
    finding = setup_findings.source_finding("landsat", source)
    assert finding.state == state and told in finding.line and "pass@" not in finding.line, finding.line


def test_an_archive_that_is_searched_without_a_key_says_what_the_key_is_for(monkeypatch):
    monkeypatch.delenv("COPERNICUS_TOKEN", raising=False)
    finding = setup_findings.source_finding("sentinel-2", "copernicus")
    assert finding.state == "warn" and "listed and not read" in finding.line


def test_credentials_of_earth_engine_are_told_by_whether_they_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "EARTHENGINE_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    assert setup_findings.source_finding("landsat", "earthengine").state == "warn"
    (tmp_path / "key.json").write_text("secret", encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    assert "EARTHENGINE_PROJECT" in setup_findings.source_finding("landsat", "earthengine").line
    monkeypatch.setenv("EARTHENGINE_PROJECT", "p")
    assert setup_findings.source_finding("landsat", "earthengine").state == "ok"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))
    assert "names no file" in setup_findings.source_finding("landsat", "earthengine").line


class Healthy(BaseHTTPRequestHandler):
    """A server that answers as Prefect's does."""

    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, *words):
        pass


def test_prefects_server_is_told_as_unset_answering_or_silent(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert (
        "not set" in setup_findings.prefect_finding().line and setup_findings.prefect_finding().state == "ok"
    )
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    monkeypatch.setenv("PREFECT_API_URL", f"http://{address}/api")
    assert setup_findings.prefect_finding().line == f"ok   Prefect: the server at {address} answers"
    monkeypatch.setenv("PREFECT_API_URL", f"http://{address}/elsewhere")
    assert setup_findings.prefect_finding().state == "warn"
    server.shutdown()
    server.server_close()
    for wrong in (
        f"http://{address}/api",
        "127.0.0.1:4200",
        "http://[::1",
        "http://user:pass@127.0.0.1:9/api",
    ):
        monkeypatch.setenv("PREFECT_API_URL", wrong)
        line = setup_findings.prefect_finding().line
        assert (
            line.startswith("warn Prefect: no server answers")
            and "pass" not in line
            and "prefect server" in line
        )


def site_with(**changed):
    """The packaged site with another manifest."""
    site = Site.load(ROOT)
    return replace(site, manifest=replace(site.manifest, **changed))


def sentence(site, tmp_path, today=TODAY):
    return layers_sentence(site, zones_status(site, Store(tmp_path), today=today))


def test_the_sentence_of_layers_says_what_to_do_first(tmp_path):
    packaged = Site.load(ROOT)
    first = sentence(packaged, tmp_path)
    assert first.startswith(f"0 of {len(packaged.manifest.layer)} layers are at hand, ")
    assert "first: write `contact`" in first and "isolated-peoples" in first and first.endswith(".")
    assert "contact" not in sentence(site_with(contact="a@example.org"), tmp_path)
    served = [one for one in packaged.manifest.layer if one.fetch and one.type != "isolated_peoples"][:2]
    site = site_with(contact="a@example.org", layer=tuple(served))
    names = " ".join(sorted(one.name for one in served))
    assert f"first: `selvawatch zones fetch {names}`" in sentence(site, tmp_path)
    by_hand = next(one for one in packaged.manifest.layer if not one.fetch and one.type != "isolated_peoples")
    alone = site_with(layer=(by_hand,))
    assert f"first: `selvawatch zones import {by_hand.name} FILE`" in sentence(alone, tmp_path)
    assert "No layer is named" in layers_sentence(site_with(layer=()), [])


def test_layers_that_are_at_hand_are_told_as_old_or_as_nothing_to_do(tmp_path):
    site = Site.load(ROOT)
    (report, *_) = zones_status(site, Store(tmp_path), today=TODAY)
    fresh = replace(report, date=TODAY, age_days=0, state="in use")
    assert layers_sentence(site, [fresh]) == "1 of 1 layers are at hand; nothing to do."
    old = replace(fresh, age_days=site.tables.old_layer_days + 1)
    assert f"1 older than {site.tables.old_layer_days} days; first: `selvawatch" in layers_sentence(
        site, [old]
    )
    held = replace(fresh, state="in use, one quarantined (lost 40 %)")
    assert "zones accept" in layers_sentence(site, [held])


def test_doctor_goes_through_everything_and_ends_with_1_for_a_fault_alone(command, tmp_path, monkeypatch):
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "secret")
    told = command("doctor", "--site", ROOT, "--store", tmp_path / "new")
    lines = told.out.splitlines()
    assert told.code == 0 and {line[:5] for line in lines} <= {"ok   ", "warn "}
    for word in (
        "selvawatch ",
        "site ",
        "layers: ",
        "contact: ",
        "source of sentinel-1",
        "store ",
        "GB free",
        "Prefect",
    ):
        assert any(line[5:].startswith(word) or word in line for line in lines), word
    assert "secret" not in told.out and not (tmp_path / "new").exists()
    assert command("doctor", "--site", ROOT, "--store", "s3://x").code == 1
    assert (
        command("doctor", "--site", ROOT, "--site-file", "none.toml", "--store", tmp_path / "new").code == 1
    )


def test_zones_status_opens_with_the_sentence_and_keeps_json_lines_for_machines(command, tmp_path):
    told = command("zones", "status", "--site", ROOT, "--store", tmp_path)
    assert told.out.splitlines()[0] == sentence(Site.load(ROOT), tmp_path)
    told = command("zones", "status", "--site", ROOT, "--store", tmp_path, "--json")
    assert all(json.loads(line)["layer"] for line in told.out.splitlines())
    assert "layers are at hand" in told.err


def test_examine_needs_no_more_than_a_site_and_a_store(tmp_path):
    assert [one.text for one in examine(ROOT, str(tmp_path / "none")) if "note" in one.text]
    assert isinstance(Site.load(ROOT).manifest, Manifest)
