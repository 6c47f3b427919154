"""Connections that look a name up once, refuse private addresses, and connect to what was checked.

A name that leads into the local network is refused before a byte is sent, and cannot lead elsewhere between
check and connection. Hosts that a person named as a source may be anywhere. Through a proxy of the
environment names are looked up by the proxy, and nothing is checked here.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError

from selvawatch.web.addresses import is_public, plain_host, remote

HEAD_S = 50.0
"""Seconds within which the head of an answer must be here, however steadily it drips."""

_named: set[str] = set()


class PrivateHostError(Exception):
    """A name that leads into the local network."""


def trust(host: str) -> None:
    """Let a host that a person named lie in the local network; for the life of the process."""
    _named.add(plain_host(host))


def addresses_of(host: str, port: int) -> list[str]:
    """Addresses of a host to connect to, in the order of the lookup.

    A host that is written as an address was held to the rule where its href was accepted.

    Raises
    ------
    PrivateHostError
        When any of them is private and nobody named the host.
    OSError
        When the name is not known.
    """
    found = list(
        dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    )
    written_out = found == [host.strip("[]")]
    if not written_out and plain_host(host) not in _named and not all(map(_public, found)):
        raise PrivateHostError("the host's name leads to a private address")
    return found


def open_socket(host: str, port: int, timeout_s: float, private_host: str = "") -> socket.socket:
    """A connection to a host for another protocol than http, under the same rule.

    private_host: the host that a person named as one of the local network; empty: none.

    Raises
    ------
    PrivateHostError
        When the host is in the local network and is not that one.
    OSError
        When the name is not known or nothing answers.
    """
    try:
        remote(f"https://{f'[{host}]' if ':' in host else host}:{port}/", private_host)
    except ValueError as error:
        raise PrivateHostError(str(error)) from None
    if private_host:
        trust(private_host)
    why: OSError | None = None
    for address in addresses_of(host, port):
        try:
            return socket.create_connection((address, port), timeout=timeout_s)
        except OSError as error:
            why = error
    raise why or OSError("the name leads to no address")


def _public(address: str) -> bool:
    return is_public(ipaddress.ip_address(address.partition("%")[0]))


def _connect(connection: Any) -> socket.socket:
    """A socket to one of the checked addresses of an urllib3 connection's host."""
    try:
        found = addresses_of(connection.host, connection.port)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    why: OSError | None = None
    for address in found:
        try:
            return urllib3.util.connection.create_connection(
                (address, connection.port),
                connection.timeout,
                source_address=connection.source_address,
                socket_options=connection.socket_options,
            )
        except OSError as error:
            why = error
    raise NewConnectionError(connection, f"no connection ({type(why).__name__})") from why


@contextlib.contextmanager
def _hanging_up(connection: Any) -> Iterator[None]:
    """Hang up where the head of an answer is not here in time; ProtocolError then."""
    expired = threading.Event()

    def hang_up() -> None:
        expired.set()
        with contextlib.suppress(OSError, AttributeError):
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(HEAD_S, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if expired.is_set():  # a head that was cut off is read as a short one
        raise ProtocolError("the head does not end")


class _Plain(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def getresponse(self) -> Any:
        with _hanging_up(self):
            return super().getresponse()


class _Secure(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)

    def getresponse(self) -> Any:
        with _hanging_up(self):
            return super().getresponse()


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


_POOLS = {"http": _PlainPool, "https": _SecurePool}


def guard(manager: urllib3.PoolManager) -> urllib3.PoolManager:
    """The manager itself, whose connections are now guarded."""
    manager.pool_classes_by_scheme = _POOLS
    return manager
