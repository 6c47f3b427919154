"""The lines of the terrain, in pixels of the tile: a river that moves, a road, and streams."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from selvawatch.simulate.noise import generator


@dataclass(frozen=True, slots=True, kw_only=True)
class River:
    """A meandering river from the west to the east edge; the middle of its water for each pixel column."""

    row: np.ndarray
    """(size,) row of the middle on the first day, pixels."""
    reach: np.ndarray
    """(size,) how far the middle moves in one rainy season, pixels, signed (south positive)."""
    half_width: np.ndarray
    """(size,) half the width of the water, pixels."""

    def water(self, seasons: float) -> np.ndarray:
        """Share of water in each pixel (size, size) after some rainy seasons."""
        size = len(self.row)
        middle = self.row + seasons * self.reach
        slope = np.gradient(middle)
        distance = np.abs(np.arange(size)[:, None] - middle[None, :]) / np.hypot(1, slope)[None, :]
        return np.clip(0.5 + self.half_width[None, :] - distance, 0, 1).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """All lines of a terrain; points are (row, column) in pixels."""

    river: River
    road: np.ndarray
    """(size,) row of the road's middle for each column."""
    streams: tuple[np.ndarray, ...]
    """Each (k, 2), one point for each row, from the river upstream; the last ones flow from the south."""


def draw_lines(seed: int, size: int, *, streams: int, river_width_px: float, river_shift_px: float) -> Lines:
    """The lines of a seed."""
    rng = generator(seed, "lines")
    column = np.arange(size, dtype=np.float64)
    phase = rng.uniform(0, 2 * np.pi, 4)
    bend = np.sin(2 * np.pi * column / (0.41 * size) + phase[0])
    small = np.sin(2 * np.pi * column / (0.17 * size) + phase[1])
    row = size * (0.82 + 0.05 * bend + 0.012 * small)
    wide = 1 + 0.18 * np.sin(2 * np.pi * column / (0.27 * size) + phase[2])
    river = River(
        row=row,
        reach=river_shift_px * np.sign(bend) * np.abs(bend) ** 4,
        half_width=0.5 * river_width_px * wide,
    )
    road = size * (
        0.26 + 0.02 * np.sin(2 * np.pi * column / (0.9 * size) + phase[3]) - 0.06 * (column / size - 0.5)
    )
    paths = [
        _stream(rng, size, row, (number + 0.5 + rng.uniform(-0.2, 0.2)) / streams)
        for number in range(streams)
    ]
    for position in rng.uniform(0.1, 0.9, max(1, streams // 4)):
        paths.append(_stream(rng, size, row, float(position), south=True))
    return Lines(river=river, road=road, streams=tuple(paths))


def _stream(
    rng: np.random.Generator, size: int, river_row: np.ndarray, position: float, *, south: bool = False
) -> np.ndarray:
    mouth = min(size - 1, int(position * size))
    end, step = (0.98 * size, 1) if south else (0.03 * size, -1)
    rows = np.arange(int(river_row[mouth]), int(end), step, dtype=np.float64)
    wander = np.zeros(len(rows))
    for scale, width in ((size / 10, 0.028), (size / 30, 0.010)):
        walk = ndimage.gaussian_filter1d(rng.standard_normal(len(rows)), scale, mode="reflect")
        wander += width * size * walk * np.sqrt(2 * np.sqrt(np.pi) * scale)
    columns = mouth + wander - wander[0] + rng.uniform(-0.1, 0.1) * np.arange(len(rows))
    inside = (columns > 2) & (columns < size - 3)
    last = len(rows) if inside.all() else max(2, int(np.argmin(inside)))
    return np.stack([rows[:last], columns[:last]], axis=1)
