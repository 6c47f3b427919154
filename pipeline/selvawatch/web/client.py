"""The one client for everything that is asked on the web: guarded, at most so many requests a host, one rule
of tries.
"""

import contextlib
import functools
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import requests.certs
import requests.utils
import urllib3
from requests.adapters import HTTPAdapter

from selvawatch.web.addresses import plain_host, remote
from selvawatch.web.guarded import PrivateHostError, guard, trust
from selvawatch.web.limits import AnswerLimits, body_of
from selvawatch.web.retry import (
    PassingError,
    RetryRule,
    StatusError,
    UnsentError,
    is_passing,
    requested_wait,
    retried,
)
from selvawatch.web.throttle import AT_ONCE, turn_at, wait_gap
from selvawatch.web.tokens import LOGIN_HOST

REDIRECTS = 3
"""Redirects that are followed, each checked as an address of the catalogue is."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_SUCCESSES = (200, 206)
_UNAUTHORISED = 401
_SECRET = "authorization"
_UNSENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
)
_HANDSHAKE = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "PROTOCOL_VERSION")
"""Reasons of OpenSSL that only a handshake has: nothing of a request was sent then."""


@contextlib.contextmanager
def opened(
    address: str, *, headers: Mapping[str, str], timeout_s: float, redirects: int = REDIRECTS
) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer to one GET (status 200 or 206), its body not read yet; it is closed on leaving.

    Redirects lead only where an asset of a catalogue on the address's host may lie, and each host on the way
    gives a turn, until the answer is closed. A header `Authorization` goes to the address's own host only,
    and a redirect to a login page is a refusal (status 401). A body that breaks off while it is read is a
    `PassingError` too.

    timeout_s: seconds without a byte after which the connection is given up. redirects: how many are
    followed; without any, one is a status like others.

    Raises
    ------
    PassingError, StatusError
        For `web.retry.retried`.
    OSError
        Where another try would change nothing: it is redirected in circles, or to where it may not, or the
        host's name leads to a private address.
    """
    catalogue_host = urlsplit(address).hostname or ""
    for _ in range(redirects + 1):
        with (
            _faults_named(),
            turn_at(urlsplit(address).hostname or ""),
            contextlib.closing(_sent(address, headers, timeout_s)) as reply,
        ):
            position = reply.get_redirect_location() if redirects else None
            if not position:
                if reply.status not in _SUCCESSES:
                    raise StatusError(reply.status, reply.headers.get("Retry-After"))
                yield reply
                return
        before, address = address, urljoin(address, position)
        if plain_host(urlsplit(address).hostname or "") == LOGIN_HOST:
            raise StatusError(_UNAUTHORISED)
        if _origin(address) != _origin(before):
            headers = {name: text for name, text in headers.items() if name.lower() != _SECRET}
        try:
            remote(address, catalogue_host)
        except ValueError as error:
            raise OSError(f"it is redirected to where it may not: {error}") from None
    raise OSError("it is redirected in circles")


def _origin(address: str) -> tuple[str, str, int | None]:
    parts = urlsplit(address)
    return parts.scheme, plain_host(parts.hostname or ""), parts.port


def get(
    address: str,
    *,
    headers: Mapping[str, str],
    timeout_s: float,
    redirects: int = REDIRECTS,
    limits: AnswerLimits | None = None,
) -> bytes:
    """The unpacked body of the answer to one GET; it raises what `opened` and `limits.body_of` do.

    limits: the most that it may be; None: those of every answer (`limits.LIMITS`).
    """
    with opened(address, headers=headers, timeout_s=timeout_s, redirects=redirects) as reply:
        return body_of(reply, limits)


