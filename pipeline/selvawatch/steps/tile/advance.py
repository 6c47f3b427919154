"""Bring one tile up to a day: take in its scenes, fit its baseline once, add the new observations to its
state.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import dask

from selvawatch.core.files import is_sealed
from selvawatch.core.grid import Tile
from selvawatch.core.scene import Scene
from selvawatch.errors import DamagedError
from selvawatch.prepare.ingest import SceneRecord, ingest_scenes, scenes_on
from selvawatch.prepare.observation_files import observation_path
from selvawatch.site import Site
from selvawatch.sources.catalogues.filling import filling_reader
from selvawatch.sources.open import open_source
from selvawatch.sources.sensors.sensor_table import stream_of
from selvawatch.steps.tile.baseline import TileBaseline, baseline_rule_of, fit_baseline, is_mended
from selvawatch.steps.tile.late_scenes import (
    FrozenDays,
    frozen_days,
    history_as_read,
    in_time,
    with_frozen_days,
)
from selvawatch.steps.tile.mend import committed_state, sound_baseline
from selvawatch.steps.tile.observations import WORKERS
from selvawatch.steps.tile.state import advance_state
from selvawatch.steps.tile.water_counts import keep_water
from selvawatch.store.folders import Store
from selvawatch.store.run_plan import RunContext, RunPlan, open_run
from selvawatch.store.tile_state import TileState

log = logging.getLogger(__name__)


def advance_tile(plan: RunPlan, tile: str) -> str:
    """Bring a tile up to the plan's day and return the name of its state folder.

    A folder that is already there is left as it is, so the step may be run twice or after a kill. Where
    something that it reads turns out to be damaged, all that is kept of the tile is compared with what was
    written, and what is not is made again: observations from the source, the baseline and the state from
    observations.

    Raises
    ------
    DamagedError
        When something damaged cannot be made again; the committed state stays.
    """
    context = open_run(plan)
    try:
        return _advance(context, tile, mending=False)
    except DamagedError as error:
        log.warning("%s: all that is kept of it is compared: %s", tile, error)
        return _advance(context, tile, mending=True)


def _advance(context: RunContext, tile: str, *, mending: bool) -> str:
    """Name of a tile's new state; mending: what the tile is made of is compared first, and made again."""
    square = context.site.grid.tile(tile)
    scenes = scenes_on(context.inputs.scenes, square, context.site.halo_px)
    before = _usable_state(context, tile)
    past = FrozenDays() if before is None else _frozen(context.site, before)
    history = _history(context, square, before, scenes, mending)
    wanted = _to_ingest(context.store, square, scenes, past, mending)
    done = {(record.day, record.stream) for record in history}
    wanted = [scene for scene in wanted if (scene.day, stream_of(scene)) not in done]
    records = (*history, *_ingest(context, square, wanted))
    if before is not None and is_mended(context.site, before.scene_records, records):
        log.info(
            "%s: scenes of the history can be read that were out of reach: its baseline is fitted anew", tile
        )
        before, past, records = None, FrozenDays(), _ingest(context, square, scenes)
    records = with_frozen_days(records, scenes, past)
    read = sum(record.state == "read" for record in records)
    log.info("%s: %d of %d scenes read", tile, read, len(records))
    if last := context.site.delayed_day(context.plan.until_day):
        keep_water(context.until(last), square, records)
    keep_water(context, square, records)
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        if before is None:
            baseline = fit_baseline(context, square, records)
        elif mending:
            baseline = sound_baseline(context, square, before)
        else:
            baseline = TileBaseline(name=before.baseline, rule=before.baseline_rule)
        return advance_state(context, square, records, baseline, before)


def baseline_tile(plan: RunPlan, tile: str) -> Path:
    """Folder of a tile's baseline, fitted now to its history, so that the first run need not.

    The next `advance_tile` with the same scenes and numbers uses it; nothing that is committed changes.
    """
    context = open_run(plan)
    square = context.site.grid.tile(tile)
    records = _ingest(context, square, scenes_on(context.inputs.scenes, square, context.site.halo_px))
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        return context.store.baseline(tile, fit_baseline(context, square, records).name)


def _usable_state(context: RunContext, tile: str) -> TileState | None:
    """The committed state of a tile; None where there is none, or its baseline is no longer the site's."""
    state = committed_state(context, tile)
    return state if state is not None and state.baseline_rule == baseline_rule_of(context.site) else None


def _frozen(site: Site, state: TileState) -> FrozenDays:
    return frozen_days(state.scene_records, site.days.first_day, state.until_day, site.model.buffer_days)


def _history(
    context: RunContext, tile: Tile, before: TileState | None, scenes: Sequence[Scene], mending: bool
) -> tuple[SceneRecord, ...]:
    """Records of scenes of the history that need not be opened again: their observations are on disk.

    mending: and are what was written.
    """
    if before is None:
        return ()
    folder, kept = context.store.observations(tile.id), is_sealed if mending else Path.exists
    records = history_as_read(before.scene_records, scenes, context.site.days.first_day)
    there = {
        (day, stream): kept(observation_path(folder, stream, day))
        for day, stream in {(record.day, record.stream) for record in records}
    }
    return tuple(record for record in records if there[record.day, record.stream])


def _to_ingest(
    store: Store, tile: Tile, scenes: Sequence[Scene], past: FrozenDays, mending: bool
) -> list[Scene]:
    """Scenes that are read now: those of open days, and of frozen ones whose observation is not on disk.

    mending: or is not what was written.
    """
    folder = store.observations(tile.id)
    kept = is_sealed if mending else Path.exists
    return [
        scene
        for scene in in_time(scenes, past)
        if scene.day not in past or not kept(observation_path(folder, stream_of(scene), scene.day))
    ]


def _ingest(context: RunContext, tile: Tile, scenes: Sequence[Scene]) -> tuple[SceneRecord, ...]:
    """What became of scenes that are read onto a tile and its halo; their observations are kept."""
    return ingest_scenes(
        scenes,
        tile,
        context.site.recipe,
        context.store.observations(tile.id),
        read=filling_reader(
            open_source(context.plan.source), context.inputs.scenes, context.inputs.duplicates
        ),
        workers=WORKERS,
        halo_px=context.site.halo_px,
    )
