"""The command that fits the cause rule on simulated landscapes."""

import datetime as dt
import tomllib
from dataclasses import asdict, replace

import pytest

from conftest import ROOT
from selvawatch.calibrate.cause_landscapes import CausePractice, landscape_plans
from selvawatch.core.settings import load
from selvawatch.events.cause import CauseRule
from selvawatch.simulate import SimulationPlan

MODELS = ROOT / "models"
PRACTICE = """plan = "plan.toml"
tile = "x0280y6700"
seeds = [11]
dense_seeds = [12]
ridge = 30.0
unseen_share = 0.25

[grid]
crs = "EPSG:32719"
resolution = 10.0
tile_px = 128

[dense]
farm_clearings = 3
clearing_ha = [0.3, 0.8]
road_spurs = 1
blowdowns = 1
blowdown_ha = 0.8

[practice]
every_days = 30
snapshots = [200]
missed_share = 0.04
partial_share = 0.3
"""


def toml(values, table=""):
    """TOML text of nested tables of numbers, days and pairs."""
    lines, tables = [], []
    for name, value in values.items():
        if isinstance(value, dict):
            tables.append(f"[{table}{name}]\n{toml(value, f'{table}{name}.')}")
        else:
            shown = list(value) if isinstance(value, tuple) else value
            lines.append(f"{name} = {shown.isoformat() if isinstance(shown, dt.date) else shown}")
    return "\n".join([*lines, *tables]) + "\n"


@pytest.fixture
def practice(tmp_path, small_plan):
    """A file of two landscapes of 128 pixels."""
    (tmp_path / "plan.toml").write_text(toml(asdict(small_plan)))
    path = tmp_path / "practice.toml"
    path.write_text(PRACTICE)
    return path


def test_calibrate_cause_writes_a_rule_of_the_same_features_and_says_how_well_it_does(
    practice, command, tmp_path
):
    words = ["calibrate", "cause", "--practice", practice, "--site", ROOT]
    out = tmp_path / "weights.toml"
    said = command(*words, "--out", out)
    assert said.code == 0 and str(out) in said.out
    written, given = tomllib.loads(out.read_text()), tomllib.loads((MODELS / "cause.toml").read_text())
    assert list(written["features"]) == list(given["features"]) and set(written["bias"]) == set(given["bias"])
    assert written["features"] != given["features"]
    assert [line.split(":")[0] for line in said.out.splitlines() if line.startswith("#")] == [
        "# fitted and judged on all landscapes",
        "# each landscape judged by a rule of the others",
    ]
    printed = command(*words)
    assert tomllib.loads(printed.out) == written  # what is said besides the weights is a comment


def test_calibrate_cause_gives_machines_the_rule_with_both_skills(practice, command):
    practice.write_text(PRACTICE.replace("dense_seeds = [12]", "dense_seeds = []"))
    said = command("calibrate", "cause", "--practice", practice, "--site", ROOT, "--json")
    assert said.json["left_out"] is None  # one landscape leaves no other to fit on
    assert 0 < said.json["fitted_on"]["mining"] < said.json["fitted_on"]["events"]
    assert set(said.json["rule"]["features"]) == set(load(CauseRule, MODELS / "cause.toml").features)


def test_the_card_s_landscapes_are_those_of_the_file():
    made = load(CausePractice, MODELS / "cause-practice.toml")
    plan = load(SimulationPlan, MODELS / made.plan)
    plans = list(landscape_plans(made, plan))
    assert [one.seed for one in plans] == [5, 6, 7, 8, 9, 201, 202, 203, 204, 205]
    assert plan.seed not in [one.seed for one in plans]  # that of the demo is not fitted on
    assert plans[0] == replace(plan, seed=5)
    assert replace(plans[5].changes, **asdict(made.dense)) == plans[5].changes != plan.changes


def test_a_practice_with_a_landscape_twice_is_refused(practice, command):
    practice.write_text(PRACTICE.replace("dense_seeds = [12]", "dense_seeds = [11]"))
    line = command("calibrate", "cause", "--practice", practice, "--site", ROOT).error
    assert "practice.toml" in line and "seeds are [11, 11]" in line
