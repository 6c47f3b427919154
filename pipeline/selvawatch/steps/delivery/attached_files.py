"""Files that go with a message: the rows that it tells of, in the formats of a subscription."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from selvawatch.core.days import iso
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import tier_named
from selvawatch.deliver import Attachment
from selvawatch.deliver.planning import RunFacts
from selvawatch.deliver.selection import NewVersion
from selvawatch.deliver.subscriptions import Subscription
from selvawatch.returns.reviewed_alerts import ReviewedAlerts
from selvawatch.site import Site
from selvawatch.steps.products import export_formats
from selvawatch.steps.published.current_bulletin import bulletin_since, keeps_bulletin
from selvawatch.store.folders import Store
from selvawatch.store.seal import read_seal
from selvawatch.write.formats.format_table import Content, Format
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Gate, apply

PAGE = "html"
"""Format of a subscription's files that stands for the bulletin's page."""


def attachments(
    alerts: ReviewedAlerts,
    subscription: Subscription,
    found: Sequence[NewVersion],
    site: Site,
    run: RunFacts,
) -> tuple[Attachment, ...]:
    """The alert versions of a digest in each format that is asked for.

    alerts: as the tier has them; they pass its gate once more, which changes nothing of them.
    """
    known, frame = {one.row["alert_id"] for one in found}, alerts.released.frame
    kept = frame[frame["alert_id"].isin(known)].reset_index(drop=True)
    table = replace(ALERTS, columns=tuple(one for one in ALERTS.columns if one.name in kept.columns))
    gate = Gate(tier=tier_named(subscription.tier), rule=site.config.tiers, data_day=run.until_day)
    released = apply(table, kept, gate)
    provenance = {"run_id": run.run_id, "data_date": iso(run.until_day)}
    if alerts.known.digest:
        provenance["reviews_sha256"] = alerts.known.digest
    files: dict[str, Attachment] = {}
    with TemporaryDirectory() as folder:
        for name in dict.fromkeys(name for name in subscription.formats if name != PAGE):
            form = formats_of_tier(subscription.tier)[name]
            tool = f"-{name}" if Content.FIELD in form.contents else ""
            path = Path(folder) / f"{form.stem}-{iso(run.until_day)}{tool}{form.suffix}"
            form.write(path, released, provenance, language(subscription.language))
            for part in sorted(Path(folder).iterdir()):  # some formats have several files
                kind = form.media_type if part == path else "application/octet-stream"
                content = part.read_bytes()
                files.setdefault(part.name, Attachment(name=part.name, media_type=kind, content=content))
    return tuple(files.values())


def bulletin_page(
    store: Store, subscription: Subscription, run: RunFacts, since: str, day: int
) -> tuple[Attachment, ...]:
    """The bulletin's page as a file, of what is new since the run that the subscriber got last, with what
    people answered until a day; none where nobody asks for it.

    since: id of that run; empty: there was none, and the page is that of the run. Of a run of an earlier
    version, which kept nothing to make another of, it is the one that the run wrote.
    """
    if PAGE not in subscription.formats:
        return ()
    sealed = read_seal(store.run(run.run_id))
    content = sealed.read(f"{subscription.tier}/bulletin-{subscription.language}.html")
    if keeps_bulletin(sealed, tier_named(subscription.tier)):
        made = bulletin_since(str(store.folder), tier_named(subscription.tier), since, day=day)
        content = made.written("html", language(subscription.language)).encode()
    return (Attachment(name=f"bulletin-{iso(run.until_day)}.html", media_type="text/html", content=content),)


def formats_of_tier(tier: str) -> dict[str, Format]:
    """The formats that files of a tier go out in, by what subscriptions call them."""
    return {name: form for name, form in export_formats().items() if form.tier <= tier_named(tier)}
