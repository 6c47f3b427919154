"""The commands of `validate` print lines or one JSON object, and say in one line what they cannot do."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from typer.testing import CliRunner

from selvawatch.cli.validate import app
from selvawatch.errors import LayerError, SiteError

GENERATOR = Path(__file__).parents[2] / "bench" / "make_reference_cube.py"
KEYS = [
    "n", "tp", "fp", "fn", "tn", "users_accuracy", "producers_accuracy", "f1", "auc", "delay_days_median",
    "delay_days_p90", "early_share", "false_alarms_per_100_px_years", "ci95", "method",
]  # fmt: skip


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cube_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cube")
    before = sys.argv
    sys.argv = [
        "make_reference_cube.py",
        "--size",
        "30",
        "--step",
        "16",
        "--tag",
        "tiny",
        "--out",
        str(folder),
    ]
    try:
        runpy.run_path(str(GENERATOR), run_name="__main__")
    finally:
        sys.argv = before
    return folder


def test_a_cube_is_one_json_object_with_the_stable_keys(cube_folder):
    result = run("cube", cube_folder, "--tag", "tiny", "--sensors", "all", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    hectares = said.pop("hectares")
    assert list(said) == KEYS
    assert said["n"] == 900
    assert hectares["ha_low"] < hectares["confirmed_ha"] < hectares["ha_high"]
    assert {"detector", "model_digest", "parameters"} <= set(said["method"])


def test_a_cube_is_a_few_lines_for_people(cube_folder):
    result = run("cube", cube_folder, "--tag", "tiny", "--sensors", "optical")
    assert result.exit_code == 0
    assert result.stdout.startswith("n 900  TP ")
    assert "method: fused" in result.stdout


@pytest.mark.parametrize("name", ["ewma", "cusum", "mosum", "bayts"])
def test_one_switch_holds_another_detector_against_the_same_cube(cube_folder, name):
    result = run("cube", cube_folder, "--tag", "tiny", "--detector", name, "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    ours = json.loads(run("cube", cube_folder, "--tag", "tiny", "--json").stdout)
    assert list(said) == KEYS
    assert said["method"]["detector"] == name
    assert said["method"]["parameters"]["kind"] == name
    assert said["method"]["parameters"]["baselines"] == "fused"
    assert (said["n"], said["tp"] + said["fn"]) == (900, ours["tp"] + ours["fn"])
    assert said["tp"] > 0
    assert said["auc"] > 0.5


def test_a_detector_may_be_a_file_of_ones_own(cube_folder, tmp_path):
    own = tmp_path / "mine.toml"
    text = (Path(__file__).parents[3] / "models" / "ewma.toml").read_text("utf-8")
    own.write_text(text.replace('name = "ewma"', 'name = "mine"').replace("limit = 5.0", "limit = 50.0"))
    result = run("cube", cube_folder, "--tag", "tiny", "--detector", own, "--json")
    said = json.loads(result.stdout)
    assert (said["method"]["detector"], said["tp"], said["fp"]) == ("mine", 0, 0)


def test_the_same_switch_judges_an_archive_and_points(tmp_path):
    archive, series, points = small_archive(tmp_path), tmp_path / "s.parquet", tmp_path / "p.parquet"
    words = ("--truth", "loss=16", "--mask", "forest", "--detector", "bayts", "--json")
    said = json.loads(run("raster", archive, *words).stdout)
    assert said["method"]["detector"] == "bayts"
    assert (said["tp"], said["fp"], said["fn"]) == (8, 0, 0)
    said = json.loads(run("raster", archive, *words[:-2], "ewma", "--history-years", "1", "--json").stdout)
    assert (said["tp"], said["fp"], said["fn"]) == (8, 0, 0)
    small_points(series, points)
    words = (series, points, "--positive", "Lost", "--history-years", "2", "--json", "--detector")
    for name in ("ewma", "cusum", "mosum"):
        said = json.loads(run("series", *words, name).stdout)
        assert (said["method"]["detector"], said["tp"], said["fn"]) == (name, 1, 0)
        assert f"{name} reads landsat nbr" in said["method"]["notes"]
    result = run("series", *words, "bayts")
    assert isinstance(result.exception, LayerError)
    said = str(result.exception)
    assert "validate: bayts reads none of the observations; got ['landsat: nbr']; needed" in said
    assert said.endswith("; give another detector, or observations that it reads")


def test_a_chart_without_a_history_says_so_in_one_line(tmp_path):
    result = run(
        "raster", small_archive(tmp_path), "--truth", "loss=16", "--mask", "forest", "--detector", "ewma"
    )
    assert isinstance(result.exception, LayerError)
    assert "needs a stable history" in str(result.exception)
    assert "\n" not in str(result.exception)


def small_archive(folder):
    """Ten by ten pixels of NDVI every 8 days over two years; eight of them are lost in the last half year."""
    rng = np.random.default_rng(4)
    times = pd.date_range("2015-01-01", periods=92, freq="8D")
    ndvi = 0.82 + 0.02 * rng.standard_normal((92, 10, 10))
    ndvi[70:, 2:4, 2:6] = 0.25
    loss = np.zeros((10, 10), np.int16)
    loss[2:4, 2:6] = 16
    path = folder / "archive.nc"
    xr.Dataset(
        {
            "landsat_ndvi": (("time", "y", "x"), ndvi.astype(np.float32)),
            "loss": (("y", "x"), loss),
            "forest": (("y", "x"), np.ones((10, 10), np.int16)),
        },
        coords={"time": times, "y": -30.0 * np.arange(10), "x": 30.0 * np.arange(10)},
    ).to_netcdf(path)
    return path


def small_points(series, points):
    """Ten points of NBR every 12 days over three years, the first of them lost in the last."""
    rng = np.random.default_rng(5)
    days = pd.date_range("2017-01-01", periods=90, freq="12D")
    rows = [
        (f"p{number}", day, 0.7 - 0.4 * (number == 0 and day >= pd.Timestamp("2019-06-01")) + noise)
        for number in range(10)
        for day, noise in zip(days, rng.normal(0, 0.03, 90), strict=True)
    ]
    pd.DataFrame(rows, columns=["pid", "date", "nbr"]).to_parquet(series)
    labels = ["Lost"] + ["Forest"] * 9
    pd.DataFrame({"pid": [f"p{n}" for n in range(10)], "label": labels}).to_parquet(points)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("cube", "{cube}", "--tag", "other"), LayerError),
        (("cube", "{cube}", "--tag", "tiny", "--detector", "nobody"), SiteError),
        (("raster", "absent.nc", "--truth", "a=1"), LayerError),
        (("series", "absent.parquet", "absent.parquet", "--positive", "a"), LayerError),
        (("mining", "absent.npz", "absent.csv"), LayerError),
        (("loss", "absent.tif", "absent.csv"), LayerError),
    ],
)
def test_what_cannot_be_read_is_an_error_of_one_line(cube_folder, arguments, error):
    result = run(*(text.replace("{cube}", str(cube_folder)) for text in arguments))
    assert isinstance(result.exception, error)
    assert "\n" not in str(result.exception)


def test_an_unknown_sensor_is_wrong_usage(cube_folder):
    assert run("cube", cube_folder, "--sensors", "sonar").exit_code == 2


def test_chips_are_judged_without_a_site(tmp_path):
    rng = np.random.default_rng(15)
    np.savez(
        tmp_path / "c.npz",
        rgb=rng.integers(0, 255, (60, 12, 12, 3)).astype(np.uint8),
        chip_id=[f"c{number}" for number in range(60)],
    )
    pd.DataFrame({"chip_id": [f"c{number}" for number in range(60)], "label": [0, 1] * 30}).to_csv(
        tmp_path / "c.csv", index=False
    )
    result = run("mining", tmp_path / "c.npz", tmp_path / "c.csv", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n"] == 60


def test_calibrate_finds_what_validate_finds_where_thresholds_are_those_of_the_model(cube_folder):
    from selvawatch.cli.main import app as whole

    report = json.loads(run("cube", cube_folder, "--tag", "tiny", "--json").stdout)
    words = ["calibrate", "cube", str(cube_folder), "--tag", "tiny", "--factor", "1", "--json"]
    (point,) = json.loads(CliRunner().invoke(whole, words).stdout)
    found = sum(kind["pixels"] * kind["found"] for kind in point["power"] if kind["pixels"])
    assert round(found) == report["tp"] > 0


def test_calibrate_gives_a_line_for_each_factor_with_fewer_alarms_at_higher_thresholds(cube_folder):
    from selvawatch.cli.main import app as whole

    words = ["calibrate", str(cube_folder), "--tag", "tiny", "--factor", "0.9", "--factor", "1.3"]
    lines = CliRunner().invoke(whole, words).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["thresholds x 0.9", "thresholds x 1.3"]
    points = json.loads(CliRunner().invoke(whole, [*words, "--json"]).stdout)
    assert points[0]["false_alarms"] >= points[1]["false_alarms"]
    assert {kind["kind"] for kind in points[0]["power"]} <= {"soil", "pond"}
    assert sum(kind["pixels"] for kind in points[0]["power"]) > 0
    named = CliRunner().invoke(whole, ["calibrate", "cube", *words[1:], "--json"]).stdout
    assert json.loads(named) == points  # the form without a name stays
    assert CliRunner().invoke(whole, ["calibrate", "--tag", "tiny", str(cube_folder)]).exit_code == 0
