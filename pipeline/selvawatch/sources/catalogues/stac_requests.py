"""How a search on the web asks: guarded, page after page, and only so many of them for so long."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from selvawatch.web import retry
from selvawatch.web.client import REDIRECTS, GuardedAdapter
from selvawatch.web.limits import LimitError, check_json, parsed_json

Words = dict[str, Any]
"""Parameters of a request by name."""

_TIMEOUT_S = 50.0
_GAP_S = 0.25
"""Seconds between two requests of a search at a host: archives answer 403 or 429 above about five a second
(https://github.com/microsoft/PlanetaryComputer/issues/415).
"""
_FORBIDDEN = 403
"""Status that archives without a key answer who asks too fast, as 429 is."""
_SUCCESS = 200


class RefusedError(Exception):
    """A request that an API refused, with its status."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """The most that one search may ask and list; what each answer may be is `web.limits`."""

    items: int = 50_000
    """Items that a search lists: 40 years of all sensors over some twelve scenes of ground."""
    pages: int = 1_000
    """Pages that are asked for."""
    files: int = 200_000
    """Files that a static catalogue links to."""
    seconds: float = 300.0
    """Seconds after which nothing more is asked for."""


LIMITS = SearchLimits()


class LimitedApiIO(StacApiIO):  # type: ignore[misc,unused-ignore]
    """What pystac-client asks by: the one client's session, which opens nothing but what a catalogue on a
    host may lead to.

    The landing page is read once: the client asks for it again as the root of itself. Pages and time are
    limited.
    """

    def __init__(self, catalogue_host: str) -> None:
        super().__init__(max_retries=None, timeout=_TIMEOUT_S)
        self.session.max_redirects = REDIRECTS
        self._adapter = GuardedAdapter(catalogue_host, gap_s=_GAP_S)
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, self._adapter)
        self._texts: dict[str, str] = {}
        self._pages = 0
        self._began = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether nothing more is asked for."""
        return time.monotonic() - self._began > LIMITS.seconds

    def read_text(self, source: Any, method: str | None = None, parameters: Words | None = None) -> str:
        """The text at an address."""
        if method or parameters:
            return self.request(source, method=method, parameters=parameters)
        key = str(source).rstrip("/")
        if key not in self._texts:
            self._adapter.rule = _open_rule(())
            try:
                self._texts[key] = self.request(source)
            finally:
                self._adapter.rule = None
        return self._texts[key]

    def page(self, request: Mapping[str, Any], *, patient: bool, tries_sizes: tuple[int, ...] = ()) -> Any:
        """The JSON of an answer to a request (`href`, `method`, `headers`, `body`).

        patient: whether what may pass is tried again whatever its status; else statuses of `tries_sizes`,
        which tell that the answer would be too large, are refused at once.

        Raises
        ------
        RefusedError
            For a status that is no success, after its tries, and what is no JSON.
        LimitError
            When it is more than it may be, or asked for too late.
        """
        self._pages += 1
        if self._pages > LIMITS.pages:
            raise LimitError(f"its pages do not end: more than {LIMITS.pages}")
        self._adapter.rule = _open_rule(() if patient else tries_sizes)
        try:
            text = self.request(
                str(request["href"]),
                method=request["method"],
                headers=dict(request["headers"]) if request["headers"] else None,
                parameters=dict(request["body"]) if request["body"] else None,
            )
        except APIError as error:
            cause = error.__context__
            status = cause.status if isinstance(cause, retry.UnreachableError) else error.status_code
            if status is None:
                raise
            raise RefusedError(f"status {status}: {' '.join(str(error).split())[:120]}", status) from None
        finally:
            self._adapter.rule = None
        try:
            return parsed_json(text.encode())
        except ValueError as error:
            got = "a page of HTML" if text.lstrip()[:1] == "<" else type(error).__name__
            raise RefusedError(f"its answer is no JSON ({got})", _SUCCESS) from None

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: Words | None = None,
    ) -> str:
        """The text of an answer; one beyond the limits stays an error of ours."""
        if self.is_late:
            raise LimitError(f"the search does not end: more than {LIMITS.seconds:g} s")
        try:
            return str(super().request(href, method=method, headers=headers, parameters=parameters))
        except APIError as error:
            if isinstance(error.__context__, LimitError):
                raise error.__context__ from None
            raise

    def json_loads(
        self,
        txt: str,
        method: str | None = None,  # noqa: ARG002
        parameters: Words | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """The object of a text within the limits; how it was asked for comes with it, and is not needed."""
        check_json(txt.encode())
        value: dict[str, Any] = super().json_loads(txt)
        return value


def _open_rule(refused: tuple[int, ...]) -> retry.RetryRule:
    """The rule of tries at an archive that needs no key: 403 is a wait too; some statuses are not tried
    again.
    """
    rule = retry.RULE
    statuses = tuple(sorted({*rule.statuses, _FORBIDDEN} - set(refused)))
    return replace(rule, statuses=statuses)
