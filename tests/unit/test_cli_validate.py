"""The commands of `validate` print lines or one JSON object, and say in one line what they cannot do."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from selvawatch.cli.validate import app
from selvawatch.errors import LayerError, SiteError

GENERATOR = Path(__file__).parents[1] / "bench" / "make_reference_cube.py"
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
    assert list(said) == KEYS
    assert said["n"] == 900
    assert {"detector", "model_digest", "parameters"} <= set(said["method"])


def test_a_cube_is_a_few_lines_for_people(cube_folder):
    result = run("cube", cube_folder, "--tag", "tiny", "--sensors", "optical")
    assert result.exit_code == 0
    assert result.stdout.startswith("n 900  TP ")
    assert "method: fused" in result.stdout


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


def test_calibrate_gives_a_line_for_each_factor_with_fewer_alarms_at_higher_thresholds(cube_folder):
    from selvawatch.cli.main import app as whole

    words = ["calibrate", str(cube_folder), "--tag", "tiny", "--factor", "0.9", "--factor", "1.3"]
    lines = CliRunner().invoke(whole, words).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["thresholds x 0.9", "thresholds x 1.3"]
    points = json.loads(CliRunner().invoke(whole, [*words, "--json"]).stdout)
    assert points[0]["false_alarms"] >= points[1]["false_alarms"]
    assert {kind["kind"] for kind in points[0]["power"]} <= {"soil", "pond"}
    assert sum(kind["pixels"] for kind in points[0]["power"]) > 0
