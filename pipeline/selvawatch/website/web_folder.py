"""A folder of a static site: written whole beside the one that is there, and put in its place at once."""

import ctypes
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from selvawatch.core.files import (
    content_digest,
    disk_error,
    file_digest,
    read_checked_json,
    write_checked,
    write_checked_json,
)
from selvawatch.core.tier import Tier
from selvawatch.errors import DamagedError, DiskError, WebsiteError

LISTING = "selvawatch-site.json"
"""File of a site that names its tier and every other file with its sha256."""
_KIND = "selvawatch-site"
_EXCHANGE, _HERE = 2, -100
"""RENAME_EXCHANGE of renameat2(2), and AT_FDCWD."""


@dataclass(frozen=True, slots=True)
class LaidSite:
    """A site as it lies in a folder, every file of it as it was written."""

    tier: Tier
    files: Mapping[str, str]
    """sha256 by path below the folder."""


def check_folder(folder: Path, apart: Path, tier: Tier) -> None:
    """Refuse what a site of a tier cannot be laid into: a file, files that no site wrote, the store.

    apart: a folder that may neither hold the site nor lie in it. A folder with a site of a lower tier is
    refused too, since it may be open to those whom that tier is for.

    Raises
    ------
    WebsiteError
        For the first thing that is wrong; nothing that lies in the folder was changed.
    """
    with _refusing(folder):
        real, store = folder.resolve(), apart.resolve()
        if real == store or store in real.parents or real in store.parents:
            raise WebsiteError(
                "the site cannot lie in the store, nor the store in the site",
                where=folder,
                got=f"store {apart}",
                do="give another DIR",
            )
        above = next((path for path in real.parents if path.exists()), real)
        if above.exists() and not above.is_dir():
            raise _no_folder(above)
        _restore(real)
        _check_tier(real, _laid(real), tier)


