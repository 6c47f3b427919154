"""Which days the pictures of an alert may be of."""

from types import SimpleNamespace

import pandas as pd
import pytest

from selvawatch.core.days import to_date, to_day
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.steps.run import pictures


def record(day):
    return SceneRecord(scene_id=day, sensor="sentinel-2", day=to_day(day), stream="sentinel-2", state="read")


RECORDS = [
    record(day)
    for day in (
        "2024-01-05",
        "2024-02-05",
        "2024-02-20",
        "2024-03-10",
        "2024-05-01",
        "2024-06-20",
        "2024-07-30",
    )
]


def days_of(monkeypatch, **columns):
    """Moment and day of each picture, where the nearest observation is always clear."""
    alert = {
        "status": "confirmed",
        "onset_earliest": "2024-02-10",
        "first_detected": "2024-02-20",
        "confirmed_on": "2024-03-08",
        "last_grown": "2024-02-20",
    }
    days = {
        name: value if name == "status" else pd.Timestamp(value) for name, value in (alert | columns).items()
    }

    def nearest(*given):
        moment, records, day = given[-3:]
        if not records:
            return None
        best = min(records, key=lambda found: abs(found.day - day))
        return SimpleNamespace(moment=moment, record=best, plain=SimpleNamespace(index=""))

    monkeypatch.setattr(pictures, "_best", nearest)
    shots = pictures._shots(None, None, None, RECORDS, {}, pd.Series(days))
    return {shot.moment: to_date(shot.record.day).isoformat() for shot in shots}


def test_the_picture_before_is_of_forest_and_that_after_near_the_confirmation(monkeypatch):
    assert days_of(monkeypatch) == {"before": "2024-02-05", "after": "2024-03-10"}
    provisional = days_of(monkeypatch, status="provisional", confirmed_on=None)
    assert provisional == {"before": "2024-02-05", "after": "2024-02-20"}


@pytest.mark.parametrize("status", ["provisional", "confirmed"])
def test_an_alert_that_grew_since_has_one_of_now_and_that_is_the_newest(status, monkeypatch):
    found = days_of(monkeypatch, status=status, last_grown="2024-06-01")
    assert found == {"before": "2024-02-05", "after": "2024-03-10", "now": "2024-07-30"}


def test_a_closed_alert_and_one_that_did_not_grow_since_have_none_of_now(monkeypatch):
    assert "now" not in days_of(monkeypatch, status="closed", last_grown="2024-06-01")
    assert "now" not in days_of(monkeypatch, last_grown="2024-03-09")


def test_without_a_last_day_of_forest_the_picture_before_is_of_before_the_detection(monkeypatch):
    found = days_of(monkeypatch, onset_earliest=None, first_detected="2024-02-05")
    assert found["before"] == "2024-01-05"
    assert days_of(monkeypatch, onset_earliest=None, first_detected="2024-01-05") == {}
