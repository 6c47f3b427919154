"""The channel `email`: SMTP over TLS, the certificate checked, the Message-ID made of the message's key."""

import contextlib
import datetime as dt
import fcntl
import re
import select
import smtplib
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import IO, Literal

from selvawatch.deliver.channel import Delivery, Message, Receipt, harmless
from selvawatch.deliver.channel_settings import settings_of
from selvawatch.errors import DeliveryError
from selvawatch.web.guarded import PrivateHostError, open_socket
from selvawatch.web.throttle import turn_at

_PORTS = {"starttls": 587, "implicit": 465}
_ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_ADDRESS = re.compile(
    rf"(?=.{{3,254}}$)(?=[^@]{{1,64}}@){_ATOM}(\.{_ATOM})*@({_LABEL}\.)+{_LABEL}", re.ASCII | re.IGNORECASE
)
_READY, _CONTINUE, _ACCEPTED = 220, 354, 250
_PERMANENT = 500
_DRAIN_S = 0.002
_ANSWER_BYTES = 1_000_000
_LASTING = 5
"""Times the time limit of an answer that a session may last in all, however steadily its server drips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings:
    """The server that takes messages in, and who sends them."""

    host: str
    sender: str
    """Address that messages come from."""
    port: int = 0
    """Port of the server; 0: 587 for STARTTLS, 465 for TLS from the start."""
    tls: Literal["starttls", "implicit"] = "starttls"
    """How the connection is encrypted; there is none without."""
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """PEM file of the authorities that may vouch for the server; empty: those of this machine."""
    private_host: str = ""
    """The host itself, where it lies in the local network."""
    timeout_s: float = 60.0
    """Seconds without an answer after which the server is given up."""

    def __post_init__(self) -> None:
        """Refuse a sender that is no address, a login that is half there, and limits that are none."""
        if not _is_address(self.sender):
            raise ValueError("sender is no address of the form name@domain")
        if bool(self.user) != bool(self.password):
            raise ValueError("user and password go together")
        if not 0 <= self.port <= 65535:
            raise ValueError("port is not from 1 to 65535")
        if not 0 < self.timeout_s <= 600:
            raise ValueError("timeout_s is not from 0 to 600")

    @property
    def domain(self) -> str:
        """Domain of the sender: how the program greets, and where its Message-IDs belong."""
        return self.sender.rpartition("@")[2].lower()


def check_mail(_settings: Mapping[str, str], recipient: str, _exact: bool) -> None:
    """Refuse a recipient that is no address; DeliveryError without the text itself."""
    if not _is_address(recipient):
        raise DeliveryError(
            "the recipient is no address", needed="name@domain in ASCII, xn-- for other letters"
        )


def make_mail(values: Mapping[str, str]) -> "MailChannel":
    """The channel of these settings; DeliveryError for those that cannot be used."""
    settings = settings_of(MailSettings, values, "email")
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise DeliveryError(
            "channel of kind email: ca_file cannot be read", got=error.strerror or type(error).__name__
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return MailChannel(settings, context)


def _is_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


class _AttemptError(Exception):
    """What ends an attempt, as the receipt that it gives."""

    def __init__(self, state: Delivery, why: str, *, blocked: bool = False) -> None:
        super().__init__(why)
        self.state, self.blocked = state, blocked


class _Session(smtplib.SMTP):
    """A session over a guarded connection."""

    def __init__(self, settings: MailSettings, context: ssl.SSLContext) -> None:
        super().__init__(local_hostname=settings.domain, timeout=settings.timeout_s)
        self._settings, self._context = settings, context
        self._host = settings.host  # the name that `starttls` holds the certificate against

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = open_socket(host, port, timeout, self._settings.private_host)
        if self._settings.tls != "implicit":
            return connection
        try:
            return self._context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise

    def getreply(self) -> tuple[int, bytes]:
        """The next answer; what goes on without end is cut off."""
        if self.file is None and self.sock is not None:
            self.file = _CutStream(self.sock.makefile("rb"))
        return super().getreply()


class _CutStream:
    """What a server says from one change of the connection to the next, as far as anybody needs it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._left = stream, _ANSWER_BYTES

    def readline(self, most: int) -> bytes:
        """The next line; OSError once all lines are more than any session needs."""
        line = self._stream.readline(most)
        self._left -= len(line)
        if self._left < 0:
            raise OSError("it says too much")
        return line

    def close(self) -> None:
        self._stream.close()


