"""How good the demo's run was against the simulator's truth, beside a naive rule on the same observations."""

from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import rasterio.features
from scipy import ndimage

from selvawatch.core.days import to_day
from selvawatch.core.grid import Tile
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Status
from selvawatch.demo.layout import DemoLayout
from selvawatch.errors import StoreError
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.simulate import Cause
from selvawatch.store.folders import Store
from selvawatch.store.run_files import read_tracked
from selvawatch.store.tile_state import TileState, current_state, open_layers

NAIVE_NBR = 0.35
"""NBR under which the naive rule calls an observation loss; forest lies near 0.65, bare ground below 0.1."""

NAIVE_OBSERVATIONS = 2
"""Clear observations in a row that make the naive rule's loss."""

FRONT_HA = 0.5
"""Fronts above this size are counted."""

TOUCH = 0.1
"""Share of a front that alerts must cover before it counts as alerted, and of an event that must be loss."""

_EIGHT = np.ones((3, 3), np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Figures of one set of confirmed pixels against the truth."""

    tp: int
    """Lost pixels confirmed on or after the day of their loss."""
    fp: int
    """Confirmed pixels that were not lost, or confirmed before they were."""
    fn: int
    """Lost pixels not confirmed, or confirmed before they were lost."""
    fronts: int
    """Mining fronts above `FRONT_HA`."""
    fronts_alerted: int
    delay_days_median: float
    """Days from the loss of a pixel to its confirmation, median over true positives; NaN without any."""
    false_events: int
    """Confirmed events (patches of the minimum mapping unit for the naive rule) that are not loss."""
    km2_years: float
    """Forest watched, km2, times years."""

    @property
    def f1(self) -> float:
        """F1 of confirmed loss pixels."""
        return 2 * self.tp / max(1, 2 * self.tp + self.fp + self.fn)

    @property
    def false_events_per_100_km2_year(self) -> float:
        """False events per 100 km2 and year."""
        return 100 * self.false_events / self.km2_years

    def line(self, name: str) -> str:
        """The figures as one line for people."""
        return (
            f"{name}: F1 {self.f1:.3f} (TP {self.tp}, FP {self.fp}, FN {self.fn}),"
            f" mining fronts over {FRONT_HA} ha alerted {self.fronts_alerted} of {self.fronts},"
            f" median delay {self.delay_days_median:.0f} days,"
            f" false events {self.false_events_per_100_km2_year:.2f} per 100 km2 and year"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    lost_on: np.ndarray
    """(y, x) day of loss of forest during the monitoring; 0 elsewhere."""
    forest: np.ndarray
    """(y, x) bool: forest when the monitoring began."""
    front: np.ndarray
    """(y, x) number of the front."""
    fronts: gpd.GeoDataFrame


def score_demo(layout: DemoLayout) -> tuple[Score, Score]:
    """The run's score and the naive rule's; StoreError when the demo has not been run."""
    store = Store(layout.store)
    state, current = current_state(store, layout.tile.id), store.ledger.current()
    if state is None or current is None:
        raise StoreError("the demo has no committed run", where=layout.store, do="run `selvawatch demo`")
    truth = _read_truth(layout)
    layers = open_layers(store, layout.tile.id, state.state)
    status = layers["status"].to_numpy()
    concluded = (status == Status.CONFIRMED) | (status == Status.CLOSED)
    every = read_tracked(store.run(current.run_id)).events
    live = every[every["status"] != "withdrawn"]
    confirmed = live[live["status"] != "provisional"]
    alerted = _event_labels(live, layout.tile) > 0
    confirmed_on = np.where(concluded & alerted, layers["confirmed_on"].to_numpy().astype(np.int64), 0)
    ours = _score(truth, confirmed_on, _event_labels(confirmed, layout.tile), len(confirmed), alerted, layout)
    naive_on = _naive(store, layout, state, truth.forest)
    patches, count = ndimage.label(naive_on > 0, _EIGHT)
    sizes = np.bincount(patches.ravel(), minlength=count + 1)
    sizes[0] = 0
    large = sizes * layout.tile.grid.pixel_ha >= 0.1
    numbers = np.where(large, np.cumsum(large), 0)
    return ours, _score(truth, naive_on, numbers[patches], int(large.sum()), naive_on > 0, layout)


def _score(
    truth: _Truth,
    confirmed_on: np.ndarray,
    labels: np.ndarray,
    events: int,
    alerted: np.ndarray,
    layout: DemoLayout,
) -> Score:
    lost, confirmed = truth.lost_on > 0, confirmed_on > 0
    right = lost & confirmed & (confirmed_on >= truth.lost_on)
    inside = np.bincount(labels.ravel(), minlength=events + 1)[1:]
    true = np.bincount(labels[lost], minlength=events + 1)[1:]
    fronts = truth.fronts[
        (truth.fronts["cause"] == Cause.MINING.name.lower()) & (truth.fronts["ha"] > FRONT_HA)
    ]
    hit = 0
    for number in fronts["front_id"]:
        front_pixels = (truth.front == number) & lost
        hit += bool(front_pixels.any() and alerted[front_pixels].mean() >= TOUCH)
    years = (layout.plan.days[2] - layout.plan.days[1] + 1) / 365.25
    delay = (confirmed_on - truth.lost_on)[right]
    return Score(
        tp=int(right.sum()),
        fp=int((confirmed & ~right).sum()),
        fn=int((lost & ~right).sum()),
        fronts=len(fronts),
        fronts_alerted=hit,
        delay_days_median=float(np.median(delay)) if delay.size else float("nan"),
        false_events=int((true < TOUCH * inside).sum()),
        km2_years=float(truth.forest.sum()) * layout.tile.grid.pixel_ha / 100 * years,
    )


def _read_truth(layout: DemoLayout) -> _Truth:
    folder = layout.simulated.truth
    start = layout.plan.days[1]
    onset = _read(folder / "onset.tif").astype(np.int64)
    forest = _read(folder / "forest.tif") == 1
    fronts = gpd.read_parquet(folder / "fronts.parquet")
    fronts = fronts[fronts["last_onset"].map(lambda day: to_day(np.datetime64(day))) >= start]
    return _Truth(
        lost_on=np.where(forest & (onset >= start), onset, 0),
        forest=forest,
        front=_read(folder / "front.tif"),
        fronts=fronts,
    )


def _read(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return np.asarray(file.read(1))


def _event_labels(events: gpd.GeoDataFrame, tile: Tile) -> np.ndarray:
    """Number of the event on each pixel from 1, 0 = none; pixel centres decide."""
    side = tile.grid.tile_px
    shapes = [(shape, number) for number, shape in enumerate(events.geometry, 1)]
    if not shapes:
        return np.zeros((side, side), np.int32)
    return np.asarray(
        rasterio.features.rasterize(shapes, (side, side), transform=tile.transform, dtype="int32")
    )


def _naive(store: Store, layout: DemoLayout, state: TileState, forest: np.ndarray) -> np.ndarray:
    """Day on which the naive rule calls a pixel lost, 0 = never: clear observations in a row under a fixed
    NBR.
    """
    side = layout.tile.grid.tile_px
    run = np.zeros((side, side), np.int8)
    found = np.zeros((side, side), np.int64)
    for key in state.observations:
        observation = read_observation(
            observation_path(store.observations(layout.tile.id), key.stream, key.day)
        )
        if "nbr" not in observation.values:
            continue
        stored = observation.values["nbr"]
        seen = stored != NODATA
        low = seen & (stored < NAIVE_NBR / observation.scales["nbr"])
        run = np.where(low, np.minimum(run + 1, NAIVE_OBSERVATIONS), np.where(seen, 0, run)).astype(np.int8)
        found = np.where((found == 0) & low & (run >= NAIVE_OBSERVATIONS) & forest, key.day, found)
    return found
