"""Covers that are not closed forest: where, since when, how much of a pixel, and how they look on a day."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from selvawatch.simulate.climate import day_of_year, wetness
from selvawatch.simulate.spectra import Material

ALWAYS = -100_000
"""Start day of what was there before anyone looked."""
NEVER = 1_000_000
"""Day of what does not happen."""


class Kind(IntEnum):
    """What a cover is and how it goes on."""

    NONE = 0
    SAND = 1
    """Mined ground: wet, then dry sand."""
    POND = 2
    """Mined ground that fills with water (`second`), which later turns green (`third`)."""
    ROAD = 3
    PASTURE = 4
    """Burnt every second year or so (`second` = day of the year)."""
    CROP = 5
    """Burnt and sown every year (`second` = day of the year)."""
    CLEARING = 6
    """Felled, burnt (`second` = day), then grass and crops."""
    BLOWDOWN = 7
    """Gaps torn by a storm; they close slowly."""
    RIVER = 8
    """Water; falls dry for good at `second`."""
    BAR = 9
    """Sand beside the river, under water in the rainy season."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What is painted: numbers for all pixels of a window, or (y, x) arrays of its shape."""

    kind: np.ndarray | Kind
    start: np.ndarray | int
    """First day."""
    second: np.ndarray | int = NEVER
    """See `Kind`."""
    third: np.ndarray | int = NEVER
    """See `Kind`."""
    variety: np.ndarray | float = 0.0
    """Standard normal: how this place differs from its like."""
    cause: int = 0
    front: int = 0


