"""Which alerts a subscription gets now, and what is new of each since its recipient got it last."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from selvawatch.deliver.delivery_ledger import DeliveryRow, DigestRow
from selvawatch.deliver.subscriptions import CADENCES, Subscription
from selvawatch.events.comparison import compare
from selvawatch.reviews.review import SAYS_NOTHING

Row = Mapping[str, Any]
"""A row of ALERTS, as its tier has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """An alert version that a recipient has not got."""

    row: Row
    """Row of ALERTS; of an event that the run does not have any more, what the recipient got of it."""
    group: str
    """One of `events.comparison.GROUPS`; `open`: something else changed of it; `reviewed`: nothing did, but
    people answered on it."""
    change_ha: float = 0.0
    """Hectares more than when the recipient got it last."""
    goes_on_as: str = ""
    """Id of the event that a merged one goes on in."""
    delivery_id: str
    """What tells the version in the ledger: its alert id, with what people answered on it where somebody did;
    or a text of its own of an event that has gone."""


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
    """Whether it goes at once: a change in a protected core that is confirmed, and not denied by people."""
    row = version.row
    return (
        row.get("protected") == "core"
        and row.get("review") != "no-loss"
        and row["status"] == "confirmed"
        and version.group in ("new", "back", "confirmed", "grown")
    )


def new_versions(
    rows: Iterable[Row],
    subscription: Subscription,
    known: Sequence[DeliveryRow],
    elsewhere: Mapping[str, DeliveryRow] = MappingProxyType({}),
) -> list[NewVersion]:
    """What a recipient has not got of the alerts that a subscription asks for, by group, the largest first.

    rows: ALERTS of the current run. known: what the recipient got, in that order. An alert that it
    got once is followed to its end, also where it no longer is as the subscription asks, where it merged into
    another or is not listed any more. What ended before it was ever sent is not sent. What people answered on
    an alert that it got is news once.

    elsewhere: by event, what the recipient got last of it in another tier. Its versions here are others and
    are sent, but the event is not told as new again.
    """
    by_event = {row["event_id"]: row for row in rows}
    sent, last = {row.alert_id for row in known}, {row.event_id: row for row in known}
    versions = {_SUFFIX.sub("", name) for name in sent}
    held = {event for event, row in last.items() if row.status != "withdrawn"}
    if sent.issuperset(_delivery_id(row) for row in by_event.values()) and held == {
        event for event, row in by_event.items() if event in last and row["status"] != "withdrawn"
    }:
        return []  # nothing changed since: not compared, for there may be many subscriptions
    compared = compare(_frame([_state(row) for row in last.values()]), _frame(by_event.values()), set(last))
    followed = {*last, *(heir for heir in compared.rows["goes_on_as"] if heir)}
    found = []
    for each in compared.rows.to_dict("records"):
        event, row = each["event_id"], by_event.get(each["event_id"])
        group = _group_of(each["group"], row, elsewhere.get(event))
        if group in _ENDED and last.get(event, _NEVER).status in ("", "withdrawn"):
            continue
        is_known = row is not None and row["alert_id"] in versions
        returned = is_known and _returned(row, last.get(event, _NEVER))
        group = "back" if returned else group
        is_old = row is not None and _delivery_id(row) in sent and not returned
        if is_old or not (row is None or event in followed or is_wanted(row, subscription)):
            continue
        if is_known and not returned:
            group = "reviewed"
        found.append(
            NewVersion(
                row=_state(last[event]) | {"withdrawn_reason": each["withdrawn_reason"]}
                if row is None
                else row,
                group=group,
                change_ha=float(each["change_ha"]),
                goes_on_as=each["goes_on_as"],
                delivery_id=f"{last[event].alert_id}.{group}"
                if row is None or returned
                else _delivery_id(row),
            )
        )
    return found


def _returned(row: Row | None, before: DeliveryRow) -> bool:
    """Whether an alert is listed that was last told as withdrawn, whatever merged into it meanwhile."""
    return row is not None and row["status"] != "withdrawn" and before.status == "withdrawn"


def _delivery_id(row: Row) -> str:
    """What tells an alert version in the ledger, with the answer that says something of it."""
    review = row.get("review")
    return f"{row['alert_id']}.{review}" if review and review != SAYS_NOTHING else str(row["alert_id"])


def _group_of(group: str, row: Row | None, elsewhere: DeliveryRow | None) -> str:
    """The group of an event, for a reader who may know it from another tier."""
    if group != "new" or row is None or elsewhere is None:
        return group
    return "confirmed" if row["status"] == "confirmed" != elsewhere.status else "open"


_ENDED = ("withdrawn", "withdrawn_before", "passing", "merged")
_SUFFIX = re.compile(r"(?<=\d)\.[a-z_-]+(\.[a-z_-]+)*$")
"""What stands in the ledger behind an alert id."""
_NEVER = DeliveryRow(recipient="", alert_id="", event_id="", version=0, status="", ha=0.0)
_COMPARED = ("event_id", "version", "status", "ha", "merged_from", "withdrawn_reason")


def _frame(states: Iterable[Row]) -> pd.DataFrame:
    """What is compared of some events."""
    return pd.DataFrame(
        [[state.get(name) for name in _COMPARED] for state in states], columns=list(_COMPARED)
    )


def _state(row: DeliveryRow) -> dict[str, Any]:
    """What a recipient got of an event last, as a row of alerts has it."""
    names = ("alert_id", "event_id", "version", "status", "ha")
    return {name: getattr(row, name) for name in names}


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
