"""Four ways to count ground that lies under several rights: exclusive, inclusive, fractional, combination."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from selvawatch.attribute.overlay import Pieces
from selvawatch.core.tables import RIGHT_TYPES
from selvawatch.errors import SiteError, TableError
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN, Register

ACCOUNTINGS = ("exclusive", "inclusive", "fractional", "combination")
"""Ways to count ground under several rights, as `Options.accounting` and the column name them."""
CLOCKS = ("at-loss", "today")
"""Whether the rights of the day of the loss count, or those of today."""
ADDITIVE = {"exclusive": True, "inclusive": False, "fractional": True, "combination": True}
"""Whether the rows of an accounting add up to the total."""

OUTSIDE = "outside"
NOT_KNOWN = "unknown"
"""Class of ground under nothing where no layer is there that could say of anything counted."""
"""Class of ground under none of the types counted."""

ZONE_TYPES = (
    "protected_core",
    "buffer",
    "corridor",
    "exclusion",
    "water_margin",
    "isolated_peoples",
    "other_zone",
)
KEPT_ASIDE = ("oil_lot", "area", "district")
"""Types that are never counted as rights or zones."""
OWNED_TYPES = tuple(one for one in RIGHT_TYPES if one not in (*ZONE_TYPES, *KEPT_ASIDE))
"""Types that are rights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Which type a hectare goes to when it may go to one only: one entry of `aoi/priorities.toml`."""

    name: str
    title: str
    """What staff read, in Spanish."""
    types: tuple[str, ...]
    """Types that count as concession types, first wins; all rights, and any zone that outranks them."""
    zones: tuple[str, ...]
    """Types that count as zones, first wins."""

    def __post_init__(self) -> None:
        """Refuse a scale that would drop a type or name one twice."""
        for field, given, needed in (
            ("types", self.types, OWNED_TYPES),
            ("zones", self.zones, ZONE_TYPES),
        ):
            where = f"priority scale {self.name}, {field}"
            if missing := [one for one in needed if one not in given]:
                raise SiteError("types are missing", where=where, got=missing, needed="every type once")
            strange = [one for one in given if one not in (*OWNED_TYPES, *ZONE_TYPES)]
            if strange or len(set(given)) != len(given):
                raise SiteError("types are unknown or repeated", where=where, got=strange or given)

    def counted(self, over: str) -> tuple[str, ...]:
        """Types counted `over` `type` or `zone`, first wins."""
        if over not in ("type", "zone"):
            raise TableError("unknown count", got=over, needed="type or zone")
        return self.types if over == "type" else self.zones


def account(
    pieces: Pieces,
    register: Register,
    scale: Scale,
    *,
    accounting: str,
    clock: str,
    over: str = "type",
    only: tuple[str, ...] = (),
) -> pd.DataFrame:
    """How much of each piece goes to each class: piece, class, validity, weight, weight_lo, weight_hi.

    Parameters
    ----------
    accounting
        `exclusive`: all to the first type of the scale (known validity before unknown). `inclusive`: all to
        every type, not additive. `fractional`: 1/k to each of k rights. `combination`: all to the set of
        types, in the order of the scale, joined by `+`, with `?` behind a type of unknown validity.
    clock
        `at-loss` or `today`.
    over
        `type` counts rights, `zone` counts regimes.
    only
        Types to count, in the order of the scale; empty: all of `over`.

    Returns
    -------
    DataFrame
        `validity` is `in_force`, `unknown` or empty (outside, and combinations). `weight` is that of the day;
        where a right began or ended between the observations around the loss, `weight_lo` and `weight_hi` are
        the least and the most over the possible days. Ground under nothing is class `outside`, or `unknown`
        where the register has no layer of any type counted.

    Raises
    ------
    TableError
        For an unknown accounting, clock or count.
    """
    if accounting not in ACCOUNTINGS:
        raise TableError("unknown accounting", got=accounting, needed=ACCOUNTINGS)
    if clock not in CLOCKS:
        raise TableError("unknown clock", got=clock, needed=CLOCKS)
    counted = tuple(one for one in scale.counted(over) if not only or one in only)
    rank = register.rights["type"].map({name: index for index, name in enumerate(counted)})
    members = pieces.members
    right = members["right"].to_numpy()
    kept = rank.notna().to_numpy()[right]
    rights = _Over(
        piece=members["piece"].to_numpy(np.int64)[kept],
        rank=rank.fillna(0).to_numpy(np.int64)[right[kept]],
        pieces=len(pieces),
        ranks=len(counted),
    )
    days = ("today",) if clock == "today" else ("at_loss", *pieces.other_days)
    states = [members[day].to_numpy()[kept] for day in days]
    rows = _over_days(rights, states, accounting)
    labels, validity = _labels(rows["key"], counted, accounting, class_of_nothing(register, counted))
    weights = {name: rows[name] for name in ("weight", "weight_lo", "weight_hi")}
    return pd.DataFrame({"piece": rows["piece"], "class": labels, "validity": validity, **weights})


def with_classes_joined(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of `account` of an additive accounting, those of a piece and label together after relabelling.

    The labels of a piece have its full weight on every day: of what is joined the least is what the others
    leave at most, and the most is no more than all.
    """
    same = [name for name in rows.columns if not name.startswith("weight")]
    sums = ["weight", "weight_lo", "weight_hi"]
    joined = rows.groupby(same, as_index=False, dropna=False)[sums].sum()
    full = joined.groupby("piece")["weight"].transform("sum")
    others = joined.groupby("piece")["weight_hi"].transform("sum") - joined["weight_hi"]
    least = np.maximum(joined["weight_lo"], full - others)
    most = np.minimum(joined["weight_hi"], full)
    return joined.assign(
        weight_lo=np.minimum(least, joined["weight"]), weight_hi=np.maximum(most, joined["weight"])
    )


