"""Our detector on the reference cube in one configuration: fit, updates, alerts, memory; prints JSON."""

import argparse
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.status import Reason
from selvawatch.detect import fusion
from selvawatch.detect.baseline import PARTS, fit_baselines, forest_reason, name_of
from selvawatch.detect.model import Model
from selvawatch.site import Site, default_site
from selvawatch.validate.detection import as_known, histories
from selvawatch.validate.reference_cube import RESOLUTION, ReferenceCube, Sensors, open_cube

THREADS = 2
LARGE = (32, 40)
"""Copies of 125 x 125 pixels for the timed update: 20 million pixels, past every cache."""
SIDE = 125
CONFIGURATIONS: dict[str, tuple[Sensors, frozenset[str]]] = {
    "ours, NDVI": ("optical", frozenset({"ndvi"})),
    "ours, optical": ("optical", frozenset({"ndvi", "nbr", "mndwi"})),
    "ours, fused": ("all", frozenset({"ndvi", "nbr", "mndwi", "vv", "vh"})),
}


def main() -> None:
    """Run one configuration and print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("configuration", choices=CONFIGURATIONS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tag", default="main")
    parser.add_argument("--alerts", type=Path, required=True, help="npz with the day of each alert")
    given = parser.parse_args()
    sensors, names = CONFIGURATIONS[given.configuration]
    model = Site.load(default_site()).model
    cube = open_cube(given.folder, given.tag)
    history = list(observations_of(model, cube, sensors, names, until=cube.history_end))
    stacks = histories(model, history)
    history.clear()

    small = {key: stack[:, :40, :40] for key, stack in stacks.items()}
    fit_baselines(model, small, workers=THREADS)
    before = peak()
    runs, baselines = best(20, lambda: fit_baselines(model, stacks, workers=THREADS))
    fit_memory = peak() - before
    reason = forest_reason(model, baselines)
    pixels = reason.size
    state = fusion.start(model, reason, resolution=RESOLUTION)
    later = list(observations_of(model, cube, sensors, names, after=cube.history_end))
    state = fusion.advance(model, baselines, state, later[: len(later) // 2], workers=THREADS)
    updates = {
        stream: timed_update(
            model,
            baselines,
            state,
            next(observation for observation in later if observation.stream == stream),
        )
        for stream in sorted({observation.stream for observation in later})
    }
    state = fusion.advance(model, baselines, state, later[len(later) // 2 :], workers=THREADS)
    alert = fusion.layers(state)["confirmed_on"].to_numpy().astype(np.int64)
    np.savez_compressed(given.alerts, alert=alert)
    kept = [baselines[name_of(*key, part)].nbytes / pixels for key in stacks for part in PARTS]
    slowest = min(rate for rate, _ in updates.values())
    print(
        json.dumps(
            {
                "peer": given.configuration,
                "indices": len(stacks),
                "monitored": float((reason == Reason.MONITORED).mean()),
                "fit_px_s": pixels / runs,
                "update_px_s": slowest,
                "update_passes": max(passes for _, passes in updates.values()),
                "updates": {stream: list(one) for stream, one in updates.items()},
                "state_bytes": sum(array.nbytes for array in state.values()) / pixels + sum(kept),
                "running_bytes": sum(array.nbytes for array in state.values()) / pixels,
                "baseline_bytes_per_index": sum(kept) / len(stacks),
                "fit_memory_bytes": fit_memory / pixels,
            }
        )
    )


def observations_of(
    model: Model,
    cube: ReferenceCube,
    sensors: Sensors,
    names: frozenset[str],
    *,
    until: int | None = None,
    after: int = 0,
) -> Iterator[Observation]:
    """The cube's observations of those days, with those indices only, under the model's names."""
    for observation in cube.observations(sensors):
        if observation.day <= after or (until is not None and observation.day > until):
            continue
        known = as_known(model, observation)
        if known is not None:
            values = {name: value for name, value in known.values.items() if name in names}
            yield replace(known, values=values, scales={name: known.scales[name] for name in values})


def timed_update(
    model: Model, baselines: xr.Dataset, state: xr.Dataset, observation: Observation
) -> tuple[float, float]:
    """Pixels a second of one observation into the state, side by side, and the time in plain passes."""
    alone = replace(model, streams=(model.stream(observation.stream),))
    names = [name_of(*key, part) for key in pairs_of(alone) for part in ("terms", "sigma")]
    large = xr.Dataset(
        {
            name: (one.dims, np.tile(one.to_numpy()[..., :SIDE, :SIDE], (1,) * (one.ndim - 2) + LARGE))
            for name, one in baselines[names].items()
        }
    )
    arrays = {name: np.tile(state[name].to_numpy()[:SIDE, :SIDE], LARGE).reshape(-1) for name in fusion.STATE}
    shape = (SIDE * LARGE[0], SIDE * LARGE[1])
    ground = xr.Dataset(coords={"y": np.arange(shape[0]), "x": np.arange(shape[1])}, attrs=state.attrs)
    steps = fusion.Steps(alone, large, ground, arrays, None, None, THREADS)
    values = {name: np.tile(value[:SIDE, :SIDE], LARGE) for name, value in observation.values.items()}
    day = int(state.attrs["until"])
    shown = [replace(observation, day=day + 1 + number, values=values) for number in range(8)]
    with ThreadPoolExecutor(THREADS) as pool:
        todo = iter(shown)

        def update() -> None:
            one = next(todo)
            steps.step(pool, one.day, [one])

        seconds, _ = best(len(shown), update)
    pixels = shape[0] * shape[1]
    read = [index for index in alone.streams[0].indices if index.index in observation.values]
    ground_bytes = sum(2 * index.harmonic.terms + 2 + 2 for index in read)
    plain = plain_pass(pixels * (24 + ground_bytes), pixels * 24)
    return pixels / seconds, seconds / plain


def pairs_of(model: Model) -> list[tuple[str, str]]:
    """Stream and name of each index of a model."""
    return [(stream.stream, index.index) for stream, index in model.pairs()]


def plain_pass(read: int, written: int) -> float:
    """Seconds of two threads that copy half of those bytes each way."""
    half = (read + written) // 2 // THREADS
    pairs = [(np.zeros(half, np.uint8), np.ones(half, np.uint8)) for _ in range(THREADS)]

    def copy_all() -> None:
        threads = [threading.Thread(target=np.copyto, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return best(5, copy_all)[0]


def best(times: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Fewest wall seconds of some calls, and what the last one gave."""
    fewest = float("inf")
    for _ in range(times):
        begun = time.perf_counter()
        result = work()
        fewest = min(fewest, time.perf_counter() - begun)
    return fewest, result


def peak() -> int:
    """Largest memory of this program so far, bytes; `ru_maxrss` begins with what its parent had taken."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
