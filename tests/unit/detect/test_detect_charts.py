import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from detect_made import MODELS, START, fused, observation, quiet_baselines
from selvawatch.core.stack import NODATA
from selvawatch.detect.charts.bayts import Bayts, Densities
from selvawatch.detect.charts.chart_models import KINDS, ChartDetector, base_of, load_detector
from selvawatch.detect.charts.ewma import Ewma
from selvawatch.detect.charts.protocol import alarms
from selvawatch.detect.charts.sums import Cusum, Mosum
from selvawatch.errors import SiteError, StackError

DAYS = np.arange(START, START + 600, 8)
HISTORY = 80


def residuals(seed, pixels=200, drop=-1.2):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((DAYS.size, pixels))
    z[30:, ::2] += drop
    z[rng.random(z.shape) < 0.4] = np.nan
    return z.astype(np.float32)


def run(chart, z):
    process = chart.start(xr.DataArray(np.full((1, z.shape[1]), HISTORY, np.uint8), dims=("y", "x")))
    for day, values in zip(DAYS.tolist(), z, strict=True):
        process = chart.update(process, xr.DataArray(values[None], dims=("y", "x")), day)
    return process["alarm"].values[0]


def first(below, seen_days):
    return int(seen_days[np.argmax(below)]) if below.any() else 0


def slow_alarms(z, process_and_level):
    """Day on which a process, made by pandas from what was seen, first falls below -level."""
    found = []
    for column in z.T:
        seen = ~np.isnan(column)
        process, level = process_and_level(pd.Series(column[seen].astype(np.float64)))
        found.append(first((process < -level).to_numpy(), DAYS[seen]))
    return np.array(found)


def agree(got, expected):
    # float32 against float64: a value within a rounding of its bound may alarm one observation apart
    return np.mean(got == expected) >= 0.995 and (got > 0).sum() > 20 and (got == 0).sum() > 20


@pytest.mark.parametrize(("weight", "limit"), [(0.3, 3.5), (0.1, 4.0)])
def test_ewma_is_the_mean_that_pandas_weighs(weight, limit):
    def slow(values):
        start = pd.concat([pd.Series([0.0]), values.clip(-3, 3)])
        mean = start.ewm(alpha=weight, adjust=False).mean().iloc[1:].reset_index(drop=True)
        return mean, limit * math.sqrt(weight / (2 - weight))

    z = residuals(1)
    assert agree(run(Ewma(weight=weight, limit=limit, bound=3.0), z), slow_alarms(z, slow))


def test_cusum_is_the_cumulated_sum_of_pandas_under_its_boundary():
    def slow(values):
        x = (HISTORY + 1 + np.arange(len(values))) / HISTORY
        level = np.sqrt(x * (x - 1) * (2.7955**2 + np.log(x / (x - 1))))
        return values.cumsum() / math.sqrt(HISTORY), level

    z = residuals(2)
    assert agree(run(Cusum(critical=2.7955), z), slow_alarms(z, slow))


def test_mosum_is_the_rolling_sum_of_pandas_under_its_boundary():
    def slow(values):
        x = (HISTORY + 1 + np.arange(len(values))) / HISTORY
        level = 1.3418 * np.sqrt(2 * np.where(x <= math.e, 1, np.log(x)))
        return values.rolling(20, min_periods=1).sum() / math.sqrt(HISTORY), level

    z = residuals(3)
    assert agree(run(Mosum(share=0.25, critical=1.3418), z), slow_alarms(z, slow))


def slow_bayts(probabilities, days, confirm):
    """The update in probabilities, as the paper has it; before: that of the observation before."""

    def bayes(a, b):
        return a * b / (a * b + (1 - a) * (1 - b))

    before, flagged, change = 0.5, 0, 0.0
    for day, probability in zip(days, probabilities, strict=True):
        if math.isnan(probability):
            continue
        if flagged:
            change = bayes(change, probability)
            if change < 0.5:
                flagged = 0
        if not flagged and probability >= 0.5:
            flagged, change = int(day), bayes(before, probability)
        if flagged and probability >= 0.5 and change >= confirm - 1e-9:
            return flagged, int(day)
        before = probability
    return flagged, 0


def test_bayts_in_log_odds_is_bayts_in_probabilities():
    rng = np.random.default_rng(4)
    probabilities = np.clip(rng.beta(0.6, 0.9, (DAYS.size, 200)), 0.1, 0.9)
    probabilities[rng.random(probabilities.shape) < 0.5] = np.nan
    ratio = np.log(probabilities / (1 - probabilities)).astype(np.float32)
    chart = Bayts(weight=0.1, confirm=0.975)
    process = chart.start(xr.DataArray(np.zeros((1, 200)), dims=("y", "x")))
    for day, values in zip(DAYS.tolist(), ratio, strict=True):
        process = chart.update(process, xr.DataArray(values[None], dims=("y", "x")), day)
    expected = [slow_bayts(column, DAYS, 0.975) for column in probabilities.T]
    assert process["alarm"].values[0].tolist() == [alarm for _, alarm in expected]
    assert process["flagged"].values[0].tolist() == [flag for flag, _ in expected]


