"""The detector is judged as the definitions say: on made-up points, an archive and a small reference cube."""

import dataclasses
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from selvawatch.core.days import to_day
from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.errors import LayerError
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import validate_cube, validate_raster
from selvawatch.validate.judge_series import LabelChoice, validate_series
from selvawatch.validate.reference_cube import CubeReading
from selvawatch.validate.report import Method, ValidationReport
from selvawatch.validate.scoring import Judgements, judge

ROOT = Path(__file__).parents[3]
METHOD = Method(detector="made up")
FOREST_OR_LOST = LabelChoice(positive=["Lost"], negative=["Forest"])


@pytest.fixture(scope="module")
def model():
    return load(Model, ROOT / "models" / "fused.toml")


@pytest.fixture(scope="module")
def screening():
    return load(Screening, ROOT / "models" / "screening.toml")


def judged(**changes):
    arrays = {
        "lost": np.array([True, True, True, False, False]),
        "confirmed_on": np.array([110, 95, 0, 120, 0]),
        "break_day": np.array([100, 100, 100, 0, 0]),
        "blocks": np.arange(5),
        "watched_years": np.array([1.0, 1.0, 1.0, 0.5, 1.5]),
    }
    return judge(Judgements(**(arrays | changes)), METHOD)


def test_a_confirmation_before_the_break_is_early_and_counts_twice():
    report = judged()
    assert (report.tp, report.fp, report.fn, report.tn) == (1, 2, 2, 1)
    assert report.early_share == pytest.approx(1 / 3)
    assert report.delay_days_median == 10


def test_a_confirmation_on_the_day_of_the_break_is_right():
    report = judged(confirmed_on=np.array([100, 100, 100, 0, 0]))
    assert (report.tp, report.fp, report.early_share, report.delay_days_median) == (3, 0, 0, 0)


def test_false_alarms_are_counted_on_units_that_were_not_lost_only():
    assert judged().false_alarms_per_100_px_years == pytest.approx(100 * 1 / 2.0)


def test_without_break_days_there_is_no_delay_and_no_early_share():
    report = judged(break_day=None)
    assert (report.delay_days_median, report.early_share) == (None, None)
    assert (report.tp, report.fp) == (2, 1)


def test_without_lost_units_only_false_alarms_are_counted():
    report = judged(lost=np.zeros(5, bool), break_day=None)
    assert (report.f1, report.auc, report.tp, report.fn) == (None, None, None, None)
    assert report.fp == 3
    assert "false_alarms_per_100_px_years" in report.ci95


def test_lines_for_people_name_every_figure_that_applies():
    text = "\n".join(judged().lines())
    assert "TP 1  FP 2  FN 2  TN 1" in text
    assert "delay, median (days): 10.000" in text
    assert "AUC" not in text
    assert "commission: 66.7 %" in text
    assert "omission: 66.7 %" in text
    assert "confirmed from 1970-04-06 to 1970-04-21, median 1970-04-06" in text
    assert isinstance(judged(), ValidationReport)


def write_points(folder, breaks, seed=12):
    """Series of six bands every ten days over one year; points of `breaks` turn to soil on that day."""
    rng = np.random.default_rng(seed)
    forest = np.array([0.025, 0.05, 0.03, 0.33, 0.16, 0.07])
    soil = np.array([0.08, 0.12, 0.17, 0.25, 0.35, 0.28])
    cloud = np.array([0.45, 0.46, 0.47, 0.55, 0.45, 0.35])
    days = to_day("2020-01-01") + np.arange(0, 360, 10)
    rows = []
    for number, break_day in enumerate(breaks):
        for day in days:
            bands = soil if break_day and day >= break_day else forest
            bands = cloud if rng.random() < 0.3 else bands * rng.normal(1, 0.03, 6)
            rows.append((f"p{number:03d}", pd.Timestamp(int(day), unit="D"), *bands))
    names = ["pid", "date", "blue", "green", "red", "nir", "swir1", "swir2"]
    pd.DataFrame(rows, columns=names).to_parquet(folder / "series.parquet")
    points = pd.DataFrame(
        {
            "pid": [f"p{number:03d}" for number in range(len(breaks))],
            "lon": -70 + 0.05 * np.arange(len(breaks)),
            "lat": -12.0,
            "label": ["Lost" if day else "Forest" for day in breaks],
            "break_date": [pd.Timestamp(int(day), unit="D") if day else pd.NaT for day in breaks],
            "odd": [False] * len(breaks),
        }
    )
    points.to_parquet(folder / "points.parquet")
    return folder / "series.parquet", folder / "points.parquet"


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    start = to_day("2020-01-01")
    breaks = [start + 150 + number if number % 6 == 0 else 0 for number in range(150)]
    return write_points(tmp_path_factory.mktemp("points"), breaks)


