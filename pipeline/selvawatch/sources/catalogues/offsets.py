"""Which offset a scene's numbers carry, told by its dark targets where its metadata cannot be believed.

Item and rule may contradict each other, and Earth Search's `sentinel-2-l2a` states offsets that are not true.
Dense forest is dark in red whatever the season and the haze of a usable scene (Kaufman & Sendra 1988,
doi:10.1080/01431168808954942: dense dark vegetation): an offset of 0.1 that was taken off twice, or not at
all, puts it below 0 or above 0.1. Where just one of the possible offsets puts it right, that one is used and
written down; else the scene is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.sources.scene_pixels import bytes_of, check_file, opened
from selvawatch.sources.sensors.quality import QualityThresholds
from selvawatch.sources.sensors.sensor import Scaling
from selvawatch.sources.sensors.sensor_table import DECIDED, asset_of, sensor_of, stated_scaling
from selvawatch.sources.source import Problem
from selvawatch.web.retry import reason_of

BY_DARK_TARGETS = "dark-targets"
_UNTRUSTED = ("sentinel-2-l2a", "earthsearch:boa_offset_applied")
_BAND = "red"
_VEGETATION = 4
_WATER = 1 << 7
_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class DarkTargets:
    """Where the red of dense forest must lie."""

    lowest: float
    """Least red reflectance that the chosen share of a scene's forest may be below of, 0-1."""
    highest: float
    """Most of it, 0-1."""
    percentile: float
    """Percent of the scene's forest whose upper border is compared."""
    side_px: int
    """Rows and columns at which the scene is read, pixels."""
    minimum_pixels: int
    """Clear pixels of forest among them, at least."""

    def __post_init__(self) -> None:
        """Refuse numbers that leave no range."""
        if not self.lowest < self.highest:
            raise ValueError(f"lowest is {self.lowest}, need less than highest ({self.highest})")
        if not 0 < self.percentile < 100:
            raise ValueError(f"percentile is {self.percentile}, need more than 0 and less than 100")
        if self.side_px < 1:
            raise ValueError(f"side_px is {self.side_px}, need 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRule:
    """What is made of what archives state of their scenes: `models/archives.toml`."""

    quality: QualityThresholds
    """Thresholds of the archives' own quality layers."""
    dark_targets: DarkTargets
    """Where dense forest must lie once scale and offset are right."""


def is_doubtful(scene: Scene) -> bool:
    """Whether a scene's metadata leave its scale or offset open: item and rule differ, or neither is to be
    believed.
    """
    return not scene.properties.get(DECIDED) and len(candidates(scene)) > 1


def candidates(scene: Scene) -> set[Scaling]:
    """Scales and offsets that a scene's reflectances may have."""
    sensor = sensor_of(scene)
    if _BAND not in sensor.bands or sensor.bands[_BAND].kind != "reflectance":
        return set()
    rule = sensor.rule(scene)
    possible = {_rounded(rule)} if rule is not None else set()
    for name in sensor.bands:
        stated = stated_scaling(scene, name)
        if stated is not None:
            possible.add(_rounded(stated))
    collection, flag = _UNTRUSTED
    if scene.collection == collection and flag in scene.properties:
        possible |= {(1e-4, 0.0), (1e-4, -0.1)}
    return possible


def resolve_offsets(
    scenes: Sequence[Scene], before: Iterable[Scene], rule: ArchiveRule
) -> tuple[list[Scene], list[Problem]]:
    """The scenes with every doubtful offset decided, and those that could not be decided, as problems.

    before: scenes of an earlier plan; what was decided of the same item then is kept.
    """
    known = {scene.item_key: scene for scene in before if scene.properties.get(DECIDED)}

    def resolve(scene: Scene) -> Scene | Problem:
        if not is_doubtful(scene):
            return scene
        if scene.item_key in known:
            return known[scene.item_key]
        try:
            return decided(scene, rule)
        except SceneError as error:
            stream = sensor_of(scene).stream
            return Problem(scene_id=scene.id, reason=error.reason, text=str(error), sensor=stream)

    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(resolve, scenes))
    return (
        [scene for scene in found if isinstance(scene, Scene)],
        [problem for problem in found if isinstance(problem, Problem)],
    )


