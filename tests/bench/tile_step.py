"""Bring one tile up to a day in a process of its own, and say in JSON what that took."""

import json
import re
import sys
import time
from pathlib import Path

from selvawatch.steps.run import monitor
from selvawatch.steps.tile import advance
from selvawatch.steps.tile.observations import WORKERS
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import open_run
from selvawatch.store.tile_state import TileState


def peak_gib() -> float:
    """Most resident memory since this program began.

    Not `ru_maxrss`: that one begins with what the process that started this one held.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 2**20


def main(site: str, store: str, area: str, until: str, source: str) -> None:
    """Plan, then the whole step of the only tile: scenes, baseline, monitoring, state."""
    with exclusive(store, "bench") as held:
        plan = monitor.plan(held, site, "aoi/site.toml", area, until, source)
    (name,) = plan.tiles
    begun = time.perf_counter()
    folder = open_run(plan).store.state(name, advance.advance_tile(plan, name))
    seconds, says = time.perf_counter() - begun, TileState.read(folder)
    states = [one.state for one in says.scene_records]
    print(
        json.dumps(
            {
                "scenes": states.count("read"),
                "unread": len(states) - states.count("read"),
                "observations": len({(one.stream, one.day) for one in says.scene_records}),
                "monitored": len(says.observations),
                "workers": WORKERS,
                "peak_gib": peak_gib(),
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
