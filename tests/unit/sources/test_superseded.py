"""A reprocessed product replaces the older one once, and says so."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import shapely

import small_site
import stac_folder
from selvawatch.core.days import to_day
from selvawatch.sources.catalogues.superseded import same_acquisition, superseded_since, version_of
from selvawatch.sources.open import open_source

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TIME = "2024-06-01T15:00:00Z"
BANDS = dict.fromkeys(("blue", "green", "red", "nir", "swir16", "swir22"), np.full((16, 16), 0.1))
WEST, NORTH = 350_000, 8_600_000


def scene(root, name, baseline="05.09", time=TIME, west=WEST, **said):
    stac_folder.sentinel_2(root, name, time, BANDS, west, NORTH)
    path = root / "sentinel-2-c1-l2a" / name / f"{name}.json"
    item = json.loads(path.read_text())
    item["properties"] |= {"s2:processing_baseline": baseline, **said}
    path.write_text(json.dumps(item))


def search(root):
    stac_folder.write_catalog(root)
    return open_source(f"folder:{root}").search(EVERYWHERE, *YEAR)


def test_of_two_products_of_one_acquisition_the_newer_baseline_is_kept_and_both_are_counted(tmp_path):
    for name, baseline, time in (("Z", "05.09", TIME), ("A", "05.10", "2024-06-01T15:00:04Z")):
        scene(tmp_path, name, baseline, time)
    found = search(tmp_path)
    assert [one.id for one in found.scenes] == ["A"] and found.problems == ()
    assert [(one.scene.id, one.by) for one in found.superseded] == [("Z", "A")] and found.found == 2


@pytest.mark.parametrize(
    "other",
    [
        {"west": WEST + 120},
        {"time": "2024-06-01T15:00:25Z"},
        {"platform": "sentinel-2b"},
        {"grid:code": "MGRS-19LCG"},
    ],
)
def test_neighbours_other_passes_and_other_satellites_supersede_nothing(tmp_path, other):
    said = {"platform": "sentinel-2a", "grid:code": "MGRS-19LCF"}
    scene(tmp_path, "A", **said)
    scene(tmp_path, "B", baseline="05.10", **(said | other))
    found = search(tmp_path)
    assert [one.id for one in found.scenes] == ["A", "B"] and found.superseded == ()


def test_of_two_collections_with_the_same_observation_the_newer_processing_is_read(tmp_path):
    scene(tmp_path, "A", baseline="02.14")
    path = tmp_path / "sentinel-2-c1-l2a" / "A" / "A.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"collection": "sentinel-2-l2a"}))
    (tmp_path / "sentinel-2-c1-l2a").rename(tmp_path / "sentinel-2-l2a")
    scene(tmp_path, "A")
    found = search(tmp_path)
    assert [one.collection for one in found.scenes] == ["sentinel-2-c1-l2a"]
    assert [one.scene.collection for one in found.superseded] == ["sentinel-2-l2a"] and found.found == 2


def test_without_a_newer_version_nothing_is_left_out(tmp_path):
    scene(tmp_path, "A")
    scene(tmp_path, "B")
    assert [one.id for one in search(tmp_path).scenes] == ["A", "B"]


def test_the_time_of_processing_decides_where_the_baseline_is_the_same(tmp_path):
    scene(tmp_path, "A", **{"processing:datetime": "2024-09-01T00:00:00Z"})
    scene(tmp_path, "B", **{"processing:datetime": "2024-06-02T00:00:00Z"})
    (older,) = search(tmp_path).superseded
    assert (older.scene.id, older.by) == ("B", "A")


def test_a_landsat_product_tells_its_day_of_processing_by_its_id(tmp_path):
    bands = dict.fromkeys(("blue", "green", "red", "nir08", "swir16", "swir22"), np.full((16, 16), 0.1))
    names = [f"LC08_L2SP_002069_20240601_{made}_02_T1" for made in ("20240605", "20240611")]
    for name in names:
        stac_folder.landsat(tmp_path, name, TIME, bands, WEST, NORTH, crs="EPSG:32719")
    found = search(tmp_path)
    assert [one.id for one in found.scenes] == [names[1]] and found.superseded[0].scene.id == names[0]


def test_what_a_later_search_lists_anew_or_not_at_all_is_told_apart(tmp_path):
    scene(tmp_path / "before", "A")
    scene(tmp_path / "before", "B", time="2024-07-01T15:00:00Z")
    scene(tmp_path / "now", "A", baseline="05.10")
    before, now = search(tmp_path / "before").scenes, search(tmp_path / "now").scenes
    assert same_acquisition(before[0], now[0]) and version_of(now[0]) > version_of(before[0])
    assert [(one.scene.id, one.by) for one in superseded_since(before, now)] == [("A", "A")]
    assert superseded_since(before, before) == []


@pytest.fixture(scope="module")
def runs(small_run, tmp_path_factory):
    """A store run over an archive in which one scene was since reprocessed, then once more; and one that
    never saw the older product.
    """
    folder = tmp_path_factory.mktemp("superseded")
    open_from = to_day(small_run.until) - 40
    rows = [
        one for one in small_run.state.scene_records if one.sensor == "sentinel-2" and one.day > open_from
    ]
    old = max(rows, key=lambda one: (one.clear_share, one.scene_id)).scene_id
    archive = small_site.copy_archive(small_run.archive, folder / "archive")
    reprocess(archive, old, f"{old}_R2")
    shutil.copytree(small_run.store, folder / "store")
    renewed = replace(small_run, store=folder / "store", archive=archive)
    reports = [renewed.run(), renewed.run("2024-09-05")]
    small_site.unlink_items(archive, [old])
    never = replace(small_run.fitted(folder / "never"), archive=archive)
    return renewed, (never, never.advance("2024-09-05")), reports, old


def reprocess(archive, old, new):
    """List a scene a second time, with another id, a newer baseline, and an offset that is not true."""
    folder = small_site.folder_of(archive, old)
    target = folder.with_name(new)
    shutil.copytree(folder, target)
    (target / f"{old}.json").rename(target / f"{new}.json")

    def change(item):
        item["id"] = new
        item["properties"]["s2:processing_baseline"] = "05.99"
        for asset in item["assets"].values():
            for band in asset.get("raster:bands", []):
                band["offset"] = 0.0

    small_site.change_item(archive, new, change)
    listing = folder.parent / "collection.json"

    def link(content):
        listed = json.loads(content)
        listed["links"].append({"rel": "item", "href": f"./{new}/{new}.json"})
        return json.dumps(listed).encode()

    small_site.replace_file(listing, link)


@pytest.mark.slow
def test_the_run_that_replaces_a_scene_says_so_and_the_next_does_not(runs):
    renewed, _, reports, old = runs
    assert [report.scenes_superseded for report in reports] == [1, 0]
    store = renewed.opened
    pages = [store.run(report.run_id) / "public" / "bulletin-es.html" for report in reports]
    told = [page.read_text(encoding="utf-8") for page in pages]
    assert [f"{old}_R2" in text for text in told] == [True, False]
    assert "1 imagen fue reemplazada por una versión reprocesada" in told[0]


@pytest.mark.slow
def test_the_ledger_keeps_both_and_what_became_of_each(runs):
    renewed, _, _, old = runs
    rows = {row.scene_id: row for row in renewed.opened.ledger.scenes() if row.scene_id.startswith(old)}
    assert (rows[old].state, rows[old].reason) == ("superseded", f"{old}_R2")
    newer = rows[f"{old}_R2"]
    assert newer.state == "read" and "dark-targets:-0.1" in newer.reason.split(";")


@pytest.mark.slow
def test_the_state_is_that_of_a_store_that_never_saw_the_older_product(runs):
    renewed, (never, state), _, _ = runs
    assert renewed.arrays() == never.arrays(state)
    assert {one.scene_id for one in renewed.state.scene_records} == {
        one.scene_id for one in state.scene_records
    }
