"""Accuracy of a yes-or-no judgement with its uncertainty: counts, ratios, AUC, delays, false-alarm rates."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SEED = 20140515
"""Seed of every bootstrap: same input, same interval."""

REPLICATES = 2000
"""Bootstrap replicates: the ends of a 95 % interval rest on 50 replicates each."""

_LEVEL = 0.95
_TAILS = (100 * (1 - _LEVEL) / 2, 100 * (1 + _LEVEL) / 2)


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of the four outcomes; a unit confirmed too early is one FP and one FN."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def users_accuracy(self) -> float | None:
        """TP / (TP + FP); None when nothing was confirmed."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def producers_accuracy(self) -> float | None:
        """TP / (TP + FN); None when nothing was lost."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None when nothing was lost and nothing confirmed."""
        return ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


def ratio(part: float, total: float) -> float | None:
    """Part over whole; None where the whole is 0."""
    return part / total if total else None


def outcomes(lost: np.ndarray, confirmed: np.ndarray, early: np.ndarray) -> np.ndarray:
    """(n, 4) int64 of TP, FP, FN, TN for each unit; rows of early units hold one FP and one FN.

    All arguments are (n,) bool; `early` marks units that were lost, but confirmed before.
    """
    lost, confirmed, early = (np.asarray(values, bool).ravel() for values in (lost, confirmed, early))
    hit = lost & confirmed & ~early
    return np.stack([hit, confirmed & ~hit, lost & ~hit, ~lost & ~confirmed], axis=1).astype(np.int64)


def confusion(units: np.ndarray) -> Confusion:
    """Counts over the rows of `outcomes`. units: (n, 4) int."""
    tp, fp, fn, tn = (int(count) for count in np.asarray(units).sum(axis=0))
    return Confusion(tp, fp, fn, tn)


def auc(scores: np.ndarray, lost: np.ndarray) -> float | None:
    """Area under the ROC curve (Mann-Whitney, ties half); None unless both kinds occur. scores: (n,) float
    without NaN; lost: (n,) bool.
    """
    from scipy import stats  # slow to import

    lost = np.asarray(lost, bool)
    positive, negative = int(lost.sum()), int((~lost).sum())
    if not positive or not negative:
        return None
    ranks = stats.rankdata(scores)
    return float((ranks[lost].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _auc(up: np.ndarray, down: np.ndarray) -> np.ndarray:
    """AUC along the last axis from counts of lost (`up`) and other units (`down`) at rising scores."""
    below = np.cumsum(down, axis=-1) - down
    return _divided((up * (below + down / 2)).sum(axis=-1), up.sum(axis=-1) * down.sum(axis=-1))


def rate_interval(events: int, exposure: float) -> tuple[float, float] | None:
    """95 % interval of events / exposure for a Poisson count (Garwood 1936); None without exposure."""
    from scipy import stats  # slow to import

    if exposure <= 0:
        return None
    low = float(stats.chi2.ppf((1 - _LEVEL) / 2, 2 * events) / 2) if events else 0.0
    high = float(stats.chi2.ppf((1 + _LEVEL) / 2, 2 * events + 2) / 2)
    return low / exposure, high / exposure


def resamples(blocks: np.ndarray, replicates: int = REPLICATES) -> tuple[np.ndarray, np.ndarray]:
    """Block index of each unit (n,), and (replicates, blocks) int64 of how often each block was drawn.

    Whole blocks are drawn with replacement, as many as there are: neighbours stay together.
    """
    _, index = np.unique(np.asarray(blocks), return_inverse=True)
    count = int(index.max()) + 1 if index.size else 0
    if count < 2:
        return index, np.empty((0, count), np.int64)
    drawn = np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), replicates)
    return index, drawn.astype(np.int64)


def block_bootstrap(units: np.ndarray, blocks: np.ndarray) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of the accuracies from the rows of `outcomes`, blocks resampled whole.

    Empty with fewer than two blocks; an accuracy that is undefined in every replicate is left out.

    units: (n, 4) int. blocks: (n,) int or text, the block of each row.
    """
    index, drawn = resamples(blocks)
    if not drawn.size:
        return {}
    by_block = np.stack([np.bincount(index, units[:, k], minlength=drawn.shape[1]) for k in range(4)], axis=1)
    tp, fp, fn, _ = (drawn @ by_block).T
    named = {
        "users_accuracy": _divided(tp, tp + fp),
        "producers_accuracy": _divided(tp, tp + fn),
        "f1": _divided(2 * tp, 2 * tp + fp + fn),
    }
    return _intervals(named)


def auc_bootstrap(scores: np.ndarray, lost: np.ndarray, blocks: np.ndarray) -> tuple[float, float] | None:
    """95 % percentile interval of the AUC, blocks resampled whole; None with fewer than two blocks. scores:
    (n,) float without NaN; lost: (n,) bool; blocks: (n,).
    """
    index, drawn = resamples(blocks)
    if not drawn.size:
        return None
    lost = np.asarray(lost, bool)
    values, level = np.unique(scores, return_inverse=True)
    cell, size = index * values.size + level, (drawn.shape[1], values.size)
    up, down = (
        drawn @ np.bincount(cell[kind], minlength=size[0] * size[1]).reshape(size).astype(float)
        for kind in (lost, ~lost)
    )
    return _intervals({"auc": _auc(up, down)}).get("auc")


def statistic_bootstrap(
    values: np.ndarray, blocks: np.ndarray, statistic: Callable[[np.ndarray], float]
) -> tuple[float, float] | None:
    """95 % percentile interval of a statistic of values; None with fewer than two blocks of them. values:
    (n,) float without NaN; blocks: (n,).
    """
    index, drawn = resamples(blocks, REPLICATES // 4)
    if not drawn.size:
        return None
    order = np.argsort(index, kind="stable")
    values, index = np.asarray(values)[order], index[order]
    drawn_values = np.array([statistic(np.repeat(values, times[index])) for times in drawn])
    return _intervals({"statistic": drawn_values}).get("statistic")


def _divided(part: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(part, total, out=np.full(total.shape, np.nan), where=total > 0)


def _intervals(named: dict[str, np.ndarray]) -> dict[str, tuple[float, float]]:
    result = {}
    for name, values in named.items():
        values = values[np.isfinite(values)]
        if values.size:
            low, high = np.percentile(values, _TAILS)
            result[name] = (float(low), float(high))
    return result
