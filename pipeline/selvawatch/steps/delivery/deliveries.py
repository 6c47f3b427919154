"""Send what is new to those who asked for it, and to the operator how the monitoring stands."""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from selvawatch.core.days import to_day
from selvawatch.core.tier import tier_named
from selvawatch.deliver import Attachment
from selvawatch.deliver.delivery_ledger import DELIVERED, DeliveryLedger, MessageRow
from selvawatch.deliver.dispatch import close, recover, send_again, send_due
from selvawatch.deliver.planning import Notice, Planned, Planner, RunFacts
from selvawatch.deliver.recipients import recipient_key
from selvawatch.deliver.selection import NewVersion
from selvawatch.deliver.subscriptions import FILE, Subscription, read_subscriptions
from selvawatch.errors import SelvawatchError, StoreError
from selvawatch.health.operator_notices import notices_of
from selvawatch.returns.reviewed_alerts import reviewed_alerts_of
from selvawatch.site import Site
from selvawatch.steps.delivery.attached_files import attachments, bulletin_page
from selvawatch.steps.delivery.checked_subscriptions import check_asked
from selvawatch.steps.store_site import SITE_FILE, site_of_store
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.lock import sending

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a message in one pass."""

    name: str
    """Name of the subscription or operator."""
    row: MessageRow

    @property
    def line(self) -> str:
        """For people: who, which message, what became of it, and why."""
        why = f": {self.row.detail}" if self.row.detail and self.row.state != DELIVERED else ""
        return f"{self.name}  {self.row.kind}  {self.row.key[:12]}  {self.row.state}{why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPass:
    """One pass over the subscriptions of a store."""

    planned: tuple[Planned, ...]
    """Messages that are new, or would be in a dry run."""
    sent: tuple[Sent, ...]
    """Messages that were tried, or that a crash had left; none in a dry run."""

    @property
    def undelivered(self) -> tuple[Sent, ...]:
        """Messages of the pass that are not delivered."""
        return tuple(one for one in self.sent if one.row.state != DELIVERED)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRequest:
    """What a pass is asked to do."""

    store: str
    subscriptions: Path | None = None
    """File of subscriptions; None: the one beside the store."""
    site: Path | None = None
    """Folder of the store's site; None: as `site_of_store`."""
    site_file: str = SITE_FILE
    again: tuple[str, ...] = ()
    """Keys of messages that a person wants sent again, or how they begin."""
    closed: tuple[str, ...] = ()
    """Keys of messages that a person gives up, or how they begin."""
    clock: Callable[[], float] = field(default=time.time)
    """Seconds since 1970."""

    @property
    def path(self) -> Path:
        """The file of subscriptions."""
        return self.subscriptions or open_store(self.store).folder.absolute().parent / FILE


def deliver_store(request: DeliveryRequest, *, dry_run: bool = False) -> DeliveryPass:
    """Plan what is new for every subscription, try what is due once, and give what became of it.

    dry_run: nothing is written or sent.

    Raises
    ------
    DeliveryError
        For subscriptions that cannot be used, or of something that is not there; nothing is sent then.
    StoreError
        When the store has no run, or another process sends from it.
    """
    store = open_store(request.store)
    run = store.ledger.current()
    if run is None:
        raise StoreError("the store has no run", where=store.folder, do="run `selvawatch monitor` first")
    asked = read_subscriptions(request.path, store.folder)
    with site_of_store(store, request.site, request.site_file) as site:
        check_asked(asked, site, store)
        known = store.deliveries
        key = recipient_key(request.path, begun=known.check(), keep=not dry_run)
        planner = Planner(asked, key, request.clock())
        if dry_run:
            return DeliveryPass(planned=tuple(_plans(planner, site, store, run, known)), sent=())
        with sending(store) as ledger:
            ledger.begin(key.check)
            for name in request.again:
                send_again(ledger, name, planner.now_s)
            for name in request.closed:
                close(ledger, name, planner.now_s)
            left = recover(ledger, planner.now_s)
            planned = tuple(one for one in _plans(planner, site, store, run, ledger) if one.keep(ledger))
            return DeliveryPass(planned=planned, sent=_sent(planner, ledger, left, request.clock))


