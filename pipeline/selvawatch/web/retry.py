"""When a request that failed is made again, and how long that waits: one rule for everything on the web."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import urllib3

log = logging.getLogger(__name__)

_REFUSALS = (401, 403)

Answer = TypeVar("Answer")


class UnreachableError(OSError):
    """A host that does not answer, or not rightly, just now: worth another run, unlike a damaged file."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """Status of the last answer; None: there was none."""


class TokenError(UnreachableError):
    """A host that refuses the token that is held for it: worth another run once it is renewed."""


class RefusedError(OSError):
    """A host that gives this to others, or with another token or signature: status 401 or 403."""


class PassingError(Exception):
    """A fault that another try may not meet: a connection that broke off, an answer that is not what was
    asked for. Its text is what `UnreachableError` says in the end, without any address.
    """


class UnsentError(PassingError):
    """A fault before anything of the request was sent: the other side does not have it."""


class StatusError(Exception):
    """A status that is no success; whether it is tried again is the rule's to say."""

    def __init__(self, status: int, retry_after: str | None = None, text: str = "") -> None:
        super().__init__(text or f"status {status}")
        self.status = status
        self.requested_s = requested_wait(retry_after)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """How often and how patiently a request is made."""

    tries: int = 5
    """Times a request is made before it fails."""
    wait_s: float = 1.0
    """Seconds before the second try; doubled before each further one, and up to half as much again."""
    longest_wait_s: float = 120.0
    """Most seconds between two tries, also where the server asks for more."""
    longest_tries_s: float = 45.0
    """Seconds that tries may take in all, waits between them not counted, before no further one begins."""
    statuses: tuple[int, ...] = (408, 429, 500, 502, 503, 504)
    """Statuses that are tried again; every other that is no success fails at once."""

    def wait_before(self, attempt: int, requested_s: float) -> float:
        """Seconds to wait before a try (1: the second), where the server asked for so many."""
        grown = self.wait_s * 2 ** (attempt - 1) * (1 + random.random() / 2)
        return min(self.longest_wait_s, max(requested_s, grown))


RULE = RetryRule()
"""The rule of every request that is given no other."""


def is_passing(status: int, rule: RetryRule | None = None) -> bool:
    """Whether a status is tried again by a rule (none given: that of every request)."""
    return status in (rule or RULE).statuses


def retried(request: Callable[[], Answer], rule: RetryRule | None = None, host: str = "") -> Answer:
    """What a request gives, at the first try or a later one.

    request: makes one try; raises `PassingError`, or `StatusError` where it knows the status. host: whom the
    log names.

    Raises
    ------
    UnreachableError
        After all tries.
    OSError
        At once, for a status that is not tried again.
    """
    rule = rule or RULE
    why, requested_s, spent_s = "", 0.0, 0.0
    status: int | None = None
    for attempt in range(rule.tries):
        if attempt:
            time.sleep(rule.wait_before(attempt, requested_s))
        began = time.monotonic()
        try:
            return request()
        except PassingError as error:
            why, requested_s, status = str(error), 0.0, None
        except StatusError as error:
            why, requested_s, status = str(error), error.requested_s, error.status
            if not is_passing(error.status, rule):
                raise (RefusedError if error.status in _REFUSALS else OSError)(why) from None
        log.info("%stry %d of %d: %s", f"{host}: " if host else "", attempt + 1, rule.tries, why)
        spent_s += time.monotonic() - began
        if spent_s > rule.longest_tries_s:
            break
    raise UnreachableError(why, status)


def requested_wait(retry_after: str | None) -> float:
    """Seconds that a header Retry-After asks to wait, as a number or until a date; 0 where there is none, or
    it is neither.
    """
    try:
        return urllib3.Retry().parse_retry_after(retry_after or "0")
    except (urllib3.exceptions.InvalidHeader, ValueError, OverflowError):
        return 0.0


def reason_of(error: Exception) -> str:
    """`unreachable` where another run may read what this one could not, else `unreadable`."""
    return "unreachable" if isinstance(error, UnreachableError) else "unreadable"
