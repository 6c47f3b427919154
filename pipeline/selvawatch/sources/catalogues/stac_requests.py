"""How a search on the web asks: guarded, page after page, and only so many of them for so long."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO

from selvawatch.web.client import REDIRECTS, GuardedAdapter
from selvawatch.web.limits import LimitError, check_json

Words = dict[str, Any]
"""Parameters of a request by name."""

_TIMEOUT_S = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """The most that one search may ask and list; what each answer may be is `web.limits`."""

    items: int = 50_000
    """Items that a search lists: 40 years of all sensors over some twelve scenes of ground."""
    pages: int = 1_000
    """Pages that lead to a next one."""
    files: int = 200_000
    """Files that a static catalogue links to."""
    seconds: float = 300.0
    """Seconds after which nothing more is asked for."""


LIMITS = SearchLimits()


class LimitedApiIO(StacApiIO):  # type: ignore[misc,unused-ignore]
    """What pystac-client asks by: the one client's session, which opens nothing but what a catalogue on a
    host may lead to.

    The landing page is read once: the client asks for it again as the root of itself. Pages and time are
    limited, and a page that was there before is refused.
    """

    def __init__(self, catalogue_host: str) -> None:
        super().__init__(max_retries=None, timeout=_TIMEOUT_S)
        self.session.max_redirects = REDIRECTS
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, GuardedAdapter(catalogue_host))
        self._texts: dict[str, str] = {}
        self._seen: set[bytes] = set()
        self._began = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether nothing more is asked for."""
        return time.monotonic() - self._began > LIMITS.seconds

    def read_text(self, source: Any, method: str | None = None, parameters: Words | None = None) -> str:
        """The text at an address, or at the link of a next page."""
        if not isinstance(source, str):
            return self._next_page(str(super().read_text(source, parameters=parameters)))
        if method or parameters:
            return self.request(source, method=method, parameters=parameters)
        key = source.rstrip("/")
        if key not in self._texts:
            self._texts[key] = self.request(source)
        return self._texts[key]

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

    def _next_page(self, text: str) -> str:
        digest = hashlib.sha256(text.encode()).digest()
        if digest in self._seen:
            raise LimitError("its pages lead in circles")
        self._seen.add(digest)
        if len(self._seen) > LIMITS.pages:
            raise LimitError(f"its pages do not end: more than {LIMITS.pages}")
        return text
