"""How many bytes answers have brought to this process."""

import threading

_lock = threading.Lock()
_counts = {"received": 0}


def add_received(count: int) -> None:
    """Count the bytes of an answer, as they came: packed ones packed."""
    with _lock:
        _counts["received"] += count


def received_bytes() -> int:
    """Bytes of all answers since the process began."""
    return _counts["received"]
