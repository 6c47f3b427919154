from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from make_world import FACTORS, make_world

from conftest import ROOT
from detect_made import observation, quiet_baselines
from selvawatch.core.settings import load
from selvawatch.core.status import Reason
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.errors import LayerError
from selvawatch.validate import detection, judge_raster
from selvawatch.validate.judge_raster import validate_cube
from selvawatch.validate.reference_cube import CLASSES, open_cube

NUMBERS = ((Model, "fused.toml"), (CommonShift, "common.toml"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the base world of one seed and one with every factor, 24 pixels along a side."""
    folder = tmp_path_factory.mktemp("world")
    make_world(folder, "base", 3, frozenset(), size=24, step_days=24.0)
    make_world(folder, "every", 3, frozenset(FACTORS), size=24, step_days=24.0)
    return folder


def test_the_same_seed_and_factors_give_the_same_bytes(made, tmp_path):
    make_world(tmp_path, "every", 3, frozenset(FACTORS), size=24, step_days=24.0)
    for path in sorted(tmp_path.glob("*.npy")):
        assert path.read_bytes() == (made / path.name).read_bytes(), path.name


def test_a_factor_of_the_sky_leaves_the_ground_as_it_was(made, tmp_path):
    make_world(tmp_path, "base", 3, frozenset({"haze", "rain"}), size=24, step_days=24.0)
    with np.load(tmp_path / "meta_base.npz") as changed, np.load(made / "meta_base.npz") as before:
        np.testing.assert_array_equal(changed["brk"], before["brk"])
        np.testing.assert_array_equal(changed["days"], before["days"])
    assert (tmp_path / "refl_base.npy").read_bytes() != (made / "refl_base.npy").read_bytes()


def test_every_loss_begins_in_the_monitored_year_and_stands_in_a_class_of_its_own(made):
    for tag in ("base", "every"):
        cube = open_cube(made, tag)
        lost = cube.break_day > 0
        assert lost.any() and (cube.break_day[lost] > cube.history_end).all()
        assert (cube.break_day[lost] <= cube.days[-1]).all()
        assert not lost[cube.classes == CLASSES.index("stable-forest")].any()


def test_quality_says_missing_where_nothing_is_stored(made):
    quality, stored = np.load(made / "quality_every.npy"), np.load(made / "refl_every.npy")
    np.testing.assert_array_equal(quality == 2, (stored == -9999).all(axis=1))


def test_figures_by_class_add_up_to_those_of_all(made):
    model = load(Model, ROOT / "models" / "fused.toml")
    report = validate_cube(made, "base", model)
    assert sum(one.n for one in report.classes) == report.n
    assert sum(one.found for one in report.classes) == report.tp
    confirmed = sum(one.confirmed for one in report.classes)
    assert report.tp <= confirmed <= report.tp + report.fp
    stable = next(one for one in report.classes if one.name == "stable-forest")
    assert report.as_json()["by_class"]["stable-forest"]["n"] == stable.n
    assert any(line.startswith("stable-forest: ") for line in report.lines())


def test_what_dies_back_is_counted_by_class_and_unknown_where_it_is_not_said(made):
    model, shared = (load(kind, ROOT / "models" / name) for kind, name in NUMBERS)
    report = validate_cube(made, "every", model, shared=shared)
    figures = report.as_json()["by_class"].values()
    assert all(0 <= one["dieback"] <= one["n"] - one["confirmed"] for one in figures)
    for silent in (None, replace(shared, dieback=None), replace(shared, slow=None)):
        other = validate_cube(made, "every", model, shared=silent)
        assert {one["dieback"] for one in other.as_json()["by_class"].values()} == {None}
        assert not any("die back" in one.line for one in other.classes)
    assert all(" die back (" in one.line for one in report.classes)


def test_classes_of_another_shape_are_refused_in_one_line(made, tmp_path):
    for path in made.glob("*base*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    np.save(tmp_path / "class_base.npy", np.zeros((3, 3), np.uint8))
    with pytest.raises(LayerError, match=r"class_base\.npy.*needed uint8 \(24, 24\)"):
        open_cube(tmp_path, "base")


def test_raised_levels_are_of_the_last_days_of_the_declared_history_as_in_a_run(monkeypatch):
    model, shared = (load(kind, ROOT / "models" / name) for kind, name in NUMBERS)
    counted = []

    def levels_of(_model, _baselines, _state, history, *, rule, workers):
        assert rule is shared and workers == 1
        counted.extend(one.day for one in history)
        return xr.Dataset()

    monkeypatch.setattr(detection, "raised_levels", levels_of)
    ended, days = 19_000, model.past_runs.days
    # the history ends 200 days before its declared end
    history = [observation(ended - days + 1 + at) for at in (-300, -1, 0, days - 200)]
    reason = xr.DataArray(np.full((1, 1), Reason.MONITORED, np.uint8), dims=("y", "x"))
    detection.with_raised(model, quiet_baselines((1, 1)), reason, history, ended, shared, 1)
    assert counted == [ended - days + 1, ended - 199]


def test_levels_of_a_cube_are_raised_over_its_declared_history(made, monkeypatch):
    model, shared = (load(kind, ROOT / "models" / name) for kind, name in NUMBERS)
    ends = []

    def with_raised(_model, baselines, _reason, _history, last_day, _shared, _workers):
        ends.append(last_day)
        return baselines

    monkeypatch.setattr(judge_raster, "with_raised", with_raised)
    validate_cube(made, "base", model, shared=shared)
    assert ends == [open_cube(made, "base").history_end]
