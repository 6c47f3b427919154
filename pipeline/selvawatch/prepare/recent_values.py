"""The newest observed values of each pixel and their days: a median since a day needs no old file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numba as nb
import numpy as np
import xarray as xr

from selvawatch.core.stack import NODATA

_NODATA = int(NODATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentValues:
    """The newest observed values of each pixel of one index."""

    values: np.ndarray
    """(depth, pixels) int16, stored units, the newest first; what lies behind the last has day 0."""
    days: np.ndarray
    """(depth, pixels) uint16, days since 1970-01-01; 0: there is no value."""

    @staticmethod
    def none(depth: int, pixels: int) -> "RecentValues":
        """No value yet."""
        return RecentValues(
            values=np.full((depth, pixels), NODATA, np.int16), days=np.zeros((depth, pixels), np.uint16)
        )

    def deeper(self, depth: int) -> "RecentValues":
        """The same with room for so many values, or without those beyond, in arrays of its own."""
        made = RecentValues.none(depth, self.values.shape[1])
        kept = min(depth, self.values.shape[0])
        made.values[:kept], made.days[:kept] = self.values[:kept], self.days[:kept]
        return made

    def add(self, stored: np.ndarray, day: int) -> None:
        """Put the values of a later day first, in place; a pixel that was not observed stays as it is.

        stored: (y, x) int16, `NODATA` where not observed.
        """
        _push(self.values, self.days, np.ascontiguousarray(stored).reshape(-1), day)

    def newest_since(self, since: np.ndarray, count: int) -> np.ndarray:
        """Median of at most `count` newest values on or after a day, (pixels,) float32, NaN of none.

        since: (pixels,) int64; stored units.
        """
        median = np.empty(since.size, np.float32)
        _median(self.values, self.days, since, count, True, median)
        return median

    def first_since(self, since: np.ndarray, count: int) -> np.ndarray:
        """As `newest_since`, of the first values on or after a day: of those that are kept."""
        median = np.empty(since.size, np.float32)
        _median(self.values, self.days, since, count, False, median)
        return median

    def reach_before(self, since: np.ndarray) -> np.ndarray:
        """Whether no value on or after a day was ever pushed out, (pixels,) bool. since: from 1 on."""
        return np.asarray(self.days[-1] < since)


def as_dataset(recent: Mapping[str, RecentValues], stream: str, shape: tuple[int, int]) -> xr.Dataset:
    """Recent values by index as arrays (value, y, x): values by index, and `days`, or those of an index that
    has others.
    """
    variables, dims = {}, ("value", "y", "x")
    first = next(iter(recent.values()), None)
    for name, one in recent.items():
        variables[name] = (dims, one.values.reshape(-1, *shape))
        if first is None or one is first or np.array_equal(one.days, first.days):
            continue
        variables[f"{name}_days"] = (dims, one.days.reshape(-1, *shape))
    if first is not None:
        variables["days"] = (dims, first.days.reshape(-1, *shape))
    return xr.Dataset(variables, attrs={"stream": stream, "indices": list(recent)})


def from_dataset(dataset: xr.Dataset) -> dict[str, RecentValues]:
    """What `as_dataset` was made of."""
    found = {}
    for name in dataset.attrs["indices"]:
        values = dataset[name].to_numpy()
        days = dataset[f"{name}_days" if f"{name}_days" in dataset else "days"].to_numpy()
        depth = values.shape[0]
        found[name] = RecentValues(values=values.reshape(depth, -1), days=days.reshape(depth, -1))
    return found


@nb.njit("void(int16[:,::1], uint16[:,::1], int16[::1], int64)", nogil=True, cache=True, error_model="numpy")
def _push(values: np.ndarray, days: np.ndarray, stored: np.ndarray, day: int) -> None:
    """Move each observed pixel's values one back and put the new one first."""
    for p in range(stored.size):
        if stored[p] != _NODATA:
            for row in range(values.shape[0] - 1, 0, -1):
                values[row, p], days[row, p] = values[row - 1, p], days[row - 1, p]
            values[0, p], days[0, p] = stored[p], day


@nb.njit(
    nb.void(
        nb.types.Array(nb.int16, 2, "C", readonly=True),
        nb.types.Array(nb.uint16, 2, "C", readonly=True),
        nb.types.Array(nb.int64, 1, "C", readonly=True),
        nb.int64,
        nb.boolean,
        nb.float32[::1],
    ),
    nogil=True,
    cache=True,
)
def _median(
    values: np.ndarray, days: np.ndarray, since: np.ndarray, count: int, newest: bool, median: np.ndarray
) -> None:
    """Median of at most `count` values on or after a day: the newest, or the first."""
    depth, pixels = values.shape
    kept = np.empty(max(1, count), np.int16)
    for p in range(pixels):
        here = 0
        while here < depth and days[here, p] > 0 and days[here, p] >= since[p]:
            here += 1
        found = min(here, count)
        begin = 0 if newest else here - found
        for number in range(found):
            value, position = values[begin + number, p], number
            while position > 0 and kept[position - 1] > value:
                kept[position] = kept[position - 1]
                position -= 1
            kept[position] = value
        if found == 0:
            median[p] = np.nan
        else:
            low, high = kept[(found - 1) // 2], kept[found // 2]
            median[p] = (np.float32(low) + np.float32(high)) * np.float32(0.5)
