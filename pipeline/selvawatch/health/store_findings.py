"""How a store stands: ledger, last run and its numbers, every file, disk."""

import contextlib
import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from selvawatch.core.days import to_date
from selvawatch.errors import DamagedError, SelvawatchError
from selvawatch.events.id_key import VARIABLE, id_key_digest, known_id_key
from selvawatch.health.delivery_findings import delivery_findings
from selvawatch.health.finding import Finding, doubtful, fine, wrong
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.register.manifest import site_snapshots
from selvawatch.site import Site
from selvawatch.store.contents import ALERTS_FILE, REPORT_FILE, RESTRICTED
from selvawatch.store.folders import Store, open_store
from selvawatch.store.inspection import Damage, committed_faults, inspect_store, is_store, snapshot_faults
from selvawatch.store.ledger import RunRow, TileRow
from selvawatch.store.ledger_file import journal_of
from selvawatch.store.run_files import read_parquet, read_seen, read_tracked
from selvawatch.store.seal import read_seal
from selvawatch.store.site_copy import read_site_copy
from selvawatch.store.tile_state import TileState

FREE_GB = 5.0
"""Free disk space below which a store is called short, GB."""
EVERY_DAYS = 3
"""Days from one scheduled run to the next, as `serve` runs unless it is told otherwise."""
HA_TOLERANCE = 1e-3
"""Hectares that a sum over cells may differ by from the sum over their pieces."""


WantedCounts = Callable[[Site, Store, str, Sequence[SceneRecord], int], Iterable[Path]]
"""Files of counts of water that a state of a tile needs, by its scene records and last day."""


def blind_lines(
    stale: Mapping[str, str], unsearched: Iterable[str], until_day: int, stopped: Iterable[str] = ()
) -> list[str]:
    """One line for each sensor that brought a run nothing new or was not searched, and each source that
    stopped while another of its sensor went on.

    stale: ISO day of the newest scene by sensor, empty: none; until_day: the run's last.
    """
    until = to_date(until_day)
    lines = [
        f"stale: {sensor}: newest scene {newest}, {(until - dt.date.fromisoformat(newest)).days} days"
        f" before {until}"
        if newest
        else f"stale: {sensor}: no scene of the area is listed"
        for sensor, newest in sorted(stale.items())
    ]
    lines += [f"not searched: {sensor}" for sensor in unsearched]
    return lines + [f"source stopped: {text}" for text in stopped]


def store_findings(
    text: str, site: Site | None, today: dt.date, *, deep: bool, wanted_counts: WantedCounts | None = None
) -> Iterator[Finding]:
    """What an operator must know of a store; nothing is written.

    site: where it could be loaded. deep: the content of every file is compared with what was written.
    wanted_counts: which counts of water a state needs; None: those that are gone are not told.
    """
    try:
        store = open_store(text)
        there = _existing(store.folder)
    except (SelvawatchError, OSError, ValueError) as error:
        yield wrong(f"store: {error}", "give another --store")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield wrong(
            f"store {store.folder}: {there} may not be written", "give another --store, or leave to write"
        )
    elif there == store.folder and not is_store(store):
        names = sorted(path.name for path in store.folder.iterdir())
        yield wrong(
            f"store {store.folder}: the folder holds other things: {', '.join(names[:3])}",
            "give a new folder as --store",
        )
        return
    yield from _ledger(store, today, deep)
    yield from _id_key(store)
    yield from _files(store, site, deep, wanted_counts)
    yield from delivery_findings(store, today)
    yield _disk(there)


