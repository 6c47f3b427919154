"""Events and cells as a run keeps them for the next run and for tables."""

from pathlib import Path

import geopandas as gpd

from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.events.track import Tracked


def read_tracked(folder: Path) -> Tracked:
    """Events and cells as a run wrote them."""
    events = gpd.read_parquet(folder / "events.parquet")
    cells = gpd.read_parquet(folder / "cells.parquet")
    return Tracked(
        events=gpd.GeoDataFrame(EVENTS.check(events), geometry="geometry", crs=events.crs),
        cells=gpd.GeoDataFrame(CELLS.check(cells), geometry="geometry", crs=cells.crs),
    )


def write_tracked(folder: Path, tracked: Tracked) -> None:
    """Write events and cells for the next run."""
    folder.mkdir(parents=True)
    tracked.events.to_parquet(folder / "events.parquet", index=False)
    tracked.cells.to_parquet(folder / "cells.parquet", index=False)
