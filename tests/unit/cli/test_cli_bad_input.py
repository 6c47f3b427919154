"""Bad input on the command line: one line that a person can act on, exit code 1, and a store left alone."""

import shutil
from dataclasses import replace

import geopandas as gpd
import pytest
import shapely

import small_site
from command_line import program
from selvawatch.core.files import folder_digests

pytestmark = pytest.mark.slow

WEST, SOUTH = 358400, 8576000


@pytest.fixture
def place(small_run, tmp_path):
    """The small site and its committed store, in folders of the test's own."""
    shutil.copytree(small_run.store, tmp_path / "store")
    shutil.copytree(small_run.site, tmp_path / "site")
    return replace(small_run, store=tmp_path / "store", site=tmp_path / "site")


@pytest.fixture
def refused(command):
    """Run a command that must fail; its line, after every word of it was found and the store was compared."""

    def check(place, words, *parts):
        before = folder_digests(place.store)
        line = command(*words).error
        assert folder_digests(place.store) == before
        for part in parts:
            assert str(part) in line, line
        return line

    return check


def test_a_missing_folder(place, refused, tmp_path):
    other = replace(place, archive=tmp_path / "nowhere")
    line = refused(place, other.words(), tmp_path / "nowhere", "does not exist", "needed a folder")
    assert "correct the path" in line


def test_an_empty_folder(place, refused, tmp_path):
    (tmp_path / "empty").mkdir()
    other = replace(place, archive=tmp_path / "empty")
    refused(place, other.words(), tmp_path / "empty", "is empty", "needed", "catalog.json")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("{", "no JSON object"),
        ('{"type": "Feature"}', "item"),
        ('{"type": "Catalog", "links": []}', "at least one item"),
    ],
)
def test_a_folder_without_a_usable_catalogue(place, refused, tmp_path, content, part):
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "catalog.json").write_text(content)
    refused(place, replace(place, archive=tmp_path / "archive").words(), "source folder:", part)


def test_scenes_without_a_needed_asset(place, refused, tmp_path):
    archive = small_site.copy_archive(place.archive, tmp_path / "archive")
    for name in small_site.items(archive):
        small_site.change_item(archive, name, _drop_red_and_vv)
    line = refused(place, replace(place, archive=archive).words(), "unusable", "without red", "needed")
    assert "selvawatch scenes" in line


def test_one_scene_without_a_needed_asset_is_named_and_the_others_are_read(place, command, tmp_path):
    archive = small_site.copy_archive(place.archive, tmp_path / "archive")
    (name,) = [name for name in small_site.items(archive) if name.startswith("S2") and "_20240" in name][:1]
    small_site.change_item(archive, name, _drop_red_and_vv)
    other = replace(place, archive=archive, store=tmp_path / "new")
    said = command(*other.words("2024-02-15"), "--json")
    assert said.code == 0 and said.json["scenes_unread"] == 1
    bulletin = (other.products / "public" / "bulletin-es.html").read_text(encoding="utf-8")
    assert name in bulletin


def _drop_red_and_vv(item):
    for key in ("red", "vv"):
        item["assets"].pop(key, None)


def test_only_truncated_files(place, refused, tmp_path):
    archive = small_site.copy_archive(place.archive, tmp_path / "archive")
    for path in sorted(archive.glob("*/*/*.tif")):
        small_site.replace_file(path, lambda content: content[:300])
    other = replace(place, archive=archive, store=tmp_path / "new")
    line = refused(
        place, other.words(), "none of them readable", "blue.tif", "needed scenes that can be read"
    )
    assert "S2A_T19LCF_20221203T145731_L2A" in line
    assert other.opened.ledger.runs() == []


def test_files_in_another_crs_than_their_items_say(place, refused, tmp_path):
    archive = small_site.copy_archive(place.archive, tmp_path / "archive")
    for name in small_site.items(archive):
        small_site.change_item(archive, name, _move_to_colombia)
    other = replace(place, archive=archive, store=tmp_path / "new")
    refused(place, other.words(), "CRS contradicts its item", "32719", "EPSG:32618")
    assert other.opened.ledger.runs() == []


def _move_to_colombia(item):
    for asset in item["assets"].values():
        asset |= {"proj:code": "EPSG:32618", "proj:epsg": 32618}


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ('crs = "EPSG:32719"', 'crs = "EPSG:4326"', "not projected"),
        ('crs = "EPSG:32719"', 'crs = "EPSG:999999"', "not known"),
        ("tile_px", "tile_pixels", "not a known key"),
        ("[grid]", "[grid", "cannot be read as TOML"),
        ("[centre]", 'forest_mask = "aoi/none.tif"\n[centre]', "none.tif"),
        ("monitoring_from = 2024-01-01", "monitoring_from = 2023-01-01", "history_to"),
    ],
)
def test_a_site_file_that_cannot_be_used(place, refused, old, new, part):
    path = place.site / "aoi" / "site.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    refused(place, place.words(), place.site / "aoi", part)


def test_a_site_that_is_not_there(place, refused, tmp_path):
    other = replace(place, site=tmp_path / "nosite")
    refused(place, other.words(), tmp_path / "nosite" / "aoi" / "site.toml", "missing", "selvawatch init")


def test_an_unknown_area(place, refused):
    words = [*place.words(), "--area", "atlantis"]
    refused(place, words, "areas.geojson", "got atlantis", "needed one of all, la-pampa", "--area")


def test_an_area_outside_all_scenes(place, refused, tmp_path):
    small_site.write_area(place.site / "aoi" / "areas.geojson", shapely.box(-71.0, -13.5, -70.9, -13.4))
    other = replace(place, store=tmp_path / "new")
    line = refused(place, other.words(), "no scene covers", "got 157", "needed scenes over", "polygon")
    assert place.source in line


