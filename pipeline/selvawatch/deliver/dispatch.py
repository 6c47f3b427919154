"""What is sent now: what a crash left is sorted out, what is due is tried once, what failed waits longer."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from selvawatch.deliver.channel import Delivery, Receipt
from selvawatch.deliver.channel_table import channel_kind, deliver
from selvawatch.deliver.delivery_ledger import (
    CLOSED,
    DELIVERED,
    PENDING,
    REFUSED,
    SENDING,
    UNCERTAIN,
    DeliveryLedger,
    MessageRow,
)
from selvawatch.errors import DeliveryError

log = logging.getLogger(__name__)

WAITS_S = (60.0, 300.0, 1800.0, 7200.0, 21_600.0, 86_400.0, 86_400.0)
"""Seconds after the first, second ... attempt before another one; after the last there is none."""
_STATES = {
    Delivery.DELIVERED: DELIVERED,
    Delivery.DEFERRED: PENDING,
    Delivery.UNCERTAIN: UNCERTAIN,
    Delivery.REFUSED: REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a recipient is reached."""

    channel: str
    """Name of the channel, of which a fault may block the rest."""
    kind: str
    settings: Mapping[str, str] = field(repr=False)
    recipient: str = field(repr=False)
    name: str
    """Name of the subscription, for people."""


def recover(ledger: DeliveryLedger, now_s: float) -> list[MessageRow]:
    """Sort out messages whose attempt a crash has cut off; what they are now.

    What the other side knows by its key is sent again under the same one; what it would not know again is
    `uncertain`. To be called while no other process sends.
    """
    recovered = []
    for row in ledger.messages(SENDING):
        again = channel_kind(row.channel).is_idempotent
        now = replace(
            row,
            state=PENDING if again else UNCERTAIN,
            changed_s=now_s,
            next_s=now_s,
            detail="the program ended in the middle of an attempt",
        )
        ledger.end_attempt(now)
        recovered.append(now)
    return recovered


def send_due(
    ledger: DeliveryLedger, routes: Mapping[str, Route], clock: Callable[[], float]
) -> Iterator[MessageRow]:
    """Try every message that is due once, and yield what became of it.

    routes: by digest of the recipient; a message to a recipient that no subscription names any more waits.
    clock: seconds since 1970. A channel whose fault is its own, a refused login or a server that is down, is
    not tried again in the same call.
    """
    blocked: set[str] = set()
    for row in ledger.messages(PENDING):
        route = routes.get(row.recipient)
        if route is None or route.channel in blocked or row.next_s > clock():
            continue
        ledger.begin_attempt(row.key, clock())
        try:
            message = ledger.content(row.key, route.recipient)
            receipt = deliver(route.kind, route.settings, message)
        except DeliveryError as error:
            receipt = Receipt(state=Delivery.REFUSED, detail=str(error))
        except Exception as error:  # one recipient's fault must not keep all others waiting
            log.exception("%s: a fault of the channel that nobody foresaw", route.name)
            receipt = Receipt(
                state=Delivery.UNCERTAIN, detail=f"a fault of the channel ({type(error).__name__})"
            )
        if receipt.blocked:
            blocked.add(route.channel)
        attempts = row.attempts + (not receipt.blocked)  # the channel's fault is no attempt of the message
        done = concluded(replace(row, attempts=attempts), receipt, clock())
        ledger.end_attempt(done)
        yield done


def concluded(row: MessageRow, receipt: Receipt, now_s: float) -> MessageRow:
    """A message after an attempt that gave a receipt.

    An `uncertain` one is tried again where the other side knows its key; a message that was tried as often as
    it may be is given up: `refused` where it is not there, `uncertain` where it may be.
    """
    state = _STATES[receipt.state]
    if state == UNCERTAIN and channel_kind(row.channel).is_idempotent:
        state = PENDING
    wait_s = 0.0
    if state == PENDING:
        if row.attempts > len(WAITS_S):
            state = UNCERTAIN if receipt.state is Delivery.UNCERTAIN else REFUSED
        else:
            wait_s = max(receipt.wait_s, WAITS_S[max(0, row.attempts - 1)])
    return replace(
        row,
        state=state,
        changed_s=now_s,
        next_s=now_s + wait_s,
        detail=receipt.detail,
        reference=receipt.reference,
    )


def send_again(ledger: DeliveryLedger, key: str, now_s: float) -> MessageRow:
    """Make a message due that is not delivered, as a person decided; DeliveryError for others."""
    row = _found(ledger, key, (UNCERTAIN, REFUSED, PENDING))
    now = replace(row, state=PENDING, attempts=0, next_s=now_s, changed_s=now_s)
    ledger.end_attempt(now)
    return now


def close(ledger: DeliveryLedger, key: str, now_s: float) -> MessageRow:
    """Give up a message that is not delivered, as a person decided; DeliveryError for others."""
    row = _found(ledger, key, (UNCERTAIN, REFUSED, PENDING))
    now = replace(row, state=CLOSED, changed_s=now_s)
    ledger.end_attempt(now)
    return now


def _found(ledger: DeliveryLedger, key: str, states: tuple[str, ...]) -> MessageRow:
    """The message of a key, or of the only one that begins so."""
    found = [row for row in ledger.messages(*states) if row.key.startswith(key)] if key else []
    if len(found) != 1:
        raise DeliveryError(
            "no such message" if not found else "several messages begin so",
            got=key or "no key",
            needed=f"the key of one that is {', '.join(states)}",
            do="`selvawatch doctor` lists them",
        )
    return found[0]
