"""Files that are whole or absent and tell whether they are what was written, and digests of equal inputs."""

import errno
import hashlib
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selvawatch.errors import DamagedError, DiskError

MAGIC = b"SVWSEAL1"
END_BYTES = len(MAGIC) + 8 + hashlib.sha256().digest_size
"""Bytes of a sealed end: magic, length of what stands before it (8 bytes, little end first), its sha256."""

_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors of a disk that is full or fails."""

CHECK = "check"
"""Member of a checked JSON object: sha256 of the canonical form of all others."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it onto `path` on success, remove it on error.

    The temporary name keeps the suffix, since writers choose formats by it. What GDAL or another library
    writes that tells nobody of its last bytes is made in memory and written by `write_checked`.

    Raises
    ------
    DiskError
        When the disk is full or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except DiskError:
        raise
    except OSError as error:
        if error.errno in _DISK:
            raise disk_error(path, error.strerror or str(error)) from error
        raise
    finally:
        part.unlink(missing_ok=True)


def disk_error(path: Path, why: str, needed: int | None = None) -> DiskError:
    """The one line for a file that could not be written whole: why, and how much is free and needed."""
    try:
        free = f"{why}, {shutil.disk_usage(path.parent).free} bytes free"
    except OSError:
        free = why
    return DiskError(
        "the file cannot be written whole",
        where=path,
        got=free,
        needed="" if needed is None else f"{needed} bytes",
        do="make room on that disk, or correct its limits, and run it again; nothing was put there",
    )


def is_disk_fault(why: str, folder: Path, needed: int) -> bool:
    """Whether what a library says is a fault of the disk: it names one, or the bytes needed are not free."""
    if any(os.strerror(code) in why for code in _DISK):
        return True
    try:
        return shutil.disk_usage(folder).free < needed
    except OSError:
        return False


def write_checked(path: Path, content: bytes, *, private: bool = False) -> Path:
    """Write bytes, read them back, put them in their place, and return the path.

    private: its owner alone may read it.

    Raises
    ------
    DiskError
        When the disk is full or fails, or gives back something else; `path` is as it was.
    """
    try:
        with replacing(path) as part:
            part.touch(mode=0o600 if private else 0o666)
            part.write_bytes(content)
            if file_digest(part) != content_digest(content).hex():
                raise disk_error(path, f"{part.stat().st_size} bytes of another content", len(content))
    except DiskError as error:
        if isinstance(error.__cause__, OSError):
            raise disk_error(path, error.__cause__.strerror or "", len(content)) from error
        raise
    return path


def check_plain(path: Path) -> None:
    """Refuse what is no plain file: a pipe or device would be waited for; OSError saying what it is."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
        raise OSError(errno.EINVAL, f"it is {kind} and no plain file", str(path))


def read_plain(path: Path, most: int) -> bytes:
    """The bytes of a plain file of at most so many; OSError for anything else, at once."""
    check_plain(path)
    size = path.stat().st_size
    if size > most:
        raise OSError(errno.EFBIG, f"it has {size} bytes, at most {most}", str(path))
    return path.read_bytes()


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text with Unix line ends in one step and return the path; DiskError as `write_checked`."""
    return write_checked(path, text.encode())


def canonical_json(value: object) -> str:
    """JSON text with sorted keys and no spare space: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: object) -> str:
    """sha256 (hex) of a JSON-able value in canonical form."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def content_digest(content: bytes) -> bytes:
    """sha256 (32 bytes) of bytes."""
    return hashlib.sha256(content).digest()


def file_digest(path: Path) -> str:
    """sha256 (hex) of a plain file's bytes; OSError for a pipe or device, which would be waited for."""
    check_plain(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_digests(folder: Path) -> Mapping[str, str]:
    """sha256 of every file below a folder by relative path, sorted; hidden temporary files are left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}


def write_sealed(path: Path, content: bytes, *, private: bool = False) -> Path:
    """Write bytes with their sealed end, in one step, and return the path.

    private: its owner alone may read it.

    The seal is that of the bytes as given, so that a file cut by a full disk is never taken for whole.
    Readers of TIFF pass over the end.
    """
    end = MAGIC + len(content).to_bytes(8, "little") + content_digest(content)
    return write_checked(path, content + end, private=private)


def read_sealed(path: Path) -> bytes:
    """The bytes of a sealed file without its end.

    Raises
    ------
    DamagedError
        When the file is missing, cut, or not what was written.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedError("the file cannot be read", where=path, got=error.strerror or error) from error
    body, end = content[:-END_BYTES], content[-END_BYTES:]
    if len(end) < END_BYTES or not end.startswith(MAGIC):
        raise DamagedError(
            "the file is damaged",
            where=path,
            got=f"{len(content)} bytes without a sealed end",
            needed="its end",
        )
    length = int.from_bytes(end[len(MAGIC) : len(MAGIC) + 8], "little")
    if length != len(body) or end[-hashlib.sha256().digest_size :] != content_digest(body):
        raise DamagedError(
            "the file is damaged",
            where=path,
            got=f"{len(body)} bytes of another content",
            needed=f"the {length} bytes that were written",
        )
    return body


def is_sealed(path: Path) -> bool:
    """Whether a sealed file is there and is what was written; all of it is read."""
    try:
        read_sealed(path)
    except DamagedError:
        return False
    return True


def write_checked_json(path: Path, values: Mapping[str, Any]) -> Path:
    """Write a JSON object together with its own digest, in one step, and return the path."""
    kept = dict(values) | {CHECK: digest(dict(values))}
    return write_text(
        path, json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    )


def read_checked_json(path: Path, *, older: bool = False) -> dict[str, Any]:
    """The object that `write_checked_json` wrote.

    older: an object without a digest is given as it is, for it may be of a version that wrote none.

    Raises
    ------
    DamagedError
        When the file is missing, no JSON object, or not what was written.
    """
    try:
        values = json.loads(path.read_bytes())
    except OSError as error:
        raise DamagedError("the file cannot be read", where=path, got=error.strerror or error) from error
    except (ValueError, RecursionError) as error:
        raise DamagedError("the file is damaged", where=path, got=error, needed="a JSON object") from error
    if not isinstance(values, dict):
        raise DamagedError(
            "the file is damaged", where=path, got=type(values).__name__, needed="a JSON object"
        )
    stated = values.pop(CHECK, None)
    if stated is None and older:
        return values
    try:
        found = hashlib.sha256(canonical_json(values).encode()).hexdigest()
    except ValueError as error:
        raise DamagedError("the file is damaged", where=path, got=error) from error
    if stated != found:
        raise DamagedError(
            "the file is damaged",
            where=path,
            got=f"content {found[:12]}",
            needed=f"content {str(stated)[:12]}",
        )
    return values
