"""How many requests may be under way at one host at a time, and how soon after each other, over all threads
of a process.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 8
"""Requests to one host at a time; archives ask for few (Earth Engine: 40 for a whole project)."""

_guard = threading.Lock()
_gates: dict[str, threading.BoundedSemaphore] = {}
_next_start: dict[str, float] = {}


@contextmanager
def turn_at(host: str) -> Iterator[None]:
    """Wait for a free place at a host; the place is given back on leaving."""
    with _guard:
        gate = _gates.setdefault(host.lower(), threading.BoundedSemaphore(AT_ONCE))
    with gate:
        yield


def wait_gap(host: str, gap_s: float) -> None:
    """Wait until so many seconds have passed since the last request at a host that waited so."""
    if not gap_s:
        return
    with _guard:
        now = time.monotonic()
        start = max(now, _next_start.get(host.lower(), now))
        _next_start[host.lower()] = start + gap_s
    time.sleep(start - now)
