"""The chance that a provisional event is confirmed within a while: numbers and formula."""

from dataclasses import dataclass

import numpy as np

DECIMALS = 2
"""Decimals that a chance is given and compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChanceRule:
    """Numbers of the chance; values and their origin in `models/events.toml` and `events.md`.

    A logistic regression: log-odds add up, a number for each fact.
    """

    within_days: int
    """Days within which an event must be confirmed to count as confirmed."""
    least: float
    """Chance below which a provisional event is not published."""
    start: float
    """Log-odds of an event of `unit_ha`, of which nothing else is known."""
    unit_ha: float
    """Size that doublings are counted from, hectares."""
    doubling: float
    """Log-odds for each doubling of its size; not negative, so that more loss never makes it less likely."""
    radar: float
    """Log-odds where radar observed it since its first evidence."""
    optical: float
    """Log-odds where an optical sensor did."""
    seen: float
    """Log-odds for each doubling of the days on which it was observed since then."""
    near: float
    """Log-odds where a confirmed pixel lies within `near_m`."""
    near_m: float
    """Metres between pixel centres."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no chance, or one that falls with size."""
        if not 0 <= self.least <= 1:
            raise ValueError(f"least is {self.least}, need a chance, 0 to 1")
        if self.within_days < 1 or self.unit_ha <= 0 or self.near_m < 0:
            raise ValueError(
                "need within_days of 1 or more, unit_ha over 0 and near_m not negative;"
                f" got {self.within_days}, {self.unit_ha} and {self.near_m}"
            )
        if self.doubling < 0:
            raise ValueError(f"doubling is {self.doubling}, a larger event must not be less likely")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a chance is made of, as arrays of one shape."""

    ha: np.ndarray
    """Hectares of its pixels, float64, over 0."""
    seen_days: np.ndarray
    """Days with a usable observation since its first evidence, int64, at least 1."""
    by_radar: np.ndarray
    """Whether radar gave one of them, bool."""
    by_optical: np.ndarray
    """Whether an optical sensor did, bool."""
    is_near: np.ndarray
    """Whether a confirmed pixel of another event lies near, bool."""


def chance(facts: Facts, rule: ChanceRule) -> np.ndarray:
    """Chance to be confirmed within `within_days`, float64 between 0 and 1, of the shape of the facts."""
    odds = (
        rule.start
        + rule.doubling * np.log2(facts.ha / rule.unit_ha)
        + rule.seen * np.log2(facts.seen_days)
        + rule.radar * facts.by_radar
        + rule.optical * facts.by_optical
        + rule.near * facts.is_near
    )
    return np.asarray(1 / (1 + np.exp(-odds)), np.float64)
