"""Files of a folder over http with ranges, with faults, as a proxy, and with a signing endpoint."""

import collections
import contextlib
import json
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

TOKEN = "sv=1&sig=a-signature-that-must-not-be-told"
TOKEN_PATH = "/api/sas/v1/token/"


@dataclass
class Served:
    """A running server."""

    folder: Path
    port: int
    faults: dict[str, str] = field(default_factory=dict)
    """By pattern of the path: flaky, dead, short, zeroed, tailless, rotten, drip, long, endless,
    unmeasured, busy, busy-until, busy-for-hours, loop, elsewhere, moved.
    """
    requests: collections.Counter[str] = field(default_factory=collections.Counter)
    """Requests by path."""
    sent: collections.Counter[str] = field(default_factory=collections.Counter)
    """Bytes of content by path."""
    times: dict[str, list[float]] = field(default_factory=lambda: collections.defaultdict(list))
    signed_only: bool = False
    token: str = TOKEN
    """The only signature that it takes, and the one that it gives."""
    bearer: str = ""
    """The only bearer token that it takes; empty: it asks for none."""
    authorizations: list[str | None] = field(default_factory=list)
    """Header `Authorization` of every request for a file."""
    redirect_to: str = ""
    """Where requests with the token are redirected to, the path kept."""
    refuses_all: bool = False
    """Whether it takes no signature at all."""
    tokens_fail: int = 0
    tokens_moved: str = ""
    """Where requests for tokens are redirected to."""
    most_at_once: int = 0
    at_once: int = 0
    slow_s: float = 0.0
    """Seconds that every answer is kept back."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """Serve a folder until left."""
    server = _Server(("127.0.0.1", 0), _Handler)
    served = Served(folder, server.server_port)
    server.served = served  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_PIECE = 100_000
_guard = threading.Lock()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:  # noqa: N802
        self.do_GET()

    def do_GET(self) -> None:  # noqa: N802
        served: Served = self.server.served  # type: ignore[attr-defined]
        with _guard:
            served.at_once += 1
            served.most_at_once = max(served.most_at_once, served.at_once)
        try:
            time.sleep(served.slow_s)
            with contextlib.suppress(ConnectionError):
                self._answer(served)
        finally:
            with _guard:
                served.at_once -= 1

    def _answer(self, served: Served) -> None:
        parts = urlsplit(self.path)
        with _guard:
            served.requests[parts.path] += 1
            served.times[parts.path].append(time.monotonic())
            count = served.requests[parts.path]
        if parts.path.startswith(TOKEN_PATH):
            if served.tokens_fail:
                served.tokens_fail -= 1
                self._status(503)
                return
            if served.tokens_moved:
                self._status(302, {"Location": served.tokens_moved})
                return
            self._send(
                200, json.dumps({"msft:expiry": "2999-01-01T00:00:00Z", "token": served.token}).encode(), {}
            )
            return
        if served.refuses_all or (served.signed_only and parts.query != served.token):
            self._status(403)
            return
        authorization = self.headers.get("Authorization")
        with _guard:
            served.authorizations.append(authorization)
        if served.bearer and authorization != f"Bearer {served.bearer}":
            self._status(401)
            return
        if served.redirect_to:
            self._status(302, {"Location": f"{served.redirect_to}{parts.path}"})
            return
        fault = next((kind for pattern, kind in served.faults.items() if re.search(pattern, parts.path)), "")
        if fault == "flaky" and count <= 2:
            self._status(503)
        elif fault == "busy" and count <= 1:
            self._status(429, {"Retry-After": "2"})
        elif fault == "busy-until" and count <= 1:
            self._status(429, {"Retry-After": formatdate(time.time() + 3, usegmt=True)})
        elif fault == "busy-for-hours" and count <= 1:
            self._status(503, {"Retry-After": "20000"})
        elif fault == "dead":
            self._status(503)
        elif fault == "loop":
            self._status(302, {"Location": f"{parts.path}?{count}"})
        elif fault == "elsewhere":
            self._status(302, {"Location": f"http://localhost:{served.port}/secret.tif"})
        elif fault == "moved" and not self.headers["Host"].startswith("cogs."):
            self._status(302, {"Location": f"http://cogs.example.org:{served.port}{parts.path}"})
        else:
            self._file(served, parts.path, fault)

    def _file(self, served: Served, place: str, fault: str) -> None:
        path = (served.folder / place.lstrip("/")).resolve()
        if not path.is_file() or not path.is_relative_to(served.folder.resolve()):
            self._status(404)
            return
        content = path.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(content) - 1
        if asked:
            first, last = int(asked[1]), min(int(asked[2] or last), last)
        part = content[first : last + 1]
        if fault == "zeroed" and asked:
            part = part[:600] + bytes(max(0, len(part) - 600)) if first == 0 else bytes(len(part))
        if fault == "tailless" and len(content) > 5000:
            part = (content[:-1000] + bytes(1000))[first : last + 1]
        if fault == "rotten" and first > 0:
            part = bytes(len(part))
        headers = {"Accept-Ranges": "bytes"}
        if asked:
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        if fault == "long":
            headers["Content-Range"] = f"bytes {first}-{last}/{len(content) * 3}"
        if fault == "endless":
            self._stream(served, place, headers, (bytes(_PIECE) for _ in range(400)))
            return
        if fault == "unmeasured":
            pieces = (content[start : start + _PIECE] for start in range(0, len(content), _PIECE))
            self._stream(served, place, {}, pieces, 200)
            return
        with _guard:
            served.sent[place] += len(part)
        self._send(206 if asked else 200, part, headers, fault)

    def _stream(
        self, served: Served, place: str, headers: dict[str, str], pieces: Iterable[bytes], code: int = 206
    ) -> None:
        """Pieces of a part whose length is not told, until nobody reads them."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        for piece in pieces:
            self.wfile.write(piece)
            with _guard:
                served.sent[place] += len(piece)

    def _status(self, code: int, headers: dict[str, str] | None = None) -> None:
        self._send(code, b"", headers or {})

    def _send(self, code: int, body: bytes, headers: dict[str, str], fault: str = "") -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault == "short":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif fault == "drip":
            for byte in body[:40]:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.2)
            self.close_connection = True
        else:
            self.wfile.write(body)
