"""Chance that repeats: named generators, smooth random fields, and banks of noise cheap to draw from."""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from scipy import ndimage


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
    rows = field[low] * (1 - weight)[:, None] + field[low + 1] * weight[:, None]
    return rows[:, low] * (1 - weight) + rows[:, low + 1] * weight


@dataclass(frozen=True, slots=True)
class NoiseBank:
    """Ready fields of noise; a draw is one of them moved by a random step: it costs no more than a copy."""

    fields: np.ndarray
    """(k, size, size) float32."""

    @classmethod
    def normal(cls, rng: np.random.Generator, size: int, count: int) -> "NoiseBank":
        """White standard normal noise."""
        return cls(rng.standard_normal((count, size, size), np.float32))

    @classmethod
    def speckle(cls, rng: np.random.Generator, size: int, count: int, looks: float) -> "NoiseBank":
        """Speckle (a factor) of mean 1 with about that many looks, slightly correlated between neighbours."""
        kernel = np.array([0.15, 0.7, 0.15], np.float32)
        kept = float((kernel**2).sum()) ** 2
        fields = rng.standard_gamma(looks * kept, (count, size, size)).astype(np.float32)
        fields /= np.float32(looks * kept)
        for axis in (1, 2):
            fields = ndimage.convolve1d(fields, kernel, axis=axis, mode="wrap")
        return cls(fields)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """A (size, size) field; fields of different draws are uncorrelated pixel by pixel."""
        size = self.fields.shape[1]
        which, down, right = (int(rng.integers(top)) for top in (len(self.fields), size, size))
        return np.roll(self.fields[which], (down, right), (0, 1))
