"""Whether intervals of hectares hold the truth, over many small areas: figures for models/events.md.

`fit` gives the numbers of `[interval]` in models/events.toml from areas of other seeds.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from make_world import FACTORS, make_world
from scipy import ndimage, stats

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.events.calibrated.interval_rule import IntervalRule
from selvawatch.events.patches import EventRule
from selvawatch.prepare.mask import Screening
from selvawatch.validate.hectares.cube_events import EventHectares
from selvawatch.validate.hectares.hectare_figures import hectare_figures
from selvawatch.validate.judge_raster import watch_cube
from selvawatch.validate.reference_cube import CubeReading

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

MODELS = Path(__file__).resolve().parents[2] / "models"
AREAS = int(os.environ.get("SELVAWATCH_INTERVAL_AREAS", "6"))
"""Areas that are judged."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_INTERVAL_FIRST", "5000"))
FIT_AREAS = int(os.environ.get("SELVAWATCH_INTERVAL_FIT", "200"))
FIT_SEED = 3000
"""First seed of the areas that the numbers are from; none of them is judged."""
SIDE_PX = 75
"""75 x 75 pixels of 30 m are 5.06 km2."""
FACTOR_CHANCE = 0.25
"""Chance of each factor of the harder world in an area: five of twenty are there together in the middle."""
LEVEL = 0.9
LEAST_HA = 0.3
HA = 1e-9
"""Rounding of sums of hectares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One area that was watched for a year."""

    factors: frozenset[str]
    found: EventHectares
    bounds_held: np.ndarray
    """(events,) bool: the truth lies between the event's pixels and those with a rim of half a pixel, as
    `ha_lo` and `ha_hi` bound it."""


def factors_of(seed: int) -> frozenset[str]:
    """The factors of an area, each drawn by itself."""
    drawn = np.random.default_rng([seed, 9]).random(len(FACTORS)) < FACTOR_CHANCE
    return frozenset(name for name, is_there in zip(FACTORS, drawn, strict=True) if is_there)


def areas(folder: Path, first: int, count: int) -> Iterator[Watched]:
    """Areas of some seeds, one after the other."""
    model, shared = load(Model, MODELS / "fused.toml"), load(CommonShift, MODELS / "common.toml")
    rule = load(EventRule, MODELS / "events.toml")
    reading = CubeReading(screening=load(Screening, MODELS / "screening.toml"))
    for seed in range(first, first + count):
        factors = factors_of(seed)
        make_world(folder, "a", seed, factors, size=SIDE_PX)
        done = watch_cube(folder, "a", model, shared=shared, reading=reading, scored=False)
        found = done.hectares(rule)
        number = done.numbers(rule)
        margin = np.array([_with_rim(number == one) for one in range(len(found.ha))])
        high = margin * found.ha.sum() / max(int((number >= 0).sum()), 1)
        held = (found.truth_ha >= found.ha - HA) & (found.truth_ha <= high + HA)
        yield Watched(factors=factors, found=found, bounds_held=held)


def _with_rim(event: np.ndarray) -> float:
    """Pixels of an event and of a rim of half a pixel around. event: (y, x) bool."""
    fine = np.pad(event.repeat(2, 0).repeat(2, 1), 1)
    return float(ndimage.binary_dilation(fine, np.ones((3, 3))).sum() / 4)


def fit(watched: Sequence[Watched], level: float = LEVEL) -> IntervalRule:
    """The numbers of the intervals from areas with a truth.

    Of one event: the narrowest interval of (truth - hectares) / rim that holds `level` of all events.
    Of a sum: the rims of true events of an area together, `level` of the areas; commission and omission are
    what is left beyond, (1 - level) / 2 of the areas above each. Quantiles at p (n + 1), which a new area
    meets with chance p.
    """
    apart, rims, below, above = [], [], [], []
    for one in (area.found for area in watched):
        large = one.ha >= LEAST_HA - HA
        apart.append(((one.truth_ha - one.ha) / one.rim_ha)[large])
        true = one.truth_ha >= one.ha / 2
        rims.append((one.truth_ha - one.ha)[true].sum() / one.rim_ha[true].sum())
    steps = np.sort(np.concatenate(apart))
    inside = int(np.ceil((len(steps) + 1) * level))
    start = int(np.argmin(steps[inside - 1 :] - steps[: len(steps) - inside + 1]))
    rim = float(np.quantile(np.abs(rims), level, method="weibull"))
    for one in (area.found for area in watched):
        confirmed, reach = one.ha.sum(), rim * one.rim_ha.sum()
        below.append((confirmed - reach - one.area_truth_ha) / confirmed)
        above.append((one.area_truth_ha - reach - confirmed) / confirmed)
    tail = (1 + level) / 2
    return IntervalRule(
        level=level,
        event_inward_px=max(float(-steps[start]), 0.0),
        event_outward_px=max(float(steps[start + inside - 1]), 0.0),
        sum_rim_px=rim,
        commission=max(float(np.quantile(below, tail, method="weibull")), 0.0),
        omission=max(float(np.quantile(above, tail, method="weibull")), 0.0),
        least_ha=LEAST_HA,
    )


