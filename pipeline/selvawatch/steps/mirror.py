"""Copy an area's scenes from a source into a STAC folder: clipped, hashed, only what is new."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import shapely

from selvawatch.core.scene import Scene
from selvawatch.errors import SceneError
from selvawatch.site import Site
from selvawatch.sources.catalogues.volume import expected_bytes, measured_rate
from selvawatch.sources.clip import is_here, keep_scene, write_catalogue
from selvawatch.sources.open import open_source

_WORKERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorReport:
    """What became of the scenes: found = new + replaced + here + cloudy + superseded + unread + unusable."""

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
    area: str,
    first_day: int,
    last_day: int,
    source: str,
    folder: Path,
    dry_run: bool = False,
    rate_mb_s: float = 2.0,
    measure: bool = False,
) -> MirrorReport:
    """Bring a folder up to what a source has of an area between two days, both included.

    A scene that fails is named and tried again by the next call; one whose digest changed is replaced.
    rate_mb_s: megabytes a second that a dry run reckons with; measure: measure them first, by up to 4 MB of
    the newest scene of each sensor.

    Raises
    ------
    SiteError
        For an area the site does not know.
    SourceError
        When the source cannot be searched.
    """
    aoi = shapely.union_all([watched.geometry for watched in site.select_areas(area)])
    found = open_source(source).search(aoi, first_day, last_day)
    limit = site.search.max_cloud_percent
    wanted = [scene for scene in found.scenes if (scene.cloud_percent or 0) <= limit]
    rate = measured_rate(wanted) if dry_run and measure and wanted else rate_mb_s
    states: Counter[str] = Counter()
    unread: list[str] = []
    size = 0.0

    def copy_scene(scene: Scene) -> tuple[str, float]:
        try:
            if dry_run:
                here = is_here(folder, scene)
                return ("here", 0.0) if here else ("new", expected_bytes(scene, aoi)[0])
            kept = keep_scene(scene, aoi, folder)
        except SceneError as error:
            return str(error), 0.0
        return kept.state, 0.0 if kept.state == "here" else float(kept.bytes)

    with ThreadPoolExecutor(_WORKERS) as pool:
        for state, count in pool.map(copy_scene, wanted):
            if state in ("new", "replaced", "here"):
                states[state] += 1
            else:
                unread.append(state)
            size += count
    if not dry_run and wanted:
        write_catalogue(folder)
    return MirrorReport(
        found=found.found,
        new=states["new"],
        replaced=states["replaced"],
        here=states["here"],
        cloudy=len(found.scenes) - len(wanted),
        superseded=tuple(older.scene.id for older in found.superseded),
        unread=tuple(unread),
        unusable=tuple(f"{problem.scene_id}: {problem.reason}" for problem in found.problems),
        unsearched=found.unsearched,
        bytes=int(size),
        hours=round(size / (rate * 1e6) / 3600, 3) if dry_run else 0.0,
        rate_mb_s=round(rate, 3),
    )
