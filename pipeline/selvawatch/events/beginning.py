"""When each event began, from the pixels that were already lost when it was first detected."""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from selvawatch.events.lineage import Lineage
from selvawatch.events.patches import Pixels

_NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginnings:
    """Days of events in the order of their lineage, (events,) int32 each."""

    first_detected: np.ndarray
    """Day on which the pixel that the event is named by was detected."""
    latest: np.ndarray
    """First observation that shows the loss; never after `first_detected`."""
    earliest: np.ndarray
    """Last usable observation before `latest`; 0 = not known."""


def beginnings(pixels: Pixels, lineage: Lineage) -> Beginnings:
    """When the loss of each event began: from the pixels detected by the day of its first detection.

    Of these count the pixels that are shown, else those that are loss still, else all. A pixel whose evidence
    began anew after that day showed loss on that day at the latest, and what was seen of it before is not
    known any more. Where several show the loss first, the loss began after the last observation of the one
    that had not been seen for longest.
    """
    first_detected = pixels.detected_on[lineage.root].astype(np.int32)
    held = np.flatnonzero(lineage.event >= 0)
    held = held[pixels.detected_on[held] <= first_detected[lineage.event[held]]]
    event = lineage.event[held]
    live = pixels.is_live[held]
    strength = live.astype(np.int8) + (live & lineage.is_shown[held])
    strongest = np.full(len(lineage), -1, np.int8)
    np.maximum.at(strongest, event, strength)
    kept = strength == strongest[event]
    held, event = held[kept], event[kept]
    latest = np.full(len(lineage), _NEVER, np.int32)
    shown_on = np.minimum(pixels.onset[held], first_detected[event]).astype(np.int32)
    np.minimum.at(latest, event, shown_on)
    seen_on = pixels.onset_earliest[held].astype(np.int32)
    bounds = (shown_on == latest[event]) & (seen_on > 0) & (seen_on < shown_on)
    earliest = np.full(len(lineage), _NEVER, np.int32)
    np.minimum.at(earliest, event[bounds], seen_on[bounds])
    return Beginnings(
        first_detected=first_detected, latest=latest, earliest=np.where(earliest == _NEVER, 0, earliest)
    )


def agreed(events: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """EVENTS whose days agree: began by the first detection, confirmed and last grown not before it began.

    What earlier versions published of events that are carried on is brought to it.
    """
    seen = events["first_detected"]
    latest = events["onset_latest"].where(events["onset_latest"] <= seen, seen)
    onset = events["onset"].where(events["onset"] <= latest, latest)
    earliest = events["onset_earliest"]
    confirmed, grown = events["confirmed_on"], events["last_grown"]
    return events.assign(
        onset=onset,
        onset_latest=latest,
        onset_earliest=earliest.where(earliest < onset, pd.NaT),
        confirmed_on=confirmed.where(confirmed.isna() | (confirmed >= seen), seen),
        last_grown=grown.where(grown >= latest, latest),
    )
