"""A run of the monitoring: plan, bring the tiles up to the day, conclude: attribute, publish, commit."""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

from selvawatch.core.days import to_day
from selvawatch.errors import SelvawatchError, SiteError
from selvawatch.site import Site
from selvawatch.steps.run.alert_evidence import illustrate
from selvawatch.steps.run.attribute_events import attribute_run, zones_of_run
from selvawatch.steps.run.commit import commit_run, prune_run
from selvawatch.steps.run.coverage import coverage_of
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.run.publish import content_of, publish_run
from selvawatch.steps.run.run_content import TileResults, read_results
from selvawatch.steps.run.run_report import RunReport, report_of
from selvawatch.steps.run.scene_rows import newly_superseded, scene_rows
from selvawatch.steps.run.track import track_events
from selvawatch.steps.tile.advance import advance_tile, baseline_tile
from selvawatch.store.folders import open_store
from selvawatch.store.ledger import exclusive
from selvawatch.store.run_plan import RunContext, RunPlan, open_run
from selvawatch.store.site_copy import keep_site_copy


def plan(site: str, site_file: str, store: str, area: str, until: str, source: str) -> RunPlan:
    """The plan of a run; `until` is an ISO day, or `today` (UTC)."""
    day = to_day(dt.datetime.now(dt.UTC)) if until == "today" else to_day(until)
    loaded = Site.load(Path(site), site_file)
    opened = open_store(store)
    zones_of_run(loaded, opened)  # a register or product that cannot be used fails now, not after the pixels
    return plan_run(loaded, opened, area, day, source)


def monitor(
    site: str, site_file: str, store: str, area: str, until: str, source: str, cluster: str | None = None
) -> RunReport:
    """The same run as the flow's, without Prefect: tile after tile, or on the dask cluster at an address."""
    run = plan(site, site_file, store, area, until, source)
    states: dict[str, str] = {}
    failed: dict[str, str] = {}
    if cluster is not None and not run.done:
        from selvawatch.steps.run.cluster import advance_on  # the cluster's library takes a second to import

        return finish(run, *advance_on(cluster, run))
    for tile in () if run.done else run.tiles:
        try:
            states[tile] = advance_tile(run, tile)
        except (SelvawatchError, OSError) as error:
            failed[tile] = str(error)
    return finish(run, states, failed)


def baseline(site: str, site_file: str, store: str, area: str, source: str) -> dict[str, Path]:
    """Fit the baselines of an area's tiles to the site's history; folder by tile.

    Raises
    ------
    SiteError
        When the site has no history.
    """
    loaded = Site.load(Path(site), site_file)
    if loaded.days.history is None:
        raise SiteError(
            "the site has no history to fit",
            where=Path(site) / site_file,
            needed="history_from and history_to in [days]",
            do="give them, or rely on the model's fallback and a forest_mask",
        )
    begins = loaded.days.first_day
    run = plan_run(loaded, open_store(store), area, begins, source, baseline=True)
    return {tile: baseline_tile(run, tile) for tile in run.tiles}


def finish(run: RunPlan, states: Mapping[str, str], failed: Mapping[str, str]) -> RunReport:
    """Conclude a run over what its tiles gave, and report; a committed run is only reported.

    When it returns the run is committed and the store's lock is free: whatever leaves the store begins there.

    states: name of the new state folder of each tile that was brought up; failed: why the others were not.

    Raises
    ------
    SelvawatchError
        When every tile failed, or something cannot be attributed or written; nothing is committed then.
    """
    if run.done:
        rows = open_store(run.store).ledger.runs()
        return report_of(next(row for row in rows if row.run_id == run.run_id))
    if failed and not states:
        first, why = next(iter(sorted(failed.items())))
        raise SelvawatchError("no tile could be brought up to the day", where=f"tile {first}", got=why)
    context = open_run(run)
    with exclusive(context.store.folder):
        return conclude(context, read_results(context, states, failed))


def conclude(context: RunContext, results: TileResults) -> RunReport:
    """Track, attribute, illustrate, publish and commit what the tiles gave; the store's lock is held."""
    known = context.store.ledger.scenes()
    rows = scene_rows(context, known, results)
    zones = zones_of_run(context.site, context.store)
    tracked = track_events(context, results.states, zones.references)
    attributed = attribute_run(context, results.states, zones, tracked)
    attributed, pictures = illustrate(context, results.states, attributed)
    superseded = newly_superseded(context.inputs, known, rows)
    coverage = coverage_of(context, results.states, results.failed, superseded)
    content = content_of(context, results.states, tracked, attributed, coverage, pictures)
    report = publish_run(context, results, content)
    keep_site_copy(context.store, context.site)
    commit_run(context, results, rows, attributed.alerts, report)
    prune_run(context, results)
    return report
