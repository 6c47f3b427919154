import dataclasses
import hashlib
import json
import zlib

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.windows import Window

import stac_folder
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.errors import SceneError
from selvawatch.sources.open import open_source
from selvawatch.sources.reading.block_kernels import adler32, lay, lay_floats, lay_physical
from selvawatch.sources.reading.checksums import agrees
from selvawatch.sources.reading.tiff_blocks import LocalBytes, find_blocks, read_stored, unpack
from selvawatch.sources.scene_pixels import read_scene

TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
PLACE = Affine(10, 0, WEST, 0, -10, NORTH)
KINDS = {
    "uint8": 2, "int8": 2, "uint16": 2, "int16": 2, "uint32": 2, "int32": 2, "float32": 3,
}  # fmt: skip


def lay_slow(blocks, where, rows, columns, differences, fill):
    """Plain Python twin of `lay`."""
    height, width = blocks.shape[1:]
    whole = np.cumsum(blocks, axis=2, dtype=blocks.dtype) if differences else blocks
    out = []
    for row in rows:
        line = []
        for column in columns:
            number = where[row // height][column // width]
            line.append(fill if number < 0 else whole[number, row % height, column % width])
        out.append(line)
    return np.array(out, blocks.dtype)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
@pytest.mark.parametrize("differences", [True, False])
def test_blocks_are_laid_as_plain_python_lays_them(kind, differences):
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 256, (5, 16, 32)).astype(kind)
    where = np.array([[0, 1, 2], [-1, 3, 4]])
    for rows, columns in (
        (np.arange(3, 29), np.arange(40, 90)),
        (np.arange(10, 60) // 2, np.arange(60, 190) // 2),
        (np.array([15, 16, 16, 31]), np.array([0, 31, 32, 95])),
    ):
        out = np.empty((rows.size, columns.size), kind)
        lay(blocks, where, rows, columns, differences, out.dtype.type(7), out)
        expected = lay_slow(blocks, where, rows, columns, differences, 7)
        np.testing.assert_array_equal(out, expected)
        if kind != "uint32":
            table = rng.random(1 << (8 * out.itemsize)).astype(np.float32)
            physical = np.empty(out.shape, np.float32)
            lay_physical(blocks, where, rows, columns, differences, out.dtype.type(7), table, physical)
            np.testing.assert_array_equal(physical, table[expected])


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, 64 * 2048, 300_001, 1 << 20])
@pytest.mark.parametrize("highest", [256, 1])
def test_checksums_are_those_of_zlib(size, highest):
    blocks = 255 - np.random.default_rng(size).integers(0, highest, (2, size)).astype(np.uint8)
    assert adler32(blocks).tolist() == [zlib.adler32(block.tobytes()) for block in blocks]


def test_floats_are_laid_as_plain_python_lays_them():
    values = np.random.default_rng(2).normal(size=(2, 8, 16)).astype(np.float32)
    planes = values.astype(">f4").view(np.uint8).reshape(2, 8, 16, 4)
    planes = planes.transpose(0, 1, 3, 2).reshape(2, 8, 64)
    kept = np.diff(planes, axis=2, prepend=np.uint8(0)).astype(np.uint8)
    rows, columns = np.arange(16) // 2, np.arange(4, 30)
    out = np.empty((16, 26), np.uint32)
    lay_floats(kept, np.array([[1, 0]]), rows, columns, np.uint32(0), out)
    whole = np.concatenate([values[1], values[0]], axis=1)
    np.testing.assert_array_equal(out.view(np.float32), whole[rows][:, columns])


def written(path, kind="uint16", size=200, **profile):
    numbers = np.random.default_rng(3).normal(80, 20, (size, size)).astype(kind)
    said = {"driver": "COG", "compress": "DEFLATE", "blocksize": 64, "predictor": "YES", "nodata": 0}
    with rasterio.open(
        path, "w", dtype=kind, count=1, height=size, width=size, crs="EPSG:32719", transform=PLACE,
        **(said | profile),
    ) as file:  # fmt: skip
        file.write(numbers, 1)
    return numbers


