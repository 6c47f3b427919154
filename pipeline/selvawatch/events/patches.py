"""Detected pixels of all tiles as one sparse table, and which of them touch.

They are held in the numbers of the grid's own pixels, so that no result can depend on how the ground is cut
into tiles and no raster larger than a tile is ever made.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import xarray as xr
from pyproj import CRS

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.status import Confidence, Status
from selvawatch.events.calibrated.chance_rule import ChanceRule
from selvawatch.events.calibrated.interval_rule import IntervalRule

LIVE = (Status.PROVISIONAL, Status.CONFIRMED, Status.CLOSED)
"""Statuses of pixels that are loss; a withdrawn pixel is none."""

DETECTED = (*LIVE, Status.WITHDRAWN)
"""Statuses of pixels that were provisional at least once."""


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
    measured_share: float
    """Share of an event's pixels whose falls must be known before they say anything of its hectares."""
    expire_after_days: int = 0
    """Days as provisional after which an unconfirmed pixel is withdrawn; 0, as of old files: never."""
    interval: IntervalRule | None = None
    """How far hectares of confirmed events may be off; None: nothing tells."""
    chance: ChanceRule | None = None
    """How likely provisional events are to be confirmed; None: nothing tells, and all are published."""

    def __post_init__(self) -> None:
        """Refuse numbers that contradict each other."""
        if self.min_ha < 0 or self.support_ha < 0:
            raise ValueError(f"min_ha {self.min_ha} and support_ha {self.support_ha} must not be negative")
        if self.loss_looks < 1 or not 0 <= self.lost_share <= 1 or not 0 < self.core_quantile < 1:
            raise ValueError(
                "need loss_looks >= 1, lost_share 0 to 1, core_quantile between 0 and 1;"
                f" got {self.loss_looks}, {self.lost_share} and {self.core_quantile}"
            )
        if not 0 <= self.measured_share <= 1:
            raise ValueError(f"measured_share is {self.measured_share}, need 0 to 1")
        if not 0 <= self.least_fall <= self.bare_fall:
            raise ValueError(f"need 0 <= least_fall <= bare_fall, got {self.least_fall} and {self.bare_fall}")
        if self.expire_after_days < 0:
            raise ValueError(f"expire_after_days is {self.expire_after_days}, need 0 (never) or more")
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
    id_key: bytes = b""
    """Secret that the last part of an id is made with, so that it does not tell the pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """Detected pixels as columns of equal length, sorted by row and column; days as int32, 0 = never."""

    column: np.ndarray
    """Pixels east of the grid's anchor, int64."""
    row: np.ndarray
    """Pixels south of the grid's anchor (negative north of it), int64."""
    status: np.ndarray
    """`Status` code, uint8: live, or withdrawn."""
    confidence: np.ndarray
    """`Confidence` code, uint8."""
    onset: np.ndarray
    """Of a withdrawn pixel the day it became provisional."""
    onset_earliest: np.ndarray
    onset_latest: np.ndarray
    detected_on: np.ndarray
    provisional_on: np.ndarray
    confirmed_on: np.ndarray
    withdrawn_on: np.ndarray
    observations: np.ndarray
    """Days with a usable observation since the onset, int32; 0 of a withdrawn pixel, whose run is over."""
    fall: np.ndarray
    """NDVI fall at the loss, float32; NaN = not measured."""
    tile: np.ndarray
    """Position of the pixel's tile among the sorted tiles, int32."""
    is_expired: np.ndarray
    """Whether each was withdrawn because it was not confirmed in time (`with_expired_pixels`), bool."""

    def __len__(self) -> int:
        return len(self.column)

    @property
    def is_live(self) -> np.ndarray:
        """Whether each pixel is loss as things stand, bool."""
        return self.status != Status.WITHDRAWN

    @property
    def is_sure(self) -> np.ndarray:
        """Whether each pixel is confirmed, bool."""
        return np.isin(self.status, (int(Status.CONFIRMED), int(Status.CLOSED)))

    def select(self, which: np.ndarray) -> "Pixels":
        """The pixels at positions, or where a mask is True. which: (m,) int positions, or (n,) bool."""
        return Pixels(**{field.name: getattr(self, field.name)[which] for field in fields(self)})


_DAYS = (
    "onset",
    "onset_earliest",
    "onset_latest",
    "detected_on",
    "provisional_on",
    "confirmed_on",
    "withdrawn_on",
)


