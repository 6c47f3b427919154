"""The stratified estimators give the example of Olofsson et al. 2014 (doi:10.1016/j.rse.2014.02.015)."""

import numpy as np
import pytest

from selvawatch.validate.stratified import stratified_accuracy

CLASSES = ("deforestation", "forest gain", "stable forest", "stable non-forest")
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Sample counts of the paper's error matrix (map in rows, reference in columns), 640 units."""
PIXELS = {
    "deforestation": 200_000.0,
    "forest gain": 150_000.0,
    "stable forest": 3_200_000.0,
    "stable non-forest": 6_450_000.0,
}
PIXEL_HA = 0.09


def sample():
    mapped, reference = [], []
    for row, column in np.ndindex(COUNTS.shape):
        mapped += [CLASSES[row]] * COUNTS[row, column]
        reference += [CLASSES[column]] * COUNTS[row, column]
    return np.array(mapped), np.array(reference)


def estimates(label):
    mapped, reference = sample()
    return stratified_accuracy(mapped, mapped, reference, PIXELS, label)


def test_area_of_deforestation_is_that_of_the_paper():
    area = estimates("deforestation").area
    assert area.value == pytest.approx(235_086, abs=1)
    assert 1.96 * area.standard_error == pytest.approx(68_418, abs=1)
    assert area.value * PIXEL_HA == pytest.approx(21_158, abs=1)
    assert 1.96 * area.standard_error * PIXEL_HA == pytest.approx(6_158, abs=1)


@pytest.mark.parametrize(
    ("label", "users", "users_half", "producers", "producers_half"),
    [
        ("deforestation", 0.88, 0.07, 0.75, 0.21),
        # The paper prints 0.23 and 0.01 for the last figure of the second and fourth row, which its own
        # equation 7 does not give from its own counts (0.254 and 0.018); it is checked term by term below.
        ("forest gain", 0.73, 0.10, 0.85, 0.25),
        ("stable forest", 0.93, 0.04, 0.93, 0.03),
        ("stable non-forest", 0.96, 0.02, 0.96, 0.02),
    ],
)
def test_accuracies_are_those_of_the_paper(label, users, users_half, producers, producers_half):
    result = estimates(label)
    assert round(result.users_accuracy.value, 2) == users
    assert round(1.96 * result.users_accuracy.standard_error, 2) == users_half
    assert round(result.producers_accuracy.value, 2) == producers
    assert round(1.96 * result.producers_accuracy.standard_error, 2) == producers_half


@pytest.mark.parametrize(
    ("label", "hectares", "half"),
    [
        ("forest gain", 11_686, 3_756),
        ("stable forest", 285_770, 15_510),
        ("stable non-forest", 581_386, 16_282),
    ],
)
def test_areas_of_the_other_classes_are_those_of_the_paper(label, hectares, half):
    area = estimates(label).area
    assert area.value * PIXEL_HA == pytest.approx(hectares, abs=1)
    assert 1.96 * area.standard_error * PIXEL_HA == pytest.approx(half, abs=1)


def test_overall_accuracy_is_that_of_the_paper():
    overall = estimates("deforestation").overall_accuracy
    assert round(overall.value, 2) == 0.95
    assert round(1.96 * overall.standard_error, 2) == 0.02


def test_mapped_area_of_a_class_that_is_a_stratum_is_known_without_error():
    area = estimates("deforestation").mapped_area
    assert area.value == pytest.approx(200_000)
    assert area.standard_error == pytest.approx(0, abs=1e-6)


def test_producers_accuracy_by_the_papers_own_formula():
    """Equation 7, term by term, against the ratio estimator."""
    areas = np.array([PIXELS[name] for name in CLASSES])
    row_totals = COUNTS.sum(axis=1)
    shares = COUNTS / row_totals[:, None]
    column = (areas[:, None] * shares).sum(axis=0)
    for j, label in enumerate(CLASSES):
        producers = areas[j] * shares[j, j] / column[j]
        inside = (
            areas[j] ** 2 * (1 - producers) ** 2 * shares[j, j] * (1 - shares[j, j]) / (row_totals[j] - 1)
        )
        outside = sum(
            areas[i] ** 2 * shares[i, j] * (1 - shares[i, j]) / (row_totals[i] - 1)
            for i in range(4)
            if i != j
        )
        variance = (inside + producers**2 * outside) / column[j] ** 2
        got = estimates(label).producers_accuracy
        assert got.value == pytest.approx(producers, rel=1e-12)
        assert got.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_a_stratum_without_an_area_is_named():
    mapped, reference = sample()
    with pytest.raises(ValueError, match="without an area: forest gain"):
        stratified_accuracy(
            mapped,
            mapped,
            reference,
            {k: v for k, v in PIXELS.items() if k != "forest gain"},
            "deforestation",
        )


def test_a_stratum_of_one_unit_is_named():
    with pytest.raises(ValueError, match="fewer than two units: b"):
        stratified_accuracy(
            np.array(["a", "a", "b"]),
            np.array(["a", "a", "b"]),
            np.array(["a"] * 3),
            {"a": 1.0, "b": 2.0},
            "a",
        )
