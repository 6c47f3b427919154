"""How a store's deliveries stand: dead letters, uncertain messages, what waits long, the subscriptions."""

import datetime as dt
from collections.abc import Iterator

from selvawatch.deliver.delivery_ledger import DELIVERED, PENDING, REFUSED, SENDING, UNCERTAIN, MessageRow
from selvawatch.deliver.subscriptions import FILE, read_subscriptions
from selvawatch.errors import DeliveryError
from selvawatch.health.finding import Finding, doubtful, fine, wrong
from selvawatch.store.folders import Store
from selvawatch.store.lock import lost_deliveries

SHOWN = 8
"""Messages of a state that are named one by one."""
WAITING_DAYS = 2
"""Days after which a message that waits is named."""
_DO = "`selvawatch deliver --resend KEY` sends it again, `--close KEY` gives it up"
_SAID = {
    REFUSED: "dead letter",
    UNCERTAIN: "uncertain: the other side may have it",
}


def delivery_findings(store: Store, today: dt.date) -> Iterator[Finding]:
    """What an operator must know of deliveries; nothing where nobody subscribed. No recipient is named."""
    path = store.folder.absolute().parent / FILE
    if path.exists():
        try:
            asked = read_subscriptions(path, store.folder)
        except DeliveryError as error:
            yield doubtful(f"subscriptions: {error}", "nothing is sent until it is put right")
        else:
            yield fine(f"subscriptions: {len(asked.subscriptions)} in {path}")
    ledger = store.deliveries
    if lost := lost_deliveries(store):
        yield wrong(f"deliveries: {ledger.path}: {lost}", "restore it from a copy, or nothing is sent")
        return
    if faults := ledger.faults():
        yield from (wrong(f"deliveries: {fault}", "restore it from a copy") for fault in faults)
        return
    rows = ledger.messages()
    for state, said in _SAID.items():
        yield from _listed([row for row in rows if row.state == state], said)
    waiting = [row for row in rows if row.state in (PENDING, SENDING) and _age(row, today) > WAITING_DAYS]
    yield from _listed(waiting, "not delivered yet")
    if rows:
        delivered = sum(row.state == DELIVERED for row in rows)
        yield fine(f"deliveries: {delivered} of {len(rows)} messages delivered")


def _listed(rows: list[MessageRow], said: str) -> Iterator[Finding]:
    """A finding for each of the oldest messages, and the number of the others."""
    for row in rows[:SHOWN]:
        day = dt.datetime.fromtimestamp(row.planned_s, dt.UTC).date()
        why = f": {row.detail}" if row.detail else ""
        text = f"delivery {row.key[:12]} ({row.channel}, {row.kind}, of {day}): {said}{why}"
        yield doubtful(text, _DO.replace("KEY", row.key[:12]))
    if len(rows) > SHOWN:
        yield doubtful(
            f"deliveries: {len(rows) - SHOWN} more: {said}", "`selvawatch deliver` tries what is due"
        )


def _age(row: MessageRow, today: dt.date) -> int:
    return (today - dt.datetime.fromtimestamp(row.planned_s, dt.UTC).date()).days
