"""Ingest: each stream and day becomes one observation file, once; a bad scene is recorded, no more."""

import json
import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import shapely

from selvawatch.core.files import canonical_json
from selvawatch.core.grid import Tile
from selvawatch.core.observation import without_track
from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.prepare.observation_files import (
    HALO,
    observation_path,
    read_observation,
    read_tags,
    write_observation,
)
from selvawatch.prepare.scene_indices import Reader, Recipe, SceneObservation, daily, observe_scene
from selvawatch.progress import Counter
from selvawatch.sources.scene_pixels import read_scene
from selvawatch.sources.sensors.reasons import UNUSED
from selvawatch.sources.sensors.sensor_table import stream_of

log = logging.getLogger(__name__)

BLOCKS_TAG = "blocks"
"""Tag of an observation file that says what was read of each scene's files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneRecord:
    """A scene record: what became of one scene on one tile."""

    scene_id: str
    sensor: str
    day: int
    stream: str
    state: str
    """`read` or `unread`."""
    reason: str = ""
    """Code of why it is unread, or read and not used, or of how far it was moved; else empty."""
    text: str = ""
    """Why it is unread, for people."""
    clear_share: float = 0.0
    """Share of the tile's pixels that are usable in this scene, 0-1; 0 when it is unread."""
    digest: str = ""
    """Digest of the scene's item."""

    @property
    def key(self) -> tuple[str, str]:
        """Id and digest, as `Scene.key`."""
        return self.scene_id, self.digest

    @property
    def is_used(self) -> bool:
        """Whether its values are among the observations that the detector weighed."""
        return self.state == "read" and self.reason.partition(":")[0] not in UNUSED

    @property
    def order(self) -> tuple[int, str, str, str]:
        """Day, stream, id and digest: the order in which a state keeps records."""
        return self.day, self.stream, self.scene_id, self.digest


def scenes_on(scenes: Iterable[Scene], tile: Tile, halo_px: int = 0) -> list[Scene]:
    """Scenes whose footprint meets a tile, or so many pixels around it, in the order given."""
    outline = tile.lonlat_outline_with(halo_px)
    shapely.prepare(outline)
    return [scene for scene in scenes if outline.intersects(scene.footprint)]


def ingest_scenes(
    scenes: Sequence[Scene],
    tile: Tile,
    recipe: Recipe,
    folder: Path,
    read: Reader = read_scene,
    workers: int = 1,
    halo_px: int = 0,
) -> tuple[SceneRecord, ...]:
    """Turn scenes into observation files below a tile's folder; one record for each scene, by day, stream and
    id.

    An observation that already holds the same scenes (ids and digests) by the same recipe is left as it is;
    one that holds a scene that is not given any more is made anew. A scene that cannot be read is recorded
    with its reason, tried again by the next call, and the observation is made from the others: the file is
    the one that a call without the bad scene would write. What an observation holds stays in it while it can
    only be added to. A day on which no scene can be read has no file. Scenes that do not meet the tile should
    be left out (`scenes_on`); they are read as wholly unobserved.

    Where some scene could be read, days with one out of reach are tried once more when all are done: what
    passes within minutes should leave no gap in days that no later run may change.

    read: how scenes are read; workers: days that are worked on at a time, by threads; halo_px: pixels around
    the tile that observations hold too (an observation with another halo is made anew).
    """
    groups: dict[tuple[int, str], list[Scene]] = {}
    for scene in sorted(scenes, key=lambda scene: (scene.day, scene.id, scene.collection)):
        groups.setdefault((scene.day, stream_of(scene)), []).append(scene)

    counter = Counter(log, "scenes", len(scenes), tile.id)

    def ingest_group(key: tuple[int, str]) -> list[SceneRecord]:
        records = _ingest_day(groups[key], tile, recipe, folder, read, halo_px)
        counter.add(len(records))
        return records

    with ThreadPoolExecutor(workers) as pool:
        ingested = dict(zip(groups, pool.map(ingest_group, groups), strict=True))
        missed = [key for key, records in ingested.items() if any(map(_is_unreachable, records))]
        if any(record.state == "read" for records in ingested.values() for record in records):
            if missed:
                counter.add(-sum(len(ingested[key]) for key in missed))
            ingested |= dict(zip(missed, pool.map(ingest_group, missed), strict=True))
    return tuple(record for key in sorted(ingested) for record in ingested[key])


def _is_unreachable(record: SceneRecord) -> bool:
    return record.reason == "unreachable"


