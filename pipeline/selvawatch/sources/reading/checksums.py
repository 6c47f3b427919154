"""Checksums that items state of their files (STAC file extension): multihashes, in hexadecimal."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_KINDS = {"1220": "sha256", "1340": "sha512", "1114": "sha1", "d50110": "md5"}
"""Algorithm by the first digits: its code and its length."""


def agrees(path: Path, multihash: str) -> bool:
    """Whether a file's content has a checksum; True where the checksum is of a kind that is not known.

    A file is read once for all the tiles that a process reads of it, and anew when it has changed.
    """
    kind = next((start for start in _KINDS if multihash.startswith(start)), "")
    if not kind:
        return True
    state = path.stat()
    return _digest(path, _KINDS[kind], state.st_size, state.st_mtime_ns) == multihash[len(kind) :]


def read_digest(content: Sequence[bytes | memoryview], numbers: np.ndarray | None) -> str:
    """sha256 (hex) of what was read of a file for a window.

    Of the packed blocks, one after the other, row by row; where GDAL unpacked them, `numbers:` and that of
    the stored numbers, little end first, row by row.
    """
    if numbers is not None:
        plain = np.ascontiguousarray(numbers).astype(numbers.dtype.newbyteorder("<"), copy=False)
        return f"numbers:{hashlib.sha256(plain.data).hexdigest()}"
    found = hashlib.sha256()
    for block in content:
        found.update(block)
    return found.hexdigest()


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, algorithm: str, size: int, changed: int) -> str:  # noqa: ARG001
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
