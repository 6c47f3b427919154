"""Schedule the monitoring of a site: what `selvawatch serve` starts in a child process."""

import argparse
import sys
from datetime import timedelta
from pathlib import Path

from prefect import serve
from prefect.schedules import Cron, Interval

sys.path.insert(0, str(Path(__file__).parent))

from monitor import monitor  # noqa: E402  (flows are loaded by path, not installed)


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


def main() -> None:
    """Register the deployment and run what is due, one run at a time, until stopped."""
    asked = arguments()
    every = asked.every_seconds
    schedule = Interval(timedelta(seconds=every)) if every else Cron(asked.cron, timezone=asked.timezone)
    names = ("area", "until", "source", "site", "store", "site_file", "dask")
    parameters = {name: getattr(asked, name) for name in names}
    deployment = monitor.to_deployment(
        name=f"selvawatch-{asked.area}", schedule=schedule, parameters=parameters, concurrency_limit=1
    )
    serve(deployment, limit=1, pause_on_shutdown=False)


if __name__ == "__main__":
    main()
