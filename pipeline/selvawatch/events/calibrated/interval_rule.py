"""Numbers of the intervals of confirmed hectares."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRule:
    """Numbers of a modelled interval; values and their origin in `models/events.toml` and `events.md`.

    A rim of one pixel is as many pixels of ground as an outline has pixel edges.
    """

    level: float
    """Share of the cases in which an interval holds the truth, in the worlds that the numbers are from."""
    event_inward_px: float
    """How far the truth of one event may lie inside its outline, pixels of its rim."""
    event_outward_px: float
    """How far outside."""
    sum_rim_px: float
    """How far the rims of an area's events may be off together, pixels, to either side."""
    commission: float
    """Share of an area's confirmed hectares that may be no loss, beyond the rims."""
    omission: float
    """Share of an area's confirmed hectares that may have been lost and not confirmed, beyond the rims."""
    least_ha: float
    """Smallest event that has an interval, hectares: the numbers of one event are those of these."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no interval around what was measured."""
        if not 0 < self.level < 1 or not 0 <= self.commission <= 1:
            raise ValueError(
                f"need level between 0 and 1, commission 0 to 1; got {self.level}, {self.commission}"
            )
        others = (self.event_inward_px, self.event_outward_px, self.sum_rim_px, self.omission, self.least_ha)
        if min(others) < 0:
            raise ValueError(f"widths of an interval must not be negative, got {others}")
