"""When events began: days that agree, from the pixels already lost at the first detection."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_tiles import DAY, GROUND, RULE, TILE, run, state
from made_schedules import ground
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.status import Confidence, Status
from selvawatch.core.tables import EVENTS
from selvawatch.events.beginning import agreed
from selvawatch.events.detected import detect_events


def assert_days_agree(events: pd.DataFrame, until: int) -> None:
    """Began after A and by B, B by the first detection, that by the confirmation, that by the last day."""
    earliest, confirmed = events["onset_earliest"], events["confirmed_on"]
    assert (earliest.isna() | (earliest < events["onset_latest"])).all()
    assert (events["onset"] == events["onset_latest"]).all()
    assert (events["onset_latest"] <= events["first_detected"]).all()
    assert (confirmed.isna() | (confirmed >= events["first_detected"])).all()
    last = events[["first_detected", "confirmed_on", "last_grown"]].max(axis=1)
    assert (last <= pd.Timestamp(until, unit="D")).all()
    assert (events["last_grown"] >= events["onset_latest"]).all()


def days(row, *names):
    return [None if pd.isna(row[name]) else (row[name] - pd.Timestamp(0)).days - DAY for name in names]


def test_growth_after_the_first_detection_moves_no_beginning():
    (row,) = run("AA.. AAbb ...b").events.to_dict("records")
    assert days(row, "onset_earliest", "onset", "onset_latest", "first_detected") == [-7, 0, 0, 5]
    assert days(row, "last_grown") == [30]


def test_a_run_of_evidence_that_began_anew_is_capped_by_the_first_detection():
    drawn = state(TILE, "AA.. AA..")
    for name in ("onset", "onset_latest"):
        drawn[name].values[:2, :2] = DAY + 20
    drawn["onset_earliest"].values[:2, :2] = DAY + 14
    drawn["detected_on"].values[:2, :2] = DAY + 5
    (row,) = detected(drawn).events.to_dict("records")
    names = ("onset_earliest", "onset_latest", "first_detected", "confirmed_on", "last_grown")
    assert days(row, *names) == [None, 5, 5, 12, 20]


def test_the_bound_before_is_that_of_the_pixel_not_seen_for_longest_among_those_lost_first():
    drawn = state(TILE, "AA.. AA..")
    drawn["onset_earliest"].values[0, 0] = DAY - 20
    drawn["onset_earliest"].values[0, 1] = 0
    drawn["onset_earliest"].values[1, 0] = DAY - 90
    drawn["onset"].values[1, 0] = drawn["onset_latest"].values[1, 0] = DAY + 3
    (row,) = detected(drawn).events.to_dict("records")
    assert days(row, "onset_earliest", "onset_latest") == [-20, 0]


def test_a_part_confirmed_before_the_event_was_seen_moves_no_confirmation_before_it():
    drawn = state(TILE, "AAA. AAA.")
    drawn["confirmed_on"].values[:2, :3] = DAY + 2
    (row,) = detected(drawn).events.to_dict("records")
    assert days(row, "first_detected", "confirmed_on") == [5, 5]


def test_what_an_earlier_version_published_is_brought_to_days_that_agree():
    events = run("AA.. AA..").events
    old = events.assign(
        onset=pd.Timestamp(DAY + 40, unit="D"),
        onset_earliest=pd.Timestamp(DAY + 30, unit="D"),
        onset_latest=pd.Timestamp(DAY + 50, unit="D"),
        confirmed_on=pd.Timestamp(DAY, unit="D"),
    )
    mended = EVENTS.check(agreed(old))
    assert_days_agree(mended, DAY + 60)
    assert days(mended.iloc[0], "onset_earliest", "onset_latest", "confirmed_on") == [None, 5, 5]


def detected(drawn, until=DAY + 60):
    return detect_events(None, {TILE: drawn}, GROUND, RULE, until, {})


@st.composite
def histories(draw):
    """A tile's state of random days; a pixel is confirmed and withdrawn after it is provisional."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (TILE.grid.tile_px, TILE.grid.tile_px)
    layers = {name: layer.empty(shape) for name, layer in LAYERS.items()}
    layers["status"][:] = 0
    lost = rng.random(shape) < draw(st.floats(0.05, 0.9))
    status = rng.choice([Status.PROVISIONAL, Status.CONFIRMED, Status.WITHDRAWN, Status.CLOSED], shape)
    detected_on = DAY + rng.integers(0, 90, shape)
    again = detected_on + rng.integers(0, 40, shape) * (rng.random(shape) < 0.3)
    onset = np.where(rng.random(shape) < 0.7, detected_on - rng.integers(0, 30, shape), again)
    gap = rng.integers(0, 60, shape)
    later = again + rng.integers(0, 30, shape)
    values = {
        "status": status,
        "confidence": np.where(status == Status.PROVISIONAL, Confidence.LOW, Confidence.HIGH),
        "onset": np.where(status == Status.WITHDRAWN, again, onset),
        "onset_latest": np.where(status == Status.WITHDRAWN, again, onset),
        "onset_earliest": np.where((status == Status.WITHDRAWN) | (gap == 0), 0, onset - gap),
        "detected_on": detected_on,
        "provisional_on": again,
        "confirmed_on": np.where(np.isin(status, (Status.CONFIRMED, Status.CLOSED)), later, 0),
        "withdrawn_on": np.where(status == Status.WITHDRAWN, later, 0),
        "looks": np.full(shape, 3),
    }
    for name, drawn in values.items():
        layers[name][lost] = drawn.astype(layers[name].dtype)[lost]
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


@settings(max_examples=40, deadline=None)
@given(drawn=histories())
def test_the_days_of_every_event_agree_whatever_its_pixels_say(drawn):
    until = DAY + 200
    assert_days_agree(detected(drawn, until).events, until)


@pytest.mark.parametrize("seed", [4, 7])
def test_the_days_of_every_event_agree_in_every_run_of_a_history(seed):
    made = ground(seed, last=200)
    for day, found in zip(made.days[::5], made.run(made.days[::5]), strict=True):
        assert_days_agree(found.events, day)
