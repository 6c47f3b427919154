"""The lock of a store: whoever writes holds the store alone, from the plan to the commit."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from selvawatch.deliver.delivery_ledger import DeliveryLedger
from selvawatch.errors import StoreError
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger_file import is_there

LOCK_FILE = ".lock"
"""File of a store that its holder keeps locked; it names the holder."""

SENDING_LOCK = ".deliver.lock"
"""File of a store that is locked by who sends from it; it says that there is a ledger of deliveries."""
_BEGUN = "begun"

CACHE = "cache"
"""Folder of a store that readers write to as well."""

LEFT = re.compile(r"\.(\d+)-\w{8}(\..+)?")
"""Names of files and folders that are still being written: a process number and eight letters."""

_DEPTHS = {
    "plans": 1,
    "runs": 1,
    "products": 2,
    "reviews": 1,
    "state": 2,
    "baselines": 2,
    "checkpoints": 2,
    "water": 2,
    "zones": 2,
    "faces": 1,
    "observations": 3,
    CACHE: 3,
}
"""Folders of a store and how many levels of them are written bit by bit; what lies deeper was made whole."""

_open: set[IO[str]] = set()


def _close_in_child() -> None:
    """A fork holds the lock with its parent, and would go on holding it when the parent is killed."""
    for handle in list(_open):
        with contextlib.suppress(OSError):
            handle.close()
    _open.clear()


os.register_at_fork(after_in_child=_close_in_child)


@dataclass(slots=True)
class HeldStore:
    """A store that this process alone may write: what `exclusive` yields, and every writer asks for."""

    _store: Store
    _is_held: bool = True

    @property
    def store(self) -> Store:
        """The store; StoreError when it is held no longer."""
        if not self._is_held:
            raise StoreError(
                "the store is held no longer",
                where=self._store.folder,
                do="write to it inside `with exclusive(...)`",
            )
        return self._store


@contextlib.contextmanager
def exclusive(store: str | Path, command: str) -> Iterator[HeldStore]:
    """Hold the store at a path alone; what killed processes left half-written in it is removed first.

    The lock is the kernel's (`flock`), so a killed holder leaves none behind. The file names the holder, for
    those who are refused. A folder that was made for the lock goes again when nothing else came into it.

    command: what the holder runs, for people.

    Raises
    ------
    StoreError
        At once when another process holds the store; when the folder cannot be made or locked; when the store
        has lost its ledger.
    """
    opened = open_store(str(store))
    is_new = not opened.folder.exists()
    with _locked(opened.folder) as handle:
        _sign(handle, command)
        is_there(opened.ledger.path)
        remove_leftovers(opened.folder)
        held = HeldStore(opened)
        try:
            yield held
        finally:
            held._is_held = False
            handle.truncate(0)
            if is_new:
                _remove_if_empty(opened.folder)


@contextlib.contextmanager
def sending(store: Store) -> Iterator[DeliveryLedger]:
    """Be the one process that sends from a store, its ledger of deliveries; a run may go on meanwhile.

    Raises
    ------
    StoreError
        At once when another process sends, the store cannot be written, or its ledger of deliveries is gone.
    """
    try:
        handle = (store.folder / SENDING_LOCK).open("a+")
    except OSError as error:
        raise StoreError(
            "the store cannot be written",
            where=store.folder,
            got=error.strerror or error,
            do="check the path, its permissions and the disk",
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StoreError(
                "another process is sending from the store", where=store.folder, do="wait for it to end"
            ) from error
        if lost := lost_deliveries(store):
            raise StoreError(
                lost,
                where=store.deliveries.path,
                do=f"restore it from a copy; or remove {SENDING_LOCK} beside it, and all is sent anew",
            )
        try:
            yield store.deliveries
        finally:
            if store.deliveries.is_there and not _is_begun(store):
                handle.write(_BEGUN)


def lost_deliveries(store: Store) -> str:
    """Why nothing may be sent from a store: its ledger of deliveries is gone; empty where it is not."""
    gone = _is_begun(store) and not store.deliveries.is_there
    return "the ledger of deliveries is gone" if gone else ""


def _is_begun(store: Store) -> bool:
    """Whether something was ever sent from a store."""
    try:
        return (store.folder / SENDING_LOCK).read_text(encoding="utf-8").startswith(_BEGUN)
    except (OSError, UnicodeDecodeError):
        return False


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """The lock file of a store, open and locked."""
    path = folder / LOCK_FILE
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise StoreError(
                "the store cannot be written",
                where=folder,
                got=error.strerror or error,
                do="check the path, its permissions and the disk",
            ) from error
        with handle:
            _lock(handle, folder)
            if not _is_same(handle, path):
                continue  # a holder that made the folder has removed it meanwhile
            _open.add(handle)
            try:
                yield handle
            finally:
                _open.discard(handle)
            return


def _lock(handle: IO[str], folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StoreError(
            "another run is using the store",
            where=folder,
            got=_owner(handle),
            do="wait for it to end, or give another --store",
        ) from error
    except OSError as error:
        raise StoreError(
            "the store cannot be locked",
            where=folder,
            got=error.strerror or error,
            needed="a file system with locks (flock)",
            do="give another --store",
        ) from error


def _is_same(handle: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _sign(handle: IO[str], command: str) -> None:
    """Write into the lock file who holds it."""
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    owner = {"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    handle.truncate(0)
    handle.write(json.dumps(owner) + "\n")
    handle.flush()


def _owner(handle: IO[str]) -> str:
    """Who holds a lock, for people."""
    handle.seek(0)
    try:
        owner = json.loads(handle.read(4096))
        return f"{owner['command']} (process {owner['pid']} on {owner['host']}, since {owner['since']})"
    except (ValueError, KeyError, TypeError):
        return "a process that has not signed it"


def _remove_if_empty(folder: Path) -> None:
    if [path.name for path in folder.iterdir()] == [LOCK_FILE]:
        (folder / LOCK_FILE).unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()


def remove_leftovers(folder: Path) -> list[Path]:
    """Remove what killed processes left half-written in a store that is held, and return it, sorted.

    In the cache, where readers write without the lock, only what processes left that are gone.
    """
    gone = [path for path in folder.iterdir() if LEFT.fullmatch(path.name)]
    for kind, depth in _DEPTHS.items():
        if (folder / kind).is_dir():
            found = _left(folder / kind, depth)
            gone += [path for path in found if kind != CACHE or not _is_alive(path)]
    for path in gone:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return sorted(gone)


def _left(folder: Path, depth: int) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if LEFT.fullmatch(entry.name):
                yield Path(entry.path)
            elif depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from _left(Path(entry.path), depth - 1)


def _is_alive(path: Path) -> bool:
    """Whether the process that a temporary name names runs on this machine."""
    match = LEFT.fullmatch(path.name)
    try:
        os.kill(int(match[1]) if match else 0, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
