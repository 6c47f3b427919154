"""Statuses of a store as one raster in the encoding of another alert system."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from selvawatch.core.days import iso
from selvawatch.core.files import disk_error, replacing
from selvawatch.core.grid import Tile
from selvawatch.errors import StoreError
from selvawatch.events.patches import with_expired_layers
from selvawatch.site import Site
from selvawatch.store.folders import open_store
from selvawatch.store.tile_state import open_layers
from selvawatch.write.encodings import ENCODINGS

BLOCK = 512


def write_encoded(site: Site, store: str, encoding: str, out: Path) -> list[Path]:
    """Write the current states of all tiles in one of `write.encodings.ENCODINGS` and return the files.

    One GeoTIFF for each layer of the encoding, on the site's grid: OUT itself where there is one layer, else
    OUT with `-LAYER` before its suffix. Ground without a tile has no data. Tiles are written one by one.

    Raises
    ------
    StoreError
        When the store has no run, or for an unknown encoding.
    LayerError
        For an onset that the encoding cannot say.
    """
    opened = open_store(store)
    current, states = opened.ledger.current(), opened.ledger.tiles()
    if encoding not in ENCODINGS:
        raise StoreError("the encoding is not known", got=encoding, needed=", ".join(ENCODINGS))
    if current is None or not states:
        raise StoreError("the store has no run", where=opened.folder, do="run `selvawatch monitor` first")
    tiles = [site.grid.tile(name) for name in states]

    def state_of(tile: str) -> xr.Dataset:
        layers = open_layers(opened, tile, states[tile].state)
        return with_expired_layers(layers, site.event_rule, current.until_day)

    layers = [coder(state_of(tiles[0].id)) for coder in ENCODINGS[encoding]]
    tags = {
        "selvawatch_run_id": current.run_id,
        "selvawatch_data_day": iso(current.until_day),
        "selvawatch_encoding": encoding,
    }
    return _write(tiles, state_of, encoding, layers, out, tags)


def _write(
    tiles: Sequence[Tile],
    state_of: Callable[[str], xr.Dataset],
    encoding: str,
    layers: Sequence[xr.DataArray],
    out: Path,
    tags: Mapping[str, str],
) -> list[Path]:
    side = tiles[0].grid.tile_px
    west, north = min(tile.column for tile in tiles), max(tile.row for tile in tiles)
    shape = (
        side * (north - min(tile.row for tile in tiles) + 1),
        side * (max(tile.column for tile in tiles) - west + 1),
    )
    corner = Tile(grid=tiles[0].grid, column=west, row=north).transform
    paths = [_named(out, str(layer.name), len(layers) > 1) for layer in layers]
    written: list[tuple[int, Window, str]] = []
    with ExitStack() as stack:
        parts = [stack.enter_context(replacing(path)) for path in paths]
        with _as_disk_error(paths[0]), ExitStack() as opened:
            files = [
                opened.enter_context(
                    rasterio.open(part, "w", **_profile(layer, tiles[0].grid.crs, corner, shape))
                )
                for part, layer in zip(parts, layers, strict=True)
            ]
            for file, layer in zip(files, layers, strict=True):
                file.set_band_description(1, str(layer.name))
                file.update_tags(**tags, description=layer.attrs["says"])
            for tile in sorted(tiles):
                window = Window((tile.column - west) * side, (north - tile.row) * side, side, side)
                state = state_of(tile.id)
                for number, coder in enumerate(ENCODINGS[encoding]):
                    values = np.ascontiguousarray(coder(state).to_numpy())
                    files[number].write(values, 1, window=window)
                    written.append((number, window, _digest(values)))
        with _as_disk_error(paths[0]):
            _read_back(parts, written)
    return paths


@contextmanager
def _as_disk_error(path: Path) -> Iterator[None]:
    """Errors of a raster that is written and read back as those of the disk."""
    try:
        yield
    except RasterioError as error:
        raise disk_error(path, str(error.__cause__ or error)) from error


def _read_back(parts: Sequence[Path], written: Sequence[tuple[int, Window, str]]) -> None:
    """Refuse files that do not hold what was written: GDAL tells nobody that its last bytes found no room."""
    with ExitStack() as opened:
        files = [opened.enter_context(rasterio.open(part, driver="GTiff")) for part in parts]
        for number, window, digest in written:
            if _digest(files[number].read(1, window=window)) != digest:
                raise RasterioError("it gives back something else than was written")


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def _named(out: Path, layer: str, several: bool) -> Path:
    return out.with_name(f"{out.stem}-{layer}{out.suffix}") if several else out


def _profile(layer: xr.DataArray, crs: str, corner: Affine, shape: tuple[int, int]) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "dtype": layer.dtype.name,
        "count": 1,
        "height": shape[0],
        "width": shape[1],
        "crs": crs,
        "transform": corner,
        "nodata": layer.attrs["nodata"],
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
