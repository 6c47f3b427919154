"""What provisional alerts of simulated areas come to: tables for models/fused.md and models/events.md."""

import os
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from provisional_events import Event, events_by_id, row_of
from simulated_area import Area, plan_of

from selvawatch.core.status import Status
from selvawatch.detect.model import Promise

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

SEEDS = int(os.environ.get("SELVAWATCH_PROVISIONAL_SEEDS", "2"))
"""Areas of 6.6 km2 and one year for each plan."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_PROVISIONAL_FIRST", "510"))
PROMISES = os.environ.get("SELVAWATCH_PROMISES", "0,0")
"""Rules beside the model's, as `least_fall,radar` with spaces between; `0,0`: every pixel is told of."""
WAITS = [int(days) for days in os.environ.get("SELVAWATCH_WAITS", "45 60 90 120").split()]
"""Days after which pixels that are still provisional are counted."""


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
            rule = replace(area.site.event_rule, chance=None)
            found.setdefault(promise, []).extend(events_by_id(area, promise, rule).values())
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
