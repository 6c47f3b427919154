"""When each row of the register speaks for its right: snapshots and legal dates put into one line of time."""

import itertools
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selvawatch.core.days import day_numbers

EVER = np.iinfo(np.int64).max // 2
"""Day of an end that is open; its negative: of a beginning that is."""
APPLICATION = "mining_application"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timelines:
    """The days of each state of a right, a row of the register each: those of one right share no day."""

    starts: np.ndarray
    """First day, int64 (rows,); -EVER: of unknown age."""
    ends: np.ndarray
    """First day no longer, int64 (rows,); not after the first day: the row speaks for no day."""
    known: np.ndarray
    """Whether dates say that it was in force on those days, bool (rows,)."""


def with_applications(rights: pd.DataFrame, exact: np.ndarray) -> pd.DataFrame:
    """Rows of rights, and for each title with both days one more: the application, until the title.

    The source says nothing of an application that was granted but its day: its status stays empty.

    rights: rows of `core.tables.RIGHTS`. exact: whether `applied_on` is known to the day, bool (rows,).
    """
    both = (rights["type"] == "mining") & (rights["applied_on"] < rights["valid_from"])
    asked = rights[both].copy()
    asked["type"] = APPLICATION
    asked["valid_to"] = asked["valid_from"]
    asked["valid_from"] = asked["applied_on"]
    asked["dates_known"] = exact[both.to_numpy()]
    asked["listed_is_valid"] = False
    for name in ("status", "subtype"):
        asked[name] = None
    if not len(asked):
        return rights
    for name in ("status", "subtype"):
        asked[name] = asked[name].astype(rights[name].dtype)
    return pd.concat([rights, asked], ignore_index=True)


def dated_by_application(rights: pd.DataFrame) -> np.ndarray:
    """Whether the first day of each row is that of its application, for want of its own; bool (rows,)."""
    same = (rights["valid_from"] == rights["applied_on"]).to_numpy(bool)
    alone = (rights["valid_from"].isna() & rights["applied_on"].notna()).to_numpy(bool)
    return (same & (rights["type"] != APPLICATION).to_numpy()) | alone


def timelines(rights: pd.DataFrame) -> Timelines:
    """The days for which each row speaks; rows in order of right, snapshot and first day.

    What a snapshot says holds until the next one, the first also before; but a later snapshot is believed on
    what it dates: a state that began, or an end that came, before it was seen. A right that ended or was gone
    in a snapshot, and is back, is in force again from the day it is back, or from a first day after its end.
    """
    ids = rights["right_id"].to_numpy()
    seen = day_numbers(rights["recorded_from"], -EVER)
    found = _Lines(
        seen=seen,
        gone=day_numbers(rights["recorded_to"], EVER),
        valid_from=day_numbers(rights["valid_from"], -EVER),
        valid_to=day_numbers(rights["valid_to"], EVER),
        known=rights["dates_known"].to_numpy(bool).copy(),
        kind=rights["type"].to_numpy(object),
        asked=dated_by_application(rights),
    )
    first = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]])[: len(ids)])
    for start, end in itertools.pairwise([*first.tolist(), len(ids)]):
        if seen[end - 1] != seen[start]:
            for row in range(start, end):
                found.add(row, start)
    return Timelines(starts=found.starts, ends=found.ends, known=found.known)


def last_rows(rights: pd.DataFrame) -> np.ndarray:
    """Position of each right's last state, int64: its latest row that speaks for any day, else its latest."""
    line = timelines(rights)
    ids = rights["right_id"].to_numpy(object)
    frame = pd.DataFrame({"id": ids, "speaks": line.starts < line.ends, "start": line.starts})
    return frame.sort_values(["id", "speaks", "start"], kind="stable").groupby("id").tail(1).index.to_numpy()


