"""A file on the web, read by ranges: each byte once, every answer checked, patient but not for ever.

GDAL's own reader is not used: it does not wait as long as a server asks it to (Retry-After), follows a
redirect to anywhere, remembers for the life of the process that a file could not be opened, and logs signed
addresses.
"""

import bisect
import copy
import io
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import urllib3

from selvawatch.web.client import opened
from selvawatch.web.limits import LimitError
from selvawatch.web.retry import (
    PassingError,
    RefusedError,
    RetryRule,
    StatusError,
    TokenError,
    UnreachableError,
    retried,
)
from selvawatch.web.tokens import authorization, lacks_token, needs_token, refusal
from selvawatch.web.traffic import add_received

_HEAD_BYTES = 16_384
_GAP_BYTES = 16_384
_LEAST_BYTES = 65_536
_CHUNK_BYTES = 120_000
_REFUSALS = (401, 403)
_SIZE = re.compile(r"\d{1,18}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a server is waited for."""

    rule: RetryRule | None = None
    """How often it is asked; None: the rule of every request (`web.retry.RULE`)."""
    silence_s: float = 25.0
    """Seconds without a byte after which a connection is given up."""
    slowest: float = 20_000.0
    """Bytes a second below which an answer is given up, after the seconds of `silence_s`."""
    most_bytes: int = 256_000_000
    """Bytes of one answer: the blocks of a window that lie side by side in a file."""


PATIENCE = Patience()


class RemoteFile(io.RawIOBase):
    """A seekable file over http(s); OSError when anything but the bytes asked for comes back.

    renew: gives another address once where one is refused: a signature may end while a file is read.
    """

    def __init__(
        self, address: str, patience: Patience | None = None, renew: Callable[[str], str] | None = None
    ) -> None:
        super().__init__()
        self._address, self._patience, self._renew = address, patience or PATIENCE, renew
        self._starts: list[int] = []
        self._pieces: list[bytes] = []
        self._location = 0
        self.size = 0
        self._fetch(0, _HEAD_BYTES)

    @property
    def head(self) -> bytes:
        """Its first bytes, as they came first."""
        return self._pieces[0]

    def again(self) -> "RemoteFile":
        """Another handle on the same bytes, at the file's start."""
        other = copy.copy(self)
        other._location = 0
        return other

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._location

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; it is returned."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._location, io.SEEK_END: self.size}[whence]
        self._location = max(0, base + offset)
        return self._location

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes, at most so many; what is not here yet is fetched."""
        end = self.size if size is None or size < 0 else min(self.size, self._location + size)
        if self._location >= end:
            return b""
        out = bytearray()
        while self._location < end:
            piece = self._piece(self._location)
            if piece is None:
                after = bisect.bisect_right(self._starts, self._location)
                limit = self._starts[after] if after < len(self._starts) else self.size
                self._fetch(self._location, min(limit, max(end, self._location + _LEAST_BYTES)))
                continue
            start, content = piece
            part = content[self._location - start : end - start]
            out += part
            self._location += len(part)
        return bytes(out)

    def prefetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Fetch (first byte, bytes) ranges with as few requests as their places allow."""
        wanted = sorted(
            (start, first + count)
            for first, count in ranges
            if (start := self._missing_from(first)) < first + count
        )
        while wanted:
            first, end = wanted.pop(0)
            most = first + self._patience.most_bytes
            while wanted and wanted[0][0] <= end + _GAP_BYTES and wanted[0][1] <= most:
                end = max(end, wanted.pop(0)[1])
            self._fetch(first, end)

    def read_ranges(self, ranges: Sequence[tuple[int, int]]) -> list[bytes | memoryview]:
        """Content of (first byte, bytes) ranges, in their order; those that are not here are fetched."""
        self.prefetch(ranges)
        return [self._part(first, count) for first, count in ranges]

    def _part(self, first: int, count: int) -> bytes | memoryview:
        piece = self._piece(first)
        if piece is not None and first + count <= piece[0] + len(piece[1]):
            return memoryview(piece[1])[first - piece[0] : first - piece[0] + count]
        handle = self.again()
        handle.seek(first)
        content = handle.read(count)
        if len(content) != count:
            raise OSError("the file is cut short")
        return content

    def _missing_from(self, position: int) -> int:
        """The first byte from a place on that is not here."""
        while (piece := self._piece(position)) is not None:
            position = piece[0] + len(piece[1])
        return position

    def _piece(self, position: int) -> tuple[int, bytes] | None:
        """Start and content of what is here at a place."""
        index = bisect.bisect_right(self._starts, position) - 1
        if index < 0 or position >= self._starts[index] + len(self._pieces[index]):
            return None
        return self._starts[index], self._pieces[index]

    def _fetch(self, first: int, end: int) -> None:
        content, size = self._fetched(first, min(end, self.size or end))
        if self.size and size != self.size:
            raise OSError("the file changed while it was read")
        self.size = size
        index = bisect.bisect_left(self._starts, first)
        self._starts.insert(index, first)
        self._pieces.insert(index, content)

    def _fetched(self, first: int, end: int) -> tuple[bytes, int]:
        try:
            return fetch(self._address, first, end, self._patience)
        except RefusedError:
            if self._renew is None:
                raise
            self._address, self._renew = self._renew(self._address), None
        try:
            return fetch(self._address, first, end, self._patience)
        except RefusedError as error:
            raise UnreachableError(f"it refuses a new signature too ({error})") from None


def fetch(address: str, first: int, end: int, patience: Patience) -> tuple[bytes, int]:
    """Bytes of a file from a first to an end, not included, and the file's size.

    Raises
    ------
    UnreachableError
        After all tries; the text names no address. `TokenError` where the host refuses the token,
        and at once, without a request, where none is set.
    OSError
        At once, where another try would change nothing.
    """
    if end - first > patience.most_bytes:
        raise LimitError(f"the file wants a piece of {end - first} bytes, at most {patience.most_bytes}")

    if lacks_token(address):
        raise TokenError(refusal(address))

    def request() -> tuple[bytes, int]:
        headers = {"Range": f"bytes={first}-{end - 1}", **authorization(address)}
        try:
            with opened(address, headers=headers, timeout_s=patience.silence_s) as reply:
                return _content(reply, first, end, patience)
        except StatusError as error:
            if error.status in _REFUSALS and needs_token(address):
                raise TokenError(refusal(address)) from None
            raise

    return retried(request, patience.rule, urlsplit(address).hostname or "")


def _content(reply: urllib3.BaseHTTPResponse, first: int, end: int, patience: Patience) -> tuple[bytes, int]:
    """Content and size of the file, when the answer holds just what was asked for."""
    began, parts, here = time.monotonic(), [], 0
    while chunk := reply.read1(_CHUNK_BYTES, decode_content=False):
        parts.append(chunk)
        here += len(chunk)
        add_received(len(chunk))
        if here > patience.most_bytes:
            raise LimitError(f"it sends the whole file, more than {patience.most_bytes} bytes")
        if here > end and reply.status == 200:
            if "Content-Length" not in reply.headers:
                raise PassingError("it does not say how long it is")
            break
        if here > end - first and reply.status == 206:
            raise PassingError("it sends more than was asked for")
        lasted = time.monotonic() - began
        if lasted > patience.silence_s and here < lasted * patience.slowest:
            raise PassingError("it comes too slowly")
    out = b"".join(parts)
    if reply.status == 200:
        stated = reply.headers.get("Content-Length", "")
        size = int(stated) if _SIZE.fullmatch(stated) else len(out)
        return out[first:end], size
    said = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", reply.headers.get("Content-Range", ""))
    if said is None or int(said[1]) != first or len(out) != int(said[2]) + 1 - first:
        raise PassingError("the answer holds another range than it says")
    size = int(said[3])
    if len(out) != min(end, size) - first:
        raise PassingError("the answer holds another range than was asked for")
    return out, size
