"""The detector's figures on real data; thresholds come from elsewhere, labels are read only to score."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_raster import validate_raster
from selvawatch.validate.judge_series import LabelChoice, validate_series
from selvawatch.validate.loss_map import validate_loss
from selvawatch.validate.mining_chips import validate_mining

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def model():
    return load(Model, MODELS / "fused.toml")


@pytest.fixture(scope="module")
def screening():
    return load(Screening, MODELS / "screening.toml")


def series(folder):
    return folder / "series.parquet", folder / "points.parquet"


def test_the_bolivian_archive_is_detected_better_than_by_the_original_and_no_later(reference_data, model):
    path = reference_data / "bolivia-s1-landsat-raster" / "bolivia_north.nc"
    report = validate_raster(path, model, truth="gfc_lossyear=16", mask="forest_mask")
    assert report.n == 1783
    assert report.tp + report.fn == 1178
    # the original R implementation on this half: TP 1123, FP 140, FN 55
    assert report.f1 > 2 * 1123 / (2 * 1123 + 140 + 55)
    assert report.f1 >= 0.92
    assert report.delay_days_median <= 0
    assert "26 of 36 observations hold data inside the mask" in report.method.notes


def test_raw_cloudy_points_are_told_apart_from_bands_alone(reference_data, model, screening):
    report = validate_series(
        *series(reference_data / "s2-t20lkp-raw-series"),
        model,
        screening,
        labels=LabelChoice(positive=["Deforestation"], negative=["Forest"]),
    )
    assert (report.n, report.tp + report.fn) == (250, 32)
    assert report.auc >= 0.95
    assert report.f1 >= 0.80
    assert {"auc", "f1"} <= set(report.ci95)


def test_composites_of_rondonia_are_told_apart(reference_data, model, screening):
    report = validate_series(
        *series(reference_data / "s2-rondonia-timeseries"),
        model,
        screening,
        labels=LabelChoice(positive=["Deforestation"], negative=["Forest"]),
    )
    assert (report.n, report.tp + report.fn) == (337, 93)
    assert report.auc >= 0.97
    assert report.fp <= 0.02 * 244
    assert report.tp >= 0.75 * 93
    assert any("filled in, not observed" in note for note in report.method.notes)


def test_stable_forest_raises_few_false_alarms(reference_data, model, screening):
    report = validate_series(
        *series(reference_data / "landsat-stable-forest-nbr"),
        model,
        screening,
        labels=LabelChoice(negative=["all"], exclude="possible_real_change"),
        history_years=3,
    )
    assert report.n == 774
    assert report.false_alarms_per_100_px_years <= 0.2


def test_interpreted_points_without_stratum_areas_are_read_and_said_to_lack_them(reference_data, tmp_path):
    values = np.zeros((60, 80), np.uint8)
    values[30:] = 1
    with rasterio.open(
        tmp_path / "map.tif",
        "w",
        driver="GTiff",
        height=60,
        width=80,
        count=1,
        dtype="uint8",
        crs="EPSG:4326",
        transform=Affine(0.5, 0, -80, 0, -0.5, 10),
    ) as raster:
        raster.write(values, 1)
    report = validate_loss(
        tmp_path / "map.tif", reference_data / "bullock-amazon-reference" / "reference_samples.csv"
    )
    assert report.n == 2983
    assert report.tp + report.fn == 297
    assert any("strata areas are missing" in note for note in report.method.notes)


@pytest.mark.slow
def test_chips_of_mines_are_told_apart_better_than_by_chance_in_sources_never_seen(reference_data):
    folder = reference_data / "s2-mining-chips"
    report = validate_mining(folder / "s2_rgb_chips.npz", folder / "s2_rgb_chips.csv")
    assert report.n == 5694
    low, _ = report.ci95["auc"]
    assert low > 0.5
