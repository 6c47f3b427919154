"""A tile's state: continued by new observations, or replayed where some came late."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

import xarray as xr

from selvawatch.core.files import canonical_json, digest
from selvawatch.core.grid import Tile
from selvawatch.detect import fusion
from selvawatch.detect.common_shift import without_common_shift
from selvawatch.detect.shift_rule import Corner
from selvawatch.errors import DamagedError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.steps.tile.baseline import TileBaseline
from selvawatch.steps.tile.composite import composite_of
from selvawatch.steps.tile.observations import STATE_VERSION, WORKERS, observations_of
from selvawatch.store.checkpoints import Checkpoint, checkpoint, keep, kept, newest_checkpoint
from selvawatch.store.contents import (
    ACCUMULATORS,
    BASELINES,
    COMPOSITE,
    LAYERS,
    REASON,
    STATE_FILE,
)
from selvawatch.store.folders import Store, free_name, new_folder
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, inner_pixels, load_arrays, open_baselines, save_arrays

log = logging.getLogger(__name__)


def advance_state(
    context: RunContext,
    tile: Tile,
    scene_records: Sequence[SceneRecord],
    baseline: TileBaseline,
    before: TileState | None,
) -> str:
    """Name of the state of a tile after all observations of the plan, made unless it is there and sound.

    before: the state that is committed; None where the tile begins anew.

    Raises
    ------
    DamagedError
        When the baseline, or an observation that is needed, is not what was written.
    """
    store, until_day = context.store, context.plan.until_day
    keys = observation_keys(scene_records, context.site.days.first_day, until_day)
    name, there = free_name(store.states(tile.id), state_name(baseline.name, until_day, keys, scene_records))
    if there:
        return name
    state = _state(context, tile, baseline.name, keys, before)
    tile_state = TileState(
        tile=tile.id,
        state=name,
        until_day=until_day,
        baseline=baseline.name,
        baseline_rule=baseline.rule,
        observations=keys,
        scene_records=tuple(scene_records),
    )
    layers = inner_pixels(fusion.layers(state), context.site.halo_px)
    composite = composite_of(context, tile, keys, layers, open_baselines(store, tile.id, baseline.name))
    with new_folder(store.state(tile.id, name)) as part:
        save_arrays(state, part / ACCUMULATORS)
        save_arrays(layers, part / LAYERS)
        save_arrays(composite, part / COMPOSITE)
        (part / STATE_FILE).write_text(canonical_json(tile_state.as_json()) + "\n", encoding="utf-8")
    return name


def state_name(
    baseline: str, until_day: int, keys: Sequence[ObservationKey], scene_records: Sequence[SceneRecord]
) -> str:
    """Name of the state of these inputs; the number that a baseline made again bears is none of them."""
    records = [asdict(record) for record in scene_records]
    return digest(
        {
            "version": STATE_VERSION,
            "baseline": baseline.split("-")[0],
            "until": until_day,
            "looks": [asdict(key) for key in keys],
            "taken": [{name: value for name, value in one.items() if name != "text"} for one in records],
        }
    )[:16]


def _state(
    context: RunContext,
    tile: Tile,
    baseline: str,
    keys: tuple[ObservationKey, ...],
    before: TileState | None,
) -> xr.Dataset:
    """The state of a tile and its halo after all observations: continued, or replayed where observations came
    late.

    A replay begins at the newest kept state that has none of the late observations. A state is kept as of the
    last day that will be frozen when this run is committed. Where no observation came late it is left to age
    for as long as the buffer is, so that each observation is added twice at most and a replay never goes back
    further than two buffers and what is new.
    """
    site, store = context.site, context.store
    buffer_days, halo, side = site.model.buffer_days, site.halo_px, tile.grid.tile_px
    baselines = load_arrays(store.baseline(tile.id, baseline), BASELINES)
    corner = Corner(row=-(tile.row + 1) * side - halo, column=tile.column * side - halo)

    def add(state: xr.Dataset, some: Sequence[ObservationKey]) -> xr.Dataset:
        observations = (
            without_common_shift(observation, site.model, baselines, site.common_shift, corner)
            for observation in observations_of(store.observations(tile.id), some)
        )
        return fusion.advance(site.model, baselines, state, observations, workers=WORKERS)

    def at(base: Checkpoint | None) -> xr.Dataset:
        if base is not None:
            return kept(store, tile.id, base)
        reason = load_arrays(store.baseline(tile.id, baseline), REASON)["reason"]
        return fusion.start(site.model, reason, resolution=site.grid.resolution)

    had = _accumulators(store, tile, before) if before and _is_continued(before.observations, keys) else None
    continued = had is not None
    base = newest_checkpoint(store, tile.id, baseline, keys)
    first = site.days.first_day - 1 if base is None else base.day
    mark = context.plan.until_day - buffer_days
    if not continued:
        count = sum(key.day > first for key in keys)
        log.info(
            "%s: %d of %d observations are added to the state of day %d", tile.id, count, len(keys), first
        )
    state = None
    if mark > first and not (continued and first >= mark - buffer_days):
        state = add(at(base), [key for key in keys if first < key.day <= mark])
        older, base, first = base, checkpoint(baseline, keys, mark), mark
        keep(store, tile.id, base, state, older)
    if before is not None and had is not None:
        return add(had, keys[len(before.observations) :])
    return add(at(base) if state is None else state, [key for key in keys if key.day > first])


def _accumulators(store: Store, tile: Tile, before: TileState) -> xr.Dataset | None:
    """The sums of a committed state, to go on from; None where they are damaged, so that all is replayed."""
    try:
        return load_arrays(store.state(tile.id, before.state), ACCUMULATORS)
    except DamagedError as error:
        log.warning("%s: its state is replayed, since the committed one is damaged: %s", tile.id, error)
        return None


def _is_continued(before: tuple[ObservationKey, ...], keys: tuple[ObservationKey, ...]) -> bool:
    """Whether all observations that are new come on later days than all that a state has."""
    had = len(before)
    return keys[:had] == before and (had in (0, len(keys)) or keys[had].day > before[-1].day)
