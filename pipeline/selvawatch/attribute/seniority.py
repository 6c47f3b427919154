"""Which right came first on the same ground, and how long after the loss somebody asked for it."""

import numpy as np
import pandas as pd

from selvawatch.attribute.overlay import Pieces
from selvawatch.core.days import day_numbers
from selvawatch.register.register import Register

_NONE = np.iinfo(np.int64).max // 4
MINING = ("mining", "mining_application")


def begin_days(register: Register) -> np.ndarray:
    """(n,) int64: day on which each row began to be claimed: its application, else its first day in force.

    Rows without either have a day so far ahead that nothing comes after it.
    """
    rights = register.rights
    applied = day_numbers(rights["applied_on"], _NONE)
    return np.where(applied == _NONE, day_numbers(rights["valid_from"], _NONE), applied)


def later_mining(pieces: Pieces, register: Register) -> pd.DataFrame:
    """By piece: whether mining was claimed over an earlier right, and the days from loss to the first claim.

    `mining_title_later` is `yes` where a mining title or application was asked for after another right on the
    same ground had begun (and before that one ended), `unknown` where dates that would decide are missing,
    else `no`. `days_to_mining_application` counts from the loss to the first mining application recorded over
    the ground, whether in force or not; negative: asked for before the loss; NaN: none, or loss undated.
    """
    members, rights = pieces.members, register.rights
    right, piece = members["right"].to_numpy(), members["piece"].to_numpy()
    begun = begin_days(register)
    ended = day_numbers(rights["valid_to"], _NONE)
    owned = (rights["kind"] == "right").to_numpy()[right]
    mining = np.isin(rights["type"].to_numpy()[right], MINING)
    count = len(pieces)
    first_claim = _least(piece[mining], begun[right[mining]], count)
    claims = pd.DataFrame({"piece": piece[mining], "claimed": begun[right[mining]]})
    others = pd.DataFrame(
        {
            "piece": piece[owned & ~mining],
            "begun": begun[right[owned & ~mining]],
            "ended": ended[right[owned & ~mining]],
        }
    )
    pairs = claims.merge(others, on="piece")
    dated = (pairs["claimed"] < _NONE) & (pairs["begun"] < _NONE)
    over = dated & (pairs["claimed"] > pairs["begun"]) & (pairs["claimed"] < pairs["ended"])
    answer = np.full(count, "no", object)
    answer[pairs["piece"][~dated].to_numpy()] = "unknown"
    answer[pairs["piece"][over].to_numpy()] = "yes"
    onset = day_numbers(pieces.frame["onset"], _NONE)
    lag = np.where((first_claim < _NONE) & (onset < _NONE), first_claim - onset, np.nan)
    return pd.DataFrame({"mining_title_later": answer, "days_to_mining_application": lag})


def _least(group: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    found = np.full(count, _NONE, np.int64)
    np.minimum.at(found, group, values)
    return found
