"""Barriers of a page for people with a keyboard, a screen reader or weak eyes: rules of WCAG 2.2."""

import json
import re
from html import unescape
from pathlib import Path

from chromium import drawn

RULES = Path(__file__).with_suffix(".js")
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_FOUND = re.compile(r'<pre id="accessibility-found">(.*?)</pre>', re.DOTALL)


def barriers(page: str, folder: Path, *, width: int) -> list[str]:
    """Barriers of a page (HTML), one line each, as wide as a screen of so many pixels; empty: none was found.

    folder: an empty one, for the page without its policy and with the rules in it.
    """
    asked = folder / "asked.html"
    folder.mkdir(parents=True, exist_ok=True)
    rules = f"<script>{RULES.read_text(encoding='utf-8')}</script></body>"
    asked.write_text(unlocked(page).replace("</body>", rules), encoding="utf-8")
    (found,) = _FOUND.findall(drawn(asked, folder / "profile", width=width))
    return json.loads(unescape(found))


def unlocked(page: str) -> str:
    """A page without its policy, so that a test can put scripts of its own into it."""
    return _POLICY.sub("", page)
