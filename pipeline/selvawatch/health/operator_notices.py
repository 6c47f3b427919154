"""What an operator should know of a store without asking `doctor`: late or failed runs, sensors, the disk."""

import datetime as dt
import shutil
from collections.abc import Iterator

from selvawatch.core.days import to_date
from selvawatch.deliver.planning import Notice
from selvawatch.health.store_findings import EVERY_DAYS, FREE_GB, blind_lines
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow


def notices_of(store: Store, today: dt.date) -> Iterator[Notice]:
    """What is wrong with a store today; what lasts is told again once a week."""
    week = today.toordinal() // 7
    latest = {run.area: run for run in store.ledger.runs()}
    for area in sorted(latest):
        yield from _of_run(latest[area], today, week)
    free = shutil.disk_usage(store.folder).free / 1e9
    if free < FREE_GB:
        yield Notice(kind="disk", occasion=str(week), text=f"{free:.1f} GB free, needed {FREE_GB:.0f} GB")


def _of_run(run: RunRow, today: dt.date, week: int) -> Iterator[Notice]:
    until = to_date(run.until_day)
    if (age := (today - until).days) > 2 * EVERY_DAYS:
        text = f"last run of area {run.area}: up to {until}, {age} days ago; see whether `serve` runs"
        yield Notice(kind="late", occasion=f"{run.area} {run.run_id} {week}", text=text)
    if failed := run.result.get("failed"):
        tile, why = min(failed.items())
        text = f"run {run.run_id}: {len(failed)} of {run.result['tiles']} tiles were left out, {tile}: {why}"
        yield Notice(kind="failed", occasion=run.run_id, text=text)
    blind = blind_lines(
        run.result.get("stale", {}),
        run.result.get("unsearched", ()),
        run.until_day,
        run.result.get("sources_stopped", ()),
    )
    if blind:
        text = "\n".join(f"run {run.run_id} of area {run.area}: {line}" for line in blind)
        occasion = " ".join([run.area, *sorted(f"{k} {v}" for k, v in run.result.get("stale", {}).items())])
        yield Notice(kind="stale", occasion=f"{occasion} {week}", text=text)
