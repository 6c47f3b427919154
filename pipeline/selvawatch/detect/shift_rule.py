"""How the shift that a neighbourhood shares on one day is measured, as plain numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

FOLLOWED = ("ndvi", "nbr")
"""Indices whose slow fall a state can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """Where the north-west pixel of an image lies on the site's grid, pixels from its anchor."""

    row: int
    """Rows south of the anchor."""
    column: int
    """Columns east of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRule:
    """How the level of a radar track is measured (`detect.track_levels`)."""

    passes: int = 4
    """Passes over stable forest that give a track its level."""
    step_px: int = 4
    """Every so many pixels, in both directions, one is measured."""
    minimum_px: int = 100
    """Fewest measured pixels of forest that make a pass count."""

    def __post_init__(self) -> None:
        """Refuse a level of too little."""
        if self.passes < 2 or self.step_px < 1 or self.minimum_px < 1:
            raise ValueError(
                f"need passes >= 2, step_px >= 1 and minimum_px >= 1, got {self.passes}, {self.step_px}"
                f" and {self.minimum_px}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowFall:
    """How a fall that takes months is followed and taken off (`detect.slow_fall`)."""

    block_px: int
    """Side of a block that falls together, pixels; those of the common shift are cut into whole ones."""
    rates: Mapping[str, float]
    """Most that an index may fall a day and still be slow, in its units, by index."""
    reach: float
    """Departure from what was followed, in sigmas, beyond which an observation does not move it."""
    longest_days: int
    """Most days between two observations that count as time to fall in."""
    least: float
    """Slow fall that noise gives, in units of the index; it is left in."""
    jump: float
    """How much further than at the rate a block's mean may fall at once, in units of the index: a loss, or
    haze, comes at once.
    """
    most: float
    """Largest slow fall that is followed, in units of the index."""
    of_block: float
    """A pixel's slow fall is taken off up to so many times the mean of its block: neighbours fall together.
    """

    def __post_init__(self) -> None:
        """Refuse a slow fall that would follow anything."""
        if strange := {name: rate for name, rate in self.rates.items() if not 0 < rate <= 0.01}:
            raise ValueError(f"rates are {strange}, need more than 0 and at most 0.01 a day")
        if unknown := sorted(set(self.rates) - set(FOLLOWED)):
            raise ValueError(f"rates name {unknown}, need some of {', '.join(FOLLOWED)}")
        if self.block_px < 1 or self.reach <= 0 or self.longest_days < 1 or self.of_block <= 0:
            raise ValueError(
                f"need block_px and longest_days >= 1, reach and of_block > 0, got {self.block_px},"
                f" {self.longest_days}, {self.reach} and {self.of_block}"
            )
        if not 0 <= self.jump < 1:
            raise ValueError(f"jump is {self.jump}, need 0 to 1")
        if not 0 <= self.least < self.most:
            raise ValueError(f"need 0 <= least < most, got {self.least} and {self.most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dieback:
    """From which slow fall on a pixel without an alert is said to die back (`detect.dieback`)."""

    together: Mapping[str, float]
    """Least mean slow fall of a pixel and its eight neighbours, by index, in its units; each must be reached.
    """
    share: float
    """Least part of that mean which the pixel must have fallen by itself."""

    def __post_init__(self) -> None:
        """Refuse what noise would reach, or no state can hold."""
        if unknown := sorted(set(self.together) - set(FOLLOWED)):
            raise ValueError(f"together names {unknown}, need some of {', '.join(FOLLOWED)}")
        if not self.together or not all(least > 0 for least in self.together.values()):
            raise ValueError(f"together is {dict(self.together)}, need at least one index, each above 0")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share is {self.share}, need 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """How far a picture lies off its place is measured and mended (`detect.registration`)."""

    step_px: int
    """Every so many pixels, in both directions, one is measured."""
    minimum_px: int
    """Fewest measured pixels of forest that make a measure."""
    least_px: float
    """Displacement from which a picture is moved back, pixels."""
    most_px: float
    """Displacement beyond which a picture is not used, pixels."""
    reach_px: int
    """How many whole pixels off, in rows and columns, a picture that seems to lie off is looked for."""
    sigmas: float
    """A displacement counts from so many of its standard errors on."""

    def __post_init__(self) -> None:
        """Refuse measures of too little."""
        if self.step_px < 1 or self.minimum_px < 10 or not 0 < self.least_px < self.most_px < self.reach_px:
            raise ValueError(
                "need step_px >= 1, minimum_px >= 10 and 0 < least_px < most_px < reach_px, got"
                f" {self.step_px}, {self.minimum_px}, {self.least_px}, {self.most_px} and {self.reach_px}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonShift:
    """How the shift that a block of forest shares on one day is measured and taken off."""

    block_px: int
    """Side of a block, pixels; blocks are counted from the grid's anchor, so that they are the same in any
    tiling."""
    step_px: int
    """Every so many pixels of the grid, in both directions, one is measured."""
    minimum_px: int
    """Fewest measured pixels of forest that make a block's shift; below, it is 0."""
    most: Mapping[str, float]
    """Largest shift that is taken off, by index, in its units; an index that is absent is left alone."""
    noise: float = 0.0
    """Shift, in sigmas of the block's forest, that is left in: what losses within the block make of it."""
    tracks: TrackRule = field(default_factory=TrackRule)
    """How radar tracks are brought to one level before."""
    slow: SlowFall | None = None
    """How slow falls are followed; None: they are not."""
    registration: Registration | None = None
    """How pictures that lie off are mended; None: they are not."""
    dieback: Dieback | None = None
    """When slow falls are said; None: never. It is read off a state, and decides none of its sums."""

    @property
    def deciding(self) -> dict[str, object]:
        """What decides the sums of a state, as plain values by name."""
        return {name: value for name, value in asdict(self).items() if name != "dieback"}

    def __post_init__(self) -> None:
        """Refuse blocks without samples."""
        if not 0 < self.step_px <= self.block_px or self.minimum_px < 1:
            raise ValueError(
                f"need 0 < step_px <= block_px and minimum_px >= 1, got {self.step_px}, {self.block_px}"
                f" and {self.minimum_px}"
            )
        if self.block_px % self.step_px:
            raise ValueError(f"block_px {self.block_px} is no multiple of step_px {self.step_px}")
        if self.slow is not None and (
            self.block_px % self.slow.block_px or self.slow.block_px % self.step_px
        ):
            raise ValueError(
                f"slow.block_px is {self.slow.block_px}, need a part of block_px {self.block_px} that holds"
                f" whole steps of {self.step_px}"
            )
        if strange := {name: limit for name, limit in self.most.items() if not limit >= 0}:
            raise ValueError(f"most is {strange}, need 0 or more")
        said = () if self.dieback is None or self.slow is None else self.dieback.together
        if self.slow is not None and (missing := sorted(set(said) - set(self.slow.rates))):
            raise ValueError(f"dieback.together names {missing}, which slow.rates does not follow")
