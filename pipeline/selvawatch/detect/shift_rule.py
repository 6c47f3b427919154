"""How the shift that a neighbourhood shares on one day is measured, as plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
    tracks: TrackRule = field(default_factory=TrackRule)
    """How radar tracks are brought to one level before."""

    def __post_init__(self) -> None:
        """Refuse blocks without samples."""
        if not 0 < self.step_px <= self.block_px or self.minimum_px < 1:
            raise ValueError(
                f"need 0 < step_px <= block_px and minimum_px >= 1, got {self.step_px}, {self.block_px}"
                f" and {self.minimum_px}"
            )
        if self.block_px % self.step_px:
            raise ValueError(f"block_px {self.block_px} is no multiple of step_px {self.step_px}")
        if strange := {name: limit for name, limit in self.most.items() if not limit >= 0}:
            raise ValueError(f"most is {strange}, need 0 or more")
