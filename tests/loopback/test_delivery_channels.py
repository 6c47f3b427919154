"""Each channel against a server of its kind that refuses, hangs, drops and loses answers."""

import base64
import contextlib
import logging
import socket
import threading
import time
from dataclasses import replace

import pytest

from post_office import PASSWORD, SECRET, TOKEN, USER, hook_server, mail_server, write_certificate
from selvawatch.deliver import Attachment, Delivery, Message, deliver, telegram, webhook
from selvawatch.deliver.channel_table import channel_kind
from selvawatch.errors import DeliveryError
from selvawatch.web.retry import RetryRule

MAIL = Message(
    key="k" * 40,
    recipient="ana@example.org",
    subject="Boletín: 3 alertas con novedades",
    text="..puntos\n.\nFrom aquí\n" + "ñ" * 2000,
    html="<p>ñ</p>",
    attachments=(Attachment(name="alertas.csv", media_type="text/csv", content=b"a\r\n.\r\n"),),
)
HIDDEN = ("ana@example.org", PASSWORD, SECRET, TOKEN, USER)


def nth(*faults):
    """The faults of the first attempts; none after."""
    return lambda count: faults[count - 1] if count <= len(faults) else ""


def told_nothing(receipt):
    assert not [text for text in HIDDEN if text in receipt.detail + receipt.reference]
    return receipt


@pytest.mark.parametrize("implicit", [False, True])
def test_a_mail_arrives_as_it_was_over_tls_and_its_message_id_follows_from_its_key(tmp_path, implicit):
    with mail_server(tmp_path, implicit=implicit) as box:
        settings = box.settings(tls="implicit" if implicit else "starttls")
        receipt = told_nothing(deliver("email", settings, MAIL))
    assert receipt.state is Delivery.DELIVERED and receipt.reference.startswith("2.0.0 accepted")
    ((recipient, content),) = box.messages
    assert recipient == MAIL.recipient and content["Subject"] == MAIL.subject
    assert content["Message-ID"] == f"<{MAIL.key}@example.org>" and content["Auto-Submitted"]
    bodies = [content.get_body((kind,)).get_content() for kind in ("plain", "html")]
    assert [text.replace("\r\n", "\n").removesuffix("\n") for text in bodies] == [MAIL.text, MAIL.html]
    (file,) = content.iter_attachments()
    assert (file.get_filename(), file.get_payload(decode=True)) == ("alertas.csv", b"a\r\n.\r\n")


@pytest.mark.parametrize(
    ("fault", "state", "detail"),
    [
        ("busy", Delivery.DEFERRED, "450"),
        ("busy-at-end", Delivery.DEFERRED, "451"),
        ("drop-in-data", Delivery.DEFERRED, "broke off"),
        ("hang", Delivery.DEFERRED, "no answer in time"),
        ("nobody", Delivery.REFUSED, "550 5.1.1 <...>: nobody here"),
        ("lost", Delivery.UNCERTAIN, "last answer is lost"),
    ],
)
def test_a_mail_server_with_a_fault_leaves_one_line_and_the_true_state(tmp_path, fault, state, detail):
    size = 9_000_000 if fault == "drop-in-data" else 10  # more than both ends of a connection can hold
    file = Attachment(name="a.bin", media_type="application/x", content=bytes(size))
    with mail_server(tmp_path, nth(fault)) as box:
        timeout_s = "0.3" if fault == "hang" else "5"
        message = replace(MAIL, attachments=(file,))
        receipt = told_nothing(deliver("email", box.settings(timeout_s=timeout_s), message))
        assert (receipt.state, receipt.blocked) == (state, False) and detail in receipt.detail
        assert len(receipt.detail.splitlines()) == 1
        assert len(box.messages) == (1 if state is Delivery.UNCERTAIN else 0)
        if state is Delivery.DEFERRED:
            again = deliver("email", box.settings(), MAIL)
            assert again.state is Delivery.DELIVERED and len(box.messages) == 1


