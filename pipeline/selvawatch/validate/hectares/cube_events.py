"""Confirmed events of a cube, as a run makes them of its tiles, and what was lost in and around each."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from scipy import ndimage

from selvawatch.core.days import to_times
from selvawatch.core.grid import Grid, Tile
from selvawatch.core.observation import Observation
from selvawatch.core.stack import UNIT_SCALE
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import name_of
from selvawatch.events.composite import loss_composite
from selvawatch.events.lineage import trace_events
from selvawatch.events.patches import EventRule, alert_pixels, minimum_px, with_expired_pixels

LATE_DAYS = 40
"""Ground that was lost so shortly before the last day need not be confirmed yet."""
_TOUCHING_PX = 1.5
"""Pixels that lie no farther than this from an event touch it."""
_NDVI = "ndvi"


@dataclass(slots=True)
class NdviKept:
    """NDVI of one stream's observations, kept while they pass."""

    stream: str
    days: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def passing(self, observations: Iterable[Observation]) -> Iterator[Observation]:
        """The observations, one after the other."""
        for observation in observations:
            if observation.stream == self.stream and _NDVI in observation.values:
                self.days.append(observation.day)
                self.values.append(observation.values[_NDVI])
            yield observation

    def fall(self, baselines: xr.Dataset, onset: np.ndarray, observations: int) -> np.ndarray:
        """NDVI fall over the first clear observations since the onset, (y, x) float32; NaN: not measured.

        onset: (y, x) day of the loss, 0 = none. observations: how many.
        """
        name = name_of(self.stream, _NDVI, "terms")
        if not self.values or name not in baselines:
            return np.full(onset.shape, np.nan, np.float32)
        stack = xr.DataArray(
            np.stack(self.values),
            dims=("time", "y", "x"),
            coords={"time": to_times(np.array(self.days))},
            attrs={"scale": UNIT_SCALE},
        )
        then = loss_composite(
            stack, xr.DataArray(onset.astype(np.int64), dims=("y", "x")), observations
        ).to_numpy()
        level = baselines[name][0].to_numpy().astype(np.float32) * np.float32(UNIT_SCALE)
        has_baseline = baselines[name_of(self.stream, _NDVI, "sigma")].to_numpy() > 0
        return np.where(has_baseline, level - then, np.float32(np.nan)).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHectares:
    """Hectares of an area's confirmed events; arrays are (events,)."""

    ha: np.ndarray
    """Pixels of each."""
    rim_ha: np.ndarray
    """Edges of its pixels that it shares with no pixel of its own, each as one pixel's ground."""
    truth_ha: np.ndarray
    """Ground lost in it, and touching it outside every other event."""
    area_truth_ha: float
    """All monitored ground that was lost: `LATE_DAYS` before the last day, or in an event."""
    unwatched_ha: float
    """Ground lost as early that was not monitored, and is in no figure above."""


def confirmed_events(
    layers: xr.Dataset, fall: np.ndarray, rule: EventRule, resolution: float, until_day: int
) -> np.ndarray:
    """Number of the confirmed event that each pixel lies in on a day, (y, x) int32; -1 = none.

    layers: `core.raster_layers.LAYERS`, (y, x). fall: (y, x), as `NdviKept.fall`. resolution: metres.
    """
    shape = fall.shape
    grid = Grid(crs="EPSG:32719", resolution=resolution, tile_px=max(shape))
    tile = Tile(grid=grid, column=0, row=0)
    pixels = alert_pixels({tile: layers.assign(fall=(("y", "x"), fall))})
    number = np.full(shape, -1, np.int32)
    if not len(pixels):
        return number
    pixels = with_expired_pixels(pixels, rule, until_day)
    lineage = trace_events(pixels, rule, grid)
    event, count = lineage.event, len(lineage)
    shown = np.bincount(event[lineage.is_shown], minlength=count)
    sure = np.bincount(event[(event >= 0) & pixels.is_sure], minlength=count)
    is_confirmed = (sure >= np.minimum(minimum_px(rule.support_ha, grid), shown)) & ~lineage.is_withdrawn
    chosen = lineage.is_shown & is_confirmed[np.maximum(event, 0)]
    order = np.full(count, -1, np.int32)
    order[is_confirmed] = np.arange(int(is_confirmed.sum()), dtype=np.int32)
    number[pixels.row[chosen] + grid.tile_px, pixels.column[chosen]] = order[event[chosen]]
    return number


def event_hectares(
    number: np.ndarray, layers: xr.Dataset, break_day: np.ndarray, days: tuple[int, int], pixel_ha: float
) -> EventHectares:
    """Hectares and truth of the events of an area.

    number: (y, x) as `confirmed_events`. break_day: (y, x) day of the loss, 0 = none. days: first and last of
    the monitoring.
    """
    first, last = days
    watched = layers["reason"].to_numpy() == Reason.MONITORED
    in_event = number >= 0
    lost = (break_day >= first) & (break_day <= np.where(in_event, last, last - LATE_DAYS))
    away, nearest = ndimage.distance_transform_edt(~in_event, return_indices=True)
    owner = np.where(away <= _TOUCHING_PX, number[tuple(nearest)], -1)
    count = int(number.max(initial=-1)) + 1
    rim = _edges(number)
    return EventHectares(
        ha=pixel_ha * np.bincount(number[in_event], minlength=count),
        rim_ha=pixel_ha * np.bincount(number[in_event], rim[in_event], count),
        truth_ha=pixel_ha * np.bincount(owner[lost & watched & (owner >= 0)], minlength=count),
        area_truth_ha=pixel_ha * int((lost & watched).sum()),
        unwatched_ha=pixel_ha * int((lost & ~watched).sum()),
    )


def _edges(number: np.ndarray) -> np.ndarray:
    """How many of a pixel's four edges it shares with no pixel of its own event, (y, x) float64."""
    padded = np.pad(number, 1, constant_values=-1)
    count = np.zeros(number.shape)
    for step in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        count += np.roll(padded, step, (0, 1))[1:-1, 1:-1] != number
    return count