class _Lines:
    """Days of the rows of rights, one right after another, each row after those of earlier snapshots."""

    def __init__(
        self,
        *,
        seen: np.ndarray,
        gone: np.ndarray,
        valid_from: np.ndarray,
        valid_to: np.ndarray,
        known: np.ndarray,
        kind: np.ndarray,
        asked: np.ndarray,
    ) -> None:
        self.seen, self.gone, self.valid_from, self.valid_to = seen, gone, valid_from, valid_to
        self.known, self.kind, self.asked = known, kind, asked
        self.starts, self.ends = valid_from.copy(), np.minimum(gone, valid_to)

    def add(self, row: int, first: int) -> None:
        """Put a row into the line of its right, whose rows begin at `first`; earlier ones are placed."""
        day, begun = self.seen[row], self.valid_from[row]
        if day == self.seen[first]:
            return
        if self.valid_to[row] < day:
            self._end_before(row, first)
        earlier = [one for one in range(first, row) if self.starts[one] < self.ends[one]]
        if not earlier:
            self.starts[row] = begun if begun > -EVER and not self._was_over(row, first) else max(begun, day)
            return
        oldest, last = min(earlier, key=self.starts.__getitem__), max(earlier, key=self.ends.__getitem__)
        if -EVER < begun < self.starts[oldest] and not self.asked[row]:
            self._begin_before(row, oldest)
            if self.starts[row] < self.ends[row] <= self.starts[oldest]:
                return
        if self.ends[last] >= day:
            start = self._start_after(row, last, first)
        elif begun == -EVER or (self._was_over(row, first) and begun < self.ends[last]):
            start = day
        else:
            start = max(begun, self.ends[last])
        self.starts[row] = max(begun, start)

    def _start_after(self, row: int, last: int, first: int) -> int:
        """First day of a row after one that is in force until it was seen; no earlier one goes on."""
        day, begun = int(self.seen[row]), int(self.valid_from[row])
        if begun >= day or self.asked[row]:
            return day
        undated = self.valid_from[last] == -EVER and self.starts[last] == -EVER
        if undated and self.kind[last] == self.kind[row] and begun <= self.seen[last]:
            if begun > -EVER:
                self.starts[last], self.known[last] = begun, self.known[row]
            return day
        if self.valid_from[last] < begun:
            for one in range(first, row):
                self.ends[one] = min(self.ends[one], begun)
            return begun
        return day

    def _end_before(self, row: int, first: int) -> None:
        """End earlier rows on the day that a later one says it had ended, before it was seen."""
        end = self.valid_to[row]
        for one in range(first, row):
            if self.seen[one] < self.seen[row] and self.valid_from[one] < end < self.ends[one]:
                self.ends[one] = end

    def _begin_before(self, row: int, oldest: int) -> None:
        """Let a right begin on the day that a later row says, before any earlier one does."""
        if self.kind[row] == self.kind[oldest]:
            self.starts[oldest] = self.valid_from[row]
        elif self.valid_to[row] <= self.seen[row]:
            self.ends[row] = min(self.valid_to[row], self.starts[oldest])
            self.starts[row] = self.valid_from[row]

    def _was_over(self, row: int, first: int) -> bool:
        """Whether the snapshot before the row's had the right no more, or as one that had ended."""
        before = max(one for one in range(first, row) if self.seen[one] < self.seen[row])
        absent = self.gone[before] < self.seen[row]
        return bool(absent or self.valid_to[before] <= self.seen[before])


def runs(group: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The unbroken run of days that each interval of a group belongs to, by number, and which begins it.

    Intervals of a group that touch or overlap are one run. Numbers are int64, the other bool, both (n,).

    group, starts, ends: int64 (n,).
    """
    order = np.lexsort((ends, starts, group))
    by_group, begin = group[order], starts[order]
    far = pd.Series(ends[order]).groupby(by_group).cummax().to_numpy()
    new = np.ones(len(order), bool)
    new[1:] = (by_group[1:] != by_group[:-1]) | (begin[1:] > far[:-1])
    number, first = np.empty(len(order), np.int64), np.empty(len(order), bool)
    number[order], first[order] = np.cumsum(new) - 1, new
    return number, first
