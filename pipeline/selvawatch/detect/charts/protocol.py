"""What a chart is, and how one runs over observations."""

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import Model
from selvawatch.errors import StackError


class Chart(Protocol):
    """A detector of one index: a process per pixel, moved by residuals, and the day it first left its bound.

    A process is a Dataset (y, x), at least with `alarm` (uint16 day, 0 = none).
    """

    def start(self, observations: xr.DataArray) -> xr.Dataset:
        """The process before the first residual; observations: (y, x), screened ones of the history."""

    def update(self, process: xr.Dataset, residual: xr.DataArray, day: int) -> xr.Dataset:
        """The process after an observation; residual: (y, x) float32 in sigmas, loss negative, NaN = not
        seen.
        """

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; above 1 = over it. process: (y, x), as
        `start` and `update` give it.
        """


def residual(baselines: xr.Dataset, model: Model, observation: Observation, index: str) -> xr.DataArray:
    """Residual of an observation in sigmas, (y, x) float32, turned so that loss is negative; NaN: none.
    baselines: (y, x) as `detect.baseline.fit_baselines` gives them.
    """
    rule = next(each for each in model.stream(observation.stream).indices if each.index == index)
    terms = baselines[name_of(observation.stream, index, "terms")].to_numpy().astype(np.float32)
    sigma = baselines[name_of(observation.stream, index, "sigma")].to_numpy().astype(np.float32)
    basis = harmonic.angles(np.array([observation.day]), rule.harmonic.harmonics)[0]
    values = observation.values[index]
    known = (values != NODATA) & (sigma > 0)
    floor = np.float32(rule.evidence.sigma_floor / rule.scale)
    z = (values.astype(np.float32) - np.tensordot(basis, terms, axes=1)) / np.maximum(sigma, floor)
    turned = -z if rule.evidence.side == "rise" else z
    return xr.DataArray(np.where(known, turned, np.float32(np.nan)).astype(np.float32), dims=("y", "x"))


def processes(
    chart: Chart,
    model: Model,
    baselines: xr.Dataset,
    observations: Iterable[Observation],
    *,
    stream: str,
    index: str,
) -> Iterator[tuple[int, xr.Dataset]]:
    """Day and process after each of one stream's observations, in order of day; other observations are left
    out.

    baselines, processes: (y, x).

    Raises
    ------
    StackError
        When observations are out of order.
    """
    process = chart.start(baselines[name_of(stream, index, "looks")])
    last = 0
    for observation in observations:
        if observation.stream != stream or index not in observation.values:
            continue
        if observation.day <= last:
            raise StackError(
                "observations are out of order", got=f"day {observation.day}", needed=f"after day {last}"
            )
        last = observation.day
        process = chart.update(process, residual(baselines, model, observation, index), observation.day)
        yield observation.day, process


def alarms(
    chart: Chart,
    model: Model,
    baselines: xr.Dataset,
    observations: Iterable[Observation],
    *,
    stream: str,
    index: str,
) -> xr.DataArray:
    """Day of each pixel's first alarm, (y, x) uint16, 0 = none, after one stream's observations in order of
    day.

    baselines: (y, x) as `detect.baseline.fit_baselines` gives them.

    Raises
    ------
    StackError
        When observations are out of order.
    """
    process = chart.start(baselines[name_of(stream, index, "looks")])
    for _, moved_on in processes(chart, model, baselines, observations, stream=stream, index=index):
        process = moved_on
    return process["alarm"]
