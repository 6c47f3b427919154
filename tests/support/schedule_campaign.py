"""Many schedules over made-up grounds and over whole stores, each held against one run to the same day."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from made_schedules import Ground, differences, ground
from selvawatch.core.days import iso, to_day
from selvawatch.store.run_files import read_tracked
from small_site import Place

GROUND_SCHEDULES = 20
"""Schedules over one made-up ground."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one schedule came to."""

    name: str
    runs: int
    events: int
    hectares: float
    differences: list[str]

    @property
    def line(self) -> str:
        """One line for people."""
        verdict = "the same as one run" if not self.differences else "; ".join(self.differences)
        return f"{self.name}: {self.runs} runs, {self.events} events, {self.hectares:.3f} ha: {verdict}"


def over_grounds(count: int, seed: int) -> Iterator[Outcome]:
    """Random schedules over made-up grounds, a new ground after each twenty."""
    rng = np.random.default_rng(seed)
    made, single = Ground(layers={}, looked={}), None
    for number in range(count):
        if number % GROUND_SCHEDULES == 0:
            made = ground(seed + number)
            single = made.run(made.days[-1:])[-1].tracked
        days = rng.choice(made.days[:-1], int(rng.integers(1, 24)), replace=False)
        found = made.run([*sorted(days.tolist()), made.days[-1]])[-1].tracked
        assert single is not None
        yield _outcome(
            f"ground {seed + number - number % GROUND_SCHEDULES}, schedule {number}",
            len(days) + 1,
            single,
            found,
        )


def over_stores(small: Place, folder: Path, count: int, seed: int) -> Iterator[Outcome]:
    """Random schedules of whole runs over the small archive; `small` holds one run to its last day."""
    rng = np.random.default_rng(seed)
    single, last = read_tracked(small.products), to_day(small.until)
    for number in range(count):
        place = replace(small, store=folder / f"schedule-{number}")
        days = np.unique(rng.integers(last - 230, last, int(rng.integers(1, 12)))).tolist()
        for day in [*days, last]:
            place.run(iso(day))
        yield _outcome(f"store, schedule {number}", len(days) + 1, single, read_tracked(place.products))


def _outcome(name, runs, single, found) -> Outcome:
    living = found.events[found.events["status"] != "withdrawn"]
    return Outcome(
        name=name,
        runs=runs,
        events=len(living),
        hectares=float(living["ha"].sum()),
        differences=differences(single, found),
    )
