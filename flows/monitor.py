"""Bring an area up to a day: one flow an area, one task a tile."""

from prefect import Flow, State, flow, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import exponential_backoff

from selvawatch.core.area import plain_name
from selvawatch.steps.delivery.deliveries import deliver_after_run, tell_of_failure
from selvawatch.steps.run.cluster import advance_on
from selvawatch.steps.run.monitor import finish, plan
from selvawatch.steps.run.run_report import RunReport, report_rows, report_text
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import RunPlan

TILES_AT_A_TIME = 2
"""Each takes about 1.5 GB and two threads; a dask cluster takes as many as it has threads."""

advance = task(
    task_run_name="tile {tile}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
)(advance_tile)

advance_all = task(task_run_name="tiles on {address}", cache_policy=NO_CACHE)(advance_on)


def advance_here(run: RunPlan) -> tuple[dict[str, str], dict[str, str]]:
    """State by tile, and why it could not be brought up to the day by tile: one task a tile."""
    futures = dict(zip(run.tiles, advance.map(unmapped(run), list(run.tiles)), strict=True))
    wait(list(futures.values()))
    states = {tile: future.result() for tile, future in futures.items() if future.state.is_completed()}
    failed = {tile: str(future.state.message) for tile, future in futures.items() if tile not in states}
    return states, failed


def tell_operators(_flow: Flow, flow_run: FlowRun, state: State) -> None:
    """Tell who runs the monitoring that a run failed, once all its tries are over."""
    store = str(flow_run.parameters.get("store", ""))
    tell_of_failure(store, str(flow_run.id), f"{flow_run.name}: {state.message}")


@flow(
    on_failure=[tell_operators],
    on_crashed=[tell_operators],
    flow_run_name="monitor {area} to {until}",
    validate_parameters=False,
    task_runner=ThreadPoolTaskRunner(max_workers=TILES_AT_A_TIME),
)
def monitor(
    area: str, until: str, source: str, site: str, store: str, site_file: str, dask: str | None = None
) -> RunReport:
    """Advance an area's tiles, publish, commit; a failed tile stops no other and fails the run at its end.

    dask: address of the scheduler of a cluster that takes the tiles; None: threads of this process.
    """
    with exclusive(store, "flows/monitor.py") as held:
        run = plan(held, site, site_file, area, until, source)
        if run.done:
            report = finish(held, run, {}, {})
        else:
            report = finish(held, run, *(advance_all(dask, run) if dask else advance_here(run)))
    deliver_after_run(store, site, site_file)
    key = plain_name(area)
    create_table_artifact(key=f"loss-{key}", table=report_rows(report), description="Loss by type of right")
    create_markdown_artifact(key=f"bulletin-{key}", markdown=report_text(report))
    return report.checked()
