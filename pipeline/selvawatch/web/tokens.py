"""Bearer tokens of accounts: sent to the hosts that they are for, over https, and nowhere else.

OPERA RTC-S1 lies at ASF's Cumulus (https://cumulus.asf.earthdatacloud.nasa.gov), which answers a bearer token
of Earthdata Login (https://urs.earthdata.nasa.gov/documentation/for_users/user_token) by a redirect to an
address that is signed itself; a token that it does not like, by one to the login page. Older items name the
Datapool, which redirects there (https://docs.asf.alaska.edu/datasets/using_ASF_data/).
"""

import ipaddress
import os
import re
from urllib.parse import urlsplit

from selvawatch.web.addresses import plain_host
from selvawatch.web.retry import UnreachableError

EARTHDATA_VARIABLE = "EARTHDATA_TOKEN"
"""Variable of the environment that holds a bearer token of Earthdata Login."""
HOST_VARIABLE = "EARTHDATA_HOST"
"""Variable of the environment that names one more host that the token is for (a mirror)."""
_SECRET = re.compile(r"[!-~]{1,8000}")
_EARTHDATA_HOSTS = ("cumulus.asf.earthdatacloud.nasa.gov",)
LOGIN_HOST = "urs.earthdata.nasa.gov"
"""Where a request without a valid token is sent on to."""
_DATAPOOL = "https://datapool.asf.alaska.edu/RTC/OPERA-S1/"
_CUMULUS = "https://cumulus.asf.earthdatacloud.nasa.gov/OPERA/OPERA_L2_RTC-S1/"


def authorization(address: str) -> dict[str, str]:
    """Headers that open an address: the token of its host, or none.

    A token goes over https only, or to this machine itself.

    Raises
    ------
    UnreachableError
        When what the variable holds is no token; its text does not show it.
    """
    if not needs_token(address):
        return {}
    token = secret_in(EARTHDATA_VARIABLE)
    parts = urlsplit(address)
    safe = parts.scheme == "https" or _is_loopback(parts.hostname or "")
    return {"Authorization": f"Bearer {token}"} if token and safe else {}


def secret_in(variable: str) -> str:
    """The token or key that a variable of the environment holds; empty where it is not set.

    Raises
    ------
    UnreachableError
        Where it holds line breaks or other marks that no header may: a client would show it in its own error.
    """
    text = os.environ.get(variable, "").strip()
    if text and not _SECRET.fullmatch(text):
        raise UnreachableError(f"{variable} holds blanks, line breaks or other marks that no token has")
    return text


def needs_token(address: str) -> bool:
    """Whether an address's host gives files to holders of a token only."""
    host = plain_host(urlsplit(address).hostname or "")
    return bool(host) and host in (*_EARTHDATA_HOSTS, plain_host(os.environ.get(HOST_VARIABLE, "")))


def direct(href: str) -> str:
    """The href, or where the Datapool would redirect it to: a token does not follow redirects."""
    if not href.startswith(_DATAPOOL):
        return href
    file = href.removeprefix(_DATAPOOL)
    return f"{_CUMULUS}{file.rpartition('_')[0]}/{file}"


def refusal() -> str:
    """What is wrong where a host that needs a token refuses a request; the token is not in it."""
    if not os.environ.get(EARTHDATA_VARIABLE, "").strip():
        return f"it wants a token: set {EARTHDATA_VARIABLE}"
    return f"it refuses the token in {EARTHDATA_VARIABLE}: renew it at {LOGIN_HOST}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
