"""Chips are judged by sources that never saw them."""

import numpy as np
import pandas as pd
import pytest

from selvawatch.errors import LayerError
from selvawatch.validate.mining_chips import FEATURES, chip_features, validate_mining


@pytest.fixture
def chips(tmp_path):
    rng = np.random.default_rng(10)
    mine = np.arange(200) % 2 == 0
    rgb = rng.normal(70, 10, (200, 12, 12, 3))
    rgb[mine, 3:9, 3:9] += [90, 60, 40]
    np.savez(
        tmp_path / "c.npz", rgb=np.clip(rgb, 0, 255).astype(np.uint8), chip_id=[f"c{i}" for i in range(200)]
    )
    pd.DataFrame(
        {
            "chip_id": [f"c{i}" for i in range(200)][::-1],
            "label": mine[::-1].astype(int),
            "source": [f"list{i % 10}" for i in range(200)][::-1],
        }
    ).to_csv(tmp_path / "c.csv", index=False)
    return tmp_path


def test_bright_red_pits_in_dark_forest_are_told_apart(chips):
    report = validate_mining(chips / "c.npz", chips / "c.csv")
    assert report.n == 200
    assert report.auc > 0.99
    assert report.as_json() == validate_mining(chips / "c.npz", chips / "c.csv").as_json()


def test_labels_that_say_nothing_are_not_learned(chips):
    table = pd.read_csv(chips / "c.csv")
    table["label"] = np.random.default_rng(11).integers(0, 2, 200)
    table.to_csv(chips / "random.csv", index=False)
    assert 0.3 < validate_mining(chips / "c.npz", chips / "random.csv").auc < 0.7


def test_features_are_named_and_finite_for_a_black_chip():
    values = chip_features(np.zeros((1, 12, 12, 3), np.uint8))
    assert values.shape == (1, len(FEATURES))
    assert np.isfinite(values).all()


def test_chips_that_cannot_be_used_are_one_line(chips):
    with pytest.raises(LayerError, match="missing"):
        validate_mining(chips / "none.npz", chips / "c.csv")
    np.savez(chips / "bare.npz", rgb=np.zeros((1, 2, 2, 3), np.uint8))
    with pytest.raises(LayerError, match="an array is missing.*chip_id"):
        validate_mining(chips / "bare.npz", chips / "c.csv")
    pd.DataFrame({"chip_id": ["x"], "label": [1]}).to_csv(chips / "other.csv", index=False)
    with pytest.raises(LayerError, match="no label belongs to a chip"):
        validate_mining(chips / "c.npz", chips / "other.csv")
    pd.DataFrame({"chip_id": ["c1", "c2"], "label": [1, 1]}).to_csv(chips / "one.csv", index=False)
    with pytest.raises(LayerError, match="only one label occurs"):
        validate_mining(chips / "c.npz", chips / "one.csv")
