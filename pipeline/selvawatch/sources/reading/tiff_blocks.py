"""The packed blocks of a TIFF: which a window needs, whether they are whole, and their numbers on a grid.

A DEFLATE block ends with a checksum of its content (RFC 1950), which GDAL does not look at when the numbers
it wants are complete before: a block whose tail was lost on its way reads as numbers. Here GDAL only unpacks,
the checksum is compared, and one pass undoes the predictor and spreads the numbers over the target's pixels.
"""

import itertools
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

Content = bytes | memoryview
"""Bytes of a block."""

_MOST_BLOCK_BYTES = 256_000_000
"""Bytes of a block, unpacked."""
_MOST_BYTES = 1_000_000_000
"""Bytes of the blocks of a window, unpacked: a whole Sentinel-2 band has 241,120,800."""
_MOST_BLOCKS = 500_000
"""Blocks of a window, and of a file whose list of blocks must be read to its end."""
_MOST_PIXELS = 1 << 24
"""Pixels of a block above which it is left to GDAL."""
_KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")
_BYTES_AROUND = 8
"""Bytes that a COG keeps before and after a block."""
_SPARE_BYTES = 4096
"""Bytes between blocks, and after them, that need no explanation."""


class Bytes(Protocol):
    """A file's bytes, from a disk or the web."""

    @property
    def size(self) -> int:
        """How many there are."""

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[Content]:
        """Content of (first byte, bytes) ranges, in their order; OSError when any of it is not there."""

    def prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Have the content of ranges at hand."""


@dataclass(frozen=True, slots=True)
class LocalBytes:
    """The bytes of a file on a disk."""

    path: Path
    size: int

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[Content]:
        """Content of (first byte, bytes) ranges, in their order; OSError when any of it is not there."""
        parts: list[Content] = []
        with self.path.open("rb", buffering=0) as file:
            for first, count in ranges:
                file.seek(first)
                part = file.read(count)
                if len(part) != count:
                    raise OSError("the file is cut short")
                parts.append(part)
        return parts

    def prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Nothing: they are at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The blocks around a window of one band, and how they are packed."""

    ranges: tuple[tuple[int, int], ...]
    """First byte and bytes of each."""
    where: np.ndarray
    """(y, x) int64: which of them lies there; -1: the file keeps none, and its pixels are `fill`."""
    corner: tuple[int, int]
    """Row and column of the file at which the first of them begins."""
    shape: tuple[int, int]
    """Rows and columns of a block."""
    kind: np.dtype[Any]
    predictor: int
    """TIFF's: 1 none, 2 differences along a row, 3 differences of the bytes of floating-point numbers."""
    fill: float


