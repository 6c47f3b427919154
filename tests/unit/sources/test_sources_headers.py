import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from selvawatch.sources.reading.tiff_header import holds_header


def written(path, **profile):
    said = {"driver": "COG", "compress": "DEFLATE", "blocksize": 128, "nodata": 0}
    with rasterio.open(
        path, "w", dtype="uint16", count=1, height=1000, width=900, crs="EPSG:32719",
        transform=Affine(10, 0, 4e5, 0, -10, 86e5), **(said | profile),
    ) as file:  # fmt: skip
        file.write(np.random.default_rng(1).integers(0, 900, (1000, 900)).astype(np.uint16), 1)
    return path.read_bytes()


@pytest.mark.parametrize(
    "profile", [{}, {"bigtiff": "YES"}, {"overviews": "NONE"}], ids=["cog", "big", "one"]
)
def test_a_header_is_held_from_the_byte_on_that_ends_it(tmp_path, profile):
    whole = written(tmp_path / "a.tif", **profile)
    with rasterio.open(tmp_path / "a.tif") as file:
        facts = file.profile, file.overviews(1)
        blocks = [file.get_tag_item(f"BLOCK_OFFSET_{n}_0", "TIFF", bidx=1) for n in range(7)]
        first = min(
            int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1, ovr=level))
            for level in (None, *range(len(facts[1])))
        )
    held = [cut for cut in range(first + 200) if holds_header(whole[:cut])]
    assert held == list(range(held[0], first + 200)) and first - 16 <= held[0] <= first
    with MemoryFile(whole[: held[0]]) as memory, memory.open(driver="GTiff") as file:
        assert (file.profile, file.overviews(1)) == facts
        assert [file.get_tag_item(f"BLOCK_OFFSET_{n}_0", "TIFF", bidx=1) for n in range(7)] == blocks


def test_what_is_no_tiff_or_goes_in_circles_holds_none(tmp_path):
    whole = bytearray(written(tmp_path / "a.tif", overviews="NONE"))
    assert not any(holds_header(part) for part in (b"", b"II*\0", b"MM\0*" + bytes(99), b"<html>" * 99))
    first = int.from_bytes(whole[4:8], "little")
    after = first + 2 + 12 * int.from_bytes(whole[first : first + 2], "little")
    whole[after : after + 4] = first.to_bytes(4, "little")
    assert not holds_header(bytes(whole))
