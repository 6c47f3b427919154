"""Make a folder of the harder world: a forest with what Madre de Dios has and the reference cube lacks.

`python tests/bench/make_world.py --factor bamboo --factor haze --seed 7 --out FOLDER --tag T` writes what
`selvawatch validate cube FOLDER --tag T` reads. Beside the files of a cube stand `class_T.npy` (uint8, y x: 0
stable forest, 1 clearing, 2 pit, 3 die-off, 4 logging, 5 windthrow, 6 fallow, 7 river or pond, 8 regrowth,
9 other) and `quality_T.npy` (uint8, date y x: 0 clear, 1 veiled, 2 missing); the meta file holds `s1_track`.
"""

import argparse
import datetime as dt
from pathlib import Path

import numpy as np
import world_ground
from world_ground import Ground, reflectance
from world_radar import Radar
from world_sky import Sky

ON_GROUND = {
    "bamboo": world_ground.bamboo,
    "logging": world_ground.logging,
    "windthrow": world_ground.windthrow,
    "fallow": world_ground.fallow,
    "regrowth": world_ground.regrowth,
    "burnt": world_ground.felled_and_burnt,
    "ponds": world_ground.ponds,
    "meander": world_ground.meander,
}
"""Factors that change the ground, in the order in which they are laid."""
OF_LOSSES = ("small", "mixed")
IN_THE_SKY = ("haze", "smoke", "jitter", "drift", "calibration", "stripes", "cloud")
OF_RADAR = ("rain", "orbit", "gap")
FACTORS = (*ON_GROUND, *OF_LOSSES, *IN_THE_SKY, *OF_RADAR)
TOGETHER = tuple(name for name in FACTORS if name not in ("cloud", "gap"))
"""What `all` stands for: everything but the cloud that leaves next to nothing, and a radar that is gone."""
EPOCH = dt.date(1970, 1, 1)
STORED_NODATA = -9999


def make_world(
    folder: Path, tag: str, seed: int, factors: frozenset[str], size: int = 200, step_days: float = 8.0
) -> dict[str, float]:
    """Write one world of `size` pixels of 30 m along a side, and say what it holds.

    Four years, of which the last is monitored. Equal arguments give equal bytes.
    """
    # Each part draws from a stream of its own, so that one factor more leaves the rest as it was.
    streams = [np.random.default_rng([seed, part]) for part in range(4)]
    first, history_end, last = (_day(*text) for text in ((2020, 1, 1), (2022, 12, 31), (2023, 12, 31)))
    ground = Ground(streams[0], size, first, history_end, last)
    for name, laid in ON_GROUND.items():
        if name in factors:
            laid(ground)
    world_ground.losses(ground, small="small" in factors, mixed="mixed" in factors)
    sky, radar = Sky(streams[1], size, first, factors), Radar(streams[2], ground, factors)
    days = _dates(streams[3], first, last, step_days)
    folder.mkdir(parents=True, exist_ok=True)
    shape = (days.size, size, size)
    stored = _opened(folder / f"refl_{tag}.npy", np.int16, (days.size, 6, size, size))
    quality = _opened(folder / f"quality_{tag}.npy", np.uint8, shape)
    for number, day in enumerate(days.tolist()):
        seen, quality[number] = sky.seen(reflectance(ground, day) * sky.season(day), day, number)
        stored[number] = np.where(np.isnan(seen), STORED_NODATA, np.round(np.nan_to_num(seen) * 10_000))
    backscatter = _opened(folder / f"s1_{tag}.npy", np.float32, (radar.days.size, 2, size, size))
    for number in range(radar.days.size):
        backscatter[number] = radar.seen(number)
    for array in (stored, quality, backscatter):
        array.flush()
    np.save(folder / f"class_{tag}.npy", ground.kind)
    np.savez(
        folder / f"meta_{tag}.npz",
        days=days,
        s1_days=radar.days,
        s1_track=radar.tracks,
        brk=ground.break_day,
        hist_end=history_end,
        frac=ground.share,
        seed=seed,
        factors=sorted(factors),
    )
    return {
        "dates": days.size,
        "passes": radar.days.size,
        "missing": float((quality == 2).mean()),
        "lost": float((ground.break_day > 0).mean()),
        "stable": float((ground.kind == 0).mean()),
    }


def _day(year: int, month: int, day: int) -> int:
    return (dt.date(year, month, day) - EPOCH).days


def _dates(rng: np.random.Generator, first: int, last: int, step_days: float) -> np.ndarray:
    """int32 (n,): days of observations, strictly increasing."""
    days = np.arange(first, last + 1, step_days)
    return np.unique(np.clip(np.round(days + rng.integers(-2, 3, days.size)), first, last).astype(np.int32))


def _opened(path: Path, kind: type, shape: tuple[int, ...]) -> np.memmap:
    return np.lib.format.open_memmap(path, "w+", kind, shape)


def main() -> None:
    """Read the command line and write one world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--factor",
        action="append",
        default=[],
        choices=[*FACTORS, "all"],
        help="may be repeated; none: the base world; all: everything but cloud and gap",
    )
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    parser.add_argument("--size", type=int, default=200, help="pixels of 30 m along a side")
    parser.add_argument("--step", type=float, default=8.0, help="days between optical observations")
    asked = parser.parse_args()
    factors = frozenset(TOGETHER if "all" in asked.factor else ()) | (set(asked.factor) - {"all"})
    print(make_world(asked.out, asked.tag, asked.seed, frozenset(factors), asked.size, asked.step))


if __name__ == "__main__":
    main()
