import datetime as dt
import json
from dataclasses import replace

import numpy as np
import pytest
import shapely

import archive_profiles
import stac_folder
from conftest import ROOT
from packaged import RECIPE
from selvawatch.cli.options import the_source
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.scene import Scene
from selvawatch.errors import SelvawatchError, SourceError
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.site import SiteFile
from selvawatch.sources.catalogues.filling import filling_reader
from selvawatch.sources.catalogues.ordered import merged, readable, with_known_first, with_least_cloud
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import stream_of
from selvawatch.sources.source import SearchResult
from selvawatch.web import retry

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


def _archive(root, names, *, platform="sentinel-2a"):
    """A folder with the same pixels on each day whatever the names; ids by day."""
    for day, name in names.items():
        numbers = np.random.default_rng(int(day[-2:]))
        ground = {key: numbers.uniform(0.02, 0.06, (48, 48)).round(4) for key in BANDS}
        ground["nir"] = ground["nir"] + 0.3
        time = f"{day}T{'14:47:31' if 'MSIL2A' in name else '14:58:33'}Z"
        stac_folder.sentinel_2(root, name, time, ground, WEST, NORTH, platform=platform)
    return stac_folder.write_catalog(root)


@pytest.fixture
def two(tmp_path):
    """Two archives with two acquisitions in common, under other ids and times, and one each alone."""
    first = {f"2024-06-{day}": f"S2A_T19LCF_202406{day}" for day in ("01", "06", "11")}
    second = {f"2024-06-{day}": f"S2A_MSIL2A_202406{day}T144731_T19LCF_x" for day in ("06", "11", "16")}
    return (
        _archive(tmp_path / "a", first),
        _archive(tmp_path / "b", second, platform="Sentinel-2A"),
    )


def _both(first, second):
    return open_source(f"sentinel-2=folder:{first}+folder:{second}")


def test_an_acquisition_of_two_sources_is_one_whatever_its_id_and_time(two):
    found = _both(*two).search(EVERYWHERE, *YEAR)
    assert [scene.id[:8] for scene in found.scenes] == ["S2A_T19L"] * 3 + ["S2A_MSIL"]
    assert [one.scene.day for one in found.duplicates] == [to_day("2024-06-06"), to_day("2024-06-11")]
    assert found.found == 6 and found.silent == () and found.problems == ()
    last = [(f"sentinel-2=folder:{two[0]}", "2024-06-11"), (f"sentinel-2=folder:{two[1]}", "2024-06-16")]
    assert found.newest == tuple((name, to_day(day)) for name, day in last)
    turned = _both(*reversed(two)).search(EVERYWHERE, *YEAR)
    assert [scene.day for scene in turned.scenes] == [scene.day for scene in found.scenes]
    assert turned.found == 6 and [scene.id[:8] for scene in turned.scenes][1:] == ["S2A_MSIL"] * 3


def _ingested(source, found, folder):
    reader = filling_reader(source, found.scenes, found.duplicates)
    records = ingest_scenes(found.scenes, TILE, RECIPE, folder, read=reader)
    return records, {path.name: path.read_bytes() for path in folder.rglob("*.tif")}


def _pixels(folder):
    import rasterio

    values = {}
    for path in sorted(folder.rglob("*.tif")):
        with rasterio.open(path) as file:
            values[path.name] = file.read()
    return values


def test_what_the_first_source_cannot_read_is_read_of_the_second_and_equal_pixels_are_equal(two, tmp_path):
    first, second = two
    source = _both(first, second)
    found = source.search(EVERYWHERE, *YEAR)
    (first / "sentinel-2-c1-l2a" / "S2A_T19LCF_20240606" / "red.tif").unlink()
    (first / "sentinel-2-c1-l2a" / "S2A_T19LCF_20240601" / "red.tif").unlink()
    records, _ = _ingested(source, found, tmp_path / "one")
    assert [record.state for record in records] == ["unread", "read", "read", "read"]
    turned = _both(second, first)
    _ingested(turned, turned.search(EVERYWHERE, *YEAR), tmp_path / "two")
    one, other = _pixels(tmp_path / "one"), _pixels(tmp_path / "two")
    assert one.keys() == other.keys() and len(one) == 3
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_a_source_that_is_down_is_named_and_the_other_fills_in(two, monkeypatch, caplog):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=1))
    source = open_source(f"sentinel-2=stac:http://127.0.0.1:9/+folder:{two[1]}")
    found = source.search(EVERYWHERE, *YEAR)
    assert len(found.scenes) == 3 and found.unsearched == ()
    assert found.silent == ("sentinel-2=stac:http://127.0.0.1:9/",) and "was not searched" in caplog.text
    with pytest.raises(SourceError, match="no sensor can be searched"):
        open_source("sentinel-2=stac:http://127.0.0.1:9/+stac:http://127.0.0.1:9/b").search(EVERYWHERE, *YEAR)


