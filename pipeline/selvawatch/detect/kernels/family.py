"""Kernels of one kind, by what they are compiled for: some at import, the others when they are first used."""

from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Generic, TypeVar

Key = TypeVar("Key")


class Family(Generic[Key]):
    """Kernels by key; each is compiled once, whichever threads ask for it."""

    def __init__(self, make: Callable[[Key], Callable[..., None]], at_import: Iterable[Key]) -> None:
        self._make, self._lock = make, Lock()
        self._kernels: dict[Key, Any] = {key: make(key) for key in at_import}

    def of(self, key: Key) -> Any:
        """The kernel of a key."""
        if key not in self._kernels:
            with self._lock:
                if key not in self._kernels:
                    self._kernels[key] = self._make(key)
        return self._kernels[key]
