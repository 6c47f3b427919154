"""One peer on the reference cube: fit, updates, alerts, memory; runs in the peers' environment, prints JSON.

Alert days go to a file beside it, so that one judge scores everybody.
"""

import argparse
import datetime
import json
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

EPOCH = datetime.datetime(1970, 1, 1)
ORDINAL = EPOCH.toordinal()
THREADS = 2
SAMPLE = 3000
"""Pixels of the per-pixel peers, drawn evenly over the cube."""
UPDATED = 400
"""Pixels whose S-CCD state takes the observations of the monitoring one by one."""
LARGE = (32, 40)
"""Copies of 125 x 125 pixels of a fitted state for the timed update: 20 million pixels, past every cache."""

NRT: dict[str, tuple[str, str, dict[str, object], dict[str, object]]] = {
    "nrt EWMA": ("ewma", "EWMA", {"trend": False, "sensitivity": 6}, {"method": "OLS"}),
    "nrt CUSUM": ("cusum", "CuSum", {"trend": False, "sensitivity": 0.001}, {"method": "OLS"}),
    "nrt MOSUM": ("mosum", "MoSum", {"trend": False, "sensitivity": 0.001}, {"method": "OLS"}),
    "nrt IQR": (
        "iqr",
        "IQR",
        {"trend": False, "harmonic_order": 2, "sensitivity": 2.5},
        {"method": "OLS"},
    ),
    "nrt CCDC": ("ccdc", "CCDC", {"trend": False}, {"method": "OLS", "screen_outliers": None}),
    "nrt CCDC screened": ("ccdc", "CCDC", {}, {}),
}
"""Peer: module, class, how it is made, how it is fitted: the best settings found for it, or its defaults."""


