"""Bring an area up to a day: one flow an area, one task a tile."""

from prefect import flow, task, unmapped
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner
from prefect.tasks import exponential_backoff

from selvawatch.steps.monitor import RunReport, finish, plan, report_rows, report_text
from selvawatch.steps.tile import advance_tile

TILES_AT_A_TIME = 2
"""Each takes about 1.5 GB and two threads; on a larger machine or a dask cluster give another runner."""

advance = task(
    task_run_name="tile {tile}",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
)(advance_tile)


@flow(
    flow_run_name="monitor {area} to {until}",
    validate_parameters=False,
    task_runner=ThreadPoolTaskRunner(max_workers=TILES_AT_A_TIME),
)
def monitor(area: str, until: str, source: str, site: str, store: str, site_file: str) -> RunReport:
    """Advance an area's tiles, publish, commit; a failed tile stops no other and fails the run at its end."""
    run = plan(site, site_file, store, area, until, source)
    futures = dict(
        zip(run.tiles, advance.map(unmapped(run), [] if run.done else list(run.tiles)), strict=False)
    )
    wait(list(futures.values()))
    states = {tile: one.result() for tile, one in futures.items() if one.state.is_completed()}
    failed = {tile: str(one.state.message) for tile, one in futures.items() if tile not in states}
    report = finish(run, states, failed)
    create_table_artifact(key=f"loss-{area}", table=report_rows(report), description="Loss by type of right")
    create_markdown_artifact(key=f"bulletin-{area}", markdown=report_text(report))
    return report.checked()