@contextlib.contextmanager
def _faults_named() -> Iterator[None]:
    """Give the faults of urllib3 and of the guard the names that `web.retry` knows."""
    try:
        yield
    except urllib3.exceptions.HTTPError as error:
        raise PassingError(f"it breaks off ({type(error).__name__})") from error
    except PrivateHostError as error:
        raise OSError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a host answered to a POST."""

    status: int
    body: bytes
    """Empty too where it broke off or was more than it may be: the status is the answer."""
    requested_s: float
    """Seconds that it asks to wait before another request; 0: it does not."""


def post(
    address: str,
    body: bytes,
    *,
    headers: Mapping[str, str],
    timeout_s: float,
    private_host: str = "",
    limits: AnswerLimits | None = None,
) -> Answer:
    """The answer to one POST, whatever its status; a redirect is a status like others.

    private_host: the host that a person named as one of the local network; empty: none.

    Raises
    ------
    UnsentError
        When nothing was sent; another try may do.
    PassingError
        When the answer is lost: the other side may have the request.
    OSError
        When the address may not be asked; nothing was sent.
    """
    try:
        remote(address, private_host)
    except ValueError as error:
        raise OSError(str(error)) from None
    if private_host:
        trust(private_host)
    with (
        _unsent_named(),
        turn_at(urlsplit(address).hostname or ""),
        contextlib.closing(_sent(address, {"Connection": "close", **headers}, timeout_s, body)) as reply,
    ):
        content = b""
        with contextlib.suppress(PassingError, OSError, urllib3.exceptions.HTTPError):
            content = body_of(reply, limits)
        wait_s = requested_wait(reply.headers.get("Retry-After"))
        return Answer(status=reply.status, body=content, requested_s=wait_s)


@contextlib.contextmanager
def _unsent_named() -> Iterator[None]:
    """As `_faults_named`, with those apart that come before a request."""
    try:
        with _faults_named():
            yield
    except PassingError as error:
        cause = error.__cause__
        handshake = isinstance(cause, urllib3.exceptions.SSLError) and any(
            reason in str(cause) for reason in _HANDSHAKE
        )
        if handshake or isinstance(cause, _UNSENT):
            why = "no TLS that can be trusted" if handshake else "no connection"
            raise UnsentError(f"{why} ({type(cause).__name__})") from error
        raise


def _sent(
    address: str, headers: Mapping[str, str], timeout_s: float, body: bytes | None = None
) -> urllib3.BaseHTTPResponse:
    return connections(_proxy_of(address), os.getpid()).urlopen(
        "GET" if body is None else "POST",
        address,
        body=body,
        headers={"Accept-Encoding": "identity", **headers},
        timeout=timeout_s,
        preload_content=False,
        redirect=False,
        retries=False,
    )


def _proxy_of(address: str) -> str:
    """Address of the proxy that the environment names for an address; empty when there is none."""
    if not any(name.lower() in _PROXIES for name in os.environ):
        return ""
    return requests.utils.select_proxy(address, requests.utils.get_environ_proxies(address, None)) or ""


@functools.lru_cache(maxsize=8)
def connections(proxy: str, process: int) -> urllib3.PoolManager:  # noqa: ARG001
    """Connections that are kept open between requests, of all threads of a process."""
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or requests.certs.where()
    if not proxy:
        return guard(urllib3.PoolManager(maxsize=AT_ONCE, ca_certs=authorities))
    user = urllib3.util.parse_url(proxy).auth
    return urllib3.ProxyManager(
        proxy,
        maxsize=AT_ONCE,
        ca_certs=authorities,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=user) if user else None,
    )


class GuardedAdapter(HTTPAdapter):
    """For a session of `requests` that belongs to a library (searches by pystac-client): guarded connections,
    every hop's address checked, a turn at the host until the answer is read, the same rule of tries, and
    so many seconds between two requests at a host.
    """

    def __init__(
        self,
        catalogue_host: str,
        rule: RetryRule | None = None,
        limits: AnswerLimits | None = None,
        gap_s: float = 0.0,
    ) -> None:
        self._catalogue_host = catalogue_host
        self.rule = rule
        self._limits = limits
        self._gap_s = gap_s
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Keep a guarded pool."""
        super().init_poolmanager(*args, **kwargs)
        guard(self.poolmanager)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        """The answer, read to its end.

        Raises
        ------
        ValueError
            When the address may not be opened.
        UnreachableError
            After all tries.
        LimitError
            When it is more than it may be.
        """
        remote(request.url or "", self._catalogue_host)
        request.headers["Accept-Encoding"] = "gzip"
        host = urlsplit(request.url or "").hostname or ""
        return retried(lambda: self._attempt(request, *args, **kwargs), self.rule, host)

    def _attempt(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        wait_gap(parts.netloc, self._gap_s)
        try:
            with _faults_named(), turn_at(parts.hostname or ""):
                reply = super().send(request, *args, **kwargs)
                with contextlib.closing(reply.raw):
                    body = body_of(reply.raw, self._limits)
                reply.raw = urllib3.HTTPResponse(io.BytesIO(body), preload_content=False)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise PassingError(f"it breaks off ({type(error).__name__})") from error
        if is_passing(reply.status_code, self.rule):
            raise StatusError(reply.status_code, reply.headers.get("Retry-After"))
        return reply
