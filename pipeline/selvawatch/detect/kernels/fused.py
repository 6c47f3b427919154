"""Multiply and add with one rounding: faster, and the same result on every processor."""

from typing import Any

import numba as nb
from numba.extending import intrinsic


def _typed(_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Signature and code of `fma`."""
    if not all(kind == nb.float32 for kind in (a, b, c)):
        raise nb.errors.TypingError(f"fma takes float32, got {a}, {b}, {c}")

    def generate(_inner: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return nb.float32(nb.float32, nb.float32, nb.float32), generate


def with_id(function: Any, name: str) -> Any:
    """The function under an id of its own in the keys of numba's cache.

    What a cached kernel encloses is part of its key. numba draws the id of an enclosed function anew in each
    process, and its signatures hold numbers of types, which follow the order of imports: without a fixed id,
    or with its signatures, programs that import in another order compile the kernel again.
    """
    function._set_uuid(f"{__name__}.{name}")
    states = function._reduce_states

    def without_signatures() -> dict[str, Any]:
        found: dict[str, Any] = states()
        return found | {"sigs": [], "can_compile": True} if "sigs" in found else found

    function._reduce_states = without_signatures
    return function


fma: Any = with_id(intrinsic(_typed), "fma")
"""fma(a, b, c) = a * b + c of float32, rounded once; no other rule of floating point is loosened for it."""
