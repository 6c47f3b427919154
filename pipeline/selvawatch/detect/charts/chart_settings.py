"""What the file of a chart in `models/` gives, whatever its kind: the indices it reads, and its processes."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.detect.baseline import name_of
from selvawatch.detect.charts.protocol import Chart, processes
from selvawatch.detect.model import Model

Pair = tuple[str, str]
"""A stream and an index of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSettings(ABC):
    """The numbers of one chart, and how it runs; a kind of chart is a subclass, with one entry in `KINDS`."""

    name: str
    version: str
    kind: str
    """Its key in `chart_models.KINDS`."""

    @property
    @abstractmethod
    def pairs(self) -> tuple[Pair, ...]:
        """Streams and indices that it may read."""

    @abstractmethod
    def charted(self, baselines: xr.Dataset) -> tuple[Pair, ...]:
        """Those of `pairs` that it reads over these baselines (y, x); none where it cannot run."""

    @abstractmethod
    def processes(
        self, base: Model, baselines: xr.Dataset, observations: Iterable[Observation], forest: xr.DataArray
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Day and process (y, x) after each day that it reads, observations in order of day.

        A process is a Dataset with at least `alarm` (uint16 day of the first alarm, 0 = none). forest: (y, x)
        bool, monitored pixels.

        baselines: (y, x) as `detect.baseline.fit_baselines` gives them.
        """

    @abstractmethod
    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; 1 = at it. process: (y, x), as `start`
        and `update` give it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One index of one stream."""

    stream: str
    """Stream of the model whose baselines are used."""
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualChart(ChartSettings):
    """A chart of one index's residuals against the baselines of the site's detector."""

    chart: Chart
    reads: tuple[Reading, ...]
    """Which index is charted: the first of these that has a baseline."""

    def __post_init__(self) -> None:
        """Refuse a chart of nothing."""
        if not self.reads:
            raise ValueError("reads is empty, need at least one stream and index")

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Streams and indices that it may read, first wins."""
        return tuple((reading.stream, reading.index) for reading in self.reads)

    def charted(self, baselines: xr.Dataset) -> tuple[Pair, ...]:
        """The first of `pairs` with a baseline on any pixel; none where no history was stable. baselines: (y,
        x) as `detect.baseline.fit_baselines` gives them.
        """
        for stream, index in self.pairs:
            if (baselines[name_of(stream, index, "sigma")].to_numpy() > 0).any():
                return ((stream, index),)
        return ()

    def processes(
        self,
        base: Model,
        baselines: xr.Dataset,
        observations: Iterable[Observation],
        forest: xr.DataArray,  # noqa: ARG002
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Day and process (y, x) after each observation of the charted stream; the forest does not matter.
        baselines: (y, x).
        """
        ((stream, index),) = self.charted(baselines)
        return processes(self.chart, base, baselines, observations, stream=stream, index=index)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel stands towards its bound, (y, x) float64; 1 = at it. process: (y, x), as `start`
        and `update` give it.
        """
        return self.chart.reach(process)
