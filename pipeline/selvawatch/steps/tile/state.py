"""A tile's state: continued by new observations, or replayed where some came late."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, replace

import xarray as xr

from selvawatch.core.files import canonical_json, digest
from selvawatch.core.grid import Tile
from selvawatch.detect import fusion
from selvawatch.detect.track_levels import TrackLevels
from selvawatch.errors import DamagedError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.steps.tile.baseline import TileBaseline
from selvawatch.steps.tile.composite import ComposedState, EarlierComposite, composite_of
from selvawatch.steps.tile.displaced_scenes import with_displaced
from selvawatch.steps.tile.observations import STATE_VERSION
from selvawatch.steps.tile.tile_sums import added
from selvawatch.steps.tile.track_records import track_levels, with_unused_tracks
from selvawatch.store.checkpoints import Checkpoint, checkpoint, keep, kept, newest_checkpoint
from selvawatch.store.contents import (
    ACCUMULATORS,
    BASELINES,
    BEGINNING,
    COMPOSITE,
    DELAYED,
    LAYERS,
    RECENT,
    STATE_FILE,
)
from selvawatch.store.folders import free_name, new_folder
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, inner_pixels, load_arrays, save_arrays

log = logging.getLogger(__name__)


def advance_state(
    context: RunContext,
    tile: Tile,
    scene_records: Sequence[SceneRecord],
    baseline: TileBaseline,
    before: TileState | None,
) -> str:
    """Name of the state of a tile after all observations of the plan, made unless it is there and sound.

    before: the state that is committed; None where the tile begins anew. Records of radar whose track has no
    level yet are kept with that reason, those of pictures that lay off their place with how far.

    Raises
    ------
    DamagedError
        When the baseline, or an observation that is needed, is not what was written.
    """
    store, until_day = context.store, context.plan.until_day
    keys = observation_keys(scene_records, context.site.days.first_day, until_day)
    baselines = load_arrays(store.baseline(tile.id, baseline.name), BASELINES)
    tracks = track_levels(context, tile.id, baselines, keys)
    scene_records = with_unused_tracks(tracks, keys, scene_records)
    delayed_until = context.site.delayed_day(until_day)
    wanted = state_name(baseline.name, until_day, keys, scene_records, delayed_until)
    name, there = free_name(store.states(tile.id), wanted)
    if there:
        return name
    tile_state = TileState(
        tile=tile.id,
        state=name,
        until_day=until_day,
        baseline=baseline.name,
        baseline_rule=baseline.rule,
        observations=keys,
        scene_records=scene_records,
        delayed_until=delayed_until,
    )
    sums = _Sums(context, tile, baseline.name, baselines, tracks)
    states = {"": (tile_state, _state(sums, keys, before))}
    if delayed_until:
        states[DELAYED] = (tile_state.delayed, _delayed(sums, tile_state.delayed.observations, before))
    found = with_displaced(scene_records, fusion.displaced(states[""][1]))
    layers = {
        which: inner_pixels(fusion.layers(state, context.site.common_shift), context.site.halo_px)
        for which, (_, state) in states.items()
    }
    inner = inner_pixels(baselines, int(baselines.attrs.get("halo", 0)))
    with new_folder(store.state(tile.id, name)) as part:
        for which, (one, state) in states.items():
            earlier = _earlier(sums, one.observations, before, which)
            composed = ComposedState(observations=one.observations, layers=layers[which], earlier=earlier)
            composite, recent = composite_of(context, tile, composed, inner)
            save_arrays(state, part / (which + ACCUMULATORS))
            save_arrays(layers[which], part / (which + LAYERS))
            save_arrays(composite, part / (which + COMPOSITE))
            save_arrays(recent, part / (which + RECENT))
        text = canonical_json(replace(tile_state, scene_records=found).as_json())
        (part / STATE_FILE).write_text(text + "\n", encoding="utf-8")
    return name


def state_name(
    baseline: str,
    until_day: int,
    keys: Sequence[ObservationKey],
    scene_records: Sequence[SceneRecord],
    delayed_until: int,
) -> str:
    """Name of the state of these inputs; the number that a baseline made again bears is none of them, and
    where pictures lie follows from them.
    """
    records = [asdict(record) for record in scene_records]
    return digest(
        {
            "version": STATE_VERSION,
            "baseline": baseline.split("-")[0],
            "until": until_day,
            "delayed": delayed_until,
            "looks": [asdict(key) for key in keys],
            "taken": [{name: value for name, value in one.items() if name != "text"} for one in records],
        }
    )[:16]


class _Sums:
    """How the sums of a tile and its halo are made: by which baseline, and from where they go on."""

    def __init__(
        self, context: RunContext, tile: Tile, baseline: str, baselines: xr.Dataset, tracks: TrackLevels
    ) -> None:
        self.context, self.tile, self.baseline = context, tile, baseline
        self._baselines, self._tracks = baselines, tracks

    def add(self, state: xr.Dataset, some: Sequence[ObservationKey]) -> xr.Dataset:
        """The sums after some more observations."""
        return added(self.context, self.tile, self._baselines, self._tracks, state, some)

    def at(self, base: Checkpoint | None) -> xr.Dataset:
        """The sums of a checkpoint; of none those before any observation of the monitoring."""
        store = self.context.store
        if base is not None:
            return kept(store, self.tile.id, base)
        return load_arrays(store.baseline(self.tile.id, self.baseline), BEGINNING)

    def newest(self, keys: Sequence[ObservationKey]) -> tuple[Checkpoint | None, int]:
        """The newest checkpoint that these observations would give again, and its day."""
        base = newest_checkpoint(self.context.store, self.tile.id, self.baseline, keys)
        return base, self.context.site.days.first_day - 1 if base is None else base.day


def _state(sums: _Sums, keys: tuple[ObservationKey, ...], before: TileState | None) -> xr.Dataset:
    """The state of a tile and its halo after all observations: continued, or replayed where observations came
    late.

    A replay begins at the newest kept state that has none of the late observations. A state is kept as of the
    last day that will be frozen when this run is committed. Where no observation came late it is left to age
    for as long as the buffer is, so that each observation is added twice at most and a replay never goes back
    further than two buffers and what is new.
    """
    context, tile = sums.context, sums.tile
    buffer_days = context.site.model.buffer_days
    had = _continued(sums, keys, before, "")
    base, first = sums.newest(keys)
    mark = context.plan.until_day - buffer_days
    if had is None:
        count = sum(key.day > first for key in keys)
        log.info(
            "%s: %d of %d observations are added to the state of day %d", tile.id, count, len(keys), first
        )
    state = None
    if mark > first and not (had is not None and first >= mark - buffer_days):
        state = sums.add(sums.at(base), [key for key in keys if first < key.day <= mark])
        older, base, first = base, checkpoint(sums.baseline, keys, mark), mark
        keep(context.store, tile.id, base, state, older)
    if before is not None and had is not None:
        return sums.add(had, keys[len(before.observations) :])
    return sums.add(sums.at(base) if state is None else state, [key for key in keys if key.day > first])


def _delayed(sums: _Sums, keys: tuple[ObservationKey, ...], before: TileState | None) -> xr.Dataset:
    """The second state of a tile and its halo, after the observations until its day: what a run to that day
    would have made of them.
    """
    past = before.delayed if before is not None and before.delayed_until else None
    had = _continued(sums, keys, past, DELAYED)
    if past is not None and had is not None:
        return sums.add(had, keys[len(past.observations) :])
    base, first = sums.newest(keys)
    return sums.add(sums.at(base), [key for key in keys if key.day > first])


def _continued(
    sums: _Sums, keys: tuple[ObservationKey, ...], before: TileState | None, which: str
) -> xr.Dataset | None:
    """The sums of a committed state, to go on from; None where observations came late, or they are damaged,
    so that all is replayed.
    """
    if before is None or not _is_continued(before.observations, keys):
        return None
    try:
        return load_arrays(sums.context.store.state(sums.tile.id, before.state), which + ACCUMULATORS)
    except DamagedError as error:
        log.warning("%s: its state is replayed, since the committed one is damaged: %s", sums.tile.id, error)
        return None


def _is_continued(before: tuple[ObservationKey, ...], keys: tuple[ObservationKey, ...]) -> bool:
    """Whether all observations that are new come on later days than all that a state has."""
    had = len(before)
    return keys[:had] == before and (had in (0, len(keys)) or keys[had].day > before[-1].day)


def _earlier(
    sums: _Sums, keys: tuple[ObservationKey, ...], before: TileState | None, which: str
) -> EarlierComposite | None:
    """What the committed state knew of its composite; None where another is not gone on from, or it is of a
    version that kept nothing, or damaged.
    """
    if before is None or before.baseline != sums.baseline or (which and not before.delayed_until):
        return None
    past = before.delayed if which else before
    if not _is_continued(past.observations, keys):
        return None
    folder = sums.context.store.state(sums.tile.id, before.state)
    try:
        return EarlierComposite(
            observations=past.observations,
            recent=load_arrays(folder, which + RECENT),
            onset=load_arrays(folder, which + LAYERS, only=("onset",))["onset"].to_numpy(),
            fall=load_arrays(folder, which + COMPOSITE, only=("fall",))["fall"].to_numpy(),
        )
    except DamagedError as error:
        log.info("%s: its composite is made of all observations: %s", sums.tile.id, error)
        return None
