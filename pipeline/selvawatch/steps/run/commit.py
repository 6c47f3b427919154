"""Make a run current in the ledger, and remove what no current state needs any more."""

from collections.abc import Sequence
from dataclasses import asdict

import geopandas as gpd

from selvawatch.steps.run.run_content import TileResults
from selvawatch.steps.run.run_report import RunReport
from selvawatch.steps.tile.water_counts import prune_water
from selvawatch.store.folders import prune
from selvawatch.store.ledger import AlertRow, RunRow, SceneRow, TileRow
from selvawatch.store.run_plan import RunContext


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
            TileRow(tile=tile, state=name, until_day=results.states[tile].until_day)
            for tile, name in sorted(results.advanced.items())
        ],
        scenes=scenes,
        alerts=alert_rows(alerts),
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


def prune_run(context: RunContext, results: TileResults) -> None:
    """Remove states, baselines and counts of water that neither the committed state nor the one before needs.

    To be called after the commit only: a run that ends before it leaves what the committed states stand on.
    """
    store = context.store
    for tile, name in results.advanced.items():
        kept = [results.states[tile]]
        if tile in results.before:
            kept.append(results.before[tile])
        prune(store.state(tile, name).parent, {state.state for state in kept})
        prune(store.baseline(tile, kept[0].baseline).parent, {state.baseline for state in kept})
        prune_water(context, tile, [(state.scene_records, state.until_day) for state in kept])