def main() -> None:
    """Run one peer and print what was measured."""
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=[*NRT, "pyxccd COLD", "pyxccd S-CCD"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tag", default="main")
    parser.add_argument("--alerts", type=Path, required=True, help="npz with the day of each alert")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    run = run_nrt if given.peer in NRT else run_pixels
    measured, alerts = run(given.peer, given.folder, given.tag)
    np.savez_compressed(given.alerts, **alerts)
    print(json.dumps({"peer": given.peer, **measured}))


def peak() -> int:
    """Largest memory of this program so far, bytes; `ru_maxrss` begins with what its parent had taken."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def run_nrt(peer: str, folder: Path, tag: str) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """An nrt monitor on the cube's NDVI."""
    module, name, made, fitted = NRT[peer]
    monitor_class = getattr(__import__(f"nrt.monitor.{module}", fromlist=[name]), name)
    with np.load(folder / f"meta_{tag}.npz") as meta:
        days, end = meta["days"].astype(int), int(meta["hist_end"])
    history = days <= end
    ndvi = np.load(folder / f"ndvi_{tag}.npy", mmap_mode="r")
    stack = labelled(np.asarray(ndvi[history]), days[history])
    options = dict(fitted)
    if peer == "nrt CCDC screened":
        bands = np.load(folder / f"refl_{tag}.npy", mmap_mode="r")
        for band, row in (("green", 1), ("swir", 4)):
            values = bands[history, row].astype(np.float32)
            values[values == -9999] = np.nan
            options[band] = labelled(values / 10_000, days[history])
    shape = stack.shape[1:]

    def new() -> Any:
        return monitor_class(mask=np.ones(shape, np.uint8), **made)

    warm = monitor_class(mask=np.ones((40, 40), np.uint8), **made)
    cut = {key: v[:, :40, :40] if isinstance(v, xr.DataArray) else v for key, v in options.items()}
    warm.fit(dataarray=stack[:, :40, :40], n_threads=THREADS, **cut)
    before = peak()
    runs = []
    for _ in range(1 if peer == "nrt CCDC screened" else 3):
        monitor = new()
        runs.append(timed(lambda one=monitor: one.fit(dataarray=stack, n_threads=THREADS, **options)))
    fit_memory = peak() - before
    state = sum(v.nbytes for k, v in vars(monitor).items() if isinstance(v, np.ndarray) and k not in "xy")
    update = timed_update(monitor, np.asarray(ndvi[~history][3]), day_of(days[~history][3]))
    for row, day in enumerate(days[~history]):
        monitor.monitor(array=np.asarray(ndvi[~history][row]), date=day_of(day))
    alert = np.where(monitor.mask == 3, monitor.detection_date.astype(int), 0)
    pixels = shape[0] * shape[1]
    return {
        "fit_px_s": pixels / min(runs),
        "update_px_s": update,
        "state_bytes": state / pixels,
        "fit_memory_bytes": fit_memory / pixels,
    }, {"alert": alert}


def timed_update(monitor: Any, observation: np.ndarray, day: datetime.datetime) -> float:
    """Pixels a second of one observation into a fitted state, repeated side by side beyond every cache."""
    side = 125
    for key, value in list(vars(monitor).items()):
        if isinstance(value, np.ndarray) and value.shape[-2:] == observation.shape:
            vars(monitor)[key + "_kept"] = value
            vars(monitor)[key] = np.tile(value[..., :side, :side], (1,) * (value.ndim - 2) + LARGE)
    large = np.tile(observation[:side, :side], LARGE)
    monitor.detection_date = np.zeros(large.shape, np.uint16)
    best = min(timed(lambda: monitor.monitor(array=large, date=day)) for _ in range(3))
    for key in [key for key in vars(monitor) if key.endswith("_kept")]:
        vars(monitor)[key.removesuffix("_kept")] = vars(monitor).pop(key)
    if monitor.process is not None and monitor.process.shape != observation.shape:
        monitor.process = None
    monitor.detection_date = None
    return large.size / best


def labelled(values: np.ndarray, days: np.ndarray) -> xr.DataArray:
    """(time, y, x) with dates."""
    times = np.datetime64("1970-01-01", "ns") + days.astype("timedelta64[D]")
    return xr.DataArray(values, dims=("time", "y", "x"), coords={"time": times})


def day_of(day: int) -> datetime.datetime:
    """The date of a day since 1970."""
    return EPOCH + datetime.timedelta(days=int(day))


def run_pixels(peer: str, folder: Path, tag: str) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """COLD or S-CCD on the six bands of a sample of pixels, one after the other."""
    from pyxccd import cold_detect, sccd_detect, sccd_update

    with np.load(folder / f"meta_{tag}.npz") as meta:
        days, end = meta["days"].astype(int), int(meta["hist_end"])
    bands = np.load(folder / f"refl_{tag}.npy", mmap_mode="r")
    size = bands.shape[2] * bands.shape[3]
    chosen = np.linspace(0, size - 1, SAMPLE).astype(int)
    series = np.asarray(bands).reshape(days.size, 6, size)[:, :, chosen].astype(np.int64)
    dates = days + ORDINAL
    clear = (series != -9999).all(axis=1)
    before = peak()

    def given(pixel: int, part: slice | np.ndarray) -> list[np.ndarray]:
        usable = clear[:, pixel] & part
        return [dates[usable], *series[usable, :, pixel].T.copy(), np.zeros(usable.sum(), np.int64)]

    everything, history = np.ones(days.size, bool), days <= end
    breaks = np.zeros(SAMPLE, int)
    conse = 4
    begun = time.perf_counter()
    for pixel in range(SAMPLE):
        one = given(pixel, everything)
        if peer == "pyxccd COLD":
            thermal = np.full(one[0].size, 2500, np.int64)
            found = cold_detect(*one[:7], thermal, one[7], conse=conse)
            broken = [int(r["t_break"]) for r in found if r["change_prob"] == 100]
        else:
            broken = [int(r["t_break"]) for r in sccd_detect(*one, conse=conse).rec_cg]
        late = [day for day in broken if day - ORDINAL > end]
        if late:
            after = one[0][one[0] >= min(late)]
            breaks[pixel] = after[min(conse, after.size) - 1] - ORDINAL
    whole = SAMPLE / (time.perf_counter() - begun)
    measured = {"fit_memory_bytes": (peak() - before) / SAMPLE}
    if peer == "pyxccd COLD":
        measured["fit_px_s"] = whole
    else:
        begun = time.perf_counter()
        packs = [sccd_detect(*given(pixel, history), conse=conse) for pixel in range(UPDATED)]
        measured["fit_px_s"] = UPDATED / (time.perf_counter() - begun)
        sizes = [sum(getattr(part, "nbytes", 0) for part in pack) for pack in packs]
        measured["state_bytes"] = float(np.mean(sizes))
        observations = np.flatnonzero(~history)
        taken, begun = 0, time.perf_counter()
        for pixel, pack in enumerate(packs):
            for row in observations[clear[observations, pixel]]:
                at = np.arange(days.size) == row
                pack = sccd_update(pack, *given(pixel, at), conse=conse)
                taken += 1
        measured["update_px_s"] = taken / (time.perf_counter() - begun)
    return measured, {"alert": breaks, "pixel": chosen}


if __name__ == "__main__":
    main()
