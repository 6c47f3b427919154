"""Patches: alert pixels of all tiles that touch and began at a like time, whatever tiles they lie in.

Only alert pixels are held, as a sparse table in the grid's own pixel numbers, so that no result can depend on
how the ground is cut into tiles and no raster larger than a tile is ever made.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import shapely
import xarray as xr
from pyproj import CRS
from rasterio.features import rasterize

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.status import Status

LIVE = (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED)
"""Statuses of pixels that are loss; a withdrawn pixel is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRule:
    """Numbers that turn alert pixels into events; values in `models/events.toml`."""

    min_ha: float
    """Smallest patch that becomes an event, hectares of the pixel CRS."""
    onset_gap_days: int
    """Largest difference of onset between touching pixels of one event, days."""
    support_ha: float
    """Area that must hold a status or confidence before the event does, hectares of the pixel CRS."""
    close_after_days: int
    """Days without growth after which a confirmed event is closed."""
    loss_looks: int
    """First clear observations since the onset that tell how much of a pixel was lost (`loss_composite`)."""
    lost_share: float
    """Share of a pixel that must be lost: its fall against that of the event's core."""
    core_quantile: float
    """Quantile of the falls of an event's pixels that stands for its core."""
    bare_fall: float
    """NDVI fall from forest to bare soil: a core of water, which falls further, shuts out no soil."""
    least_fall: float
    """NDVI fall below which a pixel was not lost at all, whatever its core."""

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if self.min_ha < 0 or self.support_ha < 0:
            raise ValueError(f"min_ha {self.min_ha} and support_ha {self.support_ha} must not be negative")
        if self.loss_looks < 1 or not 0 <= self.lost_share <= 1 or not 0 < self.core_quantile < 1:
            raise ValueError(
                "need loss_looks >= 1, lost_share 0 to 1, core_quantile between 0 and 1;"
                f" got {self.loss_looks}, {self.lost_share} and {self.core_quantile}"
            )
        if not 0 <= self.least_fall <= self.bare_fall:
            raise ValueError(f"need 0 <= least_fall <= bare_fall, got {self.least_fall} and {self.bare_fall}")
        if not 0 <= self.onset_gap_days < self.close_after_days:
            raise ValueError(
                f"onset_gap_days is {self.onset_gap_days}, need 0 or more and less than"
                f" close_after_days {self.close_after_days}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFrame:
    """An event frame: where events lie, in which CRS their hectares are taken, and how they are named."""

    grid: Grid
    equal_area: CRS
    """CRS in which hectares are taken (`core.hectares`)."""
    prefix: str
    """First part of every event id, such as `MDD`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Alert pixels as columns of equal length, sorted by row and column; days as int32, 0 = never."""

    column: np.ndarray
    """Pixels east of the grid's anchor, int64."""
    row: np.ndarray
    """Pixels south of the grid's anchor (negative north of it), int64."""
    status: np.ndarray
    """`Status` code, uint8."""
    confidence: np.ndarray
    """`Confidence` code, uint8."""
    onset: np.ndarray
    onset_earliest: np.ndarray
    onset_latest: np.ndarray
    provisional_on: np.ndarray
    confirmed_on: np.ndarray
    observations: np.ndarray
    """Days with a usable observation since the onset, int32."""
    fall: np.ndarray
    """NDVI fall at the loss, float32; NaN = not measured."""
    tile: np.ndarray
    """Position of the pixel's tile among the sorted tiles, int32."""
    previous: np.ndarray
    """Position of the previous event that covered the pixel, int32; -1 = none."""

    def __len__(self) -> int:
        return len(self.column)

    def select(self, which: np.ndarray) -> "Pixels":
        """The pixels at positions, or where a mask is True. which: (m,) int positions, or (n,) bool."""
        return Pixels(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


_DAYS = ("onset", "onset_earliest", "onset_latest", "provisional_on", "confirmed_on")


def alert_pixels(tiles: Mapping[Tile, xr.Dataset], previous: np.ndarray) -> tuple[Pixels, np.ndarray]:
    """Live pixels of all tiles, and for each previous event how many of its pixels are withdrawn.

    Parameters
    ----------
    tiles
        State (y, x) of `core.raster_layers.LAYERS` by tile, and `fall` (of NDVI at the loss) where it was
        measured; read one after the other and let go.
    previous
        Geometries of the previous events in the grid's CRS; where two overlap the later one counts.
    """
    parts: list[Pixels] = []
    withdrawn = np.zeros(len(previous), np.int64)
    tree = shapely.STRtree(previous)
    for number, tile in enumerate(sorted(tiles)):
        state = tiles[tile]
        status = np.asarray(state["status"].values)
        owner = _owners(tile, previous, tree)
        gone = owner[(status == Status.WITHDRAWN) & (owner >= 0)]
        withdrawn += np.bincount(gone, minlength=len(previous))
        y, x = np.nonzero(np.isin(status, [int(code) for code in LIVE]))
        days = {name: state[name].values[y, x].astype(np.int32) for name in _DAYS}
        parts.append(
            Pixels(
                column=x.astype(np.int64) + tile.column * tile.grid.tile_px,
                row=y.astype(np.int64) - (tile.row + 1) * tile.grid.tile_px,
                status=status[y, x].astype(np.uint8),
                confidence=state["confidence"].values[y, x].astype(np.uint8),
                fall=(
                    state["fall"].values[y, x].astype(np.float32)
                    if "fall" in state
                    else np.full(len(y), np.nan, np.float32)
                ),
                tile=np.full(len(y), number, np.int32),
                previous=owner[y, x],
                observations=state["looks"].values[y, x].astype(np.int32),
                **days,
            )
        )
    pixels = _joined(parts)
    return pixels.select(np.lexsort((pixels.column, pixels.row))), withdrawn


def _owners(tile: Tile, previous: np.ndarray, tree: shapely.STRtree) -> np.ndarray:
    """Position of the previous event over each pixel centre, (y, x) int32, -1 = none."""
    shape = (tile.grid.tile_px, tile.grid.tile_px)
    near = np.sort(tree.query(tile.polygon))
    if not len(near):
        return np.full(shape, -1, np.int32)
    return rasterize(
        [(previous[position], int(position)) for position in near],
        out_shape=shape,
        transform=tile.transform,
        fill=-1,
        dtype=np.int32,
    )


def _joined(parts: list[Pixels]) -> Pixels:
    if not parts:
        columns = {field.name: np.zeros(0, np.int32) for field in fields(Pixels)}
        return Pixels(**(columns | {name: np.zeros(0, np.int64) for name in ("column", "row")}))
    return Pixels(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Pixels)
        }
    )


