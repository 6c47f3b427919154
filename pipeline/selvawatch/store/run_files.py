"""Events, cells and which snapshots of layers it saw, as a run keeps them for the next run and for tables."""

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from selvawatch.core.files import write_text
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.core.tier import Tier
from selvawatch.errors import StoreError
from selvawatch.events.track import Tracked
from selvawatch.register.manifest import Snapshot
from selvawatch.store.contents import (
    BULLETINS,
    CELLS_FILE,
    CONTENT_FILE,
    COUNTED_FILE,
    EVENTS_FILE,
    INTERNAL,
    PUBLISHED_FILE,
    SNAPSHOTS_FILE,
    UNPUBLISHED_FILE,
)
from selvawatch.store.seal import SealedFolder, read_seal


def read_tracked(run: Path, tier: Tier = Tier.RESTRICTED) -> Tracked:
    """Events and cells as a tier learned of them in a run, as it wrote them below its folder.

    Raises
    ------
    StoreError
        When the run is of a version that kept none for the tier.
    DamagedError
        When the folder is missing, or a file is not what the run wrote.
    """
    opened, folder = read_seal(run), tracked_folder(tier)
    if not opened.holds(f"{folder}/{EVENTS_FILE}"):
        raise StoreError(
            "the run keeps no events of the tier",
            where=run,
            got="a run of an earlier version",
            needed=tier.name.lower(),
            do="run `selvawatch monitor` to a later day, or ask for --tier restricted",
        )
    events = read_parquet(opened, f"{folder}/{EVENTS_FILE}")
    for name in ("chance", "ha_subpixel"):
        if name not in events:  # runs of before there was such a column
            events[name] = np.nan
    cells = read_parquet(opened, f"{folder}/{CELLS_FILE}")
    return Tracked(
        events=gpd.GeoDataFrame(EVENTS.check(events), geometry="geometry", crs=events.crs),
        cells=gpd.GeoDataFrame(CELLS.check(cells), geometry="geometry", crs=cells.crs),
    )


def keeps_tracked(run: Path, tier: Tier) -> bool:
    """Whether a run kept events of a tier; DamagedError when its folder is missing."""
    return read_seal(run).holds(f"{tracked_folder(tier)}/{EVENTS_FILE}")


def tracked_folder(tier: Tier) -> str:
    """Folder below a run that holds what the next run and tables read of a tier."""
    return INTERNAL if tier is Tier.RESTRICTED else f"{INTERNAL}/{tier.name.lower()}"


def read_parquet(opened: SealedFolder, name: str) -> gpd.GeoDataFrame:
    """A GeoParquet file of a sealed folder; DamagedError when it is not what was written."""
    return gpd.read_parquet(io.BytesIO(opened.read(name)))


def write_tracked(run: Path, tracked: Tracked, tier: Tier = Tier.RESTRICTED) -> None:
    """Write events and cells of a tier below a run's folder, for the next run and for tables; and the events
    that are not published, for nobody but who opens the file.
    """
    folder = run / tracked_folder(tier)
    folder.mkdir(parents=True, exist_ok=True)
    tracked.events.to_parquet(folder / EVENTS_FILE, index=False)
    tracked.cells.to_parquet(folder / CELLS_FILE, index=False)
    if tracked.unpublished is not None:
        tracked.unpublished.to_parquet(folder / UNPUBLISHED_FILE, index=False)


def read_published(run: Path, tier: Tier) -> frozenset[str] | None:
    """Ids of all events that a tier was given until a run; None for a run that did not note them.

    Raises
    ------
    DamagedError
        When the folder is missing, or the file is not what the run wrote.
    """
    opened, name = read_seal(run), f"{bulletin_folder(tier)}/{PUBLISHED_FILE}"
    return frozenset(opened.read_json(name)) if opened.holds(name) else None


def write_published(run: Path, ids: Iterable[str], tier: Tier) -> None:
    """Note below a run's folder the ids of all events that a tier was given until it."""
    write_text(run / bulletin_folder(tier) / PUBLISHED_FILE, json.dumps(sorted(ids), indent=0) + "\n")


def bulletin_folder(tier: Tier) -> str:
    """Folder below a run that keeps what the bulletin of a tier says besides its rows."""
    return f"{BULLETINS}/{tier.name.lower()}"


COUNTED_COLUMNS = ("cell_id", "event_id", "status", "cause", "mining_probability", "onset", "ha")
"""Columns of CELLS that a run keeps of what a tier's figures count."""


def read_counted(run: SealedFolder, tier: Tier) -> pd.DataFrame:
    """The cells that the figures of a tier count, without their outlines; DamagedError as `read_seen`."""
    return pd.read_parquet(io.BytesIO(run.read(f"{bulletin_folder(tier)}/{COUNTED_FILE}")))


def write_content(run: Path, values: Mapping[str, Any], cells: pd.DataFrame, tier: Tier) -> None:
    """Note below a run's folder what the bulletin of a tier says besides its rows, and the CELLS counted."""
    folder = run / bulletin_folder(tier)
    folder.mkdir(parents=True, exist_ok=True)
    cells[list(COUNTED_COLUMNS)].to_parquet(folder / COUNTED_FILE, index=False)
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    write_text(folder / CONTENT_FILE, text + "\n")


def read_seen(run: Path) -> set[tuple[str, str, str]] | None:
    """Layer, ISO day and sha256 of each snapshot that a run saw; None for a run that did not note them.

    Raises
    ------
    DamagedError
        When the folder is missing, or the file is not what the run wrote.
    """
    opened = read_seal(run)
    if not opened.holds(f"{INTERNAL}/{SNAPSHOTS_FILE}"):
        return None
    rows = opened.read_json(f"{INTERNAL}/{SNAPSHOTS_FILE}")
    return {(one["layer"], one["date"], one["sha256"]) for one in rows}


def write_seen(folder: Path, snapshots: Iterable[Snapshot]) -> None:
    """Note which snapshots of layers a run saw."""
    seen = sorted((one.layer, one.date.isoformat(), one.sha256) for one in snapshots)
    rows = [dict(zip(("layer", "date", "sha256"), row, strict=True)) for row in seen]
    write_text(folder / SNAPSHOTS_FILE, json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
