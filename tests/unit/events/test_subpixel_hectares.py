"""Hectares of an event by the share of each of its pixels that was lost."""

import numpy as np
import pytest

from drawn_tiles import DAY, GRID, GROUND, RULE, TILE, run, state
from selvawatch.events.detected import detect_events

PIXEL_HA = GRID.resolution**2 / 10_000
ALL_SURE = ["......", ".AAAA.", ".AAAA.", ".AAAA.", ".AAAA.", "......"]


def event(fall, drawn=ALL_SURE):
    """The one event of sixteen detected pixels with these falls, (4, 4)."""
    falls = np.full((GRID.tile_px, GRID.tile_px), np.nan, np.float32)
    falls[1:5, 1:5] = fall
    layers = state(TILE, " ".join(drawn)).assign(fall=(("y", "x"), falls))
    return detect_events(None, {TILE: layers}, GROUND, RULE, DAY + 60, {}).events.iloc[0]


def test_a_rim_counts_by_its_fall_whether_it_is_part_of_the_outline_or_not():
    fall = np.full((4, 4), 0.6, np.float32)
    fall[0, :] = 0.15
    fall[:, 3] = 0.45
    row = event(fall)
    assert row["ha"] == pytest.approx(13 * PIXEL_HA, rel=2e-3)
    assert row["ha_subpixel"] / row["ha"] == pytest.approx((9 + 4 * 0.75 + 3 * 0.25) / 13)


def test_a_pixel_within_counts_whole_whatever_it_became_and_one_of_the_rim_does_not():
    fall = np.full((4, 4), 0.6, np.float32)
    fall[1:3, 1:3] = 0.45
    assert event(fall)["ha_subpixel"] / event(fall)["ha"] == pytest.approx(1.0)
    fall[0, :] = 0.45
    assert event(fall)["ha_subpixel"] / event(fall)["ha"] == pytest.approx((12 + 4 * 0.75) / 16)


def test_a_pixel_that_fell_no_more_than_noise_counts_nothing():
    fall = np.full((4, 4), 0.6, np.float32)
    fall[0, :] = 0.09
    row = event(fall)
    assert row["ha_subpixel"] / row["ha"] == pytest.approx(1.0)


def test_a_pond_counts_no_more_than_its_pixels_and_makes_no_soil_beside_it_less():
    fall = np.full((4, 4), 1.0, np.float32)
    fall[0, :] = 0.65
    row = event(fall)
    assert row["ha_subpixel"] / row["ha"] == pytest.approx(1.0)


def test_a_pixel_of_the_outline_that_was_not_measured_counts_whole():
    fall = np.full((4, 4), 0.6, np.float32)
    fall[0, :] = 0.3 + 1e-4
    fall[3, :] = np.nan
    row = event(fall)
    assert row["ha_subpixel"] / row["ha"] == pytest.approx(14 / 16, rel=1e-3)


@pytest.mark.parametrize(("measured", "is_known"), [(8, True), (7, False), (0, False)])
def test_it_is_empty_where_less_than_half_of_the_pixels_were_measured(measured, is_known):
    fall = np.full(16, np.nan, np.float32)
    fall[:measured] = 0.6
    assert np.isfinite(event(fall.reshape(4, 4))["ha_subpixel"]) == is_known


def test_it_is_empty_of_a_withdrawn_event_however_its_pixels_fell():
    fall = np.full((4, 4), 0.6, np.float32)
    row = event(fall, drawn=[line.replace("A", "-") for line in ALL_SURE])
    assert row["status"] == "withdrawn" and np.isnan(row["ha_subpixel"])


def test_a_pixel_that_was_withdrawn_since_is_none_of_it():
    fall = np.full((4, 4), 0.6, np.float32)
    row = event(fall, drawn=["......", ".AAAA.", ".AAAA.", ".AAAA.", ".aaa-.", "......"])
    assert row["ha_subpixel"] / row["ha"] == pytest.approx(1.0) and row["ha"] == pytest.approx(
        15 * PIXEL_HA, rel=2e-3
    )


def test_it_is_empty_where_nothing_was_measured():
    assert run("AAA AAA").events["ha_subpixel"].isna().all()
