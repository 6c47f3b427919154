"""Looks that scenes gave: which there are, and from which scenes each was made."""

from collections.abc import Iterable
from dataclasses import dataclass

from selvawatch.core.files import digest
from selvawatch.prepare.ingest import TakenIn


@dataclass(frozen=True, slots=True, kw_only=True)
class LookKey:
    """One look that a state has taken in."""

    day: int
    stream: str
    scenes: str
    """Digest of the ids and digests of the scenes it was made from."""


def look_keys(taken: Iterable[TakenIn], first_day: int, last_day: int) -> tuple[LookKey, ...]:
    """The looks that scenes gave between two days, both included, by day and stream."""
    groups: dict[tuple[int, str], list[tuple[str, str]]] = {}
    for one in taken:
        if one.state == "read" and first_day <= one.day <= last_day:
            groups.setdefault((one.day, one.stream), []).append((one.scene_id, one.digest))
    return tuple(
        LookKey(day=day, stream=stream, scenes=digest(sorted(scenes))[:16])
        for (day, stream), scenes in sorted(groups.items())
    )
