"""Checksums that items state of their files (STAC file extension): multihashes, in hexadecimal."""

import functools
import hashlib
from pathlib import Path

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


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, algorithm: str, size: int, changed: int) -> str:  # noqa: ARG001
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