def test_a_refused_login_a_strange_certificate_and_a_server_without_tls_send_nothing_and_block(tmp_path):
    with mail_server(tmp_path) as box:
        wrong = told_nothing(deliver("email", box.settings(password="wrong"), MAIL))
        strange = told_nothing(deliver("email", box.settings(ca_file=""), MAIL))
    (tmp_path / "other").mkdir()
    with mail_server(tmp_path / "other", host="elsewhere.example") as other:
        misnamed = told_nothing(deliver("email", other.settings(), MAIL))
    for receipt, said in (
        (wrong, "login is refused: 535"),
        (strange, "self-signed"),
        (misnamed, "certificate"),
    ):
        assert (receipt.state, receipt.blocked) == (Delivery.DEFERRED, True) and said in receipt.detail
    assert box.messages == other.messages == []


def answering(*lines):
    """A port that says lines to one client, whatever it asks, and then waits."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener, listener.accept()[0] as client, contextlib.suppress(OSError):
            for line in lines:
                client.sendall(line)
                client.recv(1000)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((b"220 hello\r\n", b"250 good\r\n"), "does not offer"),
        ((b"554 no\r\n",), "554 no"),
        ((b"\xff" * 9000 + b"\r\n",), "the server"),
        ((b"220 hello\r\n", b"250-STARTTLS\r\n250 x\r\n", b"220 go\r\n", b"no tls at all"), "TLS"),
    ],
)
def test_a_server_that_speaks_otherwise_is_one_line(tmp_path, lines, said):
    certificate, _ = write_certificate(tmp_path)
    settings = {
        "host": "127.0.0.1", "private_host": "127.0.0.1", "port": str(answering(*lines)),
        "sender": "a@example.org", "ca_file": str(certificate), "timeout_s": "1",
    }  # fmt: skip
    receipt = told_nothing(deliver("email", settings, MAIL))
    assert (receipt.state, receipt.blocked) == (Delivery.DEFERRED, True) and said in receipt.detail


def test_a_private_host_is_asked_only_where_it_is_named(tmp_path):
    with mail_server(tmp_path) as box, hook_server() as hook:
        settings = box.settings()
        del settings["private_host"]
        receipt = deliver("email", settings | {"host": "127.0.0.1"}, MAIL)
        assert receipt.blocked and "private" in receipt.detail and box.attempts == 0
        with pytest.raises(DeliveryError, match="private one.*private_host"):
            channel_kind("webhook").check({"secret": SECRET}, f"{hook.address}/x", False)
        message = replace(MAIL, recipient=f"{hook.address}/x")
        refused = deliver("webhook", {"secret": SECRET}, message)
        assert (refused.state, hook.attempts) == (Delivery.REFUSED, 0)


@pytest.mark.parametrize(
    ("line", "pause_s", "timeout_s"),
    [(b"220-and so on\r\n", 0.02, "0.1"), (b"220-" + b"x" * 4000 + b"\r\n", 0, "60")],
)
def test_a_mail_server_whose_answer_never_ends_is_given_up(line, pause_s, timeout_s):
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        with listener, listener.accept()[0] as client, contextlib.suppress(OSError):
            while True:
                client.sendall(line)
                time.sleep(pause_s)

    threading.Thread(target=drip, daemon=True).start()
    settings = {"host": "127.0.0.1", "private_host": "127.0.0.1", "port": str(listener.getsockname()[1])}
    began = time.monotonic()
    receipt = deliver("email", settings | {"sender": "a@example.org", "timeout_s": timeout_s}, MAIL)
    assert (receipt.state, receipt.blocked) == (Delivery.DEFERRED, True)
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("quick")
def test_a_receiver_that_hangs_leaves_a_message_uncertain():
    with hook_server(lambda _: "hang") as hook:
        hooked = replace(MAIL, recipient=f"{hook.address}/x")
        receipts = [deliver("webhook", HOOK | {"timeout_s": "0.1"}, hooked)]
        bot = {"token": TOKEN, "api": hook.address, "private_host": "127.0.0.1", "timeout_s": "0.1"}
        receipts.append(deliver("telegram", bot, replace(MAIL, recipient="1", attachments=())))
    for receipt in receipts:
        assert told_nothing(receipt).state is Delivery.UNCERTAIN, receipt


@pytest.mark.parametrize(
    "address",
    ["", "ana", "ana@", "@example.org", "ana@example", "a b@example.org", "ana@example.org, b@example.org",
     "ana@-x.org", "a..b@example.org", ".a@example.org", "ñ@example.org", "a@exa\nmple.org",
     "<a@example.org>", "x" * 65 + "@example.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_being_shown(address):
    with pytest.raises(DeliveryError, match="no address") as error:
        channel_kind("email").check({}, address, True)
    assert not address or address not in str(error.value)


HOOK = {"secret": SECRET, "private_host": "127.0.0.1", "timeout_s": "1"}


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(webhook, "RULE", RetryRule(tries=3, wait_s=0.01, longest_wait_s=0.05))
    monkeypatch.setattr(telegram, "RULE", replace(telegram.RULE, wait_s=0.01))


@pytest.mark.parametrize(
    ("faults", "state", "times"),
    [
        ((), Delivery.DELIVERED, 1),
        (("status-503", "dead"), Delivery.DELIVERED, 1),
        (("lost",), Delivery.DELIVERED, 2),
        (("lost", "lost", "lost"), Delivery.UNCERTAIN, 3),
        (("status-429",) * 3, Delivery.DEFERRED, 0),
        (("status-404",), Delivery.REFUSED, 0),
        (("status-401",), Delivery.DEFERRED, 0),
        (("moved",), Delivery.REFUSED, 0),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_webhook_is_signed_and_tried_again_under_one_key(faults, state, times):
    with hook_server(nth(*faults)) as hook:
        message = replace(MAIL, recipient=f"{hook.address}/hook?token=of-theirs")
        receipt = told_nothing(deliver("webhook", HOOK, message))
    assert receipt.state is state and "of-theirs" not in receipt.detail
    assert hook.repeats[MAIL.key] == times and hook.unsigned == []
    if times:
        body = hook.bodies[MAIL.key]
        assert (body["subject"], body["text"]) == (MAIL.subject, MAIL.text)
        assert base64.b64decode(body["files"][0]["base64"]) == MAIL.attachments[0].content
    down = told_nothing(deliver("webhook", HOOK, message))
    assert down.state is Delivery.DEFERRED and "no connection" in down.detail


def test_a_webhook_waits_as_it_is_asked_or_leaves_a_long_wait_to_the_next_call(monkeypatch):
    for longest, state, attempts in ((5.0, Delivery.DELIVERED, 2), (0.5, Delivery.DEFERRED, 1)):
        monkeypatch.setattr(webhook, "RULE", RetryRule(tries=2, wait_s=0.01, longest_wait_s=longest))
        with hook_server(nth("wait")) as hook:
            receipt = deliver("webhook", HOOK, replace(MAIL, recipient=f"{hook.address}/x"))
        assert (receipt.state, hook.attempts) == (state, attempts)
        assert receipt.wait_s == (0 if state is Delivery.DELIVERED else 1)
        assert attempts == 1 or hook.times[1] - hook.times[0] >= 1


@pytest.mark.parametrize(
    ("secret", "said"),
    [("short", "fewer than 24"), ("whsec_" + "A" * 31, "no base64"), ("whsec_QUJD", "fewer than 24")],
)
def test_a_secret_that_protects_nothing_is_refused_without_being_shown(secret, said):
    with pytest.raises(DeliveryError, match=said) as error:
        channel_kind("webhook").make({"secret": secret})
    assert secret not in str(error.value)


def test_exact_places_go_over_no_plain_http():
    named = HOOK | {"private_host": "receiver.lan"}
    channel_kind("webhook").check(named, "http://receiver.lan/x", False)
    channel_kind("webhook").check(named, "https://receiver.lan/x", True)
    with pytest.raises(DeliveryError, match="plain http"):
        channel_kind("webhook").check(named, "http://receiver.lan/x", True)
    bot = {"token": TOKEN, "api": "http://api.lan", "private_host": "api.lan"}
    with pytest.raises(DeliveryError, match="plain http"):
        channel_kind("telegram").check(bot, "12", True)
    with pytest.raises(DeliveryError, match="plain http") as error:
        channel_kind("telegram").make({"token": TOKEN, "api": "http://api.example.org"})
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(
    ("faults", "state", "accepted"),
    [
        ((), Delivery.DELIVERED, 1),
        (("busy",), Delivery.DELIVERED, 1),
        (("busy-long",), Delivery.DEFERRED, 0),
        (("lost",), Delivery.UNCERTAIN, 1),
        (("dead",), Delivery.UNCERTAIN, 0),
        (("status-502",), Delivery.UNCERTAIN, 0),
        (("blocked",), Delivery.REFUSED, 0),
    ],
)
@pytest.mark.usefixtures("quick")
def test_a_bot_waits_as_it_is_asked_and_never_repeats_what_may_have_arrived(faults, state, accepted, caplog):
    caplog.set_level(logging.DEBUG)
    with hook_server(nth(*faults)) as hook:
        settings = {"token": TOKEN, "api": hook.address, "private_host": "127.0.0.1", "timeout_s": "1"}
        message = replace(MAIL, recipient="-100777", attachments=())
        receipt = told_nothing(deliver("telegram", settings, message))
    assert (receipt.state, len(hook.chats)) == (state, accepted) and "-100777" not in receipt.detail
    assert receipt.wait_s == (900 if faults == ("busy-long",) else 0)
    if faults == ("busy",):
        assert hook.times[1] - hook.times[0] >= 1
    assert TOKEN not in caplog.text
    down = told_nothing(deliver("telegram", settings, message))
    assert (down.state, down.blocked) == (Delivery.DEFERRED, True)


def test_a_bot_refuses_what_it_cannot_carry_and_a_wrong_token_blocks():
    with hook_server() as hook:
        settings = {"token": TOKEN, "api": hook.address, "private_host": "127.0.0.1"}
        with pytest.raises(DeliveryError, match="no files"):
            deliver("telegram", settings, replace(MAIL, recipient="1"))
        long = replace(MAIL, recipient="1", attachments=(), text="\N{LEOPARD}" * 2049)
        with pytest.raises(DeliveryError, match="got 4098"):
            deliver("telegram", settings, long)
        other = settings | {"token": TOKEN.replace("a-token", "b-token")}
        receipt = deliver("telegram", other, replace(long, text="x"))
    assert receipt.blocked and "401" in receipt.detail and hook.chats == []


def test_a_folder_gets_a_message_whole_once_and_is_asked_again_where_it_is_gone(tmp_path):
    message = replace(MAIL, recipient=str(tmp_path / "drop"))
    assert deliver("folder", {}, message).state is Delivery.DEFERRED
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / f".{MAIL.key}.part").mkdir()
    for _ in range(2):
        assert deliver("folder", {}, message).state is Delivery.DELIVERED
    found = {path.relative_to(tmp_path / "drop").as_posix() for path in (tmp_path / "drop").rglob("*")}
    names = ("message.txt", "message.html", "message.json", "alertas.csv")
    assert found == {MAIL.key, *(f"{MAIL.key}/{name}" for name in names)}
    assert (tmp_path / "drop" / MAIL.key / "alertas.csv").read_bytes() == MAIL.attachments[0].content
    with pytest.raises(DeliveryError, match="message.txt"):
        file = replace(MAIL.attachments[0], name="message.txt")
        deliver("folder", {}, replace(message, attachments=(file,)))


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        ("email", {"host": "x", "sender": "nobody"}, "sender is no address"),
        ("email", {"host": "x", "sender": "a@example.org", "user": "u"}, "user and password"),
        ("email", {"host": "x", "sender": "a@example.org", "tls": "none"}, "tls"),
        ("email", {"host": "x", "sender": "a@example.org", "ca_file": "/nowhere"}, "ca_file"),
        ("email", {"sender": "a@example.org"}, "host"),
        ("webhook", {"secret": SECRET, "sekret": "x"}, "sekret is not a known key"),
        ("telegram", {"token": "no-token"}, "token is none"),
        ("folder", {"mode": "x"}, "mode is not a known key"),
    ],
)
def test_settings_that_cannot_be_used_are_one_line(kind, settings, said):
    with pytest.raises(DeliveryError, match=said):
        channel_kind(kind).make(settings)