def locations(file: Any, size: int, band: int, window: Window) -> list[list[tuple[int, int] | None]]:
    """First byte and bytes of the blocks of a window, row by row; None where the file keeps none.

    A block that is listed nowhere holds no data, but a header that was cut or zeroed on its way lists none
    either: it is believed where the listed blocks account for the whole file.

    Raises
    ------
    OSError
        When they do not.
    """
    height, width = file.block_shapes[band - 1]
    _check_size(file, band, window)
    found = [
        [
            _location(file, band, row, column)
            for column in range(
                int(window.col_off) // width, int(window.col_off + window.width - 1) // width + 1
            )
        ]
        for row in range(int(window.row_off) // height, int(window.row_off + window.height - 1) // height + 1)
    ]
    if any(location is None for row in found for location in row) and not _is_complete(file, size):
        raise OSError("the file lacks blocks")
    return found


def _check_size(file: Any, band: int, window: Window) -> None:
    """Refuse blocks that are larger, or of which a window needs more, than can be held; OSError saying so."""
    height, width = file.block_shapes[band - 1]
    size = height * width * np.dtype(file.dtypes[band - 1]).itemsize
    if size > _MOST_BLOCK_BYTES:
        raise OSError(f"a block of the file has {size} bytes, at most {_MOST_BLOCK_BYTES}")
    down = int(window.row_off + window.height - 1) // height - int(window.row_off) // height + 1
    across = int(window.col_off + window.width - 1) // width - int(window.col_off) // width + 1
    if down * across > _MOST_BLOCKS or down * across * size > _MOST_BYTES:
        raise OSError(
            f"the window needs {down * across} blocks of {size} bytes, at most {_MOST_BYTES} bytes in all"
        )


def _location(
    file: Any, band: int, row: int, column: int, level: int | None = None
) -> tuple[int, int] | None:
    first, count = (
        file.get_tag_item(f"BLOCK_{what}_{column}_{row}", "TIFF", bidx=band, ovr=level)
        for what in ("OFFSET", "SIZE")
    )
    if not first and not count:
        return None
    if not first or not count:
        raise OSError("the file lacks blocks")
    return int(first), int(count)


def _is_complete(file: Any, size: int) -> bool:
    """Whether the blocks that a file lists fill it."""
    listed: set[tuple[int, int]] = set()
    entries = levels = 0
    for band in file.indexes:
        height, width = file.block_shapes[band - 1]
        for level, factor in [(None, 1), *enumerate(file.overviews(band))]:
            levels += 1
            if -(-file.height // (height * factor)) * -(-file.width // (width * factor)) > _MOST_BLOCKS:
                raise OSError(f"the file keeps more than {_MOST_BLOCKS} blocks, and lacks some")
            for row in range(-(-file.height // (height * factor))):
                for column in range(-(-file.width // (width * factor))):
                    entries += 1
                    location = _location(file, band, row, column, level)
                    if location is not None:
                        listed.add(location)
    begin = min((first for first, _ in listed), default=16 * entries + 1024 * levels)
    known = begin + sum(count + _BYTES_AROUND for _, count in listed)
    return size <= known + _SPARE_BYTES * bool(listed)


def find_blocks(file: Any, data: Bytes, band: int, window: Window) -> Blocks | None:
    """The blocks of a window of an open file; None where only GDAL can read how it keeps them, as of one that
    is no TIFF.

    Raises
    ------
    OSError
        When the file does not hold them.
    """
    if file.driver != "GTiff":
        return None
    found = locations(file, data.size, band, window)
    listed = [location for row in found for location in row if location is not None]
    if not _is_plain(file, data, band):
        data.prefetch(listed)
        return None
    numbers = iter(range(len(listed)))
    where = [[-1 if location is None else next(numbers) for location in row] for row in found]
    height, width = file.block_shapes[band - 1]
    fill = file.nodatavals[band - 1]
    return Blocks(
        ranges=tuple(listed),
        where=np.array(where, np.int64),
        corner=(int(window.row_off) // height * height, int(window.col_off) // width * width),
        shape=(height, width),
        kind=np.dtype(file.dtypes[band - 1]),
        predictor=_predictor(file),
        fill=0 if fill is None else fill,
    )


def read_stored(file: Any, data: Bytes, band: int, window: Window) -> np.ndarray:
    """Stored numbers (y, x) of a window of an open file; OSError when it does not hold them whole."""
    blocks = find_blocks(file, data, band, window)
    if blocks is None:
        return np.asarray(file.read(band, window=window))
    rows = np.arange(int(window.height)) + int(window.row_off)
    return unpack(
        blocks, data.read_ranges(blocks.ranges), rows, np.arange(int(window.width)) + int(window.col_off)
    )


def check_blocks(file: Any, data: Bytes, band: int, window: Window) -> None:
    """Fetch the blocks of a window of an open file; OSError when it does not hold them whole."""
    blocks = find_blocks(file, data, band, window)
    if blocks is not None:
        height, width = blocks.shape
        _inflate(data.read_ranges(blocks.ranges), height, width * blocks.kind.itemsize)


def _is_plain(file: Any, data: Bytes, band: int) -> bool:
    """Whether `unpack` knows how an open file keeps a band."""
    kept = file.tags(ns="IMAGE_STRUCTURE")
    height, width = file.block_shapes[band - 1]
    kind = file.dtypes[band - 1]
    return (
        kept.get("COMPRESSION") == "DEFLATE"
        and (file.count == 1 or kept.get("INTERLEAVE") == "BAND")
        and kind in _KINDS
        and (width != file.width or kept.get("LAYOUT") == "COG")
        and height * width <= _MOST_PIXELS
        and _predictor(file) in ((1, 2, 3) if kind == "float32" else (1, 2))
        and file.get_tag_item("NBITS", "IMAGE_STRUCTURE", bidx=band) is None
        and bytes(data.read_ranges([(0, 2)])[0]) == b"II"
    )


def _predictor(file: Any) -> int:
    return int(file.tags(ns="IMAGE_STRUCTURE").get("PREDICTOR", "1"))


def unpack(
    blocks: Blocks,
    content: Sequence[Content],
    rows: np.ndarray,
    columns: np.ndarray,
    table: np.ndarray | None = None,
) -> np.ndarray:
    """Stored numbers (y, x) of rows and columns of the file; float32 values of a table where one is given.

    content: what `Bytes.take` gives for the blocks' ranges.

    Raises
    ------
    OSError
        When a block is damaged.
    """
    from selvawatch.sources.reading import block_kernels as kernels  # slow to import

    height, width = blocks.shape
    unit = np.dtype(f"uint{8 * blocks.kind.itemsize}")
    fill = np.array([blocks.fill]).astype(blocks.kind).view(unit)[0]
    raw = _inflate(content, height, width * blocks.kind.itemsize)
    down = np.ascontiguousarray(rows, np.int64) - blocks.corner[0]
    across = np.ascontiguousarray(columns, np.int64) - blocks.corner[1]
    if blocks.predictor == 3:
        bits = np.empty((rows.size, columns.size), np.uint32)
        kernels.lay_floats(raw, blocks.where, down, across, fill, bits)
        return bits.view(np.float32)
    stored = raw.view(unit)
    if table is not None:
        values = np.empty((rows.size, columns.size), np.float32)
        kernels.lay_physical(stored, blocks.where, down, across, blocks.predictor == 2, fill, table, values)
        return values
    numbers = np.empty((rows.size, columns.size), unit)
    kernels.lay(stored, blocks.where, down, across, blocks.predictor == 2, fill, numbers)
    return numbers.view(blocks.kind)


def _inflate(content: Sequence[Content], height: int, row_bytes: int) -> np.ndarray:
    """Bytes of blocks, (n, height, row_bytes) uint8, each compared with its checksum."""
    from selvawatch.sources.reading.block_kernels import adler32  # slow to import

    if not content:
        return np.empty((0, height, row_bytes), np.uint8)
    try:
        with MemoryFile(_as_tiff(content, height, row_bytes)) as memory, memory.open(driver="GTiff") as file:
            raw = np.asarray(file.read(1)).reshape(len(content), height, row_bytes)
    except RasterioError:
        raise OSError("a block is damaged: it cannot be unpacked") from None
    sums = adler32(raw.reshape(len(content), -1))
    for number, packed in enumerate(content):
        if sums[number] != int.from_bytes(packed[-4:], "big"):
            _confirm(packed, raw[number])
    return raw


def _confirm(packed: Content, raw: np.ndarray) -> None:
    """Refuse a block unless its checksum lies before bytes that do not belong to it, and is right."""
    stream = zlib.decompressobj()
    try:
        intact = stream.decompress(packed) == raw.tobytes() and stream.eof
    except zlib.error:
        intact = False
    if not intact:
        raise OSError("a block is damaged: its checksum differs")


def _as_tiff(content: Sequence[Content], height: int, row_bytes: int) -> bytes:
    """A TIFF of bytes, one block wide and without a predictor, whose blocks are these."""
    count, entries = len(content), 14
    lists = 8 + 2 + 12 * entries + 4
    start = lists + 8 * count + 72
    sizes = [len(packed) for packed in content]
    offsets = list(itertools.accumulate(sizes[:-1], initial=start))
    short, long, double = 3, 4, 12
    tags = (
        (256, long, 1, row_bytes),
        (257, long, 1, height * count),
        (258, short, 1, 8),
        (259, short, 1, 8),
        (262, short, 1, 1),
        (277, short, 1, 1),
        (284, short, 1, 1),
        (317, short, 1, 1),
        (322, long, 1, row_bytes),
        (323, long, 1, height),
        (324, long, count, lists if count > 1 else offsets[0]),
        (325, long, count, lists + 4 * count if count > 1 else sizes[0]),
        (33550, double, 3, lists + 8 * count),
        (33922, double, 6, lists + 8 * count + 24),
    )
    return b"".join(
        (
            struct.pack("<2sHIH", b"II", 42, 8, entries),
            *(struct.pack("<HHII", *tag) for tag in tags),
            struct.pack(f"<I{count}I{count}I", 0, *offsets, *sizes),
            struct.pack("<9d", 1, 1, 0, 0, 0, 0, 0, 0, 0),
            *content,
        )
    )
