"""Schedule the monitoring of a site: what `selvawatch serve` starts in a child process."""

import argparse
import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

RETRIES = {
    "PREFECT_FLOWS_DEFAULT_RETRIES": "3",
    "PREFECT_FLOWS_DEFAULT_RETRY_DELAY_SECONDS": "1200",
}
"""A run that fails, by a search that finds no server or by a store in use, is tried again after 20, 40 and 60
minutes and not days later. As settings of the process: a served flow is loaded anew for each run."""

os.environ.update({name: os.environ.get(name, value) for name, value in RETRIES.items()})

import httpx  # noqa: E402  (Prefect reads its settings when it is imported)
from prefect.client.orchestration import SyncPrefectClient, get_client  # noqa: E402
from prefect.client.schemas.filters import (  # noqa: E402
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType  # noqa: E402
from prefect.exceptions import ObjectNotFound, TerminationSignal  # noqa: E402
from prefect.runner import Runner  # noqa: E402
from prefect.schedules import Cron, Interval  # noqa: E402
from prefect.states import Cancelled, Crashed, Scheduled  # noqa: E402

from selvawatch.core.area import plain_name  # noqa: E402
from selvawatch.errors import StoreError  # noqa: E402
from selvawatch.store.lock import exclusive  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))

from monitor import monitor  # noqa: E402  (flows are loaded by path, not installed)

BEGUN = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)
PAGE = 200


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", required=True)
    parser.add_argument("--site-file", default="aoi/site.toml")
    parser.add_argument("--store", required=True)
    parser.add_argument("--area", default="all")
    parser.add_argument("--source", required=True)
    parser.add_argument(
        "--until", default="today", help="last day to take in; today: the day a run starts (UTC)"
    )
    parser.add_argument("--cron", default="0 6 */3 * *", help="when to run, in --timezone")
    parser.add_argument("--timezone", default="America/Lima")
    parser.add_argument("--every-seconds", type=int, default=0, help="run at a fixed interval instead")
    parser.add_argument("--dask", help="address of a dask scheduler that takes the tiles")
    return parser.parse_args()


def runs_in(client: SyncPrefectClient, deployment: UUID, *states: StateType) -> list[FlowRun]:
    """Every run of a deployment in one of some states."""
    found: list[FlowRun] = []
    while True:
        page = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
            ),
            limit=PAGE,
            offset=len(found),
        )
        found += page
        if len(page) < PAGE:
            return found


def due(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """Runs of a deployment that should have begun by now, those among them that wait for another try."""
    now = datetime.now(UTC)
    waiting = runs_in(client, deployment, StateType.SCHEDULED)
    return [run for run in waiting if run.expected_start_time and run.expected_start_time <= now]


def missed(client: SyncPrefectClient, name: str) -> int:
    """How many runs of the deployment of a name were begun, or should have, when its service ended."""
    try:
        deployment = client.read_deployment_by_name(name).id
    except ObjectNotFound:
        return 0
    return len(runs_in(client, deployment, *BEGUN)) + len(due(client, deployment))


def make_up(client: SyncPrefectClient, deployment: UUID, parameters: dict[str, Any]) -> None:
    """Put one run, now, in the place of all that were begun or missed when the service ended.

    Those that were begun are dead where the store is free, and are marked so: Prefect asks nobody whether a
    run's process is still there, and would show them as running for ever.
    """
    try:
        with exclusive(parameters["store"], "selvawatch serve"):
            for run in runs_in(client, deployment, *BEGUN):
                client.set_flow_run_state(run.id, Crashed(message="its process is gone"), force=True)
    except StoreError as error:
        print(f"selvawatch: runs that were begun are left as they are: {error}", file=sys.stderr)
    for run in due(client, deployment):
        client.set_flow_run_state(run.id, Cancelled(message="one run makes up for all"), force=True)
    client.create_flow_run_from_deployment(deployment, parameters=parameters, state=Scheduled())


def main() -> None:
    """Register the deployment and run what is due, one run at a time, until stopped.

    The deployment has no concurrency limit: its slot would stay with a run whose process was killed, and a
    run that waits for its next try loses it. The store's lock lets one run in at a time.
    """
    asked = arguments()
    every = asked.every_seconds
    schedule = Interval(timedelta(seconds=every)) if every else Cron(asked.cron, timezone=asked.timezone)
    names = ("area", "until", "source", "site", "store", "site_file", "dask")
    parameters = {name: getattr(asked, name) for name in names}
    name = f"selvawatch-{plain_name(asked.area)}"
    runner = Runner(limit=1, pause_on_shutdown=False)
    try:
        with get_client(sync_client=True) as client:
            count = missed(client, f"{monitor.name}/{name}")
            deployment = runner.add_deployment(
                monitor.to_deployment(name=name, schedule=schedule, parameters=parameters)
            )
            if count:
                print(f"selvawatch: one run makes up for {count} that were begun or missed", file=sys.stderr)
                make_up(client, deployment, parameters)
    except (httpx.HTTPError, RuntimeError) as error:
        where = os.environ.get("PREFECT_API_URL", "PREFECT_API_URL")
        sys.exit(f"selvawatch: {where}: the Prefect server does not answer; got {error!r}; start it first")
    try:
        asyncio.run(runner.start())
    except (KeyboardInterrupt, TerminationSignal):
        print("selvawatch: the service ends", file=sys.stderr)


if __name__ == "__main__":
    main()
