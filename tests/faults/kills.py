"""Kill a run at random moments, run it again, and compare the store with that of an undisturbed run.

`python -m tests.faults.kills --count 40 --seed 1` prints a line for each kill, and how many reruns left other
bytes.
"""

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from kill_points import Runner, left_in, runner  # noqa: E402  (tests are no package)
from selvawatch.simulate import simulate  # noqa: E402
from small_site import SMALL_PLAN, SMALL_TILE, Place, lay_site  # noqa: E402

MIDWAY, LATER = "2024-04-30", "2024-05-20"
"""Days to which the store of before, and the run that is killed, are brought up."""

INSIDE_SHARE = 0.1
"""Share of the kills that come at a random time inside the COMMIT instead of before or after a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One kill and what a rerun left."""

    moment: str
    killed: bool
    """Whether the run was still going at that moment."""
    error: str
    """Error of the rerun; empty: it had none."""
    other: tuple[str, ...]
    """Files that are missing, too many, or of other bytes than those of an undisturbed run."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing tells the store from that of an undisturbed run."""
        return not (self.error or self.other)

    @property
    def line(self) -> str:
        """For people."""
        return " ".join(
            [
                "sound" if self.is_sound else "OTHER",
                "" if self.killed else "(ended before) ",
                self.moment[:120],
                self.error,
                *self.other[:5],
            ]
        )


def prepared(folder: Path) -> Place:
    """The small site, its archive, and below `begun` its store run to a day in the middle."""
    plan, tile = SMALL_PLAN, SMALL_TILE
    made = simulate(plan, folder / "simulated", tile)
    place = Place(
        site=lay_site(folder / "site", made, plan, tile),
        archive=made.catalog.parent,
        store=folder / "store",
        until=plan.last_day.isoformat(),
        tile=tile,
    )
    place.run(MIDWAY)
    shutil.copytree(place.store, folder / "begun")
    return place


def begin_again(place: Place, is_new: bool) -> None:
    """Lay the store of before: that of the day in the middle, or none."""
    shutil.rmtree(place.store, ignore_errors=True)
    if not is_new:
        shutil.copytree(place.store.with_name("begun"), place.store)


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """A run that nobody killed."""

    moments: list[str]
    files: Mapping[str, str]
    """Digest by file of what it left."""

    def moment(self, rng: random.Random) -> int:
        """Number of a random moment; half of them stand around a rename of the store, or the COMMIT."""
        renames = [
            number
            for number, name in enumerate(self.moments)
            if " COMMIT" in name or (name.split()[1] in ("rename", "replace") and ".partial" not in name)
        ]
        return rng.choice(renames) if rng.random() < 0.5 else rng.randrange(len(self.moments))


def undisturbed(runs: Runner, place: Place, is_new: bool) -> Undisturbed:
    """The run that others are compared with."""
    begin_again(place, is_new)
    ended = runs.run(place.arguments(LATER))
    assert not ended.killed and not ended.error, ended
    files, hidden = left_in(place.store)
    assert not hidden, hidden
    return Undisturbed(ended.moments, files)


def kill_once(
    runs: Runner, place: Place, is_new: bool, wanted: Undisturbed, number: int, inside_s: float | None
) -> Kill:
    """Kill a run at one moment, run it again, and compare."""
    words = place.arguments(LATER)
    begin_again(place, is_new)
    ended = runs.run(words, None if inside_s is not None else number, inside_s)
    again = runs.run(words)
    files, hidden = left_in(place.store)
    other = {name for name in wanted.files.keys() | files.keys() if wanted.files.get(name) != files.get(name)}
    name = wanted.moments[number] if inside_s is None else f"{1e3 * inside_s:.2f} ms into COMMIT"
    return Kill(
        moment=f"{'new store' if is_new else 'store'}: {name}",
        killed=ended.killed,
        error=again.error,
        other=(*sorted(other), *hidden),
    )


def campaign(count: int, seed: int) -> list[Kill]:
    """So many kills at random moments of a run, every fifth of them of a run on a new store."""
    rng, done = random.Random(seed), []
    with (
        tempfile.TemporaryDirectory(prefix="selvawatch-kills-") as name,
        runner(ROOT / "pipeline") as runs,
    ):
        place = prepared(Path(name))
        wanted = {is_new: undisturbed(runs, place, is_new) for is_new in (False, True)}
        for number in range(count):
            is_new = number % 5 == 4
            inside_s = rng.uniform(0.0, 0.02) if rng.random() < INSIDE_SHARE else None
            moment = wanted[is_new].moment(rng)
            done.append(kill_once(runs, place, is_new, wanted[is_new], moment, inside_s))
            print(f"{number + 1:3d} {done[-1].line}", flush=True)
    return done


def main() -> None:
    """Run the campaign of the command line; exit 1 when a rerun left other bytes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    done = campaign(asked.count, asked.seed)
    wrong = [kill for kill in done if not kill.is_sound]
    print(
        f"{len(done)} kills, {sum(kill.killed for kill in done)} of a run still going;"
        f" {len(wrong)} reruns left other bytes than an undisturbed run"
    )
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
