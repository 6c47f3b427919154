"""Calibration of the cause rule: ridge multinomial logistic regression, and the skill of its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from selvawatch.events.cause import CauseRule, Weight

WATER = ("pond_share", "nbr", "river_share", "old_mine_share")
"""Features that need an index beside NDVI."""

OPTICAL = (*WATER, "bare_share", "green_share", "ndvi_drop", "forest_share")
"""Features that need NDVI."""

FLAGS = ("unseen_ndvi", "unseen_water")
"""Features that are 0 or 1: centred on 0, not scaled, without prior."""


def with_unseen(
    features: pd.DataFrame, causes: pd.Series, share: float
) -> tuple[pd.DataFrame, pd.Series, np.ndarray]:
    """The events three times, with weights: as seen, without water index, and without any optical
    observation.

    So the rule learns what is left to say where nothing was seen; `share` is the weight of each copy.

    Weights: (3 events,) float64.
    """
    no_water = features.assign(unseen_water=1.0, **dict.fromkeys(WATER, np.nan))
    nothing = no_water.assign(unseen_ndvi=1.0, **dict.fromkeys(OPTICAL, np.nan))
    weights = np.repeat([1.0, share, share], len(features))
    return pd.concat([features, no_water, nothing]), pd.concat([causes] * 3), weights


def fit_cause(
    features: pd.DataFrame,
    causes: pd.Series,
    weights: np.ndarray,
    names: Sequence[str],
    rule: CauseRule,
    ridge: float,
) -> CauseRule:
    """The rule with centres, scales, biases and weights fitted; everything else as given.

    Features are centred on their mean and scaled by their standard deviation; a value that was not measured
    counts as the mean, and a feature that is the same in all events says nothing. `ridge` is the precision of
    a normal prior on each weight of the rule (not on biases and FLAGS); `weights` are those of the events.
    """
    classes = sorted(rule.bias)
    values = features[list(names)].to_numpy(np.float64)
    centre = np.atleast_1d(np.round(np.nanmean(values, 0), 4))
    scale = np.atleast_1d(np.round(np.nanstd(values, 0), 4))
    flags = np.isin(list(names), FLAGS)
    centre[flags], scale[flags] = 0.0, 1.0
    scale[scale == 0] = 1.0
    free = np.concatenate([[True], flags])
    standard = np.nan_to_num((values - centre) / scale)
    target = (causes.to_numpy()[:, None] == np.array(classes)[None]).astype(np.float64)
    shape = (len(names) + 1, len(classes))
    design = np.column_stack([np.ones(len(standard)), standard])

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(shape)
        scores = design @ table
        scores -= scores.max(1, keepdims=True)
        log_sum = np.log(np.exp(scores).sum(1, keepdims=True))
        penalty = ridge * np.where(free[:, None], 1e-3, 1.0) * table
        gradient = design.T @ (weights[:, None] * (np.exp(scores - log_sum) - target)) + penalty
        misfit = (weights[:, None] * target * (log_sum - scores)).sum()
        return float(misfit + 0.5 * (penalty * table).sum()), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 5000})
    fitted = np.round(found.x.reshape(shape), 3)
    return replace(
        rule,
        bias=dict(zip(classes, fitted[0].tolist(), strict=True)),
        features={
            name: Weight(
                centre=float(centre[row]),
                scale=float(scale[row]),
                causes=dict(zip(classes, fitted[row + 1].tolist(), strict=True)),
            )
            for row, name in enumerate(names)
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Skill:
    """How well a rule tells mining from the rest."""

    events: int
    mining: int
    """Events that truly are mining."""
    accuracy: float
    """Share of events whose published cause is the true one."""
    mining_users_accuracy: float
    """Share of the events published as mining that are; NaN where none is."""
    mining_producers_accuracy: float
    """Share of the mining events that are published as mining; NaN where none is."""
    brier: float
    """Mean squared error of the mining probability."""
    brier_of_share: float
    """The same if every event had the share of mining as its probability."""


def skill(classified: pd.DataFrame, causes: pd.Series) -> Skill:
    """Skill of `cause.classify`'s answers against true causes of the same index."""
    truth = (causes == "mining").to_numpy()
    said = (classified["cause"] == "mining").to_numpy()
    probability = classified["mining_probability"].to_numpy(np.float64)
    return Skill(
        events=len(truth),
        mining=int(truth.sum()),
        accuracy=float((classified["cause"].to_numpy() == causes.to_numpy()).mean()),
        mining_users_accuracy=_share(truth[said]),
        mining_producers_accuracy=_share(said[truth]),
        brier=float(((probability - truth) ** 2).mean()),
        brier_of_share=float(((truth.mean() - truth) ** 2).mean()),
    )


def _share(values: np.ndarray) -> float:
    """Share of the values that are true; NaN of none."""
    return float(values.mean()) if values.size else float("nan")


def to_toml(rule: CauseRule) -> str:
    """The fitted part of a rule (bias and features) as TOML text, to be put into `models/cause.toml`."""
    lines = ["[bias]", *(f"{cause} = {value}" for cause, value in rule.bias.items())]
    for name, weight in rule.features.items():
        causes = ", ".join(f"{cause} = {value}" for cause, value in weight.causes.items())
        lines += [
            "",
            f"[features.{name}]",
            f"centre = {weight.centre}",
            f"scale = {weight.scale}",
            f"causes = {{ {causes} }}",
        ]
    return "\n".join(lines) + "\n"
