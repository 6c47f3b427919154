"""What a per-pixel screen of the time series for missed clouds could win at most, on simulated ground.

    python tests/bench/missed_clouds.py FOLDER [PIXELS [TIMES]]

The demo's weather over a tile of so many pixels is monitored twice: as the observations are, and with every
observation that falls far below its own pixel's median on forest that was never lost taken out by the truth,
future included. No screen that spares real loss can do better than the second. TIMES: how many times the
demo's small clouds, and the shares of clouds and shadows that no quality mask flags, there are.
"""

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.demo.layout import DemoLayout
from selvawatch.demo.score import score_demo
from selvawatch.simulate import SimulationPlan, simulate
from selvawatch.steps.run.monitor import monitor
from selvawatch.store.folders import Store
from small_site import AREA, lay_site

ROOT = Path(__file__).resolve().parents[2]
FALL = 0.10
"""NDVI below the pixel's own median from which an observation of stable forest counts as contaminated."""


def main() -> None:
    """Print the two scores and the share of contaminated observations."""
    folder, pixels = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 512
    plan = load(SimulationPlan, ROOT / "models" / "simulation-demo.toml")
    times, weather = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0, plan.weather
    worse = {
        name: min(0.9, times * getattr(weather, name))
        for name in ("missed_cumulus", "cumulus_cover", "missed_shadow")
    }
    plan = replace(plan, weather=replace(weather, **worse))
    tile = Grid(crs="EPSG:32719", resolution=10, tile_px=pixels).tile("x0072y1676")
    simulated = simulate(plan, folder / "simulated", tile, workers=2)
    if not (folder / "site").exists():
        lay_site(folder / "site", simulated, plan, tile)
    place = DemoLayout(
        site=folder / "site",
        store=folder / "store",
        source=f"folder:{simulated.catalog.parent}",
        until=plan.last_day.isoformat(),
        simulated=simulated,
        plan=plan,
        tile=tile,
    )
    run(place)
    print(score_demo(place)[0].line("as they are"))
    best = replace(place, store=folder / "best")
    if not best.store.exists():
        shutil.copytree(place.store / "observations", best.store / "observations")
        shutil.copytree(place.store / "baselines", best.store / "baselines")
        print(take_out(best, stable(place)))
    run(best)
    print(score_demo(best)[0].line("without every contaminated observation"))


def run(place: DemoLayout) -> None:
    """Monitor to the last day."""
    monitor(str(place.site), "aoi/site.toml", str(place.store), AREA, place.until, place.source)


def stable(place: DemoLayout) -> np.ndarray:
    """(y, x) bool: forest that was never lost."""
    with rasterio.open(place.simulated.truth / "onset.tif") as onset:
        never = onset.read(1) == 0
    with rasterio.open(place.simulated.truth / "forest.tif") as forest:
        return never & (forest.read(1) == 1)


def take_out(place: DemoLayout, forest: np.ndarray) -> str:
    """Mask contaminated observations of the monitoring in the observation files; a line on how many there
    are.
    """
    folder, begins = Store(place.store).observations(place.tile.id), place.plan.days[1]
    lines = []
    for stream in ("sentinel-2", "landsat"):
        paths = sorted((folder / stream).glob("*.tif"))
        values = []
        for path in paths:
            with rasterio.open(path) as file:
                stored = file.read(file.descriptions.index("ndvi") + 1)
            halo = (stored.shape[0] - forest.shape[0]) // 2
            values.append(stored[halo : halo + forest.shape[0], halo : halo + forest.shape[1]])
        stack = np.ma.masked_equal(np.stack(values), NODATA)
        fallen = (stack.astype(np.int32) - np.ma.median(stack, axis=0) < -FALL / 1e-4).filled(False) & forest
        monitored = np.array(
            [to_day(f"{one.stem[:4]}-{one.stem[4:6]}-{one.stem[6:]}") >= begins for one in paths]
        )
        seen = (~np.ma.getmaskarray(stack) & forest)[monitored].sum()
        lines.append(f"{stream}: {fallen[monitored].sum()} of {seen} clear observations of stable forest")
        for path, bad in zip(paths, fallen, strict=True):
            if bad.any():
                with rasterio.open(path, "r+") as file:
                    stored = file.read()
                    halo = (stored.shape[1] - forest.shape[0]) // 2
                    inner = stored[:, halo : halo + forest.shape[0], halo : halo + forest.shape[1]]
                    inner[:, bad] = NODATA
                    file.write(stored)
    return f"contaminated (NDVI {FALL} below the median): " + ", ".join(lines)


if __name__ == "__main__":
    main()
