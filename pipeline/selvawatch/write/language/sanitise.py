"""Text from outside made harmless: marks escaped, cells that a sheet would run disarmed."""

import unicodedata

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_KEPT = frozenset("\u200c\u200d")
"""Joiners that some scripts need; they cannot turn the reading direction."""


def escaped(text: str) -> str:
    r"""The text with control, direction and private marks written as `\uXXXX`; line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped_mark(mark) for mark in text)


def _escaped_mark(mark: str) -> str:
    if mark in "\n\t" or mark in _KEPT:
        return mark
    if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Co", "Cn"):
        return f"\\u{ord(mark):04x}"
    return mark


def single_line(text: str, limit: int) -> str:
    """The text escaped, on one line, and cut with an ellipsis to at most `limit` characters."""
    line = " ".join(escaped(text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def cell(text: str, limit: int = 32_000) -> str:
    """The text as a CSV or XLSX cell: escaped, cut to `limit`, an apostrophe before what would run."""
    safe = escaped(text)
    if safe.lstrip(" \u00a0\u3000").startswith(_FORMULA_STARTS) or safe.startswith(("＝", "＋", "－", "＠")):
        safe = "'" + safe
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