def test_a_day_before_the_monitoring(place, refused):
    refused(place, place.words("2020-01-01"), "--until 2020-01-01", "needed 2024-01-01 or later")


def test_a_day_before_the_first_scene(place, refused, tmp_path):
    archive = small_site.copy_archive(place.archive, tmp_path / "archive")
    early = [name for name, one in small_site.items(archive).items() if _day(one) < "2024-06-01"]
    small_site.unlink_items(archive, early)
    line = refused(place, replace(place, archive=archive).words("2024-03-01"), "no scene", "2024-03-01")
    assert "needed --until 2024-06-" in line


def _day(item):
    return item["properties"]["datetime"][:10]


def test_a_zones_file_of_the_site_is_refused_before_any_pixel_is_read(place, refused, tmp_path):
    path = place.site / "aoi" / "zones.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"CODIGOU"', '"NOPE"'), encoding="utf-8")
    other = replace(place, store=tmp_path / "new")
    refused(place, other.words(), "mining_titles", "needed NOPE", "zones.toml")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("source", ["gopher:somewhere", "folder", "nothing"])
def test_an_unknown_source(place, refused, source):
    words = [*place.words(), "--source", source]
    refused(place, words, f"source {source}", "not known", "needed ", "folder:DIR", "stac:URL")


def test_no_source_where_the_site_names_none(place, refused):
    words = ["monitor", "--site", place.site, "--store", place.store, "--until", place.until]
    refused(place, words, "no source was given", "site.toml", "--source folder:DIR")


@pytest.mark.parametrize("name", ["store.txt", "store.txt/below"])
def test_a_store_that_is_a_file(place, refused, tmp_path, name):
    (tmp_path / "store.txt").write_text("mine")
    other = replace(place, store=tmp_path / name)
    refused(place, other.words(), tmp_path / "store.txt", "not a folder", "give another --store")
    assert (tmp_path / "store.txt").read_text() == "mine"


def test_a_ledger_that_is_none(place, command, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ledger.sqlite").write_bytes(b"garbage" * 100)
    before = folder_digests(tmp_path / "other")
    line = command(*replace(place, store=tmp_path / "other").words()).error
    assert "ledger cannot be read" in line and folder_digests(tmp_path / "other") == before


@pytest.fixture
def loss(tmp_path):
    shape = shapely.box(WEST + 100, SOUTH + 100, WEST + 300, SOUTH + 300)
    gpd.GeoDataFrame({"id": [1]}, geometry=[shape], crs="EPSG:32719").to_file(tmp_path / "loss.gpkg")
    return tmp_path / "loss.gpkg"


def attribute(place, loss, *words):
    return ["attribute", "--loss", loss, "--out", loss.parent / "out.csv", "--site", place.site, *words]


def test_zones_with_invalid_rings(place, refused, loss, tmp_path):
    bow = shapely.Polygon(
        [
            (WEST + 100, SOUTH + 100),
            (WEST + 300, SOUTH + 300),
            (WEST + 300, SOUTH + 100),
            (WEST + 100, SOUTH + 300),
        ]
    )
    gpd.GeoDataFrame({"n": ["a"]}, geometry=[bow], crs="EPSG:32719").to_file(tmp_path / "bow.gpkg")
    words = attribute(place, loss, "--zones", tmp_path / "bow.gpkg")
    refused(place, words, "bow", "invalid rings", "Self-intersection", "needed valid polygons", "--repair")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_zones_without_a_crs(place, refused, loss, tmp_path):
    path = tmp_path / "nocrs.gpkg"
    gpd.GeoDataFrame({"n": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)]).to_file(path)
    words = attribute(place, loss, "--zones", path)
    refused(place, words, path, "no CRS", "needed a CRS", "never guessed")
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("name", "part"),
    [("none.gpkg", "no such file"), ("note.txt", "vector layer"), ("loss.gpkg:other", "no such layer")],
)
def test_zones_that_are_no_layer(place, refused, loss, tmp_path, name, part):
    (tmp_path / "note.txt").write_text("hello")
    refused(place, attribute(place, loss, "--zones", tmp_path / name), part)


def test_a_loss_file_that_is_cut_short(place, refused, loss, tmp_path):
    cut = tmp_path / "cut.gpkg"
    cut.write_bytes(loss.read_bytes()[:5000])
    refused(place, attribute(place, cut, "--zones", loss), cut, "cannot be read as a vector layer")


def test_the_output_of_an_unknown_format(place, refused, loss, tmp_path):
    words = [
        "attribute",
        "--loss",
        loss,
        "--out",
        tmp_path / "out.shp",
        "--site",
        place.site,
        "--zones",
        loss,
    ]
    refused(place, words, "out.shp", "unknown format", "needed .parquet, .gpkg, .csv")


def test_a_place_that_cannot_be_written(place, refused, tmp_path):
    words = ["alerts", "export", "--store", place.store, "--out", tmp_path]
    refused(place, words, tmp_path, "check the path")


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["monitor"],
        ["monitor", "--until", "yesterday"],
        ["monitor", "--until", "2024-13-40"],
        ["attribute"],
        ["scenes", "--from", "then", "--to", "2024-01-01"],
        ["monitor", "--until", "2024-01-01", "--unheard-of", "1"],
    ],
)
def test_a_usage_error_ends_with_2_and_does_nothing(place, command, words):
    before = folder_digests(place.store)
    said = command(*words)
    assert said.code == 2 and said.out == "" and "Usage" in said.err
    assert folder_digests(place.store) == before


def test_the_program_itself_says_one_line_and_ends_with_1(place, tmp_path):
    other = replace(place, archive=tmp_path / "nowhere")
    assert "does not exist" in program(*other.words()).error
    assert program("monitor").code == 2
