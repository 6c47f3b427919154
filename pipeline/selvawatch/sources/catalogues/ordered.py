"""Several sources of one sensor in an order: the first is read unless it cannot be, the next fill in."""

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.observation import without_track
from selvawatch.core.scene import Scene
from selvawatch.errors import SourceError, UnsearchedError
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.sensor_table import sensor_of, stream_of
from selvawatch.sources.source import Duplicate, SearchResult, Source

log = logging.getLogger(__name__)

ItemKey = tuple[str, str, str]
"""`Scene.item_key`."""

_OF_TILE_S = 3_000.0
"""Seconds between two times of one acquisition of a tile: archives give the time of the tile or that of the
datatake, and no satellite comes back within half an orbit.
"""
_OF_OTHERS_S = 15.0
"""The same where no tile is stated."""
_OF_PASS_S = 60.0
"""The same of radar in other pieces: a slice of 25 s, which states the time of its middle, and its bursts."""
SHARED = 0.8
"""Least share of the ground of a scene that another one shows of it where both are one acquisition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedSource:
    """Sources of one sensor, the first listed first."""

    name: str
    """Text that opens it, such as `earth-search+planetary-computer`."""
    sources: tuple[Source, ...]

    def search(self, geometry: shapely.Geometry, first_day: int, last_day: int) -> SearchResult:
        """Scenes of the first source, and those of the next ones whose acquisition it does not list.

        Raises
        ------
        SourceError
            When none can be searched.
        """
        found: list[SearchResult] = []
        failed: dict[str, str] = {}
        newest: list[tuple[str, int]] = []
        for source in self.sources:
            try:
                found.append(_named(source.search(geometry, first_day, last_day), source.name))
                listed = (*found[-1].scenes, *(older.scene for older in found[-1].superseded))
                newest.append((source.name, max((scene.day for scene in listed), default=0)))
            except SourceError as error:
                failed[source.name] = str(error)
        if not found:
            raise UnsearchedError(
                "none of the sources can be searched", failed.values(), where=f"source {self.name}"
            )
        for name, why in failed.items():
            log.warning("%s was not searched, another source fills in: %s", name, why)
        scenes, duplicates = merged([one.scenes for one in found], geometry)
        problems = [problem for one in found for problem in one.problems]
        return SearchResult(
            scenes=tuple(scenes),
            problems=tuple(sorted(problems, key=lambda problem: problem.order)),
            superseded=tuple(
                sorted((older for one in found for older in one.superseded), key=lambda older: older.order)
            ),
            duplicates=tuple(duplicates),
            silent=tuple(sorted(failed)),
            newest=tuple(newest),
        )

    def read(self, scene: Scene, tile: Tile, bands: Sequence[str], halo_px: int = 0) -> xr.Dataset:
        """Bands of a scene on a tile's pixels (`sources.scene_pixels.read_scene`)."""
        return read_scene(scene, tile, bands, halo_px)


def _named(found: SearchResult, source: str) -> SearchResult:
    """What a search found, its problems with the name of its source."""
    return replace(found, problems=tuple(replace(one, source=source) for one in found.problems))


def merged(
    lists: Sequence[Iterable[Scene]], searched: shapely.Geometry | None = None
) -> tuple[list[Scene], list[Duplicate]]:
    """Scenes of several sources, each acquisition once, of the source that is named first; and what the
    others list of the same acquisitions.

    searched: the area that is searched, WGS 84; None: scenes are held against one another whole.
    """
    kept: list[Scene] = []
    duplicates: list[Duplicate] = []
    groups: dict[tuple[str, int], list[Scene]] = {}
    for scenes in lists:
        new = []
        for scene in scenes:
            day, stream = scene.day, without_track(stream_of(scene))
            near = [one for off in (-1, 0, 1) for one in groups.get((stream, day + off), ())]
            first = _shown_by(scene, near, searched)
            if first is None:
                new.append(scene)
            else:
                duplicates.append(Duplicate(scene=scene, of=first.item_key, sensor=first.sensor))
        for scene in new:
            groups.setdefault((without_track(stream_of(scene)), scene.day), []).append(scene)
        kept += new
    return (
        sorted(kept, key=lambda scene: scene.order),
        sorted(duplicates, key=lambda duplicate: duplicate.order),
    )


def least_cloud(found: SearchResult) -> dict[ItemKey, float | None]:
    """The least cloud that any source states of a scene's acquisition, percent, by `item_key`; None: one
    states none. So which source is named first decides no scene.
    """
    least = {scene.item_key: scene.cloud_percent for scene in found.scenes}
    for duplicate in found.duplicates:
        cloud, other = least.get(duplicate.of), duplicate.scene.cloud_percent
        if cloud is not None:
            least[duplicate.of] = None if other is None else min(cloud, other)
    return least


