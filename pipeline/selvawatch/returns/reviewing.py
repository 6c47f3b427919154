"""Use cases: reviews read from a file of a field tool, or given by hand."""

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pandas as pd

from selvawatch.core.tables import VERDICTS
from selvawatch.errors import StoreError
from selvawatch.reviews.form_entries import Entry, naming_of, role_of
from selvawatch.reviews.judging import Declared, judge
from selvawatch.reviews.matching import Alerts, match_entry, published_versions
from selvawatch.reviews.readers.form_table import read_answers
from selvawatch.reviews.review import ROLES, Review, deciding, review_key
from selvawatch.reviews.times import moment_of, utc_text, zone_of
from selvawatch.store.contents import ALERTS_FILE, RESTRICTED
from selvawatch.store.folders import Store
from selvawatch.store.lock import exclusive
from selvawatch.store.returned.review_batches import append_reviews, read_reviews
from selvawatch.store.seal import read_seal


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a person declares of a file of reviews."""

    columns: Sequence[str] = ()
    """`ROLE=NAME` each: which field says what."""
    values: Sequence[str] = ()
    """`VERDICT=TEXT` each: what a value means."""
    zone: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a file of reviews."""

    form: str
    added: tuple[Review, ...]
    known: int
    """Reviews that the store had already."""
    unused: int
    """Entries that are no review of an alert of the store."""
    lines: tuple[str, ...]
    """What a person should know, a line each: entries that were not used, and what was not kept."""


def published_alerts(store: Store) -> Alerts:
    """The alerts of a store's current run, and all versions that its runs published.

    Raises
    ------
    StoreError
        When the store has no run, or its files are damaged.
    """
    current = store.ledger.current()
    if current is None:
        raise StoreError("the store has no run", where=store.folder, do="run `selvawatch monitor` first")
    body = read_seal(store.run(current.run_id)).read(f"{RESTRICTED}/{ALERTS_FILE}")
    rows = [(row.event_id, row.version) for row in store.ledger.alerts()]
    return Alerts(
        current=gpd.read_parquet(io.BytesIO(body)),
        versions=published_versions(rows),
        data_day=current.until_day,
        earlier_days=_earlier_days(store, current.run_id),
    )


def _earlier_days(store: Store, current: str) -> dict[tuple[str, int], int]:
    """Data day of the last run before the current one that published each version, by event and version; runs
    whose files are gone are left out.
    """
    days: dict[tuple[str, int], int] = {}
    for run in store.ledger.runs():
        if run.run_id == current or not store.run(run.run_id).is_dir():
            continue
        body = read_seal(store.run(run.run_id)).read(f"{RESTRICTED}/{ALERTS_FILE}")
        rows = pd.read_parquet(io.BytesIO(body), columns=["event_id", "version"])
        names, versions = rows["event_id"].tolist(), rows["version"].tolist()
        days |= dict.fromkeys(zip(names, versions, strict=True), run.until_day)
    return days


def import_reviews(store: str, path: Path, options: Options, now: dt.datetime) -> Imported:
    """Read a file of answers and keep those that the store does not have.

    now: when it came in, aware.

    Raises
    ------
    LayerError
        For a file of no known form, or a declaration that says nothing.
    StoreError
        When the store has no run, or another process holds it.
    """
    declared = Declared(
        naming=naming_of(options.columns, options.values, VERDICTS),
        zone=zone_of(options.zone),
        role=_role(options.role) if options.role else "",
        received=now,
    )
    answers = read_answers(path)
    with exclusive(store, "selvawatch reviews import") as held:
        judged = judge(answers, published_alerts(held.store), declared)
        source = {"form": answers.form, "sha256": answers.sha256}
        added = append_reviews(held, source, judged.reviews)
    return Imported(
        form=answers.form,
        added=added,
        known=len(judged.reviews) - len(added),
        unused=judged.unused,
        lines=(*judged.problems, *judged.remarks),
    )


def review_alert(
    store: str, alert: str, verdict: str, role: str, *, at: str = "", now: dt.datetime
) -> tuple[Review, bool]:
    """Keep one answer given by hand, and whether it is new: the same one given twice adds nothing.

    at: when it was seen, with its zone; empty: now.

    Raises
    ------
    StoreError
        For an unknown verdict, role, time or alert, or as `import_reviews`.
    """
    if verdict not in VERDICTS:
        raise StoreError("the verdict is not known", where="--as", got=verdict, needed=", ".join(VERDICTS))
    by = _role(role)
    moment = moment_of([at], None) if at else None
    if moment is not None and not moment.utc:
        raise StoreError(
            "the time cannot be used",
            where="--at",
            got=at,
            needed="a time with its zone, 2026-06-04T10:00-05:00",
        )
    with exclusive(store, "selvawatch alerts review") as held:
        alerts = published_alerts(held.store)
        entry = Entry(where="the command", key="", fields={"alert_id": alert})
        match = match_entry(entry, alerts, naming_of((), (), VERDICTS))
        observed = moment.utc if moment is not None else utc_text(now)
        if observed > utc_text(now):
            raise StoreError("the time lies in the future", where="--at", got=at, needed="a time until now")
        received = utc_text(now)
        review = Review(
            review_id=review_key(match.event_id, verdict, f"command {match.version} {by}", received),
            event_id=match.event_id,
            version=match.version,
            verdict=verdict,
            role=by,
            observed_at=observed,
            time_reason="",
            received_at=received,
            judged_until=alerts.until(match.event_id, match.version),
            matched_by="id",
            form="command",
        )
        counts = deciding(read_reviews(held.store)).get(match.event_id)
        if counts is not None and at and _same(counts, review):
            return counts, False
        added = append_reviews(held, {"form": "command"}, (review,))
    return review, bool(added)


def _same(first: Review, second: Review) -> bool:
    """Whether two reviews are one answer on one version at one time, given by one role."""
    return (first.verdict, first.version, first.role, first.observed_at) == (
        second.verdict,
        second.version,
        second.role,
        second.observed_at,
    )


def _role(text: str) -> str:
    role = role_of(text)
    if not role:
        raise StoreError(
            "the role is not known",
            where="--by",
            got=f"a text of {len(text)} characters",
            needed=", ".join(ROLES),
            do="name a function, never a person; nothing was kept",
        )
    return role
