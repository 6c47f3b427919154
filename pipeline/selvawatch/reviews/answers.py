"""What alerts, loss cells and pieces say once reviews are joined to them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from selvawatch.core.days import NO_DAY, day_numbers, to_date
from selvawatch.reviews.review import Review

REVIEW_COLUMNS = ("review", "review_date", "review_version")
"""Columns of alerts that reviews fill."""


def reviewed_alerts(alerts: pd.DataFrame, deciding: Mapping[str, Review], *, versioned: bool) -> pd.DataFrame:
    """Alerts with `review`, `review_date` and `review_version` of the review that counts for their event.

    alerts: with `event_id`; not changed. versioned: whether the versions that were judged are those of these
    alerts; a lower tier numbers its own, and those of the restricted tier would tell of changes that it may
    not know: `review_version` is empty there. The columns stand where they are, else at the end.
    """
    found = [deciding.get(event) for event in alerts["event_id"]]
    days = [review.observed_day if review else None for review in found]
    filled = alerts.copy()
    filled["review"] = np.array([review.verdict if review else None for review in found], object)
    stamps = [pd.NaT if day is None else pd.Timestamp(to_date(day)) for day in days]
    filled["review_date"] = pd.Series(stamps, index=alerts.index, dtype="datetime64[ms]")
    versions = [review.version if review and versioned else None for review in found]
    filled["review_version"] = pd.array(versions, dtype="Int64")
    return filled


def counted(rows: pd.DataFrame, deciding: Mapping[str, Review]) -> tuple[np.ndarray, pd.DataFrame]:
    """Which rows of loss still count once reviews are joined, and all rows with the cause that they say.

    A row of an event judged `no-loss` counts only where its loss began after the last day that the review can
    speak of. `mining` makes mining of a row of that time, `other-loss` makes unknown what was taken for
    mining; the probability follows.

    rows: with `event_id`, `onset`, `cause` and `mining_probability`; not changed. The mask is (row,) bool.
    """
    if not len(rows) or not deciding:
        return np.ones(len(rows), bool), rows
    events = rows["event_id"].astype(object)
    verdict = events.map({event: review.verdict for event, review in deciding.items()}).to_numpy(object)
    until = events.map({event: review.covers_until for event, review in deciding.items()})
    days = day_numbers(rows["onset"], NO_DAY)
    spoken = (days == NO_DAY) | (days <= until.fillna(NO_DAY - 1).to_numpy())
    mining, other = spoken & (verdict == "mining"), spoken & (verdict == "other-loss")
    cause, probability = (
        rows["cause"].to_numpy(object).copy(),
        rows["mining_probability"].to_numpy(float).copy(),
    )
    cause[mining], probability[mining] = "mining", 1.0
    cause[other & (cause == "mining")] = "unknown"
    probability[other] = 0.0
    judged = rows.assign(cause=cause, mining_probability=probability)
    return ~(spoken & (verdict == "no-loss")), judged
