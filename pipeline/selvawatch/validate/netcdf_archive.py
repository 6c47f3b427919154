"""An archive in one netCDF file: variables with a time of their own are sensors, others truth and mask."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import NO_DAY, day_numbers
from selvawatch.core.files import check_plain
from selvawatch.core.observation import Observation
from selvawatch.core.stack import encode
from selvawatch.errors import LayerError
from selvawatch.prepare.indices import INDICES

_STREAMS = {
    "s1": "sentinel-1", "sentinel1": "sentinel-1", "sentinel-1": "sentinel-1",
    "s2": "sentinel-2", "sentinel2": "sentinel-2", "sentinel-2": "sentinel-2",
    "landsat": "landsat", "l8": "landsat", "l9": "landsat",
}  # fmt: skip
_EARLIEST_YEAR, _LATEST_YEAR = 1972, 2100


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterArchive:
    """What a netCDF archive holds."""

    observations: tuple[Observation, ...]
    """One per sensor and day, in order; days without any value are kept (clear_share 0)."""
    lost: np.ndarray
    """(y, x) bool: the truth."""
    mask: np.ndarray
    """(y, x) bool: pixels that count."""
    compared_day: np.ndarray | None
    """(y, x) int: day of another method's confirmation, `NO_DAY` = none; None: no such variable."""
    compared_name: str
    """Name of that variable."""
    resolution: float
    """Pixel size in units of the coordinates."""
    bands: Mapping[str, str]
    """Variable to `sensor:band`, as read."""


def read_archive(
    path: Path, truth: str, mask: str | None, bands: Sequence[str] = (), dates: str | None = None
) -> RasterArchive:
    """The observations, truth and mask of a netCDF file.

    Parameters
    ----------
    truth
        `VARIABLE=VALUE`: pixels of that value are lost.
    mask
        Variable whose non-zero pixels count; None: all.
    bands
        `VARIABLE=SENSOR:BAND` where a name does not say it itself.
    dates
        Variable with another method's confirmation dates (decimal years, days or dates) to measure against;
        None: the one variable whose name ends in `confirmed_date`, if there is exactly one.

    Raises
    ------
    LayerError
        For a file or variable that is missing or cannot be used.
    """
    with _open(path) as dataset:
        truth_name, _, value = truth.partition("=")
        if not value:
            raise LayerError("--truth says no value", where=path, got=truth, needed="VARIABLE=VALUE")
        lost = _plane(path, dataset, truth_name) == _number(path, value)
        inside = np.ones(lost.shape, bool) if mask is None else _usable(_plane(path, dataset, mask))
        if not inside.any():
            raise LayerError("the mask holds no pixel", where=path, got=mask)
        if not (lost & inside).any():
            raise LayerError("no masked pixel is lost", where=path, needed=truth)
        named = _sensors(path, dataset, bands)
        observations = [
            observation
            for name, target in named.items()
            for observation in _observations(path, dataset[name], target)
        ]
        compared = dates or _only_dates(dataset)
        return RasterArchive(
            observations=tuple(_merged(observations)),
            lost=lost & inside,
            mask=inside,
            compared_day=None if compared is None else _plane_days(path, dataset, compared),
            compared_name=compared or "",
            resolution=_resolution(path, dataset),
            bands=named,
        )


def _open(path: Path) -> xr.Dataset:
    if not path.exists():
        raise LayerError("the file is missing", where=path, needed="a netCDF file")
    try:
        check_plain(path)
        return xr.open_dataset(path, engine="netcdf4")
    except (OSError, ValueError) as error:
        raise LayerError("the file cannot be read as netCDF", where=path, got=error) from error


def _plane(path: Path, dataset: xr.Dataset, name: str) -> np.ndarray:
    if name not in dataset:
        raise LayerError(f"variable {name} is missing", where=path, got=sorted(map(str, dataset.data_vars)))
    if dataset[name].dims != ("y", "x"):
        raise LayerError(f"variable {name} is no raster", where=path, got=dataset[name].dims, needed="(y, x)")
    return dataset[name].to_numpy()


def _usable(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values.astype(float)) & (values != 0)


