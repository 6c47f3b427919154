"""How likely provisional events are to be confirmed: numbers, reliability and gain for models/events.md.

Rows of areas are kept as CSV in the folder `SELVAWATCH_CHANCE_ROWS`, where it is given, and read again.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from provisional_events import Event, events_by_id, median_day, row_of, told_before
from scipy.optimize import minimize
from simulated_area import TILE, Area, plan_of

from selvawatch.core.settings import load
from selvawatch.events.calibrated.chance_rule import ChanceRule, Facts, chance
from selvawatch.events.chance.chance_of_events import courses
from selvawatch.events.detected import events_of
from selvawatch.events.lineage import trace_events
from selvawatch.events.linking import event_ids
from selvawatch.events.patches import EventRule, alert_pixels, with_expired_pixels

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

MODELS = Path(__file__).resolve().parents[2] / "models"
SEEDS = int(os.environ.get("SELVAWATCH_CHANCE_SEEDS", "20"))
FIRST_SEED = int(os.environ.get("SELVAWATCH_CHANCE_FIRST", "600"))
"""Areas of 6.6 km2 and a year that the numbers are from: even seeds of the demo's plan, odd ones mixed."""
FRESH = int(os.environ.get("SELVAWATCH_CHANCE_FRESH", "10"))
FRESH_SEED = int(os.environ.get("SELVAWATCH_CHANCE_FRESH_FIRST", "640"))
"""Areas that no number is from, in which what is published is counted."""
ROWS = os.environ.get("SELVAWATCH_CHANCE_ROWS", "")
SURE = ("confirmed", "closed")
WEIGHTS = ("start", "doubling", "seen", "radar", "optical", "near")
SPREAD = 1.0
"""Standard deviation of the normal prior of every weight but `start`, log-odds: what few events say of a fact
is drawn towards nothing.
"""
BINS = np.array([0.0, 0.25, 0.5, 0.7, 0.8, 0.9, 1.0])


def rows_of(area: Area, seed: int, rule: EventRule) -> pd.DataFrame:
    """Every provisional event of every table, whether it was confirmed in time, and whether it is true.

    Confirmed: at least half of its pixels lie in confirmed events of a table of the next `within_days`.
    Tables with fewer days after them are left out.
    """
    site, rows, sure = area.site, [], dict[int, np.ndarray]()
    every = replace(rule, chance=None)
    for day, layers in area.layers(site.model):
        pixels = with_expired_pixels(alert_pixels({TILE: layers}), rule, day)
        observed = area.observed(day)
        detected = events_of(None, pixels, [TILE], site.event_frame, every, day, {TILE.id: observed})
        labels, events = detected.labels.raster(TILE), detected.events
        sure[day] = np.isin(labels, np.flatnonzero(events["status"].isin(SURE)))
        lineage = trace_events(pixels, rule, site.grid)
        ids = event_ids(pixels, lineage.root, site.event_frame.prefix, site.event_frame.id_key)
        position = {name: number for number, name in enumerate(events["event_id"])}
        for event, course in courses(pixels, lineage, rule, site.grid, day, [observed]):
            number = position[ids[event]]
            if events["status"].iloc[number] != "provisional":
                continue
            mine = labels == number
            lost = area.lost_on[mine]
            now = {name: getattr(course.facts, name)[-1] for name in Facts.__dataclass_fields__}
            true = bool(((lost > 0) & (lost <= day)).mean() >= 0.5)
            rows.append({"seed": seed, "day": day, "event_id": ids[event], **now, "true": true, "mine": mine})
    last = max(sure)
    within = rule.chance.within_days if rule.chance is not None else 60
    for row in rows:
        later = [one for on, one in sure.items() if row["day"] < on <= row["day"] + within]
        row["confirmed"] = any(one[row["mine"]].mean() >= 0.5 for one in later)
    kept = [
        {name: value for name, value in row.items() if name != "mine"}
        for row in rows
        if row["day"] + within <= last
    ]
    return pd.DataFrame(kept)


def all_rows(folder: Path, first: int, count: int, rule: EventRule) -> pd.DataFrame:
    """Rows of some seeds, of even ones by the demo's plan and of odd ones by the mixed plan."""
    found = []
    for seed in range(first, first + count):
        kept = Path(ROWS) / f"{seed}.csv" if ROWS else None
        if kept is not None and kept.exists():
            found.append(pd.read_csv(kept))
            continue
        rows = rows_of(area_of(folder, seed), seed, rule)
        if kept is not None:
            rows.to_csv(kept, index=False)
        found.append(rows)
    return pd.concat(found, ignore_index=True)


def area_of(folder: Path, seed: int) -> Area:
    """The area of a seed."""
    return Area(folder / str(seed), plan_of(seed, mixed=bool(seed % 2)))


def facts_of(rows: pd.DataFrame) -> Facts:
    """The facts of rows."""
    return Facts(**{name: rows[name].to_numpy() for name in Facts.__dataclass_fields__})


