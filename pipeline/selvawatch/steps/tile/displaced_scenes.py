"""Scenes whose observation lay off its place: moved back, or read and not used."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from selvawatch.detect.registration import Displaced
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.sources.sensors.reasons import OFF_PLACE

MOVED = "moved"
"""Reason code of a scene whose observation was moved back to its place, by so many pixels: `moved:0.62`."""


def with_displaced(
    scene_records: Sequence[SceneRecord], displaced: Iterable[Displaced]
) -> tuple[SceneRecord, ...]:
    """The records of a tile, with a reason on those of observations that lay off their place."""
    reasons = {
        (one.day, one.stream): f"{OFF_PLACE if one.is_refused else MOVED}:{one.px:.2f}" for one in displaced
    }
    return tuple(
        replace(one, reason=reasons[one.day, one.stream])
        if one.state == "read" and (one.day, one.stream) in reasons
        else one
        for one in scene_records
    )


def is_displacement(reason: str) -> bool:
    """Whether a reason says where an observation lay."""
    return reason.partition(":")[0] in (MOVED, OFF_PLACE)