def test_points_that_turn_to_soil_under_clouds_are_found_after_their_break(points, model, screening):
    report = validate_series(*points, model, screening, labels=FOREST_OR_LOST)
    assert report.n == 150
    assert report.f1 >= 0.95
    assert report.auc >= 0.99
    assert report.early_share == 0
    assert 0 < report.delay_days_median <= 60
    assert any("no stable history" in note for note in report.method.notes)
    assert report.method.model_digest == model.digest


def test_labels_change_no_judgement_of_the_detector(points, model, screening, tmp_path):
    frame = pd.read_parquet(points[1])
    swapped = frame.assign(label=np.where(frame["label"] == "Lost", "Forest", "Lost"))
    swapped.drop(columns="break_date").to_parquet(tmp_path / "swapped.parquet")
    right = validate_series(*points, model, screening, labels=FOREST_OR_LOST)
    wrong = validate_series(points[0], tmp_path / "swapped.parquet", model, screening, labels=FOREST_OR_LOST)
    assert right.tp + right.fp == wrong.tp + wrong.fp
    assert (wrong.fp, wrong.tp) == (right.tp, right.fp)
    assert wrong.auc == pytest.approx(1 - right.auc)


def test_all_as_negative_is_every_other_point_that_is_not_excluded(points, model, screening, tmp_path):
    frame = pd.read_parquet(points[1])
    frame["odd"] = np.arange(len(frame)) % 2 == 1
    frame.to_parquet(tmp_path / "odd.parquet")
    report = validate_series(
        points[0], tmp_path / "odd.parquet", model, screening, labels=LabelChoice(exclude="odd")
    )
    assert report.n == 75
    assert (report.f1, report.auc) == (None, None)
    # all 25 lost points of even number but one, which breaks too near the end for two clear observations
    assert report.fp in (24, 25)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ({"positive": ["Mine"]}, {}, "no point has the label Mine.*Forest.*Lost"),
        ({"negative": ["Pasture"]}, {}, "no point has the label Pasture"),
        ({"positive": ["Lost"]}, {"history_years": 5}, "the history takes all observations"),
        ({"positive": ["Lost"], "exclude": "cloudy"}, {}, "a column is missing.*cloudy"),
        ({"positive": ["Lost"]}, {"sensor": "modis"}, "reads none of the observations"),
    ],
)
def test_a_question_that_cannot_be_answered_is_one_line(points, model, screening, labels, options, message):
    with pytest.raises(LayerError, match=message) as error:
        validate_series(*points, model, screening, labels=LabelChoice(**labels), **options)
    assert "\n" not in str(error.value)


def test_no_positive_point_left_is_one_line(points, model, screening, tmp_path):
    frame = pd.read_parquet(points[1])
    frame.assign(odd=frame["label"] == "Lost").to_parquet(tmp_path / "none.parquet")
    with pytest.raises(LayerError, match="no positive point is left"):
        validate_series(
            points[0],
            tmp_path / "none.parquet",
            model,
            screening,
            labels=LabelChoice(positive=["Lost"], exclude="odd"),
        )


def test_series_without_a_band_that_screening_needs_are_refused(points, model, screening, tmp_path):
    pd.read_parquet(points[0]).drop(columns="swir1").to_parquet(tmp_path / "s.parquet")
    with pytest.raises(LayerError, match="missing to screen clouds with.*swir16"):
        validate_series(tmp_path / "s.parquet", points[1], model, screening)


