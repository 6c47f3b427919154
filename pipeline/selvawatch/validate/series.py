"""Points with a time series each: tables to observations, and a report against their labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow

from selvawatch.core.days import day_numbers
from selvawatch.core.files import check_plain
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA, encode
from selvawatch.errors import LayerError
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.observation_quality import scale_of

BAND_NAMES: Mapping[str, str] = {
    "blue": "blue", "green": "green", "red": "red", "nir": "nir", "bnir": "nir", "nnir": "nir08",
    "swir1": "swir16", "swir2": "swir22",
    "B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B8A": "nir08",
    "B11": "swir16", "B12": "swir22",
}  # fmt: skip
"""Column of a series table to the common name of its band."""

BREAK_COLUMN = "break_date"
"""Optional column of the points: first day of the loss."""

GAP = 2
"""Columns of the grid from one point to the next: a point is no neighbour of another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSeries:
    """Series of n points on common dates."""

    pids: tuple[str, ...]
    """Points in order."""
    days: np.ndarray
    """(days,) int, strictly increasing."""
    values: Mapping[str, np.ndarray]
    """(days, n) float32 by band or index; NaN where not observed."""
    bands: bool
    """True: reflectances of bands, clouds included; False: ready indices, taken as clear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What is known of points but for their series; all arrays in the order of the series."""

    lon: np.ndarray
    lat: np.ndarray
    labels: np.ndarray
    """Text; empty where the file has no labels."""
    break_day: np.ndarray | None
    """int day of the loss; None: the file states none."""
    excluded: np.ndarray
    """bool: left out of the figures."""


def read_series(path: Path) -> PointSeries:
    """The series of a table `pid, date, bands...` (parquet or CSV), one column per band or index.

    Two rows of one point and day are averaged.

    Raises
    ------
    LayerError
        For a file that cannot be read, missing columns, or no known band or index.
    """
    frame = _read(path)
    if missing := [name for name in ("pid", "date") if name not in frame.columns]:
        raise LayerError("a column is missing", where=path, got=list(frame.columns), needed=missing)
    indices = [name for name in frame.columns if name in INDICES and not INDICES[name].is_band]
    bands = _bands(frame.columns)
    if not indices and not bands:
        raise LayerError(
            "no known band or index", where=path, got=list(frame.columns), needed=[*BAND_NAMES, *INDICES]
        )
    chosen = {name: name for name in indices} if indices else bands
    try:
        dates = pd.to_datetime(frame["date"], utc=True).dt.tz_localize(None)
    except (ValueError, TypeError) as error:
        raise LayerError("column date holds no dates", where=path, got=error) from error
    if dates.isna().any():
        raise LayerError(
            "column date has gaps", where=path, got=f"{int(dates.isna().sum())} rows without one"
        )
    day = day_numbers(dates)
    pids, point = np.unique(frame["pid"].astype(str).to_numpy(), return_inverse=True)
    days, when = np.unique(day, return_inverse=True)
    values = {
        name: _grid(frame[column].to_numpy(float), when, point, (days.size, pids.size))
        for column, name in chosen.items()
    }
    return PointSeries(pids=tuple(map(str, pids)), days=days, values=values, bands=not indices)


def _bands(columns: Iterable[str]) -> dict[str, str]:
    """Columns to band names, first spelling first; a narrow NIR stands in where no broad one is."""
    chosen: dict[str, str] = {}
    for column in columns:
        name = BAND_NAMES.get(column)
        if name is not None and name not in chosen.values():
            chosen[column] = name
    return chosen


def _grid(values: np.ndarray, when: np.ndarray, point: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(days, n) float32 means of rows that share day and point; NaN where none is finite."""
    finite = np.isfinite(values)
    cell = when[finite] * shape[1] + point[finite]
    total = np.bincount(cell, values[finite], minlength=shape[0] * shape[1])
    count = np.bincount(cell, minlength=shape[0] * shape[1])
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean.reshape(shape).astype(np.float32)


def read_points(path: Path, pids: Sequence[str], exclude: str | None = None) -> Points:
    """What a table `pid, lon, lat, label, ...` says of points, in the order of `pids`.

    Raises
    ------
    LayerError
        For a file that cannot be read, missing columns, or points without a row.
    """
    frame = _read(path)
    needed = ["pid", *([exclude] if exclude else [])]
    if missing := [name for name in needed if name not in frame.columns]:
        raise LayerError("a column is missing", where=path, got=list(frame.columns), needed=missing)
    frame = frame.assign(pid=frame["pid"].astype(str)).drop_duplicates("pid").set_index("pid")
    if lacking := sorted(set(pids) - set(frame.index)):
        raise LayerError(
            "points of the series have no row", where=path, got=lacking[:5], needed="one row per pid"
        )
    frame = frame.loc[list(pids)]
    count = len(frame)
    nowhere = np.arange(count, dtype=float)
    break_day = None
    if BREAK_COLUMN in frame:
        break_day = day_numbers(pd.to_datetime(frame[BREAK_COLUMN]))
    return Points(
        lon=frame["lon"].to_numpy(float) if "lon" in frame else nowhere,
        lat=frame["lat"].to_numpy(float) if "lat" in frame else nowhere,
        labels=frame["label"].astype(str).to_numpy() if "label" in frame else np.full(count, ""),
        break_day=break_day,
        excluded=frame[exclude].fillna(False).astype(bool).to_numpy() if exclude else np.zeros(count, bool),
    )


def _read(path: Path) -> pd.DataFrame:
    try:
        check_plain(path)
        frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except FileNotFoundError as error:
        raise LayerError("the file is missing", where=path, needed="a parquet or CSV table") from error
    except (OSError, ValueError, pyarrow.ArrowException, pd.errors.ParserError) as error:
        raise LayerError("the file cannot be read as a table", where=path, got=error) from error
    if frame.empty:
        raise LayerError("the table has no rows", where=path)
    return frame


def observations_of(days: np.ndarray, stream: str, indices: Mapping[str, np.ndarray]) -> list[Observation]:
    """One observation per day of (days, n) float32 indices and quality, NaN = not observed; points lie `GAP`
    columns apart.
    """
    observations = []
    for row, day in enumerate(days):
        values = {name: _spread(encode(grid[row], scale_of(name))) for name, grid in indices.items()}
        seen = np.any([np.isfinite(grid[row]) for grid in indices.values()], axis=0)
        observations.append(
            Observation(
                day=int(day),
                stream=stream,
                values=values,
                scales={name: scale_of(name) for name in indices},
                scene_ids=(f"{stream}-{int(day)}",),
                clear_share=float(seen.mean()),
            )
        )
    return observations


def _spread(stored: np.ndarray) -> np.ndarray:
    row = np.full((1, stored.size * GAP), NODATA, np.int16)
    row[0, ::GAP] = stored
    return row
