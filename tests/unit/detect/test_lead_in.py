"""What falls in the last days of a history is lost before the monitoring, with its day, and never new."""

from dataclasses import replace

import numpy as np
import pytest

from detect_made import START, fused, monitored, observation, quiet_baselines
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.detect import fusion

MODEL = fused()
SOIL = {"ndvi": 2000, "nbr": -500}
LEAD, WATCHED = range(-80, 0, 8), range(4, 100, 8)


def layers_of(lost_from, lost_until=1_000, lead=LEAD):
    """The layers of one pixel of soil between two days, in days since the monitoring began."""

    def seen(days):
        return [observation(START + day, **(SOIL if lost_from <= day < lost_until else {})) for day in days]

    state = fusion.start(MODEL, monitored((1, 1)), resolution=30.0, monitored_from=START)
    state = fusion.uncounted(fusion.advance(MODEL, quiet_baselines((1, 1)), state, seen(lead)))
    layers = fusion.layers(fusion.advance(MODEL, quiet_baselines((1, 1)), state, seen(WATCHED)))
    return {name: int(layers[name][0, 0]) for name in layers}


@pytest.mark.parametrize("lost_from", [-40, -16, -8])
def test_a_loss_first_seen_in_the_history_is_not_monitored_and_has_its_day(lost_from):
    found = layers_of(lost_from)
    assert (found["status"], found["reason"]) == (Status.NODATA, Reason.LOST_BEFORE)
    assert found["confidence"] == 255
    assert found["onset"] == found["onset_latest"] == START + lost_from
    assert found["onset_earliest"] == START + lost_from - 8
    assert [found[name] for name in ("detected_on", "provisional_on", "confirmed_on")] == [0, 0, 0]


def test_the_same_loss_would_be_new_if_the_history_were_not_watched():
    found = layers_of(-40, lead=())
    assert (found["status"], found["onset"]) == (Status.CONFIRMED, START + 4)


def test_a_loss_between_the_last_day_of_the_history_and_the_first_of_the_monitoring_is_an_alert_with_both():
    found = layers_of(0)
    assert (found["status"], found["reason"]) == (Status.CONFIRMED, Reason.MONITORED)
    assert (found["onset_earliest"], found["onset"]) == (START - 8, START + 4)
    assert START <= found["detected_on"] < found["confirmed_on"]


def test_what_was_suspect_in_the_history_and_is_forest_has_no_status_and_no_day():
    found = layers_of(-8, 0)
    assert (found["status"], found["confidence"]) == (Status.NONE, Confidence.NONE)
    assert [found[name] for name in ("onset", "provisional_on", "withdrawn_on", "detected_on")] == [0] * 4


def test_a_loss_after_what_was_suspect_in_the_history_is_dated_in_the_monitoring():
    lost = {-8, *(day for day in WATCHED if day >= 44)}
    state = fusion.start(MODEL, monitored((1, 1)), resolution=30.0, monitored_from=START)
    baselines = quiet_baselines((1, 1))
    lead, watched = (
        [observation(START + day, **(SOIL if day in lost else {})) for day in days]
        for days in (LEAD, WATCHED)
    )
    layers = fusion.layers(
        fusion.advance(
            MODEL, baselines, fusion.uncounted(fusion.advance(MODEL, baselines, state, lead)), watched
        )
    )
    assert int(layers["status"][0, 0]) == Status.CONFIRMED
    assert int(layers["onset"][0, 0]) == int(layers["detected_on"][0, 0]) == START + 44


def test_observations_of_the_history_are_not_counted_among_those_of_the_monitoring():
    state = fusion.start(MODEL, monitored((2, 2)), resolution=30.0, monitored_from=START)
    looks = [observation(START + day, shape=(2, 2)) for day in LEAD]
    layers = fusion.layers(fusion.uncounted(fusion.advance(MODEL, quiet_baselines((2, 2)), state, looks)))
    assert not np.any(layers["looks_total"]) and not np.any(layers["last_look"])


def test_a_negative_number_of_watched_days_is_refused():
    with pytest.raises(ValueError, match="lead_days"):
        replace(MODEL, lead_days=-1)


def state_of(**values):
    """The state of one pixel, made up: what is not given is 0."""
    state = fusion.start(MODEL, monitored((1, 1)), resolution=30.0, monitored_from=START)
    return state.assign(
        {name: (("y", "x"), np.full((1, 1), value, state[name].dtype)) for name, value in values.items()}
    )


def test_an_alert_that_was_told_of_stays_one_whatever_run_confirms_it():
    days = {"since_joint": START - 10, "gap_joint": 5, "provisional_on": START + 3, "detected_on": START + 3}
    run = {"since_optical": START + 3, "sum_optical": 60, "sum_joint": 80}
    told = fusion.layers(state_of(**days, **run, flags=int(Status.PROVISIONAL)))
    assert (int(told["status"][0, 0]), int(told["onset"][0, 0])) == (Status.PROVISIONAL, START + 3)
    without = fusion.layers(state_of(**days, sum_joint=80, flags=int(Status.PROVISIONAL)))
    assert (int(without["status"][0, 0]), int(without["onset"][0, 0])) == (Status.PROVISIONAL, START)
    found = fusion.layers(state_of(**days, **run, decided_on=START + 8, flags=int(Status.CONFIRMED)))
    assert (int(found["status"][0, 0]), int(found["onset"][0, 0])) == (Status.CONFIRMED, START)
    assert int(found["onset_earliest"][0, 0]) == START - 15


def test_what_was_suspect_in_the_history_and_fell_in_the_monitoring_is_an_alert_of_the_day_it_was_confirmed():
    days = {"provisional_on": START - 9, "detected_on": START - 9, "decided_on": START + 30}
    layers = fusion.layers(state_of(**days, since_joint=START + 20, flags=int(Status.CONFIRMED)))
    assert int(layers["status"][0, 0]) == Status.CONFIRMED
    assert [int(layers[name][0, 0]) for name in ("onset", "detected_on", "confirmed_on")] == [
        START + 20,
        START + 30,
        START + 30,
    ]


def test_what_was_suspect_in_the_history_is_never_shown_as_withdrawn():
    days = {"provisional_on": START - 9, "detected_on": START - 9, "decided_on": START + 9}
    layers = fusion.layers(state_of(**days, flags=int(Status.WITHDRAWN)))
    assert int(layers["status"][0, 0]) == Status.NONE and not layers["withdrawn_on"].any()
