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
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.site import Site
from selvawatch.steps.tile.composite import composite_of
from selvawatch.steps.tile.observations import STATE_VERSION, WORKERS, halo_of, observations_of
from selvawatch.store.checkpoints import Checkpoint, checkpoint, keep, kept, newest_checkpoint
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.run_plan import RunPlan
from selvawatch.store.tile_state import TileState, inner_pixels, load_arrays, open_baselines, save_arrays

log = logging.getLogger(__name__)


def advance_state(
    site: Site,
    store: Store,
    tile: Tile,
    plan: RunPlan,
    scene_records: Sequence[SceneRecord],
    baseline: str,
    rule: str,
    before: TileState | None,
) -> str:
    """Name of the state of a tile after all observations of the plan, made unless it is there already."""
    keys = observation_keys(scene_records, site.days.first_day, plan.until_day)
    name = digest(
        {
            "version": STATE_VERSION,
            "baseline": baseline,
            "until": plan.until_day,
            "looks": [asdict(key) for key in keys],
            "taken": [asdict(one) for one in scene_records],
        }
    )[:16]
    folder = store.state(tile.id, name)
    if (folder / "state.json").exists():
        return name
    state = _state(site, store, tile, plan.until_day, baseline, keys, before)
    tile_state = TileState(
        tile=tile.id,
        state=name,
        until_day=plan.until_day,
        baseline=baseline,
        baseline_rule=rule,
        observations=keys,
        scene_records=tuple(scene_records),
    )
    layers = inner_pixels(fusion.layers(state), halo_of(site))
    composite = composite_of(site, store, tile, keys, layers, open_baselines(store, tile.id, baseline))
    with new_folder(folder) as part:
        save_arrays(state, part / "accumulators.zarr")
        save_arrays(layers, part / "layers.zarr")
        save_arrays(composite, part / "composite.zarr")
        (part / "state.json").write_text(canonical_json(tile_state.as_json()) + "\n", encoding="utf-8")
    return name


def _state(
    site: Site,
    store: Store,
    tile: Tile,
    until_day: int,
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
    buffer_days, halo, side = site.model.buffer_days, halo_of(site), tile.grid.tile_px
    baselines = load_arrays(store.baseline(tile.id, baseline) / "baselines.zarr")
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
        reason = load_arrays(store.baseline(tile.id, baseline) / "reason.zarr")["reason"]
        return fusion.start(site.model, reason, resolution=site.grid.resolution)

    continued = before is not None and _is_continued(before.observations, keys)
    base = newest_checkpoint(store, tile.id, baseline, keys)
    first = site.days.first_day - 1 if base is None else base.day
    mark = until_day - buffer_days
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
    if before is not None and continued:
        state = load_arrays(store.state(tile.id, before.state) / "accumulators.zarr")
        return add(state, keys[len(before.observations) :])
    return add(at(base) if state is None else state, [key for key in keys if key.day > first])


def _is_continued(before: tuple[ObservationKey, ...], keys: tuple[ObservationKey, ...]) -> bool:
    """Whether all observations that are new come on later days than all that a state has."""
    had = len(before)
    return keys[:had] == before and (had in (0, len(keys)) or keys[had].day > before[-1].day)
