"""What is provisional for longer than the rule keeps it is withdrawn as expired."""

from dataclasses import replace

import numpy as np
import pytest

from drawn_tiles import DAY, RULE, TILE, run, state
from selvawatch.core.raster_layers import LAYERS
from selvawatch.events.patches import alert_pixels, with_expired_layers, with_expired_pixels

KEPT = replace(RULE, expire_after_days=60)
LAST = DAY + 5 + KEPT.expire_after_days
"""Last day of what became provisional on `DAY` + 5, as `a` of a drawing."""


def row_of(drawn, until, previous=None):
    (row,) = run(drawn, previous, until, KEPT).events.to_dict("records")
    return row


def test_a_provisional_event_expires_on_the_day_after_its_time():
    assert row_of("aa aa", LAST)["status"] == "provisional"
    row = row_of("aa aa", LAST + 1)
    assert (row["status"], row["withdrawn_reason"], row["cause"]) == ("withdrawn", "expired", "unknown")
    assert len(run("aa aa", None, LAST + 1, KEPT).cells) == 0


def test_a_rule_without_a_time_lets_nothing_expire():
    assert run("aa aa", until=DAY + 5000).events["status"].iloc[0] == "provisional"


def test_expiry_is_a_new_version_once_and_then_stable():
    first = run("aa aa", None, LAST, KEPT)
    gone = run("aa aa", first.tracked, LAST + 1, KEPT)
    later = run("aa aa", gone.tracked, LAST + 30, KEPT)
    found = [
        (row["event_id"], row["version"], row["change"])
        for one in (first, gone, later)
        for row in one.events.to_dict("records")
    ]
    name = found[0][0]
    assert found == [(name, 1, "new"), (name, 2, "withdrawn"), (name, 2, "stable")]


def test_an_event_that_is_confirmed_after_it_expired_goes_on_under_its_id():
    first = run("aa aa", None, LAST, KEPT)
    gone = run("aa aa", first.tracked, LAST + 1, KEPT)
    back = run("AA AA", gone.tracked, LAST + 20, KEPT)
    (name,) = first.events["event_id"]
    row = back.events.iloc[0]
    assert (row["event_id"], row["status"], row["change"], row["version"]) == (name, "confirmed", "new", 3)
    assert row["first_detected"] == first.events["first_detected"].iloc[0]


def test_what_grows_on_beside_pixels_that_expired_keeps_the_id():
    (name,) = run("aaa aaa", None, LAST, KEPT).events["event_id"]
    later = run("aaacc aaacc", None, LAST + 20, KEPT).events
    assert list(later["event_id"]) == [name]
    assert later["ha"].iloc[0] == pytest.approx(0.04, rel=2e-3), "of the pixels that did not expire"


def test_provisional_pixels_of_a_confirmed_event_expire_and_it_stays():
    whole, rest = (run("AAaa AAaa", None, until, KEPT).events.iloc[0] for until in (LAST, LAST + 1))
    assert (whole["status"], rest["status"]) == ("confirmed", "confirmed")
    assert rest["ha"] == pytest.approx(whole["ha"] / 2, rel=1e-3)


@pytest.mark.parametrize(
    ("drawn", "reason"),
    [("aaa a-a", "expired"), ("-a- --a", "forest-seen"), ("A-a Aaa", "below-minimum")],
)
def test_an_event_is_withdrawn_by_what_most_of_it_went_by_unless_enough_is_confirmed(drawn, reason):
    assert row_of(drawn, LAST + 1)["withdrawn_reason"] == reason


def test_layers_and_events_say_the_same_of_what_expired():
    drawn = state(TILE, "aabb AA-b")
    for until in (LAST, LAST + 1, LAST + 30, LAST + 31):
        shown = alert_pixels({TILE: with_expired_layers(drawn, KEPT, until)})
        tracked = with_expired_pixels(alert_pixels({TILE: drawn}), KEPT, until)
        for name in ("status", "confidence", "provisional_on", "withdrawn_on", "confirmed_on"):
            assert np.array_equal(getattr(shown, name), getattr(tracked, name)), name
    expired = with_expired_layers(drawn, KEPT, LAST + 1)
    assert {name: values.dtype for name, values in expired.items()} == {
        name: np.dtype(layer.dtype) for name, layer in LAYERS.items()
    }
    assert expired["withdrawn_on"].values[0, :3].tolist() == [LAST + 1, LAST + 1, 0]
    assert expired["onset"].values[0, 0] == expired["provisional_on"].values[0, 0]


def test_a_negative_time_is_refused():
    with pytest.raises(ValueError, match="expire_after_days"):
        replace(RULE, expire_after_days=-1)
