"""Speed of the detector as ratios within one run: to a plain pass over the same bytes, and fits a second."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from detect_made import LEVELS, SCALES, START, fused, monitored, observation
from selvawatch.core.observation import QUALITY
from selvawatch.core.stack import NODATA
from selvawatch.detect import fusion, harmonic
from selvawatch.detect.model import Model

THREADS = 2
SIDE = 4096
"""Pixels of a side: 16.8 million, whose state and baselines fit no cache."""


def best_of(runs: int, work: Callable[[], object]) -> float:
    """Processor seconds, of all threads together and divided by `THREADS`, of the cheapest of some runs.

    Processor time, so that other work on the machine shows less.
    """
    fastest = float("inf")
    for _ in range(runs):
        begun = time.process_time()
        work()
        fastest = min(fastest, time.process_time() - begun)
    return fastest / THREADS


def plain_pass(read: int, written: int) -> float:
    """Seconds of a pass of two threads that reads and writes that many bytes."""
    half = (read + written) // 2 // THREADS
    pairs = [(np.zeros(half, np.uint8), np.ones(half, np.uint8)) for _ in range(THREADS)]

    def copy_all() -> None:
        threads = [threading.Thread(target=np.copyto, args=pair) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return best_of(5, copy_all)


def forest(model: Model, streams: tuple[str, ...]) -> xr.Dataset:
    variables = {}
    for stream, index in model.pairs():
        shape = (SIDE, SIDE) if stream.stream in streams else (1, 1)
        terms = np.zeros((index.harmonic.terms, *shape), np.int16)
        terms[0] = LEVELS[index.index]
        terms[1:] = 40
        name = f"{stream.stream}.{index.index}"
        sigma = np.full(shape, 300 if SCALES[index.index] == 1e-4 else 100, np.int16)
        full = (SIDE, SIDE)
        variables[f"{name}.terms"] = (
            (f"t{index.harmonic.terms}", "y", "x"),
            np.broadcast_to(terms, (len(terms), *full)),
        )
        variables[f"{name}.sigma"] = (("y", "x"), np.broadcast_to(sigma, full))
    return xr.Dataset(variables)


def update_speed(stream: str, indices: int, *, weighed: bool) -> tuple[float, float]:
    """Pixels a second of one observation with some of its stream's indices, with quality where it is weighed,
    and the time in plain passes.
    """
    model = fused()
    rng = np.random.default_rng(1)
    tile = rng.standard_normal((256, SIDE), dtype=np.float32)
    cloud = rng.random((256, SIDE)) < 0.4
    values = {}
    for number, index in enumerate(model.stream(stream).indices):
        noise = 300 if index.scale == 1e-4 else 100
        stored = np.where(cloud, NODATA, LEVELS[index.index] + noise * tile).astype(np.int16)
        values[index.index] = np.tile(stored, (SIDE // 256, 1)) if number < indices else None
    observations = []
    for shift in range(4):
        rolled = {
            name: None if array is None else np.roll(array, 37 * shift, axis=1)
            for name, array in values.items()
        }
        shown = observation(START + shift, stream, (SIDE, SIDE), **rolled)
        if weighed:
            quality = np.where(np.roll(cloud, 37 * shift, axis=1), NODATA, 100 - np.abs(30 * tile) % 90)
            share = np.tile(quality.astype(np.int16), (SIDE // 256, 1))
            shown = replace(
                shown, values={**shown.values, QUALITY: share}, scales={**shown.scales, QUALITY: 1.0}
            )
        observations.append(shown)
    state = fusion.start(model, monitored((SIDE, SIDE)), resolution=30.0)
    arrays = {name: state[name].to_numpy().reshape(-1).copy() for name in fusion.STATE}
    steps = fusion.Steps(
        model, forest(model, (stream,)), state, arrays, None, None, THREADS
    )  # one step, without the copy
    with fusion.ThreadPoolExecutor(THREADS) as pool:
        coming = iter(observations)

        def update() -> None:
            one = next(coming)
            steps.step(pool, one.day, [one])

        seconds = best_of(len(observations), update)
    terms = sum(2 * i.harmonic.terms + 2 + 2 for i in model.stream(stream).indices[:indices])
    plain = plain_pass(SIDE * SIDE * (24 + terms), SIDE * SIDE * 24)
    return SIDE * SIDE / seconds, seconds / plain


@pytest.mark.bench
@pytest.mark.parametrize(
    ("stream", "indices", "weighed"),
    [
        ("sentinel-2", 1, False),
        ("sentinel-2", 3, False),
        ("sentinel-2", 3, True),
        ("sentinel-1-ascending", 2, False),
    ],
)
def test_an_update_costs_at_most_twice_a_plain_pass(stream: str, indices: int, weighed: bool) -> None:
    speed, passes = update_speed(stream, indices, weighed=weighed)
    said = f"{indices} indices{', weighed' if weighed else ''}"
    print(f"\n{stream}, {said}: {speed / 1e6:.0f} M px/s, {passes:.2f} plain passes")
    assert passes < 2


@pytest.mark.bench
def test_a_robust_fit_of_138_dates_reads_millions_of_pixels_a_second() -> None:
    rule = fused().streams[0].indices[0].harmonic
    rng = np.random.default_rng(2)
    days = np.arange(18_000, 18_000 + 138 * 8, 8)
    seen = rng.random((138, 256, 1024)) < 0.6
    stacks = []
    for level in (8200, 6500, -4000):
        values = level + 300 * rng.standard_normal(seen.shape, dtype=np.float32)
        stacks.append(np.where(seen, values, NODATA).astype(np.int16))
    pixels = seen[0].size
    one = pixels / best_of(3, lambda: harmonic.fit_together(stacks[:1], days, rule, THREADS))
    alone = pixels / best_of(
        3, lambda: [harmonic.fit_together([stack], days, rule, THREADS) for stack in stacks]
    )
    together = pixels / best_of(3, lambda: harmonic.fit_together(stacks, days, rule, THREADS))
    print(
        f"\nrobust fit, {len(rule.screens)} refits, M px/s: one index {one / 1e6:.2f};"
        f" three after each other {alone / 1e6:.2f}, together {together / 1e6:.2f}"
    )
    assert one > 1e6
    assert together > alone
