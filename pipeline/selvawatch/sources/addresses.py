"""Which addresses of others may be opened: a catalogue is not trusted to send us into the local network."""

import ipaddress
from urllib.parse import urlsplit


def remote(href: str, own_host: str) -> str:
    """The href itself when it may be fetched.

    http and https only, no credentials in it, and no private, loopback or link-local address unless it is the
    catalogue's own host: a catalogue is not trusted to send us into the local network. Host names are not
    looked up here.

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
    host = (parts.hostname or "").lower()
    if not host or any(char.isspace() for char in href):
        raise ValueError("the address has no host")
    if host == own_host.lower():
        return href
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if (
            host == "localhost"
            or host.endswith((".localhost", ".local", ".internal"))
            or "." not in host
            or host.split(".")[-1][:1].isdigit()
        ):
            raise ValueError("the address is on a private host") from None
        return href
    if not address.is_global:
        raise ValueError("the address is a private one")
    return href
