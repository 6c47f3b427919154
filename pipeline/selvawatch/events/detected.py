"""Events of an area: the one entry from tile states to events, cells and label rasters."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.core.schema import Table
from selvawatch.core.tables import CELLS, EVENTS
from selvawatch.errors import TableError
from selvawatch.events.beginning import agreed
from selvawatch.events.lineage import trace_events
from selvawatch.events.outline import outlines
from selvawatch.events.patches import EventFrame, EventRule, Pixels, alert_pixels, with_expired_pixels
from selvawatch.events.track import Looked, Patches, Tracked, cell_frame, nothing, track

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Which event each alert pixel belongs to."""

    column: np.ndarray
    """Pixels east of the grid's anchor."""
    row: np.ndarray
    """Pixels south of the grid's anchor."""
    event: np.ndarray
    """Position of the event in the EVENTS frame, int32."""

    def raster(self, tile: Tile) -> np.ndarray:
        """Positions of events over a tile, (y, x) int32; -1 = no event."""
        side = tile.grid.tile_px
        x = self.column - tile.column * side
        y = self.row + (tile.row + 1) * side
        here = (x >= 0) & (x < side) & (y >= 0) & (y < side)
        raster = np.full((side, side), -1, np.int32)
        raster[y[here], x[here]] = self.event[here]
        return raster


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What a run found: events and cells, and the pixels they stand on."""

    tracked: Tracked
    labels: Labels

    @property
    def events(self) -> gpd.GeoDataFrame:
        """EVENTS, sorted by id."""
        return self.tracked.events

    @property
    def cells(self) -> gpd.GeoDataFrame:
        """CELLS, sorted by id."""
        return self.tracked.cells


def detect_events(
    previous: Tracked | None,
    tiles: Mapping[Tile, xr.Dataset],
    event_frame: EventFrame,
    rule: EventRule,
    until_day: int,
    looked: Mapping[str, Looked],
) -> Detected:
    """Events, cells and labels of all given tiles, as `events_of` gives them.

    tiles: state (y, x) of `core.raster_layers.LAYERS` by tile; each is looked up once, so a lazy mapping
    holds one.
    """
    pixels = alert_pixels(tiles)
    return events_of(previous, pixels, sorted(tiles), event_frame, rule, until_day, looked)


def events_of(
    previous: Tracked | None,
    pixels: Pixels,
    tiles: Sequence[Tile],
    event_frame: EventFrame,
    rule: EventRule,
    until_day: int,
    looked: Mapping[str, Looked],
) -> Detected:
    """Events, cells and labels of detected pixels.

    What they are follows from the pixels alone; versions, changes and the events of other tiles from what was
    published. Causes are those of before, or unknown. Provisional events that are too unlikely to be
    confirmed are apart (`Tracked.unpublished`), and no label is theirs.

    Parameters
    ----------
    previous
        What the run before returned; None for the first run. Events on none of the tiles are carried over.
    pixels
        `alert_pixels` of the tiles, or some of them.
    tiles
        Sorted.
    until_day
        Data date of the run: what is provisional for long before it has expired, and events that have not
        grown for long before it are closed.
    looked
        Days on which each sensor looked, by tile id and sensor; events name those since they began.

    Raises
    ------
    TableError
        When an event of before lies on given tiles and on others too.
    """
    before = previous if previous is not None else nothing(event_frame.grid.crs)
    carried, worked = _split(before.events, tiles, event_frame)
    pixels = with_expired_pixels(pixels, rule, until_day)
    lineage = trace_events(pixels, rule, event_frame.grid)
    shown, event = pixels.select(lineage.is_shown), lineage.event[lineage.is_shown]
    drawn = outlines(shown, event.astype(np.int64), event_frame)
    patches = Patches(pixels=pixels, lineage=lineage, outlines=drawn)
    by_tile = [looked.get(tile.id, {}) for tile in tiles]
    events, unpublished, ids = track(worked, patches, rule, event_frame, until_day, by_tile)
    cells = cell_frame(drawn, ids, events)
    events = _with_carried(events, agreed(carried), EVENTS, "event_id")
    cells = _with_carried(
        cells, before.cells[before.cells["event_id"].isin(carried["event_id"])], CELLS, "cell_id"
    )
    position = pd.Series(np.arange(len(events), dtype=np.int32), index=events["event_id"])
    number = position.reindex(ids, fill_value=-1).to_numpy(np.int32)
    living = ~lineage.is_withdrawn[event] & (number[event] >= 0)
    log.info(
        "%d tiles: %d events of %d detected pixels, %d cells, %d events not published",
        *(len(tiles), len(ids), len(pixels), len(cells), len(unpublished)),
    )
    return Detected(
        tracked=Tracked(events=events, cells=cells, unpublished=unpublished),
        labels=Labels(column=shown.column[living], row=shown.row[living], event=number[event[living]]),
    )


def _split(
    events: gpd.GeoDataFrame, tiles: Sequence[Tile], event_frame: EventFrame
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Events on none of the tiles; events on them."""
    geometry = events.geometry.to_numpy()
    wanted = {tile.id for tile in tiles}
    inside, outside = np.zeros(len(events), np.bool_), np.zeros(len(events), np.bool_)
    missing: set[str] = set()
    for position, shape in enumerate(geometry):
        found = {tile.id for tile in event_frame.grid.tiles(shape)}
        inside[position], outside[position] = bool(found & wanted), bool(found - wanted)
        if inside[position] and outside[position] and events["status"].iloc[position] != "withdrawn":
            missing |= found - wanted
    if missing:
        raise TableError(
            "events of before lie on tiles that were not given",
            where="tracking",
            got=f"{len(wanted)} tiles",
            needed=sorted(missing)[:5],
            do="track with the states of all tiles of the area",
        )
    return events[~inside].assign(change="stable"), events[inside].reset_index(drop=True)


def _with_carried(
    frame: gpd.GeoDataFrame, carried: gpd.GeoDataFrame, table: Table, key: str
) -> gpd.GeoDataFrame:
    """Both frames in one, sorted by key."""
    if not len(carried):
        return frame
    both = pd.concat([each for each in (frame, carried) if len(each)], ignore_index=True)
    return gpd.GeoDataFrame(table.check(both.sort_values(key)), geometry="geometry", crs=frame.crs)
