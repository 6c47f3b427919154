"""Use case: the cause rule fitted on simulated landscapes, and its skill on those it was not fitted on."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from selvawatch.calibrate.cause import Skill, fit_cause, skill, with_unseen
from selvawatch.calibrate.practice_events import Practice, practice_events
from selvawatch.core.grid import Grid
from selvawatch.core.settings import load
from selvawatch.events.cause import CauseRule, classify
from selvawatch.events.patches import EventRule
from selvawatch.simulate import SimulationPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseChanges:
    """Changes of a landscape with more of what is mistaken for mining; fields as in `ChangePlan`."""

    farm_clearings: int
    clearing_ha: tuple[float, float]
    road_spurs: int
    blowdowns: int
    blowdown_ha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CausePractice:
    """What the cause rule is practised and fitted on; values in `models/cause-practice.toml`."""

    plan: str
    """TOML file of the simulation plan, beside this one."""
    grid: Grid
    tile: str
    """Id of the one tile of every landscape."""
    seeds: tuple[int, ...]
    """Seeds of landscapes of the plan as it stands."""
    dense_seeds: tuple[int, ...]
    """Seeds of landscapes with the changes of `dense`."""
    dense: DenseChanges
    practice: Practice
    ridge: float
    """Precision of the prior on each weight."""
    unseen_share: float
    """Weight of each copy of an event without water index, and without any observation."""

    def __post_init__(self) -> None:
        """Refuse a practice without a landscape, or with one twice."""
        seeds = (*self.seeds, *self.dense_seeds)
        if not seeds or len(set(seeds)) < len(seeds):
            raise ValueError(f"seeds are {list(seeds)}, need one or more, each once")


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedCause:
    """A fitted rule, and how well it does."""

    rule: CauseRule
    fitted_on: Skill
    """Skill on the events it was fitted on."""
    left_out: Skill | None
    """Skill on each landscape of rules fitted on the others; None where there is one landscape."""


def fit_on_landscapes(path: Path, cause_rule: CauseRule, event_rule: EventRule) -> FittedCause:
    """The cause rule with its weights fitted on the landscapes that a TOML file of `CausePractice` names.

    Features, measures and thresholds stay those of `cause_rule`.

    Raises
    ------
    SiteError
        For a file that is missing or says something that cannot be used.
    """
    made = load(CausePractice, path)
    plan = load(SimulationPlan, path.parent / made.plan)
    tile = made.grid.tile(made.tile)
    parts = [
        practice_events(landscape, tile, made.practice, event_rule, cause_rule.measures)
        for landscape in landscape_plans(made, plan)
    ]
    features = pd.concat([frame for frame, _ in parts])
    causes = pd.concat([cause for _, cause in parts])
    rule = _fitted(features, causes, cause_rule, made)
    return FittedCause(
        rule=rule,
        fitted_on=skill(classify(features, rule), causes),
        left_out=_left_out(features, causes, cause_rule, made) if len(parts) > 1 else None,
    )


def landscape_plans(made: CausePractice, plan: SimulationPlan) -> Iterator[SimulationPlan]:
    """The plan with each seed, then with each dense seed and the changes of `dense`."""
    for seed in made.seeds:
        yield replace(plan, seed=seed)
    dense = replace(plan.changes, **asdict(made.dense))
    for seed in made.dense_seeds:
        yield replace(plan, seed=seed, changes=dense)


def skill_lines(fitted: FittedCause) -> list[str]:
    """The skill for people, one line for each way it was judged."""
    judged = {"fitted and judged on all landscapes": fitted.fitted_on}
    if fitted.left_out is not None:
        judged["each landscape judged by a rule of the others"] = fitted.left_out
    return [
        f"{name}: {result.events} events, {result.mining} of mining; published cause true"
        f" {result.accuracy:.3f}; published as mining, truly mining {result.mining_users_accuracy:.3f};"
        f" mining, published as mining {result.mining_producers_accuracy:.3f};"
        f" Brier score {result.brier:.3f} ({result.brier_of_share:.3f})"
        for name, result in judged.items()
    ]


def _fitted(features: pd.DataFrame, causes: pd.Series, rule: CauseRule, made: CausePractice) -> CauseRule:
    copies = with_unseen(features, causes, made.unseen_share)
    return fit_cause(*copies, list(rule.features), rule, made.ridge)


def _left_out(features: pd.DataFrame, causes: pd.Series, rule: CauseRule, made: CausePractice) -> Skill:
    """Skill of the answers on each landscape (first level of the index) of a rule fitted on the others."""
    landscape = features.index.get_level_values(0).to_numpy()
    answers = []
    for seed in np.unique(landscape):
        here = landscape == seed
        others = _fitted(features[~here], causes[~here], rule, made)
        answers.append(classify(features[here], others))
    classified = pd.concat(answers)
    return skill(classified, causes.loc[classified.index])
