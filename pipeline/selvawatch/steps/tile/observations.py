"""The observations that a tile is computed from: how wide, and as stacks or one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import iso, to_times
from selvawatch.core.observation import Observation
from selvawatch.errors import StackError
from selvawatch.prepare.observation_files import list_days, observation_path, open_stack, read_observation
from selvawatch.prepare.observation_keys import ObservationKey

STATE_VERSION = 11
"""Raised when the same observations would give another state: older states are then replayed, not continued.
"""

WORKERS = 2
"""Threads inside one tile; tiles themselves are spread over Prefect or dask workers."""


def stack_of(
    folder: Path, stream: str, index: str, days: Sequence[int], *, with_halo: bool = False
) -> xr.DataArray:
    """The lazy stack of an index on some days, (time, y, x), as `open_stack` gives it.

    with_halo: of the tile and its halo.

    Raises
    ------
    StackError
        When an observation of one of the days is no longer there.
    """
    need_days(folder, stream, days)
    stack = open_stack(folder, stream, index, days[0], days[-1], with_halo=with_halo)
    return stack.sel(time=to_times(np.array(days, np.int64)))


def need_days(folder: Path, stream: str, days: Iterable[int]) -> None:
    """Refuse to go on where an observation of a stream on one of the days is no longer there.

    Raises
    ------
    StackError
        With the first of the days that are gone.
    """
    if lost := sorted(set(days) - set(list_days(folder, stream))):
        raise StackError(
            "observations that the state was made from are gone",
            where=folder / stream,
            got=f"none of {iso(lost[0])}" + (f" and {len(lost) - 1} more days" if lost[1:] else ""),
            needed="every observation since the history began",
            do="copy them back, or begin the tile in a new --store",
        )


def observations_of(folder: Path, keys: Sequence[ObservationKey]) -> Iterator[Observation]:
    """Observations of some keys with their halo, read one after the other.

    Raises
    ------
    StackError
        When one of them is no longer there.
    """
    for stream in sorted({key.stream for key in keys}):
        need_days(folder, stream, (key.day for key in keys if key.stream == stream))
    for key in keys:
        yield read_observation(observation_path(folder, key.stream, key.day), with_halo=True)
