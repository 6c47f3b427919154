"""Evidence of an alert stands: whole or refused; the alert is made again, or what differs is named."""

import hashlib
import io
import json
import time
import zipfile

import geopandas as gpd
import pandas as pd
import pytest

from selvawatch.errors import EvidenceError
from selvawatch.evidence.archive import MANIFEST, open_evidence, write_evidence
from selvawatch.steps.alert_again import reproduce, write_alert_evidence
from selvawatch.web.signing import open_href, public_href
from small_site import change_item, copy_archive, folder_of, items, replace_file, unlink_items

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def event(small_run):
    frame = gpd.read_parquet(small_run.products / "restricted" / "alerts.parquet")
    live = frame[(frame["cause"] == "mining") & frame["after_picture"].notna()]
    return live.sort_values("ha").iloc[-1]


@pytest.fixture(scope="module")
def packed(small_run, event, tmp_path_factory):
    out = tmp_path_factory.mktemp("evidence") / "alert.zip"
    begun = time.monotonic()
    write_alert_evidence(str(small_run.store), event["alert_id"], out, small_run.site)
    assert time.monotonic() - begun < 60
    return out


def changed(packed, path, change):
    """A copy of a ZIP with its members changed: name and bytes to the same, or None."""
    with zipfile.ZipFile(packed) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            for name_now, content in change(name, old.read(name)):
                new.writestr(name_now, content)
    return path


def test_the_same_evidence_has_the_same_bytes_and_each_file_its_digest(small_run, event, packed, tmp_path):
    again = write_alert_evidence(
        str(small_run.store), event["event_id"], tmp_path / "again.zip", small_run.site
    )
    assert again.read_bytes() == packed.read_bytes()
    with zipfile.ZipFile(packed) as opened:
        listed = json.loads(opened.read(MANIFEST))["files"]
        assert set(opened.namelist()) == {MANIFEST, *listed}
        for name, (size, sha256) in listed.items():
            body = opened.read(name)
            assert (len(body), hashlib.sha256(body).hexdigest()) == (size, sha256)
    wanted = {"scenes.json", "series.csv", "series.png", "limits-es.txt", "limits-en.txt", "decisions.json",
              "layers.json", "run.json", "site.json", "outline.json", "facts.json"}  # fmt: skip
    assert wanted <= set(listed) and sum(name.startswith("pictures/") for name in listed) == 2


def test_every_scene_that_was_read_says_what_was_read_and_from_where(small_run, packed):
    rows = open_evidence(packed).read_json("scenes.json")[small_run.tile.id]
    read = [row for row in rows if row["state"] == "read"]
    assert len(read) > 50 and any(row["of_alert"] for row in read)
    for row in read:
        assert row["read_sha256"] and row["assets"] and "processing" in row
        assert all(len(sha256) == 64 for sha256 in row["read_sha256"].values())


def test_the_series_holds_every_pixel_of_the_outline_and_falls_with_the_loss(event, packed):
    series = pd.read_csv(io.BytesIO(open_evidence(packed).files["series.csv"]))
    pixels = series[["tile", "row", "column"]].drop_duplicates()
    assert len(pixels) == round(event.geometry.area / 100)
    onset = event["onset"].date().isoformat()
    before, after = (series[part]["ndvi"].median() for part in (series["day"] < onset, series["day"] > onset))
    assert after < before - 0.2


def test_the_alert_is_made_again_with_equal_digests(small_run, packed):
    found = reproduce(packed, small_run.source)
    assert found.differences == () and found.is_equal and found.unnoted == 0
    assert found.inputs > 100


