"""Observations that scenes gave: which there are, and from which scenes each was made."""

from collections.abc import Iterable
from dataclasses import dataclass

from selvawatch.core.files import digest
from selvawatch.prepare.ingest import SceneRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationKey:
    """One observation that a state was made of."""

    day: int
    stream: str
    scenes: str
    """Digest of the ids and digests of the scenes it was made from."""


def observation_keys(
    scene_records: Iterable[SceneRecord], first_day: int, last_day: int
) -> tuple[ObservationKey, ...]:
    """The observations that scenes gave between two days, both included, by day and stream."""
    groups: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for record in scene_records:
        if record.state == "read" and first_day <= record.day <= last_day:
            groups.setdefault((record.day, record.stream), []).append(record.key)
    return tuple(
        ObservationKey(day=day, stream=stream, scenes=digest(sorted(scenes))[:16])
        for (day, stream), scenes in sorted(groups.items())
    )
