"""A small made-up ground over which tracking runs on any days: the same layers, whatever was run before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import xarray as xr

from detect_made import LEVELS, SCALES, START, STREAMS, fused, monitored, observation, quiet_baselines, stack
from selvawatch.core.grid import Grid
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect import fusion
from selvawatch.events.calibrated.chance_rule import ChanceRule
from selvawatch.events.composite import loss_composite
from selvawatch.events.detected import Detected, detect_events
from selvawatch.events.patches import EventFrame, EventRule
from selvawatch.events.track import Tracked

SIDE = 28
SHAPE = (SIDE, SIDE)
GRID = Grid(crs="EPSG:32719", resolution=10.0, tile_px=SIDE, anchor_x=370_000, anchor_y=8_580_000)
TILE = GRID.tile("x0000y0000")
FRAME = EventFrame(grid=GRID, equal_area=equal_area_crs(-70.2, -12.8), prefix="T")
RULE = EventRule(
    min_ha=0.06, onset_gap_days=60, support_ha=0.03, close_after_days=100, expire_after_days=6,
    loss_looks=5, lost_share=0.5, core_quantile=0.75, bare_fall=0.65, least_fall=0.1, measured_share=0.5,
)  # fmt: skip
LIKELY = replace(
    RULE,
    chance=ChanceRule(
        within_days=20, least=0.5, start=0.0, unit_ha=0.1, doubling=1.0, radar=0.3, optical=-0.2, seen=-0.2,
        near=0.5, near_m=40.0,
    ),
)  # fmt: skip
"""The same, and events are published by their chance."""
PUBLISHED = ["version", "change"]
"""Columns of EVENTS that tell how often an event was published, and what has changed since."""
_FALLS = {"ndvi": -3000, "nbr": -3500, "mndwi": 600, "vv": -300, "vh": -400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Layers of the tile after each day with an observation, and the days on which sensors looked by then."""

    layers: dict[int, xr.Dataset]
    looked: dict[int, dict[str, list[int]]]

    @property
    def days(self) -> list[int]:
        """Days with an observation."""
        return sorted(self.layers)

    def run(self, days: Iterable[int], rule: EventRule = RULE) -> list[Detected]:
        """What a run on each of some days says, each after the one before."""
        found: list[Detected] = []
        for day in days:
            previous = found[-1].tracked if found else None
            state, looked = {TILE: self.layers[day]}, {TILE.id: self.looked[day]}
            found.append(detect_events(previous, state, FRAME, rule, day, looked))
        return found


def ground(seed: int, last: int = 300) -> Ground:
    """Patches that open and grow, haze that passes for loss and goes, noise; some pixels only look lost."""
    rng = np.random.default_rng(seed)
    observations = _observations(rng, _lost_on(rng), last)
    state = fusion.start(fused(), monitored(SHAPE), resolution=10.0)
    baselines = quiet_baselines(SHAPE, {"ndvi": 260, "vv": 105, "vh": 105})
    layers, looked, seen = {}, {}, {stream: [] for stream in STREAMS}
    clear: list[Observation] = []
    for day in sorted({one.day for one in observations}):
        today = [one for one in observations if one.day == day]
        state = fusion.advance(fused(), baselines, state, today)
        for one in today:
            seen[one.stream].append(day)
        clear += [one for one in today if one.stream == "sentinel-2"]
        found = fusion.layers(state)
        layers[day] = found.assign(fall=(("y", "x"), _fall(clear, found["onset"])))
        looked[day] = {stream: list(days) for stream, days in seen.items() if days}
    return Ground(layers=layers, looked=looked)


def _lost_on(rng: np.random.Generator) -> np.ndarray:
    """Day on which each pixel is lost, (y, x); a number beyond all days where it is not."""
    lost = np.full(SHAPE, 10**6)
    for _ in range(6):
        y, x = rng.integers(0, SIDE, 2)
        height, width = rng.integers(2, 7, 2)
        patch = lost[y : y + height, x : x + width]
        np.minimum(patch, START + rng.integers(10, 220) + rng.integers(0, 40, patch.shape), out=patch)
    return lost


def _observations(rng: np.random.Generator, lost: np.ndarray, last: int) -> list[Observation]:
    found = []
    for day in range(START, START + last, 6):
        hazy = np.zeros(SHAPE, np.bool_)
        if rng.random() < 0.3:
            y, x = rng.integers(0, SIDE, 2)
            hazy[y : y + 8, x : x + 9] = True
        for stream in sorted(STREAMS):
            if rng.random() < 0.6:
                continue
            share = np.where(lost <= day, 1.0, 0.7 * hazy * ("radar" not in stream))
            values = {}
            for index in STREAMS[stream]:
                noise = (300 if SCALES[index] == 1e-4 else 110) * rng.standard_normal(SHAPE)
                shown = np.rint(LEVELS[index] + noise + share * _FALLS[index])
                values[index] = np.where(rng.random(SHAPE) < 0.3, NODATA, shown).astype(np.int16)
            found.append(observation(day, stream, SHAPE, **values))
    return found


def _fall(clear: Sequence[Observation], onset: xr.DataArray) -> np.ndarray:
    """NDVI fall over the first clear observations since the onset, (y, x) float32; NaN = not measured."""
    if not clear:
        return np.full(SHAPE, np.nan, np.float32)
    values = stack(np.array([one.values["ndvi"] for one in clear]), [one.day for one in clear], "ndvi")
    lost = loss_composite(values, onset, RULE.loss_looks).to_numpy()
    return np.float32(LEVELS["ndvi"] * SCALES["ndvi"]) - lost


def differences(mine: Tracked, theirs: Tracked) -> list[str]:
    """What two runs to the same day say differently, but for how often it was published."""
    found = []
    for name in ("events", "cells"):
        frames: list[gpd.GeoDataFrame] = [
            getattr(one, name).drop(columns=PUBLISHED, errors="ignore") for one in (mine, theirs)
        ]
        plain = [frame.drop(columns="geometry") for frame in frames]
        if not plain[0].equals(plain[1]):
            key = plain[0].columns[0]
            found.append(f"{name}: {sorted(set(plain[0][key]) ^ set(plain[1][key]))} or their columns")
        elif [shape.wkb for shape in frames[0].geometry] != [shape.wkb for shape in frames[1].geometry]:
            found.append(f"{name}: outlines")
    return found
