"""What fell far but slowly is said, and is no alert; what falls at once is not slowed by it."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from test_slow_fall import RULE, SIDE, after, dying, state_after

from selvawatch.core.grid import Grid
from selvawatch.core.status import Reason, Status
from selvawatch.detect import fusion
from selvawatch.detect.dieback import fell_slowly
from selvawatch.detect.kernels.fusion import REASON_SHIFT
from selvawatch.detect.shift_rule import CommonShift, Dieback
from selvawatch.events.patches import alert_pixels
from selvawatch.write.encodings import dist_status, gfw_date_conf, radd_alert

SILENT = replace(RULE, dieback=None)
DAYS = ("onset", "onset_earliest", "onset_latest", "detected_on", "provisional_on", "confirmed_on")


def share(layers, status):
    return (layers["status"].to_numpy() == status).mean()


def growing(day):
    """A mine of ten by ten pixels that takes one pixel after the other, one in two days."""
    fall = np.zeros((SIDE, SIDE))
    count = min(max(0, (day - 96) // 2), 100)
    fall[8 + np.arange(count) // 10, 8 + np.arange(count) % 10] = 0.4
    return fall


def test_what_dies_over_months_is_said_to_and_changes_no_other_layer():
    state = state_after(dying)
    said, silent = fusion.layers(state, RULE), fusion.layers(state, SILENT)
    assert share(said, Status.DIEBACK) > 0.9
    dies = said["status"] == Status.DIEBACK
    assert (silent["status"].to_numpy()[dies.to_numpy()] == Status.NONE).all()
    xr.testing.assert_identical(said["status"].where(~dies), silent["status"].where(~dies))
    xr.testing.assert_identical(said.drop_vars("status"), silent.drop_vars("status"))


def test_what_dies_is_no_alert_has_no_day_and_enters_no_event():
    layers = after(dying)
    dies = layers["status"].to_numpy() == Status.DIEBACK
    assert not any(layers[name].to_numpy()[dies].any() for name in DAYS)
    for encoded in (gfw_date_conf, radd_alert, dist_status):
        assert not encoded(layers).to_numpy()[dies].any()
    grid = Grid(crs="EPSG:32719", resolution=30.0, tile_px=SIDE)
    pixels = alert_pixels({grid.tile("x0000y0000"): layers})
    assert len(pixels.row) == np.isin(layers["status"], (1, 2, 3, 4)).sum() < dies.sum()


def test_forest_that_stands_or_that_noise_moves_does_not_die_back():
    for seed in range(3):
        assert share(after(lambda _: np.zeros((SIDE, SIDE)), seed=seed), Status.DIEBACK) == 0


def test_a_single_pixel_that_falls_slowly_among_forest_does_not_die_back():
    def lonely(day):
        return np.where(np.indices((SIDE, SIDE)).sum(axis=0) == SIDE, dying(day), 0.0)

    assert share(after(lonely), Status.DIEBACK) == 0


def test_what_died_back_is_confirmed_where_it_falls_at_once_later():
    def both(day):
        fall = dying(day)
        fall[8:24, 8:24] += 0.45 if day >= 200 else 0.0
        return fall

    inner = {"y": slice(9, 23), "x": slice(9, 23)}
    assert share(after(both, days=200).isel(inner), Status.DIEBACK) > 0.9
    later = after(both).isel(inner)
    assert share(later, Status.CONFIRMED) > 0.98
    assert (later["onset"].to_numpy() > 0).all()


def test_what_grows_green_again_no_longer_dies_back():
    def back(day):
        return dying(day) if day < 240 else 0.2 * np.full((SIDE, SIDE), max(0.0, 1 - (day - 240) / 240))

    assert share(after(back, days=240), Status.DIEBACK) > 0.9
    assert share(after(back, days=560), Status.DIEBACK) == 0


def test_a_mine_that_grows_pixel_by_pixel_is_confirmed_on_the_same_days_and_never_dies_back():
    unfollowed = replace(RULE, slow=None)
    followed, plain = after(growing), after(growing, unfollowed)
    mine = growing(360) > 0
    assert (followed["status"].to_numpy()[mine] == Status.CONFIRMED).all()
    np.testing.assert_array_equal(
        followed["confirmed_on"].to_numpy()[mine], plain["confirmed_on"].to_numpy()[mine]
    )
    for days in range(96, 360, 24):
        assert share(after(growing, days=days), Status.DIEBACK) == 0


def made_state(seed):
    rng = np.random.default_rng(seed)
    reason = np.where(rng.random((9, 11)) < 0.2, Reason.UNSTABLE_HISTORY, Reason.MONITORED)
    flags = (reason << REASON_SHIFT).astype(np.uint8)
    levels = {name: rng.integers(-300, 1200, (9, 11)).astype(np.int16) for name in ("slow_ndvi", "slow_nbr")}
    return xr.Dataset({name: (("y", "x"), values) for name, values in {"flags": flags, **levels}.items()})


@pytest.mark.parametrize("seed", range(5))
def test_dieback_is_the_rule_in_plain_python(seed):
    state, rule = made_state(seed), RULE.dieback
    watched = (state["flags"].to_numpy() >> REASON_SHIFT) == Reason.MONITORED
    found = fell_slowly(state, rule)
    for row, column in np.ndindex(found.shape):
        near = np.s_[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        expected = bool(watched[row, column])
        for name, least in rule.together.items():
            level = state[f"slow_{name}"].to_numpy() / 1e4
            expected &= level[row, column] >= rule.share * least - 1e-9
            expected = expected and level[near][watched[near]].mean() >= least - 1e-9
        assert found[row, column] == expected
    assert 0 < found.mean() < 1


def test_a_pixel_of_a_window_dies_back_as_in_the_image_it_was_cut_from():
    state = made_state(7)
    whole = fell_slowly(state, RULE.dieback)
    part = fell_slowly(state.isel(y=slice(2, 8), x=slice(3, 10)), RULE.dieback)
    np.testing.assert_array_equal(part[1:-1, 1:-1], whole[3:7, 4:9])


def test_what_is_said_of_slow_falls_decides_no_sum():
    assert SILENT.deciding == RULE.deciding
    assert replace(RULE, slow=replace(RULE.slow, least=0.006)).deciding != RULE.deciding
    xr.testing.assert_identical(state_after(dying, SILENT), state_after(dying))


@pytest.mark.parametrize(
    "wrong",
    [
        {"together": {}},
        {"together": {"mndwi": 0.03}},
        {"together": {"nbr": 0.0}},
        {"share": 1.2},
        {"share": -0.1},
    ],
)
def test_numbers_that_noise_would_reach_or_no_state_holds_are_refused(wrong):
    with pytest.raises(ValueError, match=r"together|share"):
        replace(RULE.dieback, **wrong)


def test_an_index_that_is_not_followed_is_refused():
    slow = replace(RULE.slow, rates={"nbr": 0.0015})
    with pytest.raises(ValueError, match=r"together names \['ndvi'\]"):
        replace(RULE, slow=slow)
    alone = Dieback(together={"nbr": 0.05}, share=0.6)
    assert isinstance(replace(RULE, slow=slow, dieback=alone), CommonShift)
