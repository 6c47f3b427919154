"""How well colour and texture alone tell a mine from what is not, cross-validated over sources of chips."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selvawatch.core.files import check_plain, digest
from selvawatch.errors import LayerError
from selvawatch.validate import estimators
from selvawatch.validate.reference_points import read_csv
from selvawatch.validate.report import Method, ValidationReport

RIDGE = 1.0
"""Penalty of the logistic regression on standardised features."""

FOLDS = 5
"""Parts that whole sources fall into; each is judged by the others."""

_STEPS = 50
_DECISION = 0.5
_BRIGHT = 0.12
_TOA_PER_COUNT = 0.3 / 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Chips:
    """Labelled image chips."""

    rgb: np.ndarray
    """(n, y, x, 3) uint8: red, green, blue."""
    mine: np.ndarray
    """(n,) bool."""
    source: np.ndarray
    """(n,) text: the list that a chip comes from; whole lists go into one fold."""


def validate_mining(chips_path: Path, labels_path: Path) -> ValidationReport:
    """Accuracy of a logistic regression on colour and texture of chips, cross-validated over sources.

    Raises
    ------
    LayerError
        For files that cannot be read or do not belong together, or when one of the two labels is absent.
    """
    chips = read_chips(chips_path, labels_path)
    features = chip_features(chips.rgb)
    fold = np.array([_fold(source) for source in chips.source])
    probability = np.zeros(len(features))
    for held_out in range(FOLDS):
        train, test = fold != held_out, fold == held_out
        if not test.any():
            continue
        if len(np.unique(chips.mine[train])) < 2:
            raise LayerError(
                "a fold holds one label only",
                where=labels_path,
                needed="mines and others from several sources",
            )
        probability[test] = _predict(features[train], chips.mine[train], features[test])
    said = probability >= _DECISION
    units = estimators.outcomes(chips.mine, said, np.zeros(said.size, bool))
    counts = estimators.confusion(units)
    ci95 = estimators.block_bootstrap(units, chips.source)
    if interval := estimators.auc_bootstrap(probability, chips.mine, chips.source):
        ci95["auc"] = interval
    parameters = {
        "ridge": RIDGE,
        "decision": _DECISION,
        "bright_toa": _BRIGHT,
        "folds": FOLDS,
        "features": len(FEATURES),
    }
    return ValidationReport(
        n=said.size,
        tp=counts.tp,
        fp=counts.fp,
        fn=counts.fn,
        tn=counts.tn,
        users_accuracy=counts.users_accuracy,
        producers_accuracy=counts.producers_accuracy,
        f1=counts.f1,
        auc=estimators.auc(probability, chips.mine),
        ci95=ci95,
        method=Method(
            detector="chip colour and texture, logistic",
            model_digest=digest(parameters),
            parameters=parameters,
            notes=(
                "each chip is judged by a model that saw no chip of its source",
                "RGB of one date: this says nothing of the cause rule, which reads indices and shape",
            ),
        ),
    )


def read_chips(chips_path: Path, labels_path: Path) -> Chips:
    """Chips (npz: `rgb`, `chip_id`) joined with their labels (CSV: `chip_id`, `label` 1/0, `source`)."""
    if not chips_path.exists():
        raise LayerError("the file is missing", where=chips_path, needed="an npz with rgb and chip_id")
    try:
        check_plain(chips_path)
        with np.load(chips_path) as archive:
            if missing := [name for name in ("rgb", "chip_id") if name not in archive]:
                raise LayerError("an array is missing", where=chips_path, got=archive.files, needed=missing)
            rgb, ids = archive["rgb"], archive["chip_id"].astype(str)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise LayerError("the file cannot be read as npz", where=chips_path, got=error) from error
    if rgb.ndim != 4 or rgb.shape[-1] != 3 or rgb.dtype != np.uint8:
        raise LayerError(
            "the chips have a wrong shape",
            where=chips_path,
            got=f"{rgb.shape} {rgb.dtype}",
            needed="(n, y, x, 3) uint8",
        )
    table = read_csv(labels_path)
    if missing := [name for name in ("chip_id", "label") if name not in table.columns]:
        raise LayerError("a column is missing", where=labels_path, got=list(table.columns), needed=missing)
    joined = pd.DataFrame({"chip_id": ids, "row": np.arange(ids.size)}).merge(
        table.assign(chip_id=table["chip_id"].astype(str)), on="chip_id", how="inner"
    )
    if joined.empty:
        raise LayerError(
            "no label belongs to a chip", where=labels_path, needed=f"chip_id of {chips_path.name}"
        )
    mine = joined["label"].astype(int).to_numpy() == 1
    if mine.all() or not mine.any():
        raise LayerError("only one label occurs", where=labels_path, needed="1 (mine) and 0 (not)")
    source = joined["source"] if "source" in joined else joined["chip_id"]
    return Chips(rgb=rgb[joined["row"].to_numpy()], mine=mine, source=source.astype(str).to_numpy())


FEATURES = (
    *(f"{name}_{band}" for band in ("red", "green", "blue") for name in ("mean", "spread", "p90")),
    "red_minus_green",
    "red_minus_blue",
    "green_minus_blue",
    "bright_share",
    "bright_red_share",
    "gradient",
    "gradient_p90",
    "centre_minus_rim",
)
"""Names of the features, in order."""


def chip_features(rgb: np.ndarray) -> np.ndarray:
    """(n, features) float64 of chips (n, y, x, 3) uint8: level, spread, colour, bright share, texture."""
    return np.stack([_features(chip) for chip in rgb])


def _features(chip: np.ndarray) -> np.ndarray:
    reflectance = chip.astype(np.float64) * _TOA_PER_COUNT
    bands = reflectance.reshape(-1, 3)
    per_band = np.stack([bands.mean(axis=0), bands.std(axis=0), np.percentile(bands, 90, axis=0)], axis=1)
    red, green, blue = bands.T
    brightness = reflectance.mean(axis=2)
    down, across = np.gradient(brightness)
    gradient = np.hypot(down, across)
    rows, columns = brightness.shape
    centre = brightness[rows // 4 : -(rows // 4), columns // 4 : -(columns // 4)].mean()
    return np.concatenate(
        [
            per_band.ravel(),
            [
                _contrast(red, green),
                _contrast(red, blue),
                _contrast(green, blue),
                (red > _BRIGHT).mean(),
                ((red > _BRIGHT) & (red > green)).mean(),
                gradient.mean(),
                np.percentile(gradient, 90),
                centre - brightness.mean(),
            ],
        ]
    )


def _contrast(first: np.ndarray, second: np.ndarray) -> float:
    return float(((first - second) / np.maximum(first + second, _TOA_PER_COUNT)).mean())


def _fold(source: str) -> int:
    return int(hashlib.sha256(source.encode()).hexdigest(), 16) % FOLDS


def _predict(train: np.ndarray, mine: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Probability of a mine: ridge logistic regression on standardised features and their squares."""
    centre, spread = train.mean(axis=0), train.std(axis=0) + 1e-12

    def design(values: np.ndarray) -> np.ndarray:
        scaled = np.clip((values - centre) / spread, -4, 4)
        return np.hstack([np.ones((len(values), 1)), scaled, scaled**2])

    known, weights = design(train), np.zeros(2 * train.shape[1] + 1)
    penalty = np.diag(np.r_[0.0, np.full(weights.size - 1, RIDGE)])
    for _ in range(_STEPS):
        probability = _logistic(known @ weights)
        gradient = known.T @ (mine - probability) - penalty @ weights
        curvature = (known * (probability * (1 - probability))[:, None]).T @ known + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights + step
        if np.abs(step).max() < 1e-9:
            break
    return _logistic(design(test) @ weights)


def _logistic(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -40, 40)))
