"""The detector in the harder world, a factor at a time: a table for docs/bench-detect.md."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from make_world import FACTORS, TOGETHER, make_world

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import validate_cube
from selvawatch.validate.reference_cube import CubeReading
from selvawatch.validate.report import ValidationReport

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SEEDS = int(os.environ.get("SELVAWATCH_WORLD_SEEDS", "2"))
"""Worlds of 36 km2 a factor."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_WORLD_FIRST", "100"))
CHOSEN = os.environ.get("SELVAWATCH_WORLD_FACTORS", "")
"""Factors to judge, with spaces between; empty: all."""
RESAMPLED = 2_000
PLANS = {
    "base": frozenset[str](),
    **{name: frozenset({name}) for name in FACTORS},
    "all": frozenset(TOGETHER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Sums over the worlds of one plan."""

    f1: float
    f1_range: tuple[float, float]
    """95 % of sums over as many worlds drawn anew."""
    recall: float
    false_per_1000_km2: float
    dying_confirmed: float | None
    dying_said: float | None
    """Share of the dying pixels that have the status of dieback."""
    delay_days: float

    @classmethod
    def of(cls, reports: list[ValidationReport]) -> "Row":
        """The row of some reports."""
        counts = np.array([[getattr(one, name) or 0 for name in ("tp", "fp", "fn")] for one in reports])
        stable = [one for report in reports for one in report.classes if one.name == "stable-forest"]
        dying = [one for report in reports for one in report.classes if one.name == "die-off"]
        pixels = sum(one.n for one in dying)
        return cls(
            f1=float(f1_of(counts.sum(axis=0))),
            f1_range=resampled(counts),
            recall=float(counts[:, 0].sum() / (counts[:, 0] + counts[:, 2]).sum()),
            false_per_1000_km2=float(np.mean([one.per_1000_km2_year for one in stable])),
            dying_confirmed=sum(one.confirmed for one in dying) / pixels if dying else None,
            dying_said=sum(one.dieback or 0 for one in dying) / pixels if dying else None,
            delay_days=float(np.median([one.delay_days_median for one in reports])),
        )

    @property
    def cells(self) -> str:
        """As cells of a table."""
        low, high = self.f1_range
        dying = ["" if share is None else f"{share:.0%}" for share in (self.dying_confirmed, self.dying_said)]
        figures = (f"{self.f1:.4f} ({low:.3f}-{high:.3f})", f"{self.recall:.3f}")
        return " | ".join([*figures, f"{self.false_per_1000_km2:.0f}", *dying, f"{self.delay_days:.0f}"])


def f1_of(counts: np.ndarray) -> np.ndarray:
    """F1 of counts of found, false and missed along the last axis."""
    found, false, missed = np.moveaxis(counts, -1, 0)
    return np.asarray(2 * found / (2 * found + false + missed))


def resampled(counts: np.ndarray) -> tuple[float, float]:
    """Bootstrap interval of the F1 of a sum over worlds. counts: (worlds, 3)."""
    drawn = np.random.default_rng(0).integers(0, len(counts), (RESAMPLED, len(counts)))
    low, high = np.quantile(f1_of(counts[drawn].sum(axis=1)), (0.025, 0.975))
    return float(low), float(high)


def peer_cells(judged: list[dict[str, dict[str, float]]]) -> str:
    """F1 and false pixels of each peer as cells of a table."""
    cells = []
    for peer in judged[0]:
        counts = np.array([[one[peer][name] for name in ("tp", "fp", "fn")] for one in judged])
        false = np.mean([one[peer]["false_per_1000_km2"] for one in judged])
        cells += [f"{f1_of(counts.sum(axis=0)):.3f}", f"{false:.0f}"]
    return " | ".join(cells)


@pytest.mark.bench
@pytest.mark.campaign
def test_the_detector_in_the_harder_world(tmp_path: Path, peers_python: Path) -> None:
    model = load(Model, ROOT / "models" / "fused.toml")
    shared = load(CommonShift, ROOT / "models" / "common.toml")
    reading = CubeReading(screening=load(Screening, ROOT / "models" / "screening.toml"))
    print(f"\n{SEEDS} worlds of 36 km2 a factor from seed {FIRST_SEED}, a year each; nrt reads their NDVI")
    print(
        "| factor | F1 (95 %) | recall | false per 1,000 km2 and year | dying bamboo confirmed"
        " | said to die back | delay, days | nrt IQR F1 | false | nrt CCDC F1 | false |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    rows = {}
    for name in CHOSEN.split() or PLANS:
        reports, judged = [], []
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            make_world(tmp_path, "w", seed, PLANS[name])
            reports.append(validate_cube(tmp_path, "w", model, shared=shared, reading=reading, workers=2))
            asked = [peers_python, HERE / "world_peers.py", tmp_path, "w"]
            judged.append(json.loads(subprocess.run(asked, check=True, capture_output=True).stdout))
        rows[name] = Row.of(reports)
        print(f"| {name} | {rows[name].cells} | {peer_cells(judged)} |", flush=True)
    assert all(row.f1 > 0.99 for name, row in rows.items() if name == "base")
