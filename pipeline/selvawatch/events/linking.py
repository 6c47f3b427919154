"""Ids of events, and which event goes on where one of before is no more."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from rasterio.features import geometry_mask

from selvawatch.core.days import to_date
from selvawatch.core.grid import Grid
from selvawatch.events.lineage import Lineage
from selvawatch.events.patches import Pixels

LETTERS = 6
"""Characters of an id's last part: a thousand million."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that an id survives being read out over a radio."""


def letters(pixel: tuple[int, int], key: bytes = b"") -> str:
    """The last part of the id of an event that began on a pixel: six letters of a keyed hash of it.

    pixel: column and row in the grid's own numbers (`Pixels`). key: at most 64 bytes.
    """
    digest = hashlib.blake2b(f"{pixel[0]} {pixel[1]}".encode(), digest_size=8, key=key).digest()
    number = int.from_bytes(digest)
    return "".join(_ALPHABET[(number >> (5 * position)) & 31] for position in range(LETTERS))


def event_ids(pixels: Pixels, roots: np.ndarray, prefix: str, id_key: bytes = b"") -> list[str]:
    """Ids such as `MDD-240612-7KQ4ZD`: prefix, day on which an event's first pixel was detected, its letters.

    They follow from the pixels and the key alone. No id is given twice.

    roots: (events,) positions of the pixels that the events are named by.
    """
    ids: dict[str, None] = {}
    for root in roots.tolist():
        start = f"{prefix}-{to_date(int(pixels.detected_on[root])):%y%m%d}-"
        pixel = (int(pixels.column[root]), int(pixels.row[root]))
        found, key = start + letters(pixel, id_key), id_key
        while found in ids:
            key += b"+"
            found = start + letters(pixel, key)
        ids[found] = None
    return list(ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heirs:
    """What has become of the events of before; columns in their order."""

    event_id: list[str | None]
    """The event that most of each one's detected pixels lie in now; None = in none."""
    size_px: np.ndarray
    """Pixels of its outline, int64."""
    detected_px: np.ndarray
    """Those of them that are detected pixels still, int64."""
    kept_px: np.ndarray
    """Pixels of its outline that lie in the outline of the event of the same id, int64."""


def find_heirs(
    previous: gpd.GeoDataFrame,
    pixels: Pixels,
    lineage: Lineage,
    ids: Sequence[str],
    outlines: np.ndarray,
    grid: Grid,
) -> Heirs:
    """What has become of the events of before.

    previous: EVENTS. ids, outlines: of the lineage's events; one with the outline of before is not drawn.
    """
    shown_px = np.bincount(lineage.event[lineage.is_shown], minlength=len(lineage))
    position = {name: number for number, name in enumerate(ids)}
    names: list[str | None] = []
    size, detected, kept = (np.zeros(len(previous), np.int64) for _ in range(3))
    left = int(pixels.column.min(initial=0))
    width = int(pixels.column.max(initial=0)) - left + 2
    keys = pixels.row * width + (pixels.column - left)
    for number, (name, shape) in enumerate(zip(previous["event_id"], previous.geometry, strict=True)):
        now = position.get(name)
        if now is not None and shapely.equals_exact(shape, outlines[now]):
            size[number] = detected[number] = kept[number] = shown_px[now]
            names.append(name)
            continue
        column, row = pixels_of(shape, grid)
        size[number] = len(column)
        near = (column >= left) & (column < left + width - 1)
        wanted = row[near] * width + (column[near] - left)
        found = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        found = found[keys[found] == wanted] if len(keys) else found[:0]
        detected[number] = len(found)
        kept[number] = np.count_nonzero(
            lineage.is_shown[found] & (lineage.event[found] == position.get(name, -2))
        )
        count = np.bincount(lineage.event[found] + 1, minlength=2)[1:]
        names.append(ids[int(count.argmax())] if count.max() > 0 else None)
    return Heirs(event_id=names, size_px=size, detected_px=detected, kept_px=kept)


def pixels_of(shape: shapely.Geometry, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows in the grid of the pixels whose centre lies in an outline, (n,) int64 each."""
    side = grid.resolution
    west, south, east, north = shape.bounds
    left, right = math.floor((west - grid.anchor_x) / side), math.ceil((east - grid.anchor_x) / side)
    top, bottom = math.floor((grid.anchor_y - north) / side), math.ceil((grid.anchor_y - south) / side)
    transform = Affine(side, 0, grid.anchor_x + left * side, 0, -side, grid.anchor_y - top * side)
    inside = geometry_mask([shape], (bottom - top, right - left), transform, invert=True)
    row, column = np.nonzero(inside)
    return column + left, row + top
