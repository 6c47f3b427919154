"""Observations on disk: one small int16 GeoTIFF for each tile, stream and day, and the lazy stack that opens
them.

A file is FOLDER/STREAM/YYYYMMDD.tif: one band for each index (description = name, scale in the band's tags),
zstd-packed tiles of 256 px, and a sealed end (`core.files`) that is compared at every read; equal
observations have equal bytes. A file may hold more pixels than its tile:
its tag `halo` says how many on each side. They are given only where `whole` is asked for.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.windows import Window

from selvawatch.core.days import to_date, to_day, to_times
from selvawatch.core.files import canonical_json, read_sealed, write_sealed
from selvawatch.core.grid import Tile, around
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA, check_stack
from selvawatch.errors import DamagedError, StackError

BLOCK = 256
HALO = "halo"
"""Tag of the pixels around the tile that a file holds on each side."""

ROWS = 256
_ENV = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_PAM_ENABLED": "NO"}


def observation_path(folder: Path, stream: str, day: int) -> Path:
    """Where the observation of a stream and day lies below a tile's folder of observations."""
    return folder / stream / f"{to_date(day):%Y%m%d}.tif"


def write_observation(
    observation: Observation,
    tile: Tile,
    folder: Path,
    tags: Mapping[str, str] | None = None,
    halo_px: int = 0,
) -> Path:
    """Write an observation and return where it is.

    tags: further text to keep in the file. halo_px: pixels around the tile that the observation holds too.
    """
    path = observation_path(folder, observation.stream, observation.day)
    rows, columns = observation.shape
    profile = {
        "driver": "GTiff",
        "dtype": "int16",
        "count": len(observation.values),
        "height": rows,
        "width": columns,
        "crs": tile.grid.crs,
        "transform": around(tile, halo_px).affine,
        "nodata": int(NODATA),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "predictor": 2,
    }
    kept = {
        "stream": observation.stream,
        "day": str(observation.day),
        "tile": tile.id,
        "scene_ids": canonical_json(list(observation.scene_ids)),
        "clear_share": f"{observation.clear_share:.6f}",
        HALO: str(halo_px),
    }
    with rasterio.Env(**_ENV), MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.update_tags(**dict(sorted({**(tags or {}), **kept}.items())))
            for number, (name, values) in enumerate(observation.values.items(), 1):
                file.write(values, number)
                file.set_band_description(number, name)
                file.update_tags(number, scale=f"{observation.scales[name]:g}")
        return write_sealed(path, memory.read())


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An observation file, or another sealed TIFF, open for reading from the bytes that were compared.

    Raises
    ------
    DamagedError
        When the file is missing or not what was written.
    """
    with rasterio.Env(**_ENV), MemoryFile(read_sealed(path)) as memory, memory.open(driver="GTiff") as file:
        yield file


def tile_window(file: Any) -> Window:
    """The tile's own pixels of an open observation file, without the halo."""
    halo = int(file.tags().get(HALO, "0"))
    return Window(halo, halo, file.width - 2 * halo, file.height - 2 * halo)


def read_observation(path: Path, *, with_halo: bool = False) -> Observation:
    """The observation in a file: of the tile's own pixels, or of the whole file with its halo.

    Raises
    ------
    DamagedError
        When the file is missing or not what was written.
    StackError
        When the file is no observation file.
    """
    try:
        with opened(path) as file:
            names, tags = file.descriptions, file.tags()
            stored = file.read() if with_halo else file.read(window=tile_window(file))
            return Observation(
                day=int(tags["day"]),
                stream=tags["stream"],
                values=dict(zip(names, stored, strict=True)),
                scales={name: float(file.tags(number)["scale"]) for number, name in enumerate(names, 1)},
                scene_ids=tuple(json.loads(tags["scene_ids"])),
                clear_share=float(tags["clear_share"]),
            )
    except (RasterioError, KeyError, ValueError) as error:
        raise StackError(
            "the observation cannot be read", where=path, got=error, do="delete it and run again"
        ) from error


def read_tags(path: Path) -> Mapping[str, str]:
    """Texts kept in an observation file; empty when there is no such file or it is not what was written."""
    try:
        with opened(path) as file:
            return dict(file.tags())
    except (DamagedError, RasterioError):
        return {}


