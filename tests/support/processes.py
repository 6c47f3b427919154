"""Programs that tests start, wait for and stop: servers, and what children they have."""

import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def process(
    words: list[str], settings: Mapping[str, str], log: Path, folder: Path | None = None
) -> Iterator[subprocess.Popen]:
    """A child with children of its own; all of them are gone afterwards."""
    with log.open("w") as sink:
        child = subprocess.Popen(
            words, cwd=folder, env=settings, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield child
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(child.pid, sent)
                except ProcessLookupError:
                    break
                try:
                    child.wait(10)
                except subprocess.TimeoutExpired:
                    continue
            child.wait(10)


def alive(group: int) -> bool:
    """Whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def answers(url: str) -> bool:
    """Whether a server says that it is well."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def free_port() -> int:
    """A port of loopback that nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
