"""What stands between the ground and an optical sensor in the harder world, date by date.

Clouds are correlated over kilometres and follow the wet season (November to April here). Haze and cirrus stay
where they were from one observation to the next with a correlation of 0.75, in patches. Smoke fills the air
from August to October, in layers over tens of kilometres (the burning season of the south-west Amazon).
Scenes lie off by half a pixel to one, drawn anew for each (Storey et al. 2016, doi
10.1016/j.rse.2016.08.025, on Landsat against Sentinel-2). A later processing baseline, and other satellites,
shift all bands by some per cent.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage as ndi
from world_ground import smooth

HAZE = np.array([0.35, 0.36, 0.37, 0.45, 0.35, 0.25], np.float32)
SMOKE = np.array([0.16, 0.14, 0.12, 0.20, 0.10, 0.06], np.float32)
SHADE = np.array([0.4, 0.5, 0.5, 0.75, 0.75, 0.7], np.float32)
NOISE = np.array([0.0040, 0.0045, 0.0050, 0.018, 0.010, 0.007], np.float32)
SEASON = np.array([0.3, 0.4, 0.5, 1.0, 0.6, 0.5], np.float32)
STAYS = 0.75
"""Correlation of haze from an observation to the next."""
CLEAR, VEILED, MISSING = 0, 1, 2
"""Codes of `quality_T.npy`."""


@dataclass
class Sky:
    """The sky of one seed."""

    rng: np.random.Generator
    size: int
    first: int
    factors: frozenset[str]
    _haze: np.ndarray = field(init=False)
    _season: tuple[np.ndarray, np.ndarray] = field(init=False)
    _drift: np.ndarray = field(init=False)
    _stripes: int = field(init=False)
    _step_day: int = field(init=False)

    def __post_init__(self) -> None:
        """Draw what stays the same over the years."""
        shape, rng = (self.size, self.size), self.rng
        self._haze = smooth(rng, shape, 6)
        self._season = (0.06 * (1 + 0.3 * smooth(rng, shape, 8)), 0.3 * smooth(rng, shape, 12))
        self._drift = rng.normal(0.0, 1.0, (8, 2))
        self._stripes = int(rng.integers(0, 14))
        self._step_day = self.first + 3 * 365 + int(rng.integers(60, 240))

    def season(self, day: int) -> np.ndarray:
        """float32 (6, y, x): what the leaves of a day multiply the forest by; years differ with `drift`."""
        amplitude, phase = self._season
        year, turn = divmod(day - self.first, 365.25)
        lag = longer = 0.0
        if "drift" in self.factors:
            lag, longer = 0.35 * self._drift[int(year), 0], 0.35 * self._drift[int(year), 1]
        angle = 2 * np.pi * turn / 365.25
        wave = amplitude * (1 + longer) * np.cos(angle + phase + lag) + 0.3 * amplitude * np.cos(2 * angle)
        return 1 + SEASON[:, None, None] * wave

    def cloudy(self, day: int) -> np.ndarray:
        """bool (y, x): what the mask finds; 40 % of observations in the mean, or 70 to 95 with `cloud`."""
        angle = 2 * np.pi * (day - self.first) / 365.25
        mean, swing = (0.83, 0.12) if "cloud" in self.factors else (0.40, 0.20)
        share = np.clip(mean + swing * np.cos(angle - 0.3) + 0.15 * self.rng.standard_normal(), 0.02, 0.97)
        shape = (self.size, self.size)
        values = smooth(self.rng, shape, 14) + 0.3 * smooth(self.rng, shape, 2)
        return values > np.quantile(values, 1 - share)

    def missing(self, number: int) -> np.ndarray:
        """bool (y, x): stripes without data in every third observation with `stripes`."""
        if "stripes" not in self.factors or number % 3:
            return np.zeros((self.size, self.size), bool)
        rows, columns = np.indices((self.size, self.size))
        return (rows + columns // 4 + self._stripes + 5 * number) % 14 < 4

    def veil(self) -> np.ndarray:
        """float32 (y, x) 0-1: how much of the ground's light haze takes that no mask finds."""
        rng, shape = self.rng, (self.size, self.size)
        fresh = smooth(rng, shape, 6)
        stays = STAYS if "haze" in self.factors else 0.0
        self._haze = stays * self._haze + np.sqrt(1 - stays**2) * fresh
        threshold = 1.0 if "haze" in self.factors else 2.3
        return np.clip(0.16 * (self._haze - threshold), 0.0, 0.5)

    def smoke(self, day: int) -> np.ndarray:
        """float32 (y, x) 0-1: share of smoke's light, from August to October with `smoke`."""
        month = (day - self.first) % 365.25 / 30.44
        if "smoke" not in self.factors or not 7 <= month < 10:
            return np.zeros((self.size, self.size), np.float32)
        layer = 0.25 + 0.12 * self.rng.standard_normal() + 0.06 * smooth(self.rng, (self.size, self.size), 40)
        return np.clip(layer, 0.0, 0.6)

    def seen(self, ground: np.ndarray, day: int, number: int) -> tuple[np.ndarray, np.ndarray]:
        """float32 (6, y, x) reflectance with NaN where nothing is seen, and uint8 (y, x) quality."""
        rng, shape = self.rng, (self.size, self.size)
        values = ground * (1 + 0.012 * rng.standard_normal())
        if "calibration" in self.factors and day >= self._step_day:
            values = values * np.array([1.04, 1.03, 1.03, 0.96, 0.97, 0.97], np.float32)[:, None, None]
        values = values + NOISE[:, None, None] * rng.standard_normal((6, *shape)).astype(np.float32)
        veil, smoke = self.veil()[None], self.smoke(day)[None]
        values = (1 - veil) * values + veil * HAZE[:, None, None]
        values = (1 - smoke) * values + smoke * SMOKE[:, None, None]
        shade = ndi.binary_dilation(rng.random(shape) < 0.0015) & (rng.random(shape) < 0.8)
        values = np.where(shade[None], values * (1 - 0.35 * SHADE[:, None, None]), values)
        if "jitter" in self.factors:
            values = _moved(values, rng)
        gone = self.cloudy(day) | self.missing(number)
        hazy = (veil[0] + smoke[0] > 0.08) & (rng.random(shape) < 0.8)
        quality = np.where(gone, MISSING, np.where(hazy, VEILED, CLEAR)).astype(np.uint8)
        return np.where(gone[None], np.nan, np.clip(values, 0.001, 1.2)), quality


def _moved(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The picture of a scene that lies off by half a pixel to one, in any direction."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0)
    off = (0.0, length * np.sin(angle), length * np.cos(angle))
    return ndi.shift(values, off, order=1, mode="nearest").astype(np.float32)
