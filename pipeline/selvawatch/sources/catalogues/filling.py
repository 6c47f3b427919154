"""Scenes that cannot be read, read as other sources have the same acquisition: whole, or in its pieces."""

import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import rasterio.features
import shapely
import xarray as xr
from pyproj import Transformer

from selvawatch.core.grid import Tile, around
from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.sources.catalogues.ordered import SHARED, is_pass_of
from selvawatch.sources.scene_pixels import BLOCKS
from selvawatch.sources.sensors.quality import QualityThresholds
from selvawatch.sources.sensors.sensor import Sensor
from selvawatch.sources.sensors.sensor_table import sensor_of, stream_of
from selvawatch.sources.source import Duplicate, Source
from selvawatch.web.retry import TokenError

log = logging.getLogger(__name__)

Key = tuple[str, str, str]
"""`Scene.item_key`."""


@dataclass(frozen=True)
class FillingReader:
    """Reads a scene, and where it cannot be read the same acquisition as the next source has it."""

    source: Source
    scenes: tuple[Scene, ...]
    duplicates: tuple[Duplicate, ...]

    @cached_property
    def others(self) -> Mapping[Key, tuple[tuple[Scene, ...], ...]]:
        """What shows the same acquisition, by the scene's `item_key`: each a product of another source, in
        the pieces that it comes in. Made when a scene cannot be read, for there may be very many.
        """
        return _others(self.scenes, self.duplicates)

    def __call__(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels (`sources.scene_pixels.read_scene`).

        Raises
        ------
        SceneError
            When no source can be read; `unreachable` where one may be later. A second source that wants
            another token is none of those.
        """
        try:
            return self.source.read(scene, tile, bands, halo_px)
        except SceneError as error:
            silent, whys = error.reason == "unreachable", []
            for pieces in self.others.get(scene.item_key, ()):
                try:
                    read = self._other(scene, pieces, tile, bands, halo_px)
                except SceneError as second:
                    silent |= second.reason == "unreachable" and not isinstance(second.__cause__, TokenError)
                    whys.append(str(second))
                    log.info("%s cannot be read as %s either: %s", scene.id, pieces[0].id, second)
                    continue
                log.info("%s was read as %s of %s: %s", scene.id, pieces[0].id, pieces[0].collection, error)
                return read
            if not whys:
                raise
            raise SceneError(
                "it cannot be read, and what else shows it does not answer now"
                if silent and error.reason != "unreachable"
                else "neither it nor what else shows it can be read",
                reason="unreachable" if silent else error.reason,
                where=f"scene {scene.id}",
                got="; ".join((str(error), *whys)),
            ) from error

    def _other(
        self, scene: Scene, pieces: Sequence[Scene], tile: Tile, bands: Sequence[str], halo_px: int
    ) -> xr.Dataset:
        """Bands of a scene as another product of its acquisition gives them.

        Raises
        ------
        SceneError
            When a piece cannot be read, or the pieces show too little of what the scene shows of the tile.
        """
        if len(pieces) == 1 and pieces[0].sensor == scene.sensor:
            read = self.source.read(pieces[0], tile, bands, halo_px)
            return _without_blocks(read)
        outline = tile.lonlat_outline_with(halo_px)
        needed = scene.footprint.intersection(outline)
        near = [piece for piece in pieces if piece.footprint.intersects(needed)]
        shown = shapely.union_all([piece.footprint for piece in near]).intersection(needed)
        if not near or shown.area < SHARED * needed.area:
            raise SceneError(
                "the other product shows too little of it",
                reason="unreadable",
                where=f"scene {scene.id}",
                got=f"{len(near)} of {len(pieces)} pieces over the tile",
            )
        parts = [
            _usable(self.source.read(piece, tile, bands, halo_px), sensor_of(piece), bands) for piece in near
        ]
        return _joined(scene, parts, tile, halo_px)


def _without_blocks(read: xr.Dataset) -> xr.Dataset:
    """What was read, without the note of its files: they are not those of the scene that it stands for."""
    out = read.copy(deep=False)
    out.attrs = {name: value for name, value in read.attrs.items() if name != BLOCKS}
    return out


def _usable(data: xr.Dataset, sensor: Sensor, bands: Sequence[str]) -> xr.Dataset:
    """Bands of a radar scene, NaN where its own mask says that they are not usable."""
    layers = {name: data[name].to_numpy() for name in sensor.quality if name in data}
    power = data[list(bands)]
    if sensor.clear is None or not layers:
        return power
    clear = sensor.clear(layers, QualityThresholds(cloud_score=0.0))
    return power.where(xr.DataArray(clear, dims=("y", "x")))


def _joined(scene: Scene, read: Sequence[xr.Dataset], tile: Tile, halo_px: int) -> xr.Dataset:
    """Bands of the first piece that has a pixel, where the scene lies; NaN elsewhere. No note of files."""
    geobox = around(tile, halo_px)
    to_grid = Transformer.from_crs("EPSG:4326", tile.grid.crs, always_xy=True)
    shown = scene.footprint.intersection(tile.lonlat_outline_with(halo_px))
    outline = shapely.transform(shown, to_grid.transform, interleaved=False)
    inside = rasterio.features.geometry_mask(
        [outline], out_shape=geobox.shape, transform=geobox.affine, invert=True, all_touched=True
    )
    joined = read[0]
    for piece in read[1:]:
        joined = joined.fillna(piece)
    attributes = _without_blocks(read[0]).attrs
    return (
        joined.where(xr.DataArray(inside, dims=("y", "x")))
        .astype(np.float32)
        .assign_attrs(attributes | {"scene": scene.id, "sensor": scene.sensor})
    )


def filling_reader(source: Source, scenes: Iterable[Scene], duplicates: Iterable[Duplicate]) -> FillingReader:
    """The reader of a source that falls back on what other sources have of the same acquisition."""
    return FillingReader(source, tuple(scenes), tuple(duplicates))


def _others(
    scenes: Iterable[Scene], duplicates: Iterable[Duplicate]
) -> dict[Key, tuple[tuple[Scene, ...], ...]]:
    """What `FillingReader.others` holds.

    A product in other pieces (bursts of a pass, or the pass that bursts were cut from) stands for every scene
    of the pass.
    """
    others: dict[Key, tuple[tuple[Scene, ...], ...]] = {}
    pieces: dict[tuple[Key, str], tuple[Scene, ...]] = {}
    groups: dict[tuple[str, int], list[Scene]] = {}
    for scene in scenes:
        groups.setdefault((scene.sensor, scene.day), []).append(scene)
    for duplicate in duplicates:
        other = duplicate.scene
        if other.sensor == duplicate.sensor:
            others[duplicate.of] = (*others.get(duplicate.of, ()), (other,))
            continue
        days = (other.day - 1, other.day, other.day + 1)
        for scene in itertools.chain(*(groups.get((duplicate.sensor, day), ()) for day in days)):
            if _is_same_power(sensor_of(scene), sensor_of(other)) and is_pass_of(scene, other):
                group = scene.item_key, f"{other.sensor} {stream_of(other)}"
                pieces[group] = (*pieces.get(group, ()), other)
    for (key, _), some in pieces.items():
        others[key] = (*others.get(key, ()), tuple(sorted(some, key=lambda piece: piece.order)))
    return others


def _is_same_power(sensor: Sensor, other: Sensor) -> bool:
    """Whether two radar products hold the same physical quantity: linear power of gamma nought."""
    return all(
        product.radar and not product.angled and all(band.kind == "power" for band in product.bands.values())
        for product in (sensor, other)
    )
