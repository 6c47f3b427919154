"""Which detected pixels a tier does not learn of: those near guarded ground, and what joins them later."""

import math
from dataclasses import dataclass

import numpy as np
import shapely
import xarray as xr

from selvawatch.core.grid import Grid, Tile
from selvawatch.events.lineage import linked_pixels
from selvawatch.events.patches import EventRule, Pixels, touching


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Ground near which a tier learns of nothing."""

    reserves: shapely.Geometry | None
    """In the CRS of the pixels; None: nobody knows where it is."""
    checked: bool
    """Whether that is all there is."""
    buffer_m: float
    """Metres around it."""
    withhold_unchecked: bool
    """Whether a tier learns of nothing at all where nobody knows all there is."""

    @property
    def is_closed(self) -> bool:
        """Whether a tier learns of nothing at all."""
        return self.withhold_unchecked and not self.checked

    def near(self, shapes: np.ndarray) -> np.ndarray:
        """Whether each shape lies within the buffer, or might do, bool. shapes: (n,) object, geometries."""
        if self.is_closed:
            return np.ones(len(shapes), np.bool_)
        if self.reserves is None or self.reserves.is_empty or not len(shapes):
            return np.zeros(len(shapes), np.bool_)
        shapely.prepare(self.reserves)
        return np.asarray(shapely.dwithin(self.reserves, shapes, self.buffer_m), np.bool_)


def withheld_pixels(pixels: Pixels, guard: Guard, rule: EventRule, grid: Grid) -> np.ndarray:
    """Whether a tier does not learn of each pixel, (n,) bool.

    What is told of an event is told on: its pixels of before stay as they are, and what it gained on or after
    the day on which it reached the ground is as if it had never been detected, in the buffer or outside.
    An event that stopped growing on the day before gives the same pixels.
    """
    guarded = _guarded(pixels, guard, grid)
    if not guarded.any() or guarded.all():
        return guarded
    from selvawatch.events.growth import withhold  # compiled code is slow to import, and tables need none

    near = touching(pixels)
    linked = linked_pixels(pixels, near, rule.onset_gap_days)
    order = np.argsort(pixels.detected_on, kind="stable").astype(np.int32)
    withheld = np.zeros(len(pixels), np.bool_)
    withhold(order, near, linked, pixels.detected_on.astype(np.int32), guarded, withheld)
    return withheld


def _guarded(pixels: Pixels, guard: Guard, grid: Grid) -> np.ndarray:
    """Whether the square of each pixel lies within the buffer, (n,) bool."""
    if guard.is_closed or guard.reserves is None or guard.reserves.is_empty:
        return np.full(len(pixels), guard.is_closed)
    side = grid.resolution
    west = grid.anchor_x + pixels.column * side
    south = grid.anchor_y - (pixels.row + 1) * side
    bounds = guard.reserves.bounds
    margin = guard.buffer_m + side
    close = (west > bounds[0] - margin - side) & (west < bounds[2] + margin)
    close &= (south > bounds[1] - margin - side) & (south < bounds[3] + margin)
    found = np.zeros(len(pixels), np.bool_)
    found[close] = guard.near(shapely.box(west[close], south[close], west[close] + side, south[close] + side))
    return found


def as_forest(composite: xr.Dataset, pixels: Pixels, tile: Tile) -> xr.Dataset:
    """A tile's composite in which some pixels are the forest that they were: green, and no water.

    What surrounds an event speaks for its cause, and so would tell of what lies there. Where the forest was
    not measured such a pixel counts as not seen.

    composite: (y, x) float32 by index, and `ndvi_baseline`. pixels: on any tile.
    """
    side = tile.grid.tile_px
    x = pixels.column - tile.column * side
    y = pixels.row + (tile.row + 1) * side
    here = (x >= 0) & (x < side) & (y >= 0) & (y < side)
    if not here.any():
        return composite
    hidden = np.zeros((side, side), np.bool_)
    hidden[y[here], x[here]] = True
    forest = {name: math.nan for name in composite.data_vars if name != "ndvi_baseline"}
    changed = {name: composite[name].where(~hidden, value) for name, value in forest.items()}
    if "ndvi_baseline" in composite:
        changed["ndvi"] = composite["ndvi"].where(~hidden, composite["ndvi_baseline"])
    return composite.assign(changed)
