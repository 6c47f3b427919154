"""What a store keeps of a tile: the committed state, its arrays, and the baseline they stand on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from selvawatch.core.status import Status
from selvawatch.errors import DamagedError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.store.contents import ACCUMULATORS, BASELINES, COMPOSITE, DELAYED, LAYERS, STATE_FILE
from selvawatch.store.folders import Store
from selvawatch.store.seal import open_sealed, read_seal


@dataclass(frozen=True, slots=True, kw_only=True)
class TileState:
    """What the state folder of a tile says of itself, besides its arrays."""

    tile: str
    state: str
    """Name of the state's folder."""
    until_day: int
    baseline: str
    """Name of the baseline's folder."""
    baseline_rule: str
    """Digest of what decides a baseline besides its observations."""
    observations: tuple[ObservationKey, ...]
    """Observations of the monitoring, in the order they entered."""
    scene_records: tuple[SceneRecord, ...]
    """What became of every scene, history included."""
    delayed_until: int = 0
    """Day of a second state in the same folder, which lags behind for the public tier; 0: there is none."""
    is_delayed: bool = False
    """Whether this is that second state, whose arrays have names of their own."""

    @property
    def delayed(self) -> "TileState":
        """What the second state says of itself: the observations and scenes until its day."""
        last = self.delayed_until
        return replace(
            self,
            is_delayed=True,
            until_day=last,
            observations=tuple(key for key in self.observations if key.day <= last),
            scene_records=tuple(record for record in self.scene_records if record.day <= last),
        )

    @property
    def both(self) -> "tuple[TileState, ...]":
        """The state, and the second one where there is one."""
        return (self, self.delayed) if self.delayed_until else (self,)

    @staticmethod
    def read(folder: Path) -> "TileState":
        """The state that a folder describes; its name is the folder's.

        Raises
        ------
        DamagedError
            When the folder is missing, or the file is not what was written.
        """
        values = read_seal(folder).read_json(STATE_FILE)
        try:
            observations = tuple(ObservationKey(**observation) for observation in values.pop("looks"))
            scene_records = tuple(SceneRecord(**record) for record in values.pop("taken"))
            return TileState(observations=observations, scene_records=scene_records, **values)
        except (KeyError, TypeError, AttributeError) as error:
            raise DamagedError("the state cannot be read", where=folder / STATE_FILE, got=error) from error

    def as_json(self) -> dict[str, Any]:
        """What `state.json` holds; its keys are a contract of the store."""
        values = asdict(self)
        return {
            **{
                name: value
                for name, value in values.items()
                if name not in ("observations", "scene_records", "is_delayed")
            },
            "looks": values["observations"],
            "taken": values["scene_records"],
        }


def current_state(store: Store, tile: str) -> TileState | None:
    """What the committed state of a tile says; None where there is none."""
    row = store.ledger.tiles().get(tile)
    return None if row is None else TileState.read(store.state(tile, row.state))


def open_layers(store: Store, tile: str, state: str, *, delayed: bool = False) -> xr.Dataset:
    """Layers (y, x) of `core.raster_layers.LAYERS` of a state, in memory; DamagedError as `load_arrays`.

    delayed: of the second state that lags behind.
    """
    return load_arrays(store.state(tile, state), (DELAYED if delayed else "") + LAYERS)


def open_fallen(store: Store, tile: str, state: str, *, delayed: bool = False) -> xr.Dataset:
    """Layers of a state and `fall`, (y, x) float32: the NDVI fall at the loss, NaN = not measured.

    Raises
    ------
    DamagedError
        As `load_arrays`.
    """
    group = (DELAYED if delayed else "") + COMPOSITE
    composite = load_arrays(store.state(tile, state), group, only=("fall",))
    return open_layers(store, tile, state, delayed=delayed).assign(fall=composite["fall"])


def open_suspects(store: Store, tile: str, state: str, *, halo: int, delayed: bool = False) -> np.ndarray:
    """Day since which each pixel of a tile is suspect, (y, x) uint16; 0 = it is not, or has a status.

    halo: that of its sums.

    Raises
    ------
    DamagedError
        As `load_arrays`.
    """
    # compiled code is slow to import, and tables need none
    from selvawatch.detect.fusion import suspect_since

    folder, which = store.state(tile, state), DELAYED if delayed else ""
    sums = load_arrays(folder, which + ACCUMULATORS, only=("flags", "provisional_on"))
    status = load_arrays(folder, which + LAYERS, only=("status",))["status"].to_numpy()
    since = suspect_since(inner_pixels(sums, halo))
    return np.where(status == Status.NONE, since, np.uint16(0))


def open_composite(store: Store, tile: str, state: str, *, delayed: bool = False) -> xr.Dataset:
    """What a tile looks like since its losses, (y, x) float32 by index, and `ndvi_baseline`; in memory."""
    return load_arrays(store.state(tile, state), (DELAYED if delayed else "") + COMPOSITE)


def open_baselines(store: Store, tile: str, baseline: str) -> xr.Dataset:
    """Baselines of a tile, in memory; those of the first versions name no halo, for they have none."""
    wide = load_arrays(store.baseline(tile, baseline), BASELINES)
    return inner_pixels(wide, int(wide.attrs.get("halo", 0)))


def inner_pixels(wide: xr.Dataset, halo: int) -> xr.Dataset:
    """The tile's own pixels of a dataset with a halo."""
    inner = slice(halo, -halo or None)
    return wide.isel(y=inner, x=inner)


def save_arrays(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset without coordinates as a zarr folder."""
    plain = dataset.reset_coords(drop=True)
    plain.to_zarr(path, mode="w", zarr_format=3, consolidated=False)


def load_arrays(folder: Path, group: str, only: Sequence[str] | None = None) -> xr.Dataset:
    """A dataset that `save_arrays` wrote into a folder that was sealed then, in memory.

    Every file is compared with the seal as it is read, so that a chunk that is gone is never taken for zeros.
    only: arrays to read; None: all.

    Raises
    ------
    DamagedError
        When the folder is missing, or a file of the group is not what was written.
    """
    from zarr.core.buffer import default_buffer_prototype  # slow to import
    from zarr.storage import MemoryStore

    opened = open_sealed(folder)
    make = default_buffer_prototype().buffer.from_bytes
    buffers = {name: make(content) for name, content in opened.below(group, only).items()}
    if not buffers:
        raise DamagedError("the folder was made without the arrays", where=folder / group)
    return xr.open_zarr(MemoryStore(buffers, read_only=True), consolidated=False, chunks=None).load()
