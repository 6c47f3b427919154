"""The bulletin of the current run made anew: since an earlier run, and with what people answered since."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from selvawatch.core.days import iso, to_day
from selvawatch.core.files import write_checked
from selvawatch.core.table_options import TableOptions, TableRequest
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier, tier_named
from selvawatch.errors import SiteError, StoreError
from selvawatch.returns.reviewed_alerts import ReviewedAlerts, reviewed_alerts_of
from selvawatch.reviews.answers import counted
from selvawatch.steps.bulletins import earlier_state
from selvawatch.steps.run.attribute_events import read_zones
from selvawatch.steps.table_inputs import of_run, zones_then
from selvawatch.store.contents import CONTENT_FILE, PUBLIC, RESTRICTED, picture_path
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_files import COUNTED_COLUMNS, bulletin_folder, read_counted, read_tracked
from selvawatch.store.seal import SealedFolder, read_seal
from selvawatch.store.site_copy import copied_site, read_site_copy
from selvawatch.tables import build
from selvawatch.write.bulletin.bulletin import html, message, text
from selvawatch.write.bulletin.bulletin_changes import changes_since
from selvawatch.write.bulletin.bulletin_model import Bulletin, LossTable, headline, loss_table
from selvawatch.write.bulletin.changes_view import changes_json
from selvawatch.write.bulletin.kept import content_from_json
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.bulletin.reviews_part import shown_reviews, with_reviews
from selvawatch.write.language.i18n import Language, language
from selvawatch.write.tiers import Gate, Released, TierRule, apply

_FORMS = {"html": html, "txt": text, "message": message}
"""Forms of a bulletin that people read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentBulletin:
    """A bulletin of the current run, made of it and of the reviews that its tier may know of."""

    content: Bulletin
    counts_reviews: bool
    """Whether its figures hold them all; else the figures are those of the run, and the bulletin says so."""

    def written(self, form: str, lang: Language) -> str:
        """The bulletin as `html`, `txt` or `message`."""
        name = {"html": "bulletin.html", "txt": "bulletin.txt", "message": "bulletin-message.txt"}[form]
        part = shown_reviews(self.content.alerts, lang, since_run=not self.counts_reviews)
        return with_reviews(_FORMS[form](self.content, lang), name, part, lang)


def keeps_bulletin(run: SealedFolder, tier: Tier) -> bool:
    """Whether a run kept what a bulletin of a tier can be made anew of."""
    return run.holds(_content_name(tier))


def _content_name(tier: Tier) -> str:
    return f"{bulletin_folder(tier)}/{CONTENT_FILE}"


def bulletin_since(store: str, tier: Tier, since: str = "", *, day: int | None = None) -> CurrentBulletin:
    """The bulletin of the current run for a tier, telling what is new since a run or a day.

    since: id of a committed run (its first eight characters will do), or an ISO day: the last run to that day
    or an earlier one; empty: the run before the current one. day: on which the tier reads it, which decides
    the reviews that it may know of; None: today (UTC).

    Raises
    ------
    StoreError
        When the store has no run, no run of that id or day, or a run of an earlier version.
    DamagedError
        When a file is not what its run wrote.
    """
    opened = open_store(store)
    runs = opened.ledger.runs()
    if not runs:
        raise StoreError("the store has no run", where=opened.folder, do="run `selvawatch monitor` first")
    run = runs[-1]
    folder = opened.run(run.run_id)
    sealed, name = read_seal(folder), _content_name(tier)
    if not keeps_bulletin(sealed, tier):
        raise StoreError(
            "the run kept nothing to make a bulletin of",
            where=folder,
            got="a run of an earlier version, or a tier without bulletin",
            needed="a run of this version, public or restricted",
            do="run `selvawatch monitor` to a later day",
        )
    values = sealed.read_json(name)
    today = to_day(dt.datetime.now(dt.UTC)) if day is None else day
    reviewed = reviewed_alerts_of(opened, run, tier, today)
    alerts = _released(reviewed.released.frame, tier, values, run.until_day)
    tables = _tables(opened, run, tier, today) if reviewed.is_newer else None
    cells = read_counted(sealed, tier)
    if tables is not None:
        cells = _counted(cells, folder, alerts, reviewed)
    tracked = read_tracked(folder, tier)
    changes = changes_since(
        earlier_state(opened, _runs_until(opened, runs, since), tier, tracked.events),
        alerts,
        cells,
        first_day=int(values["run"]["since_day"]),
        delay_days=int(values["delay_days"]),
    )
    shown = set(alerts.frame["alert_id"]) if tier is Tier.RESTRICTED else set()

    def image_of(alert: str, side: str) -> bytes | None:
        path = f"{RESTRICTED}/{picture_path(alert, side)}"
        return sealed.read(path) if alert in shown and sealed.holds(path) else None

    content = content_from_json(values, alerts, changes, image_of)
    if tables is not None:
        figures = headline(alerts, cells, content.run.since_day, content.run.data_day)
        content = replace(content, headline=figures, tables=tables)
    return CurrentBulletin(content=content, counts_reviews=tables is not None or not reviewed.is_newer)


