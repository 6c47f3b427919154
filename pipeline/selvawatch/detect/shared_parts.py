"""What a whole picture or a neighbourhood shares is taken off an observation, in one order."""

from dataclasses import replace

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.common_shift import (
    block_numbers,
    block_shifts,
    forest_blue,
    measured,
    without_common_shift,
)
from selvawatch.detect.evidence import BLUE_EXCESS
from selvawatch.detect.model import Model
from selvawatch.detect.registration import Displaced, displacement, moved_back
from selvawatch.detect.shift_rule import CommonShift, Corner
from selvawatch.errors import StackError

BLUE = "blue"
"""Name of blue reflectance among the values of an observation."""


class SharedParts:
    """The baselines of a tile, against which is measured what an observation's pixels share."""

    def __init__(
        self, model: Model, baselines: xr.Dataset, rule: CommonShift, corner: Corner | None = None
    ) -> None:
        self._model, self._baselines, self._rule, self._corner = model, baselines, rule, corner
        self.displaced: list[Displaced] = []
        """Observations that were found off their place."""

    def without_shared(self, observation: Observation, calm: np.ndarray | None = None) -> Observation | None:
        """The observation in its place, without the shift of its blocks and with its excess of blue; None
        where it lies too far off to be used.

        calm: (y, x) bool, pixels in which the shift is measured; None: all with a history.
        """
        registered = self.registered(observation)
        if registered is None:
            return None
        excess = self._blue_excess(registered, calm)
        cleared = without_common_shift(
            registered, self._model, self._baselines, self._rule, self._corner, calm
        )
        if excess is None:
            return cleared
        return replace(
            cleared,
            values={**cleared.values, BLUE_EXCESS: excess},
            scales={**cleared.scales, BLUE_EXCESS: cleared.scales[BLUE]},
        )

    def registered(self, observation: Observation) -> Observation | None:
        """The observation moved back to where its pixels show it lies off; None where that is too far. Either
        is kept in `displaced`.
        """
        rule = self._rule.registration
        stream = self._model.stream(observation.stream)
        if rule is None or stream.kind != "optical":
            return observation
        off = displacement(observation, stream, self._baselines, rule, self._corner)
        if off is None or off.length < max(rule.least_px, rule.sigmas * off.error):
            return observation
        is_refused = off.length > rule.most_px
        self.displaced.append(
            Displaced(
                day=observation.day, stream=observation.stream, px=round(off.length, 2), is_refused=is_refused
            )
        )
        return None if is_refused else moved_back(observation, off)

    def _blue_excess(self, observation: Observation, calm: np.ndarray | None) -> np.ndarray | None:
        """Excess of blue, (y, x) int16; None where it cannot be known.

        Not known in blocks whose vegetation fell further than a shift may be: the haze that is left in there
        would lack the blue that was taken off.

        Raises
        ------
        StackError
            When blue has another scale than the indices that haze moves.
        """
        stream = self._model.stream(observation.stream)
        haze = stream.haze
        if haze is None or BLUE not in observation.values or haze.vegetation not in observation.values:
            return None
        index = next(index for index in stream.indices if index.index == haze.vegetation)
        if observation.scales[BLUE] != index.scale:
            raise StackError(
                "blue has another scale than the indices",
                where=f"{observation.stream}, day {observation.day}",
                got=observation.scales[BLUE],
                needed=index.scale,
            )
        terms, sigma = (
            self._baselines[name_of(stream.stream, haze.vegetation, part)].to_numpy()
            for part in ("terms", "sigma")
        )
        noise = haze.blue_noise / index.scale
        excess = forest_blue(observation.values[BLUE], sigma, noise, self._rule, self._corner)
        limit = self._rule.most.get(haze.vegetation, 0.0) / index.scale
        if limit > 0:
            counted = (
                sigma if calm is None else np.where(measured(calm, sigma, self._rule, self._corner), sigma, 0)
            )
            basis = harmonic.angles(np.array([observation.day]), index.harmonic.harmonics)[0]
            shift = block_shifts(
                observation.values[haze.vegetation], terms, counted, basis, self._rule, self._corner
            )
            rows, columns = block_numbers(excess.shape, self._rule, self._corner)
            excess[(shift <= -limit)[rows][:, columns]] = NODATA
        return excess
