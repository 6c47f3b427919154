"""Places under observation: what would be events if every suspect pixel were told of, and unlikely events.

They are counted, and nothing else is said of them: few of them come to anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import shapely

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.status import Confidence, Status
from selvawatch.events.lineage import trace_events
from selvawatch.events.linking import pixels_of
from selvawatch.events.patches import EventRule, Pixels, with_expired_pixels
from selvawatch.events.withheld import Guard, withheld_pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderObservation:
    """Pixels of patches that are under observation, as columns of equal length."""

    column: np.ndarray
    """Pixels east of the grid's anchor, int64."""
    row: np.ndarray
    """Pixels south of the grid's anchor, int64."""
    patch: np.ndarray
    """Number of the patch of each pixel, from 0, int64."""

    @property
    def count(self) -> int:
        """How many patches there are."""
        return int(self.patch.max(initial=-1)) + 1


def suspect_pixels(since: Mapping[Tile, np.ndarray]) -> Pixels:
    """Suspect pixels as if they were provisional since they are suspect.

    since: (y, x) day by tile, 0 = not suspect (`detect.fusion.suspect_since`).
    """
    numbers, rows, columns, days = [], [], [], []
    for number, tile in enumerate(sorted(since)):
        y, x = np.nonzero(since[tile])
        numbers.append(np.full(len(y), number, np.int32))
        rows.append(y.astype(np.int64) - (tile.row + 1) * tile.grid.tile_px)
        columns.append(x.astype(np.int64) + tile.column * tile.grid.tile_px)
        days.append(since[tile][y, x].astype(np.int32))
    day = np.concatenate([np.zeros(0, np.int32), *days])
    never = np.zeros(len(day), np.int32)
    return Pixels(
        column=np.concatenate([np.zeros(0, np.int64), *columns]),
        row=np.concatenate([np.zeros(0, np.int64), *rows]),
        status=np.full(len(day), Status.PROVISIONAL, np.uint8),
        confidence=np.full(len(day), Confidence.LOW, np.uint8),
        onset=day,
        onset_earliest=never,
        onset_latest=day,
        detected_on=day,
        provisional_on=day,
        confirmed_on=never,
        withdrawn_on=never,
        observations=never,
        fall=np.full(len(day), np.nan, np.float32),
        tile=np.concatenate([np.zeros(0, np.int32), *numbers]),
        is_expired=np.zeros(len(day), np.bool_),
    )


def patches_under_observation(
    pixels: Pixels,
    suspects: Pixels,
    unpublished: Sequence[shapely.Geometry],
    guard: Guard | None,
    rule: EventRule,
    grid: Grid,
    until_day: int,
) -> UnderObservation:
    """Patches of an event's size that would be events were suspect pixels provisional, and are part of none
    that is published.

    What a tier does not learn of is left out as it is of its events, suspect pixels like detected ones,
    before anything is counted. What is suspect for as long as a provisional pixel may be is counted no more.

    pixels: detected ones. unpublished: outlines of the tier's events that are not published. guard: what the
    tier does not learn of; None: it learns of everything.
    """
    known = with_expired_pixels(_allowed(pixels, guard, rule, grid), rule, until_day)
    every = with_expired_pixels(_allowed(_together(pixels, suspects), guard, rule, grid), rule, until_day)
    events, would_be = trace_events(known, rule, grid), trace_events(every, rule, grid)
    in_event = _keys(known)[events.is_shown & ~_withdrawn(events.is_withdrawn, events.event)]
    in_event = in_event[~np.isin(in_event, _keys_inside(unpublished, grid))]
    in_table = np.zeros(len(would_be), np.bool_)
    in_table[would_be.event[np.isin(_keys(every), in_event) & (would_be.event >= 0)]] = True
    kept = would_be.is_shown & ~_withdrawn(would_be.is_withdrawn | in_table, would_be.event)
    _, patch = np.unique(would_be.event[kept], return_inverse=True)
    return UnderObservation(column=every.column[kept], row=every.row[kept], patch=patch.astype(np.int64))


def area_of_patches(found: UnderObservation, areas: Sequence[shapely.Geometry], grid: Grid) -> np.ndarray:
    """Position of the area that most pixels of each patch lie in, (patches,) int64; -1 = in none.

    areas: in the CRS of the grid. Of areas that hold as many pixels the first.
    """
    x = grid.anchor_x + (found.column + 0.5) * grid.resolution
    y = grid.anchor_y - (found.row + 0.5) * grid.resolution
    held = np.zeros((len(areas) + 1, found.count), np.int64)
    for number, area in enumerate(areas):
        inside = shapely.contains_xy(area, x, y)
        held[number] = np.bincount(found.patch[inside], minlength=found.count)
    most = held.argmax(axis=0)
    return np.where(held.max(axis=0, initial=0) > 0, most, -1)


def _allowed(pixels: Pixels, guard: Guard | None, rule: EventRule, grid: Grid) -> Pixels:
    return pixels if guard is None else pixels.select(~withheld_pixels(pixels, guard, rule, grid))


def _together(pixels: Pixels, suspects: Pixels) -> Pixels:
    """Both, sorted by row and column."""
    both = Pixels(
        **{
            field.name: np.concatenate([getattr(pixels, field.name), getattr(suspects, field.name)])
            for field in fields(Pixels)
        }
    )
    return both.select(np.lexsort((both.column, both.row)))


def _keys(pixels: Pixels) -> np.ndarray:
    """One number for each pixel of the grid, (n,) int64."""
    return _numbers(pixels.column, pixels.row)


def _keys_inside(outlines: Sequence[shapely.Geometry], grid: Grid) -> np.ndarray:
    """Those numbers of the pixels of some outlines, (n,) int64."""
    found = [_numbers(*pixels_of(shape, grid)) for shape in outlines]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _numbers(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    return row.astype(np.int64) * 2**31 + column


def _withdrawn(events: np.ndarray, event: np.ndarray) -> np.ndarray:
    """Whether the event of each pixel is one of those marked, (n,) bool. events: bool; event: -1 = none."""
    return np.append(events, False)[event]