def with_least_cloud(found: SearchResult) -> SearchResult:
    """A search whose scenes state `least_cloud`."""
    least = least_cloud(found)
    scenes = (replace(scene, cloud_percent=least[scene.item_key]) for scene in found.scenes)
    return replace(found, scenes=tuple(scenes))


def readable(found: SearchResult, limit: float, before: Iterable[Scene] = ()) -> set[ItemKey]:
    """`item_key` of the scenes with at most so much cloud, percent (`least_cloud`).

    before: scenes of the run before. They stay where a source of their sensor could not be searched: it may
    be the one that states less cloud.
    """
    streams = {name.partition("=")[0] for name in found.silent}
    kept = {scene.item_key for scene in before if sensor_of(scene).stream in streams}
    return {key for key, cloud in least_cloud(found).items() if key in kept or (cloud or 0.0) <= limit}


def _shown_by(scene: Scene, near: Sequence[Scene], searched: shapely.Geometry | None) -> Scene | None:
    """The scene of another source that shows the same acquisition; of a product in other pieces (bursts of a
    pass) the one that shares most ground, where together they show what it shows; None: it is shown by none.
    """
    same = next((one for one in near if one.sensor == scene.sensor and is_acquisition_of(one, scene)), None)
    pieces = [one for one in near if one.sensor != scene.sensor and is_pass_of(one, scene)]
    if same is not None or not pieces:
        return same
    needed = scene.footprint if searched is None else scene.footprint.intersection(searched)
    shared = [one.footprint.intersection(needed) for one in pieces]
    if shapely.union_all(shared).area < SHARED * needed.area:
        return None
    return pieces[int(np.argmax([one.area for one in shared]))]


def is_acquisition_of(scene: Scene, other: Scene) -> bool:
    """Whether two scenes of different archives show one acquisition: the same platform, tile and pass, at a
    time that both could state of it, over the same ground.
    """
    shared = scene.footprint.intersection(other.footprint).area
    least = SHARED * min(scene.footprint.area, other.footprint.area)
    return is_pass_of(scene, other) and bool(shared >= least)


def is_pass_of(scene: Scene, other: Scene) -> bool:
    """Whether two scenes can be of one pass of a satellite, wherever they lie on it."""
    streams = [stream_of(one) for one in (scene, other)]
    if abs(scene.day - other.day) > 1 or len({without_track(one) for one in streams}) > 1:
        return False
    tracked = [one for one in streams if one != without_track(one)]
    if len(set(tracked)) > 1 or len({_platform(one) for one in (scene, other)} - {""}) > 1:
        return False
    tiles = [one.square for one in (scene, other)]
    if all(tiles) and tiles[0] != tiles[1]:
        return False
    apart_s = abs((scene.time - other.time).total_seconds())
    if all(tiles):
        return apart_s <= _OF_TILE_S
    return apart_s <= (_OF_OTHERS_S if scene.sensor == other.sensor else _OF_PASS_S)


def with_known_first(
    found: SearchResult,
    before: Iterable[Scene],
    silent: Iterable[str],
    searched: shapely.Geometry | None = None,
) -> SearchResult:
    """A search whose acquisitions stay those of the sources that runs before read them from.

    before: scenes of the run before. silent: streams of which a source could not be searched; what it listed
    before is kept. searched: as in `merged`.
    """
    streams = set(silent)
    listed = {duplicate.scene.item_key: duplicate for duplicate in found.duplicates}
    primary = {scene.item_key: scene for scene in found.scenes}
    old = {one.scene.item_key for one in found.superseded}
    known = [
        one
        for one in before
        if one.item_key in listed
        or (one.item_key not in primary and one.item_key not in old and sensor_of(one).stream in streams)
    ]
    if not known:
        return found
    known = [listed[one.item_key].scene if one.item_key in listed else one for one in known]
    chosen = {one.item_key for one in known}
    rest = [one for one in found.scenes if one.item_key not in chosen]
    others = [one.scene for one in found.duplicates if one.scene.item_key not in chosen]
    scenes, duplicates = merged([known, rest, others], searched)
    return replace(found, scenes=tuple(scenes), duplicates=tuple(duplicates))


def _platform(scene: Scene) -> str:
    return re.sub(r"[\s_]+", "-", str(scene.properties.get("platform", "")).lower())
