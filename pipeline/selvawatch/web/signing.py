"""Addresses that Planetary Computer signs: kept unsigned, signed when they are opened, never written down.

The token is fetched for a storage account and container, kept in the process's memory until a minute before
it ends, and put into the address that is handed to the reader.
"""

import functools
import logging
import re
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from selvawatch.web.throttle import UnreachableError, turn_at

PREFIX = "planetary-computer:"
"""Begins the href of an asset that must be signed."""
_STORAGE = ".blob.core.windows.net"
_RETRIES = 4
_TIMEOUT_S = 30.0
_guard = threading.Lock()


def to_be_signed(href: str) -> str:
    """The href, marked when it lies in a storage that wants a signature."""
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
    sas = library()
    settings = sas.Settings.get()
    plain = href.removeprefix(PREFIX)
    parts = urlsplit(plain)
    account, container = (parts.hostname or "").split(".")[0], parts.path.lstrip("/").split("/")[0]
    where = f"{settings.sas_url}/{account}/{container}"
    with _guard:
        token = sas.TOKEN_CACHE.get(where)
        if token is None or token.ttl() < 60:
            sas.TOKEN_CACHE[where] = _token(where, settings.subscription_key, sas.SASToken)
    _hush()
    return str(sas.sign_url(plain))


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


def library() -> Any:
    """Planetary Computer's own signing module; it is heavy, and warns of its own age on being imported."""
    with _guard, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from planetary_computer import sas
    return sas


def _token(where: str, key: str | None, read: Callable[..., object]) -> object:
    """The token of a storage; a redirect is refused, for the key would go with it."""
    import requests

    why, refused = "", False
    for attempt in range(_RETRIES + 1):
        if attempt:
            time.sleep(min(60.0, 2.0 ** (attempt - 1)))
        try:
            with turn_at(urlsplit(where).hostname or ""):
                reply = requests.get(
                    where,
                    headers={"Ocp-Apim-Subscription-Key": key} if key else None,
                    timeout=_TIMEOUT_S,
                    allow_redirects=False,
                )
            if reply.status_code == 200:
                return read(**reply.json())
            why = f"status {reply.status_code}"
            if reply.status_code not in (429, 500, 502, 503, 504):
                refused = True
                break
        except (requests.RequestException, ValueError) as error:
            why = type(error).__name__
    kind = OSError if refused else UnreachableError
    raise kind(f"Planetary Computer gives no token ({why})")
