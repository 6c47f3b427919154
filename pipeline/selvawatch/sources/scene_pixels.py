"""Read a scene onto the grid: raw numbers by exact nearest pixel, physical values by the item's own scale and
offset.

On the grid's own CRS, or on its UTM twin across the equator, files are read by rasterio windows at their
native pixels and spread by an integer rule: a pixel takes the file pixel its centre lies in, and a centre on
an edge belongs to the pixel east and south of it (half-open pixels, west and north edge included). GDAL would
let float noise decide there, and does so for Landsat, whose edges lie on 10 m pixel centres. Anything else is
reprojected by GDAL, nearest. `odc.stac.load` is not used: it warps in both cases, and a tile's seven files
cost it 2.4 times bare rasterio windows. GDAL opens files and unpacks blocks; `sources.reading.tiff_blocks`
finds, checks and lays them. How fast that is: docs/bench-scenes.md.
"""

import math
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from selvawatch.core.files import check_plain
from selvawatch.core.grid import Tile, around
from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SceneError
from selvawatch.sources.reading.checksums import agrees, read_digest
from selvawatch.sources.reading.pixel_rule import Placement, align, epsg_of
from selvawatch.sources.reading.reproject import reproject
from selvawatch.sources.reading.tiff_blocks import Blocks, Content, LocalBytes, find_blocks, unpack
from selvawatch.sources.reading.tiff_header import holds_header
from selvawatch.sources.sensors.scaling import physical, table_of
from selvawatch.sources.sensors.sensor import Band, Scaling
from selvawatch.sources.sensors.sensor_table import asset_of, scaling_of, sensor_of
from selvawatch.web.range_file import RemoteFile
from selvawatch.web.retry import reason_of
from selvawatch.web.signing import PREFIX, address_of, renewed
from selvawatch.web.throttle import AT_ONCE

Bytes = LocalBytes | RemoteFile
"""Where a file's bytes come from."""
_ON_WEB = ("http", "https", PREFIX.rstrip(":"))
_REMOTE = "remote.tif"
_JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
"""First bytes of a JPEG 2000 file (ISO/IEC 15444-1, annex I.5.1)."""
_NEAR_S = 0.05
"""Seconds within which the heads of a scene's files come from a server that is near."""
_FEW = 1
_MOST_BANDS = 1_000
"""Bands of a file of a scene."""
_RIO = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
BLOCKS = "blocks"
"""Attribute of a scene that was read: digests of what was read of its files, by layer."""
PICTURE_BANDS = ("red", "green", "blue")
SWIR_BANDS = ("swir16", "nir", "red")
"""Bands that stand for red, green and blue where thin smoke hides the eye's colours."""


