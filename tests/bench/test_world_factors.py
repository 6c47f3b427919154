"""The detector in the harder world, a factor at a time: a table for docs/bench-detect.md."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from make_world import FACTORS, TOGETHER, make_world

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.validate.judge_raster import validate_cube
from selvawatch.validate.report import ValidationReport

ROOT = Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("SELVAWATCH_WORLD_SEEDS", "2"))
"""Worlds of 36 km2 a factor."""
FIRST_SEED = 100
PLANS = {
    "base": frozenset[str](),
    **{name: frozenset({name}) for name in FACTORS},
    "all": frozenset(TOGETHER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Sums over the worlds of one plan."""

    f1: float
    recall: float
    false_per_1000_km2: float
    dying_confirmed: float | None
    delay_days: float

    @classmethod
    def of(cls, reports: list[ValidationReport]) -> "Row":
        """The row of some reports."""
        tp, fp, fn = (sum(getattr(one, name) or 0 for one in reports) for name in ("tp", "fp", "fn"))
        stable = [one for report in reports for one in report.classes if one.name == "stable-forest"]
        dying = [one for report in reports for one in report.classes if one.name == "die-off"]
        return cls(
            f1=2 * tp / (2 * tp + fp + fn),
            recall=tp / (tp + fn),
            false_per_1000_km2=float(np.mean([one.per_1000_km2_year for one in stable])),
            dying_confirmed=sum(one.confirmed for one in dying) / sum(one.n for one in dying)
            if dying
            else None,
            delay_days=float(np.median([one.delay_days_median for one in reports])),
        )

    @property
    def cells(self) -> str:
        """As cells of a table."""
        dying = "" if self.dying_confirmed is None else f"{self.dying_confirmed:.0%}"
        figures = (f"{self.f1:.4f}", f"{self.recall:.3f}", f"{self.false_per_1000_km2:.0f}", dying)
        return " | ".join([*figures, f"{self.delay_days:.0f}"])


@pytest.mark.bench
def test_the_detector_in_the_harder_world(tmp_path: Path) -> None:
    model = load(Model, ROOT / "models" / "fused.toml")
    shared = load(CommonShift, ROOT / "models" / "common.toml")
    print(f"\n{SEEDS} worlds of 36 km2 a factor, optical and radar, monitored for a year")
    print("| factor | F1 | recall | false per 1,000 km2 and year | dying bamboo confirmed | delay, days |")
    print("|---|---:|---:|---:|---:|---:|")
    rows = {}
    for name, factors in PLANS.items():
        reports = []
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            make_world(tmp_path, "w", seed, factors)
            reports.append(validate_cube(tmp_path, "w", model, shared=shared, workers=2))
        rows[name] = Row.of(reports)
        print(f"| {name} | {rows[name].cells} |", flush=True)
    assert rows["base"].f1 > 0.99
