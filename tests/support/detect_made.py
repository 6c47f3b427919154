"""Made-up histories and observations for the detector's tests."""

from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.observation import Observation
from selvawatch.core.settings import load
from selvawatch.core.stack import NODATA
from selvawatch.detect.model import Model

MODELS = Path(__file__).parents[2] / "models"
START = 19_000
"""First day of monitoring in these tests."""

LEVELS = {"ndvi": 8200, "nbr": 6500, "mndwi": -5200, "vv": -750, "vh": -1330}
"""Stored value of quiet forest by index."""

SCALES = {"ndvi": 1e-4, "nbr": 1e-4, "mndwi": 1e-4, "vv": 1e-2, "vh": 1e-2}
STREAMS = {"sentinel-2": ("ndvi", "nbr", "mndwi"), "landsat": ("ndvi", "nbr", "mndwi")}
STREAMS |= {f"sentinel-1-{orbit}": ("vv", "vh") for orbit in ("ascending", "descending")}


def fused():
    return load(Model, MODELS / "fused.toml")


def stack(values, days, index):
    """(time, y, x) int16 with time and scale."""
    coordinates = {"time": to_times(np.asarray(days))}
    attributes = {"scale": SCALES[index]}
    return xr.DataArray(
        np.asarray(values, np.int16), dims=("time", "y", "x"), coords=coordinates, attrs=attributes
    )


def quiet_baselines(shape, sigma=None):
    """Baselines of forest at `LEVELS` without seasons, for every index of the fused model."""
    sigma = {"ndvi": 250, "nbr": 300, "mndwi": 300, "vv": 100, "vh": 100} | (sigma or {})
    variables = {}
    for stream, index in fused().pairs():
        name = f"{stream.stream}.{index.index}"
        terms = np.zeros((index.harmonic.terms, *shape), np.int16)
        terms[0] = LEVELS[index.index]
        variables[f"{name}.terms"] = ((f"term{index.harmonic.terms}", "y", "x"), terms)
        variables[f"{name}.sigma"] = (("y", "x"), np.full(shape, sigma[index.index], np.int16))
        for part in ("looks", "kept", "shift"):
            value = {"looks": 60, "kept": 95, "shift": 20}[part]
            variables[f"{name}.{part}"] = (("y", "x"), np.full(shape, value, np.uint8))
    return xr.Dataset(variables, attrs={"model": fused().digest})


def monitored(shape):
    return xr.DataArray(np.zeros(shape, np.uint8), dims=("y", "x"))


def observation(day, stream="sentinel-2", shape=(1, 1), **values):
    """An observation of forest, but for the indices given (numbers or arrays of stored values)."""
    chosen = {
        index: np.broadcast_to(np.asarray(values.get(index, LEVELS[index]), np.int16), shape).copy()
        for index in STREAMS[stream]
        if values.get(index, 0) is not None
    }
    return Observation(
        day=day,
        stream=stream,
        values=chosen,
        scales={index: SCALES[index] for index in chosen},
        scene_ids=(f"{stream}-{day}",),
        clear_share=1.0,
    )


def random_looks(rng, shape, days, streams=tuple(STREAMS), *, loss_from=None, missing=0.4):
    """Noisy observations in order of day: forest, and soil or pond in the north-west quarter from `loss_from`
    on.
    """
    observations = []
    for day in days:
        for stream in sorted(streams):
            if rng.random() < 0.5:
                continue
            values = {}
            lost = loss_from is not None and day >= loss_from
            for index in STREAMS[stream]:
                drop = {"ndvi": -3000, "nbr": -3500, "mndwi": 600, "vv": -300, "vh": -400}[index]
                noise = 300 if SCALES[index] == 1e-4 else 110
                value = LEVELS[index] + noise * rng.standard_normal(shape)
                if lost:
                    value[: shape[0] // 2, : shape[1] // 2] += drop
                values[index] = np.where(rng.random(shape) < missing, NODATA, np.rint(value)).astype(np.int16)
            observations.append(observation(day, stream, shape, **values))
    return observations
