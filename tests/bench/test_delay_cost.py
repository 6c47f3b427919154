"""What the second state, which lags behind for the public tier, costs a tile's step: with and without."""

import datetime as dt
import statistics
import time
from pathlib import Path

import pytest
import scene_archive
from test_scene_memory import lay

from selvawatch.steps.run import monitor
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.lock import exclusive
from small_site import AREA

DAYS = {"sentinel-2": (5, 146), "sentinel-1": (6, 121)}
"""Days between scenes, and scenes, of each stream since 1 January 2023."""
HISTORY, LAST = ("2023-01-01", "2023-12-31"), dt.date(2024, 11, 20)
RUNS, STEP = 6, 6
"""Runs on top of the first, and days between them."""
MOST = 1.6
"""A step with a second state over one without."""


def site_with(folder: Path, delay_days: int) -> Path:
    """The site of one tile, with a delay."""
    site = lay(folder)
    path = site / "aoi" / "site.toml"
    text = path.read_text(encoding="utf-8")
    for old, new in (
        ("delay_days = 0 ", f"delay_days = {delay_days} "),
        ("history_from = 2022-01-01", f"history_from = {HISTORY[0]}"),
        ("history_to = 2023-12-31", f"history_to = {HISTORY[1]}"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")
    return site


def steps(site: Path, store: Path, source: str) -> list[float]:
    """Processor seconds of a tile's step in runs that each find one or two new scenes."""
    spent = []
    for number in range(RUNS + 1):
        until = (LAST + dt.timedelta(days=STEP * number)).isoformat()
        with exclusive(str(store), "bench") as held:
            plan = monitor.plan(held, str(site), "aoi/site.toml", AREA, until, source)
            begun = time.process_time()
            states = {plan.tiles[0]: advance_tile(plan, plan.tiles[0])}
            spent.append(time.process_time() - begun)
            monitor.finish(held, plan, states, {})
    return spent[1:]


@pytest.mark.bench
def test_a_second_state_costs_a_step_at_most_three_fifths(tmp_path: Path) -> None:
    for stream in DAYS:
        scene_archive.write_scenes(tmp_path / "samples" / stream, stream, 2)
    first = dt.date(2023, 1, 1)
    days = {
        stream: [first + dt.timedelta(days=every * number) for number in range(count)]
        for stream, (every, count) in DAYS.items()
    }
    archive = scene_archive.spread_scenes(tmp_path / "archive", tmp_path / "samples", days)
    source = f"folder:{archive}"
    steps(site_with(tmp_path / "warm" / "site", 0), tmp_path / "warm" / "store", source)
    found = {}
    for delay in (45, 0):
        folder = tmp_path / str(delay)
        found[delay] = steps(site_with(folder / "site", delay), folder / "store", source)
    cost = statistics.median(found[45]) / statistics.median(found[0])
    print(f"\ntile of 1024 px in November, a step with a second state over one without: {cost:.2f} {found}")
    assert cost < MOST
