"""Clearings in made-up composites of sixteen days: what the rule for composites finds beside the others."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from selvawatch.core.days import to_day, to_times
from selvawatch.core.settings import load
from selvawatch.detect.charts.chart_models import load_detector
from selvawatch.detect.model import Model
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_series import LabelChoice, validate_series

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(20, 26)
POINTS, YEARS, A_YEAR = 500, 5, 23
"""Composites begin anew each year, as those of MODIS do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """How composites of forest differ from one another."""

    noise: float
    """Standard deviation of NDVI, mean over points."""
    drift: float
    """Standard deviation of NDVI between years."""
    haze: float
    """Mean fall of NDVI in a hazy composite; 3 % of the dry season's are, 28 % of the wet season's."""


AIRS = {
    "years differ": Air(noise=0.02, drift=0.02, haze=0.05),
    "middling": Air(noise=0.04, drift=0.01, haze=0.10),
    "noisy": Air(noise=0.06, drift=0.01, haze=0.15),
}


def write_points(folder: Path, air: Air, seed: int) -> tuple[Path, Path]:
    """Series and points: forest, three in ten cleared in part or whole to pasture in the last two years."""
    rng = np.random.default_rng(seed)
    days = np.array([to_day(f"{2000 + year}-01-01") + 16 * k for year in range(YEARS) for k in range(A_YEAR)])
    years = (days - days[0])[:, None] / 365.25
    level, amplitude = rng.normal(0.83, 0.025, POINTS), np.abs(rng.normal(0.03, 0.015, POINTS))
    ndvi = level + amplitude * np.cos(2 * np.pi * years + rng.normal(0, 0.6, POINTS))
    ndvi += np.repeat(rng.normal(0, air.drift, (YEARS, POINTS)), A_YEAR, axis=0)
    ndvi += rng.normal(0, air.noise, ndvi.shape) * rng.gamma(6, 1 / 6, POINTS)
    wet = 0.5 + 0.5 * np.cos(2 * np.pi * years)
    hazy = rng.random(ndvi.shape) < 0.03 + 0.25 * wet
    ndvi -= hazy * rng.gamma(1.5, air.haze / 1.5, ndvi.shape)
    lost = np.arange(POINTS) < 0.3 * POINTS
    breaks = rng.integers(days[0] + round(365.25 * 3), days[0] + round(365.25 * (YEARS - 0.1)), POINTS)
    pasture = 0.52 + 0.12 * wet + rng.normal(0, 0.05, ndvi.shape)
    share = rng.uniform(0.15, 1, POINTS)
    ndvi = np.where((days[:, None] >= breaks) & lost, (1 - share) * ndvi + share * pasture, ndvi)
    series, points = folder / "series.parquet", folder / "points.parquet"
    pids = [f"p{number}" for number in range(POINTS)]
    table = {"pid": np.tile(pids, days.size), "date": np.repeat(to_times(days), POINTS)}
    pd.DataFrame(table | {"ndvi": np.clip(ndvi, -1, 1).ravel().round(4)}).to_parquet(series)
    labels = np.where(lost, "cleared", "forest")
    frame = {"pid": pids, "label": labels, "break_date": to_times(np.where(lost, breaks, days[-1]))}
    pd.DataFrame(frame).to_parquet(points)
    return series, points


@pytest.mark.parametrize("air", AIRS)
def test_composites_find_as_much_as_a_chart_with_fewer_false_alarms(air, tmp_path):
    fused = load(Model, ROOT / "models" / "fused.toml")
    screening = load(Screening, ROOT / "models" / "screening.toml")
    plain = _without_rule(fused)
    detectors = {
        "fused": fused,
        "fused, as single pictures": plain,
        "ewma": load_detector(ROOT / "models" / "ewma.toml", fused),
    }
    found = {}
    for name, detector in detectors.items():
        reports = []
        for seed in SEEDS:
            folder = tmp_path / str(seed)
            folder.mkdir(exist_ok=True)
            tables = write_points(folder, AIRS[air], seed)
            labels = LabelChoice(positive=["cleared"])
            reports.append(validate_series(*tables, detector, screening, labels=labels, history_years=3))
        lost = sum(one.tp + one.fn for one in reports)
        forest = sum(one.n for one in reports) - lost
        false = sum(one.fp for one in reports)
        found[name] = (sum(one.tp for one in reports) / lost, false)
        delay = np.median([one.delay_days_median for one in reports])
        print(f"| {air} | {name} | {found[name][0]:.0%} | {false} of {forest} | {delay:.0f} |")
    assert found["fused"][0] > found["fused, as single pictures"][0]
    assert found["fused"][1] < found["ewma"][1]


def _without_rule(model: Model) -> Model:
    return replace(model, streams=tuple(replace(stream, composites=None) for stream in model.streams))
