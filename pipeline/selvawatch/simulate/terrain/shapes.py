"""Shapes as shares of pixels: pits, parcels, strips; an edge pixel holds what the shape covers of it."""

import math

import numpy as np

Window = tuple[slice, slice]


def window_around(row: float, column: float, reach: float, size: int) -> Window | None:
    """Rows and columns within reach of a point, cut at the tile's edge; None where nothing is left."""
    top, left = max(0, math.floor(row - reach)), max(0, math.floor(column - reach))
    bottom, right = min(size, math.ceil(row + reach) + 1), min(size, math.ceil(column + reach) + 1)
    if top >= bottom or left >= right:
        return None
    return slice(top, bottom), slice(left, right)


def _offsets(window: Window, row: float, column: float) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - np.float32(row)
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - np.float32(column)
    return rows, columns


def blob(
    rng: np.random.Generator, window: Window, row: float, column: float, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Share of each pixel inside an uneven, stretched disc, and its distance from the middle (1 = rim)."""
    rows, columns = _offsets(window, row, column)
    turn, stretch = rng.uniform(0, math.pi), rng.uniform(1.0, 1.6)
    along = (rows * math.cos(turn) + columns * math.sin(turn)) / math.sqrt(stretch)
    across = (columns * math.cos(turn) - rows * math.sin(turn)) * math.sqrt(stretch)
    angle = np.arctan2(across, along)
    rim = np.full(angle.shape, radius, np.float32)
    for wave in (2, 3, 5):
        rim += radius * rng.uniform(0, 0.22 / wave**0.5) * np.cos(wave * angle + rng.uniform(0, 2 * math.pi))
    distance = np.hypot(along, across)
    return np.clip(0.5 + rim - distance, 0, 1).astype(np.float32), (distance / rim).astype(np.float32)


def parcel(window: Window, row: float, column: float, half: tuple[float, float], turn: float) -> np.ndarray:
    """Share of each pixel inside a turned rectangle of half sides `half`."""
    rows, columns = _offsets(window, row, column)
    along = np.abs(rows * math.cos(turn) + columns * math.sin(turn))
    across = np.abs(columns * math.cos(turn) - rows * math.sin(turn))
    inside = np.clip(0.5 + half[0] - along, 0, 1) * np.clip(0.5 + half[1] - across, 0, 1)
    return inside.astype(np.float32)


def disc(window: Window, row: float, column: float, radius: float) -> np.ndarray:
    """Share of each pixel inside a disc."""
    rows, columns = _offsets(window, row, column)
    return np.clip(0.5 + radius - np.hypot(rows, columns), 0, 1).astype(np.float32)