def _number(path: Path, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise LayerError("the truth value is no number", where=path, got=text) from error


def _sensors(path: Path, dataset: xr.Dataset, bands: Sequence[str]) -> dict[str, str]:
    timed = [
        str(name)
        for name, array in dataset.data_vars.items()
        if array.ndim == 3 and array.dims[1:] == ("y", "x")
    ]
    named: dict[str, str] = {}
    for text in bands:
        name, _, target = text.partition("=")
        if name not in timed or target.count(":") != 1 or target.split(":")[1] not in INDICES:
            raise LayerError(
                "a band cannot be used",
                where=path,
                got=text,
                needed=f"one of {timed} = SENSOR:BAND with a band of {sorted(INDICES)}",
            )
        named[name] = target
    for name in timed:
        guess = _guess(name)
        if name not in named and guess is not None:
            named[name] = guess
    if not named:
        raise LayerError(
            "no variable is a known sensor", where=path, got=timed, do="name them with --band VAR=SENSOR:BAND"
        )
    return {name: named[name] for name in timed if name in named}


def _guess(name: str) -> str | None:
    words = re.split(r"[_\s.]+", name.lower())
    stream = next((_STREAMS[word] for word in words if word in _STREAMS), None)
    band = next((word for word in words if word in INDICES), None)
    return f"{stream}:{band}" if stream and band else None


def _observations(path: Path, array: xr.DataArray, target: str) -> list[Observation]:
    stream, _, band = target.partition(":")
    days = _days(path, str(array.dims[0]), array[array.dims[0]].to_numpy())
    scale = INDICES[band].scale
    observations = []
    for row in np.argsort(days, kind="stable"):
        values = array[int(row)].to_numpy()
        observations.append(
            Observation(
                day=int(days[row]),
                stream=stream,
                values={band: encode(values, scale)},
                scales={band: scale},
                scene_ids=(f"{array.name}-{int(row):04d}",),
                clear_share=float(np.isfinite(values).mean()),
            )
        )
    return observations


def _merged(observations: list[Observation]) -> list[Observation]:
    """Observations in (day, stream) order, bands of one day as one; of a repeated band the first is kept."""
    merged: dict[tuple[int, str], Observation] = {}
    for observation in observations:
        key = (observation.day, observation.stream)
        other = merged.get(key)
        merged[key] = observation if other is None else _joined(other, observation)
    return [merged[key] for key in sorted(merged)]


def _joined(first: Observation, second: Observation) -> Observation:
    return Observation(
        day=first.day,
        stream=first.stream,
        values={**second.values, **first.values},
        scales={**second.scales, **first.scales},
        scene_ids=(*first.scene_ids, *second.scene_ids),
        clear_share=max(first.clear_share, second.clear_share),
    )


def _days(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    """(n,) int days of a coordinate: dates, decimal years, or days since 1970-01-01."""
    if np.issubdtype(values.dtype, np.datetime64):
        return day_numbers(values)
    numbers = np.asarray(values, float)
    if not np.isfinite(numbers).all():
        raise LayerError(f"coordinate {name} has gaps", where=path)
    return _numeric_days(numbers)


def _numeric_days(numbers: np.ndarray) -> np.ndarray:
    known = numbers[np.isfinite(numbers) & (numbers != 0)]
    if known.size and known.min() >= _EARLIEST_YEAR and known.max() < _LATEST_YEAR:
        return from_decimal_years(numbers)
    return np.where(np.isfinite(numbers), np.rint(np.nan_to_num(numbers)), NO_DAY).astype(np.int64)


def from_decimal_years(years: np.ndarray) -> np.ndarray:
    """int64 days of decimal years (2016.0 = 2016-01-01), nearest day; NaN and 0 become `NO_DAY`."""
    known = np.isfinite(years) & (years > 0)
    year = np.floor(np.where(known, years, 1970)).astype(np.int64)
    first = day_numbers((year - 1970).astype("datetime64[Y]"))
    after = day_numbers((year - 1969).astype("datetime64[Y]"))
    part = np.where(known, years, 1970) - year
    return np.where(known, first + np.rint(part * (after - first)).astype(np.int64), NO_DAY)


def _only_dates(dataset: xr.Dataset) -> str | None:
    names = [str(name) for name in dataset.data_vars if str(name).endswith("confirmed_date")]
    return names[0] if len(names) == 1 else None


def _plane_days(path: Path, dataset: xr.Dataset, name: str) -> np.ndarray:
    values = _plane(path, dataset, name)
    if np.issubdtype(values.dtype, np.datetime64):
        return day_numbers(values)
    return _numeric_days(values.astype(float))


def _resolution(path: Path, dataset: xr.Dataset) -> float:
    if "x" not in dataset.coords or dataset.sizes["x"] < 2:
        raise LayerError("the raster has no x coordinate", where=path, needed="x and y in metres")
    return float(abs(dataset["x"].to_numpy()[1] - dataset["x"].to_numpy()[0]))
