"""Copy an area's scenes from a source into a STAC folder: clipped, hashed, only what is new."""

import collections
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import shapely

from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.progress import Counter
from selvawatch.site import Site
from selvawatch.sources.catalogues.ordered import with_least_cloud
from selvawatch.sources.catalogues.volume import expected_bytes
from selvawatch.sources.clip import is_here, keep_scene, write_catalogue
from selvawatch.steps.scenes import SceneQuery, TransferRate

log = logging.getLogger(__name__)

_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorReport:
    """What became of the scenes.

    found = new + replaced + here + cloudy + superseded + duplicates + unread + unusable.
    """

    found: int
    new: int
    """Scenes that were copied; of a dry run, those to copy, replacements among them."""
    replaced: int
    here: int
    """Scenes that were in the folder already."""
    cloudy: int
    """Scenes with more cloud than the site reads; not copied."""
    superseded: tuple[str, ...]
    """Scenes that newer products of the same acquisition replace, by id; not copied."""
    duplicates: int
    """Scenes whose acquisition a source named before theirs has; not copied."""
    unread: tuple[str, ...]
    """Why each scene that failed did, by id."""
    unusable: tuple[str, ...]
    """What the source lists and nobody can use."""
    unsearched: tuple[str, ...]
    """Sensors that could not be searched."""
    bytes: int
    """Bytes of the copied files; of a dry run, about what they would take."""
    hours: float
    """Hours that a dry run expects at the rate; 0 otherwise."""
    rate_mb_s: float
    """Megabytes a second that a dry run reckons with."""


def mirror(
    site: Site,
    query: SceneQuery,
    folder: Path,
    *,
    dry_run: bool = False,
    rate: TransferRate | None = None,
) -> MirrorReport:
    """Bring a folder up to what a source has of an area between two days.

    A scene that fails is named and tried again by the next call; one whose digest changed is replaced.
    rate: what a dry run reckons with.

    Raises
    ------
    SiteError
        For an area the site does not know.
    SourceError
        When the source cannot be searched.
    """
    aoi, found = query.outline(site), with_least_cloud(query.search(site))
    limit = site.search.max_cloud_percent
    wanted = [scene for scene in found.scenes if (scene.cloud_percent or 0) <= limit]
    rate = rate or TransferRate()
    rate_mb_s = rate.of(wanted) if dry_run else rate.mb_s
    act = partial(_expected if dry_run else _copied, aoi, folder)
    counter, outcomes = Counter(log, "scenes", len(wanted)), []
    with ThreadPoolExecutor(_WORKERS) as pool:
        for outcome in pool.map(act, wanted):
            outcomes.append(outcome)
            counter.add()
    if not dry_run and wanted:
        write_catalogue(folder)
    states = collections.Counter(outcome.state for outcome in outcomes)
    size = sum(outcome.bytes for outcome in outcomes)
    return MirrorReport(
        found=found.found,
        new=states["new"],
        replaced=states["replaced"],
        here=states["here"],
        cloudy=len(found.scenes) - len(wanted),
        superseded=tuple(older.scene.id for older in found.superseded),
        duplicates=len(found.duplicates),
        unread=tuple(outcome.error for outcome in outcomes if outcome.error),
        unusable=tuple(f"{problem.scene_id}: {problem.reason}" for problem in found.problems),
        unsearched=found.unsearched,
        bytes=int(size),
        hours=round(size / (rate_mb_s * 1e6) / 3600, 3) if dry_run else 0.0,
        rate_mb_s=round(rate_mb_s, 3),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one scene."""

    state: str
    """`new`, `replaced`, `here`, or `unread`."""
    bytes: float = 0.0
    """Bytes copied; of a dry run, about what would be."""
    error: str = ""


def _expected(aoi: shapely.Geometry, folder: Path, scene: Scene) -> _Outcome:
    """What copying a scene would do."""
    try:
        if is_here(folder, scene):
            return _Outcome(state="here")
        return _Outcome(state="new", bytes=expected_bytes(scene, aoi)[0])
    except SceneError as error:
        return _Outcome(state="unread", error=str(error))


def _copied(aoi: shapely.Geometry, folder: Path, scene: Scene) -> _Outcome:
    """What became of a scene that was to be copied."""
    try:
        kept = keep_scene(scene, aoi, folder)
    except SceneError as error:
        return _Outcome(state="unread", error=str(error))
    return _Outcome(state=kept.state, bytes=0.0 if kept.state == "here" else float(kept.bytes))
