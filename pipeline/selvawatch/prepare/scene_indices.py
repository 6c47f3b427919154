"""From the scenes of one stream and day to one observation of a tile: read, mask, one space, indices,
same-day merge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import xarray as xr

from selvawatch.core.files import digest
from selvawatch.core.grid import Tile
from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.scene import Scene
from selvawatch.core.stack import NODATA, encode
from selvawatch.errors import SceneError
from selvawatch.prepare.indices import INDICES, stored, stored_without_halo, without_halo
from selvawatch.prepare.mask import SCREENED_BANDS, Screening, clear_pixels
from selvawatch.prepare.observation_quality import quality_of, scale_of
from selvawatch.sources.sensors.quality import QualityThresholds
from selvawatch.sources.sensors.sensor import Sensor
from selvawatch.sources.sensors.sensor_table import indices_of, sensor_of, stream_of

Reader = Callable[[Scene, Tile, Sequence[str], int], xr.Dataset]
"""How a scene is read: `Source.read`, or `sources.scene_pixels.read_scene`."""


_EDITION = 2
"""Edition of how the numbers are used; 2: overlapping pieces of one day are laid in the order of squares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRule:
    """Which indices are made of scenes, and how: `models/indices.toml`."""

    optical: tuple[str, ...]
    """Indices of optical scenes, where the sensor can give them."""
    radar: tuple[str, ...]
    """Indices of radar scenes."""
    radar_box_px: int
    """Side of the square that radar power is averaged over, pixels (odd)."""

    def __post_init__(self) -> None:
        """Refuse unknown indices and an even box."""
        if unknown := [name for name in (*self.optical, *self.radar) if name not in INDICES]:
            raise ValueError(f"unknown indices {unknown}; known: {', '.join(INDICES)}")
        if self.radar_box_px < 1 or self.radar_box_px % 2 == 0:
            raise ValueError(f"radar_box_px is {self.radar_box_px}, need an odd number from 1")

    def wanted(self, scene: Scene) -> tuple[str, ...]:
        """Indices that a scene of that kind should give."""
        return self.radar if sensor_of(scene).radar else self.optical


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How scenes become observations."""

    screening: Screening
    index_rule: IndexRule
    quality: QualityThresholds

    @property
    def digest(self) -> str:
        """Digest of all its numbers, and of how they are used, but for those of quality: an observation that
        was made without them, or by others, is used as it is.
        """
        numbers = asdict(self)
        del numbers["screening"]["quality"]
        return digest({"edition": _EDITION, **numbers})

    def indices(self, scene: Scene) -> tuple[str, ...]:
        """Indices that are made of a scene, in the order of `INDICES`."""
        wanted = self.index_rule.wanted(scene)
        given = indices_of(scene)
        return tuple(name for name in INDICES if name in wanted and name in given)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObservation:
    """One scene's part of an observation."""

    scene: Scene
    values: dict[str, np.ndarray]
    """(y, x) int16 by index, and `QUALITY` where it is known; `NODATA` where not usable."""
    clear: np.ndarray
    """(y, x) bool: usable."""
    halo_px: int = 0
    """Pixels around the tile that both hold too."""
    blocks: Mapping[str, str] = field(default_factory=dict)
    """Digest of what was read of each layer's file (`sources.reading.checksums.read_digest`), by layer; none
    where its reader notes none."""

    @property
    def clear_share(self) -> float:
        """Share of the tile's own pixels that are usable, 0-1."""
        return _share(self.clear, self.halo_px)


def observe_scene(
    scene: Scene, tile: Tile, recipe: Recipe, read: Reader, halo_px: int = 0
) -> SceneObservation:
    """One scene on a tile's pixels, masked, in Sentinel-2's reflectance space, as stored indices.

    halo_px: pixels of the same grid around the tile that are made too, as any other tile would make them.

    Raises
    ------
    SceneError
        When the scene cannot be read, or gives none of the recipe's indices.
    """
    from selvawatch.sources.scene_pixels import BLOCKS  # slow to import: settings need none of it

    sensor, blocks = sensor_of(scene), dict[str, str]()
    names = recipe.indices(scene)

    def noting(scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int) -> xr.Dataset:
        data = read(scene, tile, bands, halo_px)
        blocks.update(data.attrs.get(BLOCKS, {}))
        return data

    if not names:
        raise SceneError(
            "the scene gives no index of the recipe",
            reason="index",
            where=f"scene {scene.id}",
            got=", ".join(indices_of(scene)) or "none",
            needed=", ".join(recipe.index_rule.wanted(scene)),
        )
    if sensor.ready:
        values, clear = _ready(scene, tile, names, recipe, noting, halo_px)
    elif sensor.radar:
        values, clear = _radar(scene, tile, names, recipe, noting, halo_px)
    else:
        values, clear = _optical(scene, tile, names, recipe, noting, halo_px)
    return SceneObservation(scene=scene, values=values, clear=clear, halo_px=halo_px, blocks=blocks)


