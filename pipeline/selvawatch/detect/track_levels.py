"""The level of a radar track: what its geometry adds to backscatter, measured and taken off.

One baseline serves all tracks of a direction; each track has a level over the one that the history saw most
often, the reference. A track that the history knows is levelled in it, so that what remains of its geometry
is in the baseline's sigma. One that it does not know is levelled by its first passes over stable forest in
the monitoring, and their spread is added to sigma; until then it is not used. All follows from the
observations in their order, never from when runs are.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation, without_track
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import TrackRule

Levels = Mapping[str, Mapping[str, float]]
"""Level by stream with its track and by index, in stored units."""

_LIMIT = 32_767
_TRACK = re.compile(r".+-t(\d{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLevel:
    """The level of a track that the history does not know."""

    level: Mapping[str, float]
    """By index, stored units; NaN where no forest was seen."""
    spread: Mapping[str, float]
    """Standard deviation of the level of single passes, by index, stored units."""


def history_levels(stacks: Mapping[str, tuple[np.ndarray, np.ndarray]], rule: TrackRule) -> dict[str, float]:
    """Level of each track of a history, in stored units, by the key of its stack; those with fewer passes
    than the rule asks for have none.

    The level is the median over a track's passes of what the pixels share over the reference's median, less
    what the reference itself shows about that day: rain and season are no level.

    stacks: days (time,) and int16 values (time, y, x) by track, on the same pixels.
    """
    enough = {key: pair for key, pair in stacks.items() if len(pair[0]) >= rule.passes}
    if not enough:
        return {}
    reference = min(enough, key=lambda key: (-len(enough[key][0]), key))
    if len(enough) == 1:
        return {reference: 0.0}
    sampled = {
        key: _physical(values[:, :: rule.step_px, :: rule.step_px]) for key, (_, values) in enough.items()
    }
    middle = _median(sampled[reference], axis=0)
    shared = {
        key: _median((values - middle).reshape(len(values), -1), axis=1) for key, values in sampled.items()
    }
    days, around = enough[reference][0], shared[reference]
    seen = np.isfinite(around)
    levels = {reference: 0.0}
    for key in sorted(set(enough) - {reference}):
        then = np.interp(enough[key][0], days[seen], around[seen]) if seen.any() else np.nan
        level = float(_median(shared[key] - then, axis=0))
        if math.isfinite(level):
            levels[key] = level
    return levels


class TrackLevels:
    """Which observations of radar tracks are used, and with which level.

    keys: stream and day of every observation of the monitoring, in order of day. read: gives one of them.
    """

    def __init__(
        self,
        model: Model,
        baselines: xr.Dataset,
        levels: Levels,
        rule: TrackRule,
        keys: Sequence[tuple[str, int]],
        read: Callable[[str, int], Observation],
    ) -> None:
        self._model, self._baselines, self._levels, self._rule = model, baselines, levels, rule
        self._read = read
        self._days: dict[str, list[int]] = {}
        for stream, day in keys:
            self._days.setdefault(stream, []).append(day)
        self._new: dict[str, NewLevel] = {}

    def levelled(self, observation: Observation) -> Observation | None:
        """The observation less its track's level; None where its track is not used yet."""
        stream = observation.stream
        if not is_tracked(stream) or not self._model.knows(stream) or not self._has_history(stream):
            return observation
        if stream in self._levels:
            return less_level(observation, self._levels[stream])
        if not is_levelled(self._days.get(stream, ()), observation.day, self._rule):
            return None
        new = self._new.get(stream)
        if new is None:
            new = self._new[stream] = self._measured(stream)
        if not all(math.isfinite(level) for level in new.level.values()):
            return None
        return replace(less_level(observation, new.level), spreads=new.spread)

    def _has_history(self, stream: str) -> bool:
        """Whether any pixel of the tile has a baseline of the stream; without it the day's forest decides."""
        model = self._model.stream(stream)
        return any(
            bool((self._baselines[name_of(model.stream, index.index, "sigma")].to_numpy() > 0).any())
            for index in model.indices
        )

    def _measured(self, stream: str) -> NewLevel:
        """Level of a track by its first passes."""
        passes: dict[str, list[float]] = {}
        for day in self._days[stream][: self._rule.passes]:
            observation = self._read(stream, day)
            for index in self._model.stream(stream).indices:
                found = passes.setdefault(index.index, [])
                if index.index in observation.values:
                    found.append(self._pass_level(observation, index.index))
        levels = {name: np.array(found, np.float64) for name, found in passes.items()}
        seen = {name: found[np.isfinite(found)] for name, found in levels.items()}
        enough = {
            name: 2 * found.size >= self._rule.passes and found.size > 1 for name, found in seen.items()
        }
        return NewLevel(
            level={
                name: float(np.median(found)) if enough[name] else math.nan for name, found in seen.items()
            },
            spread={
                name: float(np.std(found, ddof=1)) if enough[name] else math.nan
                for name, found in seen.items()
            },
        )

    def _pass_level(self, observation: Observation, name: str) -> float:
        """Median residual of a pass over forest with a baseline, stored units; NaN of too little forest."""
        model = self._model.stream(observation.stream)
        index = next(one for one in model.indices if one.index == name)
        step = np.s_[:: self._rule.step_px, :: self._rule.step_px]
        terms = self._baselines[name_of(model.stream, name, "terms")].to_numpy()
        sigma = self._baselines[name_of(model.stream, name, "sigma")].to_numpy()[step]
        basis = harmonic.angles(np.array([observation.day]), index.harmonic.harmonics)[0]
        seen = observation.values[name][step]
        predicted = sum(
            (weight * term[step].astype(np.float64) for weight, term in zip(basis, terms, strict=True)),
            np.zeros(seen.shape),
        )
        good = (seen != NODATA) & (sigma > 0)
        if int(good.sum()) < self._rule.minimum_px:
            return math.nan
        return float(np.median(seen[good] - predicted[good]))


