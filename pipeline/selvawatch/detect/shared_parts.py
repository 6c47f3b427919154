"""What a whole picture or a neighbourhood shares is taken off an observation, in one order."""

from dataclasses import replace

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.detect.baseline import name_of
from selvawatch.detect.common_shift import forest_blue, without_common_shift
from selvawatch.detect.evidence import BLUE_EXCESS
from selvawatch.detect.model import Model
from selvawatch.detect.registration import displacement, moved_back
from selvawatch.detect.shift_rule import CommonShift, Corner

BLUE = "blue"
"""Name of blue reflectance among the values of an observation."""


class SharedParts:
    """The baselines of a tile, against which is measured what an observation's pixels share."""

    def __init__(
        self, model: Model, baselines: xr.Dataset, rule: CommonShift, corner: Corner | None = None
    ) -> None:
        self._model, self._baselines, self._rule, self._corner = model, baselines, rule, corner

    def without_shared(self, observation: Observation, calm: np.ndarray | None = None) -> Observation | None:
        """The observation in its place, without the shift of its blocks and with its excess of blue; None
        where it lies too far off to be used.

        calm: (y, x) bool, pixels in which the shift is measured; None: all with a history.
        """
        registered = self.registered(observation)
        if registered is None:
            return None
        return self._with_blue_excess(
            without_common_shift(registered, self._model, self._baselines, self._rule, self._corner, calm)
        )

    def registered(self, observation: Observation) -> Observation | None:
        """The observation moved back to where its pixels show it lies off; None where that is too far."""
        rule = self._rule.registration
        stream = self._model.stream(observation.stream)
        if rule is None or stream.kind != "optical":
            return observation
        off = displacement(observation, stream, self._baselines, rule, self._corner)
        if off is None or off.length < max(rule.least_px, rule.sigmas * off.error):
            return observation
        return None if off.length > rule.most_px else moved_back(observation, off)

    def _with_blue_excess(self, observation: Observation) -> Observation:
        stream = self._model.stream(observation.stream)
        if stream.haze is None or BLUE not in observation.values:
            return observation
        sigma = self._baselines[name_of(stream.stream, stream.haze.vegetation, "sigma")].to_numpy()
        noise = stream.haze.blue_noise / observation.scales[BLUE]
        excess = forest_blue(observation.values[BLUE], sigma, noise, self._rule, self._corner)
        return replace(
            observation,
            values={**observation.values, BLUE_EXCESS: excess},
            scales={**observation.scales, BLUE_EXCESS: observation.scales[BLUE]},
        )