class Canvas:
    """Rasters of one layer of covers while it is being painted; one cover for each pixel."""

    def __init__(self, size: int) -> None:
        shape = (size, size)
        self.size = size
        self.share = np.zeros(shape, np.float32)
        self.kind = np.zeros(shape, np.uint8)
        self.start = np.full(shape, NEVER, np.int32)
        self.second = np.full(shape, NEVER, np.int32)
        self.third = np.full(shape, NEVER, np.int32)
        self.variety = np.zeros(shape, np.float32)
        self.cause = np.zeros(shape, np.uint8)
        self.front = np.zeros(shape, np.uint16)

    def paint(self, window: tuple[slice, slice], share: np.ndarray, cover: "Cover") -> int:
        """Paint a cover where it holds more of a pixel than what is there; return pixels newly half held."""
        before = self.share[window]
        wins = (share > before) & (before < 0.5) & (share > 0.02)
        gained = int((wins & (share >= 0.5)).sum())
        for raster, value in (
            (self.share, share),
            (self.kind, cover.kind),
            (self.start, cover.start),
            (self.second, cover.second),
            (self.third, cover.third),
            (self.variety, cover.variety),
            (self.cause, cover.cause),
            (self.front, cover.front),
        ):
            view = raster[window]
            view[wins] = np.broadcast_to(np.asarray(value), wins.shape)[wins]
        return gained

    def covers(self) -> "Covers":
        """The painted pixels as flat arrays."""
        index = np.flatnonzero(self.share > 0.02)
        return Covers(
            index=index,
            share=self.share.ravel()[index],
            kind=self.kind.ravel()[index],
            start=self.start.ravel()[index],
            second=self.second.ravel()[index],
            third=self.third.ravel()[index],
            variety=self.variety.ravel()[index],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Covers:
    """Pixels of one layer that are not closed forest, or will not be one day; arrays of equal length."""

    index: np.ndarray
    """Flat pixel index."""
    share: np.ndarray
    """Part of the pixel, 0 to 1."""
    kind: np.ndarray
    """Codes of `Kind`."""
    start: np.ndarray
    """First day."""
    second: np.ndarray
    """See `Kind`."""
    third: np.ndarray
    """See `Kind`."""
    variety: np.ndarray
    """Standard normal: how this place differs from its like."""

    def on(self, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Part of each pixel that is not forest on a day (k,), and its mixture (k, materials)."""
        mixture = np.zeros((len(self.index), len(Material)), np.float32)
        share = np.where(self.start <= day, self.share, np.float32(0))
        for kind, rule in _RULES.items():
            chosen = np.flatnonzero((self.kind == kind) & (self.start <= day))
            if len(chosen):
                part = _Part(
                    day=day,
                    age=(day - self.start[chosen]).astype(np.float32),
                    second=self.second[chosen],
                    third=self.third[chosen],
                    variety=self.variety[chosen],
                )
                mixture[chosen], factor = rule(part)
                share[chosen] *= factor
        return share, mixture


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    day: int
    age: np.ndarray
    second: np.ndarray
    third: np.ndarray
    variety: np.ndarray

    def mix(self, **weights: np.ndarray | float) -> np.ndarray:
        mixture = np.zeros((len(self.age), len(Material)), np.float32)
        for name, weight in weights.items():
            mixture[:, Material[name.upper()]] = weight
        return mixture


def _ramp(value: np.ndarray, length: float) -> np.ndarray:
    return np.clip(value / length, 0, 1).astype(np.float32)


def _sand(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    slash = 0.6 * (1 - _ramp(part.age, 8))
    dry = (1 - slash) * _ramp(part.age + 5, 25) * (0.95 - 0.35 * wetness(part.day))
    overgrown = np.clip(_ramp(part.age - 400, 3000) * (0.35 + 0.35 * part.variety), 0, 0.7)
    fresh = part.mix(slash=slash, sand=dry, wet_soil=1 - slash - dry)
    return fresh * (1 - overgrown)[:, None] + part.mix(regrowth=overgrown), np.ones_like(part.age)


def _pond(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    water = _ramp((part.day - part.second + 6).astype(np.float32), 12)
    greened = _ramp((part.day - part.third).astype(np.float32), 45) * np.clip(
        0.75 + 0.2 * part.variety, 0.3, 1
    )
    dry, _ = _sand(part)
    wet = part.mix(turbid=1 - greened, green=greened)
    return dry * (1 - water)[:, None] + wet * water[:, None], np.ones_like(part.age)


def _road(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    return part.mix(road=0.85, grass=0.15), np.ones_like(part.age)


def _pasture(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    year = (part.day // 365.25 + part.second) % 2
    since = (day_of_year(part.day) - part.second) % 365
    char = np.where(year == 0, 0.8 * np.exp(-since / 22.0), 0.0)
    green = (1 - char) * np.clip(0.25 + 0.6 * wetness(part.day) + 0.1 * part.variety, 0, 1)
    return part.mix(char=char, grass=green, dry_grass=1 - char - green), np.ones_like(part.age)


def _crop(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    since = ((day_of_year(part.day) - part.second) % 365).astype(np.float32)
    char = 0.75 * np.exp(-since / 30.0)
    crop = (
        (1 - char) * np.clip(np.sin(np.pi * (since - 55) / 200), 0, 1) ** 0.7 * (since > 55) * (since < 255)
    )
    soil = (1 - char - crop) * np.where(since < 90, 0.8, 0.25)
    return (
        part.mix(char=char, crop=crop, wet_soil=soil, dry_grass=1 - char - crop - soil),
        np.ones_like(part.age),
    )


def _clearing(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    since = (part.day - part.second).astype(np.float32)
    burnt = since >= 0
    char = np.where(burnt, 0.85 * np.exp(-np.maximum(since, 0) / 28.0), 0.0)
    green = np.where(burnt, (1 - char) * _ramp(since - 45, 110) * 0.75, 0.0)
    soil = np.where(burnt, 0.5 * (1 - char - green), 0.0)
    return (
        part.mix(
            slash=np.where(burnt, 0.0, 0.75),
            regrowth=np.where(burnt, 0.0, 0.25),
            char=char,
            grass=0.5 * green,
            crop=0.5 * green,
            wet_soil=soil,
            dry_grass=np.where(burnt, 1 - char - green - soil, 0.0),
        ),
        np.ones_like(part.age),
    )


def _blowdown(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    closed = 1 - np.exp(-part.age / 260.0)
    return part.mix(gap=1 - closed, regrowth=closed), np.exp(-part.age / 900.0)


def _river(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    dry = (part.day - part.second).astype(np.float32)
    land = (dry >= 0).astype(np.float32)
    grown = _ramp(dry - 150, 700) * 0.9
    return (
        part.mix(river=1 - land, bar=land * (1 - grown), regrowth=land * grown),
        np.ones_like(part.age),
    )


def _bar(part: _Part) -> tuple[np.ndarray, np.ndarray]:
    water = np.clip(3 * (wetness(part.day) - 0.55 + 0.15 * part.variety), 0, 1)
    return part.mix(river=water, bar=(1 - water) * 0.8, regrowth=(1 - water) * 0.2), np.ones_like(part.age)


_RULES = {
    Kind.SAND: _sand,
    Kind.POND: _pond,
    Kind.ROAD: _road,
    Kind.PASTURE: _pasture,
    Kind.CROP: _crop,
    Kind.CLEARING: _clearing,
    Kind.BLOWDOWN: _blowdown,
    Kind.RIVER: _river,
    Kind.BAR: _bar,
}
