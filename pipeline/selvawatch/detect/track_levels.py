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
_TRIED = 4
"""Times as many passes as give a level that are held against forest; a track of which so many show too little
is not used.
"""
_TRACK = re.compile(r".+-t(\d{1,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLevel:
    """The level of a track that the history does not know."""

    level: Mapping[str, float]
    """By index, stored units."""
    spread: Mapping[str, float]
    """Standard deviation of the level of single passes, by index, stored units."""
    last_day: int
    """Day of the last pass that gave it; it serves later ones."""


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
        self._new: dict[str, NewLevel | None] = {}
        self._with_history: dict[str, bool] = {}

    def levelled(self, observation: Observation) -> Observation | None:
        """The observation less its track's level; None where its track is not used yet."""
        stream = observation.stream
        if not self._is_judged(stream):
            return observation
        if not self.is_used(stream, observation.day):
            return None
        if stream in self._levels:
            return less_level(observation, self._levels[stream])
        new = self._new_level(stream)
        return None if new is None else replace(less_level(observation, new.level), spreads=new.spread)

    def is_used(self, stream: str, day: int) -> bool:
        """Whether an observation of a stream is used: its track has a level, or is none that needs one.

        Radar that states no track is not used where the history has levels of tracks of its direction: which
        of them it would need is not known.
        """
        if not self._is_judged(stream) or stream in self._levels:
            return True
        new = self._new_level(stream) if is_tracked(stream) else None
        return new is not None and day > new.last_day

    def _is_judged(self, stream: str) -> bool:
        """Whether a stream is one that needs a level here."""
        if not self._model.knows(stream) or not self._has_history(stream):
            return False
        return is_tracked(stream) or any(without_track(one) == stream for one in self._levels)

    def _has_history(self, stream: str) -> bool:
        """Whether any pixel of the tile has a baseline of the stream; without it the day's forest decides."""
        model = self._model.stream(stream)
        if model.stream not in self._with_history:
            self._with_history[model.stream] = any(
                bool((self._baselines[name_of(model.stream, index.index, "sigma")].to_numpy() > 0).any())
                for index in model.indices
            )
        return self._with_history[model.stream]

    def _new_level(self, stream: str) -> NewLevel | None:
        """Level of a track that the history does not know; None while too few passes show enough forest."""
        if stream not in self._new:
            self._new[stream] = self._measured(stream)
        return self._new[stream]

    def _measured(self, stream: str) -> NewLevel | None:
        """Level of a track by its first passes that show enough forest in every index, of the first
        `_TRIED` times as many; it follows from them alone.
        """
        names = [index.index for index in self._model.stream(stream).indices]
        found: list[list[float]] = []
        for day in self._days.get(stream, ())[: _TRIED * self._rule.passes]:
            observation = self._read(stream, day)
            if not all(name in observation.values for name in names):
                continue
            level = [self._pass_level(observation, name) for name in names]
            if not np.isfinite(level).all():
                continue
            found.append(level)
            if len(found) == self._rule.passes:
                middle, spread = np.median(found, axis=0), np.std(found, axis=0, ddof=1)
                return NewLevel(
                    level=dict(zip(names, middle.tolist(), strict=True)),
                    spread=dict(zip(names, spread.tolist(), strict=True)),
                    last_day=day,
                )
        return None

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


def _physical(stored: np.ndarray) -> np.ndarray:
    return np.where(stored == NODATA, np.float32(np.nan), stored.astype(np.float32))


def _median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median of what is finite; NaN of nothing, without a warning."""
    ordered = np.sort(values, axis=axis)
    count = np.isfinite(values).sum(axis=axis, keepdims=True)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, values.shape[axis] - 1)
    pair = np.take_along_axis(ordered, low, axis), np.take_along_axis(ordered, high, axis)
    return np.squeeze(np.where(count > 0, (pair[0] + pair[1]) / 2, np.nan), axis=axis)