def test_densities_of_equal_width_give_a_line():
    ratio = Densities(forest_mean=0, forest_sd=1, loss_mean=-4, loss_sd=1).ratio(np.array([0.0, -2.0, -4.0]))
    np.testing.assert_allclose(ratio, [-8, 0, 8])


CHARTS = [Ewma(weight=0.3, limit=3.5, bound=3.0), Cusum(critical=2.7955), Mosum(share=0.25, critical=1.3418)]


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_every_chart_runs_on_the_same_observations_and_finds_soil(chart):
    observations = [
        observation(START + 5 * n, shape=(1, 2), ndvi=[[8200, 8200 if n < 10 else 3000]]) for n in range(40)
    ]
    observations.insert(3, observation(START + 12, "landsat", (1, 2)))
    found = alarms(chart, fused(), quiet_baselines((1, 2)), observations, stream="sentinel-2", index="ndvi")
    assert int(found[0, 0]) == 0
    assert START + 50 <= int(found[0, 1]) <= START + 75


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_never_seen_never_alarms(chart):
    observations = [observation(START + 5 * n, ndvi=NODATA) for n in range(5)]
    found = alarms(chart, fused(), quiet_baselines((1, 1)), observations, stream="sentinel-2", index="ndvi")
    assert int(found[0, 0]) == 0


def test_observations_out_of_order_are_refused():
    observations = [observation(START + 5), observation(START)]
    with pytest.raises(StackError, match="order"):
        alarms(CHARTS[0], fused(), quiet_baselines((1, 1)), observations, stream="sentinel-2", index="ndvi")


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Ewma, {"weight": 0.0, "limit": 3.0, "bound": 3.0}),
        (Cusum, {"critical": 0.0}),
        (Mosum, {"share": 2.0, "critical": 1.0}),
        (Bayts, {"weight": 0.6, "confirm": 0.9}),
    ],
)
def test_parameters_that_are_none_are_refused(kind, values):
    with pytest.raises(ValueError, match="need"):
        kind(**values)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_a_chart_reaches_its_bound_on_the_day_of_its_alarm_and_not_before(chart):
    z = residuals(5)
    process = chart.start(xr.DataArray(np.full((1, z.shape[1]), HISTORY, np.uint8), dims=("y", "x")))
    assert (chart.reach(process) == 0).all()
    for day, values in zip(DAYS.tolist(), z, strict=True):
        process = chart.update(process, xr.DataArray(values[None], dims=("y", "x")), day)
        reach, alarm = chart.reach(process), process["alarm"].values > 0
        # float32 against float64 at the bound itself
        assert (reach[alarm] > 1 - 1e-6).all()
        assert (reach[~alarm] < 1 + 1e-6).all()
    assert alarm.any()
    assert not alarm.all()


def test_bayts_reaches_one_where_it_confirms_and_stays_at_or_below_zero_without_a_flag():
    chart = Bayts(weight=0.1, confirm=0.9)
    process = chart.start(xr.DataArray(np.zeros((1, 3)), dims=("y", "x")))
    for day, ratio in enumerate(([2.0, -2.0, 1.0], [2.0, -1.0, -2.0]), 1):
        process = chart.update(process, xr.DataArray(np.array([ratio], np.float32), dims=("y", "x")), day)
    lost, forest, dropped = chart.reach(process)[0]
    assert process["alarm"].values[0].tolist() == [2, 0, 0]
    assert lost >= 1
    assert forest < 0
    assert dropped < 0


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_has_a_file_in_models_under_its_own_name(kind):
    detector = load_detector(MODELS / f"{kind}.toml", fused())
    assert isinstance(detector, ChartDetector)
    assert (detector.name, detector.settings.kind) == (kind, kind)
    assert base_of(detector) == fused()
    assert (MODELS / f"{kind}.md").is_file()


def test_a_file_without_a_kind_is_the_fused_detector():
    assert load_detector(MODELS / "fused.toml", fused()) == fused()


def test_the_digest_of_a_chart_follows_its_numbers_and_those_of_the_baselines():
    detector = load_detector(MODELS / "ewma.toml", fused())
    other_chart = replace(detector, settings=replace(detector.settings, chart=replace(CHARTS[0], limit=4.0)))
    other_base = replace(detector, base=replace(fused(), close_after_days=10))
    assert len({detector.digest, other_chart.digest, other_base.digest}) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('kind = "ewma"', 'kind = "arima"'), "kind of detector is not known; got arima"),
        (('weight = 0.3', 'weight = 3.0'), "need 0 < weight <= 1"),
        (('weight = 0.3', 'wait = 0.3'), "chart.wait is not a known key"),
        (('index = "vv"', 'index = "hh"'), "knows nothing of an index; got .*ascending hh"),
        (('[chart]', '[kart]'), "kart is not a known key"),
    ],
)  # fmt: skip
def test_a_file_that_says_what_no_chart_is_names_file_and_key(tmp_path, change, message):
    path = tmp_path / "mine.toml"
    path.write_text((MODELS / "ewma.toml").read_text("utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(SiteError, match=f"mine.toml.*{message}"):
        load_detector(path, fused())
