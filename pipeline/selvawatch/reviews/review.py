"""A review: one answer of a person on one version of an alert, without anything that names the person."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from selvawatch.core.days import to_day
from selvawatch.core.files import digest
from selvawatch.core.tables import VERDICTS

ROLES = ("ranger", "community", "prosecutor", "police", "authority", "partner", "technician", "analyst")
"""Who answers, by function; names of persons are kept nowhere."""

SAYS_NOTHING = "not-reached"
"""Verdict that says nothing of the alert itself."""

TIME_REASONS = {
    "missing": "the entry has no time",
    "unreadable": "its time cannot be read",
    "no-zone": "its time has no zone, and none was declared",
    "before-alert": "its time lies before the loss began",
    "future": "its time lies after the day it came in",
}
"""Why a review has no time, by code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """One answer on one version of an alert."""

    review_id: str
    """Digest (sha256) of what makes the answer the same one in every file that holds it."""
    event_id: str
    version: int
    """Version of the event that was judged."""
    verdict: str
    """One of `VERDICTS`."""
    role: str
    """One of `ROLES`; empty: not stated."""
    observed_at: str
    """When it was seen or judged, as `2026-06-04T15:00:00Z`; empty: not known."""
    time_reason: str
    """Why that is empty, a code of `TIME_REASONS`; empty where it is not."""
    received_at: str
    """When it came into the store, UTC in the same form."""
    judged_until: int
    """Data day of the run whose alert was judged."""
    matched_by: str
    """`id`, or `coordinate`: the point lay inside one outline alone."""
    form: str
    """Form of the file it came in, or `command`."""

    @property
    def received_day(self) -> int:
        """The day (UTC) on which it came into the store."""
        return to_day(self.received_at[:10])

    @property
    def observed_day(self) -> int | None:
        """The day (UTC) of the answer; None: not known."""
        return to_day(self.observed_at[:10]) if self.observed_at else None

    @property
    def covers_until(self) -> int:
        """The last day of loss that the answer can speak of: of the visit, or of the run that was judged."""
        observed = self.observed_day
        return self.judged_until if observed is None else min(observed, self.judged_until)

    @property
    def alert_id(self) -> str:
        """Id of the alert that was judged."""
        return f"{self.event_id}.v{self.version}"


def review_key(event_id: str, verdict: str, entry: str, moment: str) -> str:
    """Digest (sha256) that tells an answer from others.

    entry: what its file calls the entry, or its content; moment: its time, where the file calls it nothing.
    """
    return digest([event_id, verdict, entry, moment])


def as_values(review: Review) -> dict[str, Any]:
    """A review as a JSON object."""
    return asdict(review)


def from_values(values: Mapping[str, Any]) -> Review:
    """The review of a JSON object; ValueError, TypeError or KeyError for another object."""
    review = Review(**values)
    if review.verdict not in VERDICTS:
        raise ValueError(f"verdict {review.verdict}")
    return review


def deciding(reviews: Iterable[Review]) -> dict[str, Review]:
    """The review that counts for each event: the latest answer, and one that says something before any other.

    Later is by the time of the answer, where that is not known by the time it came in, then by coming in.
    """
    best: dict[str, tuple[tuple[bool, str, str, str], Review]] = {}
    for review in reviews:
        says = review.verdict != SAYS_NOTHING
        key = (says, review.observed_at or review.received_at, review.received_at, review.review_id)
        if review.event_id not in best or key > best[review.event_id][0]:
            best[review.event_id] = (key, review)
    return {event: review for event, (_, review) in sorted(best.items())}