def _existing(folder: Path) -> Path:
    """The folder, else the nearest one above it that is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _disk(there: Path) -> Finding:
    free = shutil.disk_usage(there).free / 1e9
    if free >= FREE_GB:
        return fine(f"{free:.1f} GB free")
    return wrong(f"{free:.1f} GB free", f"needed {FREE_GB:.0f} GB: remove old runs or give another --store")


def _ledger(store: Store, today: dt.date, deep: bool) -> Iterator[Finding]:
    """The ledger, and of each area the last run."""
    if journal_of(store.ledger.path).exists():
        yield doubtful(
            f"store {store.folder}: a commit is going on, or was cut off by a kill",
            "any other command as who runs the monitoring undoes what is half written; then ask again",
        )
        return
    if faults := store.ledger.faults():
        yield from (wrong(f"ledger: {fault}") for fault in faults)
        return
    runs = store.ledger.runs()
    if not runs:
        yield doubtful(f"store {store.folder}: no run yet", "run `selvawatch monitor`")
        return
    yield fine(f"store {store.folder}: run {runs[-1].run_id} of {len(runs)}")
    if fault := store.ledger.note_fault(deep=deep):
        yield wrong(
            f"ledger: {fault}; every row was compared, and is what was committed",
            "copy the store and check the disk; the next commit notes the file anew",
        )
    latest = {run.area: run for run in runs}
    for area in sorted(latest):
        yield from _last_run(latest[area], today)
    yield from _numbers(store, runs[-1])


def _id_key(store: Store) -> Iterator[Finding]:
    """Which secret the store's ids are made with, by its digest, and whether the next run can have it."""
    try:
        drawn, digest = id_key_digest(store.snapshots)
        if not digest:
            return
        known = known_id_key(store.snapshots)
    except SelvawatchError as error:
        yield wrong(f"ids: {error}")
        return
    begun = "the store's own" if drawn else f"declared by {VARIABLE}"
    said = f"ids: made with the secret of digest {digest}, {begun}"
    if known is not None:
        yield fine(said)
    else:
        yield doubtful(said, f"set {VARIABLE} as it was when the store began, or no run can go on")


def _last_run(run: RunRow, today: dt.date) -> Iterator[Finding]:
    """When a run was, when the next is due, what it left out and what brought it nothing new."""
    until = to_date(run.until_day)
    age, due = (today - until).days, until + dt.timedelta(days=EVERY_DAYS)
    said = f"last run of area {run.area}: up to {until}, {age} days ago; next due {due}"
    if age > 2 * EVERY_DAYS:
        yield doubtful(
            said, "it is overdue: run `selvawatch monitor --until today`, and see whether `serve` runs"
        )
    else:
        yield fine(said)
    report = run.result
    if report["failed"]:
        tile, why = min(report["failed"].items())
        yield doubtful(
            f"last run of area {run.area}: {len(report['failed'])} of {report['tiles']} tiles were left out,"
            f" {tile}: {why}",
            "run the command again",
        )
    blind = blind_lines(
        report.get("stale", {}),
        report.get("unsearched", ()),
        run.until_day,
        report.get("sources_stopped", ()),
    )
    for line in blind:
        yield doubtful(
            f"last run of area {run.area}: {line}",
            "see whether its archive still brings scenes (`selvawatch scenes`), or name another in [sources]",
        )
    if not blind and report.get("newest_scenes"):
        newest = ", ".join(f"{sensor} {day}" for sensor, day in sorted(report["newest_scenes"].items()))
        yield fine(f"last run of area {run.area}: newest scenes listed: {newest}")


def _numbers(store: Store, run: RunRow) -> Iterator[Finding]:
    """Whether the current run's report says what its files hold."""
    do = "restore the run's folder and the ledger from one copy of the store"
    try:
        faults = list(_disagreements(store, run))
    except SelvawatchError as error:
        yield wrong(f"numbers of the last run cannot be held against its files: {error}", do)
        return
    for fault in faults:
        yield wrong(f"numbers of the last run: {fault}", do)
    if not faults:
        yield fine(
            f"numbers of the last run are those of its files: {run.result['events']} events,"
            f" {run.result['loss_ha']:.2f} ha"
        )


def _other_hectares(said: Mapping[str, Any], cells: pd.DataFrame) -> Iterator[str]:
    """That a run's hectares are not those of its cells.

    Runs of before this was so counted provisional loss too; what people found to be no loss is not counted,
    and the cells do not say which they are.
    """
    ha, every = float(cells.loc[cells["status"] != "provisional", "ha"].sum()), float(cells["ha"].sum())
    loss = float(said["loss_ha"])
    if said.get("reviews"):
        agrees = loss <= every + HA_TOLERANCE
    else:
        agrees = min(abs(loss - ha), abs(loss - every)) <= HA_TOLERANCE
    if not agrees:
        yield f"loss_ha is {loss:.3f}, its cells add up to {ha:.3f}"


