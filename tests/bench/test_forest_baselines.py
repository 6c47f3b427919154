"""How far baselines tell young secondary growth from primary forest: figures for models/fused.md."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from make_world import make_world
from scipy.stats import mannwhitneyu
from world_ground import FALLOW, STABLE

from selvawatch.core.settings import load
from selvawatch.detect.model import Model
from selvawatch.validate.detection import as_known, baselines_of
from selvawatch.validate.reference_cube import open_cube

ROOT = Path(__file__).resolve().parents[2]
SEEDS = (201, 100)


def auc(values: np.ndarray, fallow: np.ndarray, stable: np.ndarray) -> float:
    """Chance that a pixel of fallow lies above one of stable forest, ties half."""
    first, second = values[fallow], values[stable]
    return float(mannwhitneyu(first, second).statistic / (first.size * second.size))


def measures(baselines: xr.Dataset) -> dict[str, np.ndarray]:
    """Level, amplitude of the season, and sigma of each stream and index, (y, x)."""
    found = {}
    for name in sorted(str(one) for one in baselines.data_vars if str(one).endswith(".terms")):
        key, terms = name.removesuffix(".terms"), baselines[name].to_numpy().astype(np.float64)
        if not baselines[f"{key}.sigma"].to_numpy().any():
            continue
        found[f"{key}, level"] = terms[0]
        found[f"{key}, season"] = np.hypot(terms[1], terms[2])
        found[f"{key}, sigma"] = baselines[f"{key}.sigma"].to_numpy().astype(np.float64)
    return found


@pytest.mark.bench
@pytest.mark.campaign
@pytest.mark.parametrize("seed", SEEDS)
def test_how_far_baselines_tell_fallow_from_stable_forest(tmp_path: Path, seed: int) -> None:
    make_world(tmp_path, "w", seed, frozenset({"fallow"}))
    cube, model = open_cube(tmp_path, "w"), load(Model, ROOT / "models" / "fused.toml")
    known = (as_known(model, one) for one in cube.observations("all"))
    history = [one for one in known if one is not None and one.day <= cube.history_end]
    baselines, reason = baselines_of(model, history, cube.break_day.shape, None)
    watched = reason.to_numpy() == 0
    assert cube.classes is not None
    fallow, stable = ((cube.classes == code) & watched for code in (FALLOW, STABLE))
    print(f"\nseed {seed}: {fallow.sum()} pixels of fallow, {stable.sum()} of stable forest")
    for name, values in measures(baselines).items():
        print(f"| {name} | {auc(values, fallow, stable):.2f} |")
    assert fallow.sum() > 500
