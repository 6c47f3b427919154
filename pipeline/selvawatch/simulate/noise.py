"""Chance that repeats: named generators, smooth random fields, and banks of noise cheap to draw from."""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage


def strips(rows: int) -> Iterator[slice]:
    """Slices of 64 rows: work done strip by strip stays in the processor's cache."""
    for top in range(0, rows, 64):
        yield slice(top, min(rows, top + 64))


def generator(seed: int, *key: object) -> np.random.Generator:
    """A random generator that depends on the seed and a name only, never on what was drawn before."""
    return np.random.default_rng([seed, *(zlib.crc32(str(part).encode()) for part in key)])


def smooth_field(rng: np.random.Generator, size: int, scale_px: float) -> np.ndarray:
    """A (size, size) float32 Gaussian field smooth over `scale_px`; mean 0, variance 1 over many draws."""
    step = max(1, int(scale_px / 3))
    coarse = size // step + 3
    sigma = scale_px / step
    white = rng.standard_normal((coarse, coarse), np.float32)
    field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=3.0)
    field *= np.float32(2 * math.sqrt(math.pi) * sigma if sigma >= 0.7 else 1.0)
    return enlarge(field, size, step)


def enlarge(field: np.ndarray, size: int, step: int) -> np.ndarray:
    """A (size, size) bilinear enlargement of a coarse field whose samples lie `step` apart."""
    if step == 1:
        return np.ascontiguousarray(field[:size, :size])
    position = np.arange(size) / step
    low = position.astype(np.int64)
    weight = (position - low).astype(np.float32)
    tall = field[low] * (1 - weight)[:, None] + field[low + 1] * weight[:, None]
    large = np.empty((size, size), np.float32)
    for rows in strips(size):
        large[rows] = tall[rows][:, low] * (1 - weight) + tall[rows][:, low + 1] * weight
    return large


@dataclass(frozen=True, slots=True)
class NoiseBank:
    """Ready fields of noise, larger than any draw; a draw is a cut of one and costs nothing."""

    fields: np.ndarray
    """(k, wide, wide) float32."""

    @classmethod
    def normal(cls, rng: np.random.Generator, size: int, count: int) -> "NoiseBank":
        """White standard normal noise."""
        return cls(rng.standard_normal((count, size, size), np.float32))

    @classmethod
    def speckle(cls, rng: np.random.Generator, size: int, count: int, observations: float) -> "NoiseBank":
        """Speckle (a factor) of mean 1 with about that many observations, slightly correlated between
        neighbours.
        """
        kernel = np.array([0.15, 0.7, 0.15], np.float32)
        kept = float((kernel**2).sum()) ** 2
        fields = np.empty((count, size, size), np.float32)
        for field in fields:
            field[:] = rng.standard_gamma(observations * kept, (size, size))
            field /= np.float32(observations * kept)
            for axis in (0, 1):
                ndimage.convolve1d(field, kernel, axis=axis, mode="wrap", output=field)
        return cls(fields)

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """A (size, size) field, not to be written to; pixels of different draws are uncorrelated."""
        room = self.fields.shape[1] - size
        which, down, right = (int(rng.integers(top)) for top in (len(self.fields), room, room))
        return self.fields[which, down : down + size, right : right + size]
