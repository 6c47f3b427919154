"""Stored results of nrt 0.3.0 for `test_detect_nrt.py`: EWMA, CUSUM and MOSUM on made-up series.

    pip install nrt==0.3.0
    python tests/reference/make_nrt_reference.py tests/reference/nrt_reference.npz

nrt (https://github.com/ec-jrc/nrt, EUPL-1.2) fits and monitors as released. Its rule that leaves out far
residuals is set beyond reach (EWMA), and no pixel is taken out after its first alarm, so that whole processes
can be compared. Detection dates are of a second run that does take them out.
"""

import datetime
import sys
from pathlib import Path

import numpy as np
import xarray as xr
from nrt.monitor.cusum import CuSum
from nrt.monitor.ewma import EWMA
from nrt.monitor.mosum import MoSum

SIDE = (4, 6)
KEPT = 60
"""Observations of the history whose residuals are kept: the weight of older ones in a mean is below 1e-6."""

FIRST, MONITORING, LAST = (np.datetime64(day) for day in ("2019-01-01", "2022-01-01", "2023-01-01"))


def series() -> xr.DataArray:
    """NDVI (time, y, x) with seasons, gaps, and a fall in the year of monitoring on three of four pixels."""
    rng = np.random.default_rng(20261121)
    times = np.arange(FIRST, LAST, np.timedelta64(8, "D"))
    angle = 2 * np.pi * (times.astype(int) % 365.25) / 365.25
    values = 0.8 + 0.03 * np.sin(angle)[:, None, None] + 0.03 * rng.standard_normal((times.size, *SIDE))
    fall = np.array([0.0, 0.03, 0.08, 0.3]).repeat(6).reshape(SIDE)
    since = MONITORING + rng.integers(30, 200, SIDE).astype("timedelta64[D]")
    values -= np.where(times[:, None, None] >= since, fall, 0)
    values[rng.random(values.shape) < 0.35] = np.nan
    return xr.DataArray(
        values, dims=("time", "y", "x"), coords={"time": times, "y": np.arange(4.0), "x": np.arange(6.0)}
    )


def monitored(chart, cube: xr.DataArray, *, take_out: bool) -> dict[str, np.ndarray]:
    """What a fitted chart says after each observation."""
    start, boundaries, processes, z = np.array(chart.process, np.float32), [], [], []
    for time in cube["time"].values:
        date = time.astype("datetime64[s]").astype(datetime.datetime)
        observation = cube.sel(time=time).values
        z.append((observation - chart.predict(date)) / chart.sigma)
        chart.monitor(observation, date, update_mask=take_out)
        processes.append(np.array(chart.process))
        boundaries.append(np.broadcast_to(chart.boundary, SIDE))
    return {
        "z": np.array(z, np.float32),
        "start": start,
        "process": np.array(processes, np.float32),
        "boundary": np.array(boundaries, np.float32),
        "detected": np.array(chart.detection_date, np.int32),
    }


def main(out: Path) -> None:
    """Write the file."""
    cube = series()
    history = cube.sel(time=cube["time"] < MONITORING)
    watched = cube.sel(time=cube["time"] >= MONITORING)
    stored = {"days": watched["time"].values.astype("datetime64[D]").astype(np.int32)}
    stored["history"] = history.notnull().sum("time").values.astype(np.int32)
    makers = {
        "ewma": lambda: EWMA(trend=False, sensitivity=4, threshold_outlier=1e6),
        "cusum": lambda: CuSum(trend=False, sensitivity=0.05),
        "mosum": lambda: MoSum(trend=False, sensitivity=0.05, h=0.25),
    }
    for name, make in makers.items():
        whole, first = make(), make()
        options = {"screen_outliers": None} if name == "ewma" else {}
        whole.fit(dataarray=history, method="OLS", **options)
        first.fit(dataarray=history, method="OLS", **options)
        said = monitored(whole, watched, take_out=False)
        said["detected"] = monitored(first, watched, take_out=True)["detected"]
        if name != "ewma":
            stored[f"{name}_critical"] = np.float64(whole.critval)
        if name == "ewma":
            x = whole.build_design_matrix(history, trend=False, harmonic_order=2)
            fitted = np.tensordot(x, whole.beta, axes=1)
            stored["history_z"] = ((history.values - fitted) / whole.sigma)[-KEPT:].astype(np.float32)
        if name == "mosum":
            del said["z"]  # that of the CUSUM
        stored |= {f"{name}_{part}": value for part, value in said.items()}
    np.savez_compressed(out, **stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
