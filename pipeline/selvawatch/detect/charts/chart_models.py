"""Detectors of others as files in `models/`: which chart, with which numbers, over which index."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from selvawatch.core.files import digest
from selvawatch.core.settings import parse, read_toml
from selvawatch.detect.charts.bayts import Bayts, Densities
from selvawatch.detect.charts.ewma import Ewma
from selvawatch.detect.charts.sums import Cusum, Mosum
from selvawatch.detect.model import Model
from selvawatch.errors import SiteError


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One index of one stream."""

    stream: str
    """Stream of the model whose baselines are used."""
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfResiduals(_Named):
    reads: tuple[Reading, ...]
    """Which index is charted: the first of these that has a baseline."""

    def __post_init__(self) -> None:
        """Refuse a chart of nothing."""
        if not self.reads:
            raise ValueError("reads is empty, need at least one stream and index")


@dataclass(frozen=True, slots=True, kw_only=True)
class EwmaSettings(_OfResiduals):
    """An EWMA chart."""

    kind: Literal["ewma"]
    chart: Ewma


@dataclass(frozen=True, slots=True, kw_only=True)
class CusumSettings(_OfResiduals):
    """A CUSUM chart."""

    kind: Literal["cusum"]
    chart: Cusum


@dataclass(frozen=True, slots=True, kw_only=True)
class MosumSettings(_OfResiduals):
    """A MOSUM chart."""

    kind: Literal["mosum"]
    chart: Mosum


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamDensities(Densities):
    """Densities of one index of one stream, of values less the day's quantile over forest."""

    stream: str
    index: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaytsSettings(_Named):
    """The bayts update."""

    kind: Literal["bayts"]
    chart: Bayts
    quantile: float
    """Quantile of a day's forest that is taken off its values, 0-1."""
    densities: tuple[StreamDensities, ...]

    def __post_init__(self) -> None:
        """Refuse a quantile that is none, and an index named twice."""
        names = [(one.stream, one.index) for one in self.densities]
        if not 0 < self.quantile < 1 or not names or len(set(names)) != len(names):
            raise ValueError(
                f"need 0 < quantile < 1 and densities of each index once; got {self.quantile} and {names}"
            )


ChartSettings = EwmaSettings | CusumSettings | MosumSettings | BaytsSettings

KINDS: Mapping[str, type[EwmaSettings] | type[CusumSettings] | type[MosumSettings] | type[BaytsSettings]] = {
    "ewma": EwmaSettings,
    "cusum": CusumSettings,
    "mosum": MosumSettings,
    "bayts": BaytsSettings,
}
"""What the key `kind` of a model file may say; a file without it is the fused detector's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartDetector:
    """A detector of others, and the model whose streams, baselines and forest rule it works on."""

    settings: ChartSettings
    base: Model

    @property
    def name(self) -> str:
        """Name of the chart's file."""
        return self.settings.name

    @property
    def digest(self) -> str:
        """sha256 of all numbers, those of the baselines included."""
        return digest({"chart": asdict(self.settings), "base": self.base.digest})


Detector = Model | ChartDetector
"""Whatever can be held against a reference."""


def base_of(detector: Detector) -> Model:
    """The model whose streams, baselines and forest rule a detector works on: itself, where it is one."""
    return detector.base if isinstance(detector, ChartDetector) else detector


def load_detector(path: Path, base: Model) -> Detector:
    """The detector of a model file; base: the model whose baselines a chart is run over.

    Raises
    ------
    SiteError
        As `core.settings.load`; for an unknown kind; for an index that the base does not know.
    """
    values = read_toml(path)
    kind = values.get("kind")
    if kind is None:
        return parse(Model, values, path)
    if kind not in KINDS:
        raise SiteError("the kind of detector is not known", where=path, got=kind, needed=sorted(KINDS))
    settings: ChartSettings = parse(KINDS[kind], values, path)
    known = {(stream.stream, index.index) for stream, index in base.pairs()}
    named = settings.densities if isinstance(settings, BaytsSettings) else settings.reads
    if strange := [f"{one.stream} {one.index}" for one in named if (one.stream, one.index) not in known]:
        raise SiteError(
            f"model {base.name} knows nothing of an index", where=path, got=strange, needed=sorted(known)
        )
    return ChartDetector(settings=settings, base=base)
