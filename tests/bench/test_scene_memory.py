"""Peak memory of one tile over 250 scenes: history, baseline, monitoring, in a process of its own."""

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest
import scene_archive
import scene_table

from small_site import AREA, DEMO, write_area

DAYS = {"sentinel-2": (7, 130), "landsat": (15, 60), "sentinel-1": (15, 60)}
"""Days between scenes, and scenes, of each stream since 1 January 2022."""


def lay(folder: Path) -> Path:
    """The demo's site over the bench's tile, without a register."""
    (folder / "aoi").mkdir(parents=True)
    text = (DEMO / "site.toml").read_text(encoding="utf-8")
    (folder / "aoi" / "site.toml").write_text(text, encoding="utf-8")
    (folder / "aoi" / "zones.toml").write_text("layer = []\n", encoding="utf-8")
    write_area(folder / "aoi" / "areas.geojson", scene_archive.TILE.lonlat_outline.buffer(-0.001))
    return folder


@pytest.mark.bench
def test_a_tile_with_250_scenes_stays_below_one_and_a_half_gibibytes(tmp_path: Path) -> None:
    for stream in DAYS:
        scene_archive.write_scenes(tmp_path / "samples" / stream, stream, 2)
    first = dt.date(2022, 1, 1)
    days = {
        stream: [first + dt.timedelta(days=step * number) for number in range(count)]
        for stream, (step, count) in DAYS.items()
    }
    archive = scene_archive.spread_scenes(tmp_path / "archive", tmp_path / "samples", days)
    script, site = Path(__file__).with_name("tile_step.py"), lay(tmp_path / "site")
    words = [site, tmp_path / "store", AREA, "2024-06-30", f"folder:{archive}"]
    done = subprocess.run(
        [sys.executable, script, *words], check=True, stdout=subprocess.PIPE, text=True, timeout=600
    )
    says = json.loads(done.stdout.splitlines()[-1])
    print(f"\n{says}")
    assert says["scenes"] == 250 and says["unread"] == 0 and says["monitored"] > 40
    scene_table.write(scene_table.Memory(**{key: says[key] for key in scene_table.Memory.__annotations__}))
    assert says["peak_gib"] < 1.5
