"""Iterative Bayesian updating (Reiche et al. 2015, doi:10.3390/rs70504973; R package bayts)."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.stack import decode
from selvawatch.detect.charts.chart_settings import ChartSettings, Pair
from selvawatch.detect.charts.process import blank, moved
from selvawatch.detect.kernels import charts as kernels
from selvawatch.detect.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Densities:
    """Gaussian densities of one stream's values for forest and for not forest."""

    forest_mean: float
    forest_sd: float
    loss_mean: float
    loss_sd: float

    def ratio(self, values: np.ndarray) -> np.ndarray:
        """Log-likelihood ratio of not forest against forest, of physical values; NaN where NaN. values: of
        any shape, in units of the index.
        """
        forest = -0.5 * ((values - self.forest_mean) / self.forest_sd) ** 2 - math.log(self.forest_sd)
        loss = -0.5 * ((values - self.loss_mean) / self.loss_sd) ** 2 - math.log(self.loss_sd)
        return np.asarray(loss - forest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bayts:
    """The bayts update in log-odds: flag, update, confirm or drop."""

    weight: float
    """Smallest probability, and 1 - the largest, that one observation may give (block weighting), in (0,
    0.5).
    """
    confirm: float
    """Probability of change at which a flag is confirmed, in (0.5, 1)."""

    def __post_init__(self) -> None:
        """Refuse probabilities that are none."""
        if not 0 < self.weight < 0.5 or not 0.5 < self.confirm < 1:
            raise ValueError(f"need 0 < weight < 0.5 and 0.5 < confirm < 1; got {self}")

    def start(self, like: xr.DataArray) -> xr.Dataset:
        """The process before the first observation: `before`, `total` float32, `flagged`, `alarm` uint16
        days. like: any (y, x) array of the pixels.
        """
        return blank(like, before=np.float32, total=np.float32, flagged=np.uint16)

    def bounded(self, ratio: np.ndarray) -> np.ndarray:
        """A log-likelihood ratio (nats, any shape) under block weighting; NaN stays NaN."""
        most = math.log((1 - self.weight) / self.weight)
        return np.clip(ratio, -most, most)

    def update(self, process: xr.Dataset, ratio: xr.DataArray, day: int) -> xr.Dataset:
        """The process after one day; ratio: (y, x) float32, bounded, added over streams, NaN = not seen."""
        level = math.log(self.confirm / (1 - self.confirm))

        def step(flat: np.ndarray, parts: dict[str, np.ndarray]) -> None:
            # a sum of two float32 bounds lies a rounding below the level that it should reach
            bound = level * (1 - 1e-6)
            kernels.bayts(flat, day, bound, parts["before"], parts["total"], parts["flagged"], parts["alarm"])

        return moved(process, ratio, step)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel's open flag stands towards confirmation, (y, x) float64; 1 = confirmed.

        Without a flag: what the last observation said for forest, on the same scale (0 or below).

        process: (y, x), as `start` and `update` give it.
        """
        level = math.log(self.confirm / (1 - self.confirm))
        last = np.minimum(process["before"].to_numpy().astype(np.float64), 0)
        return np.where(process["flagged"].to_numpy() > 0, process["total"].to_numpy(), last) / level


def bayts_processes(
    chart: Bayts,
    densities: Mapping[tuple[str, str], Densities],
    observations: Iterable[Observation],
    forest: xr.DataArray,
    *,
    quantile: float,
    since: int,
) -> Iterator[tuple[int, xr.Dataset]]:
    """Day and process after each day of observations: values less the day's quantile over forest, streams
    added.

    forest: (y, x) bool. since: first day that may flag; the last observation before it is the one before.
    Days in order.
    """
    mask = forest.to_numpy().astype(bool)
    process = chart.start(forest)
    for day, same_day in groupby(observations, key=lambda observation: observation.day):
        total = np.full(mask.shape, np.nan)
        for observation in same_day:
            for index, stored in observation.values.items():
                if (observation.stream, index) not in densities:
                    continue
                values = decode(stored, observation.scales[index]).astype(np.float64)
                if not np.isfinite(values[mask]).any():
                    continue
                values -= np.nanquantile(values[mask], quantile)
                ratio = chart.bounded(densities[observation.stream, index].ratio(values))
                total = np.where(np.isnan(total), ratio, np.where(np.isnan(ratio), total, total + ratio))
        ratio_of_day = xr.DataArray(total.astype(np.float32), dims=("y", "x"))
        if day >= since:
            process = chart.update(process, ratio_of_day, day)
        else:
            before = process["before"].to_numpy()
            process = process.assign(
                before=(("y", "x"), np.where(np.isnan(total), before, total).astype(np.float32))
            )
        yield day, process


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDensities(Densities):
    """Densities of one index of one stream, of values less the day's quantile over forest."""

    stream: str
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaytsSettings(ChartSettings):
    """The bayts update."""

    kind: Literal["bayts"]
    chart: Bayts
    quantile: float
    """Quantile of a day's forest that is taken off its values, 0-1."""
    densities: tuple[StreamDensities, ...]

    def __post_init__(self) -> None:
        """Refuse a quantile that is none, and an index named twice."""
        names = list(self.pairs)
        if not 0 < self.quantile < 1 or not names or len(set(names)) != len(names):
            raise ValueError(
                f"need 0 < quantile < 1 and densities of each index once; got {self.quantile} and {names}"
            )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Streams and indices that densities are known of."""
        return tuple((densities.stream, densities.index) for densities in self.densities)

    def charted(self, baselines: xr.Dataset) -> tuple[Pair, ...]:  # noqa: ARG002
        """All of `pairs`: it needs no baseline. baselines: (y, x), not read."""
        return self.pairs

    def processes(
        self,
        base: Model,  # noqa: ARG002
        baselines: xr.Dataset,  # noqa: ARG002
        observations: Iterable[Observation],
        forest: xr.DataArray,
    ) -> Iterator[tuple[int, xr.Dataset]]:
        """Day and process (y, x) after each day; values are held against the day's forest, not baselines."""
        densities = dict(zip(self.pairs, self.densities, strict=True))
        return bayts_processes(self.chart, densities, observations, forest, quantile=self.quantile, since=0)

    def reach(self, process: xr.Dataset) -> np.ndarray:
        """How far each pixel's open flag stands towards confirmation, (y, x) float64; 1 = confirmed. process:
        (y, x), as `start` and `update` give it.
        """
        return self.chart.reach(process)
