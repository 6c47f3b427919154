"""Which alerts a subscription gets now, and what is new of each since its recipient got it last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selvawatch.deliver.delivery_ledger import DeliveryRow, DigestRow
from selvawatch.deliver.subscriptions import CADENCES, Subscription

HA_STEP = 0.005
"""Hectares by which an alert must have grown to be called grown: what two decimals show."""
GROUPS = ("new", "confirmed", "grown", "closed", "withdrawn", "changed")
"""What may be new of an alert since a recipient got it last, in the order in which it is written."""

Row = Mapping[str, Any]
"""A row of ALERTS, as its tier has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """An alert version that a recipient has not got."""

    row: Row
    group: str
    """One of `GROUPS`."""
    grown_ha: float = 0.0
    """Hectares more than when the recipient got it last."""


def is_wanted(row: Row, subscription: Subscription) -> bool:
    """Whether an alert is one of those that a subscription asks for."""
    zones = {*_words(row.get("zones"), " "), row.get("protected_name"), row.get("native_community")}
    combined = [word.rstrip("?") for word in _words(row.get("combination"), "+")]
    types = {*combined, row.get("exclusive_class"), *_words(row.get("zones"), " ")}
    return (
        _any_of((row.get("area_name"),), subscription.areas)
        and _any_of(zones, subscription.zones)
        and _any_of(types, subscription.types)
        and _any_of((row["cause"],), subscription.causes)
        and float(row["ha"]) >= subscription.least_ha
    )


def is_urgent(version: NewVersion) -> bool:
    """Whether it goes at once: a change in a protected core that is confirmed."""
    row = version.row
    return (
        row.get("protected") == "core"
        and row["status"] == "confirmed"
        and version.group in ("new", "confirmed", "grown")
    )


def new_versions(
    rows: Iterable[Row], subscription: Subscription, known: Sequence[DeliveryRow]
) -> list[NewVersion]:
    """What a recipient has not got of the alerts that a subscription asks for, by group and rank.

    known: what the recipient got, by event and version. An alert that it got once is followed to its end,
    also where it no longer is as the subscription asks. One that ended before it was ever sent is not told.
    """
    sent = {row.alert_id for row in known}
    last = {row.event_id: row for row in known}
    found = []
    for row in rows:
        before = last.get(row["event_id"])
        if row["alert_id"] in sent or (before is None and not is_wanted(row, subscription)):
            continue
        if (version := _compared(row, before)) is not None:
            found.append(version)
    return sorted(found, key=lambda version: (GROUPS.index(version.group), int(version.row["rank"])))


def _compared(row: Row, before: DeliveryRow | None) -> NewVersion | None:
    """What is new of an alert against what a recipient got of it; None where it is nothing to tell."""
    status = row["status"]
    if before is None:
        return None if status == "withdrawn" else NewVersion(row=row, group="new")
    if status in ("withdrawn", "closed") and status != before.status:
        return NewVersion(row=row, group=status)
    if status == "confirmed" and before.status == "provisional":
        return NewVersion(row=row, group="confirmed", grown_ha=max(0.0, float(row["ha"]) - before.ha))
    if (more := float(row["ha"]) - before.ha) >= HA_STEP:
        return NewVersion(row=row, group="grown", grown_ha=more)
    return NewVersion(row=row, group="changed")


def is_digest_due(subscription: Subscription, last: DigestRow | None, run_id: str, today: int) -> bool:
    """Whether a digest of a run goes today (days since 1970): a run that was not sent yet, in a span of the
    cadence that has no digest.

    Spans begin on Mondays, or every 15 days from 1970 on, whenever runs are; half of one passes at least.
    """
    if last is None:
        return True
    days = CADENCES[subscription.cadence]
    if last.run_id == run_id:
        return False
    if not days:
        return True
    monday = 4 if days == 7 else 0
    is_next = (today - monday) // days > (last.sent_day - monday) // days
    return is_next and today - last.sent_day > days // 2


def _any_of(values: Iterable[object], wanted: Sequence[str]) -> bool:
    """Whether any value is one of those that are wanted, letter case apart; nothing wanted: yes."""
    folded = {text.casefold() for text in wanted}
    return not folded or any(str(value).casefold() in folded for value in values if value)


def _words(text: object, mark: str) -> list[str]:
    return text.split(mark) if isinstance(text, str) else []
