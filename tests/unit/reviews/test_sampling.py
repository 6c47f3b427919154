"""Samples of alerts have known probabilities, and what they say holds over many samples."""

import numpy as np
import pandas as pd
import pytest

from selvawatch.errors import TableError
from selvawatch.returns.accuracy import accuracy_of_draw
from selvawatch.reviews.sampling import LEAST_ANSWERS, Draw, DrawnAlert, draw_sample, horvitz_thompson


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


@pytest.mark.parametrize(
    ("sizes", "n", "lost"),
    [
        ((60, 0), (10, 0), (42, 0)),
        ((60, 0), (30, 0), (54, 0)),
        ((40, 60), (8, 12), (20, 30)),
        ((40, 60), (24, 36), (39, 59)),
        ((20, 10), (13, 7), (18, 9)),
        ((200, 8), (18, 2), (100, 4)),
        ((300, 200), (60, 40), (297, 120)),
    ],
)
def test_the_95_percent_interval_holds_the_truth_in_95_of_100_samples(sizes, n, lost):
    random, names = np.random.default_rng(11), ("mining", "other")
    strata = {name: size for name, size in zip(names, sizes, strict=True) if size}
    truth, held, drawn, many = sum(lost) / sum(sizes), 0, {}, 2000
    for _ in range(many):
        hits = tuple(
            int(random.hypergeometric(found, size - found, count)) if count else 0
            for found, size, count in zip(lost, sizes, n, strict=True)
        )
        if hits not in drawn:
            said = [hit < found for found, count in zip(hits, n, strict=True) for hit in range(count)]
            of = [name for name, count in zip(names, n, strict=True) for _ in range(count)]
            drawn[hits] = horvitz_thompson(of, said, strata)
        held += drawn[hits].low - 1e-9 <= truth <= drawn[hits].high + 1e-9
    # 3 standard errors of a share of 0.95 over 2,000 samples: 0.015
    assert held / many > 0.95 - 0.015


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


def test_alerts_without_an_answer_bound_the_share_of_all_alerts_by_what_each_stands_for():
    sizes = {"mining": 90, "other": 10}
    alerts = [
        DrawnAlert(event_id=f"{name}{number}", version=1, stratum=name, probability=count / sizes[name])
        for name, count in (("mining", 9), ("other", 5))
        for number in range(count)
    ]
    draw = Draw(run_id="run", seed=1, sizes=sizes, alerts=tuple(alerts))
    verdicts = {one.event_id: "mining" for one in alerts if one.event_id != "mining0"}
    found = accuracy_of_draw(1, draw, verdicts)
    assert found.loss_bounds == pytest.approx((0.9, 1.0)) and found.answered == 13
