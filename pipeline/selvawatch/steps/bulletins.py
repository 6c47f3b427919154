"""Bulletins of the current run made anew, and the earlier states of a tier that they are compared with."""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd

from selvawatch.core.days import iso, to_day
from selvawatch.core.files import write_checked
from selvawatch.core.tables import ALERTS
from selvawatch.core.tier import Tier, tier_named
from selvawatch.errors import StoreError
from selvawatch.events.comparison import remains_of
from selvawatch.store.contents import ALERTS_FILE, CONTENT_FILE, PUBLIC, RESTRICTED, picture_path
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.store.run_files import (
    bulletin_folder,
    keeps_tracked,
    read_counted,
    read_published,
    read_tracked,
)
from selvawatch.store.seal import SealedFolder, read_seal
from selvawatch.write.bulletin.bulletin import html, message, text
from selvawatch.write.bulletin.bulletin_changes import Earlier, changes_since
from selvawatch.write.bulletin.bulletin_model import Bulletin
from selvawatch.write.bulletin.changes_view import changes_json
from selvawatch.write.bulletin.kept import content_from_json
from selvawatch.write.bulletin.pdf import write_pdf
from selvawatch.write.bulletin.reviews_part import shown_reviews, with_reviews
from selvawatch.write.language.i18n import language
from selvawatch.write.tiers import Gate, Released, TierRule, apply


def earlier_state(
    store: Store, runs: Sequence[RunRow], tier: Tier, now: gpd.GeoDataFrame | None = None
) -> Earlier | None:
    """The state of a tier as the last of some runs gave it; None where there is no run.

    runs: of the ledger, from the first. now: EVENTS of the tier in the state that it is compared with; None:
    where events of it lie now is not known.

    Raises
    ------
    DamagedError
        When the folder of the run is missing, or a file is not what the run wrote.
    """
    if not runs:
        return None
    run = runs[-1]
    folder = store.run(run.run_id)
    alerts = _alerts(read_seal(folder), tier)
    remains = (
        remains_of(read_tracked(folder, tier).events, now)
        if now is not None and keeps_tracked(folder, tier)
        else {}
    )
    return Earlier(
        run_id=run.run_id,
        data_day=run.until_day,
        alerts=alerts,
        published=published_until(store, runs, tier),
        remains=remains,
    )


def published_until(store: Store, runs: Sequence[RunRow], tier: Tier) -> frozenset[str]:
    """Ids of all events that a tier was given in some runs, from the first; DamagedError as `earlier_state`.

    What runs of an earlier version did not note is read of their alerts.
    """
    found: frozenset[str] = frozenset()
    for run in reversed(runs):
        folder = store.run(run.run_id)
        noted = read_published(folder, tier)
        if noted is not None:
            return found | noted
        found |= ids_of(_alerts(read_seal(folder), tier))
    return found


def ids_of(alerts: gpd.GeoDataFrame) -> frozenset[str]:
    """Ids of events that ALERTS tell of, those merged into them among them."""
    merged = (name for names in alerts["merged_from"].dropna() for name in str(names).split())
    return frozenset([*alerts["event_id"].astype(str), *merged])


def keeps_bulletin(run: SealedFolder, tier: Tier) -> bool:
    """Whether a run kept what a bulletin of a tier can be made anew of."""
    return run.holds(_content_name(tier))


def _content_name(tier: Tier) -> str:
    return f"{bulletin_folder(tier)}/{CONTENT_FILE}"


def bulletin_since(store: str, tier: Tier, since: str = "") -> Bulletin:
    """The bulletin of the current run for a tier, telling what is new since a run or a day.

    since: id of a committed run (its first eight characters will do), or an ISO day: the last run to that day
    or an earlier one; empty: the run before the current one.

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
    folder = opened.run(runs[-1].run_id)
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
    alerts = _released(sealed, tier, values, runs[-1].until_day)
    tracked = read_tracked(folder, tier)
    earlier = earlier_state(opened, _runs_until(opened, runs, since), tier, tracked.events)
    changes = changes_since(
        earlier,
        alerts,
        read_counted(sealed, tier),
        first_day=int(values["run"]["since_day"]),
        delay_days=int(values["delay_days"]),
    )
    shown = set(alerts.frame["alert_id"]) if tier is Tier.RESTRICTED else set()

    def image_of(alert: str, side: str) -> bytes | None:
        path = f"{RESTRICTED}/{picture_path(alert, side)}"
        return sealed.read(path) if alert in shown and sealed.holds(path) else None

    return content_from_json(values, alerts, changes, image_of)


def written_since(store: str, tier: str, since: str, lang: str, form: str, out: Path | None) -> str:
    """The bulletin that tells what is new since a run or a day, in a form: its text, or the file it went to.

    tier: name of a published one. since: as for `bulletin_since`. form: `html`, `txt`, `message`, `json` or
    `pdf`, which needs a file.

    Raises
    ------
    StoreError
        For a tier or a form that there is not, or as `bulletin_since`.
    """
    forms = {"html": html, "txt": text, "message": message, "json": changes_json, "pdf": html}
    if form not in forms:
        raise StoreError("there is no such form", got=f"--format {form}", needed=", ".join(forms))
    if tier not in (PUBLIC, RESTRICTED):
        raise StoreError("the tier is not published", got=tier, needed=f"{PUBLIC}, {RESTRICTED}")
    content = bulletin_since(store, tier_named(tier), since)
    made = forms[form](content, language(lang))
    if form != "json":
        name = (
            "bulletin-message.txt" if form == "message" else f"bulletin.{'txt' if form == 'txt' else 'html'}"
        )
        made = with_reviews(
            made, name, shown_reviews(content.alerts, language(lang), since_run=False), language(lang)
        )
    if out is None:
        return made.removesuffix("\n")
    if form == "pdf":
        return str(write_pdf(out, made, content.run.run_id))
    return str(write_checked(out, made.encode()))


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


def _alerts(run: SealedFolder, tier: Tier) -> gpd.GeoDataFrame:
    return gpd.read_parquet(io.BytesIO(run.read(f"{tier.name.lower()}/{ALERTS_FILE}")))


def _released(run: SealedFolder, tier: Tier, values: Mapping[str, Any], data_day: int) -> Released:
    """The alerts that a run gave to a tier, through the gate again."""
    rule = TierRule(
        delay_days=int(values["delay_days"]),
        grid_m=float(values["grid_m"]),
        isolated_buffer_m=0.0,
        withhold_unchecked=False,
    )
    frame = _alerts(run, tier)
    table = replace(ALERTS, columns=tuple(one for one in ALERTS.columns if one.name in frame.columns))
    return apply(table, frame, Gate(tier=tier, rule=rule, data_day=data_day))
