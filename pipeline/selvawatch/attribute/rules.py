"""Legal context of a place in neutral words, from dated rules that are data (`aoi/rules.toml`)."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selvawatch.attribute.authorities import Authority
from selvawatch.attribute.former.forest_kind import ForestRule
from selvawatch.attribute.former.remining import ScarRule
from selvawatch.attribute.overlay import Pieces
from selvawatch.attribute.river_water import WaterRule
from selvawatch.core.days import NO_DAY, day_numbers, to_day
from selvawatch.core.tables import RIGHT_TYPES
from selvawatch.errors import SiteError
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, UNKNOWN, Register

EFFECTS = ("prohibits", "allows", "conditions")
"""What a rule says of ground: mining is excluded there, provided for, or needs something more."""

PROHIBITED, WITH_TITLE, WITHOUT_TITLE, UNDETERMINED = (
    "prohibited_area",
    "allowed_area_title_in_force",
    "allowed_area_no_title",
    "undetermined",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: where it holds, since when, for whom, and who says so."""

    id: str
    title: str
    """What staff read, in Spanish."""
    title_en: str
    effect: str
    """One of `EFFECTS`."""
    types: tuple[str, ...]
    """Types of the register on whose ground it holds."""
    start: dt.date
    """First day in force."""
    citation: str
    """Norm and article."""
    scope: str
    """Whom or what it binds; a rule for small-scale mining says nothing of other mining."""
    verified: bool
    """Whether a person has read the norm itself, not a report of it."""
    end: dt.date | None = None
    """First day no longer in force; None while it lasts."""
    water_m: float | None = None
    """Also holds as near as this to river water of the year of loss, metres; 0: in that water; None: not."""
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse an effect or type that nothing can evaluate."""
        if self.effect not in EFFECTS:
            raise SiteError("unknown effect", where=f"rule {self.id}", got=self.effect, needed=EFFECTS)
        if strange := [one for one in self.types if one not in RIGHT_TYPES]:
            raise SiteError("unknown types", where=f"rule {self.id}", got=strange, needed=RIGHT_TYPES)

    @property
    def cited(self) -> str:
        """Norm and article, and whom or what they bind."""
        return f"{self.citation} ({self.scope})" if self.scope else self.citation


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What `aoi/rules.toml` says."""

    rule: tuple[Rule, ...]
    water: WaterRule | None = None
    """How river water of a year is told from imagery; None: it is not looked for."""
    remining: ScarRule | None = None
    """When a loss is mining again in an old scar; None: that is not told."""
    forest: ForestRule | None = None
    """When a loss is one of primary forest, and when of secondary growth; None: that is not said."""
    authority: tuple[Authority, ...] = ()
    """Who is competent where, in the order in which they are named."""

    def __post_init__(self) -> None:
        """Refuse two rules of one id."""
        ids = [one.id for one in self.rule]
        if len(set(ids)) != len(ids):
            raise SiteError("rules share an id", got=ids)


def contexts(
    pieces: Pieces, register: Register, rules: Rules, river_m: np.ndarray | None = None
) -> pd.DataFrame:
    """Legal context of each piece on the day of loss: `legal_context` and `rules` (a tuple of rule ids).

    river_m: metres from each piece to river water of its year, NaN where that is not known; None: not known.

    Ground where a rule in force prohibits is `prohibited_area`. Ground where one allows, and none prohibits,
    is an allowed area, with or without a mining title in force. Where the validity of a zone or title that
    would decide is unknown, or no rule says anything, it is `undetermined`. Nothing here says what anybody
    did there, and no class says that something is within or against the law.

    river_m is (n,) float64, a row for each piece.
    """
    count = len(pieces)
    right = pieces.members["right"].to_numpy()
    piece = pieces.members["piece"].to_numpy()
    kinds = register.rights["type"].to_numpy()[right]
    state = pieces.members["at_loss"].to_numpy()
    onset = day_numbers(pieces.frame["onset"])
    undated = pieces.frame["onset"].isna().to_numpy()
    sure = {effect: np.zeros(count, bool) for effect in EFFECTS}
    maybe = {effect: np.zeros(count, bool) for effect in EFFECTS}
    applied: list[list[str]] = [[] for _ in range(count)]
    for rule in rules.rule:
        end = np.iinfo(np.int64).max if rule.end is None else to_day(rule.end)
        in_time = (to_day(rule.start) <= onset) & (onset < end)
        on_type = np.isin(kinds, rule.types)
        here = _any(piece[on_type & (state == IN_FORCE)], count)
        if rule.water_m is not None and river_m is not None:
            here |= river_m <= rule.water_m
        perhaps = _any(piece[on_type & (state == UNKNOWN)], count)
        sure[rule.effect] |= here & in_time & ~undated
        maybe[rule.effect] |= (perhaps & in_time) | ((here | perhaps) & undated)
        for index in np.flatnonzero((here | perhaps) & (in_time | undated)):
            applied[index].append(rule.id)
    title = _any(piece[(kinds == "mining") & (state == IN_FORCE)], count)
    title_perhaps = _any(piece[(kinds == "mining") & (state == UNKNOWN)], count)
    allowed = sure["allows"] & ~maybe["prohibits"]
    context = np.full(count, UNDETERMINED, object)
    context[allowed & title] = WITH_TITLE
    context[allowed & ~title & ~title_perhaps] = WITHOUT_TITLE
    context[sure["prohibits"]] = PROHIBITED
    return pd.DataFrame({"legal_context": context, "rules": [tuple(one) for one in applied]})


def rule_changes(
    pieces: Pieces, register: Register, rules: Rules, river_m: np.ndarray | None = None
) -> np.ndarray:
    """Whether a rule over each piece began or ended between the observations around its loss; (n,) bool.

    river_m: as in `contexts`.
    """
    frame, members = pieces.frame, pieces.members
    kinds = register.rights["type"].to_numpy()[members["right"].to_numpy()]
    onset = day_numbers(frame["onset"])
    first = day_numbers(frame["onset_earliest"])
    last = day_numbers(frame["onset_latest"])
    first, last = np.where(first == NO_DAY, onset, first), np.where(last == NO_DAY, onset, last)
    found = np.zeros(len(pieces), bool)
    for rule in rules.rule:
        days = [to_day(day) for day in (rule.start, rule.end) if day is not None]
        between = np.logical_or.reduce([(first < day) & (day <= last) for day in days])
        if between.any():
            on = np.isin(kinds, rule.types) & (members["at_loss"] != NOT_IN_FORCE).to_numpy()
            here = _any(members["piece"].to_numpy()[on], len(pieces))
            if rule.water_m is not None and river_m is not None:
                here |= river_m <= rule.water_m
            found |= between & here
    return found


def _any(pieces: np.ndarray, count: int) -> np.ndarray:
    found = np.zeros(count, bool)
    found[pieces] = True
    return found