def write_website(folder: Path, files: Mapping[str, bytes], tier: Tier) -> Path:
    """Lay a site of a tier into a folder, in place of the one that lies there, and return the folder.

    files: content by path below it, with slashes. All is written beside the folder first; the two are
    exchanged in one step where the system can, else by two renames, which the next call completes. Of the
    former site only the files that it listed are removed.

    Raises
    ------
    WebsiteError
        For a folder with files that no site wrote, or one that cannot be written.
    DiskError
        When the disk is full or fails; the former site is as it was.
    """
    if outside := [path for path in files if not _is_below(path)]:
        raise WebsiteError("a file would lie outside the site", where=folder, got=repr(outside[0]))
    with _refusing(folder):
        real = folder.resolve()
        _restore(real)
        former = _laid(real)
        _check_tier(real, former, tier)
        real.parent.mkdir(parents=True, exist_ok=True)
        part = real.with_name(f".{real.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
        try:
            _fill(part, files, tier)
            old = _put(part, real, is_new=former is None)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
        if old is not None:
            _remove(old, real)
    return folder


def _fill(part: Path, files: Mapping[str, bytes], tier: Tier) -> None:
    part.mkdir()
    for path, content in sorted(files.items()):
        (part / path).parent.mkdir(parents=True, exist_ok=True)
        write_checked(part / path, content)
    listed = {path: content_digest(content).hex() for path, content in files.items()}
    write_checked_json(part / LISTING, {"kind": _KIND, "tier": tier.name.lower(), "files": listed})
    for made in (part, *(path for path in part.rglob("*") if path.is_dir())):
        _sync(made)


def _put(part: Path, real: Path, *, is_new: bool) -> Path | None:
    """Put a site that is whole where it belongs, and return where the former one is now, or None."""
    if is_new:
        part.rename(real)  # onto nothing, or onto an empty folder
        _sync(real.parent)
        return None
    old = _free_name(real)
    if _exchanged(part, real):
        with suppress(OSError):
            part.rename(old)
        old = old if old.exists() else part
    else:
        real.rename(old)
        try:
            part.rename(real)
        except OSError:
            old.rename(real)
            raise
    _sync(real.parent)
    return old


def _exchanged(first: Path, second: Path) -> bool:
    """Whether two folders were exchanged in one step; False: the system cannot do that here."""
    exchange = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if exchange is None:
        return False
    return exchange(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE) == 0


def _free_name(real: Path) -> Path:
    """The name under which a former site waits to be removed."""
    number, old = 1, real.with_name(f".{real.name}.before")
    while old.exists():
        number += 1
        old = real.with_name(f".{real.name}.before-{number}")
    return old


def _restore(real: Path) -> None:
    """Complete what was cut off: a former site whose place is empty is put back, what is left over goes."""
    if not real.parent.is_dir():
        return
    mine = re.compile(rf"\.{re.escape(real.name)}\.(?:before(?:-\d+)?|(\d+)-[0-9a-f]{{8}}\.part)")
    for path in sorted(real.parent.iterdir()):
        match = mine.fullmatch(path.name)
        if match is None or not path.is_dir() or path.is_symlink() or _is_running(match[1]):
            continue
        if match[1] is not None and not (path / LISTING).exists():
            shutil.rmtree(path, ignore_errors=True)  # it was never whole: nothing else knew of it
        elif match[1] is None and not real.exists():
            path.rename(real)
        else:
            with suppress(WebsiteError):
                _remove(path, real)


def _is_running(process: str | None) -> bool:
    return process is not None and int(process) != os.getpid() and Path(f"/proc/{process}").exists()


def _remove(old: Path, real: Path) -> None:
    """Remove the files of a former site, and its folders where nothing else lies in them.

    Raises
    ------
    WebsiteError
        Where something came into it meanwhile: all of it stays.
    """
    try:
        former = _laid(old)
    except WebsiteError as error:
        raise WebsiteError(
            "the site is written, and the former one is kept, since something else came into it meanwhile",
            where=real,
            got=old,
            do="save from it what is not of the site, and remove it",
        ) from error
    for path in () if former is None else former.files:
        (old / path).unlink(missing_ok=True)
    (old / LISTING).unlink(missing_ok=True)
    for empty in sorted(old.rglob("*"), key=lambda path: -len(path.parts)):
        empty.rmdir()
    old.rmdir()


def _laid(real: Path) -> LaidSite | None:
    """The site that lies in a folder; None for a folder that is empty or not there.

    Raises
    ------
    WebsiteError
        For a folder that holds anything else, or a file that is not as the site wrote it.
    """
    if not real.exists():
        return None
    if not real.is_dir():
        raise _no_folder(real)
    names = sorted(path.name for path in real.iterdir())
    if not names:
        return None
    if LISTING not in names:
        raise _foreign(real, names[0])
    there = {path.relative_to(real).as_posix(): path for path in real.rglob("*") if not _is_folder(path)}
    try:
        values = read_checked_json(there.pop(LISTING))
        listed = {str(path): str(sha256) for path, sha256 in values["files"].items()}
        tier, kind = Tier[values["tier"].upper()], values["kind"]
    except (DamagedError, KeyError, AttributeError) as error:
        raise _foreign(real, LISTING, "is damaged") from error
    if kind != _KIND or not all(_is_below(path) for path in listed):
        raise _foreign(real, LISTING, "is of something else")
    if foreign := sorted(there.keys() - listed.keys()):
        raise _foreign(real, foreign[0])
    for path, found in sorted(there.items()):
        if found.is_symlink() or not found.is_file() or file_digest(found) != listed[path]:
            raise _foreign(real, path, "was changed since")
    return LaidSite(tier, {path: sha256 for path, sha256 in listed.items() if path in there})


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _check_tier(real: Path, former: LaidSite | None, tier: Tier) -> None:
    if former is not None and former.tier < tier:
        raise WebsiteError(
            "the folder holds a site of a lower tier, and may be open to those whom it is for",
            where=real,
            got=f"a site of the {former.tier.name.lower()} tier",
            needed=f"one of the {tier.name.lower()} tier, or an empty folder",
            do="give another DIR",
        )


def _no_folder(path: Path) -> WebsiteError:
    return WebsiteError("it is no folder", where=path, needed="a folder", do="give another DIR")


def _foreign(real: Path, name: str, how: str = "is no file of a site") -> WebsiteError:
    return WebsiteError(
        "the folder holds what no site wrote, and stays as it is",
        where=real,
        got=f"{name!r}, which {how}",
        needed="an empty folder, or one that an earlier --web wrote",
        do="move it away, or give another DIR",
    )


def _is_below(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts and LISTING not in parts


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Errors of the system as one line."""
    try:
        yield
    except DiskError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise disk_error(folder, why) from error
        busy = "a disk is mounted there, which cannot be exchanged: give a folder below it"
        raise WebsiteError(
            "the folder cannot be written",
            where=folder,
            got=why,
            do=busy if error.errno == errno.EBUSY else "check the path and its permissions",
        ) from error
    except RuntimeError as error:  # of `Path.resolve`, for links that lead in a circle
        raise WebsiteError(
            "the path leads nowhere", where=folder, got=error, do="give another DIR"
        ) from error


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
