"""Practice events: a simulated landscape seen through simulated skies, with the true cause of every event.

The detector is replaced by a plain one (a lost pixel is found at its first clear observation and confirmed at
its second), so that a cause rule can be calibrated in minutes and apart from the detector's own numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.grid import Tile
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.stack import NODATA, UNIT_SCALE, encode
from selvawatch.events.composite import after_composite
from selvawatch.events.detected import Detected, detect_events
from selvawatch.events.features import Measures, Reference, features
from selvawatch.events.patches import EventFrame, EventRule
from selvawatch.simulate.archive.all_scenes import Studio
from selvawatch.simulate.archive.truth import truth_of
from selvawatch.simulate.noise import generator
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.sky.optical import observe, sentinel2_assets
from selvawatch.simulate.spectra import BANDS
from selvawatch.simulate.terrain.causes import Cause
from selvawatch.simulate.terrain.landscape import Landscape, build_landscape, reflectance

INDICES = ("ndvi", "nbr", "mndwi")

CLEAR = (4, 5, 6, 7)
"""Scene classes (SCL) of a clear observation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """How practice events are made."""

    every_days: int
    """Days between two observations."""
    snapshots: tuple[int, ...]
    """Days after the start of monitoring on which events are taken."""
    missed_share: float
    """Share of lost pixels that are never found."""
    partial_share: float
    """Share of pixels lost by less than half, but by 30 % or more, that are found."""


def indices_of(bands: np.ndarray) -> np.ndarray:
    """(3, y, x) float32 NDVI, NBR and MNDWI of (blue green red nir swir16 swir22, y, x)."""
    _, green, red, nir, swir16, swir22 = np.maximum(bands, np.float32(1e-4))
    pairs = ((nir, red), (nir, swir22), (green, swir16))
    return np.stack([(one - other) / (one + other) for one, other in pairs])


def practice_events(
    plan: SimulationPlan, tile: Tile, practice: Practice, rule: EventRule, measures: Measures
) -> tuple[pd.DataFrame, pd.Series]:
    """FEATURES and true causes of the events of every snapshot, by (seed, snapshot, event id)."""
    landscape = build_landscape(plan, tile)
    _, monitoring, last = plan.days
    days = list(range(monitoring, last + 1, practice.every_days))
    observations = _observations(landscape, days)
    baseline = indices_of(reflectance(landscape, monitoring - 1))[0]
    frames, causes = [], []
    for snapshot in practice.snapshots:
        count = sum(day <= monitoring + snapshot for day in days)
        seen, seen_days = observations[:, :count], days[:count]
        state = _state(landscape, practice, seen[0] != NODATA, seen_days)
        event_frame = EventFrame(grid=tile.grid, equal_area=equal_area_crs(*_centre(tile)), prefix="P")
        detected = detect_events(None, {tile: state}, event_frame, rule, seen_days[-1], {})
        layers = {
            name: after_composite(_stack(values, seen_days), state["onset"], measures.looks)
            for name, values in zip(INDICES, seen, strict=True)
        }
        layers["ndvi_baseline"] = xr.DataArray(baseline, dims=("y", "x"))
        frame = features(detected, {tile: xr.Dataset(layers)}, Reference(), measures, tile.grid.resolution)
        truth = _true_causes(landscape, detected, tile)
        index = pd.MultiIndex.from_product([[plan.seed], [snapshot], frame.index])
        frames.append(frame.set_axis(index))
        causes.append(pd.Series(truth, index=index, name="cause", dtype=object))
    return pd.concat(frames), pd.concat(causes)


def _centre(tile: Tile) -> tuple[float, float]:
    west, south, east, north = tile.lonlat_bounds
    return (west + east) / 2, (south + north) / 2


def _observations(landscape: Landscape, days: Sequence[int]) -> np.ndarray:
    """(index, time, y, x) int16 of every observation, `NODATA` where the mask says cloud or shadow."""
    studio = Studio(landscape.plan, landscape.tile, landscape)
    observations = np.empty((len(INDICES), len(days), landscape.size, landscape.size), np.int16)
    for step, day in enumerate(days):
        seen = observe(landscape, day, "sentinel-2")
        assets = sentinel2_assets(landscape, seen, studio.noise, day)
        factors = {name: landscape.size // len(values) for name, values in assets.items()}
        full = {
            name: np.kron(values, np.ones((factors[name],) * 2, values.dtype))
            for name, values in assets.items()
        }
        bands = np.stack([(full[name].astype(np.float32) - 1000) * 1e-4 for name in BANDS])
        clear = np.isin(full["scl"], CLEAR)
        observations[:, step] = encode(np.where(clear, indices_of(bands), np.nan), UNIT_SCALE)
    return observations


def _stack(values: np.ndarray, days: Sequence[int]) -> xr.DataArray:
    times = to_times(np.asarray(days))
    return xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times}, attrs={"scale": UNIT_SCALE})


def _state(landscape: Landscape, practice: Practice, clear: np.ndarray, days: Sequence[int]) -> xr.Dataset:
    """The state that a plain detector reaches on the last of the days."""
    truth, new = truth_of(landscape), landscape.new
    rng = generator(landscape.plan.seed, "practice state")
    found = (truth.onset > 0) & (rng.random(truth.onset.shape) >= practice.missed_share)
    partial = (
        (truth.onset == 0) & (truth.share >= 30) & (rng.random(truth.onset.shape) < practice.partial_share)
    )
    start = np.where(found, truth.onset, np.where(partial, new.start, 0)).astype(np.int64)
    start[start < days[0]] = 0
    layers = {name: layer.empty(truth.onset.shape) for name, layer in LAYERS.items()}
    layers["status"][:] = 0
    for step, day in enumerate(days):
        hit = clear[step] & (start > 0) & (start <= day)
        first = hit & (layers["onset"] == 0)
        second = hit & ~first & (layers["confirmed_on"] == 0)
        for name in ("onset", "onset_latest", "provisional_on"):
            layers[name][first] = day
        layers["confirmed_on"][second] = day
        layers["looks"][hit] += 1
        layers["status"][first], layers["confidence"][first] = 1, 2
        layers["status"][second], layers["confidence"][second] = 2, 3
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


def _true_causes(landscape: Landscape, detected: Detected, tile: Tile) -> list[str]:
    """The commonest true cause of each event's pixels."""
    event = detected.labels.raster(tile)
    inside = event >= 0
    counts = np.zeros((len(detected.events), len(Cause)), np.int64)
    np.add.at(counts, (event[inside], landscape.new.cause[inside]), 1)
    return [Cause(int(code)).name.lower() for code in counts.argmax(1)]