@dataclass(frozen=True, slots=True)
class MailChannel:
    """A way to send e-mail; a session for each message."""

    settings: MailSettings
    context: ssl.SSLContext

    def send(self, message: Message) -> Receipt:
        """What became of the message.

        Before the mark that ends its content nothing is delivered (RFC 5321, 4.1.1.4), so that any fault
        until then leaves it `deferred`; an answer lost after it leaves it `uncertain`.
        """
        content = self._content(message)
        try:
            with turn_at(self.settings.host), self._opened() as session:
                return self._transact(session, message, content)
        except _AttemptError as fault:
            hidden = (message.recipient, self.settings.user, self.settings.password)
            return Receipt(state=fault.state, detail=harmless(str(fault), *hidden), blocked=fault.blocked)

    def _content(self, message: Message) -> bytes:
        """The message as it goes over the line, lines that begin with a dot doubled."""
        made = EmailMessage(policy=SMTP)
        made["Subject"] = message.subject
        made["From"] = Address(addr_spec=self.settings.sender)
        made["To"] = Address(addr_spec=message.recipient)
        made["Date"] = format_datetime(dt.datetime.now(dt.UTC))
        made["Message-ID"] = f"<{message.key}@{self.settings.domain}>"
        made["Auto-Submitted"] = "auto-generated"
        made.set_content(message.text, cte="quoted-printable")
        if message.html:
            made.add_alternative(message.html, subtype="html", cte="quoted-printable")
        for file in message.attachments:
            kind, _, subtype = file.media_type.partition("/")
            made.add_attachment(file.content, maintype=kind, subtype=subtype, filename=file.name)
        content = re.sub(rb"(?m)^\.", b"..", made.as_bytes())
        return content if content.endswith(b"\r\n") else content + b"\r\n"

    @contextlib.contextmanager
    def _opened(self) -> Iterator[_Session]:
        """A session that is encrypted and logged in; it is ended, whatever the server answers to that."""
        settings = self.settings
        session = _Session(settings, self.context)
        with _hanging_up(session, _LASTING * settings.timeout_s), contextlib.closing(session):
            try:
                code, text = session.connect(settings.host, settings.port or _PORTS[settings.tls])
                if code != _READY:
                    raise smtplib.SMTPConnectError(code, text)
                session.ehlo()
                if settings.tls == "starttls":
                    session.starttls(context=self.context)
                    session.ehlo()
                if settings.user:
                    session.login(settings.user, settings.password)
            except PrivateHostError as error:
                raise _blocked(f"{error}: name it as private_host where that is right") from None
            except ssl.SSLError as error:
                raise _blocked(f"the server has no TLS that can be trusted: {_reason(error)}") from None
            except smtplib.SMTPAuthenticationError as error:
                raise _blocked(f"the login is refused: {_answer(error)}") from None
            except smtplib.SMTPNotSupportedError as error:
                raise _blocked(f"the server does not offer what is needed: {error}") from None
            except smtplib.SMTPResponseException as error:
                raise _blocked(f"the server refuses the session: {_answer(error)}") from None
            except (OSError, smtplib.SMTPException, UnicodeError) as error:
                raise _blocked(f"the server does not answer: {_reason(error)}") from None
            yield session
            with contextlib.suppress(OSError, smtplib.SMTPException):
                session.quit()

    def _transact(self, session: _Session, message: Message, content: bytes) -> Receipt:
        """The one transaction of a session."""
        try:
            _expect(
                session.mail(
                    self.settings.sender, [f"size={len(content)}"] if session.has_extn("size") else []
                )
            )
            _expect(session.rcpt(message.recipient))
            _expect(session.docmd("DATA"), _CONTINUE)
            session.send(content)
            if _breaks_off(session, self.settings.timeout_s):
                raise _AttemptError(Delivery.DEFERRED, "the server broke off in the middle of the message")
        except smtplib.SMTPResponseException as error:
            raise _AttemptError(Delivery.DEFERRED, f"the server's answer is none: {_answer(error)}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise _AttemptError(
                Delivery.DEFERRED, f"the server broke off before the end: {_reason(error)}"
            ) from None
        try:
            session.send(b".\r\n")
            reply = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            raise _AttemptError(
                Delivery.UNCERTAIN, f"the server's last answer is lost: {_reason(error)}"
            ) from None
        if not 200 <= reply[0] < 300 and not 400 <= reply[0] < 600:
            raise _AttemptError(Delivery.UNCERTAIN, f"the server's last answer is none: {_text(reply[1])}")
        _expect(reply)
        hidden = (message.recipient, self.settings.user, self.settings.password)
        return Receipt(state=Delivery.DELIVERED, reference=harmless(_text(reply[1]), *hidden))


def _expect(reply: tuple[int, bytes], wanted: int = _ACCEPTED) -> None:
    """Go on where the server accepts; else what its answer makes of the message."""
    code, text = reply
    if code == wanted or (wanted == _ACCEPTED and code // 100 == 2):
        return
    state = Delivery.REFUSED if code >= _PERMANENT else Delivery.DEFERRED
    raise _AttemptError(state, f"the server answers {code} {_text(text)}")


def _blocked(why: str) -> _AttemptError:
    return _AttemptError(Delivery.DEFERRED, why, blocked=True)


@contextlib.contextmanager
def _hanging_up(session: smtplib.SMTP, lasting_s: float) -> Iterator[None]:
    """Hang up a session that lasts too long: each byte of a server that drips comes in time."""

    def hang_up() -> None:
        with contextlib.suppress(OSError, AttributeError):
            session.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    timer = threading.Timer(lasting_s, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _breaks_off(session: smtplib.SMTP, timeout_s: float) -> bool:
    """Whether the server hangs up, or says something, before it has all that was sent; none of it is due.

    Waiting for its acknowledgement (Linux: TIOCOUTQ) leaves the mark that ends a message, and nothing before
    it, to be lost without a trace.
    """
    connection, end = session.sock, time.monotonic() + timeout_s
    if connection is None:
        return True
    poll = select.poll()
    poll.register(connection, select.POLLIN | select.POLLHUP)
    while not poll.poll(0):
        if not struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))[0]:
            return bool(poll.poll(0))
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(_DRAIN_S)
    return True


def _text(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else text


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _reason(error: Exception) -> str:
    """Why a connection failed, in few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return error.reason or type(error).__name__
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return "it hung up"
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
