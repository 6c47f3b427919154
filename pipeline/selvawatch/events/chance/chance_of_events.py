"""The chance of each event to be confirmed, now and at its best, from the days of its pixels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selvawatch.core.grid import Grid
from selvawatch.events.calibrated.chance_rule import DECIMALS, Facts, chance
from selvawatch.events.lineage import Lineage
from selvawatch.events.patches import EventRule, Pixels, minimum_px

RADAR = "sentinel-1"
"""Sensor whose observations are radar; all others are optical."""

Observed = Mapping[str, Sequence[int]]
"""Days on which each sensor gave a usable observation of a tile, by sensor name."""

_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """Chances of events in the order of their lineage, (events,) float64; NaN = not known.

    Those that were ever confirmed have none: they need none to be published.
    """

    now: np.ndarray
    """As of the last day."""
    best: np.ndarray
    """The highest of any day from the first detection on, as of that day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What an event was on some days, ascending, (days,) each; the last is the day that was asked for."""

    day: np.ndarray
    is_event: np.ndarray
    """Whether it had an event's size, bool."""
    facts: Facts


def chances(
    pixels: Pixels,
    lineage: Lineage,
    rule: EventRule,
    grid: Grid,
    until_day: int,
    observed: Sequence[Observed],
) -> Chances:
    """Chances of the events of some pixels; all NaN without `rule.chance`.

    Where nobody says when an event's ground was observed, it has none.

    observed: days on which each sensor gave a usable observation, in the order that `Pixels.tile` counts in.
    """
    now, best = np.full(len(lineage), np.nan), np.full(len(lineage), np.nan)
    if rule.chance is None:
        return Chances(now=now, best=best)
    for event, course in courses(pixels, lineage, rule, grid, until_day, observed):
        found = np.round(chance(course.facts, rule.chance), DECIMALS)
        now[event] = found[-1]
        best[event] = found[course.is_event].max(initial=0.0)
    return Chances(now=now, best=best)


def courses(
    pixels: Pixels,
    lineage: Lineage,
    rule: EventRule,
    grid: Grid,
    until_day: int,
    observed: Sequence[Observed],
) -> Iterator[tuple[int, Course]]:
    """What each event that is not confirmed was from its first detection on, by its number in the lineage.

    It is read from the days on which its pixels, those that its outline leaves out among them, were detected
    and withdrawn, and those on which sensors observed: so that it does not matter when the program ran, and
    what was likely enough once stays so. Events whose ground nobody observed are left out.
    """
    open_events = np.flatnonzero(~_confirmed(pixels, lineage, rule, grid))
    reach_m = 0.0 if rule.chance is None else rule.chance.near_m
    near_since = _near_since(pixels, lineage, open_events, reach_m / grid.resolution)
    order = np.argsort(lineage.event, kind="stable")
    bounds = np.searchsorted(lineage.event[order], np.arange(len(lineage) + 1))
    for event in open_events.tolist():
        members = pixels.select(order[bounds[event] : bounds[event + 1]])
        days = _observed(members, observed)
        if sum(map(len, days)):
            first = int(pixels.detected_on[lineage.root[event]])
            yield event, _course(members, days, (first, until_day), near_since[event], rule, grid)


def _confirmed(pixels: Pixels, lineage: Lineage, rule: EventRule, grid: Grid) -> np.ndarray:
    """Whether each event is confirmed, as `track` says it, (events,) bool."""
    held, shown = lineage.event[lineage.event >= 0], lineage.event[lineage.is_shown]
    size = np.bincount(shown, minlength=len(lineage))
    sure = np.bincount(held, pixels.is_sure[lineage.event >= 0], len(lineage))
    return np.asarray(sure >= np.minimum(minimum_px(rule.support_ha, grid), size))


def _observed(members: Pixels, observed: Sequence[Observed]) -> tuple[np.ndarray, np.ndarray]:
    """Days on which radar, and on which optical sensors observed the tiles of an event, ascending."""
    tiles = [observed[tile] for tile in np.unique(members.tile).tolist()]
    radar = [day for tile in tiles for day in tile.get(RADAR, ())]
    optical = [day for tile in tiles for name, days in tile.items() if name != RADAR for day in days]
    return np.unique(np.array(radar, np.int64)), np.unique(np.array(optical, np.int64))


def _course(
    members: Pixels,
    days: tuple[np.ndarray, np.ndarray],
    span: tuple[int, int],
    near_since: int,
    rule: EventRule,
    grid: Grid,
) -> Course:
    """What an event was on each day on which something may have changed for the better, and on the last.

    days: on which radar, and optical sensors observed. span: first and last day.
    """
    first, until_day = span
    begin = np.sort(members.detected_on.astype(np.int64))
    end = np.sort(np.where(members.is_live, _NEVER, members.withdrawn_on.astype(np.int64)))
    day = np.unique(np.concatenate([begin, *days, [until_day]]))
    day = day[(day >= first) & (day <= until_day)]
    size = np.searchsorted(begin, day, side="right") - np.searchsorted(end, day, side="right")
    radar, optical = (np.searchsorted(one, day, "right") - np.searchsorted(one, first) for one in days)
    every = np.unique(np.concatenate(days))
    seen = np.searchsorted(every, day, side="right") - np.searchsorted(every, first)
    return Course(
        day=day,
        is_event=size >= minimum_px(rule.min_ha, grid),
        facts=Facts(
            ha=np.maximum(size, 1) * grid.pixel_ha,
            seen_days=np.maximum(seen, 1),
            by_radar=radar > 0,
            by_optical=optical > 0,
            is_near=day >= near_since,
        ),
    )


def _near_since(pixels: Pixels, lineage: Lineage, events: np.ndarray, reach_px: float) -> np.ndarray:
    """Day since which a confirmed pixel of another event lies near each of some events, (all events,) int64.

    reach_px: largest distance between pixel centres, in pixels.
    """
    since = np.full(len(lineage), _NEVER, np.int64)
    mine = np.flatnonzero(np.isin(lineage.event, events))
    sure = np.flatnonzero(pixels.is_sure & ~np.isin(lineage.event, events))
    if not (len(mine) and len(sure)):
        return since
    from scipy.spatial import KDTree  # slow to import, and tables need none

    ours, theirs = (
        KDTree(np.stack([pixels.column[some], pixels.row[some]], 1).astype(np.float64))
        for some in (mine, sure)
    )
    for position, found in enumerate(ours.query_ball_tree(theirs, reach_px)):
        if found:
            event = lineage.event[mine[position]]
            since[event] = min(since[event], int(pixels.confirmed_on[sure[found]].min()))
    return since
