"""Hectares of an area's confirmed events against the truth, and whether their intervals hold it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selvawatch.events.calibrated.interval_rule import IntervalRule
from selvawatch.events.hectares.interval import event_interval, sum_interval
from selvawatch.validate.hectares.cube_events import EventHectares

_ROUNDING_HA = 1e-9
"""Hectares by which sums of pixels may differ in floating point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HectareFigures:
    """Figures of one area."""

    confirmed_ha: float
    """Pixels of its confirmed events."""
    truth_ha: float
    """Monitored ground that was lost, as `EventHectares.area_truth_ha`."""
    unwatched_ha: float
    """Ground lost that was not monitored, and is in no other figure."""
    level: float
    """Share of the cases that the intervals are made to hold."""
    interval: tuple[float, float] | None
    """Of the area's hectares; None where nothing was confirmed: what was missed there, no share can say."""
    least_ha: float
    """Smallest event that has an interval."""
    event_widths_ha: tuple[float, ...]
    """Width of the interval of each event as large."""
    event_width_shares: tuple[float, ...]
    """The same, as a share of its hectares."""
    events_held: int
    """Those of which the interval holds the truth."""

    @property
    def is_held(self) -> bool | None:
        """Whether the area's interval holds the truth; None without interval."""
        if self.interval is None:
            return None
        low, high = self.interval
        return low - _ROUNDING_HA <= self.truth_ha <= high + _ROUNDING_HA

    def as_json(self) -> dict[str, float | int | bool | None]:
        """The figures as a JSON object; medians of no event and ends of no interval are None."""
        low, high = (None, None) if self.interval is None else (round(end, 4) for end in self.interval)
        return {
            "confirmed_ha": round(self.confirmed_ha, 4),
            "truth_ha": round(self.truth_ha, 4),
            "unwatched_ha": round(self.unwatched_ha, 4),
            "level": self.level,
            "ha_low": low,
            "ha_high": high,
            "interval_holds": self.is_held,
            "events": len(self.event_widths_ha),
            "events_least_ha": self.least_ha,
            "events_held": self.events_held,
            "events_width_ha_median": _median(self.event_widths_ha),
            "events_width_share_median": _median(self.event_width_shares),
        }

    def lines(self) -> list[str]:
        """For people."""
        level, count = f"{100 * self.level:g} % interval", len(self.event_widths_ha)
        text = [
            f"hectares: {self.confirmed_ha:.2f} confirmed, {self.truth_ha:.2f} lost, {self._answer(level)}"
        ]
        if count:
            width_ha, share = np.median(self.event_widths_ha), np.median(self.event_width_shares)
            text.append(
                f"events of {self.least_ha:g} ha and more: {level} holds {self.events_held} of {count},"
                f" median width {width_ha:.2f} ha ({100 * share:.0f} % of the event)"
            )
        if self.unwatched_ha:
            text.append(f"not monitored, and in no figure of hectares: {self.unwatched_ha:.2f} ha lost")
        return text

    def _answer(self, level: str) -> str:
        if self.interval is None:
            return "no interval where nothing was confirmed"
        low, high = self.interval
        return f"{level} {low:.2f} to {high:.2f} {'holds' if self.is_held else 'does not hold'} it"


def hectare_figures(found: EventHectares, rule: IntervalRule) -> HectareFigures:
    """The figures of one area."""
    low, high = event_interval(found.ha, found.rim_ha, rule)
    held = (low - _ROUNDING_HA <= found.truth_ha) & (found.truth_ha <= high + _ROUNDING_HA)
    large = found.ha >= rule.least_ha - _ROUNDING_HA
    confirmed_ha, rim_ha = float(found.ha.sum()), float(found.rim_ha.sum())
    return HectareFigures(
        confirmed_ha=confirmed_ha,
        truth_ha=found.area_truth_ha,
        unwatched_ha=found.unwatched_ha,
        level=rule.level,
        interval=sum_interval(confirmed_ha, rim_ha, rule) if confirmed_ha else None,
        least_ha=rule.least_ha,
        event_widths_ha=tuple((high - low)[large].tolist()),
        event_width_shares=tuple(((high - low) / found.ha)[large].tolist()),
        events_held=int((held & large).sum()),
    )


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 4) if len(values) else None
