"""nrt's IQR and CCDC in a harder world, on the NDVI of the same observations; prints JSON."""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from peers import NRT, THREADS, day_of, labelled

JUDGED = ("nrt IQR", "nrt CCDC")
STABLE = 0
"""Class of forest that nothing happened to."""
NODATA = -9999
PIXEL_KM2 = 900e-6


def main() -> None:
    """Judge each peer on one folder: pixels, and false ones per 1,000 km2 and year."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("tag")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with np.load(given.folder / f"meta_{given.tag}.npz") as meta:
        days, end, lost_on = meta["days"].astype(int), int(meta["hist_end"]), meta["brk"].astype(int)
    stable = np.load(given.folder / f"class_{given.tag}.npy") == STABLE
    ndvi, lost = ndvi_of(given.folder / f"refl_{given.tag}.npy"), lost_on > end
    print(
        json.dumps({peer: figures(alerts(peer, ndvi, days, end), lost_on, lost, stable) for peer in JUDGED})
    )


def ndvi_of(path: Path) -> np.ndarray:
    """(date, y, x) float32, NaN where not observed, of bands blue, green, red, near infrared and two more."""
    stored = np.load(path, mmap_mode="r")
    red, near = stored[:, 2].astype(np.float32), stored[:, 3].astype(np.float32)
    seen = (red != NODATA) & (near != NODATA) & (red + near > 0)
    return np.where(seen, (near - red) / np.where(seen, near + red, 1), np.float32(np.nan))


def alerts(peer: str, ndvi: np.ndarray, days: np.ndarray, end: int) -> np.ndarray:
    """(y, x) day of the alert, 0 = none, of a monitor fitted to the dates until `end`."""
    module, name, made, fitted = NRT[peer]
    monitor_class = getattr(__import__(f"nrt.monitor.{module}", fromlist=[name]), name)
    monitor = monitor_class(mask=np.ones(ndvi.shape[1:], np.uint8), **made)
    history = days <= end
    monitor.fit(dataarray=labelled(ndvi[history], days[history]), n_threads=THREADS, **fitted)
    for row in np.flatnonzero(~history):
        monitor.monitor(array=ndvi[row], date=day_of(days[row]))
    return np.where(monitor.mask == 3, monitor.detection_date.astype(int), 0)


def figures(alert: np.ndarray, lost_on: np.ndarray, lost: np.ndarray, stable: np.ndarray) -> dict[str, float]:
    """Pixels found on or after their loss, false and missed, and false ones of stable forest by area."""
    found = lost & (alert >= lost_on)
    return {
        "tp": int(found.sum()),
        "fp": int(((alert > 0) & ~found).sum()),
        "fn": int((lost & ~found).sum()),
        "false_per_1000_km2": float((alert > 0)[stable].sum() / (stable.sum() * PIXEL_KM2) * 1_000),
    }


if __name__ == "__main__":
    main()
