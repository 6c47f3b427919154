"""The seam for channels: what messages may be, and a channel made up by the recipe."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from selvawatch.deliver import (
    CHANNELS,
    Attachment,
    Channel,
    ChannelKind,
    Delivery,
    Message,
    Receipt,
    deliver,
)
from selvawatch.errors import DeliveryError

MESSAGE = Message(
    key="run-1/es/bulletin",
    recipient="brigade",
    subject="Boletín de alertas",
    text="3 alertas nuevas",
    attachments=(Attachment(name="alertas.gpx", media_type="application/gpx+xml", content=b"<gpx/>"),),
)


@dataclass(slots=True)
class Pigeonhole:
    """A channel as the recipe of CONTRIBUTING makes one: it keeps each message once ..."""

    rooms: frozenset[str]
    kept: dict[str, Message] = field(default_factory=dict)

    def send(self, message: Message) -> Receipt:
        if message.recipient not in self.rooms:
            return Receipt(state=Delivery.REFUSED, detail=f"nobody called {message.recipient}")
        self.kept.setdefault(message.key, message)
        return Receipt(state=Delivery.DELIVERED, reference=str(len(self.kept)))


HOLES: dict[str, Pigeonhole] = {}


def make_pigeonhole(settings: Mapping[str, str]) -> Pigeonhole:
    """... a maker ..."""
    if "rooms" not in settings:
        raise DeliveryError("the pigeonhole has no rooms", needed="rooms")
    return HOLES.setdefault(settings["rooms"], Pigeonhole(frozenset(settings["rooms"].split())))


def check_room(settings: Mapping[str, str], recipient: str, exact: bool) -> None:
    """... and what it may be sent to, which make the entry in the table."""
    if recipient not in settings["rooms"].split() or exact:
        raise DeliveryError("the recipient is no room")


@pytest.fixture
def settings(monkeypatch):
    kind = ChannelKind(make=make_pigeonhole, check=check_room, is_idempotent=True)
    monkeypatch.setitem(CHANNELS, "pigeonhole", kind)
    HOLES.clear()
    return {"rooms": "brigade office"}


def test_a_channel_made_up_by_the_recipe_delivers_a_message_once(settings):
    first, again = (deliver("pigeonhole", settings, MESSAGE) for _ in range(2))
    assert first == again == Receipt(state=Delivery.DELIVERED, reference="1")
    hole = HOLES["brigade office"]
    assert isinstance(hole, Channel) and hole.kept == {MESSAGE.key: MESSAGE}


def test_a_refusal_is_a_receipt_with_its_reason_and_settings_that_do_not_do_are_an_error(settings):
    receipt = deliver("pigeonhole", settings, replace(MESSAGE, recipient="nobody"))
    assert (receipt.state, receipt.detail) == (Delivery.REFUSED, "nobody called nobody")
    assert HOLES["brigade office"].kept == {}
    with pytest.raises(DeliveryError, match="no rooms"):
        deliver("pigeonhole", {}, MESSAGE)


def test_an_unknown_channel_is_refused_with_the_known_ones(settings):
    with pytest.raises(DeliveryError, match="unknown channel; got telegraph; needed .*pigeonhole"):
        deliver("telegraph", settings, MESSAGE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"key": ""}, "key"),
        ({"key": "a\r\nb"}, "key"),
        ({"key": "ñ"}, "key"),
        ({"key": "k" * 129}, "128"),
        ({"subject": ""}, "0 characters"),
        ({"subject": "s" * 201}, "201 characters"),
        ({"subject": "a\r\nBcc: all@example.org"}, "subject"),
        ({"subject": "abc\u202etxt"}, "subject"),
        ({"recipient": "a@example.org\nb@example.org"}, "recipient"),
    ],
)
def test_a_message_that_could_be_read_as_more_than_it_is_is_refused(changes, message):
    with pytest.raises(DeliveryError, match=message):
        replace(MESSAGE, **changes)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("", "text/plain"),
        ("../a.txt", "text/plain"),
        ("a\\b", "text/plain"),
        ("a\nb", "text/plain"),
        ("a", "text"),
    ],
)
def test_an_attachment_needs_a_plain_name_and_a_media_type(name, media_type):
    with pytest.raises(DeliveryError, match="attachment"):
        Attachment(name=name, media_type=media_type, content=b"")


def test_four_channels_are_there_and_the_package_knows_no_store():
    assert list(CHANNELS) == ["email", "webhook", "telegram", "folder"]
    assert [name for name, kind in CHANNELS.items() if kind.is_idempotent] == ["webhook", "folder"]
    lines = "import sys, selvawatch.deliver; print([m for m in sys.modules if m.startswith('selvawatch.')])"
    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout
    assert "selvawatch.deliver.channel" in loaded
    assert not [name for name in ("store", "steps", "write") if f"'selvawatch.{name}" in loaded]
