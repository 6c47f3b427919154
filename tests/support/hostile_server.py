"""A server whose answers are functions by path: endless, packed, deep, dripping or circling ones."""

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = Callable[["Asked"], None]


class Asked(BaseHTTPRequestHandler):
    """One request, and how it can be answered."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:  # noqa: N802
        size = int(self.headers.get("Content-Length", 0))
        self.words = json.loads(self.rfile.read(size) or b"{}")
        self._answer()

    def do_GET(self) -> None:  # noqa: N802
        self.words = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self._answer()

    def _answer(self) -> None:
        answers: dict[str, Answer] = self.server.answers  # type: ignore[attr-defined]
        answer = answers.get(urlsplit(self.path).path)
        with contextlib.suppress(ConnectionError):
            if answer is None:
                self.send(b"", status=404)
            else:
                answer(self)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value: Any) -> None:
        self.send(json.dumps(value).encode())

    def stream(self, pieces: Iterable[bytes], pause_s: float = 0.0, **headers: str) -> None:
        """Pieces without a length, until the other side hangs up."""
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True
        for piece in pieces:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause_s)


@contextlib.contextmanager
def serve(answers: dict[str, Answer]) -> Iterator[str]:
    """Serve answers by path until left; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    server.daemon_threads = True
    server.answers = answers  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bomb(size: int) -> bytes:
    """So many bytes of spaces, packed."""
    return gzip.compress(b" " * size, 9)


def landing(asked: Asked) -> None:
    """The landing page of an API that searches."""
    classes = ("core", "item-search", "collections", "ogcapi-features")
    conforms = [f"https://api.stacspec.org/v1.0.0/{name}" for name in classes]
    search = {
        "rel": "search",
        "href": f"{asked.base}/search",
        "method": "POST",
        "type": "application/geo+json",
    }
    asked.send_json(
        {
            "type": "Catalog",
            "id": "hostile",
            "description": "hostile",
            "stac_version": "1.0.0",
            "conformsTo": conforms,
            "links": [search, {"rel": "data", "href": f"{asked.base}/collections"}],
        }
    )


def collections(asked: Asked) -> None:
    """No collection."""
    asked.send_json({"collections": [], "links": []})