def read_scene(scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
    """Bands of a scene on a tile's pixels: (y, x) float32 physical values, NaN = not observed.

    halo_px: pixels of the same grid around the tile that are read too. The quality layers of its sensor come
    with them as stored (unsigned codes; where there is no data, the layer's own fill). Every needed window is
    read once. The attribute `blocks` says what was read of each layer's file (`read_digest`), by layer.

    Raises
    ------
    SceneError
        When any file cannot be read whole, contradicts its item, or its scale cannot be told; `reason` says
        which.
    """
    geobox, digests = around(tile, halo_px), dict[str, str]()
    read = dataset(scene, tile, geobox, read_layers(scene, geobox, wanted(scene, bands), digests))
    return read.assign_attrs({BLOCKS: digests})


def wanted(scene: Scene, bands: Sequence[str]) -> dict[str, Band]:
    """The bands and the quality layers that come with them, by name."""
    sensor = sensor_of(scene)
    layers = {name: sensor.bands[name] for name in bands}
    return layers | {
        name: band for name, band in sensor.quality.items() if band.needed or sensor.asset(name, scene.assets)
    }


def dataset(scene: Scene, tile: Tile, geobox: GeoBox, layers: dict[str, np.ndarray]) -> xr.Dataset:
    """Layers (y, x) on a geobox as every source gives them."""
    step, corner = tile.grid.resolution, geobox.affine
    return xr.Dataset(
        {name: (("y", "x"), values) for name, values in layers.items()},
        coords={
            "y": corner.f - step * (np.arange(geobox.shape[0]) + 0.5),
            "x": corner.c + step * (np.arange(geobox.shape[1]) + 0.5),
        },
        attrs={"scene": scene.id, "sensor": scene.sensor, "crs": tile.grid.crs},
    )


def read_window(
    scene: Scene,
    bounds: tuple[float, float, float, float],
    crs: str,
    bands: Sequence[str],
    resolution: float = 0.0,
) -> np.ndarray:
    """A small picture of a scene: (band, y, x) float32 physical values, NaN = no data.

    bounds: west, south, east, north in `crs` (metres). Pixels are the sensor's own size unless a resolution
    (metres) is given. Raises SceneError as `read_scene` does.
    """
    sensor = sensor_of(scene)
    step = resolution or sensor.resolution
    west, south, east, north = bounds
    shape = (max(1, math.ceil((north - south) / step - 1e-9)), max(1, math.ceil((east - west) / step - 1e-9)))
    geobox = GeoBox(shape, Affine(step, 0, west, 0, -step, north), crs)
    read = read_layers(scene, geobox, {name: sensor.bands[name] for name in bands})
    return np.stack([read[name] for name in bands])


def picture_bands(scene: Scene) -> tuple[str, ...]:
    """Bands to show a scene with: red, green and blue, or its one best band as grey."""
    sensor = sensor_of(scene)
    if all(name in sensor.bands for name in PICTURE_BANDS):
        return PICTURE_BANDS
    return next((name,) for name in sensor.bands if sensor.asset(name, scene.assets) is not None)


def shows_swir(scene: Scene) -> bool:
    """Whether a scene has the bands of a picture in short-wave infrared and those of natural colours."""
    sensor = sensor_of(scene)
    wanted = (*PICTURE_BANDS, *SWIR_BANDS)
    return all(name in sensor.bands and sensor.asset(name, scene.assets) is not None for name in wanted)


def read_layers(
    scene: Scene, geobox: GeoBox, layers: dict[str, Band], digests: dict[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Layers of a scene on a geobox: float32 physical values, or codes as stored for quality layers.

    digests: gets what was read of each layer's file, by layer (`read_digest`); none of Earth Engine's images.
    """
    from selvawatch.sources.earthengine.pixels import PREFIX, read_image

    if any(asset.href.startswith(PREFIX) for asset in scene.assets.values()):
        return read_image(scene, geobox, layers)
    if any(_on_web(asset_of(scene, name).href) for name in layers):
        return _from_web(scene, geobox, layers, digests)
    read, noted = {}, {}
    with rasterio.Env(**_RIO), ThreadPoolExecutor(1) as beside:
        for name, band in layers.items():
            with _as_scene_error(scene, name):
                layer = _open_layer(scene, geobox, name, band, bytes_of(asset_of(scene, name).href))
                content = layer.data.read_ranges(layer.ranges)
                if digests is not None:  # while this thread unpacks: hashing lets others go on
                    noted[name] = beside.submit(read_digest, content, layer.raw)
                read[name] = _values(layer, content)
    if digests is not None:
        digests |= {name: found.result() for name, found in noted.items()}
    return read


def _fetched(layer: "_Layer", digests: dict[str, str] | None) -> list[Content]:
    """The blocks of a layer from the web, noted as they came, while those of others are waited for."""
    content = layer.data.read_ranges(layer.ranges)
    if digests is not None:
        digests[layer.name] = read_digest(content, layer.raw)
    return content


def _from_web(
    scene: Scene, geobox: GeoBox, layers: dict[str, Band], digests: dict[str, str] | None
) -> dict[str, np.ndarray]:
    """Layers of which some are on the web: their heads are fetched side by side, and so are their blocks.

    From a server that is near, file after file: they come no faster by more connections, and the first
    is here sooner, to be unpacked while the next ones come. GDAL is used by this thread alone: its reads
    through Python wait for one another.
    """
    read, found, begun = {}, [], time.monotonic()
    with rasterio.Env(**_RIO), ThreadPoolExecutor(min(len(layers), AT_ONCE)) as many:
        heads = [many.submit(bytes_of, asset_of(scene, name).href) for name in layers]
        wait(heads)
        near = time.monotonic() - begun < _NEAR_S
        with ThreadPoolExecutor(_FEW if near else 1) as few:
            for (name, band), head in zip(layers.items(), heads, strict=True):
                with _as_scene_error(scene, name):
                    layer = _open_layer(scene, geobox, name, band, head.result())
                    found.append((layer, (few if near else many).submit(_fetched, layer, digests)))
            for layer, content in found:
                with _as_scene_error(scene, layer.name):
                    read[layer.name] = _values(layer, content.result())
    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A layer whose file has been looked at."""

    name: str
    data: Bytes
    scaling: Scaling | None
    """None: codes as stored."""
    nodata: float | None
    dtype: str
    shape: tuple[int, int]
    placed: Placement | None
    """None: the file was reprojected."""
    blocks: Blocks | None
    """Blocks to unpack; None: `raw` has been read, or nothing is to be read."""
    raw: np.ndarray | None
    """(y, x) stored numbers that GDAL read: of the target where `placed` is None, else of its window."""

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """First byte and bytes of the blocks."""
        return () if self.blocks is None else self.blocks.ranges


@contextmanager
def _as_scene_error(scene: Scene, name: str) -> Iterator[None]:
    """Errors of a file as one of its scene."""
    try:
        yield
    except (RasterioError, OSError) as error:
        raise SceneError(
            f"{name} cannot be read", reason=reason_of(error), where=f"scene {scene.id}", got=_plain(error)
        ) from error


def _open_layer(scene: Scene, geobox: GeoBox, name: str, band: Band, data: Bytes) -> _Layer:
    """One layer and what of its file is needed for the geobox.

    Where GDAL reads the numbers itself, a local file is compared with the checksum that its item states.
    """
    asset = asset_of(scene, name)
    scaling = None if band.kind == "quality" else scaling_of(scene, name)
    raw = None
    with opened(data, header=True) as file:
        check_file(scene, asset, file, name)
        dtype = file.dtypes[asset.band - 1]
        nodata = _nodata(scene, asset, band, file, name)
        placed = align(geobox, epsg_of(file.crs), file.transform, (file.height, file.width))
        blocks = None
        if placed is not None and not placed.empty:
            blocks = find_blocks(file, data, asset.band, placed.window)
    if blocks is None and (placed is None or not placed.empty):
        with opened(data) as file:
            if placed is None:
                raw = reproject(file, data, asset.band, geobox, _fill(nodata))
            else:
                raw = file.read(asset.band, window=placed.window)
        if isinstance(data, LocalBytes) and not agrees(data.path, asset.checksum):
            raise OSError("the file's checksum contradicts its item")
    return _Layer(
        name=name,
        data=data,
        scaling=scaling,
        nodata=nodata,
        dtype=dtype,
        shape=(geobox.shape[0], geobox.shape[1]),
        placed=placed,
        blocks=blocks,
        raw=raw,
    )


def _values(layer: _Layer, content: Sequence[Content]) -> np.ndarray:
    """A layer on the geobox: float32 physical values, or codes as stored."""
    scaling, placed, blocks = layer.scaling, layer.placed, layer.blocks
    fill = _fill(layer.nodata) if scaling is None else np.nan
    if layer.raw is not None:
        values = layer.raw if scaling is None else physical(layer.raw, scaling, layer.nodata)
        return values if placed is None else placed.spread(values, fill)
    if blocks is None or placed is None:
        return np.full(layer.shape, fill, layer.dtype if scaling is None else np.float32)
    if scaling is not None and blocks.kind in (np.uint8, np.uint16):
        table = table_of(blocks.kind.itemsize, scaling, layer.nodata)
        return placed.frame(unpack(blocks, content, placed.rows, placed.columns, table), fill)
    raw = unpack(blocks, content, placed.rows, placed.columns)
    return placed.frame(raw if scaling is None else physical(raw, scaling, layer.nodata), fill)


def _on_web(href: str) -> bool:
    return urlsplit(href).scheme in _ON_WEB


def bytes_of(href: str) -> Bytes:
    """The bytes of an href's file; OSError when it cannot be opened."""
    address = address_of(href)
    if _on_web(address):
        return RemoteFile(address, renew=partial(renewed, href) if address != href else None)
    path = Path(address)
    check_plain(path)
    return LocalBytes(path, path.stat().st_size)


@contextmanager
def opened(data: Bytes, header: bool = False) -> Iterator[Any]:
    """The open dataset of a file's bytes; header: no pixel will be read of it."""
    if isinstance(data, LocalBytes):
        with data.path.open("rb") as raw:
            driver = _driver(raw.read(len(_JP2)))
        with rasterio.open(data.path, driver=driver) as file:
            yield file
        return
    if header and holds_header(data.head):
        with MemoryFile(data.head, filename=_REMOTE) as memory, memory.open(driver="GTiff") as file:
            yield file
        return
    on_web = data

    def opener(path: str, mode: str = "rb") -> RemoteFile:
        if path != _REMOTE or "r" not in mode:
            raise FileNotFoundError(path)
        return on_web.again()

    with rasterio.open(_REMOTE, driver=_driver(data.head), opener=opener) as file:
        yield file


def _driver(head: bytes) -> str:
    """GDAL's driver for a file that begins so: TIFF, or JPEG 2000 as Copernicus Data Space keeps."""
    return "JP2OpenJPEG" if head.startswith(_JP2) else "GTiff"


def check_file(scene: Scene, asset: Asset, file: Any, name: str) -> None:
    """Refuse a file that is not what its item says, or that no scene's file is like."""
    where = f"scene {scene.id}, {name}"
    if file.count > _MOST_BANDS:
        raise SceneError(
            "the file has too many bands", reason="size", where=where, got=file.count, needed=_MOST_BANDS
        )
    code = epsg_of(file.crs)
    if code is None:
        raise SceneError("the file has no known CRS", reason="crs", where=where, got=file.crs or "none")
    if asset.crs and asset.crs != f"EPSG:{code}":
        raise SceneError(
            "the file's CRS contradicts its item",
            reason="crs",
            where=where,
            got=f"EPSG:{code}",
            needed=asset.crs,
        )
    if asset.shape and asset.shape != (file.height, file.width):
        raise SceneError(
            "the file's size contradicts its item",
            reason="size",
            where=where,
            got=f"{file.height} x {file.width}",
            needed=f"{asset.shape[0]} x {asset.shape[1]}",
        )
    if asset.transform and not _same(tuple(file.transform)[:6], asset.transform, 1e-3):
        raise SceneError(
            "the file's place contradicts its item",
            reason="grid",
            where=where,
            got=tuple(file.transform)[:6],
            needed=asset.transform,
        )
    if asset.file_size is not None and Path(asset.href).is_file():
        size = Path(asset.href).stat().st_size
        if size != asset.file_size:
            raise SceneError(
                "the file's bytes contradict its item",
                reason="size",
                where=where,
                got=size,
                needed=asset.file_size,
            )
    if not 1 <= asset.band <= file.count:
        raise SceneError(
            "the file lacks the band", reason="size", where=where, got=file.count, needed=asset.band
        )


def _same(numbers: Sequence[float], others: Sequence[float], tolerance: float) -> bool:
    return len(numbers) == len(others) and all(
        abs(one - other) <= tolerance for one, other in zip(numbers, others, strict=True)
    )


def _nodata(scene: Scene, asset: Asset, band: Band, file: Any, name: str) -> float | None:
    """Stored value without data: the sensor's where the table gives one, else the item's, else the file's;
    all must agree.
    """
    said = [
        value
        for value in (band.nodata, asset.nodata, file.nodatavals[asset.band - 1])
        if value is not None and not (band.kind == "quality" and value == 0)
    ]
    if said and any(value != said[0] and not (np.isnan(value) and np.isnan(said[0])) for value in said[1:]):
        if band.kind != "quality" and not any(np.isnan(value) for value in said):
            raise SceneError(
                "sensor, item and file disagree on the value without data",
                reason="nodata",
                where=f"scene {scene.id}, {name}",
                got=", ".join(f"{value:g}" for value in said[1:]),
                needed=f"{said[0]:g}",
            )
        said = [value for value in said if not np.isnan(value)] or said
    return said[0] if said else None


def _fill(nodata: float | None) -> float:
    return 0 if nodata is None else nodata


def _plain(error: Exception) -> str:
    """An error's text without folders, hosts and signatures."""
    text = re.sub(r"\?\S+", "", str(error.__cause__ or error))
    return re.sub(r"(?:/vsi\w+/|https?:/|/)\S*/", "", text)[:200]