def class_of_nothing(register: Register, counted: Collection[str]) -> str:
    """Class of ground on which the register names no type of those counted: what no layer says is unknown."""
    return OUTSIDE if register.types_present() & set(counted) else NOT_KNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Over:
    """Rights of the types that are counted, each over one piece."""

    piece: np.ndarray
    """(n,) int64."""
    rank: np.ndarray
    """Of the right's type among those counted, (n,) int64."""
    pieces: int
    """How many pieces there are."""
    ranks: int
    """How many types are counted."""


def _over_days(over: _Over, states: Sequence[np.ndarray], accounting: str) -> dict[str, np.ndarray]:
    """piece, key (see `_weights`) and weight of the first day, sorted, and of pieces over which a right has
    another state on one of the others the least and the most weight of all days.

    states: of each right on each day, (n,).
    """
    doubtful = np.zeros(over.pieces, bool)
    for other in states[1:]:
        doubtful[over.piece[other != states[0]]] = True
    some = doubtful[over.piece]
    part = replace(over, piece=over.piece[some], rank=over.rank[some])
    piece, key, weight = _weights(over, states[0], accounting)
    sure = ~doubtful[piece]
    others = [_weights(part, state[some], accounting) for state in states]
    pairs = np.concatenate([np.stack([piece, key], axis=1) for piece, key, _ in others])
    unsure = doubtful[pairs[:, 0]]
    pairs, at = np.unique(pairs[unsure], axis=0, return_inverse=True)
    by_day = np.zeros((len(states), len(pairs)))
    day = np.repeat(np.arange(len(states)), [len(weight) for _, _, weight in others])
    by_day[day[unsure], at.ravel()] = np.concatenate([weight for _, _, weight in others])[unsure]
    found = {
        "piece": np.concatenate([piece[sure], pairs[:, 0]]),
        "key": np.concatenate([key[sure], pairs[:, 1]]),
        "weight": np.concatenate([weight[sure], by_day[0]]),
        "weight_lo": np.concatenate([weight[sure], by_day.min(axis=0)]),
        "weight_hi": np.concatenate([weight[sure], by_day.max(axis=0)]),
    }
    order = np.lexsort((found["key"], found["piece"]))
    return {name: values[order] for name, values in found.items()}


def _weights(over: _Over, state: np.ndarray, accounting: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """piece, key, weight; each piece has a row.

    A key is 2 x rank + (validity unknown); that of a combination has the bits of its keys; outside is -1.

    state: of each right on a day, (n,).
    """
    seen = state != NOT_IN_FORCE
    piece = over.piece[seen]
    key = 2 * over.rank[seen] + (state[seen] == UNKNOWN)
    if accounting == "combination":
        bits = np.zeros(over.pieces, np.int64)
        np.bitwise_or.at(bits, piece, np.left_shift(np.int64(1), key))
        return np.arange(over.pieces), np.where(bits == 0, -1, bits), np.ones(over.pieces)
    per_piece = np.bincount(piece, minlength=over.pieces)
    uncovered = np.flatnonzero(per_piece == 0)
    if accounting == "exclusive":
        first = np.full(over.pieces, np.iinfo(np.int64).max)
        np.minimum.at(first, piece, key)
        first[uncovered] = -1
        return np.arange(over.pieces), first, np.ones(over.pieces)
    weight = 1.0 / per_piece[piece] if accounting == "fractional" else np.ones(len(piece))
    width = 2 * over.ranks + 1
    code = np.concatenate([piece * width + key + 1, uncovered * width])
    rows = pd.Series(np.concatenate([weight, np.ones(len(uncovered))])).groupby(code)
    added = rows.sum() if accounting == "fractional" else rows.max()
    piece, key = np.divmod(added.index.to_numpy(), width)
    return piece, key - 1, added.to_numpy()


def _labels(
    keys: np.ndarray, counted: tuple[str, ...], accounting: str, nothing: str
) -> tuple[np.ndarray, np.ndarray]:
    codes, found = pd.factorize(keys)
    labels, validity = [], []
    for key in found.tolist():
        if key == -1:
            label, valid = nothing, ""
        elif accounting == "combination":
            bits = [bit for bit in range(2 * len(counted)) if key >> bit & 1]
            label, valid = "+".join(counted[bit // 2] + ("?" if bit % 2 else "") for bit in bits), ""
        else:
            label, valid = counted[key // 2], "unknown" if key % 2 else "in_force"
        labels.append(label)
        validity.append(valid)
    return np.array(labels, object)[codes], np.array(validity, object)[codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Priorities:
    """What `aoi/priorities.toml` says; the first scale is the default."""

    scale: tuple[Scale, ...]

    @property
    def by_name(self) -> dict[str, Scale]:
        """Scales by name, in order."""
        return {one.name: one for one in self.scale}
