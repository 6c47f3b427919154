"""What confirmed events of simulated areas come to against their truth: a table for models/events.md."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pytest
from scipy import ndimage
from simulated_area import TILE, Area, plan_of

from selvawatch.core.status import Reason
from selvawatch.events.detected import Detected, events_of
from selvawatch.events.patches import alert_pixels, minimum_px

pytestmark = [pytest.mark.bench, pytest.mark.campaign]

SEEDS = int(os.environ.get("SELVAWATCH_CONFIRMED_SEEDS", "2"))
"""Areas of 6.6 km2 and one year for each plan."""
FIRST_SEED = int(os.environ.get("SELVAWATCH_CONFIRMED_FIRST", "520"))
LATE_DAYS = 40
"""A patch that was lost so shortly before the last day need not be found yet."""
SURE = ("confirmed", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Counts and hectares of some areas."""

    events: int
    """Events that were ever confirmed."""
    true: int
    """Those of which at least half was lost by the table in which they were first confirmed."""
    too_small: int
    """Confirmed events of the last table below the least size."""
    patches: int
    """Patches of truth of the least size or more on monitored pixels, lost in time to be found."""
    found: int
    """Those of which at least half lies in confirmed events of the last table."""
    published_ha: float
    """Pixels of confirmed events of the last table."""
    in_part_ha: float
    """The same by the shares of them that were lost (`ha_subpixel`)."""
    truth_ha: float
    """Monitored pixels that were lost in the monitoring."""
    false_ha: float
    """Of the published, what was not lost at all."""
    omitted_ha: float
    """Of the truth in time to be found, what is not published."""

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            **{field.name: getattr(self, field.name) + getattr(other, field.name) for field in fields(self)}
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of the share of events that are true and of patches that are found."""
        precision, recall = self.true / self.events, self.found / self.patches
        return 2 * precision * recall / (precision + recall)

    @property
    def cells(self) -> str:
        """As cells of a table."""
        ratio = self.published_ha / self.truth_ha - 1
        return (
            f"{self.true} of {self.events} | {self.found} of {self.patches} | {self.f1:.3f}"
            f" | {self.too_small} | {self.published_ha:.1f} | {self.truth_ha:.1f} | {ratio:+.1%}"
            f" | {self.in_part_ha / self.truth_ha - 1:+.1%}"
            f" | {self.false_ha / self.truth_ha:.1%} | {self.omitted_ha / self.truth_ha:.1%}"
        )


def sums_of(area: Area) -> Sums:
    """The figures of one area, with a table every ten days."""
    site, confirmed = area.site, dict[str, bool]()
    for day, layers in area.layers(site.model):
        detected = events_of(
            None, alert_pixels({TILE: layers}), [TILE], site.event_frame, site.event_rule, day, {}
        )
        labels = detected.labels.raster(TILE)
        for number, row in enumerate(detected.events.itertuples()):
            if row.status in SURE and row.event_id not in confirmed:
                lost = area.lost_on[labels == number]
                confirmed[row.event_id] = bool(((lost > 0) & (lost <= day)).mean() >= 0.5)
    least = minimum_px(site.event_rule.min_ha, site.grid)
    published, sizes = _published(detected)
    lost_on, first = area.lost_on, site.days.first_day
    monitored = layers["reason"].to_numpy() == Reason.MONITORED
    truth = monitored & (lost_on >= first) & (lost_on <= day)
    in_time = truth & (lost_on <= day - LATE_DAYS)
    patches, count = ndimage.label(in_time, np.ones((3, 3)))
    shares = [
        published[patches == one].mean() for one in range(1, count + 1) if (patches == one).sum() >= least
    ]
    pixel = site.grid.pixel_ha
    sure = detected.events[detected.events["status"].isin(SURE)]
    in_part = (sure["ha_subpixel"] / sure["ha"]).fillna(1.0).to_numpy()
    return Sums(
        events=len(confirmed),
        true=sum(confirmed.values()),
        too_small=sum(size < least for size in sizes),
        patches=len(shares),
        found=sum(bool(share >= 0.5) for share in shares),
        published_ha=pixel * int(published.sum()),
        in_part_ha=pixel * float(in_part @ np.array(sizes)),
        truth_ha=pixel * int(truth.sum()),
        false_ha=pixel * int((published & ~((lost_on > 0) & (lost_on <= day))).sum()),
        omitted_ha=pixel * int((in_time & ~published).sum()),
    )


def _published(detected: Detected) -> tuple[np.ndarray, Sequence[int]]:
    """(y, x) bool: pixels of confirmed events; pixels of each."""
    labels = detected.labels.raster(TILE)
    sure = np.flatnonzero(detected.events["status"].isin(SURE).to_numpy())
    return np.isin(labels, sure), [int((labels == number).sum()) for number in sure]


@pytest.mark.parametrize("mixed", [False, True], ids=["demo", "mixed"])
def test_confirmed_events_are_true_and_their_hectares_add_up(mixed, tmp_path):
    found = [
        sums_of(Area(tmp_path / str(seed), plan_of(seed, mixed=mixed)))
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)
    ]
    total = sum(found[1:], found[0])
    print(
        "\n| plan | true | found | F1 | too small | published, ha | truth, ha | more | by shares more"
        " | false | omitted |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    print(f"| {'mixed' if mixed else 'demo'} | {total.cells} |")
    assert total.true >= 0.95 * total.events and total.f1 >= 0.95
    assert total.too_small == 0
    assert abs(total.published_ha / total.truth_ha - 1) <= 0.05
    assert total.false_ha <= 0.08 * total.truth_ha and total.omitted_ha <= 0.08 * total.truth_ha
