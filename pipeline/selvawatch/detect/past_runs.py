"""How much more is asked of a sum where it ran high in the history of its block and nothing was lost."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.status import Reason
from selvawatch.detect import fusion
from selvawatch.detect.common_shift import block_numbers
from selvawatch.detect.kernels import fusion as kernels
from selvawatch.detect.kernels.runs import end_runs
from selvawatch.detect.model import SUM_CEILING, Model, PastRuns
from selvawatch.detect.shift_rule import CommonShift, Corner

_DAYS_A_YEAR = 365.25


def raised_levels(
    model: Model,
    baselines: xr.Dataset,
    state: xr.Dataset,
    history: Iterable[Observation],
    *,
    rule: CommonShift,
    corner: Corner | None = None,
    workers: int = 1,
) -> xr.Dataset:
    """By how much more a sum has to be higher to confirm, (y, x) uint8 units of evidence, variables
    `fusion.RAISED`.

    The history is added to sums that decide nothing. In a stable forest their runs end at 0 again, and how
    high they were says what errors add up to there, whether they are independent or not. In each block the
    level of a confirmation is raised to the lowest one that runs of the block and of its eight neighbours
    reached no more often than `PastRuns.rate`.

    baselines: (y, x) as `detect.baseline` gives them. state: as `fusion.start` gives it; it stays as it is.
    history: in order of day. rule: its blocks are those of the common shift. Zeros where the model has no
    `past_runs`.

    Raises
    ------
    StackError
        As `fusion.advance`.
    """
    shape = (state.sizes["y"], state.sizes["x"])
    raised = np.zeros((len(fusion.RAISED), *shape), np.uint8)
    if (past := model.past_runs) is not None:
        blocks = block_numbers(shape, rule, corner)
        arrays = fusion.flat(state)
        steps = fusion.Steps(model, baselines, state, arrays, rule, corner, workers)
        counts, years = _counted(steps, arrays, past, history, blocks, workers)
        allowed = np.maximum(past.rate * years * _with_neighbours(_watched(state, blocks)), past.least_runs)
        for row, thresholds in enumerate((model.optical, model.radar, model.joint)):
            more = raised_by(_with_neighbours(counts[row]), allowed, model.in_units(thresholds.confirmed))
            raised[row] = np.minimum(more, model.in_units(past.most))[blocks[0]][:, blocks[1]]
    variables = {
        name: (("y", "x"), plane) for name, plane in zip(fusion.RAISED.values(), raised, strict=True)
    }
    return xr.Dataset(variables, coords=state.coords)


def raised_by(runs: np.ndarray, allowed: np.ndarray, level: int) -> np.ndarray:
    """Smallest number of units by which `level` has to be raised so that no more than the allowed runs reach
    it, (...) int64.

    runs: (..., 256) int64, how many runs were how high, units. allowed: (...).
    """
    reaching = np.cumsum(runs[..., ::-1], axis=-1)[..., ::-1][..., level:]
    too_many = reaching > allowed[..., None]
    return np.asarray(too_many.sum(axis=-1))


def _counted(
    steps: fusion.Steps,
    arrays: dict[str, np.ndarray],
    past: PastRuns,
    history: Iterable[Observation],
    blocks: tuple[np.ndarray, np.ndarray],
    workers: int,
) -> tuple[np.ndarray, float]:
    """Runs that ended, (sum, rows, columns of blocks, 256) int64 by how high they were, and the years of the
    history.
    """
    of_row, of_column = blocks
    across, pixels = int(of_column[-1]) + 1, of_row.size * of_column.size
    sums = [arrays[f"sum_{name}"] for name in fusion.ACCUMULATORS]
    highest, began = np.zeros((len(sums), pixels), np.uint8), np.zeros((len(sums), pixels), np.uint16)
    counts = np.zeros((len(sums), (int(of_row[-1]) + 1) * across, SUM_CEILING + 1), np.int64)
    first = last = 0
    with ThreadPoolExecutor(workers) as pool:
        for day, same_day in groupby(history, key=lambda observation: observation.day):
            first, last = first or day, day
            if steps.add(pool, day, sorted(same_day, key=lambda observation: observation.stream)):
                for row, total in enumerate(sums):
                    end_runs(
                        total,
                        of_row,
                        of_column,
                        day,
                        past.longest_days,
                        highest[row],
                        began[row],
                        counts[row],
                    )
    return counts.reshape(len(sums), -1, across, SUM_CEILING + 1), (last - first) / _DAYS_A_YEAR


def _watched(state: xr.Dataset, blocks: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Monitored pixels of each block, (rows, columns) int64."""
    of_row, of_column = blocks
    size = (int(of_row[-1]) + 1, int(of_column[-1]) + 1)
    reason = (state["flags"].to_numpy() >> kernels.REASON_SHIFT) & kernels.REASON_BITS
    at = of_row[:, None] * size[1] + of_column[None, :]
    return np.bincount(at[reason == Reason.MONITORED], minlength=size[0] * size[1]).reshape(size)


def _with_neighbours(blocks: np.ndarray) -> np.ndarray:
    """Sum of each block and its eight neighbours. blocks: (rows, columns, ...)."""
    wide = np.pad(blocks, [(1, 1), (1, 1), *[(0, 0)] * (blocks.ndim - 2)])
    rows, columns = blocks.shape[:2]
    return np.asarray(
        sum(wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)), blocks.dtype
    )
