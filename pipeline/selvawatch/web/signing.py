"""Addresses that Planetary Computer signs: kept unsigned, signed when they are opened, never written down.

The token is fetched for a storage account and container, kept in the process's memory until a minute before
it ends, and put into the address that is handed to the reader.
"""

import datetime as dt
import functools
import ipaddress
import logging
import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from selvawatch.web.client import get
from selvawatch.web.guarded import trust
from selvawatch.web.limits import AnswerLimits, parsed_json
from selvawatch.web.retry import PassingError, StatusError, UnreachableError, retried
from selvawatch.web.tokens import secret_in

PREFIX = "planetary-computer:"
"""Begins the href of an asset that must be signed."""
KEY_VARIABLE = "PC_SDK_SUBSCRIPTION_KEY"
"""Variable of the environment that holds the key of an account; without it fewer requests are let through."""
TOKENS_VARIABLE = "PC_SDK_SAS_URL"
"""Variable of the environment that names another address to ask for tokens."""
_TOKENS_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
_STORAGE = ".blob.core.windows.net"
_OPEN_ACCOUNT = "ai4edatasetspublicassets"
_SIGNED = frozenset(("st", "se", "sp"))
_TIMEOUT_S = 30.0
_LEAST_S = 60.0
_NOT_FOUND = 404
_OPEN_FOR = dt.timedelta(hours=1)
_LIMITS = AnswerLimits(received_bytes=100_000, content_bytes=100_000)
_TEXT = re.compile(r"[!-~]{1,4000}")
_guard = threading.Lock()


def open_href(href: str) -> str:
    """An address without user, query and fragment, in which keys and signatures stand; of a local file its
    last three parts, for the others tell of the machine.
    """
    parts = urlsplit(href.removeprefix(PREFIX))
    if not parts.netloc:
        return "/".join(Path(parts.path or href).parts[-3:])
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def public_href(href: str) -> str:
    """An address as everybody may read it: as `open_href`, and of a host in a local network the last three
    parts alone.
    """
    address = open_href(href)
    parts = urlsplit(address)
    return "/".join(Path(parts.path).parts[-3:]) if _is_local(parts.hostname or "") else address


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return bool(host) and (
            "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost"))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    """A storage's signature."""

    text: str
    expiry: dt.datetime

    @property
    def left_s(self) -> float:
        """Seconds for which it is still valid."""
        return (self.expiry - dt.datetime.now(dt.UTC)).total_seconds()


_tokens: dict[str, _Token] = {}


def to_be_signed(href: str) -> str:
    """The href, marked when it lies in a storage that may want a signature, whatever catalogue names it."""
    return f"{PREFIX}{href}" if (urlsplit(href).hostname or "").endswith(_STORAGE) else href


def address_of(href: str) -> str:
    """What to open for an href: itself, or its signed address.

    Raises
    ------
    OSError
        When no token is given; the text names neither address nor key.
    """
    if not href.startswith(PREFIX):
        return href
    plain = href.removeprefix(PREFIX)
    parts = urlsplit(plain)
    account, container = (parts.hostname or "").split(".")[0], parts.path.lstrip("/").split("/")[0]
    if account == _OPEN_ACCOUNT or _SIGNED & set(parse_qs(parts.query)):
        return plain
    where = f"{os.environ.get(TOKENS_VARIABLE) or _TOKENS_URL}/{account}/{container}"
    with _guard:
        token = _tokens.get(where)
        if token is None or token.left_s < _LEAST_S:
            token = _tokens[where] = _asked_token(where, secret_in(KEY_VARIABLE))
    if not token.text:
        return plain
    _hush()
    return f"{plain}{'&' if parts.query else '?'}{token.text}"


def renewed(href: str, refused: str) -> str:
    """What to open for an href whose signed address was refused: signed by a token asked for anew.

    Raises
    ------
    OSError
        As `address_of`.
    """
    with _guard:
        for where in [where for where, token in _tokens.items() if token.text and token.text in refused]:
            del _tokens[where]
    return address_of(href)


class _Unsigned(logging.Filter):
    """Takes signatures out of what others log."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "sig=" in text:
            record.msg, record.args = re.sub(r"\?[^\s'\">]*sig=[^\s'\">]*", "?...", text), ()
        return True


@functools.lru_cache(maxsize=1)
def _hush() -> None:
    """The web client and rasterio log what they open, signatures included."""
    only = _Unsigned()
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in ("rasterio", "urllib3"):
            logging.getLogger(name).addFilter(only)


def _asked_token(where: str, key: str) -> _Token:
    """The token of a storage, empty for one that is not Planetary Computer's; a redirect is refused, for the
    key would go with it.
    """
    trust(urlsplit(where).hostname or "")
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {}

    def request() -> _Token:
        try:
            content = get(where, headers=headers, timeout_s=_TIMEOUT_S, redirects=0, limits=_LIMITS)
        except StatusError as error:
            if error.status != _NOT_FOUND:
                raise
            return _Token(text="", expiry=dt.datetime.now(dt.UTC) + _OPEN_FOR)
        try:
            return _token_of(parsed_json(content, _LIMITS))
        except (ValueError, KeyError, TypeError) as error:
            raise PassingError(type(error).__name__) from None

    try:
        return retried(request, host=urlsplit(where).hostname or "")
    except OSError as error:
        kind = UnreachableError if isinstance(error, UnreachableError) else OSError
        raise kind(f"Planetary Computer gives no token ({error})") from None


def _token_of(answer: Any) -> _Token:
    """The token of an answer; ValueError, KeyError or TypeError when it is none."""
    text, expiry = answer["token"], dt.datetime.fromisoformat(answer["msft:expiry"])
    if not isinstance(text, str) or not _TEXT.fullmatch(text) or expiry.tzinfo is None:
        raise ValueError("it is no token")
    return _Token(text=text, expiry=expiry)
