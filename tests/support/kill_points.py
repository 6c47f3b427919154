"""A run that is killed at a chosen moment: before or after a file-system call, or inside the commit.

As a program it is a server: it imports everything once and forks for every run that it is asked for, so that
a killed run costs what it does and no more.
"""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selvawatch.core.files import folder_digests

CALLS = ("replace", "rename", "fsync", "mkdir", "unlink", "rmdir")
"""Calls of `os` before and after each of which a run may be killed; a COMMIT of SQLite comes to them."""


@dataclass(slots=True)
class Moments:
    """Counts the moments of a run, and kills its process at one of them."""

    folder: str
    kill: str | int | None
    """Number of the moment, from 0, or an expression that its name must match; None: none."""
    inside_s: float | None = None
    """Seconds from the beginning of the last COMMIT to the kill; None: none."""
    names: list[str] = field(default_factory=list)

    def pass_by(self, name: str) -> None:
        """One more moment, the last where it is the chosen one."""
        number = len(self.names)
        self.names.append(name)
        if self.kill == number or (isinstance(self.kill, str) and re.search(self.kill, name)):
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Put a moment before and after every call that changes files, in this process."""
        for name in CALLS:
            setattr(os, name, self._watched(name, getattr(os, name)))
        real, moments = sqlite3.connect, self

        class Connection(sqlite3.Connection):
            """Holds four pages in memory at most, so that a transaction is in the file before it ends."""

            def execute(self, sql: str, *words: Any) -> sqlite3.Cursor:
                if sql != "COMMIT":
                    return super().execute(sql, *words)
                moments.pass_by("before COMMIT")
                if moments.inside_s is not None:
                    signal.setitimer(signal.ITIMER_REAL, moments.inside_s)  # its signal ends the process
                done = super().execute(sql, *words)
                signal.setitimer(signal.ITIMER_REAL, 0)
                moments.pass_by("after COMMIT")
                return done

        def connect(path: Any, **words: Any) -> sqlite3.Connection:
            made = real(path, factory=Connection, **words)
            made.execute("PRAGMA cache_size = 4")
            return made

        sqlite3.connect = connect

    def _watched(self, name: str, call: Any) -> Any:
        def watched(*places: Any, **words: Any) -> Any:
            where = " ".join(str(place).removeprefix(self.folder) for place in places)
            self.pass_by(f"before {name} {where}")
            done = call(*places, **words)
            self.pass_by(f"after {name} {where}")
            return done

        return watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run in a child ended."""

    killed: bool
    moments: list[str]
    """Names of the moments that it passed; empty for one that was killed."""
    error: str
    """Error that it ended with, if it did."""


@dataclass(frozen=True, slots=True)
class Runner:
    """A server that runs the monitoring in children of its own."""

    process: subprocess.Popen

    def run(
        self, words: Sequence[str], kill: str | int | None = None, inside_s: float | None = None
    ) -> Ended:
        """Run the monitoring in a child that is killed at a moment; `words` as `monitor` is called with."""
        asked = json.dumps({"words": words, "kill": kill, "inside_s": inside_s})
        self.process.stdin.write(asked + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the server of runs has ended"
        return Ended(**json.loads(answer))


def left_in(store: Path) -> tuple[Mapping[str, str], list[str]]:
    """What a store holds: digests of its files, without the cache and the lock; and what is hidden in it."""
    hidden = [path.relative_to(store).as_posix() for path in store.rglob(".*")]
    files = {
        name: value
        for name, value in folder_digests(store).items()
        if not name.startswith(("cache/", "faces/"))
    }
    return files, sorted(set(hidden) - {".lock", "zones/.salt", "zones/.id-key"})


@contextmanager
def runner(package: Path) -> Iterator[Runner]:
    """A server of runs, its modules imported; gone afterwards."""
    started = subprocess.Popen(
        [sys.executable, __file__],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with started:
        try:
            yield Runner(started)
        finally:
            started.stdin.close()
            started.wait(30)


def main() -> None:
    """Fork for every line of stdin, and answer how the child ended."""
    import selvawatch.steps.run.cluster
    import selvawatch.steps.run.monitor  # what a child would else import each time

    del selvawatch
    for line in sys.stdin:
        asked = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            _child(asked, writer)
        os.close(writer)
        with os.fdopen(reader, encoding="utf-8") as answers:
            content = answers.read()
        _, status = os.waitpid(child, 0)
        answer = json.loads(content) if content else {"moments": [], "error": ""}
        print(json.dumps({"killed": os.WIFSIGNALED(status), **answer}), flush=True)


def _child(asked: dict[str, Any], writer: int) -> None:
    from selvawatch.steps.run.monitor import monitor

    moments = Moments(folder=asked["words"][2] + "/", kill=asked["kill"], inside_s=asked["inside_s"])
    moments.watch()
    error = ""
    try:
        monitor(*asked["words"])
    except Exception as raised:  # told to who asked
        error = f"{type(raised).__name__}: {raised}"
    with os.fdopen(writer, "w", encoding="utf-8") as answers:
        json.dump({"moments": moments.names, "error": error}, answers)
    os._exit(0)


if __name__ == "__main__":
    main()