def test_a_changed_byte_of_a_block_that_was_read_and_a_dropped_scene_are_named(small_run, packed, tmp_path):
    archive = copy_archive(small_run.archive, tmp_path / "archive")
    rows = open_evidence(packed).read_json("scenes.json")[small_run.tile.id]
    listed = items(archive)
    optical = [
        row for row in rows if row["state"] == "read" and row["sensor"] == "sentinel-2" and row["of_alert"]
    ]
    damaged, dropped = optical[0]["id"], next(row["id"] for row in rows if row["day"] == rows[0]["day"])
    assert damaged in listed and dropped in listed and damaged != dropped
    path = sorted(folder_of(archive, damaged).glob("*.tif"))[0]

    def flip(content):
        middle = len(content) // 2
        return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]

    def listed_otherwise(content):
        content["properties"]["eo:cloud_cover"] = content["properties"].get("eo:cloud_cover", 0) + 0.01

    other = optical[-1]["id"]
    assert other not in (damaged, dropped)
    change_item(archive, other, listed_otherwise)
    replace_file(path, flip)
    unlink_items(archive, [dropped])
    found = reproduce(packed, f"folder:{archive}")
    assert not found.is_equal
    assert any(damaged in line for line in found.differences), found.differences
    assert any(dropped in line and "no longer" in line for line in found.differences), found.differences
    named = {line.split()[1] for line in found.differences if line.startswith("scene ")}
    assert named == {damaged, dropped}
    assert found.repacked == 1  # as in a mirror: another item, the same numbers


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda name, body: [(name, body), *([("../evil", b"x")] if name == MANIFEST else [])], "outside"),
        (lambda name, body: [(name, body), *([("/etc/evil", b"x")] if name == MANIFEST else [])], "outside"),
        (lambda name, body: [(name, body + b" " if name == "facts.json" else body)], "manifest lies"),
        (lambda name, body: [] if name == "series.csv" else [(name, body)], "missing"),
        (lambda name, body: [(name, body), *([("more.txt", b"x")] if name == MANIFEST else [])], "not in it"),
        (lambda name, body: [] if name == MANIFEST else [(name, body)], "no manifest"),
        (lambda name, body: [(name, b"{]" if name == MANIFEST else body)], "cannot be read"),
        (lambda name, body: [(name, b'{"files": [1]}' if name == MANIFEST else body)], "cannot be read"),
    ],
)
def test_a_zip_that_lies_is_one_line_and_nothing_of_it_is_used(packed, tmp_path, command, change, what):
    path = changed(packed, tmp_path / "lies.zip", change)
    error = command("reproduce", path, "--source", "folder:none").error
    assert what in error and list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_zip_is_one_line(tmp_path, command):
    for number, content in enumerate((b"", b"PK\x03\x04", b"no zip at all")):
        (tmp_path / f"{number}.zip").write_bytes(content)
        assert (
            "cannot be read" in command("reproduce", tmp_path / f"{number}.zip", "--source", "folder:x").error
        )
    assert "cannot be read" in command("reproduce", tmp_path / "none.zip", "--source", "folder:x").error


def test_evidence_whose_manifest_fits_but_whose_content_does_not_is_one_line(packed, tmp_path):
    kept = open_evidence(packed)
    for name, content in (("site.json", b"{}"), ("run.json", b"[]"), ("layers.json", b'{"layers": [{}]}')):
        path = write_evidence(tmp_path / name, {**kept.files, name: content}, kept.about)
        with pytest.raises(EvidenceError) as raised:
            reproduce(path, "folder:none")
        assert "\n" not in str(raised.value)


def test_no_address_keeps_what_signs_it():
    assert open_href("https://u:p@host.example/a/b.tif?sig=SECRET&k=1#x") == "https://host.example/a/b.tif"
    assert open_href("/srv/somebody/archive/scene/a.tif") == "archive/scene/a.tif"
    assert open_href("s3://bucket/key.tif?X-Amz-Signature=1") == "s3://bucket/key.tif"
    assert open_href("http://u@[::1]:8080/a/b/c/d.tif") == "http://[::1]:8080/a/b/c/d.tif"
    for host in ("[::1]:8080", "10.0.0.5", "archive", "nas.local", "127.0.0.1:99"):
        assert public_href(f"http://u:p@{host}/a/b/c/d.tif?k=1") == "b/c/d.tif"
    assert public_href("https://u:p@host.example/a/b/c/d.tif?k=1") == "https://host.example/a/b/c/d.tif"


def test_an_unknown_alert_is_one_line(small_run, tmp_path, command):
    said = command("evidence", "DEMO-240110-AAAAAA", "--out", tmp_path / "a.zip", "--store", small_run.store,
                   "--site", small_run.site)  # fmt: skip
    assert "no such alert" in said.error and not (tmp_path / "a.zip").exists()
