"""Times as forms write them, brought to UTC or empty with a reason; a zone is never guessed."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from selvawatch.errors import LayerError

_OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time in UTC, or why there is none."""

    utc: str = ""
    """As `2026-06-04T15:00:00Z`; empty: not known."""
    reason: str = ""
    """Code of `review.TIME_REASONS`; empty where the time is known."""


def zone_of(text: str) -> dt.tzinfo | None:
    """The zone that a person declared: `-05:00`, `UTC` or `America/Lima`; None for an empty text.

    Raises
    ------
    LayerError
        For a text that is none of them.
    """
    if not text:
        return None
    if text in ("UTC", "Z"):
        return dt.UTC
    if offset := _OFFSET.fullmatch(text):
        minutes = int(offset[2]) * 60 + int(offset[3])
        if minutes <= 14 * 60 and int(offset[3]) < 60:
            return dt.timezone(dt.timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError) as error:
        raise LayerError(
            "the zone is not known", where="--zone", got=text, needed="an offset as -05:00, or America/Lima"
        ) from error


def moment_of(texts: Sequence[str], zone: dt.tzinfo | None) -> Moment:
    """The first of some texts that is not empty, as a time in UTC: none of the others stands in for it.

    zone: of a time that states none. A day alone counts as its noon in that zone.
    """
    return next((_read(text, zone) for text in texts if text.strip()), Moment(reason="missing"))


def _read(text: str, zone: dt.tzinfo | None) -> Moment:
    cleaned = " ".join(text.split())
    try:
        if _DAY.fullmatch(cleaned):
            read = dt.datetime.combine(dt.date.fromisoformat(cleaned), dt.time(12))
        else:
            read = dt.datetime.fromisoformat(cleaned)
    except ValueError:
        return Moment(reason="unreadable")
    if read.tzinfo is None:
        if zone is None:
            return Moment(reason="no-zone")
        read = read.replace(tzinfo=zone)
    try:
        return Moment(utc=utc_text(read))
    except (OverflowError, ValueError):
        return Moment(reason="unreadable")


def utc_text(time: dt.datetime) -> str:
    """An aware time as UTC text to the second, `2026-06-04T15:00:00Z`."""
    return time.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
