"""The reviews of a store that a tier may know of, and what its alerts and loss say with them."""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from selvawatch.core.files import digest
from selvawatch.core.tier import Tier
from selvawatch.errors import DamagedError
from selvawatch.reviews.review import Review, as_values, deciding
from selvawatch.store.folders import Store
from selvawatch.store.returned.review_batches import read_reviews
from selvawatch.store.site_copy import read_site_copy, site_copy_path
from selvawatch.write.tiers import reviews_learned


@dataclass(frozen=True, slots=True)
class KnownReviews:
    """Reviews that a tier may know of on a day."""

    reviews: tuple[Review, ...]

    @property
    def deciding(self) -> Mapping[str, Review]:
        """The review that counts for each event."""
        return deciding(self.reviews)

    @property
    def digest(self) -> str:
        """sha256 of what they say; empty where there is none."""
        return digest([as_values(review) for review in self.reviews]) if self.reviews else ""

    def of_events(self, events: Collection[str]) -> "KnownReviews":
        """Those of some events: a tier is told nothing of reviews of others, not even how many there are."""
        wanted = set(events)
        return KnownReviews(tuple(review for review in self.reviews if review.event_id in wanted))


def known_reviews(store: Store, tier: Tier, day: int, *, delay_days: int | None = None) -> KnownReviews:
    """The reviews of a store that a tier may know of on a day, also those of alerts that it is not given.

    delay_days: of the site; None: as the store's copy of its site has it.

    Raises
    ------
    DamagedError
        Where the reviews or the copy of the site are damaged.
    """
    reviews = read_reviews(store)
    if not reviews or tier is not Tier.PUBLIC:
        return KnownReviews(reviews)
    delay = _delay_days(store) if delay_days is None else delay_days
    return KnownReviews(() if delay is None else reviews_learned(reviews, tier, delay, day))


def reviews_since(store: Store) -> tuple[int, tuple[str, ...]]:
    """How many reviews a store has, and those that its current run had not, as `ALERT verdict`."""
    reviews = read_reviews(store)
    current = store.ledger.current() if reviews else None
    before = int(current.result.get("reviews", 0)) if current is not None else 0
    return len(reviews), tuple(f"{review.alert_id} {review.verdict}" for review in reviews[before:])


def received_until(reviews: Iterable[Review], day: int) -> KnownReviews:
    """Those of some reviews that had come in by a day."""
    return KnownReviews(tuple(review for review in reviews if review.received_day <= day))


def _delay_days(store: Store) -> int | None:
    """The delay of the public tier as the store's last run had it; None: the store does not say."""
    copied = read_site_copy(store)
    if copied is None or "site" not in copied.files:
        return None
    try:
        return int(tomllib.loads(copied.files["site"].text)["tiers"]["delay_days"])
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            "the copy of the site does not say the delay of the public tier",
            where=site_copy_path(store),
            got=error,
        ) from error
