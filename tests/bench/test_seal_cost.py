"""What comparing everything with its digest costs a tile's step: with and without, in turns, in one run."""

import datetime as dt
import shutil
import statistics
import time
from pathlib import Path

import pytest
import scene_archive
from test_scene_memory import lay

from selvawatch.core import files
from selvawatch.steps.run import monitor
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store import seal
from selvawatch.store.lock import exclusive
from small_site import AREA

DAYS = {"sentinel-2": (15, 60), "landsat": (30, 30), "sentinel-1": (30, 30)}
"""Days between scenes, and scenes, of each stream since 1 January 2022."""
TURNS = 3
MOST = 1.05
"""A step with digests over one without."""


def step(site: Path, store: Path, source: str) -> float:
    """Processor seconds of a tile's step over observations that are kept: baseline, replay, state."""
    for name in ("baselines", "state", "checkpoints", "water"):
        shutil.rmtree(store / name, ignore_errors=True)
    with exclusive(str(store), "bench") as held:
        plan = monitor.plan(held, str(site), "aoi/site.toml", AREA, "2024-06-30", source)
        begun = time.process_time()
        advance_tile(plan, plan.tiles[0])
        return time.process_time() - begun


@pytest.mark.bench
def test_digests_cost_a_step_at_most_a_twentieth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in DAYS:
        scene_archive.write_scenes(tmp_path / "samples" / stream, stream, 2)
    first = dt.date(2022, 1, 1)
    days = {
        stream: [first + dt.timedelta(days=every * number) for number in range(count)]
        for stream, (every, count) in DAYS.items()
    }
    archive = scene_archive.spread_scenes(tmp_path / "archive", tmp_path / "samples", days)
    site, source = lay(tmp_path / "site"), f"folder:{archive}"
    found: dict[str, list[float]] = {"with": [], "without": []}
    for turn in range(TURNS + 1):
        for name, seconds in found.items():
            with monkeypatch.context() as patch:
                if name == "without":
                    for module in (files, seal):
                        patch.setattr(module, "content_digest", lambda _: bytes(32))
                        patch.setattr(module, "file_digest", lambda _: bytes(32).hex())
                spent = step(site, tmp_path / name, source)
                if turn:
                    seconds.append(spent)
    cost = statistics.median(found["with"]) / statistics.median(found["without"])
    print(f"\ntile of 1024 px, 120 scenes kept, with digests over without: {cost:.3f} {found}")
    assert cost < MOST
