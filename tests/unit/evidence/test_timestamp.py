"""A time stamp is what openssl's own authority gives and openssl verifies, or one line."""

import http.server
import shutil
import subprocess
import threading
from contextlib import contextmanager

import pytest

from selvawatch.core.files import content_digest
from selvawatch.errors import EvidenceError
from selvawatch.evidence.archive import MANIFEST, STAMP, manifest_of, open_evidence, write_evidence
from selvawatch.evidence.timestamp import request_of, stamp

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not there")
FILES = {"a.txt": b"one", "b.txt": b"two"}
CONFIG = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
[tsa]
extendedKeyUsage = critical, timeStamping
[tsa_config]
dir = .
serial = serial
signer_cert = tsa.pem
signer_key = tsa.key
certs = ca.pem
default_policy = 1.2.3.4.1
digests = sha256
signer_digest = sha256
accuracy = secs:1
[ts]
default_tsa = tsa_config
"""


def openssl(folder, *words):
    subprocess.run(["openssl", *map(str, words)], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority and a time-stamping one under it."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "openssl.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01\n")
    keys = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "openssl.cnf")
    openssl(folder, "req", "-x509", *keys, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca",
            "-days", "2", "-extensions", "ca")  # fmt: skip
    openssl(folder, "req", "-new", *keys, "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa")
    openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "tsa.pem", "-days", "2", "-extfile", "openssl.cnf", "-extensions", "tsa")  # fmt: skip
    return folder


@contextmanager
def served(answer):
    """A server that answers a POST with a status and bytes made of its body."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):  # noqa: N802
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(folder, query):
    (folder / "q.tsq").write_bytes(query)
    openssl(folder, "ts", "-reply", "-config", "openssl.cnf", "-section", "tsa_config", "-queryfile", "q.tsq",
            "-out", "r.tsr")  # fmt: skip
    return (folder / "r.tsr").read_bytes()


def test_openssl_verifies_the_stamp_of_a_manifest(authority, tmp_path):
    manifest = manifest_of(FILES, {"alert_id": "A"})
    with served(lambda query: (200, reply(authority, query))) as address:
        made = stamp(content_digest(manifest), address, private_host="127.0.0.1")
    path = write_evidence(tmp_path / "e.zip", FILES, {"alert_id": "A"}, made)
    assert open_evidence(path).files == FILES
    shutil.unpack_archive(path, tmp_path)
    (tmp_path / "other.json").write_bytes(manifest + b" ")
    words = ["openssl", "ts", "-verify", "-in", tmp_path / STAMP, "-CAfile", authority / "ca.pem", "-data"]
    assert subprocess.run([*words, tmp_path / MANIFEST], capture_output=True, check=False).returncode == 0
    assert subprocess.run([*words, tmp_path / "other.json"], capture_output=True, check=False).returncode != 0


def test_openssl_reads_the_request(tmp_path):
    (tmp_path / "q.tsq").write_bytes(request_of(bytes(range(32))))
    words = ["openssl", "ts", "-query", "-in", tmp_path / "q.tsq", "-text"]
    text = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    assert "sha256" in text and "Certificate required: yes" in text and "00 01 02 03" in text


def test_what_is_no_stamp_of_the_digest_is_one_line(authority):
    wanted, other = content_digest(b"wanted"), request_of(content_digest(b"other"))
    cases = {
        "refuses": lambda _: (503, b""),
        "no time stamp": lambda _: (200, b"<html>"),
        "another digest": lambda _: (200, reply(authority, other)),
        "PKIStatus 2": lambda _: (200, bytes.fromhex("30053003020102")),
    }
    for what, answer in cases.items():
        with served(answer) as address, pytest.raises(EvidenceError) as raised:
            stamp(wanted, address, private_host="127.0.0.1")
        assert what in str(raised.value) and "\n" not in str(raised.value)
    with pytest.raises(EvidenceError, match="does not answer"):
        stamp(wanted, "http://127.0.0.1:9/", private_host="127.0.0.1")
