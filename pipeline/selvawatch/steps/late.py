"""Scenes that come late: which are still replayed, which are too late, and the states a replay begins at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import xarray as xr

from selvawatch.core.files import digest
from selvawatch.core.scene import Scene
from selvawatch.prepare.take import TakenIn
from selvawatch.sources.sensors import stream_of
from selvawatch.steps.looks import LookKey
from selvawatch.store.folders import Store, new_folder, prune

LATE = "late"
"""Reason code of a scene that came after the days it could change were settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """The days of a tile that later scenes no longer change, under the baseline in force."""

    first_day: int = 0
    last_day: int = -1
    """Both included; last before first: nothing is settled."""
    taken: tuple[TakenIn, ...] = field(default=())
    """What became of the scenes of those days."""

    def __contains__(self, day: int) -> bool:
        return self.first_day <= day <= self.last_day


def settled(taken: Sequence[TakenIn], first_day: int, until_day: int, buffer_days: int) -> Settled:
    """What is settled once a tile was brought up to `until_day`: all but the last `buffer_days` days.

    taken: every scene of the tile as its state knows them. first_day: first day of the monitoring; scenes of
    the history are not late, they wait for the next baseline in any case.
    """
    last = until_day - buffer_days
    return Settled(
        first_day=first_day,
        last_day=last,
        taken=tuple(one for one in taken if first_day <= one.day <= last),
    )


def in_time(scenes: Sequence[Scene], past: Settled) -> tuple[Scene, ...]:
    """Scenes that may be read: those of open days, and those that settled days have taken in."""
    had = {(one.scene_id, one.digest) for one in past.taken if one.state == "read"}
    return tuple(scene for scene in scenes if scene.day not in past or (scene.id, scene.digest) in had)


def with_settled(taken: Sequence[TakenIn], scenes: Sequence[Scene], past: Settled) -> tuple[TakenIn, ...]:
    """What became of every scene, by day, stream, id and digest.

    Of open days as taken in now, of settled days as it was; what is new of those is too late.
    """
    had = {(one.scene_id, one.digest) for one in past.taken}
    records = [one for one in taken if one.day not in past]
    records += past.taken
    records += [
        TakenIn(
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
        if scene.day in past and (scene.id, scene.digest) not in had
    ]
    return tuple(sorted(records, key=lambda one: (one.day, one.stream, one.scene_id, one.digest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A kept state of a tile, with all looks up to a day."""

    day: int
    name: str
    """Name of its folder: the day, and the digest of the baseline and of those looks."""


def checkpoint(baseline: str, keys: Sequence[LookKey], day: int) -> Checkpoint:
    """The checkpoint of that day over these looks, whether it is there or not."""
    looks = [asdict(key) for key in keys if key.day <= day]
    return Checkpoint(day=day, name=f"{day}-{digest({'baseline': baseline, 'looks': looks})[:16]}")


def newest_checkpoint(store: Store, tile: str, baseline: str, keys: Sequence[LookKey]) -> Checkpoint | None:
    """The newest kept state that these looks would give again; None where there is none."""
    folder = store.checkpoints(tile)
    names = {path.name for path in folder.glob("[!.]*") if path.is_dir()} if folder.is_dir() else set()
    for day in sorted({int(name.split("-")[0]) for name in names}, reverse=True):
        found = checkpoint(baseline, keys, day)
        if found.name in names:
            return found
    return None


def keep(store: Store, tile: str, one: Checkpoint, state: xr.Dataset, before: Checkpoint | None) -> None:
    """Write a checkpoint, where it is not there already, and remove all but it and the one before.

    Nothing is lost with a checkpoint but time: a replay begins at an older one, or at the baseline.
    """
    folder = store.checkpoints(tile) / one.name
    if not folder.exists():
        with new_folder(folder) as part:
            plain = state.reset_coords(drop=True)
            plain.to_zarr(part / "accumulators.zarr", mode="w", zarr_format=3, consolidated=False)
    prune(folder.parent, {one.name} if before is None else {one.name, before.name})


def kept(store: Store, tile: str, one: Checkpoint) -> xr.Dataset:
    """The state of a checkpoint, in memory."""
    path = store.checkpoints(tile) / one.name / "accumulators.zarr"
    return xr.open_zarr(path, consolidated=False, chunks=None).load()
