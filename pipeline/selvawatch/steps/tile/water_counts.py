"""Open water of a tile, counted year by year from the observations on disk."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from selvawatch.attribute.river_water import WaterRule
from selvawatch.core.days import to_date, to_day
from selvawatch.core.files import digest, is_sealed
from selvawatch.core.grid import Tile
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, opened
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.prepare.water_counts import WaterCounts, count_water, counts_path, read_counts
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext

Observations = Mapping[str, tuple[Path, str]]
"""Observation file, and digest of its scenes and reading, by `stream/day`."""


def keep_water(context: RunContext, tile: Tile, scene_records: Sequence[SceneRecord]) -> list[Path]:
    """Count open water in a tile's observations, for each year of the monitoring and the one before; the
    files.

    Nothing is counted where the site's rules say nothing of water.
    """
    rule = context.site.rules.water
    if rule is None:
        return []
    until_day, folder = context.plan.until_day, context.store.water(tile.id)
    return [
        count_water(tile, folder, year, observations, rule.mndwi_over)
        for year, observations in _observations(
            context.site, context.store, tile.id, scene_records, until_day
        ).items()
    ]


def yearly_counts(
    context: RunContext, tile: str, scene_records: Sequence[SceneRecord], years: set[int]
) -> dict[int, WaterCounts]:
    """What `keep_water` counted of a tile in some years; a year without observations is not there.

    A file that is gone or damaged is made anew, where the observations are those that the site reads: of
    others the year is not there.

    Raises
    ------
    DamagedError
        When an observation that it is made of is damaged.
    """
    rule = context.site.rules.water
    if rule is None:
        return {}
    site, store, found = context.site, context.store, {}
    square, recipe = site.grid.tile(tile), site.recipe.digest
    by_year = _observations(site, store, tile, scene_records, context.plan.until_day)
    for year, observations in by_year.items():
        path = _counts_path(store.water(tile), year, observations, rule)
        if year in years and (is_sealed(path) or _are_of_recipe(observations, recipe)):
            counted = count_water(square, path.parent, year, observations, rule.mndwi_over)
            found[year] = read_counts(counted)
    return found


def _are_of_recipe(observations: Observations, recipe: str) -> bool:
    """Whether all observations on disk were read by a recipe; DamagedError for one that is damaged."""
    for path, _ in observations.values():
        with opened(path) as file:
            if file.tags().get("recipe") != recipe:
                return False
    return True


def prune_water(
    context: RunContext, tile: str, keep: Sequence[tuple[Sequence[SceneRecord], int]]
) -> list[Path]:
    """Remove the counts of a tile that are not those of states to be kept; the files removed, sorted.

    To be called after a commit only: a run that ends before it leaves the counts of the committed state.

    keep: what became of every scene, and the last day, of each of these states.
    """
    if context.site.rules.water is None:
        return []
    folder = context.store.water(tile)
    kept = {
        path
        for scene_records, until_day in keep
        for path in counts_of(context.site, context.store, tile, scene_records, until_day)
    }
    gone = [path for path in sorted(folder.glob("[!.]*.tif")) if path not in kept]
    for path in gone:
        path.unlink()
    return gone


def counts_of(
    site: Site, store: Store, tile: str, scene_records: Sequence[SceneRecord], until_day: int
) -> list[Path]:
    """The files of a tile's counts that a state needs, whether they are there or not; none without a rule.

    scene_records, until_day: what became of every scene, and the last day, of the state.
    """
    rule = site.rules.water
    if rule is None:
        return []
    return [
        _counts_path(store.water(tile), year, observations, rule)
        for year, observations in _observations(site, store, tile, scene_records, until_day).items()
    ]


def _counts_path(folder: Path, year: int, observations: Observations, rule: WaterRule) -> Path:
    digests = {key: scenes for key, (_, scenes) in observations.items()}
    return counts_path(folder, year, digests, rule.mndwi_over)


def _observations(
    site: Site, store: Store, tile: str, scene_records: Sequence[SceneRecord], until_day: int
) -> dict[int, Observations]:
    """Optical observations by year: file, and digest of scenes and reading, by `stream/day`."""
    recipe = site.recipe.digest
    optical = {stream.stream for stream in site.model.streams if stream.kind == "optical"}
    folder = store.observations(tile)
    years: dict[int, Observations] = {}
    for year in range(site.days.monitoring_from.year - 1, to_date(until_day).year + 1):
        last = min(until_day, to_day(date(year, 12, 31)))
        keys = observation_keys(scene_records, to_day(date(year, 1, 1)), last)
        found = {
            f"{key.stream}/{key.day}": (
                observation_path(folder, key.stream, key.day),
                digest([key.scenes, recipe]),
            )
            for key in keys
            if key.stream in optical
        }
        if found:
            years[year] = found
    return years
