"""How many requests may be under way at one host at a time, over all threads of a process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 8
"""Requests to one host at a time; archives ask for few (Earth Engine: 40 for a whole project)."""

_guard = threading.Lock()
_gates: dict[str, threading.BoundedSemaphore] = {}


@contextmanager
def turn_at(host: str) -> Iterator[None]:
    """Wait for a free place at a host; the place is given back on leaving."""
    with _guard:
        gate = _gates.setdefault(host.lower(), threading.BoundedSemaphore(AT_ONCE))
    with gate:
        yield
