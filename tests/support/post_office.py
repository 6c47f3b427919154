"""Receivers on loopback for deliveries: a mail server, a webhook and a bot API, each with faults by turns."""

import asyncio
import base64
import contextlib
import datetime as dt
import email
import email.policy
import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, PASSWORD = "selva", "a-password-that-must-not-be-told"
SECRET = "a-secret-that-must-not-be-told-1234"
TOKEN = "123456:a-token-that-must-not-be-told-ABCDEF"

Faults = Callable[[int], str]
"""The fault of the n-th attempt (from 1); empty: none."""


def no_fault(_count: int) -> str:
    return ""


def write_certificate(folder: Path, host: str = "localhost") -> tuple[Path, Path]:
    """A certificate for loopback that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(host)]
    if host == "localhost":
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / f"{host}.pem", folder / f"{host}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


@dataclass
class Mailbox:
    """A running mail server, and what it has accepted."""

    port: int = 0
    certificate: Path = Path()
    messages: list[tuple[str, email.message.EmailMessage]] = field(default_factory=list)
    """Recipient and content of each message that was accepted, its answer lost or not."""
    attempts: int = 0
    logins: int = 0

    def ids(self) -> Counter[str]:
        """How often each Message-ID was accepted."""
        return Counter(str(message["Message-ID"]) for _, message in self.messages)

    def settings(self, **more: str) -> dict[str, str]:
        """Settings of the channel `email` that reach it."""
        return {
            "host": "localhost",
            "port": str(self.port),
            "private_host": "localhost",
            "sender": "alertas@example.org",
            "user": USER,
            "password": PASSWORD,
            "ca_file": str(self.certificate),
            "timeout_s": "2",
            **more,
        }


class _Server(SMTP):
    """The server, whose faults go beyond what a handler can do."""

    box: Mailbox
    faults: Faults
    fault = ""

    async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802
        self.box.attempts += 1
        self.fault = self.faults(self.box.attempts)
        await super().smtp_MAIL(arg)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if self.fault == "drop-in-data":
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        if self.fault == "hang":
            return
        await super().smtp_DATA(arg)


class _Handler:
    """What the server says to a recipient and to content."""

    def __init__(self, box: Mailbox) -> None:
        self._box = box

    async def handle_RCPT(  # noqa: N802
        self, server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if server.fault == "busy":
            return f"450 4.2.0 <{address}> try later"
        if server.fault == "nobody":
            return f"550 5.1.1 <{address}>: nobody here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 good"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if server.fault == "busy-at-end":
            return "451 4.3.0 try later"
        content = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self._box.messages.append((envelope.rcpt_tos[0], content))
        if server.fault == "lost":
            server.transport.abort()
        return "250 2.0.0 accepted"


def _authenticator(box: Mailbox) -> Callable[..., AuthResult]:
    def authenticate(_server: Any, _session: Any, _envelope: Any, _kind: str, data: Any) -> AuthResult:
        box.logins += 1
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    return authenticate


@contextlib.contextmanager
def mail_server(
    folder: Path, faults: Faults = no_fault, *, implicit: bool = False, host: str = "localhost"
) -> Iterator[Mailbox]:
    """A mail server with TLS and a login until left."""
    certificate, key = write_certificate(folder, host)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    box = Mailbox(certificate=certificate)
    loop = asyncio.new_event_loop()

    def factory() -> SMTP:
        server = _Server(
            _Handler(box),
            hostname="localhost",
            tls_context=None if implicit else context,
            require_starttls=not implicit,
            auth_required=not implicit,
            auth_require_tls=not implicit,
            authenticator=_authenticator(box),
            timeout=30,
            loop=loop,
        )
        server.box, server.faults = box, faults  # type: ignore[method-assign]
        return server

    server = loop.run_until_complete(
        loop.create_server(factory, "127.0.0.1", 0, ssl=context if implicit else None)
    )
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield box
    finally:
        asyncio.run_coroutine_threadsafe(_closed(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _closed(server: asyncio.Server) -> None:
    """Listen no more, and end every session."""
    server.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)


@dataclass
class Received:
    """A running receiver of webhooks and bot messages, and what it has accepted."""

    port: int = 0
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Body by key, each key once, as a receiver that keeps to the standard has them."""
    repeats: Counter[str] = field(default_factory=Counter)
    """How often each key came."""
    unsigned: list[str] = field(default_factory=list)
    """Keys whose signature was none."""
    chats: list[tuple[str, str]] = field(default_factory=list)
    """Chat and text of each bot message that was accepted."""
    attempts: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:  # noqa: N802
        received: Received = self.server.received  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with _guard:
            received.attempts += 1
            received.times.append(time.monotonic())
            fault = self.server.faults(received.attempts)  # type: ignore[attr-defined]
        if fault == "hang":
            time.sleep(3)
        elif fault == "dead":
            self.close_connection = True
            return
        elif fault == "moved":
            self._send(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"})
            return
        elif fault == "wait":
            self._send(503, b"", {"Retry-After": "1"})
            return
        elif fault.startswith("status-"):
            self._send(int(fault.removeprefix("status-")), b"{}", {})
            return
        if self.path.startswith("/bot"):
            self._bot(received, json.loads(body), fault)
        else:
            self._hook(received, body, fault)

    def _hook(self, received: Received, body: bytes, fault: str) -> None:
        key, stamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        mac = hmac.new(SECRET.encode(), f"{key}.{stamp}.".encode() + body, hashlib.sha256).digest()
        good = f"v1,{base64.b64encode(mac).decode()}" == self.headers["webhook-signature"]
        with _guard:
            if not good or key != self.headers["Idempotency-Key"] or abs(time.time() - int(stamp)) > 60:
                received.unsigned.append(key)
            received.repeats[key] += 1
            received.bodies.setdefault(key, json.loads(body))
        if fault == "lost":
            self.close_connection = True
            return
        self._send(200, b"{}", {})

    def _bot(self, received: Received, values: dict[str, Any], fault: str) -> None:
        if self.path != f"/bot{TOKEN}/sendMessage":
            self._send(401, b'{"ok":false,"error_code":401,"description":"Unauthorized"}', {})
            return
        if fault == "busy":
            self._send(429, _refusal(429, "Too Many Requests: retry after 1", retry_after=1), {})
            return
        if fault == "busy-long":
            self._send(429, _refusal(429, "Too Many Requests: retry after 900", retry_after=900), {})
            return
        if fault == "blocked":
            chat = values["chat_id"]
            self._send(403, _refusal(403, f"Forbidden: bot was blocked by the user {chat}"), {})
            return
        with _guard:
            received.chats.append((values["chat_id"], values["text"]))
            number = len(received.chats)
        if fault == "lost":
            self.close_connection = True
            return
        self._send(200, json.dumps({"ok": True, "result": {"message_id": number}}).encode(), {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, text in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)


def _refusal(code: int, text: str, **parameters: int) -> bytes:
    values = {"ok": False, "error_code": code, "description": text}
    return json.dumps(values | ({"parameters": parameters} if parameters else {})).encode()


_guard = threading.Lock()


class _HookServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


@contextlib.contextmanager
def hook_server(faults: Faults = no_fault) -> Iterator[Received]:
    """A receiver of webhooks (any path) and of bot messages (`/botTOKEN/sendMessage`) until left."""
    server = _HookServer(("127.0.0.1", 0), _Hook)
    received = Received(port=server.server_port)
    server.received, server.faults = received, faults  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def every_channel(box: Mailbox, hook: Received) -> str:
    """Settings of a channel of each kind (`mail`, `hook`, `bot`, `drop`) that reach servers on loopback."""
    mail = "\n".join(f'{key} = "{text}"' for key, text in box.settings().items())
    return f"""
[channels.mail]
kind = "email"
{mail}
[channels.hook]
kind = "webhook"
secret = "{SECRET}"
private_host = "127.0.0.1"
[channels.bot]
kind = "telegram"
token = "{TOKEN}"
api = "{hook.address}"
private_host = "127.0.0.1"
[channels.drop]
kind = "folder"
"""
