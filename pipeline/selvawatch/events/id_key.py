"""The secret of a store that ids of events are made with, so that none of them tells where it began."""

import hashlib
import os
import secrets
from pathlib import Path

from selvawatch.core.files import read_sealed, write_sealed
from selvawatch.errors import DamagedError, StoreError
from selvawatch.register.snapshot_index import add_to_index, indexed

VARIABLE = "SELVAWATCH_ID_KEY"
"""Variable of the environment that declares the secret; without it each store draws its own."""

FILE = ".id-key"
_DRAWN, _DECLARED = b"drawn ", b"declared "
"""What a store's file begins with: the secret follows, or the digest of what the environment declared."""


def id_key(root: Path) -> bytes:
    """The secret of a store (32 bytes), drawn and kept by the first run; to be called by who holds the store.

    root: the store's folder of snapshots, where its other secret lies.

    Raises
    ------
    StoreError
        When the store's ids were made with another one.
    DamagedError
        When the file is gone, or not what was written.
    """
    path = root / FILE
    if not path.exists():
        if FILE in indexed(root):
            raise DamagedError("the secret of ids is gone", where=path, do="restore it from a copy")
        keep_id_key(root, _declared())
    elif FILE not in indexed(root):
        add_to_index(root, FILE)
    key = known_id_key(root)
    if key is None:
        raise StoreError(
            "ids of this store are made with a declared secret",
            where=path,
            got=f"no {VARIABLE} in the environment",
            needed="the one that the store began with",
            do=f"set {VARIABLE}",
        )
    return key


def known_id_key(root: Path) -> bytes | None:
    """The secret of a store, for who only reads; None where it is not declared here, or not drawn yet.

    Raises
    ------
    StoreError
        When the environment declares another one than the store began with.
    DamagedError
        When the file is not what was written.
    """
    path, declared = root / FILE, _declared()
    if not path.exists():
        return declared
    content = read_sealed(path)
    drawn = content.removeprefix(_DRAWN) if content.startswith(_DRAWN) else None
    same = declared == drawn if drawn is not None else content == _DECLARED + _digest(declared or b"")
    if declared is not None and not same:
        raise StoreError(
            "ids of this store are made with another secret",
            where=path,
            got=f"{VARIABLE} as it is set",
            needed="the secret that the store began with",
            do=f"set {VARIABLE} as it was, or unset it; another one would rename every event",
        )
    return drawn if drawn is not None else declared


def id_key_digest(root: Path) -> tuple[bool, str]:
    """Whether a store's secret is its own, and what tells it from others: the first half of its digest, hex.

    The digest is empty where none was drawn or declared yet. What the environment declares is not asked.

    Raises
    ------
    DamagedError
        When the file is gone, or not what was written.
    """
    path = root / FILE
    if not path.exists():
        if FILE in indexed(root):
            raise DamagedError("the secret of ids is gone", where=path, do="restore it from a copy")
        return True, ""
    content = read_sealed(path)
    drawn = content.startswith(_DRAWN)
    digest = _digest(content.removeprefix(_DRAWN)) if drawn else content.removeprefix(_DECLARED)
    return drawn, digest.decode(errors="replace")[:32]


def keep_id_key(root: Path, declared: bytes | None, *, secret: bytes | None = None) -> Path:
    """Note which secret a store begins with, and return the file (mode 600).

    declared: what the environment declares; only its digest is kept. secret: what is kept else; None: drawn.
    """
    drawn = secret if secret is not None else secrets.token_bytes(32)
    content = _DRAWN + drawn if declared is None else _DECLARED + _digest(declared)
    path = write_sealed(root / FILE, content, private=True)
    add_to_index(root, FILE)
    return path


def _declared() -> bytes | None:
    text = os.environ.get(VARIABLE, "")
    return hashlib.sha256(text.encode()).digest() if text else None


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).hexdigest().encode()
