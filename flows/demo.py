"""`make demo`: the monitoring flow over a simulated archive, on Prefect's own ephemeral server."""

import os
import sys
import time
from pathlib import Path

from selvawatch.demo.demo_run import demo_lines
from selvawatch.demo.layout import AREA, prepare_demo
from selvawatch.errors import SelvawatchError

ROOT = Path(__file__).resolve().parents[1]

PREFECT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
"""Settings of a server that lives as long as the demo."""


def main() -> None:
    """Prepare the demo, run the flow over it, print what came out and where it is."""
    folder = ROOT / "outputs" / "demo"
    began = time.monotonic()
    print(
        "Simulating an archive of three satellites over made-up ground (kept for next time) ...", flush=True
    )
    layout = prepare_demo(folder)
    os.environ.update(PREFECT | {"PREFECT_HOME": str(folder / "prefect")})
    os.environ.pop("PREFECT_API_URL", None)
    sys.path.insert(0, str(Path(__file__).parent))
    from monitor import monitor  # Prefect reads its settings when it is imported

    print(f"Monitoring {AREA} to {layout.until} with the flow flows/monitor.py ...", flush=True)
    report = monitor(
        area=AREA,
        until=layout.until,
        source=layout.source,
        site=str(layout.site),
        store=str(layout.store),
        site_file="aoi/site.toml",
    )
    print("\n".join(demo_lines(layout, report)))
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    try:
        main()
    except SelvawatchError as error:
        sys.exit(f"selvawatch: {error}")
