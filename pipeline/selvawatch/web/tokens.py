"""Bearer tokens of accounts: sent to the hosts that they are for, over https, and nowhere else.

OPERA RTC-S1 lies at ASF's Cumulus (https://cumulus.asf.earthdatacloud.nasa.gov), which answers a bearer token
of Earthdata Login (https://urs.earthdata.nasa.gov/documentation/for_users/user_token) by a redirect to an
address that is signed itself; a token that it does not like, by one to the login page. Older items name the
Datapool, which redirects there (https://docs.asf.alaska.edu/datasets/using_ASF_data/). Files of Copernicus
Data Space want an access token of ten minutes
(https://documentation.dataspace.copernicus.eu/APIs/Token.html).
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from selvawatch.web.addresses import plain_host
from selvawatch.web.retry import TokenError

EARTHDATA_VARIABLE = "EARTHDATA_TOKEN"
"""Variable of the environment that holds a bearer token of Earthdata Login."""
HOST_VARIABLE = "EARTHDATA_HOST"
"""Variable of the environment that names one more host that the token is for (a mirror)."""
COPERNICUS_VARIABLE = "COPERNICUS_TOKEN"
"""Variable of the environment that holds an access token of Copernicus Data Space."""
COPERNICUS_HOST_VARIABLE = "COPERNICUS_HOST"
"""As `HOST_VARIABLE`, for that token."""
_SECRET = re.compile(r"[!-~]{1,8000}")
LOGIN_HOST = "urs.earthdata.nasa.gov"
"""Where a request without a valid token is sent on to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """A token, and whom it is for."""

    variable: str
    host: str
    """Host that it opens files of."""
    host_variable: str
    """Variable of the environment that names one more."""
    issuer: str
    """Host that gives it."""


_ACCOUNTS = (
    _Account(
        variable=EARTHDATA_VARIABLE,
        host="cumulus.asf.earthdatacloud.nasa.gov",
        host_variable=HOST_VARIABLE,
        issuer=LOGIN_HOST,
    ),
    _Account(
        variable=COPERNICUS_VARIABLE,
        host="download.dataspace.copernicus.eu",
        host_variable=COPERNICUS_HOST_VARIABLE,
        issuer="identity.dataspace.copernicus.eu",
    ),
)
_DATAPOOL = "https://datapool.asf.alaska.edu/RTC/OPERA-S1/"
_CUMULUS = "https://cumulus.asf.earthdatacloud.nasa.gov/OPERA/OPERA_L2_RTC-S1/"


def authorization(address: str) -> dict[str, str]:
    """Headers that open an address: the token of its host, or none.

    A token goes over https only, or to this machine itself.

    Raises
    ------
    TokenError
        When what the variable holds is no token; its text does not show it.
    """
    account = _account_of(address)
    if account is None:
        return {}
    token = secret_in(account.variable)
    parts = urlsplit(address)
    safe = parts.scheme == "https" or _is_loopback(parts.hostname or "")
    return {"Authorization": f"Bearer {token}"} if token and safe else {}


def secret_in(variable: str) -> str:
    """The token or key that a variable of the environment holds; empty where it is not set.

    Raises
    ------
    TokenError
        Where it holds line breaks or other marks that no header may: a client would show it in its own error.
    """
    text = os.environ.get(variable, "").strip()
    if text and not _SECRET.fullmatch(text):
        raise TokenError(f"{variable} holds blanks, line breaks or other marks that no token has")
    return text


def needs_token(address: str) -> bool:
    """Whether an address's host gives files to holders of a token only."""
    return _account_of(address) is not None


def lacks_token(address: str) -> bool:
    """Whether an address's host gives files to holders of a token only, and none is set."""
    account = _account_of(address)
    return account is not None and not secret_in(account.variable)


def direct(href: str) -> str:
    """The href, or where the Datapool would redirect it to: a token does not follow redirects."""
    if not href.startswith(_DATAPOOL):
        return href
    file = href.removeprefix(_DATAPOOL)
    return f"{_CUMULUS}{file.rpartition('_')[0]}/{file}"


def refusal(address: str) -> str:
    """What is wrong where a host that needs a token refuses a request; the token is not in it.

    address: one that `needs_token`.
    """
    account = _account_of(address) or _ACCOUNTS[0]
    if not os.environ.get(account.variable, "").strip():
        return f"it wants a token: set {account.variable}"
    return f"it refuses the token in {account.variable}: renew it at {account.issuer}"


def _account_of(address: str) -> _Account | None:
    """The account whose token opens an address; None: none is needed."""
    host = plain_host(urlsplit(address).hostname or "")
    for account in _ACCOUNTS:
        if host and host in (account.host, plain_host(os.environ.get(account.host_variable, ""))):
            return account
    return None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
