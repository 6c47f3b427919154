"""An observation: what one stream saw of one tile on one day, as stored indices."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

QUALITY = "quality"
"""Name under which an optical observation carries what its pixels weigh, among its values."""

_TRACKED = re.compile(r"(.+)-t\d{1,3}")


def without_track(stream: str) -> str:
    """Name of a stream without the track that radar adds to it: `sentinel-1-descending` of
    `sentinel-1-descending-t127`.
    """
    found = _TRACKED.fullmatch(stream)
    return found[1] if found else stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One stream, one day, one tile: same-day scenes masked, brought to one space and merged."""

    day: int
    """Days since 1970-01-01, UTC."""
    stream: str
    """Stream of observations, such as `sentinel-2` or `sentinel-1-descending-t127`."""
    values: Mapping[str, np.ndarray]
    """(y, x) int16 by index; `core.stack.NODATA` where not observed. Physical value = stored * scale.

    Under `QUALITY`, where the observation has it: 0-100, percent of full weight.
    """
    scales: Mapping[str, float]
    """Scale of each index."""
    scene_ids: tuple[str, ...]
    """Scenes merged into it, in the order of precedence."""
    clear_share: float
    """Share of the tile's pixels with a usable observation, 0-1."""
    spreads: Mapping[str, float] = field(default_factory=dict)
    """Standard deviation of its track's level by index, stored units; an index that is absent has none."""

    def __post_init__(self) -> None:
        """Refuse values that a detector could not take as they are."""
        if not self.values or set(self.values) != set(self.scales):
            raise ValueError(f"observation has values {sorted(self.values)} and scales {sorted(self.scales)}")
        shapes = {array.shape for array in self.values.values()}
        kinds = {str(array.dtype) for array in self.values.values()}
        if len(shapes) != 1 or kinds != {"int16"}:
            raise ValueError(
                f"observation has shapes {sorted(shapes)} and types {sorted(kinds)}; need one shape, int16"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = next(iter(self.values.values())).shape
        return rows, columns
