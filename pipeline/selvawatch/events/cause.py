"""Cause of an event: a softmax over named features, with the features that spoke for it as reason codes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from selvawatch.core.tables import CAUSES, CELLS, EVENTS
from selvawatch.events.features import FEATURES, Measures
from selvawatch.events.track import Tracked

REASONS: dict[str, str] = {
    "pond_share+": "Open water since the loss.",
    "pond_share-": "No open water since the loss.",
    "bare_share+": "Mostly bare ground since the loss.",
    "bare_share-": "Little bare ground since the loss.",
    "green_share+": "Green again since the loss.",
    "green_share-": "Has not greened up.",
    "ndvi_drop+": "The canopy is wholly gone.",
    "ndvi_drop-": "Part of the canopy still stands.",
    "nbr+": "Wet or green surface (NBR high).",
    "nbr-": "Dry or burnt surface (NBR low).",
    "river_share+": "Lies along a large water body.",
    "river_share-": "Away from large water bodies.",
    "old_mine_share+": "Borders small ponds or ground already bare.",
    "old_mine_share-": "Borders no ground already open.",
    "forest_share+": "Surrounded by forest.",
    "forest_share-": "At the edge of open land.",
    "log_ha+": "Large.",
    "log_ha-": "Small.",
    "log_onsets+": "Grew in many steps.",
    "log_onsets-": "Opened in one or few steps.",
    "log_span+": "Grew over a long time.",
    "log_span-": "Opened within a short time.",
    "rectangularity+": "Rectangular outline.",
    "rectangularity-": "Irregular outline.",
    "log_elongation+": "Long and narrow.",
    "log_elongation-": "About as long as wide.",
    "log_roughness+": "Ragged edge.",
    "log_roughness-": "Smooth edge.",
    "log_width+": "Wide opening.",
    "log_width-": "Only a few pixels wide.",
    "log_river_km+": "Far from a mapped river.",
    "log_river_km-": "Near a mapped river.",
    "log_road_km+": "Far from a mapped road.",
    "log_road_km-": "Near a mapped road.",
    "unseen_ndvi+": "No clear optical observation since the loss.",
    "unseen_ndvi-": "Seen by optical observations since the loss.",
    "unseen_water+": "No observation since the loss tells water from ground.",
    "unseen_water-": "Water and ground can be told apart.",
}
"""Codes of `cause_reasons`, feature name and side: the message that each stands for, English."""


_UNSEEN = ("unseen_ndvi+", "unseen_water+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One feature in the rule."""

    centre: float
    """Value at which the feature speaks for no cause; also taken where it was not measured."""
    scale: float
    """Change of the feature that counts as 1; positive."""
    causes: Mapping[str, float]
    """What one such change adds to the score of each cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRule:
    """A multinomial logistic rule over FEATURES; values in `models/cause.toml`."""

    publish_probability: float
    """Probability from which the likeliest cause is published; below it the cause is `unknown`."""
    reasons_most: int
    """Most reasons that are given."""
    reason_least: float
    """Least that a reason adds to the score of the published cause, against the mean of the others."""
    measures: Measures
    bias: Mapping[str, float]
    """Score of each cause where every feature is at its centre; its keys are the causes the rule can tell."""
    features: Mapping[str, Weight]
    """Weights by feature name."""

    def __post_init__(self) -> None:
        """Refuse unknown features and causes, and scales that are not positive."""
        if not 0 < self.publish_probability < 1:
            raise ValueError(f"publish_probability is {self.publish_probability}, need 0 to 1")
        if "mining" not in self.bias or "unknown" in self.bias or not set(self.bias) <= set(CAUSES):
            raise ValueError(
                f"bias names {sorted(self.bias)}, need mining and others of {CAUSES} but unknown"
            )
        for name, weight in self.features.items():
            if name not in FEATURES:
                raise ValueError(f"feature {name} is unknown, need one of {', '.join(FEATURES)}")
            if set(weight.causes) != set(self.bias):
                raise ValueError(f"feature {name} weighs {sorted(weight.causes)}, need {sorted(self.bias)}")
            if not weight.scale > 0:
                raise ValueError(f"scale of {name} is {weight.scale}, need more than 0")


def classify(features: pd.DataFrame, rule: CauseRule) -> pd.DataFrame:
    """Columns `cause`, `mining_probability`, `cause_reasons` by event id.

    A feature that was not measured (NaN) speaks for no cause. Where NDVI or MNDWI was not seen since the loss
    the published cause is `unknown`, and the reasons say so. Reasons come strongest first.
    """
    causes, names = sorted(rule.bias), list(rule.features)
    weights = np.array([[rule.features[name].causes[cause] for cause in causes] for name in names])
    centre = np.array([rule.features[name].centre for name in names])
    scale = np.array([rule.features[name].scale for name in names])
    values = (features[names].to_numpy(np.float64) - centre) / scale
    values = np.where(np.isnan(values), 0.0, values)
    shares = values[:, :, None] * weights[None]
    scores = shares.sum(1) + np.array([rule.bias[cause] for cause in causes])
    probability = np.exp(scores - scores.max(1, keepdims=True, initial=-math.inf))
    probability /= probability.sum(1, keepdims=True)
    best = probability.argmax(1) if len(probability) else np.zeros(0, np.int64)
    unseen = features[["unseen_ndvi", "unseen_water"]].to_numpy(np.float64) > 0
    sure = (probability[np.arange(len(best)), best] >= rule.publish_probability) & ~unseen.any(axis=1)
    others = (shares.sum(2, keepdims=True) - shares) / max(len(causes) - 1, 1)
    for_best = np.take_along_axis(shares - others, best[:, None, None], 2)[:, :, 0]
    reasons = [
        " ".join(_reasons(names, for_best[row], values[row], unseen[row], rule)) for row in range(len(best))
    ]
    return pd.DataFrame(
        {
            "cause": np.where(sure, np.array(causes, object)[best], "unknown"),
            "mining_probability": probability[:, causes.index("mining")],
            "cause_reasons": np.array(reasons, object),
        },
        index=features.index,
    )


def _reasons(
    names: list[str], shares: np.ndarray, values: np.ndarray, unseen: np.ndarray, rule: CauseRule
) -> list[str]:
    """Codes of what was not seen, then of the features that spoke most for the likeliest cause."""
    missing = [code for code, is_so in zip(_UNSEEN, unseen, strict=True) if is_so]
    order = [k for k in np.argsort(-shares, kind="stable") if names[k] + "+" not in _UNSEEN]
    spoke = [k for k in order if shares[k] >= rule.reason_least][: rule.reasons_most]
    return missing + [names[k] + ("+" if values[k] > 0 else "-") for k in spoke]


def with_causes(tracked: Tracked, causes: pd.DataFrame) -> Tracked:
    """Events and cells that bear their causes.

    A stable event whose published cause changes gets a version. Withdrawn events, and events without a row in
    `causes`, keep the cause they had.
    """
    events = tracked.events.copy()
    wanted = events["event_id"].isin(causes.index) & (events["status"] != "withdrawn")
    found = causes.loc[events.loc[wanted, "event_id"]]
    moved = wanted & (events["change"] == "stable")
    moved &= events["cause"] != found["cause"].reindex(events["event_id"]).to_numpy()
    for name in ("cause", "mining_probability", "cause_reasons"):
        events.loc[wanted, name] = found[name].to_numpy()
    events.loc[moved, "version"] += 1
    events.loc[moved, "change"] = "reclassified"
    cells = tracked.cells.copy()
    by_event = events.set_index("event_id").loc[cells["event_id"]]
    for name in ("cause", "mining_probability"):
        cells[name] = by_event[name].to_numpy()
    return replace(
        tracked,
        events=gpd.GeoDataFrame(EVENTS.check(events), geometry="geometry", crs=tracked.events.crs),
        cells=gpd.GeoDataFrame(CELLS.check(cells), geometry="geometry", crs=tracked.cells.crs),
    )
