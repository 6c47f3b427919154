"""Hectares of events by whole pixels beside those by shares of pixels: a table for models/events.md."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from make_world import make_world
from scipy import ndimage

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.events.patches import EventRule
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import WatchedCube, watch_cube
from selvawatch.validate.reference_cube import CubeReading

pytestmark = pytest.mark.bench

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(241, 246)
HALF_CLEARED = (1, 2)
"""Classes of clearings and pits, whose rims `mixed` cuts in part."""
READING = CubeReading(screening=load(Screening, ROOT / "models" / "screening.toml"))
RULES = ("whole pixels", "shares of the same pixels", "shares of all pixels")


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


def shares(watched: WatchedCube, rule: EventRule, number: np.ndarray) -> np.ndarray:
    """(y, x) share of each pixel of an event that it lost, by its fall against its event's core."""
    onset = watched.watched.layers["onset"].to_numpy()
    fall = watched.ndvi.fall(watched.baselines, onset, rule.loss_looks)
    out = np.full(number.shape, np.nan)
    for one in range(int(number.max()) + 1):
        inside = number == one
        core = min(np.nanquantile(fall[inside], rule.core_quantile), rule.bare_fall)
        out[inside] = np.where(np.isfinite(fall[inside]), np.clip(fall[inside] / core, 0, 1), 1)
    return out


def compared(
    folder: Path, seed: int, model: Model, shared: CommonShift, rule: EventRule
) -> dict[str, Compared]:
    """The three rules on one world of mixed rims."""
    make_world(folder, "w", seed, frozenset({"mixed"}))
    watched = watch_cube(folder, "w", model, shared=shared, reading=READING, workers=2, scored=False)
    truth, found = true_shares(folder), {}
    for name, half in zip(RULES, (rule, rule, replace(rule, lost_share=0.0)), strict=True):
        number = watched.numbers(half)
        weight = np.ones(number.shape) if name == RULES[0] else shares(watched, half, number)
        away, nearest = ndimage.distance_transform_edt(number < 0, return_indices=True)
        owner = np.where(away <= 1.5, number[tuple(nearest)], -1)
        count = int(number.max()) + 1
        found[name] = Compared(
            found=np.bincount(number[number >= 0], weight[number >= 0], count),
            truth=np.bincount(owner[owner >= 0], truth[owner >= 0], count),
        )
    return found


def test_hectares_of_whole_pixels_are_as_near_as_those_of_shares(tmp_path: Path) -> None:
    model = load(Model, ROOT / "models" / "fused.toml")
    shared = load(CommonShift, ROOT / "models" / "common.toml")
    rule = load(EventRule, ROOT / "models" / "events.toml")
    worlds = [compared(tmp_path, seed, model, shared, rule) for seed in SEEDS]
    print(f"\n{len(SEEDS)} worlds of 36 km2 with mixed rims, pixels of 30 m")
    print("| hectares by | events | found, px | truth, px | more | error of one event, median |")
    print("|---|---:|---:|---:|---:|---:|")
    for name in RULES:
        found, truth = (
            np.concatenate([getattr(world[name], part) for world in worlds]) for part in ("found", "truth")
        )
        error = np.median(np.abs(found - truth)[truth > 0] / truth[truth > 0])
        print(
            f"| {name} | {found.size} | {found.sum():.0f} | {truth.sum():.0f}"
            f" | {found.sum() / truth.sum() - 1:+.1%} | {error:.1%} |"
        )
        if name == RULES[0]:
            assert abs(found.sum() / truth.sum() - 1) <= 0.05
