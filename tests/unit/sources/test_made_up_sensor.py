"""A sensor that does not exist, added by the recipe, from its item to its observation file."""

import re

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

import stac_folder
from conftest import ROOT
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.ingest import ingest_scenes
from selvawatch.sources.catalogues.public_archives import collections_of
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors import quality, sensor_table
from selvawatch.sources.sensors.sensor import Band, Sensor
from selvawatch.sources.sensors.sensor_table import SENSORS, TO_OLI, recognise

EVERYWHERE = shapely.box(-180, -90, 180, 90)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
FOREST = {"blue": 0.02, "green": 0.045, "red": 0.026, "nir": 0.3, "swir16": 0.15, "swir22": 0.06}
BRIGHTER = 1.1
CLOUD = 0b100

MAPPER = Sensor(
    name="mapper-1",
    stream="mapper",
    collections=("mapper-l2",),
    archives={"planetary-computer": ("mapper-l2",)},
    platforms=("mapper-1",),
    bands={name: Band(assets=(f"m_{name}",), nodata=0) for name in FOREST},
    quality={"state": Band(assets=("m_state",), kind="quality", nodata=255)},
    clear=quality.bits_clear("state", CLOUD, fill=255),
    indices=("ndvi", "nbr"),
    resolution=10,
    rule=lambda _: (2e-5, -0.2),
    bandpass="mapper",
)


@pytest.fixture
def mapper(monkeypatch):
    """The sensor by the recipe: an entry of the table, and the lines of its instrument (a tenth brighter)."""
    monkeypatch.setitem(SENSORS, MAPPER.name, MAPPER)
    monkeypatch.setitem(TO_OLI, "mapper", dict.fromkeys(FOREST, (1 / BRIGHTER, 0.0)))


@pytest.fixture
def archive(tmp_path):
    """Forest as the sensor sees it, under a cloud that only its quality layer knows in the first rows."""
    folder, place = stac_folder.item_folder(tmp_path, "mapper-l2", "M"), Affine(10, 0, WEST, 0, -10, NORTH)
    state = np.zeros((48, 48), np.uint8)
    state[:8] = CLOUD
    assets = {"m_state": stac_folder.make_asset(folder, "m_state", state, "EPSG:32719", place, nodata=255)}
    for name, value in FOREST.items():
        msi = sensor_table.TO_OLI["msi"][name]
        seen = (value * msi[0] + msi[1]) * BRIGHTER
        stored = np.full((48, 48), round((seen + 0.2) / 2e-5), np.uint16)
        assets[f"m_{name}"] = stac_folder.make_asset(
            folder, f"m_{name}", stored, "EPSG:32719", place, nodata=0
        )
    item = stac_folder.make_item("M", "mapper-l2", "2024-06-01T15:00:00Z", assets, {"platform": "mapper-1"})
    stac_folder.write_item(tmp_path, item)
    return open_source(f"folder:{stac_folder.write_catalog(tmp_path)}")


def test_without_its_entry_the_sensor_is_unknown(archive):
    found = archive.search(EVERYWHERE, *YEAR)
    assert found.scenes == () and [problem.reason for problem in found.problems] == ["sensor"]


@pytest.mark.usefixtures("mapper")
def test_with_its_entry_its_scenes_become_observations_of_its_stream(archive, tmp_path):
    (scene,) = archive.search(EVERYWHERE, *YEAR).scenes
    assert scene.sensor == "mapper-1" and recognise("mapper-l2", "mapper-2", "", ()) is None
    read = archive.read(scene, TILE, tuple(FOREST))
    np.testing.assert_allclose(read["red"].values[20, 20], (0.026 * 0.9765 + 0.0009) * BRIGHTER, atol=2e-5)
    (record,) = ingest_scenes([scene], TILE, RECIPE, tmp_path / "out", read=archive.read)
    assert (record.state, record.stream) == ("read", "mapper") and record.clear_share == pytest.approx(5 / 6)
    (path,) = (tmp_path / "out").rglob("*.tif")
    with rasterio.open(path) as file:
        values = {name: file.read(1 + file.descriptions.index(name)) for name in MAPPER.indices}
    for name, stored in values.items():
        bands = {band: np.float64(FOREST[band]) for band in INDICES[name].bands}
        # Half a step of stored reflectance (1e-5) moves an index of forest by less than 1e-3.
        assert stored[20, 20] == pytest.approx(INDICES[name].of(bands) / INDICES[name].scale, abs=10)
        assert (stored[:8] == -32768).all() and (stored[8:] != -32768).all()


@pytest.mark.usefixtures("mapper")
def test_an_archive_is_asked_for_what_its_entry_names():
    assert collections_of("planetary-computer")["mapper"] == ("mapper-l2",)
    assert "mapper" not in collections_of("earth-search")


def test_the_recipe_names_five_files_at_most_and_each_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("## Recipe: a sensor")[2].partition("## ")[0]
    files = re.findall(r"^\d\. `([^`]+)`", recipe, re.MULTILINE)
    assert 0 < len(files) <= 5 and all((ROOT / file).is_file() for file in files)
