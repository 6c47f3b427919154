"""Scenes that come late: which are still replayed, which are too late, and the states a replay begins at."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from selvawatch.core.scene import Scene
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.sources.sensors.sensor_table import stream_of
from selvawatch.steps.tile.displaced_scenes import is_displacement

LATE = "late"
"""Reason code of a scene that came after the days it could change were frozen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenDays:
    """The frozen days of a tile: later scenes no longer change them, under the baseline in force."""

    first_day: int = 0
    last_day: int = -1
    """Both included; last before first: no day is frozen."""
    scene_records: tuple[SceneRecord, ...] = field(default=())
    """What became of the scenes of those days."""

    def __contains__(self, day: int) -> bool:
        return self.first_day <= day <= self.last_day


def frozen_days(
    scene_records: Sequence[SceneRecord], first_day: int, until_day: int, buffer_days: int
) -> FrozenDays:
    """What is frozen once a tile was brought up to `until_day`: all but the last `buffer_days` days.

    scene_records: every scene of the tile as its state knows them. first_day: first day of the monitoring;
    scenes of the history are not late, they wait for the next baseline in any case.
    """
    last = until_day - buffer_days
    return FrozenDays(
        first_day=first_day,
        last_day=last,
        scene_records=tuple(record for record in scene_records if first_day <= record.day <= last),
    )


def in_time(scenes: Sequence[Scene], past: FrozenDays) -> tuple[Scene, ...]:
    """Scenes that may be read: those of open days, and those that frozen days were made of."""
    had = {record.key for record in past.scene_records if record.state == "read"}
    return tuple(scene for scene in scenes if scene.day not in past or scene.key in had)


def with_frozen_days(
    scene_records: Sequence[SceneRecord], scenes: Sequence[Scene], past: FrozenDays
) -> tuple[SceneRecord, ...]:
    """What became of every scene, by day, stream, id and digest.

    Of open days as read now, of frozen days as it was; what is new of those is too late.
    """
    had = {record.key for record in past.scene_records}
    records = [record for record in scene_records if record.day not in past]
    records += past.scene_records
    records += [
        SceneRecord(
            scene_id=scene.id,
            sensor=scene.sensor,
            day=scene.day,
            stream=stream_of(scene),
            state="unread",
            reason=LATE,
            text="it came after its day was settled, and enters at the next baseline",
            digest=scene.digest,
        )
        for scene in scenes
        if scene.day in past and scene.key not in had
    ]
    return tuple(sorted(records, key=lambda record: record.order))


def history_as_read(
    scene_records: Sequence[SceneRecord], scenes: Sequence[Scene], first_day: int
) -> tuple[SceneRecord, ...]:
    """What became of the scenes of the history, for days and streams whose scenes were all read and are the
    same now: their observations need not be opened again.

    scene_records: every scene of the tile as its state knows them. first_day: first day of the monitoring.
    """
    had: dict[tuple[int, str], list[SceneRecord]] = {}
    for record in scene_records:
        if record.day < first_day:
            had.setdefault((record.day, record.stream), []).append(record)
    now: dict[tuple[int, str], set[tuple[str, str]]] = {}
    for scene in scenes:
        if scene.day < first_day:
            now.setdefault((scene.day, stream_of(scene)), set()).add(scene.key)
    return tuple(
        record
        for group, records in had.items()
        if all(
            record.state == "read" and (not record.reason or is_displacement(record.reason))
            for record in records
        )
        and {record.key for record in records} == now.get(group)
        for record in records
    )
