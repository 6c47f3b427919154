"""Where things lie in a store, and folders that are whole or absent."""

import os
import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selvawatch.errors import StoreError
from selvawatch.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that keeps observations, baselines, states, runs and the ledger."""

    folder: Path

    @property
    def ledger(self) -> Ledger:
        """The ledger of this store."""
        return Ledger(self.folder / "ledger.sqlite")

    def observations(self, tile: str) -> Path:
        """Folder of a tile's observation files, one a stream and day."""
        return self.folder / "observations" / tile

    def baseline(self, tile: str, digest: str) -> Path:
        """Folder of one baseline of a tile; the digest is that of its inputs."""
        return self.folder / "baselines" / tile / digest[:16]

    def state(self, tile: str, digest: str) -> Path:
        """Folder of one state of a tile; the digest is that of its inputs."""
        return self.folder / "state" / tile / digest[:16]

    def checkpoints(self, tile: str) -> Path:
        """Folder of a tile's kept states that replays begin at."""
        return self.folder / "checkpoints" / tile

    def water(self, tile: str) -> Path:
        """Folder of a tile's yearly counts of open water."""
        return self.folder / "water" / tile

    @property
    def faces(self) -> Path:
        """Folder of the register's faces, and of loss cut by them."""
        return self.folder / "faces"

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
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a folder beside `path` to fill; move it to `path` on success, remove it on error.

    A folder that is already there (left by a killed run, never committed) is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.{path.name}")
    part.mkdir()
    try:
        yield part
        _sync(part)
        if path.exists():
            shutil.rmtree(path)
        part.rename(path)
        _sync_folder(path.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)


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
