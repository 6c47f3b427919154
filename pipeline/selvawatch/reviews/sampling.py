"""Samples of alerts with known probabilities, and what their reviews say of all alerts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selvawatch.errors import TableError

Z95 = 1.96
"""Standard errors on either side of a 95 % interval (as `validate.stratified`)."""
_TAIL = 0.025
"""Chance that a 95 % interval leaves out on either side."""
LEAST_ANSWERS = 10
"""Answers below which no share is given: the 95 % interval of a half is then wider than 0.2 to 0.8."""
LEAST_IN_STRATUM = 2
"""Answers of a stratum below which its spread is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnAlert:
    """One alert of a sample."""

    event_id: str
    version: int
    stratum: str
    """`mining` or `other`, by the published cause."""
    probability: float
    """Probability with which it was to be drawn, above 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """A sample of the alerts of a run: stratified by published cause, each stratum at random."""

    run_id: str
    seed: int
    sizes: Mapping[str, int]
    """Alerts of each stratum in the run."""
    alerts: tuple[DrawnAlert, ...]
    """In the order in which they were drawn, by stratum."""


def draw_sample(alerts: pd.DataFrame, n: int, run_id: str, seed: int) -> Draw:
    """A sample of `n` alerts, without replacement, as many of a stratum as its share, two at least.

    alerts: rows of a run with `event_id`, `version`, `cause` and `status`; withdrawn ones are not drawn.
    Equal arguments, equal sample.

    Raises
    ------
    TableError
        For a sample of none, or where there is nothing to draw from.
    """
    live = alerts[alerts["status"] != "withdrawn"].sort_values("event_id")
    if n < 1 or not len(live):
        raise TableError(
            "no sample can be drawn", where=f"run {run_id[:12]}", got=f"--n {n} of {len(live)} alerts",
            needed="at least one of at least one",
        )  # fmt: skip
    strata = np.where(live["cause"] == "mining", "mining", "other")
    sizes = {str(name): int((strata == name).sum()) for name in np.unique(strata)}
    counts = _allocated(sizes, min(n, len(live)))
    random = np.random.default_rng(seed)
    drawn = []
    for name, count in counts.items():
        rows = live[strata == name]
        for position in random.permutation(len(rows))[:count]:
            row = rows.iloc[int(position)]
            drawn.append(
                DrawnAlert(
                    event_id=str(row["event_id"]),
                    version=int(row["version"]),
                    stratum=name,
                    probability=count / sizes[name],
                )
            )
    return Draw(run_id=run_id, seed=seed, sizes=sizes, alerts=tuple(drawn))


def _allocated(sizes: Mapping[str, int], n: int) -> dict[str, int]:
    """How many of each stratum: by its share, two at least where the sample and the stratum have them."""
    total, least = sum(sizes.values()), min(LEAST_IN_STRATUM, max(1, n // len(sizes)))
    counts = {name: min(size, max(least, round(n * size / total))) for name, size in sorted(sizes.items())}
    while (over := sum(counts.values()) - n) > 0:
        name = max(counts, key=lambda key: (counts[key], key))
        counts[name] -= min(over, max(1, counts[name] - least))
    while sum(counts.values()) < n:
        name = max(
            (key for key in counts if counts[key] < sizes[key]), key=lambda key: sizes[key] - counts[key]
        )
        counts[name] += 1
    return {name: count for name, count in counts.items() if count}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of all alerts, estimated from a sample; or why there is none."""

    value: float | None
    """0-1; None: too little is known to say anything."""
    low: float | None
    high: float | None
    """Ends of the 95 % interval."""
    why: str
    """Why there is none; empty where there is one."""


def horvitz_thompson(strata: Sequence[str], hits: Sequence[bool], sizes: Mapping[str, int]) -> Share:
    """Share of all alerts that a sample estimates, by the probabilities of its alerts.

    Horvitz and Thompson 1952 (doi:10.1080/01621459.1952.10483446): each answered alert stands for as many as
    the inverse of its probability, which within its stratum is the answered ones of all. The interval reaches
    as far as the normal one or the exact one of a stratum does (hypergeometric: Buonaccorsi 1987,
    The American Statistician 41, 215), whichever is farther; distances of strata are added in squares (Zou
    and Donner 2008, doi:10.1002/sim.3095). The normal one alone misses 16 % of some samples of ten.

    strata, hits: (n,) of the answered alerts. sizes: alerts of each stratum.
    """
    names, of = np.asarray(strata, object), np.asarray(hits, float)
    if why := _too_little(names, sizes):
        return Share(value=None, low=None, high=None, why=why)
    total = float(sum(sizes.values()))
    sums, below, above = 0.0, 0.0, 0.0
    for name, size in sizes.items():
        values = of[names == name]
        probability = len(values) / size
        sums += float((values / probability).sum())
        down, up = _reach(int(values.sum()), len(values), size)
        below, above = below + (size * down) ** 2, above + (size * up) ** 2
    value = sums / total
    return Share(
        value=value,
        low=max(0.0, value - float(np.sqrt(below)) / total),
        high=min(1.0, value + float(np.sqrt(above)) / total),
        why="",
    )


def _too_little(names: np.ndarray, sizes: Mapping[str, int]) -> str:
    if not sizes or not sum(sizes.values()):
        return "there are no alerts"
    needed = min(LEAST_ANSWERS, sum(sizes.values()))
    if len(names) < needed:
        return f"{len(names)} answers, at least {needed} needed"
    for name, size in sorted(sizes.items()):
        count, least = int((names == name).sum()), min(LEAST_IN_STRATUM, size)
        if count < least:
            return f"{count} answers on alerts of the stratum {name}, at least {least} needed"
    return ""


def _reach(hits: int, n: int, size: int) -> tuple[float, float]:
    """How far below and above the share of a stratum its 95 % interval reaches, 0-1.

    The exact one holds every number of hits of the whole stratum under which as few, or as many, in a sample
    without replacement are no rarer than one in forty.
    """
    from scipy import stats  # slow to import

    possible = np.arange(hits, size - n + hits + 1)
    as_many = stats.hypergeom.sf(hits - 1, size, possible, n)
    as_few = stats.hypergeom.cdf(hits, size, possible, n)
    held = possible[(as_many > _TAIL) & (as_few > _TAIL)]
    share = hits / n
    normal = Z95 * float(np.sqrt(share * (1 - share) / max(1, n - 1) * (size - n) / size))
    return max(normal, share - held.min() / size), max(normal, held.max() / size - share)
