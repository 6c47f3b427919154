"""Which offset a scene's numbers carry, told by its dark targets where its metadata cannot be believed.

Item and rule may contradict each other, and Earth Search's `sentinel-2-l2a` states offsets that are not true.
Dense forest is dark in red whatever the season and the haze of a usable scene (Kaufman & Sendra 1988,
doi:10.1080/01431168808954942: dense dark vegetation): an offset of 0.1 that was taken off twice, or not at
all, puts it below 0 or above 0.1. Where just one of the possible offsets puts it right, that one is used and
written down; else the scene is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.windows import Window

from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.sources.scene_pixels import bytes_of, check_file, opened
from selvawatch.sources.sensors.sensor import Scaling
from selvawatch.sources.sensors.sensor_table import DECIDED, asset_of, sensor_of, stated_scaling
from selvawatch.sources.source import Problem
from selvawatch.web.retry import reason_of

BY_DARK_TARGETS = "dark-targets"
_UNTRUSTED = ("sentinel-2-l2a", "earthsearch:boa_offset_applied")
_BAND = "red"
_DARK = (0.0, 0.07)
"""Red reflectance that a tenth of a scene's forest is below of, 0-1."""
_TENTH = 10.0
_SIDE = 512
_LEAST_PIXELS = 500
_VEGETATION = 4
_WATER = 1 << 7
_WORKERS = 4


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


def resolve_offsets(scenes: Sequence[Scene], before: Iterable[Scene]) -> tuple[list[Scene], list[Problem]]:
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
            return decided(scene)
        except SceneError as error:
            return Problem(scene_id=scene.id, reason=error.reason, text=str(error))

    with ThreadPoolExecutor(_WORKERS) as pool:
        found = list(pool.map(resolve, scenes))
    return (
        [scene for scene in found if isinstance(scene, Scene)],
        [problem for problem in found if isinstance(problem, Problem)],
    )


def decided(scene: Scene) -> Scene:
    """The scene with the scale and offset that its dark targets speak for, and a note that they did.

    Raises
    ------
    SceneError
        Reason `offset`: none of the candidates, or several, put the forest where it must be, or too little
        of it is clear; other reasons: a file cannot be read.
    """
    stored = _dark_stored(scene)
    possible = sorted(candidates(scene))
    levels = {rule: stored * rule[0] + rule[1] for rule in possible} if stored is not None else {}
    right = [rule for rule, level in levels.items() if _DARK[0] <= level <= _DARK[1]]
    if len(right) != 1:
        levels_text = ", ".join(f"{rule[1]:g} puts it at {level:.3f}" for rule, level in levels.items())
        raise SceneError(
            "metadata leave the offset open, and so do the dark targets",
            reason="offset",
            where=f"scene {scene.id}",
            got=levels_text or "too little clear forest",
            needed=f"one offset that puts the forest's red at {_DARK[0]:g} to {_DARK[1]:g}",
        )
    scale, offset = right[0]
    assets = dict(scene.assets)
    sensor = sensor_of(scene)
    for name in sensor.bands:
        if key := sensor.asset(name, assets):
            assets[key] = replace(assets[key], scale=scale, offset=offset)
    note: Mapping[str, Any] = {DECIDED: f"{BY_DARK_TARGETS}:{offset:g}"}
    return replace(scene, assets=assets, properties={**scene.properties, **note})


def _dark_stored(scene: Scene) -> float | None:
    """Stored number that a tenth of the scene's clear forest is below of in red; None where there is little
    forest.
    """
    sensor = sensor_of(scene)
    try:
        red = _small(scene, _BAND, (_SIDE, _SIDE))
        quality = {
            name: _small(scene, name, red.shape)
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
        forest &= sensor.clear(quality)
        if "qa_pixel" in quality:
            forest &= (quality["qa_pixel"] & _WATER) == 0
    chosen = red[forest]
    return float(np.percentile(chosen, _TENTH)) if chosen.size >= _LEAST_PIXELS else None


def _small(scene: Scene, name: str, most: tuple[int, ...]) -> np.ndarray:
    """A file at so many rows and columns at most, from its overviews; of a large one without any, 2048 px of
    its middle. A coarser quality layer is spread to the size of the band.
    """
    asset = asset_of(scene, name)
    with (
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
        opened(bytes_of(asset.href)) as file,
    ):
        check_file(scene, asset, file, name)
        window = Window(0, 0, file.width, file.height)
        if not file.overviews(asset.band) and max(file.shape) > 4 * _SIDE:
            share = 4 * _SIDE / max(file.shape)
            rows, columns = int(file.height * share), int(file.width * share)
            window = Window((file.width - columns) // 2, (file.height - rows) // 2, columns, rows)
        shape = most if name != _BAND else (min(most[0], file.height), min(most[1], file.width))
        return np.asarray(file.read(asset.band, window=window, out_shape=shape))


def _rounded(scaling: Scaling) -> Scaling:
    return round(scaling[0], 9), round(scaling[1], 6)
