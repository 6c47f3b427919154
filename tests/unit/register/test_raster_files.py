"""Rasters that people hand in, hostile ones among them: read by windows, or refused in one line."""

import os
import struct

import numpy as np
import pytest
import rasterio
from affine import Affine

from selvawatch.attribute import loss_products
from selvawatch.attribute.loss_products import read_raster_loss
from selvawatch.errors import LayerError
from selvawatch.register import raster_files
from selvawatch.register.raster_files import RasterLimits, open_raster, windows_on

CRS = "EPSG:32719"
PROFILE = {
    "driver": "GTiff",
    "dtype": "uint8",
    "count": 1,
    "crs": CRS,
    "transform": Affine(30, 0, 300_000, 0, -30, 8_700_000),
    "compress": "DEFLATE",
}


def write(path, values, **more):
    with rasterio.open(
        path, "w", **PROFILE | {"height": values.shape[0], "width": values.shape[1]} | more
    ) as file:
        file.write(values, 1)
    return path


def test_an_empty_raster_of_30_000_squared_is_read_where_the_ground_lies(tmp_path):
    path, side = tmp_path / "sparse.tif", 30_000
    profile = PROFILE | {"height": side, "width": side, "tiled": True, "SPARSE_OK": True}
    with rasterio.open(path, "w", **profile, blockxsize=256, blockysize=256) as file:
        file.write(np.full((1, 10, 10), 19, np.uint8), window=((500, 510), (300, 310)))
    assert path.stat().st_size < 120_000
    extent = (308_700.0, 8_684_000.0, 310_000.0, 8_685_500.0)
    found = read_raster_loss(path, crs=CRS, encoding="hansen", extent=extent)
    assert found.area.sum() == pytest.approx(90_000) and found["value"].tolist() == [19]
    elsewhere = (200_000.0, 8_000_000.0, 200_100.0, 8_000_100.0)
    assert len(read_raster_loss(path, crs=CRS, encoding="hansen", extent=elsewhere)) == 0


@pytest.mark.parametrize("blocks", [{"blockysize": 4}, {"tiled": True, "blockxsize": 16, "blockysize": 16}])
def test_windows_cut_no_hectare(tmp_path, monkeypatch, blocks):
    values = np.random.default_rng(1).integers(0, 3, (64, 48), np.uint8)
    path = write(tmp_path / "loss.tif", values, **blocks)
    at_once = read_raster_loss(path, crs=CRS, encoding="hansen")
    monkeypatch.setattr(raster_files, "LIMITS", RasterLimits(window_bytes=1_000))
    with open_raster(path) as raster:
        windows = windows_on(path, raster, None, CRS)
        assert len(windows) > 2 and sum(window.width * window.height for window in windows) == values.size
    pieces = read_raster_loss(path, crs=CRS, encoding="hansen")
    for value in (1, 2):
        areas = [found.area[found["value"] == value].sum() for found in (at_once, pieces)]
        assert areas == pytest.approx([900 * (values == value).sum()] * 2)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float64"])
def test_patches_do_not_depend_on_the_type_that_they_are_kept_as(tmp_path, dtype):
    values = np.random.default_rng(2).integers(0, 4, (24, 24))
    found = read_raster_loss(
        write(tmp_path / "loss.tif", values.astype(dtype), dtype=dtype), crs=CRS, encoding="hansen"
    )
    plain = read_raster_loss(
        write(tmp_path / "plain.tif", values.astype(np.uint8)), crs=CRS, encoding="hansen"
    )
    assert found["value"].tolist() == plain["value"].tolist()
    assert found.geometry.equals(plain.geometry)


def test_more_patches_than_can_be_held_are_refused_before_they_are_made(tmp_path, monkeypatch):
    chess = (np.indices((40, 40)).sum(0) % 2).astype(np.uint8)
    monkeypatch.setattr(loss_products, "_MOST_PATCHES", 799)
    with pytest.raises(LayerError, match="too many patches of loss"):
        read_raster_loss(write(tmp_path / "chess.tif", chess), crs=CRS, encoding="hansen")
    monkeypatch.setattr(loss_products, "_MOST_PATCHES", 800)
    assert len(read_raster_loss(tmp_path / "chess.tif", crs=CRS, encoding="hansen")) == 800


def _patched(path, tag, count=None, value=None):
    """A TIFF with the count or value of a tag replaced."""
    write(path, np.eye(32, dtype=np.uint8) * 5)
    content = bytearray(path.read_bytes())
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    for number in range(entries):
        place = first + 2 + 12 * number
        if struct.unpack_from("<H", content, place) == (tag,):
            if count is not None:
                struct.pack_into("<I", content, place + 4, count)
            if value is not None:
                struct.pack_into("<HII", content, place + 2, 4, 1, value)
    path.write_bytes(content)


def _vrt(path):
    path.write_text(
        '<VRTDataset rasterXSize="8" rasterYSize="8"><VRTRasterBand dataType="Byte" band="1" '
        'subClass="VRTRawRasterBand"><SourceFilename>/etc/passwd</SourceFilename></VRTRasterBand></VRTDataset>'
    )


HOSTILE = {
    "a pipe": (os.mkfifo, "a pipe and no plain file"),
    "a folder": (lambda path: path.mkdir(), "a folder and no plain file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "a device and no plain file"),
    "a link to itself": (lambda path: path.symlink_to(path), "cannot be read as a raster"),
    "nothing": (lambda path: path.write_bytes(b""), "another kind"),
    "a list of other files": (_vrt, "another kind"),
    "2^31 blocks": (lambda path: _patched(path, 273, count=0x7FFFFFFF), "cannot be read as a raster"),
    "2^31 columns": (
        lambda path: _patched(path, 256, value=0x7FFFFFFF),
        "too wide or too high|cannot be read",
    ),
    "half a header": (lambda path: path.write_bytes(b"II*\0\x08\0\0\0\xff"), "cannot be read as a raster"),
    "65,535 bands": (
        lambda path: rasterio.open(path, "w", **PROFILE | {"height": 1, "width": 1, "count": 65_535}).close(),
        "too many bands",
    ),
    "no CRS": (lambda path: write(path, np.ones((4, 4), np.uint8), crs=None), "no CRS"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_raster_is_one_line(tmp_path, kind):
    make, words = HOSTILE[kind]
    path = tmp_path / "loss.tif"
    make(path)
    with pytest.raises(LayerError, match=words) as caught:
        read_raster_loss(path, crs=CRS, encoding="hansen")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_blocks_and_grounds_beyond_the_limits_are_one_line(tmp_path):
    path = write(tmp_path / "loss.tif", np.ones((64, 64), np.uint8))
    with (
        pytest.raises(LayerError, match="a block of the raster is too large"),
        open_raster(path, RasterLimits(block_bytes=63)),
    ):
        pass
    with open_raster(path) as raster, pytest.raises(LayerError, match="too many pixels on the ground"):
        windows_on(path, raster, None, CRS, RasterLimits(total_px=4_095))
