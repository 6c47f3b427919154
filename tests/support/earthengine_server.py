"""A loopback Earth Engine: the REST API that the real client speaks, over local GeoTIFFs.

It serves the client's own discovery document and signatures, so that a wrong argument is refused by the
client itself, checks the signature of a service account's assertion, and answers 501 for what it does not
model.
"""

import base64
import collections
import contextlib
import functools
import io
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ee
import numpy as np
from affine import Affine
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from pyproj import CRS
from pyproj.exceptions import CRSError

import earthengine_answers as answers
import earthengine_graph as graph
import earthengine_operations as operations

VERSION = "v1"
MOST_BYTES = 50_331_648
_AUDIENCE = "https://oauth2.googleapis.com/token"
_OWN = Path(ee.__file__).parent / "tests"


@dataclass
class Fault:
    """An answer given instead of the right one, so many times."""

    path: str
    """Pattern searched for in the request's path."""
    code: int = 429
    times: int = 1
    status: str = "RESOURCE_EXHAUSTED"
    message: str = "Too Many Requests: quota exceeded."


@dataclass
class Account:
    """A service account made for the tests."""

    key: rsa.RSAPrivateKey
    email: str = "tester@a-project.iam.gserviceaccount.com"

    def write(self, path: Path, address: str) -> Path:
        """Its key file, which gets tokens from the loopback server."""
        secret = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        values = {
            "type": "service_account",
            "project_id": "a-project",
            "private_key_id": "1",
            "private_key": secret,
            "client_email": self.email,
            "client_id": "1",
            "token_uri": f"{address}/token",
        }
        path.write_text(json.dumps(values))
        return path


@functools.cache
def account() -> Account:
    return Account(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@dataclass
class Served:
    """A running server."""

    address: str
    catalogue: graph.Catalogue
    faults: list[Fault] = field(default_factory=list)
    requests: collections.Counter[str] = field(default_factory=collections.Counter)
    grids: list[dict[str, Any]] = field(default_factory=list)
    most_bytes: int = MOST_BYTES
    token: str = "a-token-that-must-not-be-told"
    at_once: int = 0
    most_at_once: int = 0


@contextlib.contextmanager
def serve(records: dict[str, list[dict[str, Any]]]) -> Iterator[Served]:
    """Serve a catalogue of records (`earthengine_graph.Catalogue`) until left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}", graph.Catalogue(records))
    server.served = served  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@functools.cache
def _discovery(address: str) -> dict[str, Any]:
    text = (_OWN / "cloud_api_discovery_document.json").read_text()
    text = text.replace("v1alpha", VERSION).replace("https://earthengine.googleapis.com/", f"{address}/")
    return dict(json.loads(text))


@functools.cache
def _algorithms() -> dict[str, Any]:
    return dict(json.loads((_OWN / "algorithms.json").read_text()))


_guard = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:  # noqa: N802
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        served: Served = self.server.served  # type: ignore[attr-defined]
        path = urlsplit(self.path).path
        with _guard:
            served.requests[path.rpartition("/")[2]] += 1
            served.at_once += 1
            served.most_at_once = max(served.most_at_once, served.at_once)
        try:
            for fault in served.faults:
                if fault.times > 0 and re.search(fault.path, path):
                    fault.times -= 1
                    raise graph.RefusedError(fault.code, fault.message, fault.status)
            content = self._content(served, path, body)
        except graph.RefusedError as error:
            envelope = {"code": error.code, "message": str(error), "status": error.status}
            self._send(error.code, json.dumps({"error": envelope}).encode())
            return
        finally:
            with _guard:
                served.at_once -= 1
        self._send(200, content if isinstance(content, bytes) else json.dumps(content).encode())

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header(
            "Content-Type", "application/json" if body[:1] == b"{" else "application/octet-stream"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _content(self, served: Served, path: str, body: bytes) -> Any:
        if path == "/$discovery/rest":
            return _discovery(served.address)
        if path == "/token":
            _check_assertion(parse_qs(body.decode())["assertion"][0], served.address)
            return {"access_token": served.token, "expires_in": 3600, "token_type": "Bearer"}
        if self.headers.get("Authorization") != f"Bearer {served.token}":
            raise graph.RefusedError(401, "Invalid authentication credentials.", "UNAUTHENTICATED")
        if re.fullmatch(rf"/{VERSION}/projects/[^/]+/algorithms", path):
            return _algorithms()
        asked = json.loads(body) if body else {}
        if path.endswith("/value:compute"):
            return {"result": answers.described(self._value(served, asked))}
        if path.endswith("/image:computePixels"):
            served.grids.append(asked["grid"])
            return _packed(answers.pixels(self._value(served, asked), _grid(asked), served.most_bytes))
        raise graph.RefusedError(404, f"the loopback server has no {path}", "NOT_FOUND")

    def _value(self, served: Served, asked: dict[str, Any]) -> Any:
        known = graph.functions(served.catalogue) | operations.functions()
        return graph.Graph(asked["expression"], known).value()


def _grid(asked: dict[str, Any]) -> graph.PixelGrid:
    if asked.get("fileFormat") != "NPY":
        raise graph.RefusedError(501, f"format {asked.get('fileFormat')} is not modelled", "UNIMPLEMENTED")
    said, size = asked["grid"]["affineTransform"], asked["grid"]["dimensions"]
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    transform = Affine(*(said.get(name, 0) for name in names))
    return graph.PixelGrid(_projection(asked["grid"]), transform, size["width"], size["height"])


def _projection(grid: dict[str, Any]) -> str:
    """A grid's CRS, by code of any authority or as WKT; the service refuses what names none."""
    said = str(grid.get("crsCode") or grid.get("crsWkt") or "")
    try:
        crs = CRS.from_user_input(said)
    except CRSError as error:
        raise graph.RefusedError(400, f"The CRS of a map projection could not be parsed: {said}") from error
    authority = crs.to_authority()
    return ":".join(authority) if authority else str(crs.to_wkt())


def _packed(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _check_assertion(assertion: str, address: str) -> None:
    """Refuse a token request that the account's key did not sign for this server."""
    head, claims, signature = assertion.split(".")

    def bare(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    try:
        account().key.public_key().verify(
            bare(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature as error:
        raise graph.RefusedError(401, "Invalid JWT Signature.", "UNAUTHENTICATED") from error
    said = json.loads(bare(claims))
    if said["iss"] != account().email or said["aud"] not in (_AUDIENCE, f"{address}/token"):
        raise graph.RefusedError(401, "Invalid JWT claims.", "UNAUTHENTICATED")
