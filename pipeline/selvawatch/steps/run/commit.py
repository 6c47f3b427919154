"""Make a run current in the ledger, and remove what no current state needs any more."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

import geopandas as gpd

from selvawatch.errors import SelvawatchError, StoreError
from selvawatch.site import Site
from selvawatch.steps.run.run_content import TileResults
from selvawatch.steps.run.run_report import RunReport
from selvawatch.steps.tile.water_counts import prune_water
from selvawatch.store.folders import Store, prune
from selvawatch.store.ledger import AlertRow, RunRow, SceneRow, TileRow
from selvawatch.store.run_plan import RunContext, RunPlan, SceneInputs, read_listing, remove_plans
from selvawatch.store.tile_state import TileState

log = logging.getLogger(__name__)


def commit_run(
    context: RunContext,
    results: TileResults,
    scenes: Sequence[SceneRow],
    alerts: gpd.GeoDataFrame,
    report: RunReport,
) -> None:
    """Commit a run whose files are complete; the store's lock is held.

    alerts: ALERTS of the run.

    Raises
    ------
    StoreError
        When another run was committed since this one was planned, or the ledger cannot be written.
    """
    plan = context.plan
    context.store.ledger.commit(
        RunRow(
            sequence=plan.sequence,
            run_id=plan.run_id,
            area=plan.area,
            until_day=plan.until_day,
            result=asdict(report),
        ),
        tiles=[
            TileRow(
                tile=tile,
                state=name,
                until_day=results.states[tile].until_day,
                before=_state_before(results, tile),
            )
            for tile, name in sorted({**results.mended, **results.advanced}.items())
        ],
        scenes=scenes,
        alerts=alert_rows(alerts),
        listing=read_listing(context.store, plan)[0],
        searched_all=not context.inputs.unsearched,
    )


def alert_rows(alerts: gpd.GeoDataFrame) -> list[AlertRow]:
    """The ledger's rows of ALERTS, in their order."""
    return [
        AlertRow(
            alert_id=row.alert_id,
            event_id=row.event_id,
            version=int(row.version),
            status=row.status,
            cause=row.cause,
            ha=float(row.ha),
        )
        for row in alerts.itertuples()
    ]


def refuse_committed(store: Store, plan: RunPlan) -> None:
    """Raise StoreError unless the run is the next one: files of one that was committed stay as they are."""
    runs = store.ledger.runs()
    if plan.run_id in {run.run_id for run in runs} or plan.sequence != len(runs) + 1:
        raise StoreError(
            "another run was committed meanwhile",
            where=store.folder,
            got=f"run {len(runs)}",
            needed=f"run {plan.sequence - 1}",
            do="run the command again",
        )


def prune_run(store: Store, plan: RunPlan, site: Site) -> None:
    """Remove states, baselines and counts of water that neither the committed state nor the one before needs,
    and plans of runs that are over; note before it what the commit left.

    It goes by the ledger alone, so that it can be done again where a run was killed in it. To be called after
    the commit only: a run that ends before it leaves what the committed states stand on.
    """
    store.ledger.note()
    inputs = SceneInputs(scenes=(), problems=(), skipped=(), superseded=(), unsearched=())
    context = RunContext(site=site, store=store, plan=plan, inputs=inputs)
    for tile, row in sorted(store.ledger.tiles().items()):
        try:
            kept = _kept_states(store, row)
        except (SelvawatchError, OSError, ValueError) as error:
            log.warning("%s: nothing is removed, for its state cannot be read: %s", tile, error)
            continue
        prune(store.state(tile, row.state).parent, {state.state for state in kept})
        prune(store.baseline(tile, kept[0].baseline).parent, {state.baseline for state in kept})
        prune_water(
            context, tile, [(one.scene_records, one.until_day) for state in kept for one in state.both]
        )
    remove_plans(store)


def _kept_states(store: Store, row: TileRow) -> list[TileState]:
    """The committed state of a tile and, where it is still there, the one before."""
    committed, before = store.state(row.tile, row.state), store.state(row.tile, row.before)
    has_before = row.before not in ("", row.state) and before.is_dir()
    return [TileState.read(folder) for folder in ((committed, before) if has_before else (committed,))]


def _state_before(results: TileResults, tile: str) -> str:
    """Name of the state that a tile was committed with before; empty where there was none."""
    return results.before[tile].state if tile in results.before else ""
