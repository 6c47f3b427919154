"""Messages that are new for a reader: an urgent one, a digest, or what an operator is told of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from selvawatch.core.tier import Tier, tier_named
from selvawatch.deliver.channel import Attachment, Message
from selvawatch.deliver.delivery_ledger import (
    DeliveryLedger,
    DeliveryRow,
    DigestRow,
    MessageRow,
    key_of,
)
from selvawatch.deliver.dispatch import Route
from selvawatch.deliver.recipients import RecipientKey
from selvawatch.deliver.selection import NewVersion, Row, is_digest_due, is_urgent, new_versions
from selvawatch.deliver.subscriptions import Operator, Subscription, Subscriptions
from selvawatch.write.digest import (
    TEXT_UNITS,
    DigestContent,
    DigestLine,
    as_html,
    digest_subject,
    digest_text,
    notice_subject,
)
from selvawatch.write.language.i18n import language

DAY_S = 86_400
DIGEST, URGENT = "digest", "at-once"
"""Kinds of message about alerts."""

AttachFiles = Callable[[Subscription, Sequence[NewVersion], str], tuple[Attachment, ...]]
"""Makes the files that go with the alert versions of a message; the text is the id of the run that the
subscription's last digest was of, empty: there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What messages say of the run that they tell of."""

    run_id: str
    area: str
    until_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that an operator should know."""

    kind: str
    """One of `subscriptions.NOTICES`."""
    occasion: str
    """What tells it from another of the kind: the same occasion is told once."""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A message that is planned, or would be."""

    name: str
    """Name of the subscription or operator."""
    row: MessageRow
    message: Message
    alerts: tuple[DeliveryRow, ...] = ()
    digest: tuple[str, DigestRow] | None = None

    def keep(self, ledger: DeliveryLedger) -> bool:
        """Plan it in the ledger; whether it is a new one."""
        return ledger.plan(self.row, self.message, self.alerts, self.digest)


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans messages for the readers of a file, at one moment."""

    asked: Subscriptions
    key: RecipientKey
    now_s: float
    """Seconds since 1970."""

    def recipient(self, reader: Subscription | Operator) -> str:
        """Digest of who reads it, and in which tier: one tier's versions are none of another's."""
        plain = self._without_tier(reader)
        if isinstance(reader, Operator):
            return plain
        return self.key.of("tier", f"{plain}\0{reader.tier}")

    def _without_tier(self, reader: Subscription | Operator) -> str:
        """Digest of who reads it, as ledgers of earlier versions have it in every tier."""
        return self.key.of(self.asked.kind_of(reader.channel), reader.to)

    def routes(self) -> dict[str, Route]:
        """How every recipient is reached, by its digest."""
        readers: tuple[Subscription | Operator, ...] = (*self.asked.subscriptions, *self.asked.operators)
        routes = {
            one: Route(
                channel=one.channel,
                kind=self.asked.kind_of(one.channel),
                settings=self.asked.settings_of(one.channel),
                recipient=one.to,
                name=one.name,
            )
            for one in readers
        }
        earlier = {self._without_tier(one): route for one, route in routes.items()}
        return earlier | {self.recipient(one): route for one, route in routes.items()}

    def for_subscription(
        self,
        subscription: Subscription,
        rows: Iterable[Row],
        ledger: DeliveryLedger,
        run: RunFacts,
        attach: AttachFiles,
    ) -> Iterator[Planned]:
        """Messages of a run that are new for a subscription: what is urgent, then the digest where it is due.

        rows: ALERTS of the run as the subscription's tier has them. The rows of the first message are to be
        kept in the ledger before the second is asked for, so that neither tells of what the other does.
        """
        recipient, earlier = self.recipient(subscription), self._without_tier(subscription)
        reader = self._digest_of(recipient, subscription)
        last = ledger.last_digest(reader) or ledger.last_digest(self._digest_of(earlier, subscription))
        rows = tuple(rows)
        known = [*self._of_ledgers_before(subscription, rows, ledger), *ledger.deliveries(recipient)]
        found = new_versions(rows, subscription, known, self._in_other_tiers(subscription, ledger))
        urgent = [one for one in found if is_urgent(one)] if subscription.at_once else []
        if urgent:
            yield self._about(subscription, URGENT, urgent, run, last, attach)
            found = [one for one in found if not is_urgent(one)]
        today = int(self.now_s // DAY_S)
        if not is_digest_due(subscription, last, run.run_id, today):
            return
        if found or subscription.cadence != "each-run":
            planned = self._about(subscription, DIGEST, found, run, last, attach)
            digest = DigestRow(run_id=run.run_id, until_day=run.until_day, sent_day=today)
            yield Planned(
                name=planned.name,
                row=planned.row,
                message=planned.message,
                alerts=planned.alerts,
                digest=(reader, digest),
            )

    def _of_ledgers_before(
        self, subscription: Subscription, rows: Sequence[Row], ledger: DeliveryLedger
    ) -> list[DeliveryRow]:
        """What a recipient got by a ledger of an earlier version, which holds no tiers apart.

        Below the restricted tier only of what that tier lists or merged: the rest may be of another.
        """
        known = ledger.deliveries(self._without_tier(subscription))
        if tier_named(subscription.tier) is Tier.RESTRICTED:
            return list(known)
        merged = (name for row in rows for name in str(row.get("merged_from") or "").split())
        listed = {*(row["event_id"] for row in rows), *merged}
        return [one for one in known if one.event_id in listed]

    def _digest_of(self, recipient: str, subscription: Subscription) -> str:
        """What tells a subscription's digests in the ledger."""
        return self.key.of("reader", f"{recipient}\0{subscription.name}")

    def _in_other_tiers(self, subscription: Subscription, ledger: DeliveryLedger) -> dict[str, DeliveryRow]:
        """What the recipient of a subscription got last of each event while it had another tier."""
        names = [tier.name.lower() for tier in Tier if tier.name.lower() != subscription.tier]
        others = [self.recipient(replace(subscription, tier=name)) for name in names]
        return {row.event_id: row for other in others for row in ledger.deliveries(other)}

    def _about(
        self,
        subscription: Subscription,
        kind: str,
        found: Sequence[NewVersion],
        run: RunFacts,
        last: DigestRow | None,
        attach: AttachFiles,
    ) -> Planned:
        """A message about alert versions."""
        recipient, lang = self.recipient(subscription), language(subscription.language)
        alerts = tuple(
            DeliveryRow(
                recipient=recipient,
                alert_id=one.delivery_id,
                event_id=one.row["event_id"],
                version=int(one.row["version"]),
                status="withdrawn" if one.group in ("withdrawn", "merged") else one.row["status"],
                ha=float(one.row["ha"]),
            )
            for one in found
        )
        content = DigestContent(
            area=run.area,
            run_id=run.run_id,
            since_day=last.until_day if last else 0,
            until_day=run.until_day,
            tier=tier_named(subscription.tier),
            lines=tuple(
                DigestLine(row=one.row, group=one.group, change_ha=one.change_ha, goes_on_as=one.goes_on_as)
                for one in found
            ),
            urgent=kind == URGENT,
        )
        key = key_of(recipient, f"{kind} {subscription.name}", run.run_id, [one.alert_id for one in alerts])
        text = digest_text(content, lang)
        message = Message(
            key=key,
            subject=digest_subject(content, lang),
            text=text,
            html=as_html(text, lang),
            attachments=attach(subscription, found, last.run_id if last else "")
            if found and subscription.formats
            else (),
        )
        row = self._row(subscription, key, kind, run.run_id)
        return Planned(name=subscription.name, row=row, message=message, alerts=alerts)

    def for_operators(self, notices: Iterable[Notice]) -> Iterator[Planned]:
        """Messages to the operators who asked for such notices."""
        for notice in notices:
            for one in self.asked.operators:
                if notice.kind not in one.notices:
                    continue
                key = key_of(self.recipient(one), notice.kind, "", [notice.occasion])
                lang = language(one.language)
                subject = notice_subject(notice.kind, lang)
                text = f"{subject}\n\n{notice.text}"[:TEXT_UNITS]
                message = Message(key=key, subject=subject, text=text, html=as_html(text, lang))
                yield Planned(name=one.name, row=self._row(one, key, notice.kind, ""), message=message)

    def _row(self, reader: Subscription | Operator, key: str, kind: str, run_id: str) -> MessageRow:
        return MessageRow(
            key=key,
            recipient=self.recipient(reader),
            channel=self.asked.kind_of(reader.channel),
            kind=kind,
            run_id=run_id,
            planned_s=self.now_s,
            changed_s=self.now_s,
            next_s=self.now_s,
        )
