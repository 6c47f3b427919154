"""EWMA control chart on residuals (Brooks et al. 2014, doi:10.1109/TGRS.2013.2272545)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from selvawatch.detect.charts.chart_settings import ResidualChart
from selvawatch.detect.charts.process import blank, moved
from selvawatch.detect.kernels import charts as kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class Ewma:
    """Exponentially weighted mean of residuals in sigmas against its own standard deviation."""

    weight: float
    """Weight of the newest residual, in (0, 1]."""
    limit: float
    """Standard deviations of the mean at which it alarms."""
    bound: float
    """Residuals count at most this many sigmas: no cloud decides alone, and no change is left out."""

    def __post_init__(self) -> None:
        """Refuse weights and limits that are none."""
        if not 0 < self.weight <= 1 or self.limit <= 0 or self.bound <= 0:
            raise ValueError(f"need 0 < weight <= 1, limit > 0, bound > 0; got {self}")

    def start(self, observations: xr.DataArray) -> xr.Dataset:
        """The process at 0, (y, x): `process` float32, `alarm` uint16; observations: (y, x) count of the
        history, not used.
        """
        return blank(observations, process=np.float32)

    def update(self, process: xr.Dataset, residual: xr.DataArray, day: int) -> xr.Dataset:
        """The process after one more observation; residual: (y, x) float32 in sigmas, loss negative, NaN =
        not seen.
        """

        def step(z: np.ndarray, parts: dict[str, np.ndarray]) -> None:
            kernels.ewma(z, day, self.weight, self.limit, self.bound, parts["process"], parts["alarm"])

        return moved(process, residual, step)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; above 1 = over it. process: (y, x), as
        `start` and `update` give it.
        """
        level = self.limit * math.sqrt(self.weight / (2 - self.weight))
        return -process["process"].to_numpy().astype(np.float64) / level


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaSettings(ResidualChart):
    """An EWMA chart."""

    kind: Literal["ewma"]
    chart: Ewma
