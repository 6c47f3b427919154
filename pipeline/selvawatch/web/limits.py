"""How much of an answer is read: bytes as received and unpacked, seconds, depth and values of its JSON."""

import json
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any

import urllib3

from selvawatch.web.retry import PassingError, UnreachableError
from selvawatch.web.traffic import add_received

_CHUNK_BYTES = 65_536
_PACKED = ("gzip", "x-gzip")
_PLAIN = ("", "identity")
_OTHERS = bytes(code for code in range(256) if code not in b"[]{}")
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class LimitError(OSError):
    """An answer or file that is more than anybody needs: another try would change nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """The most that one answer may be; what a page of 500 items or 2,000 features takes, several times."""

    received_bytes: int = 64_000_000
    """Bytes as they come over the line."""
    content_bytes: int = 64_000_000
    """Bytes once unpacked (gzip; any other packing is refused)."""
    seconds: float = 50.0
    """Seconds after which a body that still comes must have come as fast as `slowest`."""
    slowest: float = 100_000.0
    """Bytes a second."""
    json_depth: int = 64
    """Objects and arrays inside each other; GeoJSON needs 9."""
    json_values: int = 4_000_000
    """Values in all; each takes up to 150 bytes of memory."""


LIMITS = AnswerLimits()
"""The limits of every answer that is given no others."""


def body_of(reply: urllib3.BaseHTTPResponse, limits: AnswerLimits | None = None) -> bytes:
    """The unpacked body of an answer that was opened without reading it (`preload_content=False`).

    Raises
    ------
    LimitError
        As soon as it is more than it may be, whatever it said before.
    UnreachableError
        When it comes too slowly.
    PassingError
        When it breaks off, or cannot be unpacked.
    """
    limits = limits or LIMITS
    unpack = _Unpacker(reply.headers.get("Content-Encoding", ""))
    stated = reply.headers.get("Content-Length", "")
    if stated.isdigit() and int(stated) > limits.received_bytes:
        raise LimitError(f"the answer is too long: {stated} bytes, at most {limits.received_bytes}")
    began, received, body = time.monotonic(), 0, bytearray()
    while chunk := reply.read1(_CHUNK_BYTES, decode_content=False):
        received += len(chunk)
        add_received(len(chunk))
        body += unpack.more(chunk, limits.content_bytes - len(body))
        if received > limits.received_bytes:
            raise LimitError(f"the answer is too long: more than {limits.received_bytes} bytes")
        if len(body) > limits.content_bytes:
            raise LimitError(f"the answer unpacks to more than {limits.content_bytes} bytes")
        lasted = time.monotonic() - began
        if lasted > limits.seconds and received < lasted * limits.slowest:
            raise UnreachableError(f"it comes too slowly: {received} bytes in {lasted:.0f} s")
    unpack.finish()
    return bytes(body)


class _Unpacker:
    """Undoes the packing that an answer states, a piece at a time."""

    def __init__(self, packing: str) -> None:
        packing = packing.strip().lower()
        if packing not in (*_PLAIN, *_PACKED):
            raise LimitError(f"the answer is packed in a way that was not asked for: {packing[:20]!r}")
        self._stream = zlib.decompressobj(31) if packing in _PACKED else None
        self._is_begun = False

    def more(self, data: bytes, most: int) -> bytes:
        """What the next bytes hold, up to one byte more than so many."""
        if self._stream is None:
            return data
        content = bytearray()
        self._is_begun = True
        try:
            while data and len(content) <= most:
                content += self._stream.decompress(data, most + 1 - len(content))
                data = self._stream.unconsumed_tail
                if self._stream.eof:
                    data = self._stream.unused_data
                    if data[:1] != b"\x1f":  # what follows the last member is padding
                        break
                    self._stream = zlib.decompressobj(31)
        except zlib.error:
            raise PassingError("it cannot be unpacked") from None
        return bytes(content)

    def finish(self) -> None:
        """Refuse what broke off."""
        if self._stream is not None and self._is_begun and not self._stream.eof:
            raise PassingError("it breaks off")


def parsed_json(content: bytes, limits: AnswerLimits | None = None) -> Any:
    """The value of a JSON text (UTF-8, a mark of order before it or not) that keeps within the limits.

    Raises
    ------
    LimitError
        When it is larger, deeper or has more values than it may; nothing is made of it then.
    ValueError
        When it is no JSON.
    """
    check_json(content, limits)
    try:
        return json.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise LimitError("its JSON is nested too deeply") from None


def check_json(content: bytes, limits: AnswerLimits | None = None) -> None:
    """Refuse a JSON text beyond the limits, before anything is made of it; LimitError saying why.

    Commas and opening brackets are at least as many as values; what looks like them in a text counts too.
    """
    limits = limits or LIMITS
    if len(content) > limits.content_bytes:
        raise LimitError(f"its JSON is too long: {len(content)} bytes, at most {limits.content_bytes}")
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > limits.json_values:
        raise LimitError(f"its JSON holds too many values: about {values}, at most {limits.json_values}")
    if not _is_shallow(content, limits.json_depth) and not _is_shallow(
        _STRINGS.sub(b"", content), limits.json_depth
    ):
        raise LimitError(f"its JSON is nested too deeply: more than {limits.json_depth} levels")


def _is_shallow(content: bytes, depth: int) -> bool:
    """Whether brackets close within a depth: the innermost pairs are removed so many times, and what is left,
    of a text that broke off, is no more than so many and no pair.
    """
    brackets = content.translate(None, _OTHERS)
    for _ in range(depth):
        if not brackets:
            return True
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    return len(brackets) <= depth and b"[]" not in brackets and b"{}" not in brackets
