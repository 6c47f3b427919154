"""Use cases: a sample of alerts to visit, and what the reviews of its alerts say of all of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from selvawatch.errors import StoreError
from selvawatch.returns.reviewing import published_alerts
from selvawatch.reviews.review import SAYS_NOTHING, deciding
from selvawatch.reviews.sampling import Draw, Share, draw_sample, horvitz_thompson
from selvawatch.store.folders import open_store
from selvawatch.store.lock import exclusive
from selvawatch.store.returned.draws import keep_draw, read_draws
from selvawatch.store.returned.review_batches import read_reviews

LOSS = ("mining", "other-loss")
"""Verdicts that say that forest was lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewAccuracy:
    """What the reviews of a drawn sample say of all alerts of its run."""

    draw: int
    """Number of the sample."""
    run_id: str
    population: int
    """Alerts of the run that could be drawn."""
    drawn: int
    answered: int
    not_reached: int
    loss: Share
    """Share of all alerts where forest was lost."""
    mining: Share
    """Share of the alerts published as possible mining where it was mining."""
    loss_bounds: tuple[float, float]
    """Share of all alerts if every drawn one without an answer were no loss, and if every one were loss."""

    def as_json(self) -> dict[str, object]:
        """The figures as a JSON object; what cannot be said is null, with `why`."""
        return {
            "method": "horvitz-thompson",
            "draw": self.draw,
            "run_id": self.run_id,
            "population": self.population,
            "n": self.drawn,
            "answered": self.answered,
            "not_reached": self.not_reached,
            "loss": _figures(self.loss) | {"bounds": [round(end, 6) for end in self.loss_bounds]},
            "mining": _figures(self.mining),
        }

    def lines(self) -> list[str]:
        """For people."""
        low, high = self.loss_bounds
        return [
            f"sample {self.draw} of run {self.run_id[:12]}: {self.answered} of {self.drawn} drawn alerts"
            f" answered, {self.not_reached} not reached, {self.population} alerts in all",
            f"alerts with loss: {_text(self.loss)}",
            f"alerts of possible mining that were mining: {_text(self.mining)}",
            f"were all without an answer alike, {low:.0%} to {high:.0%} of all alerts would have loss",
        ]


def draw_alerts(store: str, n: int, seed: int | None) -> tuple[int, Draw]:
    """Draw a sample of the alerts of a store's current run, keep it, and return its number and itself.

    seed: None: one that follows from the run, so that the same command draws the same alerts.

    Raises
    ------
    StoreError, TableError
        Where the store has no run, or nothing can be drawn.
    """
    with exclusive(store, "selvawatch reviews draw") as held:
        alerts = published_alerts(held.store)
        run_id = held.store.ledger.runs()[-1].run_id
        chosen = int(run_id[:12], 16) if seed is None else seed
        draw = draw_sample(alerts.current, n, run_id, chosen)
        return keep_draw(held, draw), draw


def accuracy_of(store: str, number: int | None = None) -> ReviewAccuracy:
    """What the reviews of a sample say; of the newest one where no number is given.

    Raises
    ------
    StoreError
        Where the store drew no such sample.
    """
    opened = open_store(store)
    draws = read_draws(opened)
    chosen = len(draws) if number is None else number
    if not 1 <= chosen <= len(draws):
        raise StoreError(
            "there is no such sample of alerts",
            where=opened.folder,
            got=f"{len(draws)} samples" if number is None else f"--draw {number} of {len(draws)}",
            do="draw one: `selvawatch reviews draw --n N`; what people chose to visit tells of no others",
        )
    draw = draws[chosen - 1]
    counts = deciding(read_reviews(opened))
    verdicts = {one.event_id: counts[one.event_id].verdict for one in draw.alerts if one.event_id in counts}
    return accuracy_of_draw(chosen, draw, verdicts)


def accuracy_of_draw(number: int, draw: Draw, verdicts: Mapping[str, str]) -> ReviewAccuracy:
    """What the verdicts on the events of a sample say of all alerts; number: of the sample."""
    answered = [one for one in draw.alerts if verdicts.get(one.event_id, SAYS_NOTHING) != SAYS_NOTHING]
    strata = [one.stratum for one in answered]
    lost = [verdicts[one.event_id] in LOSS for one in answered]
    mined = [verdicts[one.event_id] == "mining" for one in answered if one.stratum == "mining"]
    mining = {name: size for name, size in draw.sizes.items() if name == "mining"}
    stands_for = {one.event_id: 1 / one.probability for one in draw.alerts}
    heard = {one.event_id for one in answered}
    least = sum(stands_for[one.event_id] for one, hit in zip(answered, lost, strict=True) if hit)
    silent = sum(count for event, count in stands_for.items() if event not in heard)
    population = sum(draw.sizes.values())
    return ReviewAccuracy(
        draw=number,
        run_id=draw.run_id,
        population=population,
        drawn=len(draw.alerts),
        answered=len(answered),
        not_reached=sum(verdict == SAYS_NOTHING for verdict in verdicts.values()),
        loss=horvitz_thompson(strata, lost, draw.sizes),
        mining=horvitz_thompson(["mining"] * len(mined), mined, mining),
        loss_bounds=(least / population, min(1.0, (least + silent) / population)),
    )


def _figures(share: Share) -> dict[str, object]:
    if share.value is None or share.low is None or share.high is None:
        return {"share": None, "ci95": None, "why": share.why}
    return {"share": round(share.value, 6), "ci95": [round(share.low, 6), round(share.high, 6)], "why": None}


def _text(share: Share) -> str:
    if share.value is None:
        return f"too little to say anything ({share.why})"
    return f"{share.value:.0%} (95 % interval {share.low:.0%} to {share.high:.0%})"
