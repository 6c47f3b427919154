"""Composites are known by their calendar, and filled values by their lines."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from selvawatch.core.days import to_day, to_times
from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.errors import LayerError
from selvawatch.prepare.mask import Screening
from selvawatch.validate.composites import are_composites, filled_in
from selvawatch.validate.judge_series import LabelChoice, validate_series
from selvawatch.validate.series import PointSeries

ROOT = Path(__file__).parents[3]
MODIS = np.array([to_day(f"{year}-01-01") + 16 * k for year in (2018, 2019) for k in range(23)])
ORBIT = to_day("2018-01-01") + 16 * np.arange(46)


@pytest.fixture(scope="module")
def model():
    return load(Model, ROOT / "models" / "fused.toml")


@pytest.fixture(scope="module")
def screening():
    return load(Screening, ROOT / "models" / "screening.toml")


def made(values, days=MODIS):
    return PointSeries(pids=("a",), days=days[: len(values["ndvi"])], values=values, bands=False)


def of_bands(rng, days=MODIS):
    names = ("red", "ndvi", "nbr")
    return {name: rng.normal(0.5, 0.02, (days.size, 1)).round(4).astype(np.float32) for name in names}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(MODIS, True, id="sixteen days from each first of January"),
        pytest.param(MODIS[20:26], True, id="over a new year"),
        pytest.param(MODIS[:20], False, id="within a year an orbit could do the same"),
        pytest.param(ORBIT, False, id="an orbit of sixteen days"),
        pytest.param(
            np.array([to_day(f"201{y}-{m:02d}-15") for y in (8, 9) for m in range(1, 13)]), True, id="months"
        ),
        pytest.param(MODIS[[0, 30]], False, id="too few dates"),
    ],
)
def test_only_a_calendar_that_begins_anew_is_that_of_composites(days, expected):
    assert are_composites(days) is expected


@pytest.mark.parametrize("by_days", [True, False])
def test_values_on_a_line_in_every_band_were_filled_in(by_days):
    values = of_bands(np.random.default_rng(1))
    first, last = 20, 26  # over the new year, where a step is 13 days
    steps = MODIS[first : last + 1] if by_days else np.arange(first, last + 1)
    share = ((steps - steps[0]) / (steps[-1] - steps[0]))[:, None]
    for grid in values.values():
        line = grid[first] + share * (grid[last] - grid[first])
        grid[first : last + 1] = line.round(4)
    filled = filled_in(made(values))
    assert np.flatnonzero(filled[:, 0]).tolist() == list(range(first + 1, last))


def test_a_line_in_one_band_alone_is_chance():
    values = of_bands(np.random.default_rng(2))
    values["red"][:] = np.linspace(0.1, 0.2, MODIS.size)[:, None]
    assert not filled_in(made(values)).any()


@pytest.mark.parametrize(("lines", "expected"), [(2, 0), (3, 3)])
def test_a_single_index_needs_three_values_in_a_row(lines, expected):
    values = {"ndvi": np.random.default_rng(3).normal(0.8, 0.05, (20, 1))}
    values["ndvi"][5 : 7 + lines] = np.linspace(0.9, 0.5, lines + 2)[:, None]
    assert filled_in(made(values)).sum() == expected


def test_a_gap_is_not_filled():
    values = of_bands(np.random.default_rng(4))
    for grid in values.values():
        grid[5:9] = np.nan
    assert not filled_in(made(values)).any()


def write(folder, days_of, values):
    """Tables of points, each with its own days; `values`: (points, days)."""
    rows = [
        (f"p{n}", day, v)
        for n, series in enumerate(values)
        for day, v in zip(days_of(n), series, strict=True)
    ]
    pids, days, ndvi = zip(*rows, strict=True)
    table = {"pid": pids, "date": to_times(np.array(days)), "ndvi": ndvi}
    pd.DataFrame(table).to_parquet(folder / "series.parquet")
    points = {"pid": sorted(set(pids)), "label": "Forest"}
    pd.DataFrame(points).to_parquet(folder / "points.parquet")
    return folder / "series.parquet", folder / "points.parquet"


def test_points_of_many_years_without_a_history_are_refused_in_one_line(model, screening, tmp_path):
    values = np.random.default_rng(5).normal(0.8, 0.02, (120, 10))
    tables = write(tmp_path, lambda number: MODIS[:10] + 365 * (number % 12), values)
    with pytest.raises(LayerError, match=r"cannot judge.*at most 10 of 120 points.*give history years"):
        validate_series(*tables, model, screening, labels=LabelChoice(), sensor="landsat")


def test_points_that_share_no_day_with_enough_others_are_not_judged(model, screening, tmp_path):
    values = np.random.default_rng(6).normal(0.8, 0.02, (130, 10))
    tables = write(tmp_path, lambda number: MODIS[:10] + (3 if number < 5 else 0), values)
    report = validate_series(*tables, model, screening, labels=LabelChoice(), sensor="landsat")
    assert "5 judged points could not be monitored and count as not confirmed" in report.method.notes


def test_a_fall_to_three_quarters_is_found_in_noisy_composites(model, screening, tmp_path):
    days = np.array([to_day(f"{year}-01-01") + 16 * k for year in range(2000, 2005) for k in range(23)])
    values = np.random.default_rng(7).normal(0.82, 0.05, (60, days.size))
    values[:30, 80:] -= 0.2
    tables = write(tmp_path, lambda _: days, values)
    points = pd.read_parquet(tables[1])
    cleared = [f"p{number}" for number in range(30)]
    points.assign(label=np.where(points["pid"].isin(cleared), "cleared", "forest")).to_parquet(tables[1])
    labels = LabelChoice(positive=["cleared"])
    report = validate_series(*tables, model, screening, labels=labels, history_years=3)
    assert (report.tp, report.fp) == (30, 0)
    assert any("composites of many days" in note for note in report.method.notes)
