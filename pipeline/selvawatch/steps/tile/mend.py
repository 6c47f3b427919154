"""What is kept of a tile, made again from what stands behind it where it is not what was written."""

import logging
from dataclasses import replace

from selvawatch.core.grid import Tile
from selvawatch.errors import DamagedError, StackError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.sources.sensors.reasons import TRACK
from selvawatch.steps.tile.baseline import TileBaseline, baseline_name, baseline_rule_of, fit_baseline
from selvawatch.steps.tile.state import advance_state, state_name
from selvawatch.store.contents import ACCUMULATORS, RECENT
from selvawatch.store.ledger import TileRow
from selvawatch.store.run_plan import RunContext
from selvawatch.store.seal import damages_of, is_sound
from selvawatch.store.tile_state import TileState

log = logging.getLogger(__name__)

_NO_RECORD = ("found", "superseded")
"""States of the ledger's rows that no scene record of a tile stands behind."""


def committed_state(context: RunContext, tile: str) -> TileState | None:
    """What the committed state of a tile says; None where there is none.

    Where its file is not what was written it is made again from the ledger's rows of the tile, and compared
    with the name of the state, which follows from them.

    Raises
    ------
    DamagedError
        When the ledger's rows give another state.
    """
    row = context.store.ledger.tiles().get(tile)
    if row is None:
        return None
    try:
        return TileState.read(context.store.state(tile, row.state))
    except DamagedError as error:
        log.warning("%s: what its state says is made again from the ledger: %s", tile, error)
        return _from_ledger(context, row, error)


def sound_state(context: RunContext, state: TileState) -> TileState:
    """A committed state, made again under another name where a file of it is not what was written.

    It stays where it cannot be made again and only its sums are damaged: nothing but the tile's own next step
    reads them.

    Raises
    ------
    DamagedError
        When what a run reads of it is damaged, and what it is made of too, or the site has other numbers now.
    """
    folder = context.store.state(state.tile, state.state)
    damages = damages_of(folder, deep=True)
    if not damages:
        return state
    log.warning("%s: its state is damaged and is made again: %s", state.tile, damages[0][0])
    try:
        return _made_again(context, state)
    except (DamagedError, StackError) as error:
        if not all(any(part.endswith((ACCUMULATORS, RECENT)) for part in path.parts) for path, _ in damages):
            raise
        log.warning("%s: its state stays as it is: %s", state.tile, error)
        return state


def _made_again(context: RunContext, state: TileState) -> TileState:
    if state.baseline_rule != baseline_rule_of(context.site):
        raise DamagedError(
            "the state of a tile is damaged, and the site's numbers would give another",
            where=context.store.state(state.tile, state.state),
            do="restore it from a copy, or run `selvawatch monitor` over the tile's area first",
        )
    tile = context.site.grid.tile(state.tile)
    then = context.until(state.until_day)
    baseline = sound_baseline(then, tile, state)
    name = advance_state(then, tile, state.scene_records, baseline, None)
    return replace(state, state=name, baseline=baseline.name)


def sound_baseline(context: RunContext, tile: Tile, state: TileState) -> TileBaseline:
    """The baseline that a state stands on, fitted again under another name where it is damaged."""
    if is_sound(context.store.baseline(tile.id, state.baseline)):
        return TileBaseline(name=state.baseline, rule=state.baseline_rule)
    log.warning("%s: its baseline is damaged and is fitted again", tile.id)
    return fit_baseline(context, tile, state.scene_records)


def _from_ledger(context: RunContext, row: TileRow, damage: DamagedError) -> TileState:
    records = tuple(
        SceneRecord(
            scene_id=one.scene_id,
            sensor=one.sensor,
            day=one.day,
            stream=one.stream,
            state=one.state,
            reason=one.reason if one.state != "read" or one.reason == TRACK else "",
            clear_share=one.clear_share,
            digest=one.digest,
        )
        for one in context.store.ledger.scenes()
        if one.tile == row.tile and one.state not in _NO_RECORD
    )
    state, until_day = _rebuilt(context, row, records), row.until_day
    wanted = state_name(state.baseline, until_day, state.observations, records, state.delayed_until)
    if row.state.split("-")[0] != wanted:
        raise DamagedError(
            "what a tile's state says is damaged, and the ledger's rows give another",
            where=context.store.state(row.tile, row.state),
            got=damage,
            needed=f"state {row.state}, not {wanted}",
            do="restore the folder from a copy, or begin the tile in a new --store",
        )
    return state


def _rebuilt(context: RunContext, row: TileRow, records: tuple[SceneRecord, ...]) -> TileState:
    site = context.site
    first, last = site.days.history or (0, -1)
    rule = baseline_rule_of(site)
    history = observation_keys(records, first, last)
    return TileState(
        tile=row.tile,
        state=row.state,
        until_day=row.until_day,
        baseline=baseline_name(rule, history),
        baseline_rule=rule,
        observations=observation_keys(records, site.days.first_day, row.until_day),
        scene_records=tuple(sorted(records, key=lambda record: record.order)),
        delayed_until=site.delayed_day(row.until_day),
    )
