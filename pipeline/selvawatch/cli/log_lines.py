"""What a command says while it works: a line of progress on a screen, log lines on request."""

import datetime as dt
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from selvawatch.progress import PROGRESS, Progress

_PROGRAM = "selvawatch"
_CLEARED = "\r\x1b[K"
_SCREEN_S = 0.1
"""Seconds between two drawings of the line of progress."""
_LOG_S = 10.0
"""Seconds between two log lines on the progress of the same work."""
_SURE_S, _SURE_SHARE = 5.0, 0.01
"""Seconds, and share of the work, after which the time left is told."""
_WIDTH = 100
"""Characters of the line of progress; a screen has at least 80, and cuts what is more."""


VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log lines on stderr.")]
LogFileOption = Annotated[
    Path | None, typer.Option("--log-file", dir_okay=False, help="Log lines to the end of this file.")
]
LogJsonOption = Annotated[
    bool, typer.Option("--log-json", help="Log lines as JSON, one object a line; alone: on stderr.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChoice:
    """What a person asked to see."""

    verbose: bool
    file: Path | None
    as_json: bool


def begin_log(context: typer.Context, verbose: bool, file: Path | None, as_json: bool) -> None:
    """Show progress and log lines until a command ends; OSError when the file cannot be opened."""
    choice = LogChoice(verbose=verbose or (as_json and file is None), file=file, as_json=as_json)
    context.with_resource(logged(choice, sys.stderr))


@contextmanager
def logged(choice: LogChoice, screen: TextIO) -> Iterator[None]:
    """The program's log goes where a person asked until this is left; the screen is left clean.

    Where nothing was asked and nobody is at the screen, warnings alone are said, as ever.

    Raises
    ------
    OSError
        When the file cannot be opened.
    """
    handlers: list[logging.Handler] = []
    if choice.file is not None:
        handlers.append(_Lines(choice.file.open("a", encoding="utf-8"), choice.as_json, closes=True))
    if choice.verbose:
        handlers.append(_Lines(screen, choice.as_json))
    elif screen.isatty():
        handlers.append(ScreenLine(screen))
    elif handlers:
        handlers.append(_Warnings(screen))
    logger = logging.getLogger(_PROGRAM)
    before = logger.level
    if handlers:
        logger.setLevel(PROGRESS)
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(before)
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def plain(text: str) -> str:
    """A text on one line in which nothing moves a cursor or hides: catalogues name things as they like."""
    return "".join(mark if mark.isprintable() else " " for mark in text)


class _Lines(logging.Handler):
    """Log lines on a stream; of the progress of one work, one each few seconds, and its end."""

    def __init__(self, stream: TextIO, as_json: bool, *, closes: bool = False) -> None:
        super().__init__(PROGRESS)
        self._stream, self._as_json, self._closes = stream, as_json, closes
        self._last: dict[tuple[str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, or pass over one on progress that comes too soon."""
        progress = getattr(record, "progress", None)
        if progress is not None and not self._is_due(progress):
            return
        when = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="seconds")
        line = _as_json(record, when, progress) if self._as_json else _as_text(record, when)
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._give_up()

    def _is_due(self, progress: Progress) -> bool:
        key, now = (progress.work, progress.item), time.monotonic()
        if progress.is_complete or now - self._last.get(key, -_LOG_S) >= _LOG_S:
            self._last[key] = now
            return True
        return False

    def _give_up(self) -> None:
        """Say once that the log ends here: a full disk ends no run for its log's sake."""
        logging.getLogger(_PROGRAM).removeHandler(self)
        if self._stream is not sys.stderr:
            sys.stderr.write(f"{_PROGRAM}: the log file cannot be written any more; the run goes on\n")

    def close(self) -> None:
        """Close the file, if it is one of its own."""
        if self._closes:
            try:
                self._stream.close()
            except OSError:
                self._give_up()
        super().close()


class _Warnings(logging.Handler):
    """Warnings as they are said where no log was asked for."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record's text."""
        self._screen.write(f"{plain(record.getMessage())}\n")


def _as_text(record: logging.LogRecord, when: str) -> str:
    return f"{when} {record.levelname:<7} {plain(record.getMessage())}"


def _as_json(record: logging.LogRecord, when: str, progress: Progress | None) -> str:
    values: dict[str, Any] = {
        "time": when,
        "level": record.levelname,
        "logger": record.name,
        "message": plain(record.getMessage()),
    }
    if progress is not None:
        values |= {
            "work": progress.work,
            "item": progress.item,
            "done": progress.done,
            "of": progress.of,
            "received_bytes": _received(),
        }
    return json.dumps(values, ensure_ascii=False)


def _received() -> int:
    from selvawatch.web.traffic import received_bytes

    return received_bytes()


@dataclass(slots=True)
class Outlook:
    """How far all the work of a command is, from what it reported last of each kind."""

    began: float
    """When the work began that is counted now, seconds of a clock."""
    work: dict[str, Progress] = field(default_factory=dict)
    """The last report by kind of work, outermost first."""

    def add(self, progress: Progress, now: float) -> None:
        """Take a report in; work inside another begins anew when that goes on, and all goes with its end."""
        outer = next(iter(self.work.values()), None)
        if outer is not None and outer.of is None and outer.work != progress.work and progress.done == 0:
            self.work.clear()  # a search that broke off said no end
        if not self.work:
            self.began = now
        if progress.work in self.work:
            kinds = list(self.work)
            for inner in kinds[kinds.index(progress.work) + 1 :]:
                del self.work[inner]
        self.work[progress.work] = progress
        if next(iter(self.work.values())).is_complete:
            self.work.clear()

    @property
    def share(self) -> float:
        """Share of the outermost work that is done, 0-1; 0 where nobody knows how much there is."""
        share, part = 0.0, 1.0
        for progress in self.work.values():
            if not progress.of:
                break
            share += part * min(progress.done / progress.of, 1.0)
            part /= progress.of
        return min(share, 1.0)

    def left_s(self, now: float) -> float | None:
        """Seconds that the work still takes at its pace so far; None: too early to say."""
        spent, share = now - self.began, self.share
        is_between = any(progress.is_complete for progress in self.work.values())
        if is_between or spent < _SURE_S or not _SURE_SHARE <= share < 1.0:
            return None
        return spent * (1.0 - share) / share

    def line(self, now: float, received: int) -> str:
        """For people, such as `3 of 12 tiles · x0607y13409: 12 of 40 scenes · 85 MB · about 14 min left`."""
        parts = [progress.line for progress in self.work.values()]
        if received >= 100_000:
            parts.append(f"{received / 1e6:.1f} MB received")
        if (left := self.left_s(now)) is not None:
            parts.append(f"about {_duration(left)} left")
        return " · ".join(parts) if self.work else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class ScreenLine(logging.Handler):
    """One line at the bottom of a screen that says how far the work is; warnings go above it."""

    def __init__(self, screen: TextIO) -> None:
        super().__init__(PROGRESS)
        self._screen = screen
        self._outlook = Outlook(time.monotonic())
        self._drawn = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Draw a report of progress, or say a warning above it."""
        progress = getattr(record, "progress", None)
        now = time.monotonic()
        if progress is None:
            if record.levelno >= logging.WARNING:
                self._write(f"{_CLEARED}{plain(record.getMessage())}\n")
            return
        self._outlook.add(progress, now)
        if now - self._drawn >= _SCREEN_S or progress.is_complete:
            self._drawn = now
            text = plain(self._outlook.line(now, _received()))
            self._write(f"{_CLEARED}{text[:_WIDTH]}")

    def close(self) -> None:
        """Take the line away."""
        self._write(_CLEARED)
        super().close()

    def _write(self, text: str) -> None:
        try:
            self._screen.write(text)
            self._screen.flush()
        except (OSError, ValueError):
            logging.getLogger(_PROGRAM).removeHandler(self)
