"""What provisional alerts of simulated areas come to: tables for models/fused.md and models/events.md."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import xarray as xr
from simulated_area import TILE, Area, plan_of

from selvawatch.core.status import Status
from selvawatch.detect.model import Promise
from selvawatch.events.detected import events_of
from selvawatch.events.patches import alert_pixels

pytestmark = pytest.mark.bench

SEEDS = int(os.environ.get("SELVAWATCH_PROVISIONAL_SEEDS", "2"))
"""Areas of 6.6 km2 and one year for each plan."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_PROVISIONAL_FIRST", "510"))
PROMISES = os.environ.get("SELVAWATCH_PROMISES", "0,0")
"""Rules beside the model's, as `least_fall,radar` with spaces between; `0,0`: every pixel is told of."""
WAITS = [int(days) for days in os.environ.get("SELVAWATCH_WAITS", "45 60 90 120").split()]
"""Days after which pixels that are still provisional are counted."""
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


def events_by_id(area: Area, promise: Promise) -> dict[str, Event]:
    """Every event by id, with a table every `EVERY_DAYS`."""
    site, found = area.site, dict[str, Event]()
    model = replace(site.model, promise=promise)
    for day, layers in area.layers(model):
        event_frame = site.event_frame
        detected = events_of(
            None, alert_pixels({TILE: layers}), [TILE], event_frame, site.event_rule, day, {}
        )
        labels = detected.labels.raster(TILE)
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


def waiting(tables: Iterable[tuple[int, xr.Dataset]], lost_on: np.ndarray) -> np.ndarray:
    """Pixels that were provisional for longer than each of `WAITS` in a table, (waits, 4) int64: all, those
    lost at any time, those that the last table confirms, and both.

    tables: day and layers (y, x), in order. lost_on: (y, x) day of the loss by the truth, 0 = never.
    """
    waited = np.zeros((len(WAITS), *lost_on.shape), np.bool_)
    for day, layers in tables:
        wait = day - layers["provisional_on"].to_numpy().astype(np.int64)
        wait[layers["status"].to_numpy() != Status.PROVISIONAL] = 0
        waited |= wait > np.array(WAITS)[:, None, None]
    confirmed, lost = np.isin(layers["status"].to_numpy(), (Status.CONFIRMED, Status.CLOSED)), lost_on > 0
    return np.stack(
        [(waited & which).sum(axis=(1, 2)) for which in (True, lost, confirmed, lost & confirmed)], axis=1
    )


def row_of(name: str, events: Sequence[Event]) -> str:
    """The figures of some events as a row."""
    provisional = [one for one in events if one.first == "provisional"]
    confirmed = [one for one in events if one.confirmed_on]
    late = [one for one in confirmed if one.confirmed_true and one.confirmed_on - one.onset >= AHEAD_DAYS]
    ahead = [one for one in late if one.told_on < one.confirmed_on]
    true = [one for one in events if one.true or one.confirmed_true]
    told = np.median([one.told_on - one.onset for one in true if one.onset]) if true else np.nan
    return (
        f"| {name} | {len(provisional)} | {_share([one.true for one in provisional])} | {len(confirmed)}"
        f" | {_share([one.confirmed_true for one in confirmed])} | {len(ahead)} of {len(late)} | {told:.0f} |"
    )


def _share(which: Sequence[bool]) -> str:
    return f"{np.mean(which):.0%}" if which else "-"


@pytest.mark.parametrize("mixed", [False, True], ids=["demo", "mixed"])
def test_provisional_alerts_are_true_more_often_than_not(mixed, tmp_path):
    others = [
        Promise(least_fall=float(fall), radar=float(radar)) for fall, radar in map(_pair, PROMISES.split())
    ]
    found: dict[Promise, list[Event]] = {}
    waits = np.zeros((len(WAITS), 4), np.int64)
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        area = Area(tmp_path / str(seed), plan_of(seed, mixed=mixed))
        ours = area.site.model.promise
        for promise in (*others, ours):
            found.setdefault(promise, []).extend(events_by_id(area, promise).values())
        waits += waiting(area.layers(area.site.model), area.lost_on)
    print(
        f"\n{SEEDS} areas of 6.6 km2 and a year from seed {FIRST_SEED}, plan {'mixed' if mixed else 'demo'}"
    )
    print("| least fall, radar | provisional | true | confirmed | true | told before | days to be told |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for promise, events in found.items():
        print(row_of(f"{promise.least_fall:g}, {promise.radar:g}", events))
    print("| provisional for more than, days | pixels | lost | confirmed later | lost of these |")
    print("|---:|---:|---:|---:|---:|")
    for days, (every, lost, confirmed, both) in zip(WAITS, waits.tolist(), strict=True):
        print(f"| {days} | {every} | {lost} | {confirmed} | {both} |")
    provisional = [one.true for one in found[ours] if one.first == "provisional"]
    assert provisional and np.mean(provisional) >= 0.5


def _pair(text: str) -> list[str]:
    return text.split(",")
