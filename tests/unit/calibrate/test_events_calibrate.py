"""The fit of the cause rule, and the practice events it learns from."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from selvawatch.calibrate.cause import FLAGS, fit_cause, skill, to_toml, with_unseen
from selvawatch.calibrate.practice_events import Practice, practice_events
from selvawatch.core.grid import Grid
from selvawatch.core.settings import load
from selvawatch.events.cause import CauseRule, classify
from selvawatch.events.features import FEATURES
from selvawatch.events.patches import EventRule
from selvawatch.simulate import SimulationPlan

MODELS = Path(__file__).resolve().parents[3] / "models"
NAMES = ["pond_share", "bare_share", "log_width", *FLAGS]


@pytest.fixture(scope="module")
def rule() -> CauseRule:
    return load(CauseRule, MODELS / "cause.toml")


@pytest.fixture(scope="module")
def drawn() -> tuple[pd.DataFrame, pd.Series]:
    """Events of two causes that two features tell apart, not quite."""
    rng = np.random.default_rng(11)
    mining = rng.random(1500) < 0.4
    frame = pd.DataFrame(0.0, index=np.arange(1500), columns=list(FEATURES))
    frame["pond_share"] = np.where(mining, 0.5, 0.3) + rng.normal(0, 0.15, 1500)
    frame["bare_share"] = rng.random(1500)
    frame["log_width"] = np.where(mining, 0.8, 1.0) + rng.normal(0, 0.3, 1500)
    return frame, pd.Series(np.where(mining, "mining", "agriculture"), index=frame.index)


def test_fitted_probabilities_are_calibrated_on_what_they_were_fitted_on(rule, drawn):
    frame, causes = drawn
    fitted = fit_cause(frame, causes, np.ones(1500), NAMES, rule, ridge=1.0)
    said = classify(frame, fitted)
    truth = causes == "mining"
    # a maximum of the likelihood with a free bias reproduces the share of each class
    assert said["mining_probability"].mean() == pytest.approx(truth.mean(), abs=0.01)
    # 5 standard errors of a share of 300 or more events
    for low, high in ((0.0, 0.3), (0.3, 0.6), (0.6, 1.0)):
        here = said["mining_probability"].between(low, high)
        assert said["mining_probability"][here].mean() == pytest.approx(truth[here].mean(), abs=0.14)
    result = skill(said, causes)
    assert result.brier < 0.7 * result.brier_of_share
    assert abs(fitted.features["bare_share"].causes["mining"]) < 0.25
    assert fitted.features["pond_share"].causes["mining"] > 0.5


def test_without_any_observation_the_probability_is_the_share(rule, drawn):
    frame, causes = drawn
    fitted = fit_cause(*with_unseen(frame, causes, 0.25), NAMES, rule, ridge=1.0)
    blind = frame.assign(unseen_ndvi=1.0, unseen_water=1.0, pond_share=np.nan, bare_share=np.nan)
    said = classify(blind, fitted)
    assert said["mining_probability"].mean() == pytest.approx((causes == "mining").mean(), abs=0.02)
    assert set(said["cause"]) == {"unknown"}


def test_the_written_rule_is_the_fitted_rule(rule, drawn):
    frame, causes = drawn
    fitted = fit_cause(frame, causes, np.ones(1500), NAMES, rule, ridge=1.0)
    read = tomllib.loads(to_toml(fitted))
    assert read["bias"] == dict(fitted.bias)
    assert {name: weight["causes"] for name, weight in read["features"].items()} == {
        name: dict(weight.causes) for name, weight in fitted.features.items()
    }


@pytest.mark.slow
def test_practice_events_of_a_small_landscape_are_told_apart(rule):
    plan = load(SimulationPlan, MODELS / "simulation-demo.toml")
    grid = Grid(crs="EPSG:32719", resolution=10.0, tile_px=512)
    practice = Practice(every_days=20, snapshots=(365,), missed_share=0.04, partial_share=0.3)
    events = load(EventRule, MODELS / "events.toml")
    found, causes = practice_events(plan, grid.tile("x0072y1676"), practice, events, rule.measures)
    assert list(found.columns) == list(FEATURES)
    assert len(found) > 15
    result = skill(classify(found, rule), causes)
    # the rule never saw this landscape; half the size of what it learnt from crowds the causes
    assert result.mining_users_accuracy > 0.7 and result.mining_producers_accuracy > 0.8
