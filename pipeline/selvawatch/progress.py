"""How far long work has come, told through the program's log: a screen shows it, a file keeps it."""

import logging
import threading
from dataclasses import dataclass

PROGRESS = 15
"""Level of the log for it, between DEBUG and INFO: it is shown where somebody asks for it."""
logging.addLevelName(PROGRESS, "PROGRESS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How many parts of some work are done."""

    work: str
    """What is counted, in the plural: `tiles`, `scenes`, `layers`, `features`, `steps`."""
    item: str = ""
    """What it belongs to, such as a tile or a host; empty where there is one of it."""
    done: int
    of: int | None = None
    """How many there are; None: nobody knows yet."""

    @property
    def is_complete(self) -> bool:
        """Whether all of it is done."""
        return self.done == self.of

    @property
    def line(self) -> str:
        """For people, such as `tile x0607y13409: 12 of 40 scenes`."""
        count = f"{self.done} {self.work}" if self.of is None else f"{self.done} of {self.of} {self.work}"
        return f"{self.item}: {count}" if self.item else count


def report_progress(log: logging.Logger, progress: Progress) -> None:
    """Say it by a logger; the record carries the numbers as `progress`."""
    if log.isEnabledFor(PROGRESS):
        log.log(PROGRESS, "%s", progress.line, extra={"progress": progress})


class Counter:
    """Counts parts that several threads get done, and reports each."""

    def __init__(self, log: logging.Logger, work: str, of: int | None, item: str = "") -> None:
        self._log, self._work, self._item, self._of = log, work, item, of
        self._done = 0
        self._lock = threading.Lock()
        self._report()

    def add(self, count: int = 1) -> None:
        """So many more are done."""
        with self._lock:
            self._done += count
            self._report()

    def _report(self) -> None:
        report_progress(self._log, Progress(work=self._work, item=self._item, done=self._done, of=self._of))
