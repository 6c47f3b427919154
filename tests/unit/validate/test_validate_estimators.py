"""The estimators are the formulas, and their intervals are the same each time."""

import numpy as np
import pytest

from selvawatch.validate import estimators


def auc_slow(scores, lost):
    positive = [s for s, k in zip(scores, lost, strict=True) if k]
    negative = [s for s, k in zip(scores, lost, strict=True) if not k]
    wins = sum((p > q) + 0.5 * (p == q) for p in positive for q in negative)
    return wins / (len(positive) * len(negative))


def test_auc_is_the_share_of_won_pairs_with_ties_half():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 6, 80).astype(float)
    lost = rng.random(80) < 0.3
    assert estimators.auc(scores, lost) == pytest.approx(auc_slow(scores, lost), abs=1e-12)


def test_auc_interval_is_that_of_units_repeated_as_drawn():
    rng = np.random.default_rng(4)
    scores, lost, blocks = rng.integers(0, 5, 60), rng.random(60) < 0.5, rng.integers(0, 12, 60)
    index, drawn = estimators.resamples(blocks)
    slow = [auc_slow(np.repeat(scores, times[index]), np.repeat(lost, times[index])) for times in drawn[:300]]
    low, high = estimators.auc_bootstrap(scores, lost, blocks)
    # 300 of 2000 replicates give the ends of the interval to a few hundredths
    assert np.percentile(slow, [2.5, 97.5]) == pytest.approx((low, high), abs=0.04)


def test_auc_of_one_kind_alone_is_none():
    assert estimators.auc(np.array([1.0, 2.0]), np.array([True, True])) is None


def test_an_early_confirmation_is_one_false_alarm_and_one_miss():
    lost = np.array([True, True, True, False, False])
    confirmed = np.array([True, True, False, True, False])
    early = np.array([False, True, False, False, False])
    counts = estimators.confusion(estimators.outcomes(lost, confirmed, early))
    assert counts == estimators.Confusion(tp=1, fp=2, fn=2, tn=1)
    assert counts.f1 == pytest.approx(2 / 6)


def test_the_published_counts_of_the_reference_give_its_published_f1():
    counts = estimators.Confusion(tp=1123, fp=140, fn=55, tn=465)
    assert round(counts.f1, 3) == 0.920


def test_accuracies_without_anything_to_count_are_none():
    counts = estimators.Confusion(tp=0, fp=0, fn=0, tn=9)
    assert (counts.users_accuracy, counts.producers_accuracy, counts.f1) == (None, None, None)


def test_no_false_alarm_still_has_an_upper_bound():
    low, high = estimators.rate_interval(0, 100.0)
    assert low == 0.0
    assert high == pytest.approx(3.689 / 100, abs=1e-4)


def test_bootstrap_gives_the_same_interval_twice_and_holds_the_estimate():
    rng = np.random.default_rng(5)
    lost = rng.random(400) < 0.4
    units = estimators.outcomes(lost, lost ^ (rng.random(400) < 0.1), np.zeros(400, bool))
    blocks = np.arange(400) // 10
    first, second = (estimators.block_bootstrap(units, blocks) for _ in range(2))
    assert first == second
    low, high = first["f1"]
    assert low < estimators.confusion(units).f1 < high


def test_bootstrap_of_few_large_blocks_is_wider_than_of_many_small_ones():
    rng = np.random.default_rng(6)
    wrong_blocks = np.repeat(rng.random(20) < 0.3, 50)
    lost = np.tile([True, False], 500)
    units = estimators.outcomes(lost, lost ^ wrong_blocks, np.zeros(1000, bool))

    def width(blocks):
        low, high = estimators.block_bootstrap(units, blocks)["f1"]
        return high - low

    assert width(np.arange(1000) // 50) > 2 * width(np.arange(1000))


def test_bootstrap_of_one_block_has_no_interval():
    units = estimators.outcomes(np.ones(5, bool), np.ones(5, bool), np.zeros(5, bool))
    assert estimators.block_bootstrap(units, np.zeros(5)) == {}
    assert estimators.statistic_bootstrap(np.arange(5.0), np.zeros(5), np.median) is None


def test_median_interval_holds_the_median_and_ignores_the_order_of_units():
    rng = np.random.default_rng(7)
    values, blocks = rng.normal(20, 5, 300), rng.integers(0, 30, 300)
    order = rng.permutation(300)
    low, high = estimators.statistic_bootstrap(values, blocks, lambda v: float(np.median(v)))
    assert low < np.median(values) < high
    assert (low, high) == estimators.statistic_bootstrap(
        values[order], blocks[order], lambda v: float(np.median(v))
    )