def alert_pixels(tiles: Mapping[Tile, xr.Dataset]) -> Pixels:
    """Detected pixels of all tiles: live ones and withdrawn ones.

    Parameters
    ----------
    tiles
        State (y, x) of `core.raster_layers.LAYERS` by tile, and `fall` (of NDVI at the loss) where it was
        measured; read one after the other and let go.
    """
    parts: list[Pixels] = []
    for number, tile in enumerate(sorted(tiles)):
        state = tiles[tile]
        status = np.asarray(state["status"].values)
        y, x = np.nonzero(np.isin(status, [int(code) for code in DETECTED]))
        days = {name: state[name].values[y, x].astype(np.int32) for name in _DAYS}
        first = np.where(days["provisional_on"] > 0, days["provisional_on"], days["onset"])
        days["detected_on"] = np.where(days["detected_on"] > 0, days["detected_on"], first)
        days["onset"] = np.where(days["onset"] > 0, days["onset"], first)
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
                is_expired=np.zeros(len(y), np.bool_),
                observations=state["looks"].values[y, x].astype(np.int32),
                **days,
            )
        )
    pixels = _joined(parts)
    return pixels.select(np.lexsort((pixels.column, pixels.row)))


def _joined(parts: list[Pixels]) -> Pixels:
    if not parts:
        columns = {field.name: np.zeros(0, np.int32) for field in fields(Pixels)}
        columns |= {name: np.zeros(0, np.int64) for name in ("column", "row")}
        return Pixels(**(columns | {"is_expired": np.zeros(0, np.bool_)}))
    return Pixels(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Pixels)
        }
    )


def with_expired_pixels(pixels: Pixels, rule: EventRule, until_day: int) -> Pixels:
    """The pixels as of a day: those that expired by then are withdrawn, each since the day it expired.

    Their onset stays that of their evidence, so that each lies in the patch that it was live with. It is read
    from the day on which a pixel became provisional and the day that is asked for, so that it does not matter
    when runs were. A tile's running state knows nothing of it: a pixel that is confirmed after all is loss
    again on that day, and its event goes on under its id.
    """
    expired = _expired(pixels.status, pixels.provisional_on, rule, until_day)
    if not expired.any():
        return pixels
    return replace(
        pixels,
        status=np.where(expired, np.uint8(Status.WITHDRAWN), pixels.status),
        confidence=np.where(expired, np.uint8(Confidence.NONE), pixels.confidence),
        withdrawn_on=np.where(
            expired, pixels.provisional_on + rule.expire_after_days + 1, pixels.withdrawn_on
        ),
        is_expired=expired,
    )


def with_expired_layers(layers: xr.Dataset, rule: EventRule, until_day: int) -> xr.Dataset:
    """Layers of `core.raster_layers.LAYERS`, (y, x), as of a day, as `with_expired_pixels`.

    A pixel that expired is shown as withdrawn ones are: its onset is the day it became provisional.
    """
    provisional_on = layers["provisional_on"].astype(np.int32)
    expired = _expired(layers["status"].to_numpy(), provisional_on.to_numpy(), rule, until_day)
    if not expired.any():
        return layers
    shown = {
        "status": int(Status.WITHDRAWN),
        "confidence": int(Confidence.NONE),
        "onset": provisional_on,
        "onset_earliest": 0,
        "onset_latest": provisional_on,
        "withdrawn_on": provisional_on + rule.expire_after_days + 1,
        "looks": 0,
    }
    kept = xr.DataArray(~expired, dims=("y", "x"))
    return layers.assign(
        {name: layers[name].where(kept, values).astype(layers[name].dtype) for name, values in shown.items()}
    )


def _expired(status: np.ndarray, provisional_on: np.ndarray, rule: EventRule, until_day: int) -> np.ndarray:
    """Which pixels are provisional and expired by a day, bool, of the shape given."""
    if not rule.expire_after_days:
        return np.zeros(status.shape, np.bool_)
    waited = until_day - provisional_on.astype(np.int64)
    return np.asarray((status == Status.PROVISIONAL) & (waited > rule.expire_after_days))


def minimum_px(hectares: float, grid: Grid) -> int:
    """Pixels that make up an area, at least 1."""
    return max(1, math.ceil(hectares / grid.pixel_ha - 1e-9))


def touching(pixels: Pixels) -> np.ndarray:
    """Positions of the pixels that touch each, (n, 8) int32; -1 = none there."""
    count = len(pixels)
    table = np.full((count, 8), -1, np.int32)
    if not count:
        return table
    columns = pixels.column - pixels.column.min() + 1
    width = int(columns.max()) + 2
    keys = (pixels.row - pixels.row.min()) * width + columns
    for side, step in enumerate((1, width - 1, width, width + 1)):
        there = np.minimum(np.searchsorted(keys, keys + step), count - 1)
        here = np.flatnonzero(keys[there] == keys + step)
        table[here, side] = there[here]
        table[there[here], side + 4] = here
    return table