def _disagreements(store: Store, run: RunRow) -> Iterator[str]:
    """What a run's report and its files say differently; DamagedError where they cannot be read."""
    folder, said = store.run(run.run_id), run.result
    sealed, tracked = read_seal(folder), read_tracked(folder)
    written, ledger = sealed.read_json(REPORT_FILE), json.loads(json.dumps(said))
    for key in sorted({*written, *ledger}):
        if written.get(key) != ledger.get(key):
            yield f"{key} is {written.get(key)} in {REPORT_FILE}, {ledger.get(key)} in the ledger"
    live = tracked.events[tracked.events["status"] != "withdrawn"]
    cells = tracked.cells[tracked.cells["status"] != "withdrawn"]
    held = {
        "events": len(live),
        "events_confirmed": int((live["status"] == "confirmed").sum()),
        "events_closed": int((live["status"] == "closed").sum()),
        "events_new": int((live["change"] == "new").sum()),
    }
    for key, count in held.items():
        if key in said and said[key] != count:
            yield f"{key} is {said[key]}, its files hold {count}"
    yield from _other_hectares(said, cells)
    alerts = read_parquet(sealed, f"{RESTRICTED}/{ALERTS_FILE}")
    if unknown := sorted(set(alerts["alert_id"]) - {one.alert_id for one in store.ledger.alerts()}):
        yield f"{len(unknown)} alerts of its files are not in the ledger, the first {unknown[0]}"


def _files(
    store: Store, site: Site | None, deep: bool, wanted_counts: WantedCounts | None
) -> Iterator[Finding]:
    """Every file of the store: damaged, missing, of no kind, left by a kill."""
    found = inspect_store(store, deep=deep)
    damages = list(
        {
            (one.path, one.what): one for one in (*found.damages, *_missing(store, site, wanted_counts))
        }.values()
    )
    for damage in damages:
        yield wrong(f"damaged: {damage.path}: {_short(damage)}", damage.do)
    for path in found.unknown:
        yield doubtful(f"unknown file: {path}: nothing of the program wrote it", "move it out of the store")
    if found.leftovers:
        yield doubtful(
            f"{len(found.leftovers)} files or folders are being written, or were when a run was killed,"
            f" such as {found.leftovers[0].name}",
            "nothing: the next run removes what is left of killed ones",
        )
    if not damages and found.counts:
        files = sum(found.counts.values())
        yield fine(
            f"files: {files} are what was written, content and all"
            if deep
            else f"files: {files} have their names and sizes; `selvawatch doctor --deep` compares content too"
        )


def _missing(store: Store, site: Site | None, wanted_counts: WantedCounts | None) -> list[Damage]:
    """What the ledger and the last run name and the store lacks; of what cannot be read nothing is known."""
    if journal_of(store.ledger.path).exists():
        return []
    missing: list[Damage] = []
    with contextlib.suppress(SelvawatchError):
        missing += committed_faults(store)
    if site is None:
        return missing
    with contextlib.suppress(SelvawatchError):
        missing += _missing_counts(store, site, wanted_counts) if wanted_counts else []
    with contextlib.suppress(SelvawatchError):
        missing += _missing_snapshots(store, site)
    return missing


def _missing_snapshots(store: Store, site: Site) -> list[Damage]:
    """Snapshots of layers that the current run saw, but for those that come with the site."""
    current = store.ledger.current()
    if current is None:
        return []
    packaged = site_snapshots(site.manifest, site.zones_folder)
    seen = read_seen(store.run(current.run_id)) or set()
    return snapshot_faults(store, seen - {(one.layer, str(one.date), one.sha256) for one in packaged})


def _missing_counts(store: Store, site: Site, wanted_counts: WantedCounts) -> list[Damage]:
    """Counts of water that states need and the store lacks; where the site was edited none are known."""
    copied = read_site_copy(store)
    if copied is None or copied.digest != site.digest:
        return []
    wanted = {
        path
        for tile, row in store.ledger.tiles().items()
        for records, until_day in _recorded(store, row)
        for day in (until_day, site.delayed_day(until_day))
        if day
        for path in wanted_counts(site, store, tile, records, day)
    }
    do = "the next run that finds something new counts it again from the observations"
    return [
        Damage(path=path, what="the counts of water are missing", do=do)
        for path in sorted(wanted)
        if not path.exists()
    ]


def _recorded(store: Store, row: TileRow) -> Iterator[tuple[Sequence[SceneRecord], int]]:
    """Scene records and last day of a tile's state, and of the one before where it can be read."""
    names = ("scene_id", "digest", "sensor", "stream", "day", "state", "clear_share")
    yield (
        [
            SceneRecord(**{name: getattr(one, name) for name in names})
            for one in store.ledger.scenes()
            if one.tile == row.tile and one.state == "read"
        ],
        row.until_day,
    )
    if row.before:
        with contextlib.suppress(DamagedError):
            state = TileState.read(store.state(row.tile, row.before))
            yield state.scene_records, state.until_day


def _short(damage: Damage) -> str:
    """What is wrong with a file, without its path where that stands in it again."""
    return damage.what.removeprefix(f"{damage.path}: ")
