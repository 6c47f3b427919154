"""Our charts against stored results of nrt 0.3.0 on made-up series (`make_nrt_reference.py`).

Residuals, sigmas and observations of the history are nrt's, so that the charts are compared and not the fits.
Where the two differ by intent:

* nrt alarms on either side, ours on the side of loss only: its processes are held against ours up to our
  alarm, after which ours stands still; its detection dates where it found a fall.
* nrt begins the EWMA and fills the first MOSUM window with the residuals of its fit, which are
  predicted - observed, while those of monitoring are observed - predicted. Ours begin at 0 and empty. The
  test of the EWMA takes that start out by its own weight, and shows that it has the wrong sign; that of the
  MOSUM compares once the window holds observations of the monitoring only.
"""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from selvawatch.detect.charts.ewma import Ewma
from selvawatch.detect.charts.sums import Cusum, Mosum

WEIGHT = 0.3
UNBOUNDED = 1e6
"""Bound of single residuals in sigmas, which nrt does not have."""


@pytest.fixture(scope="module")
def nrt():
    with np.load(Path(__file__).with_name("nrt_reference.npz")) as stored:
        return dict(stored)


def ours(chart, nrt, z):
    """Process and share of the bound after each observation, and the days of alarm."""
    process = chart.start(xr.DataArray(nrt["history"], dims=("y", "x")))
    values, reach = [], []
    for day, observation in zip(nrt["days"].tolist(), z, strict=True):
        process = chart.update(process, xr.DataArray(observation, dims=("y", "x")), day)
        values.append(process["process"].to_numpy())
        reach.append(chart.reach(process))
    return np.array(values), np.array(reach), process["alarm"].to_numpy()


def running(nrt, alarm):
    """(time, y, x): observations up to the alarm, which is where our process is moved."""
    return (alarm == 0) | (nrt["days"][:, None, None] <= alarm)


def first_below(process, boundary, days):
    """Day of the first observation that leaves a process below its lower bound; 0 = none."""
    below = process < -boundary
    return np.where(below.any(axis=0), days[np.argmax(below, axis=0)], 0)


def test_the_ewma_is_that_of_nrt_once_its_start_is_taken_out(nrt):
    z = nrt["ewma_z"]
    process, reach, alarm = ours(Ewma(weight=WEIGHT, limit=4.0, bound=UNBOUNDED), nrt, z)
    # nrt works in units of the index: its bound is 4 sigmas of the mean
    sigma = nrt["ewma_boundary"] / (4 * np.sqrt(WEIGHT / (2 - WEIGHT)))
    left = (1 - WEIGHT) ** np.cumsum(~np.isnan(z), axis=0)
    theirs = (nrt["ewma_process"] - left * nrt["ewma_start"]) / sigma
    moved = running(nrt, alarm)
    # float32 on both sides
    np.testing.assert_allclose(process[moved], theirs[moved], atol=2e-4)
    assert np.array_equal(alarm, first_below(theirs * sigma, nrt["ewma_boundary"], nrt["days"]))
    assert (alarm > 0).sum() >= 10
    assert (alarm == 0).sum() >= 5
    np.testing.assert_allclose(reach[moved], (-theirs * sigma / nrt["ewma_boundary"])[moved], atol=2e-4)


def test_the_ewma_of_nrt_begins_with_the_wrong_sign_of_its_history(nrt):
    mean = np.zeros(nrt["history"].shape)
    for observation in nrt["history_z"]:
        mean = np.where(np.isnan(observation), mean, (1 - WEIGHT) * mean + WEIGHT * observation)
    sigma = nrt["ewma_boundary"][-1] / (4 * np.sqrt(WEIGHT / (2 - WEIGHT)))
    assert np.abs(mean).max() > 0.5
    np.testing.assert_allclose(nrt["ewma_start"] / sigma, -mean, atol=1e-4)


def test_the_cusum_is_that_of_nrt(nrt):
    chart = Cusum(critical=float(nrt["cusum_critical"]))
    process, reach, alarm = ours(chart, nrt, nrt["cusum_z"])
    moved = running(nrt, alarm)
    np.testing.assert_allclose(process[moved], nrt["cusum_process"][moved], atol=2e-4)
    known = moved & np.isfinite(nrt["cusum_boundary"])
    np.testing.assert_allclose(
        reach[known], -(nrt["cusum_process"] / nrt["cusum_boundary"])[known], rtol=2e-3, atol=2e-3
    )
    assert np.array_equal(alarm, first_below(nrt["cusum_process"], nrt["cusum_boundary"], nrt["days"]))
    assert (alarm > 0).sum() >= 10
    assert (alarm == 0).sum() >= 5


def test_the_mosum_is_that_of_nrt_once_its_window_has_left_the_history(nrt):
    chart = Mosum(share=0.25, critical=float(nrt["mosum_critical"]))
    z = nrt["cusum_z"]
    process, _, alarm = ours(chart, nrt, z)
    seen = np.cumsum(~np.isnan(z), axis=0)
    full = running(nrt, alarm) & (seen >= nrt["history"] // 4)
    assert full.any(axis=0).sum() >= 10
    np.testing.assert_allclose(process[full], nrt["mosum_process"][full], atol=2e-4)
    late = full & np.isfinite(nrt["mosum_boundary"])
    below = process < -nrt["mosum_boundary"]
    assert np.array_equal(below[late], (nrt["mosum_process"] < -nrt["mosum_boundary"])[late])


@pytest.mark.parametrize("name", ["cusum", "mosum"])
def test_deep_falls_are_dated_as_nrt_dates_them(nrt, name):
    kind = Cusum if name == "cusum" else Mosum
    share = {} if name == "cusum" else {"share": 0.25}
    _, _, alarm = ours(kind(critical=float(nrt[f"{name}_critical"]), **share), nrt, nrt["cusum_z"])
    deep = np.zeros(alarm.shape, bool)
    deep[3] = True  # the last row falls by ten sigmas
    theirs = nrt[f"{name}_detected"]
    assert (alarm[deep] > 0).all()
    if name == "cusum":
        assert np.array_equal(alarm[deep], theirs[deep])
    else:
        # what is left of the history in nrt's window may move a date by one observation of 8 days or its gaps
        assert (np.abs(alarm[deep] - theirs[deep]) <= 24).all()


@pytest.mark.parametrize(("critical", "risk"), [(2.7955, 0.05), (3.3682, 0.01), (4.0331, 0.001)])
def test_critical_values_of_the_cusum_are_those_of_its_boundary(critical, risk):
    """Chu, Stinchcombe and White (1996): risk = 2 (1 - Phi(a) + a phi(a)) for either side together."""
    assert 2 * (stats.norm.sf(critical) + critical * stats.norm.pdf(critical)) == pytest.approx(
        risk, rel=1e-3
    )
