"""Whatever a history or an observation holds, the detector has a defined result or says by name what is
wrong.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, START, fused, monitored, observation, quiet_baselines, stack
from selvawatch.core.stack import NODATA, check_stack, encode
from selvawatch.core.status import Reason
from selvawatch.detect import fusion
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.detect.charts.bayts import Bayts
from selvawatch.detect.charts.ewma import Ewma
from selvawatch.detect.charts.sums import Cusum, Mosum
from selvawatch.errors import StackError

MODEL = fused()
DAYS = np.arange(START - 1000, START - 100, 20)
TESTS = Path(__file__).parents[2]
CHARTS = [
    Ewma(weight=0.3, limit=3.5, bound=3.0),
    Cusum(critical=2.7955),
    Mosum(share=0.25, critical=1.3418),
    Bayts(weight=0.1, confirm=0.9),
]


def histories(values):
    """The same odd history in all three optical indices of Sentinel-2, around their levels."""
    values = np.asarray(values)
    made = {}
    for index in ("ndvi", "nbr", "mndwi"):
        moved = np.where(values == NODATA, NODATA, np.clip(values + LEVELS[index], -32767, 32767))
        made["sentinel-2", index] = stack(moved, DAYS, index)
    return made


def advanced(baselines, reason, observations):
    state = fusion.start(MODEL, reason, resolution=30.0)
    return fusion.layers(fusion.advance(MODEL, baselines, state, observations))


def one_pixel(values):
    """Reason of a pixel with that history, and its status after ten observations of forest and one of bare
    soil.
    """
    baselines = fit_baselines(MODEL, histories(np.reshape(values, (DAYS.size, 1, 1)).astype(np.int64)))
    reason = forest_reason(MODEL, baselines)
    observations = [observation(START + 5 * n) for n in range(10)] + [
        observation(START + 60, ndvi=2500, nbr=-500)
    ]
    said = advanced(baselines, reason, observations)
    return Reason(said["reason"].item()), said["status"].item()


def test_a_history_of_nothing_was_never_clear():
    assert one_pixel(np.full(DAYS.size, NODATA)) == (Reason.NEVER_CLEAR, 255)


def test_a_history_of_one_observation_is_too_short():
    values = np.full(DAYS.size, NODATA)
    values[7] = 0
    assert one_pixel(values) == (Reason.SHORT_HISTORY, 255)


def test_a_constant_history_is_watched_with_the_smallest_sigma_believed():
    assert one_pixel(np.zeros(DAYS.size)) == (Reason.MONITORED, 1)


@pytest.mark.parametrize("swing", [32_767, 20_000])
def test_a_history_that_swings_over_the_whole_type_is_not_monitored(swing):
    values = np.where(np.arange(DAYS.size) % 2, swing, -swing)
    reason, status = one_pixel(values)
    assert reason in (Reason.UNSTABLE_HISTORY, Reason.NOT_FOREST)
    assert status == 255


@pytest.mark.parametrize(("end", "total", "status"), [(32_767, 0, 0), (-32_767, 255, 2)])
def test_looks_at_an_end_of_their_type_are_bounded_not_wrapped(end, total, status):
    baselines = quiet_baselines((1, 1))
    observations = [observation(START + 5 * n, ndvi=end, nbr=end, mndwi=-end) for n in range(30)]
    state = fusion.advance(
        MODEL, baselines, fusion.start(MODEL, monitored((1, 1)), resolution=None), observations
    )
    assert state["sum_optical"].item() == total
    assert fusion.layers(state)["status"].item() == status


def test_counts_stand_still_at_the_end_of_their_type():
    baselines, reason = quiet_baselines((1, 1)), monitored((1, 1))
    state = fusion.start(MODEL, reason, resolution=None)
    full = {"looks_total": np.uint16(65_535), "looks_optical": np.uint8(255), "looks_joint": np.uint8(255)}
    full |= {"sum_optical": np.uint8(250), "sum_joint": np.uint8(250)}
    state = state.assign({name: (("y", "x"), np.full((1, 1), value)) for name, value in full.items()})
    after = fusion.advance(MODEL, baselines, state, [observation(START, ndvi=2500, nbr=-500)])
    assert {name: after[name].item() for name in full} == {
        "looks_total": 65_535, "looks_optical": 255, "looks_joint": 255, "sum_optical": 255, "sum_joint": 255,
    }  # fmt: skip


def test_infinities_are_stored_as_not_observed():
    stored = encode(np.array([np.inf, -np.inf, np.nan, 0.5]), 1e-4)
    assert stored.tolist() == [NODATA, NODATA, NODATA, 5000]


@pytest.mark.parametrize(
    ("order", "message"),
    [([2, 0, 1], "not increasing.*position 1"), ([0, 1, 1], "not increasing.*position 2")],
)
def test_times_that_are_unsorted_or_double_are_refused_with_what_to_do(order, message):
    made = stack(np.zeros((3, 1, 1)), DAYS[:3][order], "ndvi")
    with pytest.raises(StackError, match=f"{message}.*merge same-day scenes"):
        check_stack(made)
    with pytest.raises(StackError, match=message):
        fit_baselines(MODEL, {("sentinel-2", "ndvi"): made})


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ((START + 5, START), f"got day {START}; needed after day {START + 5}"),
        ((START, START + 5, START), "not later than the state"),
        ((START, START), "a stream comes twice on a day"),
        ((0,), "got day 0"),
        ((65_536,), "got day 65536; needed day 1 to 65535"),
    ],
)
def test_days_of_observations_that_are_unsorted_double_or_out_of_range_are_refused(days, message):
    state = fusion.start(MODEL, monitored((1, 1)), resolution=None)
    with pytest.raises(StackError, match=message):
        fusion.advance(MODEL, quiet_baselines((1, 1)), state, [observation(day) for day in days])


def test_the_last_day_of_the_type_is_kept():
    state = fusion.start(MODEL, monitored((1, 1)), resolution=None)
    after = fusion.advance(MODEL, quiet_baselines((1, 1)), state, [observation(65_535)])
    assert after["last_look"].item() == 65_535


def drawn(chart, column, history=80):
    """The process of one pixel after a column of residuals (of ratios, for bayts)."""
    process = chart.start(xr.DataArray(np.full((1, 1), history, np.uint8), dims=("y", "x")))
    for day, value in enumerate(column, START):
        process = chart.update(
            process, xr.DataArray(np.full((1, 1), value, np.float32), dims=("y", "x")), day
        )
    return process


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_a_chart_takes_infinities_for_not_seen(chart):
    values = [0.1, -0.2, 0.1, -0.3]
    odd = [0.1, np.inf, -0.2, -np.inf, np.nan, 0.1, -0.3]
    expected, got = drawn(chart, values), drawn(chart, odd)
    for name in expected:
        if name not in ("alarm", "flagged"):  # they hold days, and days differ
            np.testing.assert_array_equal(got[name], expected[name])
    assert np.isfinite(chart.reach(got)).all()


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
@pytest.mark.parametrize("column", [[], [np.nan] * 9, [0.0], [0.0] * 40])
def test_a_chart_of_nothing_of_one_observation_and_of_a_constant_never_alarms(chart, column):
    process = drawn(chart, column)
    assert process["alarm"].item() == 0
    assert np.isfinite(chart.reach(process)).all()


@pytest.mark.parametrize("chart", CHARTS[:3], ids=lambda chart: type(chart).__name__)
def test_a_chart_without_observations_in_the_history_has_no_residual_and_says_nothing(chart):
    process = drawn(chart, [np.nan] * 5, history=0)
    assert process["alarm"].item() == 0
    assert np.isfinite(chart.reach(process)).all()


@pytest.mark.slow
def test_no_kernel_reads_or_writes_beyond_its_arrays(tmp_path):
    """The tests of every kernel of the detector again, compiled with checked bounds.

    The cache has to be another: compiled code is kept without regard to the switch. A kernel that does go
    beyond is run first, to see that the switch works.
    """
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    beyond = "import numba, numpy; numba.njit('f8(f8[::1])')(lambda a: a[3])(numpy.zeros(3))"
    done = subprocess.run(
        [sys.executable, "-c", beyond], env=environment, capture_output=True, text=True, check=False
    )
    assert "IndexError" in done.stderr
    names = ("bad_input", "charts", "common", "evidence", "fusion", "harmonic")
    files = [TESTS / "unit" / "detect" / f"test_detect_{name}.py" for name in names]
    files += [TESTS / "unit" / "detect" / f"test_{name}.py" for name in ("kernels_since", "slow_fall")]
    left = "not beyond_its_arrays and not finds_every_fit_compiled"  # itself, and one that runs no kernel
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", left, *map(str, files)]
    done = subprocess.run(
        [sys.executable, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=TESTS.parent,
    )
    assert done.returncode == 0, done.stdout[-3000:]