def stored(path, window):
    with rasterio.open(path) as file:
        return read_stored(file, LocalBytes(path, path.stat().st_size), 1, window)


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("predictor", ["YES", "NO"])
def test_any_window_holds_the_bits_that_gdal_reads(tmp_path, kind, predictor):
    numbers = written(tmp_path / "a.tif", kind, predictor=predictor)
    with rasterio.open(tmp_path / "a.tif") as file:
        said = file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR")
        assert said == (str(KINDS[kind]) if predictor == "YES" else None)
        data = LocalBytes(tmp_path / "a.tif", (tmp_path / "a.tif").stat().st_size)
        assert find_blocks(file, data, 1, Window(0, 0, 9, 9)) is not None
    for window in (Window(0, 0, 200, 200), Window(60, 61, 10, 3), Window(190, 130, 10, 70)):
        got = stored(tmp_path / "a.tif", window)
        rows, columns = window.toslices()
        assert got.dtype == numbers.dtype
        np.testing.assert_array_equal(got, numbers[rows, columns])


@pytest.mark.parametrize(
    "profile",
    [
        {"compress": "ZSTD"},
        {"compress": "NONE", "predictor": "NO"},
        {"driver": "GTiff", "predictor": 1, "blocksize": None, "endianness": "BIG", "tiled": True},
        {"driver": "GTiff", "predictor": 1, "blocksize": None, "blockysize": 7},
    ],
    ids=["zstd", "plain", "big end first", "strips"],
)
def test_what_is_kept_in_another_way_is_read_by_gdal(tmp_path, profile):
    profile = {key: value for key, value in profile.items() if value is not None}
    if profile.get("driver") == "GTiff":
        numbers = np.random.default_rng(3).normal(80, 20, (200, 200)).astype("uint16")
        with rasterio.open(
            tmp_path / "a.tif", "w", dtype="uint16", count=1, height=200, width=200, crs="EPSG:32719",
            transform=PLACE, compress="DEFLATE", **profile,
        ) as file:  # fmt: skip
            file.write(numbers, 1)
    else:
        numbers = written(tmp_path / "a.tif", **profile)
    with rasterio.open(tmp_path / "a.tif") as file:
        data = LocalBytes(tmp_path / "a.tif", (tmp_path / "a.tif").stat().st_size)
        assert find_blocks(file, data, 1, Window(0, 0, 9, 9)) is None
    np.testing.assert_array_equal(stored(tmp_path / "a.tif", Window(50, 60, 80, 90)), numbers[60:150, 50:130])


def block_of(path, column=0, row=0):
    with rasterio.open(path) as file:
        return tuple(
            int(file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", 1)) for what in ("OFFSET", "SIZE")
        )


@pytest.mark.parametrize("kind", ["uint16", "float32"])
@pytest.mark.parametrize("lost", [1, 4, 40, 700])
def test_a_block_with_a_zeroed_tail_is_refused(tmp_path, kind, lost):
    path = tmp_path / "a.tif"
    written(path, kind)
    whole = path.read_bytes()
    first, count = block_of(path, 1, 2)
    kept = max(1, count - lost)
    path.write_bytes(whole[: first + kept] + bytes(count - kept) + whole[first + count :])
    with pytest.raises(OSError, match="a block is damaged"):
        stored(path, Window(64, 128, 64, 64))
    stored(path, Window(0, 0, 64, 64))


def test_gdal_alone_takes_a_block_without_its_end_for_numbers(tmp_path):
    path = tmp_path / "a.tif"
    numbers = written(path)
    whole = path.read_bytes()
    first, count = block_of(path)
    path.write_bytes(whole[: first + count - 4] + bytes(4) + whole[first + count :])
    silent = 0
    for lost in range(4, 40):
        path.write_bytes(whole[: first + count - lost] + bytes(lost) + whole[first + count :])
        try:
            with rasterio.open(path) as file:
                silent += not np.array_equal(file.read(1, window=Window(0, 0, 64, 64)), numbers[:64, :64])
        except rasterio.errors.RasterioIOError:
            continue
    assert silent


@pytest.mark.parametrize("place", [0, 5, 500])
def test_a_changed_bit_is_refused(tmp_path, place):
    path = tmp_path / "a.tif"
    written(path)
    whole = bytearray(path.read_bytes())
    whole[block_of(path)[0] + place] ^= 0x10
    path.write_bytes(whole)
    with pytest.raises(OSError, match="a block is damaged"):
        stored(path, Window(0, 0, 10, 10))


def test_bytes_after_a_block_that_do_not_belong_to_it_are_no_damage(tmp_path):
    path = tmp_path / "a.tif"
    numbers = written(path)
    with rasterio.open(path) as file:
        data = LocalBytes(path, path.stat().st_size)
        blocks = find_blocks(file, data, 1, Window(0, 0, 64, 64))
    content = [bytes(part) + b"\0\0" for part in data.read_ranges(blocks.ranges)]
    got = unpack(blocks, content, np.arange(64), np.arange(64))
    np.testing.assert_array_equal(got, numbers[:64, :64])
    assert zlib.decompress(content[0][:-2])


def test_a_block_that_the_file_keeps_no_bytes_of_is_without_data(tmp_path):
    path = tmp_path / "a.tif"
    numbers = np.full((256, 256), 500, np.uint16)
    numbers[:64], numbers[64:128, 128:] = 0, 0
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, height=256, width=256, crs="EPSG:32719",
        transform=PLACE, nodata=0, compress="DEFLATE", tiled=True, blockxsize=64, blockysize=64,
        sparse_ok=True,
    ) as file:  # fmt: skip
        file.write(numbers, 1)
    with rasterio.open(path) as file:
        assert file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1) is None
    np.testing.assert_array_equal(stored(path, Window(10, 20, 220, 200)), numbers[20:220, 10:230])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("rest_is_lost_too", [True, False])
