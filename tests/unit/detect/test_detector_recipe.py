from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from detect_made import MODELS, fused
from selvawatch.core.days import to_day
from selvawatch.core.settings import load
from selvawatch.detect.charts.chart_models import KINDS, load_detector
from selvawatch.detect.charts.chart_settings import ResidualChart
from selvawatch.detect.charts.process import blank
from selvawatch.errors import LayerError, SiteError
from selvawatch.prepare.mask import Screening
from selvawatch.validate.judge_series import LabelChoice, validate_series


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Alarms where so many observations in a row lie lower than a limit, in sigmas."""

    limit: float
    length: int

    def start(self, observations):
        return blank(observations, below=np.uint8)

    def update(self, process, residual, day):
        z, below = residual.to_numpy(), process["below"].to_numpy()
        below = np.where(np.isnan(z), below, np.where(z < -self.limit, below + 1, 0))
        first = (process["alarm"].to_numpy() == 0) & (below >= self.length)
        return process.assign(
            below=(("y", "x"), below.astype(np.uint8)),
            alarm=(("y", "x"), np.where(first, day, process["alarm"].to_numpy()).astype(np.uint16)),
        )

    def reach(self, process):
        return process["below"].to_numpy() / self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings(ResidualChart):
    """The made-up chart's file."""

    kind: Literal["run"]
    chart: Run


@pytest.fixture
def detector(tmp_path, monkeypatch):
    """A detector by the recipe of CONTRIBUTING: a module's two classes, one table entry, one TOML."""
    monkeypatch.setitem(KINDS, "run", RunSettings)
    path = tmp_path / "runs.toml"
    path.write_text(
        'name = "runs"\nversion = "1"\nkind = "run"\n[chart]\nlimit = 3.0\nlength = 2\n'
        '[[reads]]\nstream = "landsat"\nindex = "nbr"\n',
        encoding="utf-8",
    )
    return load_detector(path, fused())


@pytest.fixture
def tables(tmp_path):
    """Ten points over four years; the first loses its forest in June of the fourth."""
    rng = np.random.default_rng(13)
    days = to_day("2017-01-01") + np.arange(0, 4 * 365, 12)
    frame = pd.DataFrame(
        [(f"p{number}", pd.Timestamp(int(day), unit="D")) for number in range(10) for day in days],
        columns=["pid", "date"],
    )
    lost = (frame["pid"] == "p0") & (frame["date"] >= "2020-06-01")
    frame["nbr"] = 0.7 - 0.4 * lost + rng.normal(0, 0.03, len(frame))
    frame.to_parquet(tmp_path / "series.parquet")
    labels = ["Lost"] + ["Forest"] * 9
    pd.DataFrame({"pid": [f"p{number}" for number in range(10)], "label": labels}).to_parquet(
        tmp_path / "points.parquet"
    )
    return tmp_path / "series.parquet", tmp_path / "points.parquet"


def test_a_detector_of_one_class_one_entry_and_one_file_is_held_against_a_reference(detector, tables):
    screening = load(Screening, MODELS / "screening.toml")
    labels = LabelChoice(positive=["Lost"])
    report = validate_series(*tables, detector, screening, labels=labels, history_years=3)
    assert (report.tp, report.fp, report.fn, report.tn) == (1, 0, 0, 9)
    assert report.auc == 1
    assert (report.method.detector, report.method.model_digest) == ("runs", detector.digest)
    assert report.method.parameters["kind"] == "run"
    assert report.method.parameters["chart"] == {"limit": 3.0, "length": 2}
    assert "runs reads landsat nbr" in report.method.notes


def test_a_chart_without_a_history_to_chart_is_one_line(detector, tables):
    screening = load(Screening, MODELS / "screening.toml")
    with pytest.raises(LayerError, match="runs needs a stable history and there is none.*landsat nbr"):
        validate_series(*tables, detector, screening)


def test_a_kind_that_stands_in_no_entry_is_named_with_those_that_do(tmp_path):
    path = tmp_path / "runs.toml"
    path.write_text('name = "runs"\nversion = "1"\nkind = "run"\n', encoding="utf-8")
    with pytest.raises(
        SiteError, match=r"kind of detector is not known; got run; .*bayts.*cusum.*ewma.*mosum"
    ):
        load_detector(path, fused())
