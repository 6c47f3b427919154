"""Which right came first on the same ground, and how long after the loss somebody asked for it."""

import numpy as np
import pandas as pd

from selvawatch.attribute.overlay import Pieces
from selvawatch.core.days import day_numbers
from selvawatch.register.dating.timelines import EVER, Timelines, runs, timelines
from selvawatch.register.register import Register

_NONE = np.iinfo(np.int64).max // 4
MINING = ("mining", "mining_application")


def begin_days(register: Register) -> np.ndarray:
    """(n,) int64: day on which each row's right began to be claimed: application, else first day in force.

    All rows of one unbroken run of states began with its first. Rights without either day have one so far
    ahead that nothing comes after it.
    """
    rights = register.rights
    line, begun = timelines(rights), _row_begins(rights)
    run, _ = runs(pd.factorize(rights["right_id"])[0], line.starts, line.ends)
    return _first_of_run(run, line.starts, begun)


def _row_begins(rights: pd.DataFrame) -> np.ndarray:
    """Day on which each row began to be claimed, by itself; int64 (rows,)."""
    applied = day_numbers(rights["applied_on"], _NONE)
    stated = day_numbers(rights["valid_from"], _NONE)
    start = timelines(rights).starts
    by_snapshot = (start > -EVER) & (start != stated)
    return np.where(by_snapshot, start, np.where(applied == _NONE, stated, applied))


def _first_of_run(run: np.ndarray, starts: np.ndarray, begun: np.ndarray) -> np.ndarray:
    """The day of the row of each run that starts first, for each row; all int64 (rows,)."""
    frame = pd.DataFrame({"run": run, "start": starts, "begun": begun})
    first = (
        frame.sort_values(["run", "start"], kind="stable").drop_duplicates("run").set_index("run")["begun"]
    )
    return first.reindex(run).to_numpy(np.int64)


def later_mining(pieces: Pieces, register: Register) -> pd.DataFrame:
    """By piece: whether mining was claimed over an earlier right, and the days from loss to the first claim.

    `mining_title_later` is `yes` where a mining title or application was asked for after another right on the
    same ground had begun (and before that one ended), `unknown` where dates that would decide are missing,
    else `no`. `days_to_mining_application` counts from the loss to the first mining application recorded over
    the ground, whether in force or not; negative: asked for before the loss; NaN: none, or loss undated.
    """
    members, rights = pieces.members, register.rights
    right, piece = members["right"].to_numpy(), members["piece"].to_numpy()
    line = timelines(rights)
    ended = np.minimum(line.ends, _NONE)
    begun = _begins_on_pieces(members, rights, line)
    owned = (rights["kind"] == "right").to_numpy()[right]
    mining = np.isin(rights["type"].to_numpy()[right], MINING)
    count = len(pieces)
    first_claim = _least(piece[mining], begun[mining], count)
    claims = pd.DataFrame({"piece": piece[mining], "claimed": begun[mining]})
    others = pd.DataFrame(
        {
            "piece": piece[owned & ~mining],
            "begun": begun[owned & ~mining],
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


def _begins_on_pieces(members: pd.DataFrame, rights: pd.DataFrame, line: Timelines) -> np.ndarray:
    """Day on which each member began to be claimed on its piece: later where its outline came there later."""
    right = members["right"].to_numpy()
    ids = pd.factorize(rights["right_id"])[0][right]
    group = pd.factorize(pd.MultiIndex.from_arrays([members["piece"].to_numpy(), ids]))[0]
    run, _ = runs(group, line.starts[right], line.ends[right])
    return _first_of_run(run, line.starts[right], _row_begins(rights)[right])


def _least(group: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    found = np.full(count, _NONE, np.int64)
    np.minimum.at(found, group, values)
    return found
