import numpy as np
import pytest
import rasterio
import shapely
from rasterio.windows import Window

import fault_server
import stac_folder
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError
from selvawatch.sources.open import open_source
from selvawatch.sources.reading.tiff_blocks import read_stored
from selvawatch.sources.scene_pixels import bytes_of, opened, read_scene

TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=200).tile("x0200y4500")
WEST, _, _, NORTH = TILE.bounds


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A scene whose red has data in its middle only, and keeps no bytes of blocks without any."""
    root = tmp_path_factory.mktemp("sparse")
    values = np.random.default_rng(6).uniform(0.05, 0.5, (200, 200)).round(4)
    bands = {name: values.copy() for name in ("blue", "green", "red", "nir", "swir16", "swir22")}
    bands["red"][:64], bands["red"][:, 128:] = np.nan, np.nan
    stac_folder.sentinel_2(root, "S", "2024-06-01T15:00:00Z", bands, WEST, NORTH)
    path = root / "sentinel-2-c1-l2a" / "S" / "red.tif"
    with rasterio.open(path) as file:
        profile, numbers = file.profile, file.read(1)
    profile |= {"driver": "GTiff", "blockxsize": 64, "blockysize": 64, "tiled": True, "sparse_ok": True}
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers, 1)
    stac_folder.write_catalog(root)
    with fault_server.serve(root) as server:
        yield server, numbers


def _scene(server):
    source = open_source(f"stac:{server.address}/catalog.json")
    found = source.search(shapely.box(-180, -90, 180, 90), to_day("2024-01-01"), to_day("2024-12-31"))
    return found.scenes[0]


def test_blocks_that_a_file_on_the_web_keeps_no_bytes_of_are_without_data(served):
    server, numbers = served
    server.faults = {}
    got = read_scene(_scene(server), TILE, ["red", "nir"])
    np.testing.assert_array_equal(np.isfinite(got["red"].values), numbers != 0)
    assert (numbers == 0).any() and np.isfinite(got["nir"].values).all()
    data = bytes_of(_scene(server).assets["red"].href)
    with opened(data) as file:
        kept = read_stored(file, data, 1, Window(30, 40, 150, 120))
    np.testing.assert_array_equal(kept, numbers[40:160, 30:180])


def test_a_file_whose_list_of_blocks_came_as_zeros_is_not_taken_for_a_sparse_one(served):
    server, _ = served
    server.faults = {"red.tif": "zeroed"}
    with pytest.raises(SceneError, match="red"):
        read_scene(_scene(server), TILE, ["red"])
    server.faults = {}


def test_a_header_longer_than_the_first_answer_is_read_on(served):
    server, _ = served
    server.faults = {}
    numbers = np.random.default_rng(8).integers(1, 900, (1000, 1000)).astype(np.uint16)
    path = server.folder / "long.tif"
    profile = {"dtype": "uint16", "count": 1, "height": 1000, "width": 1000, "crs": "EPSG:32719", "nodata": 0}
    with rasterio.open(
        path, "w", driver="COG", compress="DEFLATE", blocksize=16, transform=TILE.transform, **profile
    ) as file:
        file.write(numbers, 1)
    data = bytes_of(f"{server.address}/long.tif")
    with opened(data, header=True) as file:
        got = read_stored(file, data, 1, Window(500, 600, 90, 80))
    np.testing.assert_array_equal(got, numbers[600:680, 500:590])
    assert server.sent["/long.tif"] < path.stat().st_size / 3