def test_a_header_that_lost_its_list_of_blocks_never_reads_as_no_data(tmp_path, rest_is_lost_too):
    path = tmp_path / "a.tif"
    numbers = written(path, size=600)
    whole, (begin, _) = path.read_bytes(), block_of(path)
    refused = 0
    for lost in range(16, begin, 160):
        rest = bytes(len(whole) - begin) if rest_is_lost_too else whole[begin:]
        path.write_bytes(whole[:lost] + bytes(begin - lost) + rest)
        try:
            with rasterio.open(path) as file:
                if file.crs is None:  # what `check_file` refuses
                    raise OSError
            got = stored(path, Window(0, 0, 600, 600))
        except (OSError, rasterio.errors.RasterioError):
            refused += 1
        else:
            np.testing.assert_array_equal(got, numbers)
    assert refused >= 5


def one_scene(root, **changes):
    values = np.random.default_rng(4).uniform(0.01, 0.5, (48, 48)).round(4)
    bands = {name: values for name in ("blue", "green", "red", "nir", "swir16", "swir22")}
    stac_folder.sentinel_2(root, "S", "2024-06-01T15:00:00Z", bands, WEST, NORTH)
    place = root / "sentinel-2-c1-l2a" / "S" / "S.json"
    item = json.loads(place.read_text())
    item["assets"]["red"] |= changes
    place.write_text(json.dumps(item))
    stac_folder.write_catalog(root)
    (scene,) = (
        open_source(f"folder:{root}")
        .search(shapely.box(-180, -90, 180, 90), to_day("2024-01-01"), to_day("2024-12-31"))
        .scenes
    )
    return scene, root / "sentinel-2-c1-l2a" / "S" / "red.tif"


def test_a_file_without_checks_of_its_own_is_compared_with_its_items_checksum(tmp_path):
    scene, path = one_scene(tmp_path)
    with rasterio.open(path) as file:
        profile, numbers = file.profile, file.read(1)
    profile |= {"driver": "GTiff", "compress": "zstd", "predictor": 2}
    with rasterio.open(path, "w", **profile) as file:
        file.write(numbers, 1)
    right = "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
    asset = dataclasses.replace(scene.assets["red"], checksum=right)
    good = dataclasses.replace(scene, assets={**scene.assets, "red": asset})
    assert np.isfinite(read_scene(good, TILE, ["red"])["red"].values).all()
    asset = dataclasses.replace(asset, checksum=right[:-1] + ("0" if right[-1] != "0" else "1"))
    bad = dataclasses.replace(scene, assets={**scene.assets, "red": asset})
    with pytest.raises(SceneError, match="checksum contradicts") as caught:
        read_scene(bad, TILE, ["red"])
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize(("start", "kind"), [("1220", "sha256"), ("1340", "sha512"), ("d50110", "md5")])
def test_a_checksum_is_of_the_kind_that_its_first_digits_say(tmp_path, start, kind):
    path = tmp_path / "a"
    path.write_bytes(b"content")
    digest = hashlib.new(kind, b"content").hexdigest()
    assert agrees(path, start + digest) and not agrees(path, start + digest[::-1])
    assert agrees(path, "") and agrees(path, "ffff00")
    path.write_bytes(b"other content")
    assert not agrees(path, start + digest)


def test_an_items_checksum_comes_with_its_scene(tmp_path):
    scene, _ = one_scene(tmp_path, **{"file:checksum": "1220AB"})
    assert scene.assets["red"].checksum == "1220ab" and scene.assets["blue"].checksum == ""
