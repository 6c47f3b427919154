"""Which detected pixels make up which event, and which pixel each event is named by.

All of it follows from the pixels as they stand: what an event was on a day between is read from the days on
which its pixels were detected, confirmed and withdrawn, never from what an earlier run said.
"""

from dataclasses import dataclass

import numpy as np

from selvawatch.core.grid import Grid
from selvawatch.events.hectares.lost_share import mostly_lost
from selvawatch.events.patches import EventRule, Pixels, minimum_px, touching

_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Events of detected pixels, numbered by their first pixel in row and column order."""

    event: np.ndarray
    """Event of each pixel, int32; -1 = none. Pixels withdrawn since, and those trimmed, are among them."""
    is_shown: np.ndarray
    """Whether each pixel lies in the outline of its event, bool."""
    is_withdrawn: np.ndarray
    """Whether each event is no more, bool."""
    root: np.ndarray
    """Position of the pixel that each event is named by, int32."""
    ended: np.ndarray
    """Positions of the pixels that parts of events were named by before they met, int64."""

    def __len__(self) -> int:
        return len(self.root)


def trace_events(pixels: Pixels, rule: EventRule, grid: Grid) -> Lineage:
    """The events of some pixels.

    A patch is live pixels that touch and began at a like time; it is an event where enough of it was lost for
    the most part. A pixel withdrawn since lies in the patch that it was live together with, so that it counts
    for where the event began. What is left are pixels that once made up a patch of an event's size: a
    withdrawn event, whatever of it is confirmed.
    """
    from selvawatch.events.growth import grow, spread  # compiled code is slow to import, and tables need none

    least, support = minimum_px(rule.min_ha, grid), minimum_px(rule.support_ha, grid)
    near, live = touching(pixels), pixels.is_live
    order = np.lexsort((pixels.column, pixels.row, pixels.detected_on)).astype(np.int32)
    patch = np.full(len(pixels), -1, np.int32)
    days = (pixels.detected_on.astype(np.int32), pixels.onset.astype(np.int32))
    limits = (rule.onset_gap_days, rule.close_after_days, support)
    grow(order[live[order]], near, *days, pixels.is_sure, *limits, patch)
    lost = live.copy()
    lost[live] = mostly_lost(pixels.select(live), patch[live], rule)
    large = np.bincount(patch[lost], minlength=len(pixels) + 1) >= least
    event = np.where(large[patch], patch, np.int32(-1))
    linked = linked_pixels(pixels, near, rule.onset_gap_days)
    first = order[event[order] >= 0]
    oldest = _oldest_first(event[first], len(pixels))
    spread(first[np.argsort(oldest, kind="stable")], near, linked, ~live, event)
    is_withdrawn = np.zeros(len(pixels), np.bool_)
    for members in _remnants(pixels, near, linked, event < 0, least):
        event[members] = members[0]
        is_withdrawn[members[0]] = True
    return _numbered(pixels, event, lost, is_withdrawn, order, (near, linked, least))


def _numbered(
    pixels: Pixels,
    event: np.ndarray,
    lost: np.ndarray,
    is_withdrawn: np.ndarray,
    order: np.ndarray,
    links: tuple[np.ndarray, np.ndarray, int],
) -> Lineage:
    """The lineage of events that bear the position of any of their pixels as number."""
    from selvawatch.events.growth import descend  # as above

    near, linked, least = links
    known = np.flatnonzero(event >= 0)
    old, first, inverse = np.unique(event[known], return_index=True, return_inverse=True)
    rank = np.empty(len(old), np.int32)
    rank[np.argsort(first)] = np.arange(len(old), dtype=np.int32)
    numbers = np.full(len(pixels), -1, np.int32)
    numbers[known] = rank[inverse]
    gone = np.zeros(len(old), np.bool_)
    gone[rank] = is_withdrawn[old]
    root, ended = np.empty(len(old), np.int32), np.zeros(len(pixels), np.bool_)
    descend(order, near, linked, pixels.detected_on.astype(np.int32), numbers, least, root, ended)
    is_shown = (numbers >= 0) & (lost | np.append(gone, False)[numbers])
    return Lineage(
        event=numbers, is_shown=is_shown, is_withdrawn=gone, root=root, ended=np.flatnonzero(ended)
    )


def linked_pixels(pixels: Pixels, near: np.ndarray, gap: int) -> np.ndarray:
    """Whether each touching pixel belongs with the pixel, (n, 8) bool: both were live on a day, and their
    onsets are close. What expired was seen to be neither loss nor forest, and ties pixels together still, so
    that an event has one id whether they are confirmed after all or not.
    """
    end = np.where(pixels.is_live | pixels.is_expired, _NEVER, pixels.withdrawn_on)
    linked = np.empty(near.shape, np.bool_)
    for side in range(near.shape[1]):
        other = near[:, side]
        like = np.abs(pixels.onset - pixels.onset[other]) <= gap
        like &= np.maximum(pixels.detected_on, pixels.detected_on[other]) < np.minimum(end, end[other])
        linked[:, side] = like & (other >= 0)
    return linked


def _oldest_first(event: np.ndarray, count: int) -> np.ndarray:
    """For each pixel of events, in order of detection, the precedence of its event: by its first pixel."""
    numbers, first = np.unique(event, return_index=True)
    precedence = np.zeros(count, np.int64)
    precedence[numbers] = first
    return precedence[event]


def _remnants(
    pixels: Pixels, near: np.ndarray, linked: np.ndarray, left: np.ndarray, least: int
) -> list[np.ndarray]:
    """Sets of pixels, ascending, that belong together and of which `least` made up a patch on some day.

    left: (n,) bool, pixels that belong to no event.
    """
    return [
        members
        for members in _components(np.flatnonzero(left), near, linked, least)
        if _was_large(pixels, members, near, linked, least)
    ]


def _components(positions: np.ndarray, near: np.ndarray, linked: np.ndarray, least: int) -> list[np.ndarray]:
    """The connected sets of at least so many among some pixels, each ascending. positions: (m,) ascending."""
    from scipy.sparse import coo_array  # slow to import, and tables need only the rule of events
    from scipy.sparse.csgraph import connected_components

    if not len(positions):
        return []
    here, side = np.nonzero(linked[positions])
    other = near[positions[here], side]
    there = np.minimum(np.searchsorted(positions, other), len(positions) - 1)
    inside = positions[there] == other
    ends = (here[inside], there[inside])
    links = coo_array((np.ones(len(ends[0]), np.bool_), ends), shape=(len(positions),) * 2)
    _, label = connected_components(links, directed=False)
    large = np.flatnonzero((np.bincount(label) >= least)[label])
    by_set = large[np.argsort(label[large], kind="stable")]
    parts = np.split(positions[by_set], np.flatnonzero(np.diff(label[by_set])) + 1)
    return parts if len(by_set) else []


def _was_large(pixels: Pixels, members: np.ndarray, near: np.ndarray, linked: np.ndarray, least: int) -> bool:
    """Whether `least` of some pixels made up a patch on the day on which one of them was detected."""
    begin = pixels.detected_on[members]
    end = np.where(pixels.is_live[members], _NEVER, pixels.withdrawn_on[members])
    for day in np.unique(begin):
        live = members[(begin <= day) & (day < end)]
        if len(live) >= least and _components(live, near, linked, least):
            return True
    return False