def minimum_px(hectares: float, grid: Grid) -> int:
    """Pixels that make up an area, at least 1."""
    return max(1, math.ceil(hectares / grid.pixel_ha - 1e-9))


def patch_labels(pixels: Pixels, onset_gap_days: int, frozen: np.ndarray) -> np.ndarray:
    """Patch number of each pixel, int64, numbered by first pixel in row and column order.

    Pixels belong together when they touch (8 neighbours), their onsets are no further apart than the gap, and
    they have the same `frozen` code (closed events, to which nothing is added any more; -1 elsewhere).
    """
    from scipy.sparse import coo_array  # slow to import, and tables need only the rule above
    from scipy.sparse.csgraph import connected_components

    count = len(pixels)
    if not count:
        return np.zeros(0, np.int64)
    columns = pixels.column - pixels.column.min() + 1
    width = int(columns.max()) + 2
    keys = (pixels.row - pixels.row.min()) * width + columns
    pixels_here, pixels_there = [], []
    for step in (1, width - 1, width, width + 1):
        there = np.minimum(np.searchsorted(keys, keys + step), count - 1)
        like = keys[there] == keys + step
        like &= np.abs(pixels.onset - pixels.onset[there]) <= onset_gap_days
        like &= frozen == frozen[there]
        pixels_here.append(np.flatnonzero(like))
        pixels_there.append(there[like])
    here, there = np.concatenate(pixels_here), np.concatenate(pixels_there)
    links = coo_array((np.ones(len(here), np.bool_), (here, there)), shape=(count, count))
    _, found = connected_components(links, directed=False)
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def mostly_lost(pixels: Pixels, labels: np.ndarray, rule: EventRule) -> np.ndarray:
    """Whether each pixel was lost for the most part, bool: its NDVI fall against that of its patch's core.

    A sensor of 30 m, a radar box and mixed pixels spread a loss over its rim; the fall of the first
    observations tells what was lost. A pixel whose fall was not measured is kept.

    labels: (n,) int patch of each pixel; so is what comes back.
    """
    known = np.flatnonzero(np.isfinite(pixels.fall))
    if not known.size:
        return np.ones(len(pixels), np.bool_)
    order = known[np.lexsort((pixels.fall[known], labels[known]))]
    patch, first, count = np.unique(labels[order], return_index=True, return_counts=True)
    core = np.full(int(labels.max()) + 1, np.nan, np.float32)
    position = first + np.floor((count - 1) * rule.core_quantile).astype(np.int64)
    core[patch] = pixels.fall[order[position]]
    needed = np.maximum(rule.least_fall, rule.lost_share * np.minimum(core, rule.bare_fall))
    return ~(pixels.fall < needed[labels])
