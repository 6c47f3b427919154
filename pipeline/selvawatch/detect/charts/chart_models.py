"""Detectors of others as files in `models/`: which chart, with which numbers, over which index."""

from dataclasses import asdict, dataclass
from pathlib import Path

from selvawatch.core.files import digest
from selvawatch.core.settings import parse, read_toml
from selvawatch.detect.charts.bayts import BaytsSettings
from selvawatch.detect.charts.chart_settings import ChartSettings
from selvawatch.detect.charts.ewma import EwmaSettings
from selvawatch.detect.charts.sums import CusumSettings, MosumSettings
from selvawatch.detect.model import Model
from selvawatch.errors import SiteError

KINDS: dict[str, type[ChartSettings]] = {
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
    settings = parse(KINDS[kind], values, path)
    known = {(stream.stream, index.index) for stream, index in base.pairs()}
    if strange := [" ".join(pair) for pair in settings.pairs if pair not in known]:
        raise SiteError(
            f"model {base.name} knows nothing of an index", where=path, got=strange, needed=sorted(known)
        )
    return ChartDetector(settings=settings, base=base)
