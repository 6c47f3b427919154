"""Which code made a product: a version and a digest of the package's own sources."""

import functools
import hashlib
from pathlib import Path

from selvawatch.version import __version__

_PACKAGE = Path(__file__).parent


@functools.cache
def code_digest() -> str:
    """sha256 (hex) over the package's Python sources, by path."""
    total = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        total.update(path.relative_to(_PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def code_version() -> str:
    """Version and short code digest, such as `0.1.0+3f2a9c1b`."""
    return f"{__version__}+{code_digest()[:8]}"
