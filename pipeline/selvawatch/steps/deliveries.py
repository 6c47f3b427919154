"""Send what is new to those who asked for it, and to the operator how the monitoring stands."""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geopandas as gpd
import pandas as pd

from selvawatch.core.days import iso
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import tier_named
from selvawatch.deliver import Attachment
from selvawatch.deliver.delivery_ledger import DELIVERED, DeliveryLedger, MessageRow
from selvawatch.deliver.dispatch import close, recover, send_again, send_due
from selvawatch.deliver.planning import Notice, Planned, Planner, RunFacts
from selvawatch.deliver.recipients import recipient_key
from selvawatch.deliver.selection import NewVersion
from selvawatch.deliver.subscriptions import FILE, Subscription, Subscriptions, read_subscriptions
from selvawatch.errors import DeliveryError, SelvawatchError, StoreError
from selvawatch.health.operator_notices import notices_of
from selvawatch.site import Site
from selvawatch.steps.products import TIERS
from selvawatch.steps.run.attribute_events import read_zones, zones_of_tier
from selvawatch.steps.store_site import SITE_FILE, site_of_store
from selvawatch.store.contents import ALERTS_FILE, PUBLIC
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.lock import sending
from selvawatch.store.run_files import read_parquet
from selvawatch.store.seal import read_seal
from selvawatch.write.formats.format_table import Content, Format, formats_of
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Gate, apply

log = logging.getLogger(__name__)

PAGE = "html"
"""Format of a subscription's files that stands for the bulletin's page, as the run wrote it."""


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
    """Tell the operators that a run failed, where any subscribed beside the store; a fault is logged."""
    try:
        send_notice(store, Notice(kind="failed", occasion=occasion, text=why))
    except (SelvawatchError, OSError) as error:
        log.warning("no operator is told: %s", error)


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
    sealed = read_seal(store.run(run.run_id))
    tiers = sorted({one.tier for one in planner.asked.subscriptions})
    frames = {tier: read_parquet(sealed, f"{tier}/{ALERTS_FILE}") for tier in tiers}
    rows = {tier: rows_of(frame) for tier, frame in frames.items()}
    for subscription in planner.asked.subscriptions:
        tier = subscription.tier

        def attach(
            wanted: Subscription, found: Sequence[NewVersion], tier: str = tier
        ) -> tuple[Attachment, ...]:
            page = sealed.read(f"{tier}/bulletin-{wanted.language}.html") if PAGE in wanted.formats else b""
            return attachments(frames[tier], wanted, found, site, facts) + _page(page, facts)

        yield from planner.for_subscription(subscription, rows[tier], ledger, facts, attach)


def rows_of(frame: gpd.GeoDataFrame) -> list[Mapping[str, Any]]:
    """Rows of alerts without their outlines, what is empty as None."""
    plain = pd.DataFrame(frame.drop(columns="geometry")).astype(object)
    plain = plain.where(plain.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def attachments(
    frame: gpd.GeoDataFrame,
    subscription: Subscription,
    found: Sequence[NewVersion],
    site: Site,
    run: RunFacts,
) -> tuple[Attachment, ...]:
    """The alert versions of a digest in each format that is asked for.

    frame: ALERTS as the tier has them; they pass its gate once more, which changes nothing of them.
    """
    known = {one.row["alert_id"] for one in found}
    kept = frame[frame["alert_id"].isin(known)].reset_index(drop=True)
    table = replace(ALERTS, columns=tuple(one for one in ALERTS.columns if one.name in kept.columns))
    gate = Gate(tier=tier_named(subscription.tier), rule=site.config.tiers, data_day=run.until_day)
    released = apply(table, kept, gate)
    provenance = {"run_id": run.run_id, "data_date": iso(run.until_day)}
    files = []
    with TemporaryDirectory() as folder:
        for name in dict.fromkeys(name for name in subscription.formats if name != PAGE):
            form = _formats(subscription.tier)[name]
            tool = f"-{name}" if Content.FIELD in form.contents else ""
            path = Path(folder) / f"alerts-{iso(run.until_day)}{tool}{form.suffix}"
            form.write(path, released, provenance, language(subscription.language))
            files.append(Attachment(name=path.name, media_type=form.media_type, content=path.read_bytes()))
    return tuple(files)


def _page(content: bytes, run: RunFacts) -> tuple[Attachment, ...]:
    """The bulletin's page as a file; none where there is no content."""
    name = f"bulletin-{iso(run.until_day)}.html"
    return (Attachment(name=name, media_type="text/html", content=content),) if content else ()


def _formats(tier: str) -> dict[str, Format]:
    """The formats that files of a tier go out in, by what subscriptions call them."""
    known = {form.suffix.removeprefix("."): form for form in formats_of(Content.ALERTS)}
    if tier == PUBLIC:
        return {name: form for name, form in known.items() if name != "gpx"}
    return known | {form.name: form for form in formats_of(Content.FIELD)}


def check_asked(asked: Subscriptions, site: Site, store: Store) -> None:
    """Refuse subscriptions to what the store does not have; DeliveryError for the first in the file."""
    areas = [area.name for area in site.areas]
    zones = _zones_of(asked, site, store)
    for one in asked.subscriptions:
        _refuse_absent(asked, one, "tier", [one.tier], TIERS)
        _refuse_absent(asked, one, "areas", one.areas, areas)
        _refuse_absent(asked, one, "formats", one.formats, [*_formats(one.tier), PAGE])
        if PAGE in one.formats and one.is_narrowed:
            raise DeliveryError(
                f"{one.name}: formats: the bulletin's page tells of every alert of its tier",
                where=asked.path,
                got=PAGE,
                needed="a subscription without areas, zones, types, causes and least_ha",
            )
        _refuse_absent(asked, one, "zones", one.zones, zones.get(one.tier, ()))
        folder = Path(one.to)
        if asked.kind_of(one.channel) == "folder" and store.folder.absolute() in (folder, *folder.parents):
            raise DeliveryError(f"{one.name}: its folder lies in the store", where=asked.path)


def _zones_of(asked: Subscriptions, site: Site, store: Store) -> dict[str, list[str]]:
    """Types of zone and names of protected areas and communities by tier; none where nobody asks for one."""
    tiers = {one.tier for one in asked.subscriptions if one.zones} & set(TIERS)
    if not tiers:
        return {}
    zones, found = read_zones(site, store), {}
    for tier in sorted(tiers):
        rights = zones_of_tier(zones, tier_named(tier)).register.rights
        named = rights[rights["type"].isin(["protected_core", "buffer"])]
        if tier != PUBLIC:
            named = rights[rights["type"].isin(["protected_core", "buffer", "native_community"])]
        types = rights.loc[rights["kind"] == "zone", "type"]
        found[tier] = sorted({*types, *named["name"].dropna()})
    return found


def _refuse_absent(
    asked: Subscriptions, wanted_by: Subscription, key: str, wanted: Sequence[str], known: Sequence[str]
) -> None:
    folded = {name.casefold() for name in known}
    for name in wanted:
        if name.casefold() not in folded:
            raise DeliveryError(
                f"{wanted_by.name}: {key}: it is not there",
                where=asked.path,
                got=name,
                needed=", ".join(known[:12]) or "a store that has any",
            )
