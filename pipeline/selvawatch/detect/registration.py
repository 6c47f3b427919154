"""How far a picture lies off its place is measured against what its pixels should show, and mended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view

from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.kernels.moving import move_back
from selvawatch.detect.model import StreamModel
from selvawatch.detect.shift_rule import Corner, Registration

_ROUNDS = 5
_STILL_PX = 0.02
_MOST_POINTS = 64
_LEAST_POINTS = 100
_FAR_SIGMAS = 3.0

Predictions = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""Prediction and sigma (y, x) float32 by index; sigma 0: no history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Where a picture lies."""

    rows: float
    """Pixels that it lies south of its place."""
    columns: float
    """Pixels that it lies east of it."""
    error: float
    """Standard error of either, pixels."""

    @property
    def length(self) -> float:
        """Distance from its place, pixels."""
        return float(np.hypot(self.rows, self.columns))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Points:
    """Pixels of a picture in some of its rows and columns, both with one step."""

    rows: range
    columns: range

    def next_to(self, down: int, across: int) -> tuple[slice, slice]:
        """The pixels so many rows below and columns right of them."""
        rows, columns = (
            slice(some.start + by, some.stop + by, some.step)
            for some, by in ((self.rows, down), (self.columns, across))
        )
        return rows, columns


@dataclass(frozen=True, slots=True, order=True)
class Displaced:
    """An observation that was found off its place."""

    day: int
    stream: str
    px: float
    """How far it lay off, pixels."""
    is_refused: bool
    """Whether it lay too far off to be used; others are moved back."""


def displacement(
    observation: Observation,
    stream: StreamModel,
    baselines: xr.Dataset,
    rule: Registration,
    corner: Corner | None = None,
) -> Displacement | None:
    """Where an observation lies against the predictions of its pixels; None where forest shows too little of
    it.

    Least squares on the gradient of the prediction (Lucas and Kanade 1981, Proc. IJCAI, 674-679), weighted by
    sigma, over pixels with a history that stayed within three sigmas; repeated on the picture moved back, as
    its own gradients are not those of the prediction. Gradients know their neighbourhood alone, and may read
    less than one pixel of four: they begin from the whole pixels that fit best within the rule's reach, where
    these fit better beyond doubt.

    baselines: (y, x) as `detect.baseline.fit_baselines` gives them. corner: where the observation begins on
    the grid, which decides which pixels are measured.
    """
    predictions = _predictions(observation, stream, baselines)
    if not predictions:
        return None
    observation = replace(
        observation,
        values={name: observation.values[name] for name in predictions},
        scales={name: observation.scales[name] for name in predictions},
    )
    begin, is_better = _coarse_fit(observation, predictions, rule)
    still = Displacement(rows=0.0, columns=0.0, error=np.inf)
    return _refined(observation, predictions, rule, corner, begin if is_better else still)


def _refined(
    observation: Observation,
    predictions: Predictions,
    rule: Registration,
    corner: Corner | None,
    begin: Displacement,
) -> Displacement | None:
    """The displacement by least squares, from one that it begins with; None where forest shows too little."""
    found, points = begin, _points_of(observation.shape, rule, corner)
    for _ in range(_ROUNDS):
        moved = {name: _shifted(values, found, points) for name, values in observation.values.items()}
        step = _step(moved, points, predictions, rule)
        if step is None:
            return None
        found = Displacement(
            rows=found.rows + step.rows, columns=found.columns + step.columns, error=step.error
        )
        if step.length < _STILL_PX or found.length > 2 * rule.reach_px:
            break
    return found


