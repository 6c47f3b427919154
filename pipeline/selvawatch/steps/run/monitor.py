"""A run of the monitoring: plan, bring the tiles up to the day, conclude: attribute, publish, commit."""

import datetime as dt
import logging
from collections.abc import Mapping
from pathlib import Path

from selvawatch.core.days import to_day
from selvawatch.core.tier import Tier
from selvawatch.errors import SelvawatchError, SiteError
from selvawatch.progress import Counter
from selvawatch.site import Site
from selvawatch.steps.register import all_snapshots
from selvawatch.steps.run.alert_evidence import illustrate
from selvawatch.steps.run.attribute_events import Zones, read_zones, with_product_scars
from selvawatch.steps.run.commit import commit_run, prune_run, refuse_committed
from selvawatch.steps.run.coverage import coverage_of
from selvawatch.steps.run.findings import findings_of, tracked_by_tier
from selvawatch.steps.run.plan import check_inputs, plan_run
from selvawatch.steps.run.publish import content_of, publish_run
from selvawatch.steps.run.run_content import TileResults, read_results
from selvawatch.steps.run.run_report import RunReport, report_of
from selvawatch.steps.run.scene_rows import newly_superseded, scene_rows
from selvawatch.steps.tile.advance import advance_tile, baseline_tile
from selvawatch.store.lock import HeldStore, exclusive
from selvawatch.store.run_plan import RunContext, RunPlan, open_run, planned_site, remove_plans
from selvawatch.store.site_copy import keep_site_copy

log = logging.getLogger(__name__)


def plan(held: HeldStore, site: str, site_file: str, area: str, until: str, source: str) -> RunPlan:
    """The plan of a run; `until` is an ISO day, or `today` (UTC). The store stays held until `finish`."""
    return _plan(held, site, site_file, area, until, source)[0]


def _plan(
    held: HeldStore, site: str, site_file: str, area: str, until: str, source: str
) -> tuple[RunPlan, Zones]:
    """The plan of a run and the zones that were there: what cannot be used fails before the pixels."""
    day = to_day(dt.datetime.now(dt.UTC)) if until == "today" else to_day(until)
    loaded = Site.load(Path(site), site_file)
    zones = read_zones(loaded, held.store)
    with_product_scars(zones, held.store, loaded.grid.crs)
    return plan_run(held, loaded, area, day, source), zones


def monitor(
    site: str, site_file: str, store: str, area: str, until: str, source: str, cluster: str | None = None
) -> RunReport:
    """The same run as the flow's, without Prefect: tile after tile, or on the dask cluster at an address.

    Raises
    ------
    StoreError
        At once when another process holds the store.
    """
    with exclusive(store, "selvawatch monitor") as held:
        run, zones = _plan(held, site, site_file, area, until, source)
        if run.done:
            return finish(held, run, {}, {})
        if cluster is None:
            return finish(held, run, *_advance_here(run), zones)
        from selvawatch.steps.run.cluster import advance_on  # the cluster's library takes a second to import

        return finish(held, run, *advance_on(cluster, run), zones)


def _advance_here(run: RunPlan) -> tuple[dict[str, str], dict[str, str]]:
    """State by tile, and why it could not be brought up to the day by tile: one tile after the other."""
    states: dict[str, str] = {}
    failed: dict[str, str] = {}
    counter = Counter(log, "tiles", len(run.tiles))
    for tile in run.tiles:
        try:
            states[tile] = advance_tile(run, tile)
        except (SelvawatchError, OSError) as error:
            failed[tile] = str(error)
            log.info("%s: not brought up to the day: %s", tile, error)
        counter.add()
    return states, failed


def baseline(site: str, site_file: str, store: str, area: str, source: str) -> dict[str, Path]:
    """Fit the baselines of an area's tiles to the site's history; folder by tile.

    Raises
    ------
    SiteError
        When the site has no history.
    StoreError
        At once when another process holds the store.
    """
    loaded = Site.load(Path(site), site_file)
    if loaded.days.history is None:
        raise SiteError(
            "the site has no history to fit",
            where=Path(site) / site_file,
            needed="history_from and history_to in [days]",
            do="give them, or rely on the model's fallback and a forest_mask",
        )
    with exclusive(store, "selvawatch baseline") as held:
        run = plan_run(held, loaded, area, loaded.days.first_day, source, baseline=True)
        counter, fitted = Counter(log, "tiles", len(run.tiles)), {}
        for tile in run.tiles:
            fitted[tile] = baseline_tile(run, tile)
            counter.add()
        remove_plans(held.store)
        return fitted


def finish(
    held: HeldStore,
    run: RunPlan,
    states: Mapping[str, str],
    failed: Mapping[str, str],
    zones: Zones | None = None,
) -> RunReport:
    """Conclude a run over what its tiles gave, and report; a committed run is only reported.

    When it returns the run is committed: whatever leaves the store begins once the store is held no longer.

    states: name of the new state folder of each tile that was brought up; failed: why the others were not.
    zones: the site's as they were planned with; None: they are read.

    Raises
    ------
    SelvawatchError
        When every tile failed, something cannot be attributed or written, or the site or a layer was changed
        since the plan; nothing is committed then.
    """
    store = held.store
    if run.done:
        rows = store.ledger.runs()
        if rows[-1].run_id == run.run_id:
            prune_run(store, run, planned_site(run))
        return report_of(next(row for row in rows if row.run_id == run.run_id))
    if failed and not states:
        first, why = next(iter(sorted(failed.items())))
        raise SelvawatchError("no tile could be brought up to the day", where=f"tile {first}", got=why)
    refuse_committed(store, run)
    context = open_run(run)
    check_inputs(context)
    if zones is None or zones.snapshots != all_snapshots(context.site, store):
        zones = read_zones(context.site, store)
    return conclude(context, read_results(context, states, failed), zones)


def conclude(context: RunContext, results: TileResults, zones: Zones) -> RunReport:
    """Track, attribute, illustrate, publish and commit what the tiles gave; the store is held."""
    counter = Counter(log, "steps", 6, "to the end of the run")
    known = context.store.ledger.scenes()
    rows = scene_rows(context, known, results)
    public = findings_of(context, results.states, zones, Tier.PUBLIC)
    every = findings_of(context, results.states, zones, Tier.RESTRICTED)
    counter.add()
    tracked = tracked_by_tier(context, results.states, zones, (public, every))
    counter.add()
    every, pictures = illustrate(context, results.states, every)
    counter.add()
    superseded = newly_superseded(context.inputs, known, rows)
    coverage = coverage_of(context, results.states, results.failed, superseded)
    content = content_of(context, results.states, (public, every), coverage, pictures)
    counter.add()
    report = publish_run(context, results, content, tracked)
    counter.add()
    check_inputs(context)
    keep_site_copy(context.store, context.site)
    commit_run(context, results, rows, every.attributed.alerts, report)
    prune_run(context.store, context.plan, context.site)
    counter.add()
    return report
