"""States kept as of a past day, so that a replay need not begin at the baseline."""

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import xarray as xr

from selvawatch.core.files import digest
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.store.contents import ACCUMULATORS
from selvawatch.store.folders import Store, new_folder, prune
from selvawatch.store.seal import is_sound
from selvawatch.store.tile_state import load_arrays, save_arrays

_DAY = re.compile(r"-?\d+-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A kept state of a tile, with all observations up to a day."""

    day: int
    name: str
    """Name of its folder: the day, and the digest of the baseline and of those observations."""


def checkpoint(baseline: str, keys: Sequence[ObservationKey], day: int) -> Checkpoint:
    """The checkpoint of that day over these observations, whether it is there or not."""
    observations = [asdict(key) for key in keys if key.day <= day]
    return Checkpoint(day=day, name=f"{day}-{digest({'baseline': baseline, 'looks': observations})[:16]}")


def newest_checkpoint(
    store: Store, tile: str, baseline: str, keys: Sequence[ObservationKey]
) -> Checkpoint | None:
    """The newest kept state that these observations would give again; None where there is none.

    One that is not what was written is passed over.
    """
    folder = store.checkpoints(tile)
    names = {path.name for path in folder.glob("[!.]*")}
    for day in sorted({int(name.split("-")[0]) for name in names if _DAY.match(name)}, reverse=True):
        found = checkpoint(baseline, keys, day)
        if found.name in names and is_sound(folder / found.name):
            return found
    return None


def keep(store: Store, tile: str, point: Checkpoint, state: xr.Dataset, before: Checkpoint | None) -> None:
    """Write a checkpoint, where it is not there already, and remove all but it and the one before.

    Nothing is lost with a checkpoint but time: a replay begins at an older one, or at the baseline. What is
    not kept goes first, so that a run that is killed in between ends like one that is not.
    """
    folder = store.checkpoints(tile) / point.name
    prune(folder.parent, {point.name} if before is None else {point.name, before.name})
    if not is_sound(folder):
        with new_folder(folder) as part:
            save_arrays(state, part / ACCUMULATORS)


def kept(store: Store, tile: str, point: Checkpoint) -> xr.Dataset:
    """The state of a checkpoint, in memory; DamagedError as `load_arrays`."""
    return load_arrays(store.checkpoints(tile) / point.name, ACCUMULATORS)
