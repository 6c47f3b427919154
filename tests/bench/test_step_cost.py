"""What a step of one tile with two new scenes costs in January, July and December, beyond reading them."""

import datetime as dt
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import scene_archive
from test_delay_cost import site_with
from test_detect_speed import update_speed

from selvawatch.core.days import to_day
from selvawatch.prepare.ingest import ingest_scenes, scenes_on
from selvawatch.sources.open import open_source
from selvawatch.steps.run import monitor
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.lock import exclusive
from selvawatch.store.run_plan import open_run
from small_site import AREA

EVERY, SCENES = 6, 121
"""Days between scenes, and scenes, of each stream."""
FIRST = {"sentinel-2": dt.date(2023, 1, 1), "sentinel-1": dt.date(2023, 1, 4)}
SEASONS = {"January": dt.date(2024, 1, 12), "July": dt.date(2024, 7, 10), "December": dt.date(2024, 12, 1)}
"""Day up to which a tile is brought before the steps that are measured, in a store of its own: steps of the
seasons take turns, so that other work on the machine weighs on all of them alike.
"""
STEPS = 3
TILES = 810
"""Tiles of 1,024 px that hold Madre de Dios."""
REFERENCE = 320e6
"""Pixels a second of a fused update on the machine that the bound is meant for."""
MOST, LATE = 3.0, 1.15
"""Processor seconds of a step beyond reading on that machine; December over January."""


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of all threads."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def step(site: Path, store: Path, source: str, until: dt.date, read_into: Path | None) -> float:
    """Processor seconds of a tile's step, and commit it; read_into: less those of reading its new scenes,
    which are read there once more.
    """
    with exclusive(str(store), "bench") as held:
        plan = monitor.plan(held, str(site), "aoi/site.toml", AREA, until.isoformat(), source)
        (name,) = plan.tiles
        reading = 0.0
        if read_into is not None:
            context = open_run(plan)
            tile, halo = context.site.grid.tile(name), context.site.halo_px
            since = to_day(until) - EVERY
            new = [scene for scene in scenes_on(context.inputs.scenes, tile, halo) if scene.day > since]
            assert len(new) == 2
            read, recipe = open_source(source).read, context.site.recipe
            reading = spent(
                lambda: ingest_scenes(new, tile, recipe, read_into, read=read, workers=2, halo_px=halo)
            )
        states = {}
        whole = spent(lambda: states.update({name: advance_tile(plan, name)}))
        monitor.finish(held, plan, states, {})
    return whole - reading


def rounded(seconds: dict[str, float]) -> dict[str, float]:
    """Seconds for people."""
    return {season: round(value, 2) for season, value in seconds.items()}


@pytest.mark.bench
def test_a_step_costs_three_seconds_and_no_more_in_december(tmp_path: Path) -> None:
    for stream in FIRST:
        scene_archive.write_scenes(tmp_path / "samples" / stream, stream, 2)
    days = {
        stream: [first + dt.timedelta(days=EVERY * number) for number in range(SCENES)]
        for stream, first in FIRST.items()
    }
    archive = scene_archive.spread_scenes(tmp_path / "archive", tmp_path / "samples", days)
    site, store, source = site_with(tmp_path / "site", 0), tmp_path / "store", f"folder:{archive}"
    stores = {}
    for season, begin in SEASONS.items():
        step(site, store, source, begin, None)
        stores[season] = shutil.copytree(store, tmp_path / "stores" / season)
    found: dict[str, list[float]] = {season: [] for season in SEASONS}
    for number in range(1, STEPS + 1):
        for season, begin in SEASONS.items():
            until = begin + dt.timedelta(days=EVERY * number)
            read_into = tmp_path / "read" / season / str(number)
            found[season].append(step(site, stores[season], source, until, read_into))
    speed, _ = update_speed("sentinel-2", 3)
    middle = {season: statistics.median(seconds) for season, seconds in found.items()}
    there = {season: seconds * speed / REFERENCE for season, seconds in middle.items()}
    print(f"\nsteps of one tile of 1024 px with two new scenes, beyond reading them, s: {found}")
    print(f"median: {rounded(middle)} s of a processor; update, fused: {speed / 1e6:.0f} M px/s")
    print(f"at {REFERENCE / 1e6:.0f} M px/s: {rounded(there)} s")
    hours = max(there.values()) * TILES / 3600
    print(f"one new date over all of Madre de Dios ({TILES} tiles): {hours:.2f} hours of one core")
    assert max(there.values()) <= MOST
    assert middle["December"] <= LATE * middle["January"]
