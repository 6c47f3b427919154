"""Bring one tile up to a day: take in its scenes, fit its baseline once, add the new looks to its state."""

import logging
from collections.abc import Sequence
from pathlib import Path

import dask

from selvawatch.core.days import to_day
from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import TakenIn, scenes_on, take_in
from selvawatch.prepare.observation_files import look_path
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import stream_of
from selvawatch.steps.tile.baseline import baseline_rule_of, fit_baseline, is_mended
from selvawatch.steps.tile.late_scenes import Settled, in_time, settled, with_settled
from selvawatch.steps.tile.observations import WORKERS, halo_of
from selvawatch.steps.tile.state import advance_state
from selvawatch.steps.tile.water_counts import keep_water
from selvawatch.store.run_plan import RunPlan, open_plan, read_inputs
from selvawatch.store.tile_state import current_state

log = logging.getLogger(__name__)


def advance_tile(plan: RunPlan, tile: str) -> str:
    """Bring a tile up to the plan's day and return the name of its state folder.

    A folder that is already there is left as it is, so the step may be run twice or after a kill.
    """
    site, store = open_plan(plan)
    square, halo = site.grid.tile(tile), halo_of(site)
    scenes = scenes_on(read_inputs(plan).scenes, square, halo)
    source = open_source(plan.source)
    before, rule = current_state(store, tile), baseline_rule_of(site)
    if before is not None and before.baseline_rule != rule:
        before = None
    past = Settled()
    if before is not None:
        begins = to_day(site.days.monitoring_from)
        past = settled(before.taken, begins, before.until_day, site.model.buffer_days)
    folder = store.observations(tile)

    def take(some: Sequence[Scene]) -> tuple[TakenIn, ...]:
        return take_in(some, square, site.recipe, folder, read=source.read, workers=WORKERS, halo_px=halo)

    taken = take(
        [
            scene
            for scene in in_time(scenes, past)
            if scene.day not in past or not look_path(folder, stream_of(scene), scene.day).exists()
        ]
    )
    if before is not None and is_mended(site, before.taken, taken):
        log.info(
            "%s: scenes of the history can be read that were out of reach: its baseline is fitted anew", tile
        )
        before, past, taken = None, Settled(), take(scenes)
    taken = with_settled(taken, scenes, past)
    log.info("%s: %d of %d scenes read", tile, sum(one.state == "read" for one in taken), len(taken))
    keep_water(site, store, square, taken, plan.until_day)
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        baseline = before.baseline if before is not None else fit_baseline(site, store, square, taken, rule)
        return advance_state(site, store, square, plan, taken, baseline, rule, before)


def baseline_tile(plan: RunPlan, tile: str) -> Path:
    """Folder of a tile's baseline, fitted now to its history, so that the first run need not.

    The next `advance_tile` with the same scenes and numbers uses it; nothing that is committed changes.
    """
    site, store = open_plan(plan)
    square, halo = site.grid.tile(tile), halo_of(site)
    scenes = scenes_on(read_inputs(plan).scenes, square, halo)
    source = open_source(plan.source)
    taken = take_in(
        scenes,
        square,
        site.recipe,
        store.observations(tile),
        read=source.read,
        workers=WORKERS,
        halo_px=halo,
    )
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        return store.baseline(tile, fit_baseline(site, store, square, taken, baseline_rule_of(site)))
