from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from detect_made import fused, stack
from selvawatch.core.days import to_date
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.events.composite import after_composite, loss_composite
from selvawatch.prepare.observation_files import read_observation, read_rows, write_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.steps.tile import composite
from selvawatch.steps.tile.composite import ComposedState, EarlierComposite, composite_of

DAYS = [19_000 + 6 * number for number in range(90)]
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=12).tile("x0800y15000")
SHAPE = (12, 12)
NAMES = ("ndvi", "nbr", "mndwi")


@pytest.fixture
def made(monkeypatch, tmp_path):
    """Values by index and day, a store of their observations, and which days of it were read."""
    rng = np.random.default_rng(3)
    values = {name: rng.integers(-3000, 9000, (len(DAYS), *SHAPE)).astype(np.int16) for name in NAMES}
    cloud = rng.random((len(DAYS), *SHAPE)) < 0.5
    for one in values.values():
        one[cloud] = NODATA
    read = []

    for at, day in enumerate(DAYS):
        observation = Observation(
            day=day,
            stream="sentinel-2",
            values={name: one[at] for name, one in values.items()},
            scales=dict.fromkeys(NAMES, 1e-4),
            scene_ids=(str(day),),
            clear_share=0.5,
        )
        write_observation(observation, TILE, tmp_path)

    def whole(path):
        read.append(_day(path))
        return read_observation(path)

    def rows(paths, index, first_row, rows):
        assert index == "ndvi"
        read.extend(_day(path) for path in paths)
        return read_rows(paths, index, first_row, rows)

    monkeypatch.setattr(composite, "read_observation", whole)
    monkeypatch.setattr(composite, "read_rows", rows)
    store = SimpleNamespace(observations=lambda _: tmp_path)
    return SimpleNamespace(values=values, read=read, context=SimpleNamespace(site=SITE, store=store))


def _day(path):
    return next(day for day in DAYS if f"{to_date(day):%Y%m%d}" == path.stem)


SITE = SimpleNamespace(
    model=fused(),
    cause_rule=SimpleNamespace(measures=SimpleNamespace(looks=5)),
    event_rule=SimpleNamespace(loss_looks=4),
)
BASELINES = xr.Dataset(
    {
        "sentinel-2.ndvi.terms": (("t", "y", "x"), np.full((5, *SHAPE), 8000, np.int16)),
        "sentinel-2.ndvi.sigma": (("y", "x"), np.full(SHAPE, 300, np.int16)),
    }
)


def keys(count):
    return tuple(ObservationKey(day=day, stream="sentinel-2", scenes="") for day in DAYS[:count])


def state(count, onset, earlier=None):
    layers = xr.Dataset({"onset": (("y", "x"), onset.astype(np.uint16))})
    return ComposedState(observations=keys(count), layers=layers, earlier=earlier)


def after(count, onset, made):
    """Written from the description: all observations are read."""
    lately = [number for number in range(count) if DAYS[number] > DAYS[count - 1] - 365]
    days, since = np.array(DAYS), xr.DataArray(onset, dims=("y", "x"))
    found = {
        name: after_composite(stack(made.values[name][lately], days[lately], name), since, 5).to_numpy()
        for name in NAMES
    }
    then = loss_composite(stack(made.values["ndvi"][:count], days[:count], "ndvi"), since, 4).to_numpy()
    return found | {"fall": np.float32(8000) * np.float32(1e-4) - then}


def onsets(rng, count):
    return np.where(rng.random(SHAPE) < 0.5, 0, rng.choice(DAYS[: count - 1], SHAPE))


def test_a_composite_that_goes_on_is_that_of_all_observations_and_reads_the_new_ones_alone(made):
    rng = np.random.default_rng(4)
    onset = onsets(rng, 40)
    found, recent = composite_of(made.context, TILE, state(40, onset), BASELINES)
    for count in (42, 43, 60, 90):
        had = keys(count)[: len(keys(count)) - (count - {42: 40, 43: 42, 60: 43, 90: 60}[count])]
        earlier = EarlierComposite(
            observations=had, recent=recent, onset=onset, fall=found["fall"].to_numpy()
        )
        made.read.clear()
        newer = np.where((onset == 0) & (rng.random(SHAPE) < 0.2), DAYS[count - 3], onset)
        found, recent = composite_of(made.context, TILE, state(count, newer, earlier), BASELINES)
        assert made.read == DAYS[len(had) : count]
        onset = newer
        for name, wanted in after(count, onset, made).items():
            np.testing.assert_array_equal(found[name].to_numpy(), wanted, err_msg=f"{name} {count}")


def test_a_loss_that_is_dated_anew_long_ago_is_read_from_that_day_on(made):
    onset = np.zeros(SHAPE, np.int64)
    found, recent = composite_of(made.context, TILE, state(60, onset), BASELINES)
    earlier = EarlierComposite(
        observations=keys(60), recent=recent, onset=onset, fall=found["fall"].to_numpy()
    )
    made.read.clear()
    dated = onset.copy()
    dated[2, 3] = DAYS[30]
    found, _ = composite_of(made.context, TILE, state(62, dated, earlier), BASELINES)
    assert made.read == DAYS[60:62] + DAYS[30:62]
    for name, wanted in after(62, dated, made).items():
        np.testing.assert_array_equal(found[name].to_numpy(), wanted, err_msg=name)