def test_what_was_read_of_one_source_stays_of_it(two):
    both = _both(*two).search(EVERYWHERE, *YEAR)
    turned = _both(*reversed(two)).search(EVERYWHERE, *YEAR)
    kept = with_known_first(turned, both.scenes, ())
    assert {scene.id for scene in kept.scenes} == {scene.id for scene in both.scenes}
    assert kept.found == both.found
    second = open_source(f"folder:{two[1]}").search(EVERYWHERE, *YEAR)
    down = with_known_first(second, both.scenes, ("sentinel-2",))
    assert {scene.id for scene in down.scenes} == {scene.id for scene in both.scenes}
    assert len(down.duplicates) == 2


def test_two_parts_of_one_pass_over_a_tile_are_two(two):
    (scene, *_) = open_source(f"folder:{two[0]}").search(EVERYWHERE, *YEAR).scenes
    from selvawatch.sources.catalogues.ordered import is_acquisition_of

    west, south, east, north = scene.footprint.bounds
    middle = (west + east) / 2
    parts = [
        replace(scene, footprint=shapely.box(west, south, middle, north)),
        replace(scene, footprint=shapely.box(middle, south, east, north)),
    ]
    assert not is_acquisition_of(*parts) and is_acquisition_of(parts[0], scene)
    assert not is_acquisition_of(scene, replace(scene, properties={"platform": "sentinel-2b"}))
    assert not is_acquisition_of(scene, replace(scene, id=scene.id.replace("LCF", "LDF")))


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ([], "has none"),
        ([""], "has none"),
        (["earth-search", "earth-search"], "each source once"),
        ("earth-search,planetary-computer", "as a list"),
    ],
)
def test_a_list_of_sources_that_makes_no_sense_is_one_line(named, words, tmp_path):
    from selvawatch.core.settings import load

    text = (ROOT / "aoi" / "site.toml").read_text()
    first = 'sentinel-2 = ["earth-search", "planetary-computer"]'
    assert first in text
    (tmp_path / "site.toml").write_text(text.replace(first, f"sentinel-2 = {json.dumps(named)}"))
    with pytest.raises(SelvawatchError, match=words) as caught:
        load(SiteFile, tmp_path / "site.toml")
    assert "\n" not in str(caught.value)


def test_an_unknown_name_in_a_list_is_named():
    found = open_source("sentinel-2=earth-search+planetary-computer,landsat=nowhere")
    assert [family for family, _ in found.parts] == ["sentinel-2", "landsat"]
    with pytest.raises(SourceError, match="nowhere"):
        open_source("landsat=nowhere").search(EVERYWHERE, *YEAR)
    with pytest.raises(SourceError, match="each source once"):
        open_source("landsat=planetary-computer+planetary-computer").search(EVERYWHERE, *YEAR)


def _packaged_items():
    bounds = (-71.0, -13.5, -69.5, -12.0)
    days = (dt.date(2024, 1, 1), dt.date(2024, 2, 20))
    here = archive_profiles.sentinel_2_history(*days, bounds, tiles=1, size=0)
    there = []
    for item in here:
        day = item["properties"]["datetime"][:10]
        there.append(
            archive_profiles.make_item(
                f"S2B_MSIL2A_{day.replace('-', '')}T144731_R096_T19LCF_x", "sentinel-2-l2a",
                f"{day}T14:47:31Z", bounds, archive_profiles.PC_ASSETS,
                **{"platform": "Sentinel-2B", "s2:processing_baseline": "05.10", "eo:cloud_cover": 5},
            )
        )  # fmt: skip
    there.append(
        archive_profiles.make_item(
            "LC09_L2SP_003069_20240105_02_T1", "landsat-c2-l2", "2024-01-05T14:50:00Z", bounds,
            archive_profiles.LANDSAT_ASSETS, **{"platform": "landsat-9"},
        )
    )  # fmt: skip
    there.append(
        archive_profiles.make_item(
            "S1A_IW_GRDH_1SDV_20240106T100214_20240106T100239_052000_064000_rtc", "sentinel-1-rtc",
            "2024-01-06T10:02:26Z", bounds, ("vv", "vh"),
            **{"platform": "SENTINEL-1A", "sar:product_type": "GRD", "sat:orbit_state": "descending",
               "sat:relative_orbit": 127, "proj:epsg": 32719},
        )
    )  # fmt: skip
    return here, there


