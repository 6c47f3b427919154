"""Services that lie, over a real connection: each costs its own layer one line, and keys stay unknown."""

import dataclasses
import datetime as dt
import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from lying_services import geojson
from selvawatch.register.entries import Fetch, LayerEntry
from selvawatch.register.manifest import Manifest
from selvawatch.register.services.kinds import SERVICES
from selvawatch.register.services.replies import Limits
from selvawatch.register.services.service import Client
from selvawatch.site import Site, default_site
from selvawatch.steps.register import fetch_zones
from selvawatch.store.folders import Store
from selvawatch.web.limits import AnswerLimits
from selvawatch.web.retry import RetryRule

SECRET = "s3cret-key"
SMALL = AnswerLimits(
    received_bytes=50_000, content_bytes=50_000, seconds=0.3, slowest=100.0, json_values=20_000
)
GOOD = {"type": "FeatureCollection", "numberMatched": 3, "features": [geojson(number) for number in range(3)]}
REFUSAL = (
    f"<ows:ExceptionReport><ows:ExceptionText>no such format, token {SECRET}</ows:ExceptionText>"
    "</ows:ExceptionReport>"
)
REPLIES = {
    "bomb": (gzip.compress(b" " * 2_000_000), {"Content-Encoding": "gzip"}),
    "long": (b" " * 60_000, {}),
    "deep": (b"[" * 15_000, {}),
    "wide": (b'{"features":[' + b"[]," * 15_000 + b"[]]}", {}),
    "digits": (b'{"features":[], "numberMatched": ' + b"9" * 5_000 + b"}", {}),
    "page": (b"<html>log in</html>", {}),
    "xml": (REFUSAL.encode(), {}),
    "token": (json.dumps({"error": {"code": 499, "message": f"Token {SECRET} required"}}).encode(), {}),
    "latin": ('{"features": "ó"}'.encode("latin-1"), {}),
    "good": (json.dumps(GOOD).encode(), {}),
    "bom": (json.dumps(GOOD).encode("utf-8-sig"), {}),
}
WORDS = {
    "bomb": "unpacks to more than 50000 bytes",
    "long": "too long",
    "deep": "nested too deeply",
    "wide": "too many values",
    "digits": "a number too long",
    "page": "no JSON",
    "xml": "the service refuses; got no such format, token ***",
    "token": "Token *** required",
    "latin": "no JSON",
    "drip": "too slowly",
    "silent": "does not answer, or not rightly",
    "good": "",
    "bom": "",
}


class Lying(BaseHTTPRequestHandler):
    """Answers by the first step of the path; `asked` is what was asked for."""

    asked: list[str] = []

    def do_GET(self) -> None:  # noqa: N802
        name = urlsplit(self.path).path.split("/")[1]
        self.asked.append(self.path)
        if name == "silent":
            time.sleep(1.5)
            return
        self.send_response(200)
        if name == "drip":
            self.send_header("Content-Length", "40000")
            self.end_headers()
            for _ in range(20):
                self.wfile.write(b" ")
                time.sleep(0.05)
            return
        body, headers = REPLIES[name]
        for header, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def base():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lying)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def layer(name, url, **fetch):
    given = {"kind": "wfs", "url": url, "layer": "a", "max_lost_share": 0.05, **fetch}
    return LayerEntry(
        name=name,
        title="x",
        kind="zone",
        type="buffer",
        source="x",
        licence="x",
        open_ended=True,
        fetch=Fetch(**given),
    )


def fetched(layers, tmp_path):
    site = dataclasses.replace(Site.load(default_site()), manifest=Manifest(layer=tuple(layers)))
    client = Client(
        contact="t@example.org",
        version="0",
        timeout_s=1.0,
        rule=RetryRule(tries=2, wait_s=0),
        limits=Limits(reply=SMALL, file=SMALL, request_s=0.2),
    )
    done = fetch_zones(site, Store(tmp_path), [], date=dt.date(2026, 10, 1), client=client)
    return {one.layer: one for one in done}


def test_each_lie_fails_alone_in_one_line_and_no_key_is_kept_or_printed(base, tmp_path):
    Lying.asked.clear()
    layers = [layer(name, f"{base}/{name}/wfs?token={SECRET}") for name in WORDS]
    layers.append(layer("file", f"{base}/bomb/a.geojson?token={SECRET}", kind="file"))
    done = fetched(layers, tmp_path)
    for name, words in WORDS.items():
        assert words in done[name].error and "\n" not in done[name].error, (name, done[name].error)
        assert (done[name].record is None) == bool(words), name
    assert "unpacks to more than" in done["file"].error
    assert all(SECRET in path for path in Lying.asked)
    assert SECRET not in repr(done)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert done["good"].record.address == f"{base}/good/wfs a"


def test_an_address_with_a_password_is_refused_without_it(base, tmp_path):
    host = base.removeprefix("http://")
    done = fetched(
        [layer("a", f"http://user:{SECRET}@{host}/good/wfs"), layer("b", f"ftp://{SECRET}@{host}/a")],
        tmp_path,
    )
    assert "carries a user name" in done["a"].error and "not an address of the web" in done["b"].error
    assert SECRET not in repr(done)


def test_what_nobody_foresaw_of_a_layer_stops_no_other(base, tmp_path, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError(f"at token={SECRET}")

    monkeypatch.setitem(SERVICES, "arcgis", broken)
    url = f"{base}/good/wfs?token={SECRET}"
    done = fetched([layer("a", url, kind="arcgis"), layer("b", url)], tmp_path)
    assert "ZeroDivisionError: at token=***" in done["a"].error and done["b"].error == ""
