import math

import numpy as np
import pytest

from detect_made import START, fused, monitored, quiet_baselines, random_looks
from selvawatch.calibrate.operating_points import KnownLoss, chosen, operating_points, scaled_model
from selvawatch.validate.detection import Manner, watch

MODEL = fused()
SHAPE = (20, 20)
LOSS = START + 60


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(11)
    observations = random_looks(rng, SHAPE, range(START, START + 360, 4), loss_from=LOSS)
    lost_on = np.zeros(SHAPE, np.int64)
    lost_on[:10, :10] = LOSS
    kinds = np.where(lost_on > 0, "soil", "")
    noisy = quiet_baselines(SHAPE, {"ndvi": 120, "nbr": 150, "vv": 70, "vh": 70})

    def watched(model):
        return watch(model, noisy, monitored(SHAPE), observations, Manner(resolution=30.0, scored=False))

    return operating_points(
        MODEL,
        (0.1, 0.7, 1.0, 1.3, 1.6, 99.0),
        watched,
        KnownLoss(lost_on=lost_on, kinds=kinds, resolution=30.0, first_day=START),
    )


def test_higher_thresholds_give_fewer_false_alarms_and_later_ones(points):
    assert [point.factor for point in points] == [0.7, 1.0, 1.3, 1.6, 99.0]
    rates = [point.per_1000_km2_year for point in points]
    delays = [point.power[0].delay_median for point in points]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > rates[-1]
    assert delays == sorted(delays)
    assert all(point.power[0].kind == "soil" and point.power[0].pixels == 100 for point in points)


def test_a_rate_is_alarms_over_watched_ground_and_time(points):
    point = points[1]
    area = 30.0**2 / 1e9
    assert math.isclose(point.per_1000_km2_year, point.false_alarms / (point.pixel_years * area))
    low, high = point.per_1000_km2_year_ci95
    assert low <= point.per_1000_km2_year <= high
    assert 0 < point.pixel_years <= 300 * 356 / 365.25


def test_the_lowest_thresholds_that_keep_a_rate_are_chosen(points):
    limit = points[2].per_1000_km2_year_ci95[1]
    assert chosen(points, limit).factor <= points[2].factor
    with pytest.raises(ValueError, match="no thresholds"):
        chosen(points, 0.0)


def test_thresholds_that_one_day_could_reach_are_refused():
    with pytest.raises(ValueError, match="confirmed"):
        scaled_model(MODEL, 0.1)