def _counted(cells: pd.DataFrame, folder: Path, alerts: Released, reviewed: ReviewedAlerts) -> pd.DataFrame:
    """The cells that figures count with all reviews that a tier may know of.

    cells: those that the run counted; of events that were reviewed by then they are counted anew.
    """
    judged = alerts.frame["event_id"].isin(reviewed.judged_by_run)
    tracked = read_tracked(folder, alerts.tier).cells
    again = tracked[tracked["event_id"].isin(alerts.frame.loc[judged, "event_id"])]
    kept = cells[~cells["event_id"].isin(reviewed.judged_by_run)]
    columns = list(COUNTED_COLUMNS)
    parts = [pd.DataFrame(part[columns]) for part in (kept, again) if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else kept[columns]
    counts, made = counted(whole, reviewed.known.deciding)
    return made[counts].reset_index(drop=True)


def _tables(store: Store, run: RunRow, tier: Tier, day: int) -> tuple[LossTable, ...] | None:
    """The tables of a bulletin with the reviews that its tier may know of, on the register that the run saw;
    None where that or the site is not at hand.
    """
    from selvawatch.steps.run.publish import TABLE_NAMES  # slow to import

    copied = read_site_copy(store)
    if copied is None:
        return None
    try:
        with copied_site(store, copied) as site:
            zones = zones_then(site, store, read_zones(site, store), run)
            if zones is None:
                return None
            titles = {one.name: one.title for found in site.periods.set for one in found.periods}
            inputs, *_ = of_run(site, store, zones, TableRequest(name=TABLE_NAMES[0], tier=tier), today=day)
            options = TableOptions(accounting="exclusive", clock="at-loss")
            return tuple(loss_table(name, build(name, inputs, options), titles) for name in TABLE_NAMES)
    except SiteError:
        return None


def written_since(store: str, tier: str, since: str, lang: str, form: str, out: Path | None) -> str:
    """The bulletin that tells what is new since a run or a day, in a form: its text, or the file it went to.

    tier: name of a published one. since: as for `bulletin_since`. form: `html`, `txt`, `message`, `json` or
    `pdf`, which needs a file.

    Raises
    ------
    StoreError
        For a tier or a form that there is not, or as `bulletin_since`.
    """
    if form not in {*_FORMS, "json", "pdf"}:
        raise StoreError(
            "there is no such form", got=f"--format {form}", needed=", ".join([*_FORMS, "json", "pdf"])
        )
    if tier not in (PUBLIC, RESTRICTED):
        raise StoreError("the tier is not published", got=tier, needed=f"{PUBLIC}, {RESTRICTED}")
    made = bulletin_since(store, tier_named(tier), since)
    if form == "json":
        content = changes_json(made.content, language(lang))
    else:
        content = made.written("html" if form == "pdf" else form, language(lang))
    if out is None:
        return content.removesuffix("\n")
    if form == "pdf":
        return str(write_pdf(out, content, made.content.run.run_id))
    return str(write_checked(out, content.encode()))


def _runs_until(store: Store, runs: Sequence[RunRow], since: str) -> Sequence[RunRow]:
    """The runs up to the one that a bulletin is compared with."""
    if not since:
        return runs[:-1]
    try:
        day = to_day(dt.date.fromisoformat(since))
        found = [number for number, run in enumerate(runs) if run.until_day <= day]
    except ValueError:
        found = [number for number, run in enumerate(runs) if run.run_id.startswith(since)]
        if len(since) < 8 or len(found) > 1:
            found = [number for number in found if runs[number].run_id == since]
    if not found:
        raise StoreError(
            "there is no such earlier run",
            where=f"--since {since}",
            needed=f"a day from {iso(runs[0].until_day)} on, or an id such as {runs[0].run_id}",
            do=f"`ls {store.folder / 'runs'}` lists the ids",
        )
    return runs[: found[-1] + 1]


def _released(frame: pd.DataFrame, tier: Tier, values: Mapping[str, Any], data_day: int) -> Released:
    """Alerts that a run gave to a tier, through the gate again."""
    rule = TierRule(
        delay_days=int(values["delay_days"]),
        grid_m=float(values["grid_m"]),
        isolated_buffer_m=0.0,
        withhold_unchecked=False,
    )
    table = replace(ALERTS, columns=tuple(one for one in ALERTS.columns if one.name in frame.columns))
    return apply(table, frame, Gate(tier=tier, rule=rule, data_day=data_day))
