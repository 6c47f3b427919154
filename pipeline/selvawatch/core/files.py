"""Atomic files and digests: a file is whole or absent, and equal inputs have equal digests."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; rename it onto `path` on success, remove it on error.

    The temporary name keeps the suffix, since writers choose formats by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{uuid.uuid4().hex[:8]}.{path.name}")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text with Unix line ends in one step and return the path."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
    return path


def canonical_json(value: object) -> str:
    """JSON text with sorted keys and no spare space: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: object) -> str:
    """sha256 (hex) of a JSON-able value in canonical form."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_digests(folder: Path) -> Mapping[str, str]:
    """sha256 of every file below a folder by relative path, sorted; hidden temporary files are left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in paths}