def list_days(folder: Path, stream: str) -> list[int]:
    """Days a tile's folder of observations has an observation of a stream for, increasing."""
    found = (folder / stream).glob("[0-9]" * 8 + ".tif")
    return sorted(to_day(f"{path.stem[:4]}-{path.stem[4:6]}-{path.stem[6:]}") for path in found)


def read_rows(
    paths: Sequence[Path], index: str, first_row: int, rows: int, with_halo: bool = False
) -> np.ndarray:
    """(time, rows, x) int16 of one index from observation files, in their order; `NODATA` where a file lacks
    the index. whole: rows and columns are those of the whole file, with its halo.

    Raises
    ------
    StackError
        When a file cannot be read or is of another width.
    """
    stack = None
    for position, path in enumerate(paths):
        try:
            with rasterio.Env(**_ENV), rasterio.open(path, driver="GTiff") as file:
                extent = _extent(file, with_halo)
                if stack is None:
                    stack = np.full((len(paths), rows, extent.width), NODATA, np.int16)
                if extent.width != stack.shape[2]:
                    raise ValueError(f"{extent.width} columns where others have {stack.shape[2]}")
                if index in file.descriptions:
                    window = Window(extent.col_off, extent.row_off + first_row, extent.width, rows)
                    file.read(file.descriptions.index(index) + 1, window=window, out=stack[position])
        except (RasterioError, ValueError) as error:
            raise StackError(
                "the observation cannot be read", where=path, got=error, do="delete it and run again"
            ) from error
    return np.empty((0, rows, 0), np.int16) if stack is None else stack


def open_stack(
    folder: Path,
    stream: str,
    index: str,
    first_day: int | None = None,
    last_day: int | None = None,
    rows: int = ROWS,
    *,
    with_halo: bool = False,
) -> xr.DataArray:
    """The lazy stack of an index: (time, y, x) int16 with `scale`, CRS and coordinates; one chunk in time,
    `rows` in y.

    first_day, last_day: both included; None: all there are. whole: with the halo that the files hold.
    Every file is compared with its seal once; of its pixels nothing is read yet.

    Raises
    ------
    DamagedError
        When a file is not what was written.
    StackError
        When there is no observation between the days, or no first file with that index.
    """
    import dask  # slow to import
    import dask.array as da

    days = [
        day
        for day in list_days(folder, stream)
        if (first_day is None or day >= first_day) and (last_day is None or day <= last_day)
    ]
    if not days:
        raise StackError("there is no observation", where=folder / stream, needed="at least one observation")
    paths = [observation_path(folder, stream, day) for day in days]
    for path in paths:
        read_sealed(path)
    scale, height, width, transform, crs = _header(paths, index, with_halo)
    blocks = []
    for first in range(0, height, rows):
        count = min(rows, height - first)
        lazy = dask.delayed(read_rows, pure=True)(paths, index, first, count, with_halo)
        blocks.append(da.from_delayed(lazy, (len(paths), count, width), np.int16))
    stack = xr.DataArray(
        da.concatenate(blocks, axis=1),
        dims=("time", "y", "x"),
        name=index,
        coords={
            "time": to_times(np.array(days)),
            "y": transform.f + transform.e * (np.arange(height) + 0.5),
            "x": transform.c + transform.a * (np.arange(width) + 0.5),
        },
        attrs={"scale": scale, "stream": stream},
    )
    return check_stack(stack.rio.write_crs(crs).rio.write_transform(transform).rio.write_nodata(int(NODATA)))


def _extent(file: Any, with_halo: bool) -> Window:
    return Window(0, 0, file.width, file.height) if with_halo else tile_window(file)


def _header(
    paths: Sequence[Path], index: str, with_halo: bool
) -> tuple[float, int, int, rasterio.Affine, rasterio.crs.CRS]:
    """Scale, height, width, transform and CRS from the first file that has the index."""
    for path in paths:
        try:
            with rasterio.Env(**_ENV), rasterio.open(path, driver="GTiff") as file:
                if index in file.descriptions:
                    scale = float(file.tags(file.descriptions.index(index) + 1)["scale"])
                    extent = _extent(file, with_halo)
                    return scale, extent.height, extent.width, file.window_transform(extent), file.crs
        except (RasterioError, KeyError, ValueError) as error:
            raise StackError(
                "the observation cannot be read", where=path, got=error, do="delete it and run again"
            ) from error
    raise StackError("no observation has the index", where=paths[0].parent, needed=index)