def daily(parts: Sequence[SceneObservation]) -> Observation:
    """One observation of scenes of one stream and day: of each pixel, the first scene that is clear there, in
    the order of squares and ids: the ids of an acquisition differ between archives, its square does not.

    Raises
    ------
    ValueError
        For no scene, or scenes of different streams or days.
    """
    parts = sorted(parts, key=lambda part: (part.scene.square, part.scene.id, part.scene.collection))
    if len({(stream_of(part.scene), part.scene.day) for part in parts}) != 1:
        raise ValueError("an observation needs scenes of one stream and one day")
    names = [name for name in (*INDICES, QUALITY) if any(name in part.values for part in parts)]
    shape = parts[0].clear.shape
    if len(parts) == 1:
        values, seen = {name: parts[0].values[name] for name in names}, parts[0].clear
    else:
        values = {name: np.full(shape, NODATA, np.int16) for name in names}
        seen = np.zeros(shape, bool)
        for part in parts:
            fresh = part.clear & ~seen
            for name in part.values:
                np.copyto(values[name], part.values[name], where=fresh)
            seen |= fresh
    return Observation(
        day=parts[0].scene.day,
        stream=stream_of(parts[0].scene),
        values=values,
        scales={name: scale_of(name) for name in names},
        scene_ids=tuple(part.scene.id for part in parts),
        clear_share=_share(seen, parts[0].halo_px),
    )


def _share(usable: np.ndarray, halo_px: int) -> float:
    inner = without_halo(usable, halo_px)
    return float(np.count_nonzero(inner)) / inner.size


def _ready(
    scene: Scene, tile: Tile, names: Sequence[str], recipe: Recipe, read: Reader, halo_px: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Ready indices as they are: no screening of bands is possible, none of their pixels is averaged."""
    data = read(scene, tile, names, halo_px)
    values = {name: encode(data[name].values, INDICES[name].scale) for name in names}
    clear = np.logical_or.reduce([index != NODATA for index in values.values()])
    quality = _quality(sensor_of(scene), data, recipe)
    if quality is not None:
        clear &= quality
        for index in values.values():
            index[~clear] = NODATA
    return values, clear


def _radar(
    scene: Scene, tile: Tile, names: Sequence[str], recipe: Recipe, read: Reader, halo_px: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Backscatter in dB of power averaged over a small square; a pixel without data stays so, as does one in
    shadow or layover where the product says it.
    """
    side = recipe.index_rule.radar_box_px
    halo = side // 2
    data = read(scene, tile, names, halo + halo_px)
    quality = _quality(sensor_of(scene), data, recipe)
    values = {}
    for name in names:
        power = data[name].values
        mean = boxcar(power if quality is None else np.where(quality, power, np.float32(np.nan)), side)
        seen = np.ones(mean.shape, bool)
        values[name] = stored(INDICES[name].of({name: mean}), INDICES[name].scale, seen)
    return values, np.logical_and.reduce([index != NODATA for index in values.values()])


def boxcar(power: np.ndarray, side: int) -> np.ndarray:
    """Mean of linear power over a square of `side` pixels, of those with data.

    (y, x) float32 without the outer pixels that half a square needs; NaN where the pixel has no data.
    """
    from selvawatch.prepare.pixel_kernels import box_mean  # slow to import: settings need none of it

    half = side // 2
    out = np.empty((power.shape[0] - 2 * half, power.shape[1] - 2 * half), np.float32)
    box_mean(np.ascontiguousarray(power, np.float32), half, out)
    return out


def _optical(
    scene: Scene, tile: Tile, names: Sequence[str], recipe: Recipe, read: Reader, halo_px: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Indices of harmonised reflectances where quality layer and screening agree that they are clear."""
    from selvawatch.prepare.pixel_kernels import hide  # slow to import: settings need none of it

    sensor = sensor_of(scene)
    resolution = tile.grid.resolution
    halo = recipe.screening.halo_px(resolution)
    bands = dict.fromkeys((*SCREENED_BANDS, *(band for name in names for band in INDICES[name].bands)))
    data = read(scene, tile, tuple(bands), halo + halo_px)
    reflectance, space = {name: data[name].values for name in bands}, sensor.bandpass
    quality = _quality(sensor, data, recipe)
    clear_with_halo = clear_pixels(reflectance, quality, recipe.screening, resolution, space)
    clear = without_halo(clear_with_halo, halo).copy()
    values = {name: stored_without_halo(INDICES[name], reflectance, space, halo, clear) for name in names}
    for index in values.values():
        hide(clear, index)
    weights = quality_of(reflectance, clear, recipe.screening, space, halo)
    return values if weights is None else {**values, QUALITY: weights}, clear


def _quality(sensor: Sensor, data: xr.Dataset, recipe: Recipe) -> np.ndarray | None:
    layers = {name: data[name].values for name in sensor.quality if name in data}
    if sensor.clear is None or not layers:
        return None
    return sensor.clear(layers, recipe.quality)