def _coarse_fit(
    observation: Observation, predictions: Predictions, rule: Registration
) -> tuple[Displacement, bool]:
    """The whole pixels, within the rule's reach, by which an observation lies off the predictions at best: in
    the mean square of its residuals without their median, each held to three sigmas; and whether that is
    better than in its place by the rule's standard errors.
    """
    reach = rule.reach_px
    found = [
        _squares(observation.values[name], predicted, sigma, rule)
        for name, (predicted, sigma) in predictions.items()
    ]
    squares = np.concatenate([np.zeros((0, 2 * reach + 1, 2 * reach + 1), np.float32), *found])
    seen = ~np.isnan(squares)
    count = np.count_nonzero(seen, axis=0)
    if count[reach, reach] < _LEAST_POINTS:
        return Displacement(rows=0.0, columns=0.0, error=np.inf), False
    means = np.where(seen, squares, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
    means[count < _LEAST_POINTS] = np.inf
    row, column = np.unravel_index(means.argmin(), means.shape)
    still = squares[:, reach, reach]
    least = rule.sigmas * float(np.nanstd(still)) * np.sqrt(2 / count[reach, reach])
    begin = Displacement(rows=float(row - reach), columns=float(column - reach), error=np.inf)
    return begin, bool(means[reach, reach] - means[row, column] > least)


def _squares(stored: np.ndarray, predicted: np.ndarray, sigma: np.ndarray, rule: Registration) -> np.ndarray:
    """Squared residuals in sigmas of a sparse raster of points, (points, rows, columns) float32, by how many
    rows and columns on an index is read, from `reach_px` back to as many on; NaN where it was not seen.

    stored, predicted, sigma: (y, x).
    """
    reach = rule.reach_px
    window = (2 * reach + 1, 2 * reach + 1)
    if min(stored.shape) < window[0]:
        return np.zeros((0, *window), np.float32)
    steps = [max(rule.step_px, size // _MOST_POINTS) for size in stored.shape]
    here = tuple(slice(reach, size - reach, step) for size, step in zip(stored.shape, steps, strict=True))
    has_history = sigma[here] > 0
    read = sliding_window_view(stored, window)[:: steps[0], :: steps[1]][has_history]
    rest = np.where(read != NODATA, read - predicted[here][has_history][:, None, None], np.float32(np.nan))
    middle = rest[:, reach, reach]
    if not np.isfinite(middle).any():
        return np.zeros((0, *window), np.float32)
    rest -= np.nanmedian(middle)
    rest /= sigma[here][has_history][:, None, None]
    return np.asarray(np.minimum(rest * rest, np.float32(_FAR_SIGMAS**2)))


def moved_back(observation: Observation, off: Displacement) -> Observation:
    """The observation moved back to its place, bilinear; a pixel of which less than half was seen is not
    seen.
    """
    points = _Points(rows=range(observation.shape[0]), columns=range(observation.shape[1]))
    return replace(
        observation,
        values={name: _shifted(values, off, points) for name, values in observation.values.items()},
    )


def _shifted(values: np.ndarray, off: Displacement, points: _Points) -> np.ndarray:
    """Values (y, x) moved back to their place, at some points alone."""
    rows, columns = points.rows, points.columns
    out = np.empty((len(rows), len(columns)), np.int16)
    stored = np.ascontiguousarray(values)
    move_back(stored, off.rows, off.columns, rows.start, columns.start, rows.step, out)
    return out


def _points_of(shape: tuple[int, int], rule: Registration, corner: Corner | None) -> _Points:
    """Points of the grid at which pictures are measured, but for those on the picture's edge."""
    begin = Corner(row=0, column=0) if corner is None else corner
    rows, columns = (
        range(1 + (-first - 1) % rule.step_px, size - 1, rule.step_px)
        for first, size in zip((begin.row, begin.column), shape, strict=True)
    )
    return _Points(rows=rows, columns=columns)


def _predictions(observation: Observation, stream: StreamModel, baselines: xr.Dataset) -> Predictions:
    """Predictions of each index that the observation carries."""
    found = {}
    for index in stream.indices:
        if index.index in observation.values:
            terms = baselines[name_of(stream.stream, index.index, "terms")].to_numpy()
            sigma = baselines[name_of(stream.stream, index.index, "sigma")].to_numpy()
            basis = harmonic.angles(np.array([observation.day]), index.harmonic.harmonics)[0]
            predicted = np.zeros(sigma.shape, np.float32)
            for weight, term in zip(basis.astype(np.float32), terms, strict=True):
                predicted += weight * term
            floor = np.float32(index.evidence.sigma_floor / index.scale)
            found[index.index] = predicted, np.where(sigma > 0, np.maximum(sigma, floor), np.float32(0))
    return found


def _step(
    moved: Mapping[str, np.ndarray], points: _Points, predictions: Predictions, rule: Registration
) -> Displacement | None:
    """One round of least squares.

    moved: stored values of the points by index, int16.
    """
    here = points.next_to(0, 0)
    north, south = points.next_to(-1, 0), points.next_to(1, 0)
    west, east = points.next_to(0, -1), points.next_to(0, 1)
    normal, right, count = np.zeros((2, 2)), np.zeros(2), 0
    for name, (predicted, sigma) in predictions.items():
        stored, spread = moved[name], sigma[here]
        residual = stored.astype(np.float32) - predicted[here]
        chosen = (stored != NODATA) & (spread > 0) & (np.abs(residual) < _FAR_SIGMAS * spread)
        for side in (north, south, west, east):
            chosen &= sigma[side] > 0
        if np.count_nonzero(chosen) < rule.minimum_px:
            continue
        southward, eastward = (
            ((predicted[after] - predicted[before]) / 2)[chosen].astype(np.float64)
            for before, after in ((north, south), (west, east))
        )
        weight = 1 / spread[chosen].astype(np.float64) ** 2
        rest = residual[chosen].astype(np.float64)
        rest -= np.median(rest)
        gradient = np.stack([southward, eastward])
        normal += (gradient * weight) @ gradient.T
        right -= (gradient * weight) @ rest
        count += rest.size
    if count == 0 or np.linalg.det(normal) <= 0 or np.linalg.cond(normal) > 1e4:
        return None
    covariance = np.linalg.inv(normal)
    down, across = covariance @ right
    return Displacement(
        rows=float(down), columns=float(across), error=float(np.sqrt(np.diag(covariance).max()))
    )
