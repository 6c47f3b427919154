"""What a C-band radar sees of the harder world: speckle, rain, orbits of other level, months without it.

Forest gives some -7.5 dB (VV) and -13.3 dB (VH) gamma0, bare ground 4.5 and 5.7 dB less, as in the reference
cube; water gives far less. Rain on leaves adds up to 1 dB on its day; another track looks under another
angle, and lies off by a level of its own.
"""

from dataclasses import dataclass, field

import numpy as np
from world_ground import DIE_OFF, FALLOW, LOGGING, PIT, REGROWTH, WATER, WINDTHROW, Ground, smooth

FOREST_DB, BARE_DB, WATER_DB = (-7.5, -13.3), (-12.0, -19.0), (-17.0, -24.0)
LOOKS = 20.0
"""Equivalent number of looks of a pixel of 30 m."""
EVERY_DAYS = 12
TRACKS = (98, 25)
"""Relative orbits; the second is used with `orbit`, from a day of the monitored year on."""
TRACK_DB = 1.5
GAP_DAYS = 183
"""Days without radar with `gap`."""


@dataclass
class Radar:
    """The radar of one seed."""

    rng: np.random.Generator
    ground: Ground
    factors: frozenset[str]
    days: np.ndarray = field(init=False)
    """int32 (n,)."""
    tracks: np.ndarray = field(init=False)
    """int16 (n,): relative orbit."""
    _levels: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Draw its days, tracks and the texture of the forest."""
        ground, rng = self.ground, self.rng
        days = np.arange(ground.first + 3, ground.last, EVERY_DAYS).astype(np.int32)
        if "gap" in self.factors:
            begin = ground.history_end - int(rng.integers(0, 120))
            days = days[(days < begin) | (days >= begin + GAP_DAYS)]
        change = ground.history_end + int(rng.integers(60, 200))
        other = (days >= change) if "orbit" in self.factors else np.zeros(days.size, bool)
        self.days, self.tracks = days, np.where(other, TRACKS[1], TRACKS[0]).astype(np.int16)
        texture = np.stack([smooth(rng, ground.kind.shape, 2) for _ in range(2)])
        self._levels = _power(FOREST_DB) * (1 + 0.10 * texture)

    def seen(self, number: int) -> np.ndarray:
        """float32 (2, y, x): VV and VH of a pass, gamma0 in dB."""
        rng, ground, day = self.rng, self.ground, int(self.days[number])
        angle = 2 * np.pi * (day - ground.first) / 365.25
        level = 0.3 * np.cos(angle) + 0.2 * rng.standard_normal()
        if self.tracks[number] != TRACKS[0]:
            level += TRACK_DB
        if "rain" in self.factors and rng.random() < 0.35:
            wet = 0.5 + 0.5 * smooth(rng, ground.kind.shape, 25)
            level = level + np.clip(1.0 * wet, 0.0, 2.0)
        bare = self._changed(day)
        water = ((ground.kind == WATER) & ((ground.change_day == 0) | (day >= ground.change_day)))[None]
        target = np.where(water, _power(WATER_DB), _power(BARE_DB) * (1 + 0.25 * rng.standard_normal()))
        power = ((1 - bare) * self._levels + bare * target) * 10 ** (np.asarray(level) / 10)
        speckle = rng.gamma(LOOKS, 1 / LOOKS, power.shape)
        return (10 * np.log10(np.maximum(power * speckle, 1e-5))).astype(np.float32)

    def _changed(self, day: int) -> np.ndarray:
        """float32 (y, x) 0-1: how much of a pixel has no canopy for the radar on a day."""
        ground = self.ground
        since = np.where(ground.change_day > 0, day - ground.change_day, -1)
        fallen = ground.share * (since >= 0)
        fallen = np.where(ground.kind == DIE_OFF, 0.10 * fallen * np.clip(since / 240.0, 0, 1), fallen)
        fallen = np.where(np.isin(ground.kind, (LOGGING, WINDTHROW)), 0.7 * fallen, fallen)
        fading = np.exp(-np.clip(since, 0, None) / 400.0)
        fallen = np.where(np.isin(ground.kind, (REGROWTH, FALLOW)), fallen * fading, fallen)
        old_water = (ground.kind == WATER) & (ground.change_day == 0)
        pits = np.where(ground.kind == PIT, np.minimum(1.0, 1.1 * fallen), fallen)
        return np.where(old_water, 1.0, pits).astype(np.float32)


def _power(decibels: tuple[float, float]) -> np.ndarray:
    return 10 ** (np.array(decibels, np.float32)[:, None, None] / 10)
