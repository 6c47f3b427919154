"""What an observation says of each pixel: residuals against baselines as log-likelihood ratios."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import NEIGHBOURHOOD, name_of
from selvawatch.detect.kernels import evidence as kernels
from selvawatch.detect.model import Haze, IndexModel, Kind, Model, StreamModel
from selvawatch.detect.spatial_reference import forest_level
from selvawatch.errors import StackError

BLUE_EXCESS = "blue_excess"
"""Name under which an observation carries how much brighter in blue it is than the forest around."""

_NOTHING = np.empty(0, np.int16)
_SIDES = {"fall": kernels.FALL, "both": kernels.BOTH, "rise": kernels.RISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedIndex:
    """One index of an observation, ready for the kernel: flat arrays and numbers in stored units."""

    values: np.ndarray
    terms: np.ndarray
    sigma: np.ndarray
    basis: np.ndarray
    reference: float
    temporal: np.ndarray
    spatial: np.ndarray
    falls_back: bool
    side: int
    counts: bool
    part: int
    """Its part in haze, `kernels.VEGETATION` and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedObservation:
    """One observation, ready for the kernels."""

    kind: Kind
    added: bool
    correlation: float
    low: float
    high: float
    haze: np.ndarray
    """(`kernels.HAZE`,) float32."""
    blue: np.ndarray
    """(pixels,) int16 excess of blue, or empty."""
    per_unit: float
    quality: np.ndarray
    """(pixels,) int16 share of full weight, percent, negative = not known; or empty: all have full weight."""
    indices: tuple[PreparedIndex, ...]

    @property
    def is_informative(self) -> bool:
        """Whether any index of the observation counts."""
        return any(index.counts for index in self.indices)

    def add(
        self, out: np.ndarray, start: int, stop: int, *, first_of_run: bool, lanes: np.ndarray | None = None
    ) -> None:
        """Add the evidence of pixels start..stop to `out`, int16 units; a day's first observation clears it.

        out: of those pixels alone. lanes: scratch of `kernels.scratch` for that many pixels; None: made here.

        out: (stop - start,) int16. lanes: float32 of `kernels.scratch`.
        """
        if lanes is None:
            lanes = kernels.scratch(stop - start)
        if not self.indices:
            lanes.fill(kernels.UNKNOWN)
        for number, index in enumerate(self.indices):
            kernels.add_index(
                index.values,
                index.terms,
                index.sigma,
                index.basis,
                index.reference,
                index.temporal,
                index.spatial,
                index.falls_back,
                index.side,
                number == 0,
                index.counts,
                index.part,
                self.added,
                start,
                stop,
                lanes,
            )
        kernels.quantise(
            lanes,
            self.added,
            self.correlation,
            self.low,
            self.high,
            self.haze,
            self.blue,
            self.per_unit,
            first_of_run,
            self.quality,
            start,
            stop,
            out,
        )