def _ingest_day(
    scenes: list[Scene], tile: Tile, recipe: Recipe, folder: Path, read: Reader, halo_px: int
) -> list[SceneRecord]:
    stream, day = stream_of(scenes[0]), scenes[0].day
    path = observation_path(folder, stream, day)
    if not path.exists():
        _adopt(scenes, tile, recipe, folder, halo_px)
    shares = _shares_in(path, recipe, halo_px)
    if not shares.keys() <= {scene.item_key for scene in scenes}:
        shares = {}
    found: dict[tuple[str, str, str], SceneObservation] = {}
    records = {key: _read(scene, shares[key]) for scene in scenes if (key := scene.item_key) in shares}

    def observe(some: list[Scene]) -> None:
        for scene in some:
            try:
                found[scene.item_key] = part = observe_scene(scene, tile, recipe, read, halo_px)
            except SceneError as error:
                records[scene.item_key] = _record(scene, state="unread", reason=error.reason, text=str(error))
            else:
                records[scene.item_key] = _read(scene, round(part.clear_share, 6))

    observe([scene for scene in scenes if scene.item_key not in shares])
    if found:
        new = list(found)
        observe([scene for scene in scenes if scene.item_key in shares])
        lost = [key for key in shares if key not in found]
        if lost:
            _hold_back(scenes, new, lost, shares, records)
        else:
            parts = [found[scene.item_key] for scene in scenes if scene.item_key in found]
            kept = [[*part.scene.item_key, round(part.clear_share, 6)] for part in parts]
            tags = {"scenes": canonical_json(kept), "recipe": recipe.digest} | _blocks_tag(parts)
            write_observation(daily(parts), tile, folder, tags, halo_px)
    return [records[scene.item_key] for scene in scenes]


def _adopt(scenes: list[Scene], tile: Tile, recipe: Recipe, folder: Path, halo_px: int) -> None:
    """Keep an observation from before tracks were told apart as its track's, where these scenes gave it."""
    stream, day = stream_of(scenes[0]), scenes[0].day
    older = observation_path(folder, without_track(stream), day)
    if without_track(stream) == stream or not older.exists():
        return
    held = _shares_in(older, recipe, halo_px)
    if not held or not held.keys() <= {scene.item_key for scene in scenes}:
        return
    held_tags = read_tags(older)
    tags = {name: held_tags[name] for name in ("scenes", "recipe", BLOCKS_TAG) if name in held_tags}
    observation = replace(read_observation(older, with_halo=True), stream=stream)
    write_observation(observation, tile, folder, tags, halo_px)


def _hold_back(
    scenes: list[Scene],
    new: list[tuple[str, str, str]],
    lost: list[tuple[str, str, str]],
    shares: dict[tuple[str, str, str], float],
    records: dict[tuple[str, str, str], SceneRecord],
) -> None:
    """Leave an observation as it is where a scene that it holds cannot be read again: the new ones wait with
    it.
    """
    why = records[lost[0]]
    for scene in scenes:
        key = scene.item_key
        if key in shares:
            records[key] = _read(scene, shares[key])
        elif key in new:
            text = f"its observation cannot be made anew with it: {why.text}"
            records[key] = _record(scene, state="unread", reason=why.reason, text=text)


def _blocks_tag(parts: Sequence[SceneObservation]) -> dict[str, str]:
    """The tag that says what was read of each scene's files; none where nothing of it was noted."""
    noted = [[*part.scene.item_key, dict(sorted(part.blocks.items()))] for part in parts if part.blocks]
    return {BLOCKS_TAG: canonical_json(noted)} if noted else {}


def blocks_in(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Digests of what was read of each scene's files, by layer, by id and digest of the scene.

    Empty for an observation that is not there or of a version that noted none. They are sealed with the
    observation that was made of what was read.
    """
    tags = read_tags(path)
    return {(name, digest): blocks for _, name, digest, blocks in json.loads(tags.get(BLOCKS_TAG, "[]"))}


def _shares_in(path: Path, recipe: Recipe, halo_px: int) -> dict[tuple[str, str, str], float]:
    """Clear share by scene of an observation file made by the same recipe; empty when there is none."""
    tags = read_tags(path)
    if tags.get("recipe") != recipe.digest or tags.get(HALO, "0") != str(halo_px):
        return {}
    return {
        (collection, name, digest): share for collection, name, digest, share in json.loads(tags["scenes"])
    }


def _read(scene: Scene, clear_share: float) -> SceneRecord:
    return _record(scene, state="read", clear_share=clear_share)


def _record(
    scene: Scene, state: str, reason: str = "", text: str = "", clear_share: float = 0.0
) -> SceneRecord:
    return SceneRecord(
        scene_id=scene.id,
        sensor=scene.sensor,
        day=scene.day,
        stream=stream_of(scene),
        state=state,
        reason=reason,
        text=text,
        clear_share=clear_share,
        digest=scene.digest,
    )