def send_notice(store: str, notice: Notice, subscriptions: Path | None = None) -> DeliveryPass | None:
    """Tell the operators of something now; None where nobody subscribed.

    It needs no run, and is called where a run has failed: whatever is wrong is an error of one line.

    Raises
    ------
    SelvawatchError
        As `deliver_store`.
    """
    request = DeliveryRequest(store=store, subscriptions=subscriptions)
    if not request.path.exists():
        return None
    opened = open_store(store)
    asked = read_subscriptions(request.path, opened.folder)
    known = opened.deliveries
    planner = Planner(asked, recipient_key(request.path, begun=known.check()), request.clock())
    with sending(opened) as ledger:
        ledger.begin(planner.key.check)
        left = recover(ledger, planner.now_s)
        planned = tuple(one for one in planner.for_operators([notice]) if one.keep(ledger))
        return DeliveryPass(planned=planned, sent=_sent(planner, ledger, left, request.clock))


def deliver_after_run(store: str, site: str, site_file: str) -> None:
    """Send what a run brought, where somebody subscribed beside the store; a fault is logged, for the run is
    committed, and the next call goes on.
    """
    request = DeliveryRequest(store=store, site=Path(site), site_file=site_file)
    if not request.path.exists():
        return
    try:
        done = deliver_store(request)
    except (SelvawatchError, OSError) as error:
        log.warning("nothing is sent: %s", error)
        return
    for sent in done.undelivered:
        log.warning("not delivered: %s", sent.line)


def tell_of_failure(store: str, occasion: str, why: str) -> None:
    """Tell the operators that a run failed, where any subscribed beside the store; a fault is logged.

    The failure of a run that was committed without some of its tiles is that run's occasion, whoever tells of
    it, so that the notice that goes with the run and this one are the same and go once.
    """
    notice = Notice(kind="failed", occasion=_committed_in(store, why) or occasion, text=why)
    try:
        send_notice(store, notice)
    except (SelvawatchError, OSError) as error:
        log.warning("no operator is told: %s", error)


def _committed_in(store: str, why: str) -> str:
    """Id of the current run where it left tiles out and a failure tells of it; empty where not, or where the
    store cannot be read: it is told all the same.
    """
    try:
        current = open_store(store).ledger.current()
    except (SelvawatchError, OSError):
        return ""
    is_told = current is not None and current.result.get("failed") and current.run_id in why
    return current.run_id if current is not None and is_told else ""


def _sent(
    planner: Planner, ledger: DeliveryLedger, left: Sequence[MessageRow], clock: Callable[[], float]
) -> tuple[Sent, ...]:
    """What a crash had left, and what is sent now."""
    routes = planner.routes()
    done = [*left, *send_due(ledger, routes, clock)]
    names = {recipient: route.name for recipient, route in routes.items()}
    return tuple(Sent(name=names.get(row.recipient, "(not subscribed)"), row=row) for row in done)


def _plans(
    planner: Planner, site: Site, store: Store, run: RunRow, ledger: DeliveryLedger
) -> Iterator[Planned]:
    """Every message that is new, one after the other: each is to be kept before the next is asked for."""
    facts = RunFacts(run_id=run.run_id, area=run.area, until_day=run.until_day)
    today = dt.datetime.fromtimestamp(planner.now_s, dt.UTC).date()
    yield from planner.for_operators(notices_of(store, today))
    tiers = sorted({one.tier for one in planner.asked.subscriptions})
    alerts = {tier: reviewed_alerts_of(store, run, tier_named(tier), to_day(today)) for tier in tiers}
    rows = {tier: rows_of(of_tier.released.frame) for tier, of_tier in alerts.items()}
    for subscription in planner.asked.subscriptions:
        tier = subscription.tier

        def attach(
            wanted: Subscription, found: Sequence[NewVersion], since: str, tier: str = tier
        ) -> tuple[Attachment, ...]:
            files = attachments(alerts[tier], wanted, found, site, facts)
            return files + bulletin_page(store, wanted, facts, since, to_day(today))

        yield from planner.for_subscription(subscription, rows[tier], ledger, facts, attach)


def rows_of(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    """Rows of alerts without their outlines, what is empty as None."""
    plain = pd.DataFrame(frame.drop(columns="geometry")).astype(object)
    plain = plain.where(plain.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]