class EvidenceRule:
    """The baselines of a tile as flat arrays, against which observations are held."""

    def __init__(self, model: Model, baselines: xr.Dataset) -> None:
        self._model = model
        self._terms: dict[tuple[str, str], np.ndarray] = {}
        self._sigma: dict[tuple[str, str], np.ndarray] = {}
        for stream, index in model.pairs():
            key = (stream.stream, index.index)
            terms = baselines[name_of(*key, "terms")].to_numpy()
            self._shape = terms.shape[1:]
            self._terms[key] = np.ascontiguousarray(terms).reshape(terms.shape[0], -1)
            self._sigma[key] = np.ascontiguousarray(baselines[name_of(*key, "sigma")].to_numpy()).reshape(-1)
        self._forest = baselines[NEIGHBOURHOOD].to_numpy() if NEIGHBOURHOOD in baselines else None
        self._falls_back = {key: bool((sigma < 0).any()) for key, sigma in self._sigma.items()}

    def of_day(self, observations: Sequence[Observation]) -> np.ndarray:
        """Evidence of the observations of one day, (y, x) int16 units of the model; `NODATA` where unseen."""
        added = np.full(self._shape[0] * self._shape[1], NODATA, np.int16)
        lanes = kernels.scratch(added.size)
        prepared = [
            observation for observation in map(self.prepare, observations) if observation.is_informative
        ]
        for number, observation in enumerate(prepared):
            observation.add(added, 0, added.size, first_of_run=number == 0, lanes=lanes)
        return added.reshape(self._shape)

    def prepare(self, observation: Observation) -> PreparedObservation:
        """The observation with all that its evidence needs; indices that the model does not read are left
        out.

        Raises
        ------
        StackError
            When its shape is not the baselines', or a scale is not the model's.
        """
        stream = self._model.stream(observation.stream)
        if observation.shape != self._shape:
            raise StackError(
                "an observation has another shape than the baselines",
                where=_where(observation),
                got=observation.shape,
                needed=self._shape,
            )
        present = [index for index in stream.indices if index.index in observation.values]
        haze = stream.haze
        tested = haze is not None and set(haze.indices) <= set(observation.values)
        blue = observation.values.get(BLUE_EXCESS)
        return PreparedObservation(
            kind=stream.kind,
            added=stream.combine == "sum",
            correlation=stream.correlation,
            low=stream.low,
            high=stream.high,
            haze=_haze_numbers(stream, tested),
            blue=_flat(blue if tested else None),
            per_unit=1 / self._model.unit,
            quality=_flat(observation.values.get(QUALITY)),
            indices=tuple(
                self._index(observation, stream, index, part=_part(haze, index, tested)) for index in present
            ),
        )

    def _index(
        self, observation: Observation, stream: StreamModel, index: IndexModel, *, part: int
    ) -> PreparedIndex:
        key = (stream.stream, index.index)
        if observation.scales[index.index] != index.scale:
            raise StackError(
                "an observation has another scale than the model",
                where=f"{_where(observation)}, {index.index}",
                got=observation.scales[index.index],
                needed=index.scale,
            )
        values = observation.values[index.index]
        rule, reference = index.evidence, math.nan
        alone = rule.high if rule.alone is None else rule.alone
        temporal = np.array(
            [rule.gain, rule.centre, rule.low, rule.high, rule.sigma_floor / index.scale, alone], np.float32
        )
        spatial = temporal.copy()
        if index.reference is not None and self._forest is not None and self._falls_back[key]:
            reference = forest_level(values, self._forest, index.reference)
            spatial[0], spatial[1] = index.reference.gain, index.reference.centre
            spatial[4] = index.reference.noise / index.scale
        return PreparedIndex(
            values=np.ascontiguousarray(values).reshape(-1),
            terms=self._terms[key],
            sigma=_widened(self._sigma[key], observation.spreads.get(index.index, 0.0)),
            basis=harmonic.angles(np.array([observation.day]), index.harmonic.harmonics)[0],
            reference=reference,
            temporal=temporal,
            spatial=spatial,
            falls_back=self._falls_back[key],
            side=_SIDES[index.evidence.side],
            counts=index.counts,
            part=part,
        )


def _flat(values: np.ndarray | None) -> np.ndarray:
    """Values as the kernels take them; empty where there are none."""
    return _NOTHING if values is None else np.ascontiguousarray(values).reshape(-1)


def _part(haze: Haze | None, index: IndexModel, tested: bool) -> int:
    """Part of an index in haze; where an observation does not carry all that haze needs, those that count
    need a history, as long as haze is told at all.
    """
    if haze is None:
        return kernels.NO_PART
    if not tested:
        return kernels.COUNTED if index.counts else kernels.NO_PART
    return haze.indices.index(index.index) if index.index in haze.indices else kernels.NO_PART


def _haze_numbers(stream: StreamModel, tested: bool) -> np.ndarray:
    """Numbers of haze as `kernels.quantise` takes them, (`kernels.HAZE`,) float32.

    An observation that cannot be held against haze, but should be, may say `untested`; one that need not,
    what its stream says.
    """
    numbers, haze = np.ones(kernels.HAZE, np.float32), stream.haze
    if haze is None or not tested:
        numbers[-3:] = stream.high if haze is None else haze.untested
        return numbers
    scale = next(index.scale for index in stream.indices if index.index == haze.vegetation)
    numbers[:] = (
        haze.soil_share,
        haze.soil_slack,
        haze.water_share,
        haze.water_slack,
        haze.unlit,
        haze.most / scale,
        scale / haze.beyond,
        haze.blue_share,
        haze.blue_slack,
        haze.blue_noise / scale,
        haze.freedom,
        haze.veiled,
        haze.unveiled,
        haze.untested,
    )
    return numbers


def _widened(sigma: np.ndarray, spread: float) -> np.ndarray:
    """Sigma of baselines with the spread of a track's level added in squares; of others as it is."""
    if spread <= 0:
        return sigma
    wide = np.rint(np.sqrt(sigma.astype(np.float32) ** 2 + np.float32(spread) ** 2))
    return np.where(sigma > 0, np.minimum(wide, 32_767), sigma).astype(np.int16)


def _where(observation: Observation) -> str:
    return f"{observation.stream}, day {observation.day}"
