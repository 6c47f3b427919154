"""Events, cells and which snapshots of layers it saw, as a run keeps them for the next run and for tables."""

import json
from collections.abc import Iterable
from pathlib import Path

import geopandas as gpd

from selvawatch.core.files import write_text
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.events.track import Tracked
from selvawatch.register.manifest import Snapshot
from selvawatch.store.contents import CELLS_FILE, EVENTS_FILE, SNAPSHOTS_FILE


def read_tracked(folder: Path) -> Tracked:
    """Events and cells as a run wrote them."""
    events = gpd.read_parquet(folder / EVENTS_FILE)
    cells = gpd.read_parquet(folder / CELLS_FILE)
    return Tracked(
        events=gpd.GeoDataFrame(EVENTS.check(events), geometry="geometry", crs=events.crs),
        cells=gpd.GeoDataFrame(CELLS.check(cells), geometry="geometry", crs=cells.crs),
    )


def write_tracked(folder: Path, tracked: Tracked) -> None:
    """Write events and cells for the next run."""
    folder.mkdir(parents=True)
    tracked.events.to_parquet(folder / EVENTS_FILE, index=False)
    tracked.cells.to_parquet(folder / CELLS_FILE, index=False)


def read_seen(folder: Path) -> set[tuple[str, str, str]] | None:
    """Layer, ISO day and sha256 of each snapshot that a run saw; None for a run that did not note them."""
    path = folder / SNAPSHOTS_FILE
    if not path.exists():
        return None
    return {
        (one["layer"], one["date"], one["sha256"]) for one in json.loads(path.read_text(encoding="utf-8"))
    }


def write_seen(folder: Path, snapshots: Iterable[Snapshot]) -> None:
    """Note which snapshots of layers a run saw."""
    seen = sorted((one.layer, one.date.isoformat(), one.sha256) for one in snapshots)
    rows = [dict(zip(("layer", "date", "sha256"), row, strict=True)) for row in seen]
    write_text(folder / SNAPSHOTS_FILE, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
