"""A fall that takes months, as of dying bamboo or a drought, is followed and taken off observations."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from selvawatch.core.stack import NODATA
from selvawatch.detect.common_shift import block_numbers, measured
from selvawatch.detect.evidence import PreparedIndex, PreparedObservation
from selvawatch.detect.kernels import slow as kernels
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import FOLLOWED, CommonShift, Corner, SlowFall

LEVELS = {name: f"slow_{name}" for name in FOLLOWED}
"""Indices whose slow fall a state can hold, and under which name."""

Over = Callable[[Callable[[int, int], None], int], None]
"""Does work on equal parts of 0..n, one for each worker."""


class SlowFalls:
    """The slow falls of a tile: levels of a state, brought up to date and taken off, day by day.

    A clearing falls within one or two observations, dying bamboo (de Carvalho et al. 2013, doi
    10.1371/journal.pone.0054852) and drought over many. So a level may follow an index only as fast as they
    fall, and not over a departure that is none of theirs; and since neighbours die together where a clearing
    has an edge, no more is taken off than a multiple of what the block fell by.
    """

    def __init__(
        self,
        model: Model,
        rule: CommonShift,
        corner: Corner | None,
        arrays: dict[str, np.ndarray],
        shape: tuple[int, int],
    ) -> None:
        self._model, self._rule, self._arrays, self._shape = model, rule, arrays, shape
        blocks = rule if rule.slow is None else replace(rule, block_px=rule.slow.block_px, slow=None)
        self._blocks, self._corner = blocks, corner
        self._rows, self._columns = block_numbers(shape, blocks, corner)
        begin = Corner(row=0, column=0) if corner is None else corner
        step = rule.step_px
        self._sampled = np.s_[-begin.row % step :: step, -begin.column % step :: step]

    def without_slow(
        self,
        stream: str,
        prepared: PreparedObservation,
        names: tuple[str, ...],
        day: int,
        calm: np.ndarray,
        over: Over,
    ) -> PreparedObservation:
        """The observation without slow falls.

        names: of its indices, in order. calm: (y, x) bool, pixels that stand in no loss.
        """
        indices = list(prepared.indices)
        slow = self._rule.slow
        if slow is not None:
            for number, name in enumerate(names):
                if name in slow.rates:
                    indices[number] = self._followed(stream, indices[number], name, slow, day, calm, over)
        if self._model.rim.index in names:
            self._keep_fall(stream, indices[names.index(self._model.rim.index)], day, over)
        return replace(prepared, indices=tuple(indices))

    def _followed(
        self,
        stream: str,
        index: PreparedIndex,
        name: str,
        slow: SlowFall,
        day: int,
        calm: np.ndarray,
        over: Over,
    ) -> PreparedIndex:
        scale = next(one.scale for one in self._model.stream(stream).indices if one.index == name)
        numbers = np.array(
            [
                slow.rates[name] / scale,
                slow.reach,
                slow.longest_days,
                slow.least / scale,
                slow.most / scale,
                index.temporal[4],
            ],
            np.float32,
        )
        level, out = self._arrays[LEVELS[name]], np.empty_like(index.values)
        allowed, rising = self._of_blocks(index, level, slow, scale, slow.rates[name], day, calm)
        flat = np.ascontiguousarray(calm).reshape(-1)

        def part(first: int, last: int) -> None:
            kernels.follow(
                index.values,
                index.terms,
                index.sigma,
                index.basis.astype(np.float32),
                day,
                numbers,
                allowed,
                rising,
                self._rows,
                self._columns,
                first,
                last,
                flat,
                level,
                self._arrays["fall_on"],
                out,
            )

        over(part, self._shape[0])
        return replace(index, values=out)

    def _of_blocks(
        self,
        index: PreparedIndex,
        level: np.ndarray,
        slow: SlowFall,
        scale: float,
        rate: float,
        day: int,
        calm: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Most that may be taken off in each block, float32 in stored units, and where levels may rise,
        uint8; both (rows, columns) of blocks.

        Levels rise only where the mean fall of the block's calm pixels is not further from their mean level
        than a slow fall could have brought it since: a loss, and haze, come at once.
        """
        blocks = (int(self._rows[-1]) + 1, int(self._columns[-1]) + 1)
        rows, columns = self._rows[self._sampled[0]], self._columns[self._sampled[1]]
        at = rows[:, None] * blocks[1] + columns[None, :]
        followed = self._of_sampled(level)
        counted = measured(calm, index.sigma.reshape(self._shape), self._blocks, self._corner)
        watched = (self._of_sampled(index.sigma) > 0) & counted[self._sampled]
        fallen = np.maximum(followed - round(slow.least / scale), 0)
        count, (mean_fallen,) = _means(at, watched, (fallen,), blocks)
        stored = self._of_sampled(index.values)
        predicted = sum(
            np.float32(weight) * self._of_sampled(term)
            for weight, term in zip(index.basis, index.terms, strict=True)
        )
        seen = watched & (stored != NODATA)
        since = np.where(
            self._of_sampled(self._arrays["fall_on"]) > 0, day - self._of_sampled(self._arrays["fall_on"]), 0
        )
        off = predicted - stored - followed
        number, (mean_off, days) = _means(at, seen, (off, np.minimum(since, slow.longest_days)), blocks)
        slowly = (number >= self._rule.minimum_px) & (mean_off <= (slow.jump + rate * days) / scale)
        together = mean_fallen >= slow.least / scale
        rising = np.where(slowly, np.where(together, kernels.ALL, kernels.CALM), kernels.STILL)
        most = np.where(count >= self._rule.minimum_px, slow.of_block * mean_fallen, 0)
        return np.ascontiguousarray(most, np.float32), np.ascontiguousarray(rising, np.uint8)

    def _of_sampled(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(self._shape)[self._sampled].astype(np.float32)

    def _keep_fall(self, stream: str, index: PreparedIndex, day: int, over: Over) -> None:
        rim = self._model.rim
        scale = next(one.scale for one in self._model.stream(stream).indices if one.index == rim.index)

        def part(first: int, last: int) -> None:
            kernels.keep_fall(
                index.values,
                index.terms,
                index.sigma,
                index.basis.astype(np.float32),
                day,
                rim.full / scale,
                rim.weight,
                first,
                last,
                self._arrays["fall"],
                self._arrays["fall_on"],
            )

        over(part, self._shape[0] * self._shape[1])


def _means(
    at: np.ndarray, chosen: np.ndarray, values: tuple[np.ndarray, ...], blocks: tuple[int, int]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """How many chosen samples each block has, and the means of their values; 0 of none."""
    size, numbers = blocks[0] * blocks[1], at[chosen]
    count = np.bincount(numbers, minlength=size)
    totals = [np.bincount(numbers, value[chosen].astype(np.float64), minlength=size) for value in values]
    return count.reshape(blocks), [(total / np.maximum(count, 1)).reshape(blocks) for total in totals]
