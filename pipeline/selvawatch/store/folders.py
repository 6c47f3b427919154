"""Where things lie in a store, and folders that are whole or absent."""

import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selvawatch.deliver.delivery_ledger import DeliveryLedger
from selvawatch.errors import StoreError
from selvawatch.store.ledger import Ledger
from selvawatch.store.seal import is_sound, seal_folder


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that keeps observations, baselines, states, runs and the ledger."""

    folder: Path

    @property
    def ledger(self) -> Ledger:
        """The ledger of this store."""
        return Ledger(self.folder / "ledger.sqlite")

    @property
    def deliveries(self) -> DeliveryLedger:
        """The ledger of what this store's subscribers got; it holds no recipient, but digests."""
        return DeliveryLedger(self.folder / "deliveries.sqlite")

    def observations(self, tile: str) -> Path:
        """Folder of a tile's observation files, one a stream and day."""
        return self.folder / "observations" / tile

    def baselines(self, tile: str) -> Path:
        """Folder of a tile's baselines."""
        return self.folder / "baselines" / tile

    def states(self, tile: str) -> Path:
        """Folder of a tile's states."""
        return self.folder / "state" / tile

    def baseline(self, tile: str, name: str) -> Path:
        """Folder of one baseline of a tile."""
        return self.baselines(tile) / name

    def state(self, tile: str, name: str) -> Path:
        """Folder of one state of a tile."""
        return self.states(tile) / name

    def checkpoints(self, tile: str) -> Path:
        """Folder of a tile's kept states that replays begin at."""
        return self.folder / "checkpoints" / tile

    def water(self, tile: str) -> Path:
        """Folder of a tile's yearly counts of open water."""
        return self.folder / "water" / tile

    @property
    def faces(self) -> Path:
        """Folder of the register's faces and of loss cut by them: a cache, may be absent or read-only."""
        return self.folder / "cache" / "faces"

    @property
    def products(self) -> Path:
        """Folder of loss products from elsewhere, a folder each."""
        return self.folder / "products"

    @property
    def snapshots(self) -> Path:
        """Folder of the snapshots of the register's layers, a folder each."""
        return self.folder / "zones"

    def plan(self, run_id: str) -> Path:
        """File of a run's plan."""
        return self.folder / "plans" / f"{run_id}.json"

    def run(self, run_id: str) -> Path:
        """Folder of a run's products."""
        return self.folder / "runs" / run_id


def open_store(text: str) -> Store:
    """The store at a path.

    Raises
    ------
    StoreError
        For an address of a kind that is not supported, or a path that is a file.
    """
    if "://" in text:
        raise StoreError(
            "this kind of store is not supported", where=f"store {text}", needed="a folder", do="give a path"
        )
    folder = Path(text)
    there = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    if there.exists() and not there.is_dir():
        raise StoreError(
            "the store is not a folder",
            where=folder,
            got=f"{there} is a file",
            needed="a folder, or a path where one can be made",
            do="give another --store",
        )
    return Store(folder)


@contextmanager
def new_folder(path: Path, *, sealed: bool = True) -> Iterator[Path]:
    """Yield a folder beside `path` to fill; seal it and move it to `path` on success, remove it on error.

    What is there already goes first: to be used for names that nothing committed has (`free_name`).
    sealed: False where files of the folder are replaced later, and tell themselves what was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.{path.name}")
    part.mkdir()
    try:
        yield part
        if sealed:
            seal_folder(part)
        _sync(part)
        if path.exists():
            shutil.rmtree(path)
        part.rename(path)
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def free_name(folder: Path, name: str) -> tuple[str, bool]:
    """The first of `name`, `name-2`, `name-3` ... below a folder that is sound or absent, and whether it is
    sound.

    What follows from its inputs bears their digest. A damaged one is not touched, for it may be committed, or
    be read just now: what is made in its place has the next name.
    """
    number, found = 1, name
    while (folder / found).exists():
        if is_sound(folder / found):
            return found, True
        number += 1
        found = f"{name}-{number}"
    return found, False


def prune(folder: Path, keep: Collection[str]) -> list[str]:
    """Remove the folders below `folder` that are not to be kept; their names, sorted.

    The current state of a tile and the one before it are kept: what a reader may have open stays, and so does
    what another process is still filling (hidden folders).
    """
    gone = sorted(path.name for path in folder.glob("[!.]*") if path.is_dir() and path.name not in keep)
    for name in gone:
        shutil.rmtree(folder / name)
    return gone


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
        else:
            _sync_folder(path)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