def decided(scene: Scene, rule: ArchiveRule) -> Scene:
    """The scene with the scale and offset that its dark targets speak for, and a note that they did.

    Raises
    ------
    SceneError
        Reason `offset`: none of the candidates, or several, put the forest where it must be, or too little
        of it is clear; other reasons: a file cannot be read.
    """
    stored, dark = _dark_stored(scene, rule), rule.dark_targets
    possible = sorted(candidates(scene))
    levels = {line: stored * line[0] + line[1] for line in possible} if stored is not None else {}
    right = [line for line, level in levels.items() if dark.lowest <= level <= dark.highest]
    if len(right) != 1:
        levels_text = ", ".join(f"{line[1]:g} puts it at {level:.3f}" for line, level in levels.items())
        raise SceneError(
            "metadata leave the offset open, and so do the dark targets",
            reason="offset",
            where=f"scene {scene.id}",
            got=levels_text or "too little clear forest",
            needed=f"one offset that puts the forest's red at {dark.lowest:g} to {dark.highest:g}",
        )
    scale, offset = right[0]
    assets = dict(scene.assets)
    sensor = sensor_of(scene)
    for name in sensor.bands:
        if key := sensor.asset(name, assets):
            assets[key] = replace(assets[key], scale=scale, offset=offset)
    note: Mapping[str, Any] = {DECIDED: f"{BY_DARK_TARGETS}:{offset:g}"}
    return replace(scene, assets=assets, properties={**scene.properties, **note})


def _dark_stored(scene: Scene, rule: ArchiveRule) -> float | None:
    """Stored number that the chosen share of the scene's clear forest is below of in red; None where there is
    little forest.
    """
    sensor, dark = sensor_of(scene), rule.dark_targets
    try:
        red = _small(scene, _BAND, (dark.side_px, dark.side_px), dark.side_px)
        quality = {
            name: _small(scene, name, red.shape, dark.side_px)
            for name, band in sensor.quality.items()
            if band.needed and sensor.asset(name, scene.assets)
        }
    except (RasterioError, OSError) as error:
        raise SceneError(
            f"the dark targets cannot be read ({type(error).__name__})",
            reason=reason_of(error),
            where=f"scene {scene.id}",
        ) from None
    forest = red != (sensor.bands[_BAND].nodata or 0)
    if "scl" in quality:
        forest &= quality["scl"] == _VEGETATION
    elif sensor.clear is not None and quality:
        forest &= sensor.clear(quality, rule.quality)
        if "qa_pixel" in quality:
            forest &= (quality["qa_pixel"] & _WATER) == 0
    chosen = red[forest]
    return float(np.percentile(chosen, dark.percentile)) if chosen.size >= dark.minimum_pixels else None


def _small(scene: Scene, name: str, most: tuple[int, ...], side: int) -> np.ndarray:
    """A file at so many rows and columns at most, from its overviews; of a large one without any, four times
    the side of its middle. A coarser quality layer is spread to the size of the band.
    """
    asset = asset_of(scene, name)
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        opened(bytes_of(asset.href)) as file,
    ):
        check_file(scene, asset, file, name)
        window = Window(0, 0, file.width, file.height)
        if not file.overviews(asset.band) and max(file.shape) > 4 * side:
            share = 4 * side / max(file.shape)
            rows, columns = int(file.height * share), int(file.width * share)
            window = Window((file.width - columns) // 2, (file.height - rows) // 2, columns, rows)
        shape = most if name != _BAND else (min(most[0], file.height), min(most[1], file.width))
        return np.asarray(file.read(asset.band, window=window, out_shape=shape))


def _rounded(scaling: Scaling) -> Scaling:
    return round(scaling[0], 9), round(scaling[1], 6)
