"""Bring one tile up to a day: take in its scenes, fit its baseline once, add the new observations to its
state.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import dask

from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import SceneRecord, ingest_scenes, scenes_on
from selvawatch.prepare.observation_files import observation_path
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import stream_of
from selvawatch.steps.tile.baseline import baseline_rule_of, fit_baseline, is_mended
from selvawatch.steps.tile.late_scenes import FrozenDays, frozen_days, in_time, with_frozen_days
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
    past = FrozenDays()
    if before is not None:
        past = frozen_days(
            before.scene_records, site.days.first_day, before.until_day, site.model.buffer_days
        )
    folder = store.observations(tile)

    def ingest(some: Sequence[Scene]) -> tuple[SceneRecord, ...]:
        return ingest_scenes(
            some, square, site.recipe, folder, read=source.read, workers=WORKERS, halo_px=halo
        )

    scene_records = ingest(
        [
            scene
            for scene in in_time(scenes, past)
            if scene.day not in past or not observation_path(folder, stream_of(scene), scene.day).exists()
        ]
    )
    if before is not None and is_mended(site, before.scene_records, scene_records):
        log.info(
            "%s: scenes of the history can be read that were out of reach: its baseline is fitted anew", tile
        )
        before, past, scene_records = None, FrozenDays(), ingest(scenes)
    scene_records = with_frozen_days(scene_records, scenes, past)
    log.info(
        "%s: %d of %d scenes read",
        tile,
        sum(one.state == "read" for one in scene_records),
        len(scene_records),
    )
    keep_water(site, store, square, scene_records, plan.until_day)
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        baseline = (
            before.baseline if before is not None else fit_baseline(site, store, square, scene_records, rule)
        )
        return advance_state(site, store, square, plan, scene_records, baseline, rule, before)


def baseline_tile(plan: RunPlan, tile: str) -> Path:
    """Folder of a tile's baseline, fitted now to its history, so that the first run need not.

    The next `advance_tile` with the same scenes and numbers uses it; nothing that is committed changes.
    """
    site, store = open_plan(plan)
    square, halo = site.grid.tile(tile), halo_of(site)
    scenes = scenes_on(read_inputs(plan).scenes, square, halo)
    source = open_source(plan.source)
    scene_records = ingest_scenes(
        scenes,
        square,
        site.recipe,
        store.observations(tile),
        read=source.read,
        workers=WORKERS,
        halo_px=halo,
    )
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        return store.baseline(tile, fit_baseline(site, store, square, scene_records, baseline_rule_of(site)))
