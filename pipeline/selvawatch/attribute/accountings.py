"""Four ways to count ground that lies under several rights: exclusive, inclusive, fractional, combination."""

from collections.abc import Collection
from dataclasses import dataclass

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
    known = rank.notna().to_numpy()
    ranks = rank.fillna(0).to_numpy(np.int64)
    members = pieces.members[known[pieces.members["right"].to_numpy()]]
    count = len(pieces)
    column = "today" if clock == "today" else "at_loss"
    weights = [_weights(members, column, ranks, count, accounting)]
    if clock == "at-loss":
        doubtful = _doubtful(members, pieces)
        some = members[doubtful[members["piece"].to_numpy()]]
        weights += [_weights(some, other, ranks, count, accounting) for other in pieces.other_days]
        weights[1:] = [other[doubtful[other["piece"].to_numpy()]] for other in weights[1:]]
        table = _merged(weights, doubtful)
    else:
        table = weights[0].assign(weight_lo=weights[0]["weight"], weight_hi=weights[0]["weight"])
    table = table.sort_values(["piece", "key"]).reset_index(drop=True)
    labels, validity = _labels(table["key"], counted, accounting, class_of_nothing(register, counted))
    table["class"], table["validity"] = labels, validity
    return table[["piece", "class", "validity", "weight", "weight_lo", "weight_hi"]]


def _doubtful(members: pd.DataFrame, pieces: Pieces) -> np.ndarray:
    """Whether any of the members was in another state on another possible day of the loss; bool (piece,)."""
    changes = members[list(pieces.other_days)].ne(members["at_loss"], axis=0).any(axis=1).to_numpy()
    found = np.zeros(len(pieces), bool)
    found[members["piece"].to_numpy()[changes]] = True
    return found


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


def _weights(
    members: pd.DataFrame, column: str, ranks: np.ndarray, count: int, accounting: str
) -> pd.DataFrame:
    """piece, key, weight.

    A key is 2 x rank + (validity unknown); that of a combination has the bits of its keys; outside is -1.
    """
    state = members[column].to_numpy()
    seen = state != NOT_IN_FORCE
    piece = members["piece"].to_numpy(np.int64)[seen]
    key = 2 * ranks[members["right"].to_numpy()[seen]] + (state[seen] == UNKNOWN)
    if accounting == "combination":
        bits = np.zeros(count, np.int64)
        np.bitwise_or.at(bits, piece, np.left_shift(np.int64(1), key))
        return pd.DataFrame({"piece": np.arange(count), "key": np.where(bits == 0, -1, bits), "weight": 1.0})
    per_piece = np.bincount(piece, minlength=count)
    uncovered = np.flatnonzero(per_piece == 0)
    if accounting == "exclusive":
        first = np.full(count, np.iinfo(np.int64).max)
        np.minimum.at(first, piece, key)
        first[uncovered] = -1
        return pd.DataFrame({"piece": np.arange(count), "key": first, "weight": 1.0})
    weight = 1.0 / per_piece[piece] if accounting == "fractional" else np.ones(len(piece))
    rows = pd.DataFrame(
        {
            "piece": np.concatenate([piece, uncovered]),
            "key": np.concatenate([key, np.full(len(uncovered), -1)]),
            "weight": np.concatenate([weight, np.ones(len(uncovered))]),
        }
    )
    how = "sum" if accounting == "fractional" else "max"
    return rows.groupby(["piece", "key"], as_index=False).agg({"weight": how})


def _merged(weights: list[pd.DataFrame], doubtful: np.ndarray) -> pd.DataFrame:
    sure = weights[0][~doubtful[weights[0]["piece"].to_numpy()]]
    sure = sure.assign(weight_lo=sure["weight"], weight_hi=sure["weight"])
    if not doubtful.any():
        return sure
    weights = [weights[0][doubtful[weights[0]["piece"].to_numpy()]], *weights[1:]]
    sides = [one.set_index(["piece", "key"])["weight"].rename(str(side)) for side, one in enumerate(weights)]
    wide = pd.concat(sides, axis=1).fillna(0.0)
    unsure = pd.DataFrame({"weight": wide["0"], "weight_lo": wide.min(axis=1), "weight_hi": wide.max(axis=1)})
    return pd.concat([sure, unsure.reset_index()], ignore_index=True)


def _labels(
    keys: pd.Series, counted: tuple[str, ...], accounting: str, nothing: str
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
