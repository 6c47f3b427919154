import dataclasses
import json

import numpy as np
import pyproj
import pytest
import shapely

import fault_server
import stac_folder
from conftest import ROOT
from selvawatch.core.days import to_day
from selvawatch.core.files import folder_digests
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError
from selvawatch.site import Site
from selvawatch.sources import clip
from selvawatch.sources.open import open_source
from selvawatch.steps.mirror import mirror
from selvawatch.steps.scenes import SceneQuery, TransferRate
from selvawatch.web import range_file, retry

EVERYWHERE = shapely.box(-75, -20, -60, 0)
DAYS = (to_day("2024-01-01"), to_day("2024-12-31"))
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
SITE = Site.load(ROOT, "aoi/site.toml")
AREA = SITE.areas[0]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Three scenes around a corner of an area, 320 px each; clips of them are smaller."""
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=2, wait_s=0.01))
    monkeypatch.setattr(range_file, "PATIENCE", range_file.Patience(silence_s=0.5))
    x, y = _project(AREA.geometry.bounds[0], AREA.geometry.bounds[3])
    tile = Grid(crs=SITE.grid.crs, resolution=10, tile_px=320).tiles(shapely.Point(x, y).buffer(20))[0]
    west, _, _, north = tile.bounds
    numbers = np.random.default_rng(1)
    root = tmp_path / "archive"
    for name, month in (("A", 6), ("B", 7), ("C", 8)):
        bands = {key: numbers.uniform(0.01, 0.5, (320, 320)).round(4) for key in BANDS}
        stac_folder.sentinel_2(root, name, f"2024-0{month}-01T15:00:00Z", bands, west, north)
    stac_folder.write_catalog(root)
    with fault_server.serve(root) as files:
        yield files


def _run(served, folder, **more):
    source = f"stac:{served.address}/catalog.json"
    query = SceneQuery(area=AREA.name, first_day=DAYS[0], last_day=DAYS[1], source=source)
    return mirror(SITE, query, folder, **more)


def test_a_mirror_gives_the_numbers_of_the_archive_and_hashes_every_file(served, tmp_path):
    folder = tmp_path / "mirror"
    expected = _run(served, folder, dry_run=True)
    assert not folder.exists() and expected.new == 3 and expected.bytes > 0
    measured = _run(served, folder, dry_run=True, rate=TransferRate(measure=True))
    assert measured.rate_mb_s != expected.rate_mb_s == 2.0 and measured.rate_mb_s > 0
    report = _run(served, folder)
    assert (report.found, report.new, report.unread) == (3, 3, ())
    copies = open_source(f"folder:{folder}").search(EVERYWHERE, *DAYS)
    originals = open_source(f"folder:{served.folder}").search(EVERYWHERE, *DAYS)
    assert copies.problems == () and [one.id for one in copies.scenes] == ["A", "B", "C"]
    tile = SITE.grid.tiles(
        shapely.transform(AREA.geometry, _project, interleaved=False).intersection(
            shapely.transform(originals.scenes[0].footprint, _project, interleaved=False)
        )
    )[0]
    for here, there in zip(copies.scenes, originals.scenes, strict=True):
        got = open_source(f"folder:{folder}").read(here, tile, BANDS)
        want = open_source(f"folder:{served.folder}").read(there, tile, BANDS)
        for name in want:
            seen = np.isfinite(got[name].values) if name != "scl" else got[name].values > 0
            assert seen.any()
            np.testing.assert_array_equal(got[name].values[seen], want[name].values[seen])
    item = json.loads((folder / "sentinel-2-c1-l2a" / "A" / "A.json").read_text())
    digests = folder_digests(folder)
    for asset in item["assets"].values():
        assert asset["file:checksum"] == "1220" + digests[f"sentinel-2-c1-l2a/A/{asset['href']}"]


def _project(x, y):
    return pyproj.Transformer.from_crs("EPSG:4326", SITE.grid.crs, always_xy=True).transform(x, y)


def test_a_later_run_fetches_only_what_is_new_and_a_failed_scene_is_tried_again(served, tmp_path):
    folder = tmp_path / "mirror"
    served.faults = {"/B/green.tif": "dead"}
    report = _run(served, folder)
    assert (report.new, len(report.unread), report.found) == (2, 1, 3) and "B" in report.unread[0]
    assert not (folder / "sentinel-2-c1-l2a" / "B" / "B.json").exists()
    served.faults = {}
    served.requests.clear()
    report = _run(served, folder)
    assert (report.new, report.here, report.unread) == (1, 2, ())
    assert not any("/A/" in path and path.endswith("tif") for path in served.requests)
    before = folder_digests(folder)
    (folder / "sentinel-2-c1-l2a" / "A" / "red.tif").write_bytes(b"cut")
    report = _run(served, folder)
    assert (report.replaced, report.here) == (1, 2) and folder_digests(folder) == before


def test_a_reprocessed_scene_replaces_the_older_one_and_says_so(served, tmp_path):
    folder = tmp_path / "mirror"
    _run(served, folder)
    path = served.folder / "sentinel-2-c1-l2a" / "C" / "C.json"
    item = json.loads(path.read_text())
    item["properties"]["s2:processing_baseline"] = "05.99"
    path.write_text(json.dumps(item))
    report = _run(served, folder)
    assert (report.new, report.replaced, report.here) == (0, 1, 2)
    copy = next(
        one for one in open_source(f"folder:{folder}").search(EVERYWHERE, *DAYS).scenes if one.id == "C"
    )
    assert copy.processing == "05.99"


def test_a_collection_cannot_lead_out_of_the_folder(served, tmp_path):
    (scene, *_) = open_source(f"folder:{served.folder}").search(EVERYWHERE, *DAYS).scenes
    for name in ("..", "a/../../b", "/etc", ""):
        with pytest.raises(SceneError, match="no plain name"):
            clip.keep_scene(dataclasses.replace(scene, collection=name), EVERYWHERE, tmp_path / "mirror")
    assert not (tmp_path / "mirror").exists()
