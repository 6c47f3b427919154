"""What evidence of an alert shows and does not show, in Spanish and English."""

from pathlib import Path

LANGUAGES = ("es", "en")


def limits(code: str) -> bytes:
    """The statement of limits in a language, UTF-8 text."""
    return Path(__file__).with_name(f"limits-{code}.txt").read_bytes()