@pytest.mark.parametrize("down", ["", "earth-search", "planetary-computer"])
def test_the_packaged_site_finds_every_sensor_without_a_key_and_optical_ones_with_either_archive_down(
    monkeypatch, down
):
    monkeypatch.setattr(retry, "RULE", retry.RetryRule(tries=1))
    for name in ("PC_SDK_SUBSCRIPTION_KEY", "EARTHDATA_TOKEN", "COPERNICUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    here, there = _packaged_items()
    nowhere = "http://127.0.0.1:9/"
    with (
        archive_profiles.serve(archive_profiles.EARTH_SEARCH, here) as earth,
        archive_profiles.serve(archive_profiles.PLANETARY_COMPUTER, there) as planetary,
    ):
        address = nowhere if down == "earth-search" else earth.address
        monkeypatch.setenv("EARTH_SEARCH_URL", address)
        address = nowhere if down == "planetary-computer" else planetary.address
        monkeypatch.setenv("PLANETARY_COMPUTER_URL", address)
        found = open_source(the_source(None, ROOT, "aoi/site.toml")).search(EVERYWHERE, *YEAR)
    optical = [scene for scene in found.scenes if scene.sensor == "sentinel-2"]
    assert len(optical) == len(here) and found.problems == ()
    collection = "sentinel-2-l2a" if down == "earth-search" else "sentinel-2-c1-l2a"
    assert {scene.collection for scene in optical} == {collection}
    assert len(found.duplicates) == (0 if down else len(here))
    alone = () if down == "planetary-computer" else ("landsat", "sentinel-1")
    assert set(found.unsearched) == {"landsat", "sentinel-1"} - set(alone)
    streams = {stream_of(scene) for scene in found.scenes}
    assert streams == {"sentinel-2", *(["landsat", "sentinel-1-descending-t127"] if alone else [])}
    assert found.found == len(found.scenes) + len(found.duplicates)


def _radar(name, footprint, sensor, orbit="descending", track="127"):
    return Scene(
        id=name, sensor=sensor, collection="c", time=dt.datetime(2024, 6, 1, 10, tzinfo=dt.UTC),
        footprint=footprint, assets={}, orbit=orbit, track=track, properties={"platform": "sentinel-1a"},
    )  # fmt: skip


def test_bursts_stand_for_a_pass_only_where_they_show_what_is_searched_of_it():
    ground = shapely.box(-70.5, -13, -70, -12)
    whole = _radar("whole", shapely.box(-72, -14, -69, -11), "sentinel-1")
    north, south = shapely.box(-70.6, -12.5, -69.9, -11.9), shapely.box(-70.6, -13.1, -69.9, -12.5)
    bursts = [_radar(name, box, "sentinel-1-opera") for name, box in (("n", north), ("s", south))]
    kept, duplicates = merged([bursts, [whole]], ground)
    assert [one.id for one in kept] == ["n", "s"] and [one.scene.id for one in duplicates] == ["whole"]
    kept, duplicates = merged([bursts[:1], [whole]], ground)
    assert sorted(one.id for one in kept) == ["n", "whole"] and duplicates == []
    kept, duplicates = merged([[whole], bursts], ground)
    assert [one.id for one in kept] == ["whole"] and len(duplicates) == 2


def test_a_track_that_one_archive_does_not_state_is_no_other_acquisition():
    here = shapely.box(-71, -13, -70, -12)
    stated, silent = _radar("a", here, "sentinel-1"), _radar("b", here, "sentinel-1", track="")
    assert len(merged([[stated], [silent]])[1]) == 1
    assert merged([[stated], [_radar("b", here, "sentinel-1", track="25")]])[1] == []


def _clouds(primary, second):
    """A search of two sources that state such clouds of one acquisition; None: the second is silent."""
    first = replace(_radar("a", EVERYWHERE, "sentinel-2", "", ""), cloud_percent=primary)
    other = replace(first, id="b", collection="other", cloud_percent=second)
    scenes, duplicates = merged([[first], [other]])
    return SearchResult(scenes=tuple(scenes), duplicates=tuple(duplicates))


def test_a_scene_that_was_read_for_the_cloud_of_a_source_that_is_silent_now_stays_read():
    both = _clouds(75.0, 55.0)
    key = both.scenes[0].item_key
    assert readable(both, 60.0) == {key}
    silent = replace(both, duplicates=(), silent=("sentinel-2=other",))
    assert readable(silent, 60.0, both.scenes) == {key}
    assert readable(silent, 60.0) == readable(replace(silent, silent=()), 60.0, both.scenes) == set()


@pytest.mark.parametrize(
    ("primary", "second", "least"),
    [(75.0, 55.0, 55.0), (55.0, 75.0, 55.0), (None, 75.0, None), (75.0, None, None)],
)
def test_a_scene_states_the_least_cloud_of_any_source_and_none_where_one_states_none(primary, second, least):
    (scene,) = with_least_cloud(_clouds(primary, second)).scenes
    assert scene.cloud_percent == least
