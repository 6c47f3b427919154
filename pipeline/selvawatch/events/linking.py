"""Links between patches of now and events of before: who keeps an id, who merged, what is gone, new ids."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selvawatch.core.days import to_date
from selvawatch.core.grid import Grid
from selvawatch.events.patches import Pixels

_SQUARE_M = 1000.0
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that an id survives being read out over a radio."""

_SHORT = 4
"""Characters of an id's last part (a million per day; a clash takes the next digest)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Which previous event each patch continues."""

    survivor: np.ndarray
    """Position of the previous event whose id a patch keeps, int64; -1 = a new event."""
    absorbed: list[list[int]]
    """Positions of the other events that merged into each patch, ascending."""
    overlap_px: np.ndarray
    """Pixels that a patch shares with its survivor, int64."""
    lost: np.ndarray
    """Positions of previous events that no patch continues, ascending."""


def link(labels: np.ndarray, owners: np.ndarray, patches: int, previous: pd.DataFrame) -> Links:
    """Links by shared pixels: an event goes on where most of it is, a patch bears its oldest event's id.

    labels, owners: (n,) int, a row for each pixel of the patches.

    Parameters
    ----------
    labels
        Patch number of each pixel, 0 to patches - 1.
    owners
        Position of the previous event over each pixel; -1 = none.
    previous
        EVENTS of before; a withdrawn one is taken up again only where no living one is.
    """
    heirs = np.full(len(previous), -1, np.int64)
    shared: dict[tuple[int, int], int] = {}
    covered = owners >= 0
    pairs, counts = np.unique(np.stack([labels[covered], owners[covered]], 1), axis=0, return_counts=True)
    best = np.zeros(len(previous), np.int64)
    for (patch, owner), count in zip(pairs.tolist(), counts.tolist(), strict=True):
        shared[(patch, owner)] = count
        if count > best[owner]:
            best[owner], heirs[owner] = count, patch
    alive = (previous["status"] != "withdrawn").to_numpy(bool)
    by_age = previous.assign(position=np.arange(len(previous))).sort_values(
        ["first_detected", "onset", "event_id"], kind="stable"
    )["position"]
    survivor = np.full(patches, -1, np.int64)
    absorbed: list[list[int]] = [[] for _ in range(patches)]
    for owner in by_age[alive[by_age]]:
        patch = heirs[owner]
        if patch >= 0 and survivor[patch] < 0:
            survivor[patch] = owner
        elif patch >= 0:
            absorbed[patch].append(int(owner))
    for owner in by_age[~alive[by_age]]:
        if heirs[owner] >= 0 and survivor[heirs[owner]] < 0:
            survivor[heirs[owner]] = owner
    gone = np.ones(len(previous), np.bool_)
    gone[survivor[survivor >= 0]] = False
    gone[[owner for owners_ in absorbed for owner in owners_]] = False
    return Links(
        survivor=survivor,
        absorbed=[sorted(each) for each in absorbed],
        overlap_px=np.array(
            [shared.get((patch, int(owner)), 0) for patch, owner in enumerate(survivor)], np.int64
        ),
        lost=np.flatnonzero(gone),
    )


def new_ids(
    pixels: Pixels,
    labels: np.ndarray,
    wanted: np.ndarray,
    grid: Grid,
    prefix: str,
    ids_before: Collection[str],
) -> list[str]:
    """An id such as `MDD-240612-7KQ4` for each wanted patch: prefix, onset, digest of where it began.

    It began on the pixel of earliest onset (northernmost, then westernmost), of which only the square of
    `_SQUARE_M` enters the digest: ids are public, and a finer place could be found by trying. No id is given
    twice.

    labels: (n,) int, the patch of each pixel.
    """
    used = set(ids_before)
    order = np.lexsort((pixels.column, pixels.row, pixels.onset, labels))
    seeds = order[np.searchsorted(labels[order], wanted)]
    ids = []
    for seed in seeds:
        easting = grid.anchor_x + (int(pixels.column[seed]) + 0.5) * grid.resolution
        northing = grid.anchor_y - (int(pixels.row[seed]) + 0.5) * grid.resolution
        square = f"{easting // _SQUARE_M:.0f} {northing // _SQUARE_M:.0f}"
        onset = int(pixels.onset[seed])
        start = f"{prefix}-{to_date(onset):%y%m%d}-"
        attempt = 0
        while (found := start + _short(f"{grid.crs} {square} {onset} {attempt}")) in used:
            attempt += 1
        used.add(found)
        ids.append(found)
    return ids


def _short(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return "".join(_ALPHABET[(number >> (5 * position)) & 31] for position in range(_SHORT))