def exact(held: int, count: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper and Pearson 1934)."""
    low = stats.beta.ppf(0.025, held, count - held + 1) if held else 0.0
    high = stats.beta.ppf(0.975, held + 1, count - held) if held < count else 1.0
    return float(low), float(high)


def row(name: str, held: int, count: int, width_ha: float, share: float) -> str:
    """A row of the table."""
    low, high = exact(held, count)
    return (
        f"| {name} | {count} | {held / count:.1%} | {low:.1%} to {high:.1%} | {width_ha:.2f} | {share:.0%} |"
    )


def test_intervals_hold_the_truth_of_areas_and_events_that_they_are_not_from(tmp_path):
    rule = load(EventRule, MODELS / "events.toml").interval
    watched = list(areas(tmp_path, FIRST_SEED, AREAS))
    figures = [hectare_figures(area.found, rule) for area in watched]
    print(f"\n{AREAS} areas of 5.06 km2 and a year from seed {FIRST_SEED}")
    print("| what | count | held | exact 95 % | median width, ha | of the hectares |")
    print("|---|---:|---:|---|---:|---:|")
    judged = [one for one in figures if one.interval is not None]
    widths = np.array([one.interval[1] - one.interval[0] for one in judged])
    shares = widths / [one.confirmed_ha for one in judged]
    held = sum(bool(one.is_held) for one in judged)
    print(row("areas", held, len(judged), np.median(widths), np.median(shares)))
    for name, chosen in _parts(watched):
        some = [one for one, is_in in zip(figures, chosen, strict=True) if is_in]
        sizes = np.concatenate([one.event_widths_ha for one in some])
        parts = np.concatenate([one.event_width_shares for one in some])
        numbers = sum(one.events_held for one in some), len(sizes)
        print(row(f"events, {name}", *numbers, np.median(sizes), np.median(parts)))
    large = [area.found.ha >= LEAST_HA - HA for area in watched]
    today = sum(int(area.bounds_held[which].sum()) for area, which in zip(watched, large, strict=True))
    count = sum(len(one.event_widths_ha) for one in figures)
    print(f"`ha_lo` to `ha_hi`, which are no interval, hold {today} of {count} events ({today / count:.1%})")
    ha, truth = sum(one.confirmed_ha for one in figures), sum(one.truth_ha for one in figures)
    print(f"confirmed {ha:.1f} ha, lost {truth:.1f} ha")
    for of, among in ((held, len(judged)), (sum(one.events_held for one in figures), count)):
        low, high = exact(of, among)
        assert low <= 0.95 and high >= 0.85


def _parts(watched: Sequence[Watched]) -> Iterator[tuple[str, list[bool]]]:
    """Some of the areas, by what is in them."""
    strange = {"fallow", "bamboo"}
    parts = (
        ("all", [True] * len(watched)),
        ("without fallow and bamboo", [not area.factors & strange for area in watched]),
        ("with either", [bool(area.factors & strange) for area in watched]),
    )
    return ((name, chosen) for name, chosen in parts if any(chosen))


def test_the_numbers_of_the_intervals_fit_areas_with_other_seeds(tmp_path):
    watched, rule = (
        list(areas(tmp_path, FIT_SEED, FIT_AREAS)),
        load(EventRule, MODELS / "events.toml").interval,
    )
    print(f"\n{FIT_AREAS} areas of 5.06 km2 and a year from seed {FIT_SEED}:\n{fit(watched)}")
    assert FIT_SEED + FIT_AREAS <= FIRST_SEED
    figures = [hectare_figures(area.found, rule) for area in watched]
    events = sum(one.events_held for one in figures) / sum(len(one.event_widths_ha) for one in figures)
    held = [one.is_held for one in figures if one.interval is not None]
    print(f"numbers of the file hold {events:.1%} of their events and {np.mean(held):.1%} of their areas")
    assert 0.85 <= events <= 0.95 and 0.85 <= np.mean(held) <= 0.95