def weights_of(rows: pd.DataFrame) -> np.ndarray:
    """Weight of each row: every event counts once, however many tables it stands in."""
    return 1.0 / rows.groupby(["seed", "event_id"])["day"].transform("size").to_numpy(np.float64)


def fit(rows: pd.DataFrame, rule: ChanceRule) -> ChanceRule:
    """The rule with weights that make the confirmed rows likeliest under the prior."""
    facts, weight = facts_of(rows), weights_of(rows)
    confirmed = rows["confirmed"].to_numpy(bool)

    def loss(values: np.ndarray) -> float:
        found = chance(facts, with_weights(rule, values)).clip(1e-9, 1 - 1e-9)
        likely = np.where(confirmed, np.log(found), np.log(1 - found))
        return float(-(weight * likely).sum() + (values[1:] ** 2).sum() / (2 * SPREAD**2))

    bounds = [(0, None) if name == "doubling" else (None, None) for name in WEIGHTS]
    return with_weights(rule, minimize(loss, np.zeros(len(WEIGHTS)), bounds=bounds, method="L-BFGS-B").x)


def with_weights(rule: ChanceRule, values: np.ndarray) -> ChanceRule:
    """The rule with other weights."""
    return replace(rule, **dict(zip(WEIGHTS, values.tolist(), strict=True)))


def held_out(rows: pd.DataFrame, rule: ChanceRule) -> np.ndarray:
    """Chance of each row by numbers that are fitted without its seed, (rows,) float64."""
    found = np.zeros(len(rows))
    for seed in rows["seed"].unique():
        mine = (rows["seed"] == seed).to_numpy()
        found[mine] = chance(facts_of(rows[mine]), fit(rows[~mine], rule))
    return found


def reliability(rows: pd.DataFrame, chances: np.ndarray) -> Iterator[str]:
    """A row of the table for each bin: chances said, and what came of them, every event counted once."""
    weight, of = weights_of(rows), np.searchsorted(BINS, chances, side="right").clip(1, len(BINS) - 1)
    for number in range(1, len(BINS)):
        some = of == number
        name = f"| {BINS[number - 1]:.2f} to {BINS[number]:.2f}"
        if not some.any():
            yield f"{name} | 0 | 0 | - | - | - |"
            continue
        events = rows[some].drop_duplicates(["seed", "event_id"])
        mean, confirmed, true = (
            np.average(values, weights=weight[some])
            for values in (chances[some], rows["confirmed"][some], rows["true"][some])
        )
        yield f"{name} | {some.sum()} | {len(events)} | {mean:.2f} | {confirmed:.2f} | {true:.2f} |"


def test_chances_of_seeds_that_the_numbers_are_not_from_come_true(tmp_path):
    rule = load(EventRule, MODELS / "events.toml")
    rows = all_rows(tmp_path, FIRST_SEED, SEEDS, rule)
    fitted = fit(rows, rule.chance)
    events = rows.drop_duplicates(["seed", "event_id"])
    print(f"\n{SEEDS} areas of 6.6 km2 and a year from seed {FIRST_SEED}")
    print(f"{len(rows)} rows of {len(events)} events, {events['confirmed'].mean():.0%} confirmed in time")
    print({name: round(getattr(fitted, name), 3) for name in WEIGHTS})
    chances = held_out(rows, rule.chance)
    print("| chance | rows | events | mean chance | confirmed within 60 days | true |")
    print("|---|---:|---:|---:|---:|---:|")
    print("\n".join(reliability(rows, chances)))
    weight, confirmed = weights_of(rows), rows["confirmed"].to_numpy(np.float64)
    ours, rate = np.average((chances - confirmed) ** 2, weights=weight), np.average(confirmed, weights=weight)
    print(f"Brier score {ours:.3f}; of the mean alone, {rate:.2f}, {rate * (1 - rate):.3f}")
    assert ours < rate * (1 - rate)
    assert abs(np.average(chance(facts_of(rows), rule.chance), weights=weight) - rate) <= 0.05


def test_what_is_published_by_chance_is_true_and_is_not_late(tmp_path):
    rule = load(EventRule, MODELS / "events.toml")
    found: dict[tuple[str, str], list[Event]] = {}
    for seed in range(FRESH_SEED, FRESH_SEED + FRESH):
        area = area_of(tmp_path, seed)
        for name, some in (("all", replace(rule, chance=None)), ("by chance", rule)):
            events = list(events_by_id(area, area.site.model.promise, some).values())
            for plan in ("both plans", "mixed" if seed % 2 else "demo"):
                found.setdefault((plan, name), []).extend(events)
    print(f"\n{FRESH} areas of 6.6 km2 and a year from seed {FRESH_SEED}")
    print("| plan, published | provisional | true | confirmed | true | told before | days to be told |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for (plan, name), events in sorted(found.items()):
        print(row_of(f"{plan}, {name}", events))
    before, after = (found["both plans", name] for name in ("all", "by chance"))
    provisional = [one.true for one in after if one.first == "provisional"]
    assert np.mean(provisional) >= 0.5 and told_before(after) >= 0.4
    assert median_day(after) <= median_day(before) + 3
