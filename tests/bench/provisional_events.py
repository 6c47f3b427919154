"""What became of every event of a simulated area that is monitored again, table by table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from simulated_area import TILE, Area

from selvawatch.detect.model import Promise
from selvawatch.events.detected import events_of
from selvawatch.events.patches import EventRule, alert_pixels

AHEAD_DAYS = 12
"""An event that is confirmed so long after its first evidence could have been told of before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What became of one id."""

    told_on: int
    """Day of the table in which it stands first."""
    first: str
    """Its status there."""
    true: bool
    """Whether at least half of its pixels were lost by then."""
    confirmed_on: int = 0
    """Day of the table in which it is first confirmed, 0: never."""
    confirmed_true: bool = False
    onset: int = 0
    """Its first evidence, as that table says."""


def events_by_id(area: Area, promise: Promise, rule: EventRule) -> dict[str, Event]:
    """Every event that is published, by id, with a table every `EVERY_DAYS`, each after the one before."""
    site, found, previous = area.site, dict[str, Event](), None
    for day, layers in area.layers(replace(site.model, promise=promise)):
        detected = events_of(
            previous,
            alert_pixels({TILE: layers}),
            [TILE],
            site.event_frame,
            rule,
            day,
            {TILE.id: area.observed(day)},
        )
        previous, labels = detected.tracked, detected.labels.raster(TILE)
        for number, row in enumerate(detected.events.itertuples()):
            lost = area.lost_on[labels == number]
            if row.status == "withdrawn" or not lost.size:
                continue
            true = bool(((lost > 0) & (lost <= day)).mean() >= 0.5)
            event = found.setdefault(row.event_id, Event(told_on=day, first=row.status, true=true))
            if row.status != "provisional" and not event.confirmed_on:
                onset = (row.onset - np.datetime64(0, "D")).days
                found[row.event_id] = replace(event, confirmed_on=day, confirmed_true=true, onset=onset)
    return found


def row_of(name: str, events: Sequence[Event]) -> str:
    """The figures of some events as a row."""
    provisional = [one for one in events if one.first == "provisional"]
    confirmed = [one for one in events if one.confirmed_on]
    late = [one for one in confirmed if one.confirmed_true and one.confirmed_on - one.onset >= AHEAD_DAYS]
    ahead = [one for one in late if one.told_on < one.confirmed_on]
    return (
        f"| {name} | {len(provisional)} | {_share([one.true for one in provisional])} | {len(confirmed)}"
        f" | {_share([one.confirmed_true for one in confirmed])} | {len(ahead)} of {len(late)}"
        f" | {median_day(events):.0f} |"
    )


def median_day(events: Sequence[Event]) -> float:
    """Median days from the first evidence of a true event that was confirmed to its first table."""
    true = [one for one in events if (one.true or one.confirmed_true) and one.onset]
    return float(np.median([one.told_on - one.onset for one in true])) if true else np.nan


def told_before(events: Sequence[Event]) -> float:
    """Share of the true events that could have been told of before their confirmation that were."""
    late = [one for one in events if one.confirmed_true and one.confirmed_on - one.onset >= AHEAD_DAYS]
    return float(np.mean([one.told_on < one.confirmed_on for one in late])) if late else np.nan


def _share(which: Sequence[bool]) -> str:
    return f"{np.mean(which):.0%}" if which else "-"
