"""Which observation shows a ground best: clear pixels inside an outline and around it, by sensor and day."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import shapely
from affine import Affine
from rasterio.features import geometry_mask

from selvawatch.core.stack import NODATA
from selvawatch.errors import DamagedError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import opened

log = logging.getLogger(__name__)

CLEAR = 0.9
"""Share of a ground that an observation must show to be called clear, inside the outline and around it."""
HIDDEN, HIDDEN_AROUND = 1 / 3, 1 / 2
"""Most of a ground that a mask may hide inside the outline, and around it; more is never chosen.

A mask takes a margin around each cloud: where it hides half, about a third is cloud.
"""
NEAR_DAYS = 45
"""Days within which a finer sensor is worth more than a nearer day."""
_STEP = 0.05
"""Clear shares that differ by less are alike."""

Seen = Callable[[str, str, int], tuple[Affine, int, np.ndarray]]
"""Of a tile, stream and day: what `clear_pixels_of` gives of the observation's file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an observation is asked to show."""

    outline: shapely.Geometry
    """In the pixel CRS, as the files are."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north of the ground around it, metres."""
    tiles: tuple[str, ...]
    """Tiles that hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An observation, and how much of the ground it shows."""

    record: SceneRecord
    resolution: float
    """Pixel of its sensor, metres."""
    inside: float
    """Share of the pixels inside the outline that are clear, 0-1."""
    around: float
    """Share of the pixels within the bounds that are clear, 0-1."""

    @property
    def least(self) -> float:
        """The smaller of both shares."""
        return min(self.inside, self.around)


def clear_pixels_of(path: Path) -> tuple[Affine, int, np.ndarray]:
    """Transform and columns of an observation's file, and (y, x) where it is clear, eight pixels a byte."""
    with opened(path) as file:
        return file.transform, file.width, np.packbits(file.read(1) != NODATA, axis=1)


def clear_shares(seen: Seen, record: SceneRecord, view: View) -> tuple[float, float]:
    """Shares of the pixels inside the outline, and within the bounds, that an observation shows, 0-1.

    Pixels that no tile's file holds count in neither; 0 where none is held, or a file is damaged.
    """
    counts = np.zeros(4)
    for tile in view.tiles:
        try:
            transform, columns, bits = seen(tile, record.stream, record.day)
        except (DamagedError, FileNotFoundError) as error:
            log.warning("a tile's observation is left out of the choice of pictures: %s", error)
            continue
        counts += _counts(transform, columns, bits, view)
    inside, within, around, held = counts
    return (inside / within if within else 0.0), (around / held if held else 0.0)


def _counts(transform: Affine, columns: int, bits: np.ndarray, view: View) -> np.ndarray:
    """Pixels of one file: clear inside the outline, all inside it, clear within the bounds, all within."""
    west, south, east, north = view.bounds
    (left, top), (right, bottom) = (~transform * corner for corner in ((west, north), (east, south)))
    rows = slice(max(0, round(top)), max(0, round(bottom)))
    kept = slice(max(0, round(left)), max(0, round(right)))
    clear = np.unpackbits(bits[rows], axis=1, count=columns)[:, kept].astype(bool)
    if not clear.size:
        return np.zeros(4)
    corner = transform * Affine.translation(kept.start, rows.start)
    inside = np.zeros(clear.shape, bool)
    if not shapely.is_empty(view.outline):
        inside = ~geometry_mask([view.outline], clear.shape, corner, all_touched=True)
    return np.array([(clear & inside).sum(), inside.sum(), clear.sum(), clear.size], float)


def best_first(candidates: Iterable[Candidate], day: int) -> list[Candidate]:
    """Candidates from the best for a day; those of which too much is hidden are left out.

    Clear ones come first. Within `NEAR_DAYS` the finest sensor, then the clearest, then the nearest day;
    further off the nearest day alone. What lies around counts against the most that any candidate shows
    of it: what no scene of an archive reaches is no cloud.
    """
    asked = list(candidates)
    most = max((one.around for one in asked), default=0.0) or 1.0
    asked = [replace(one, around=one.around / most) for one in asked]
    usable = [one for one in asked if one.inside >= 1 - HIDDEN and one.around >= 1 - HIDDEN_AROUND]
    return sorted(usable, key=lambda candidate: _order(candidate, day))


def _order(candidate: Candidate, day: int) -> tuple[float, ...]:
    distance = abs(candidate.record.day - day)
    if candidate.least < CLEAR:
        return (
            1,
            distance > NEAR_DAYS,
            int((1 - candidate.least) / _STEP + 1e-9),
            candidate.resolution,
            distance,
            -candidate.record.day,
        )
    if distance > NEAR_DAYS:
        return (0, 1, distance, candidate.resolution, -candidate.least, -candidate.record.day)
    return (
        0,
        0,
        candidate.resolution,
        int((1 - candidate.least) / _STEP + 1e-9),
        distance,
        -candidate.record.day,
    )


def nearest_first(records: Sequence[SceneRecord], day: int) -> list[SceneRecord]:
    """Records from the nearest to a day; of two alike the later one."""
    return sorted(records, key=lambda record: (abs(record.day - day), -record.day, record.scene_id))