def is_tracked(stream: str) -> bool:
    """Whether a stream's name holds a track."""
    return _TRACK.fullmatch(stream) is not None


def is_levelled(days: Sequence[int], day: int, rule: TrackRule) -> bool:
    """Whether enough passes of a track come before a day. days: those of all its passes, increasing."""
    return sum(before < day for before in days) >= rule.passes


def less_level(observation: Observation, level: Mapping[str, float]) -> Observation:
    """The observation less a level by index, in stored units; clipped, never wrapped."""
    values = {name: shifted(stored, level.get(name, 0.0)) for name, stored in observation.values.items()}
    return replace(observation, values=values)


def shifted(stored: np.ndarray, level: float) -> np.ndarray:
    """int16 values of any shape less a level in stored units; `NODATA` stays."""
    step = round(level)
    if step == 0:
        return stored
    moved = np.clip(stored.astype(np.int32) - step, -_LIMIT, _LIMIT).astype(np.int16)
    return np.where(stored == NODATA, NODATA, moved)


def unused_tracks(
    keys: Sequence[tuple[str, int]], model: Model, levels: Levels, rule: TrackRule, streams: Sequence[str]
) -> set[tuple[str, int]]:
    """Stream and day of the observations that are not used, for their tracks have no level yet.

    keys: stream and day of every observation of the monitoring. streams: those of the model with a history.
    """
    days: dict[str, list[int]] = {}
    for stream, day in keys:
        days.setdefault(stream, []).append(day)
    return {
        (stream, day)
        for stream, day in keys
        if is_tracked(stream)
        and model.knows(stream)
        and without_track(stream) in streams
        and stream not in levels
        and not is_levelled(days[stream], day, rule)
    }


def _physical(stored: np.ndarray) -> np.ndarray:
    return np.where(stored == NODATA, np.float32(np.nan), stored.astype(np.float32))


def _median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median of what is finite; NaN of nothing, without a warning."""
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, values.shape[axis] - 1)
    pair = np.take_along_axis(ordered, low, axis), np.take_along_axis(ordered, high, axis)
    return np.squeeze(np.where(count > 0, (pair[0] + pair[1]) / 2, np.nan), axis=axis)
