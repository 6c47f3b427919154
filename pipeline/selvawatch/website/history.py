"""What became of each event: the versions that a tier was given, and what people answered on them."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from selvawatch.core.tier import Tier
from selvawatch.reviews.review import Review

VERSION_COLUMNS = ("event_id", "alert_id", "version", "status", "cause", "change", "ha", "withdrawn_reason")
"""Columns of ALERTS that a history is made of."""


@dataclass(frozen=True, slots=True)
class PublishedState:
    """The alerts that a run gave to a tier."""

    data_day: int
    alerts: pd.DataFrame
    """With `VERSION_COLUMNS`, as far as the run's version of the program had them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of an event, as it was first given to a tier."""

    number: int
    day: int
    """Data day of the run that published it."""
    change: str
    status: str
    cause: str
    ha: float
    withdrawn_reason: str
    """Code; empty: it was not withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person answered on an event, as far as a tier may know it."""

    verdict: str
    day: int | None
    """Day on which it was seen or judged; None: not known."""
    version: int | None
    """Version judged; None: not told at the tier."""
    role: str
    """Function of who answered; empty: not told at the tier, or not stated."""
    learned_day: int
    """Day on which the tier learned of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Versions and answers of an event, the newest first."""

    versions: tuple[Version, ...] = ()
    answers: tuple[Answer, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether some version is not at hand any more."""
        numbers = {version.number for version in self.versions}
        return not numbers or numbers != set(range(1, max(numbers) + 1))

    @property
    def first_day(self) -> int | None:
        """Day of the first version; None: it is not at hand any more."""
        first = [version.day for version in self.versions if version.number == 1]
        return first[0] if first else None

    @property
    def changed_day(self) -> int:
        """Day of what happened last; 0: nothing is known."""
        days = [one.day for one in self.versions] + [one.learned_day for one in self.answers]
        return max(days, default=0)


def histories(
    states: Iterable[PublishedState], answers: Mapping[str, tuple[Answer, ...]]
) -> dict[str, History]:
    """The history of each event of the last of some states, by event id.

    states: of one tier, from the oldest. answers: of events, by event id; those of others are left out.
    """
    found: dict[str, dict[str, Version]] = {}
    last: set[str] = set()
    for state in states:
        last = set()
        for row in state.alerts.to_dict("records"):
            event, alert = str(row["event_id"]), str(row["alert_id"])
            last.add(event)
            versions = found.setdefault(event, {})
            if alert not in versions:
                versions[alert] = _version(row, state.data_day)
    return {
        event: History(
            versions=tuple(sorted(found[event].values(), key=_newest_version)),
            answers=tuple(sorted(answers.get(event, ()), key=_newest_answer)),
        )
        for event in sorted(last)
    }


def answers_of(reviews: Iterable[Review], tier: Tier, delay_days: int) -> dict[str, tuple[Answer, ...]]:
    """What a tier is told of reviews that it may know of, by event id.

    Below the restricted tier neither who answered nor the version judged is told: versions are numbered on
    their own there. delay_days: after which the public tier learns of a review; else it is not counted.
    """
    exact = tier is Tier.RESTRICTED
    found: dict[str, list[Answer]] = {}
    for review in reviews:
        answer = Answer(
            verdict=review.verdict,
            day=review.observed_day,
            version=review.version if exact else None,
            role=review.role if exact else "",
            learned_day=review.received_day + (delay_days if tier is Tier.PUBLIC else 0),
        )
        found.setdefault(review.event_id, []).append(answer)
    return {event: tuple(given) for event, given in found.items()}


def _newest_version(version: Version) -> tuple[int, int]:
    return -version.number, -version.day


def _newest_answer(answer: Answer) -> tuple[int, str]:
    return -(answer.learned_day if answer.day is None else answer.day), answer.verdict


def _version(row: Mapping[Hashable, object], day: int) -> Version:
    reason = row.get("withdrawn_reason")
    return Version(
        number=int(str(row["version"])),
        day=day,
        change=str(row.get("change") or ""),
        status=str(row["status"]),
        cause=str(row["cause"]),
        ha=float(str(row["ha"])),
        withdrawn_reason=reason if isinstance(reason, str) else "",
    )
