"""Haze of other colours than the detector knows: a table for models/fused.md."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import world_sky
from make_world import make_world
from test_world_factors import Row

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import validate_cube
from selvawatch.validate.reference_cube import CubeReading

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (231, 232)
COLOURS = {
    "of the generator": world_sky.HAZE,
    "white": (0.6, 0.6, 0.6, 0.6, 0.6, 0.6),
    "bluish": (0.30, 0.25, 0.20, 0.25, 0.08, 0.04),
    "brown": (0.12, 0.14, 0.16, 0.22, 0.16, 0.10),
}
"""Reflectance of the air's own light: blue, green, red, near infrared, both short-wave bands."""


def test_haze_that_stays_confirms_little_whatever_its_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(Model, ROOT / "models" / "fused.toml")
    shared = load(CommonShift, ROOT / "models" / "common.toml")
    weighed = CubeReading(screening=load(Screening, ROOT / "models" / "screening.toml"))
    print("\n| haze | rule | F1 | recall | false per 1,000 km2 and year | delay, days |")
    print("|---|---|---:|---:|---:|---:|")
    for name, colour in COLOURS.items():
        monkeypatch.setattr(world_sky, "HAZE", np.array(colour, np.float32))
        rules = {
            "neither": (replace(model, past_runs=None), CubeReading()),
            "past runs": (model, CubeReading()),
            "quality": (replace(model, past_runs=None), weighed),
            "both": (model, weighed),
        }
        reports: dict[str, list] = {rule: [] for rule in rules}
        for seed in SEEDS:
            make_world(tmp_path, "w", seed, frozenset({"haze"}))
            for rule, (settings, reading) in rules.items():
                reports[rule].append(
                    validate_cube(tmp_path, "w", settings, shared=shared, reading=reading, workers=2)
                )
        for rule, found in reports.items():
            row = Row.of(found)
            print(
                f"| {name} | {rule} | {row.f1:.3f} | {row.recall:.3f} | {row.false_per_1000_km2:.0f}"
                f" | {row.delay_days:.0f} |",
                flush=True,
            )
        assert row.f1 >= 0.9 and row.false_per_1000_km2 <= 10_000
