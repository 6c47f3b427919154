"""Which addresses of others may be opened: a catalogue is not trusted to send us into the local network."""

import ipaddress
import unicodedata
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")


def remote(href: str, catalogue_host: str) -> str:
    """The href itself when it may be fetched.

    http and https only, no credentials in it, and no private, loopback or link-local address unless it is the
    catalogue's own host: a catalogue is not trusted to send us into the local network. Names are looked up
    when they are connected to (`web.guarded`), and what they lead to is held to the same rule.

    Raises
    ------
    ValueError
        Saying what is wrong, without the href.
    """
    parts = urlsplit(href)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"the scheme {parts.scheme or 'file'} is not allowed, needed http or https")
    if parts.username or parts.password:
        raise ValueError("the address carries a user name")
    host = plain_host(parts.hostname or "")
    try:
        parts.port, host.encode("idna")  # noqa: B018 (both refuse what no request can name)
    except (ValueError, UnicodeError):
        raise ValueError("the address has a host or port that is none") from None
    if not host or any(char.isspace() for char in href):
        raise ValueError("the address has no host")
    if host == plain_host(catalogue_host):
        return href
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if (
            host == "localhost"
            or host.endswith(_LOCAL_ENDINGS)
            or "." not in host
            or host.split(".")[-1][:1].isdigit()
        ):
            raise ValueError("the address is on a private host") from None
        return href
    if not is_public(address):
        raise ValueError("the address is a private one")
    return href


def plain_host(host: str) -> str:
    """A host in the one form it is compared in: lower case, no final dot, no letters that only look alike."""
    return unicodedata.normalize("NFKC", host).lower().rstrip(".")


def is_public(address: Address) -> bool:
    """Whether an address is one of the open internet, and so is every address hidden in it."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED:
        hidden.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return all(is_public(one) for one in hidden if one is not None)
