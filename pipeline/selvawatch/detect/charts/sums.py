"""CUSUM and MOSUM of residuals against boundaries that grow with time, as in bfastmonitor and strucchange.

Chu, Stinchcombe and White (1996, doi:10.2307/2171955); Leisch, Hornik and Kuan (2000,
doi:10.1017/S0266466600166022); Zeileis et al. (2005, doi:10.1002/jae.776); Verbesselt, Zeileis and Herold
(2012, doi:10.1016/j.rse.2012.02.022).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr

from selvawatch.detect.charts.chart_settings import ResidualChart
from selvawatch.detect.charts.process import blank, moved
from selvawatch.detect.kernels import charts as kernels


@dataclass(frozen=True, slots=True, kw_only=True)
class Cusum:
    """Cumulated residuals since monitoring began."""

    critical: float
    """Critical value: 2.7955, 3.3682 or 4.0331 for a risk of 5, 1 or 0.1 percent."""

    def __post_init__(self) -> None:
        """Refuse a critical value that is none."""
        if self.critical <= 0:
            raise ValueError(f"critical is {self.critical}, need more than 0")

    def start(self, observations: xr.DataArray) -> xr.Dataset:
        """The process at 0, (y, x): `process`, `history` float32, `count` int32, `alarm` uint16;
        observations: (y, x) screened observations of the history.
        """
        process = blank(observations, process=np.float32, count=np.int32)
        return process.assign(history=observations.astype(np.float32).variable)

    def update(self, process: xr.Dataset, residual: xr.DataArray, day: int) -> xr.Dataset:
        """The process after one more observation; residual: (y, x) float32 in sigmas, loss negative, NaN =
        not seen.
        """

        def step(z: np.ndarray, parts: dict[str, np.ndarray]) -> None:
            kernels.cusum(
                z, day, self.critical, parts["history"], parts["process"], parts["count"], parts["alarm"]
            )

        return moved(process, residual, step)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; above 1 = over it, 0 before an
        observation. process: (y, x), as `start` and `update` give it.
        """
        x = _time(process)
        late = np.maximum(x, 1 + 1e-9)
        level = np.sqrt(late * (late - 1) * (self.critical**2 + np.log(late / (late - 1))))
        return np.where(x > 1, -process["process"].to_numpy() / level, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mosum:
    """Residuals summed over a moving window, a share of the history's observations long."""

    share: float
    """Length of the window as a share of the history's observations, in (0, 1]."""
    critical: float
    """Critical value for that share: 1.3418, 1.5216 or 1.7455 for 0.25 and a risk of 5, 1 or 0.1 percent."""

    def __post_init__(self) -> None:
        """Refuse windows and critical values that are none."""
        if not 0 < self.share <= 1 or self.critical <= 0:
            raise ValueError(f"need 0 < share <= 1 and critical > 0; got {self}")

    def start(self, observations: xr.DataArray) -> xr.Dataset:
        """The process at 0: `process`, `history`, `window`, `count`, `ring` (slot, y, x), `alarm`.

        A window begins empty: the history's residuals are not kept.

        All (y, x) but `ring`; observations: (y, x) screened observations of the history.
        """
        history = observations.to_numpy().astype(np.float32)
        window = np.maximum(np.floor(history * self.share), 1).astype(np.int32)
        process = blank(observations, process=np.float32, count=np.int32)
        slots = int(window.max(initial=1))
        return process.assign(
            history=(("y", "x"), history),
            window=(("y", "x"), window),
            ring=(("slot", "y", "x"), np.zeros((slots, *history.shape), np.float32)),
        )

    def update(self, process: xr.Dataset, residual: xr.DataArray, day: int) -> xr.Dataset:
        """The process after one more observation; residual: (y, x) float32 in sigmas, loss negative, NaN =
        not seen.
        """

        def step(z: np.ndarray, parts: dict[str, np.ndarray]) -> None:
            kernels.mosum(
                z,
                day,
                self.critical,
                parts["history"],
                parts["window"],
                parts["ring"],
                parts["process"],
                parts["count"],
                parts["alarm"],
            )

        return moved(process, residual, step)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; above 1 = over it, 0 before an
        observation. process: (y, x), as `start` and `update` give it.
        """
        x = _time(process)
        level = self.critical * np.sqrt(2 * np.maximum(np.log(x), 1))
        return np.where(x > 1, -process["process"].to_numpy() / level, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CusumSettings(ResidualChart):
    """A CUSUM chart."""

    kind: Literal["cusum"]
    chart: Cusum


@dataclass(frozen=True, slots=True, kw_only=True)
class MosumSettings(ResidualChart):
    """A MOSUM chart."""

    kind: Literal["mosum"]
    chart: Mosum


def _time(process: xr.Dataset) -> np.ndarray:
    """Observations in history and since over observations in history; 1 where there is no history."""
    history = process["history"].to_numpy().astype(np.float64)
    count = process["count"].to_numpy()
    return 1 + np.divide(count, history, out=np.zeros(history.shape), where=history > 0)
