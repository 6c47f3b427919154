"""What a look says of each pixel: residuals against baselines as log-likelihood ratios, whole units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from selvawatch.core.observation import Look
from selvawatch.core.stack import NODATA
from selvawatch.detect import harmonic
from selvawatch.detect.baseline import NEIGHBOURHOOD, name_of
from selvawatch.detect.kernels import evidence as kernels
from selvawatch.detect.model import IndexModel, Kind, Model, StreamModel
from selvawatch.detect.spatial_reference import forest_level
from selvawatch.errors import StackError

_ALWAYS = -1e8
"""Departure that every pixel with a history passes: a look without the veil's indices counts as veiled."""

_SIDES = {"fall": kernels.FALL, "both": kernels.BOTH, "rise": kernels.RISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedIndex:
    """One index of a look, ready for the kernel: flat arrays and numbers in stored units."""

    values: np.ndarray
    terms: np.ndarray
    sigma: np.ndarray
    basis: np.ndarray
    reference: float
    own: np.ndarray
    spatial: np.ndarray
    falls_back: bool
    side: int
    counts: bool
    veils: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLook:
    """One look, ready for the kernels."""

    kind: Kind
    added: bool
    correlation: float
    low: float
    high: float
    departure: float
    veiled: float
    unveiled: float
    per_unit: float
    indices: tuple[PreparedIndex, ...]

    @property
    def says(self) -> bool:
        """Whether any index of the look counts."""
        return any(index.counts for index in self.indices)

    def add(
        self, out: np.ndarray, start: int, stop: int, *, first_look: bool, lanes: np.ndarray | None = None
    ) -> None:
        """Add the evidence of pixels start..stop to `out`, int16 units; a day's first look clears it.

        out: of those pixels alone. lanes: scratch of `kernels.scratch` for that many pixels; None: made here.
        """
        if lanes is None:
            lanes = kernels.scratch(stop - start)
        if not self.indices:
            lanes.fill(kernels.UNKNOWN)
        for number, index in enumerate(self.indices):
            kernels.take_index(
                index.values,
                index.terms,
                index.sigma,
                index.basis,
                index.reference,
                index.own,
                index.spatial,
                index.falls_back,
                index.side,
                number == 0,
                index.counts,
                index.veils,
                self.added,
                start,
                stop,
                lanes,
            )
        kernels.settle(
            lanes,
            self.added,
            self.correlation,
            self.low,
            self.high,
            self.departure,
            self.veiled,
            self.unveiled,
            self.per_unit,
            first_look,
            start,
            stop,
            out,
        )


class EvidenceGround:
    """The baselines of a tile as flat arrays, against which looks are held."""

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

    def of_day(self, looks: Sequence[Look]) -> np.ndarray:
        """Evidence of the looks of one day, (y, x) int16 units of the model; `NODATA` where unseen."""
        added = np.full(self._shape[0] * self._shape[1], NODATA, np.int16)
        lanes = kernels.scratch(added.size)
        prepared = [look for look in map(self.prepare, looks) if look.says]
        for number, look in enumerate(prepared):
            look.add(added, 0, added.size, first_look=number == 0, lanes=lanes)
        return added.reshape(self._shape)

    def prepare(self, look: Look) -> PreparedLook:
        """The look with all that its evidence needs; indices that the model does not read are left out.

        Raises
        ------
        StackError
            When its shape is not the baselines', or a scale is not the model's.
        """
        stream = self._model.stream(look.stream)
        if look.shape != self._shape:
            raise StackError(
                "a look has another shape than the baselines",
                where=_where(look),
                got=look.shape,
                needed=self._shape,
            )
        present = [index for index in stream.indices if index.index in look.values]
        veil = stream.veil
        told = veil is not None and set(veil.indices) <= set(look.values)
        return PreparedLook(
            kind=stream.kind,
            added=stream.combine == "sum",
            correlation=stream.correlation,
            low=stream.low,
            high=stream.high,
            departure=0.0 if veil is None else (veil.departure if told else _ALWAYS),
            veiled=stream.high if veil is None else veil.veiled,
            unveiled=stream.high if veil is None else veil.unveiled,
            per_unit=1 / self._model.unit,
            indices=tuple(
                self._index(
                    look,
                    stream,
                    index,
                    counts=index.counts,
                    veils=veil is not None and (index.index in veil.indices if told else index.counts),
                )
                for index in present
            ),
        )

    def _index(
        self, look: Look, stream: StreamModel, index: IndexModel, *, counts: bool, veils: bool
    ) -> PreparedIndex:
        key = (stream.stream, index.index)
        if look.scales[index.index] != index.scale:
            raise StackError(
                "a look has another scale than the model",
                where=f"{_where(look)}, {index.index}",
                got=look.scales[index.index],
                needed=index.scale,
            )
        values = look.values[index.index]
        rule, reference = index.evidence, math.nan
        own = np.array(
            [rule.gain, rule.centre, rule.low, rule.high, rule.sigma_floor / index.scale], np.float32
        )
        spatial = own.copy()
        if index.reference is not None and self._forest is not None and self._falls_back[key]:
            reference = forest_level(values, self._forest, index.reference)
            spatial[0], spatial[1] = index.reference.gain, index.reference.centre
            spatial[4] = index.reference.noise / index.scale
        return PreparedIndex(
            values=np.ascontiguousarray(values).reshape(-1),
            terms=self._terms[key],
            sigma=self._sigma[key],
            basis=harmonic.angles(np.array([look.day]), index.harmonic.harmonics)[0],
            reference=reference,
            own=own,
            spatial=spatial,
            falls_back=self._falls_back[key],
            side=_SIDES[index.evidence.side],
            counts=counts,
            veils=veils,
        )


def _where(look: Look) -> str:
    return f"{look.stream}, day {look.day}"