def test_a_history_of_its_own_is_used_where_years_are_given(model, screening, tmp_path):
    rng = np.random.default_rng(13)
    days = to_day("2017-01-01") + np.arange(0, 4 * 365, 12)
    lost_from = to_day("2020-06-01")
    rows = [
        (
            f"p{number}",
            pd.Timestamp(int(day), unit="D"),
            0.7 - 0.4 * (number == 0 and day >= lost_from) + noise,
        )
        for number in range(10)
        for day, noise in zip(days, rng.normal(0, 0.03, days.size), strict=True)
    ]
    pd.DataFrame(rows, columns=["pid", "date", "nbr"]).to_parquet(tmp_path / "s.parquet")
    pd.DataFrame(
        {"pid": [f"p{number}" for number in range(10)], "label": ["Lost"] + ["Forest"] * 9}
    ).to_parquet(tmp_path / "p.parquet")
    report = validate_series(
        tmp_path / "s.parquet",
        tmp_path / "p.parquet",
        model,
        screening,
        labels=LabelChoice(positive=["Lost"]),
        history_years=3,
    )
    assert (report.tp, report.fp, report.fn, report.tn) == (1, 0, 0, 9)
    assert report.false_alarms_per_100_px_years == 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """40 x 40 forest of which a square is lost on 2016-03-01, radar and NDVI, no history."""
    rng = np.random.default_rng(14)
    radar_days = np.arange(to_day("2016-01-01"), to_day("2016-06-01"), 6)
    optical_days = np.arange(to_day("2016-01-01"), to_day("2016-06-01"), 16)
    lost = np.zeros((40, 40), bool)
    lost[8:32, 8:32] = True
    gone = to_day("2016-03-01")

    def stack(days, forest, bare, sigma):
        level = np.where(lost & (days[:, None, None] >= gone), bare, forest)
        return (level + rng.normal(0, sigma, level.shape)).astype("f4")

    ndvi = stack(optical_days, 0.82, 0.3, 0.04)
    ndvi[3] = np.nan
    dataset = xr.Dataset(
        {
            "s1_vv": (("time_radar", "y", "x"), stack(radar_days, -8.0, -12.0, 0.7)),
            "landsat_ndvi": (("time_optical", "y", "x"), ndvi),
            "loss": (("y", "x"), np.where(lost, 16, 0)),
            "forest": (("y", "x"), np.ones((40, 40), "u1")),
            "other_day": (("y", "x"), np.where(lost, gone + 20.0, np.nan)),
        },
        coords={
            "time_radar": radar_days.astype("datetime64[D]").astype("datetime64[ns]"),
            "time_optical": optical_days.astype("datetime64[D]").astype("datetime64[ns]"),
            "x": np.arange(40) * 30.0,
            "y": -np.arange(40) * 30.0,
        },
    )
    path = tmp_path_factory.mktemp("archive") / "archive.nc"
    dataset.to_netcdf(path, engine="netcdf4")
    return path


def test_an_archive_without_history_is_judged_by_the_fallback(archive, model):
    report = validate_raster(archive, model, truth="loss=16", mask="forest", dates="other_day")
    assert report.n == 1600
    assert report.f1 >= 0.97
    assert report.early_share is None
    # the other method is 20 days late
    assert -20 <= report.delay_days_median <= -5
    low, high = report.ci95["f1"]
    assert low <= report.f1 <= high
    assert "35 of 36 observations hold data inside the mask" in report.method.notes
    assert any("fallback" in note for note in report.method.notes)
    assert any("other_day" in note for note in report.method.notes)


def test_the_same_archive_gives_the_same_object(archive, model):
    first, second = (validate_raster(archive, model, truth="loss=16", mask="forest") for _ in range(2))
    assert first.as_json() == second.as_json()


def test_a_model_that_reads_nothing_of_an_archive_says_what_it_reads(archive, model):
    blind = dataclasses.replace(model, streams=model.streams[:1])
    with pytest.raises(LayerError, match="reads none of the observations.*landsat: ndvi.*sentinel-2"):
        validate_raster(archive, blind, truth="loss=16", mask="forest")


@pytest.fixture(scope="module")
def cube_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cube")
    before = sys.argv
    sys.argv = ["make_reference_cube.py", "--size", "60", "--out", str(folder), "--seed", "7"]
    try:
        runpy.run_path(str(ROOT / "tests" / "bench" / "make_reference_cube.py"), run_name="__main__")
    finally:
        sys.argv = before
    return folder


@pytest.mark.parametrize(("sensors", "least"), [("optical", 0.97), ("radar", 0.8), ("all", 0.97)])
def test_a_small_reference_cube_is_detected_by_each_kind_of_sensor(cube_folder, model, sensors, least):
    report = validate_cube(cube_folder, "main", model, reading=CubeReading(sensors=sensors))
    assert report.n == 3600
    assert report.f1 >= least
    assert report.method.parameters["sensors"] == sensors
    assert report.early_share <= 0.01


def test_threads_change_nothing(cube_folder, model):
    one, two = (validate_cube(cube_folder, "main", model, workers=workers) for workers in (1, 2))
    assert one.as_json() == two.as_json()
