"""Samples of alerts have known probabilities, and what they say holds over many samples."""

import numpy as np
import pandas as pd
import pytest

from selvawatch.errors import TableError
from selvawatch.reviews.sampling import LEAST_ANSWERS, draw_sample, horvitz_thompson


def population(mining=40, other=60, withdrawn=5):
    causes = ["mining"] * mining + ["agriculture"] * other + ["unknown"] * withdrawn
    status = ["confirmed"] * (mining + other) + ["withdrawn"] * withdrawn
    ids = [f"E{number:03d}" for number in range(len(causes))]
    return pd.DataFrame({"event_id": ids, "version": 1, "cause": causes, "status": status})


def test_the_same_seed_draws_the_same_and_withdrawn_alerts_are_never_drawn():
    first, second = (draw_sample(population(), 20, "run", 7) for _ in range(2))
    assert first == second != draw_sample(population(), 20, "run", 8)
    assert len({one.event_id for one in first.alerts}) == 20
    assert all(int(one.event_id[1:]) < 100 for one in first.alerts)
    assert draw_sample(population().sample(frac=1, random_state=1), 20, "run", 7) == first


@pytest.mark.parametrize(
    ("mining", "other", "n"), [(40, 60, 20), (1, 99, 10), (3, 0, 2), (5, 5, 50), (1, 1, 1), (98, 2, 10)]
)
def test_as_many_are_drawn_as_asked_for_and_the_probabilities_are_those_of_the_strata(mining, other, n):
    draw = draw_sample(population(mining, other), n, "run", 1)
    assert len(draw.alerts) == min(n, mining + other)
    for name, size in draw.sizes.items():
        drawn = [one for one in draw.alerts if one.stratum == name]
        assert {one.probability for one in drawn} <= {len(drawn) / size}
    if n >= 4 and min(mining, other) >= 2:
        assert all(sum(one.stratum == name for one in draw.alerts) >= 2 for name in draw.sizes)


def test_each_alert_is_drawn_as_often_as_its_probability_says():
    draws = [draw_sample(population(10, 30, 0), 12, "run", seed) for seed in range(400)]
    times = pd.Series([one.event_id for draw in draws for one in draw.alerts]).value_counts() / 400
    expected = pd.Series({one.event_id: one.probability for draw in draws for one in draw.alerts})
    assert len(times) == 40
    # 4 standard errors of a share over 400 draws
    assert (times - expected).abs().max() < 4 * 0.5 / np.sqrt(400)


def test_the_estimate_is_unbiased_and_its_interval_holds_the_truth():
    frame = population(40, 60, 0)
    truth = dict(zip(frame["event_id"], np.random.default_rng(3).random(100) < 0.7, strict=True))
    share, values, held = sum(truth.values()) / 100, [], 0
    for seed in range(300):
        draw = draw_sample(frame, 30, "run", seed)
        found = horvitz_thompson(
            [one.stratum for one in draw.alerts], [truth[one.event_id] for one in draw.alerts], draw.sizes
        )
        values.append(found.value)
        held += found.low <= share <= found.high
    assert abs(np.mean(values) - share) < 0.02
    assert held / 300 > 0.9


def test_a_census_has_no_doubt_and_a_stratum_that_agrees_has_some():
    sizes = {"mining": 6, "other": 6}
    every = horvitz_thompson(["mining"] * 6 + ["other"] * 6, [True] * 9 + [False] * 3, sizes)
    assert (every.value, every.low, every.high) == (0.75, 0.75, 0.75)
    some = horvitz_thompson(["mining"] * 6 + ["other"] * 6, [True] * 12, {"mining": 60, "other": 60})
    assert some.value == 1.0 and some.low < 0.8 and some.high == 1.0


def test_too_little_is_said_and_no_figure_given():
    few = horvitz_thompson(["mining"] * 4, [True] * 4, {"mining": 50})
    assert few.value is few.low is few.high is None and f"{LEAST_ANSWERS} needed" in few.why
    blind = horvitz_thompson(["mining"] * 12, [True] * 12, {"mining": 20, "other": 20})
    assert blind.value is None and "other" in blind.why
    assert horvitz_thompson([], [], {}).why == "there are no alerts"
    with pytest.raises(TableError):
        draw_sample(population(0, 0, 3), 2, "run", 1)
