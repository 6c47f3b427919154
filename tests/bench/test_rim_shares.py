"""Whole pixels of events, `ha`, beside shares of them, `ha_subpixel`: a table for models/events.md."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from make_world import make_world
from scipy import ndimage

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.events.hectares.lost_share import subpixel_px
from selvawatch.events.lineage import trace_events
from selvawatch.events.patches import EventRule, alert_pixels, with_expired_pixels
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import WatchedCube, watch_cube
from selvawatch.validate.reference_cube import CubeReading

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(241, 246)
HALF_CLEARED = (1, 2)
"""Classes of clearings and pits, whose rims `mixed` cuts in part."""
READING = CubeReading(screening=load(Screening, ROOT / "models" / "screening.toml"))
RULES = ("whole pixels (`ha`)", "shares of the same pixels", "shares of all pixels (`ha_subpixel`)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Pixels of the events of one world by one rule, and their truth."""

    found: np.ndarray
    truth: np.ndarray


def true_shares(folder: Path) -> np.ndarray:
    """(y, x) share of a pixel that was cleared, against the upper quartile of its patch; 0 = none."""
    with np.load(folder / "meta_w.npz") as meta:
        share = meta["frac"].astype(np.float64)
    changed = np.isin(np.load(folder / "class_w.npy"), (*HALF_CLEARED, 9)) & (share > 0)
    patches, count = ndimage.label(changed, np.ones((3, 3)))
    cores = np.array([1.0, *(np.quantile(share[patches == one], 0.75) for one in range(1, count + 1))])
    return np.where(changed, np.minimum(share / cores[patches], 1), 0.0)


def by_rules(watched: WatchedCube, rule: EventRule, number: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels of each confirmed event by each rule, (events,). number: (y, x) event of each pixel or -1."""
    layers = watched.watched.layers
    fall = watched.ndvi.fall(watched.baselines, layers["onset"].to_numpy(), rule.loss_looks)
    tile = Tile(grid=Grid(crs="EPSG:32719", resolution=30.0, tile_px=len(number)), column=0, row=0)
    found = alert_pixels({tile: layers.assign(fall=(("y", "x"), fall))})
    pixels = with_expired_pixels(found, rule, watched.watched.last_day)
    lineage = trace_events(pixels, rule, tile.grid)
    of_event = np.zeros(int(number.max()) + 1, np.int64)
    of_pixel = number[pixels.row + len(number), pixels.column]
    of_event[of_pixel[of_pixel >= 0]] = lineage.event[of_pixel >= 0]
    shown_only = np.where(lineage.is_shown, lineage.event, -1)
    whole = np.bincount(number[number >= 0])
    in_part = [
        subpixel_px(pixels, event, lineage.is_shown, len(lineage), rule)[of_event]
        for event in (shown_only, lineage.event)
    ]
    return dict(zip(RULES, (whole, *in_part), strict=True))


def compared(
    folder: Path, seed: int, model: Model, shared: CommonShift, rule: EventRule
) -> dict[str, Compared]:
    """The three rules on one world of mixed rims."""
    make_world(folder, "w", seed, frozenset({"mixed"}))
    watched = watch_cube(folder, "w", model, shared=shared, reading=READING, workers=2, scored=False)
    number, truth = watched.numbers(rule), true_shares(folder)
    away, nearest = ndimage.distance_transform_edt(number < 0, return_indices=True)
    owner = np.where(away <= 1.5, number[tuple(nearest)], -1)
    lost = np.bincount(owner[owner >= 0], truth[owner >= 0], int(number.max()) + 1)
    return {
        name: Compared(found=found, truth=lost) for name, found in by_rules(watched, rule, number).items()
    }


def test_hectares_of_shares_are_nearer_to_the_truth_than_those_of_whole_pixels(tmp_path: Path) -> None:
    model = load(Model, ROOT / "models" / "fused.toml")
    shared = load(CommonShift, ROOT / "models" / "common.toml")
    rule = load(EventRule, ROOT / "models" / "events.toml")
    worlds = [compared(tmp_path, seed, model, shared, rule) for seed in SEEDS]
    print(f"\n{len(SEEDS)} worlds of 36 km2 with mixed rims, pixels of 30 m")
    print("| hectares by | events | found, px | truth, px | more | error of one event, median |")
    print("|---|---:|---:|---:|---:|---:|")
    errors = {}
    for name in RULES:
        found, truth = (
            np.concatenate([getattr(world[name], part) for world in worlds]) for part in ("found", "truth")
        )
        assert np.isfinite(found).all()
        errors[name] = error = np.median(np.abs(found - truth)[truth > 0] / truth[truth > 0])
        print(
            f"| {name} | {found.size} | {found.sum():.0f} | {truth.sum():.0f}"
            f" | {found.sum() / truth.sum() - 1:+.1%} | {error:.1%} |"
        )
        if name != RULES[1]:
            assert abs(found.sum() / truth.sum() - 1) <= 0.05
    assert errors[RULES[2]] < errors[RULES[0]] / 2
