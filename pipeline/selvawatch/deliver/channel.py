"""What every channel is: it takes a message and gives back a receipt."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from selvawatch.errors import DeliveryError

SUBJECT_CHARACTERS = 200
"""Longest subject, in characters."""
KEY_CHARACTERS = 128
"""Longest idempotency key, in characters."""
_DETAIL_CHARACTERS = 160
_ADDRESS = re.compile(r"[^\s<>]+@[^\s<>]+|\w+://\S+")


class Delivery(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    """The other side has it."""
    DEFERRED = "deferred"
    """It does not have it, and another try may do."""
    UNCERTAIN = "uncertain"
    """It may have it: the connection ended before an answer. Where the other side knows a key again
    (`ChannelKind.is_idempotent`) the same one may be sent again, else a person decides."""
    REFUSED = "refused"
    """It does not have it, and the same message again will not do; a person must look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    """File name that the reader sees, without a folder."""
    media_type: str
    content: bytes

    def __post_init__(self) -> None:
        """Refuse a name that is not a plain file name, or a media type without its slash."""
        if not self.name or set(self.name) & set("/\\") or not self.name.isprintable():
            raise DeliveryError("an attachment has no plain file name", got=repr(self.name))
        if self.media_type.count("/") != 1 or not self.media_type.isprintable():
            raise DeliveryError(
                "an attachment has no media type",
                where=self.name,
                got=repr(self.media_type),
                needed="type/subtype",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes to one recipient; its rows have passed the tiers before."""

    key: str
    """Idempotency key: equal keys are one message, however often it is sent; printable ASCII."""
    recipient: str = ""
    """Address in the channel's form; empty: the one that the channel was made for."""
    subject: str
    """One line."""
    text: str
    html: str = ""
    """The same for channels that show it; empty: none."""
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could be read as more than it is: several lines in a heading, a key that is none."""
        if (
            not self.key
            or not self.key.isascii()
            or not self.key.isprintable()
            or len(self.key) > KEY_CHARACTERS
        ):
            raise DeliveryError(
                "a message has no usable key",
                got=repr(self.key),
                needed=f"1 to {KEY_CHARACTERS} printable ASCII characters",
            )
        for name, line in (("subject", self.subject), ("recipient", self.recipient)):
            if line and not line.isprintable():
                raise DeliveryError(f"the {name} is not one printable line", where=self.key, got=repr(line))
        if not self.subject or len(self.subject) > SUBJECT_CHARACTERS:
            raise DeliveryError(
                "the subject has no usable length",
                where=self.key,
                got=f"{len(self.subject)} characters",
                needed=f"1 to {SUBJECT_CHARACTERS}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a channel says of a message."""

    state: Delivery
    reference: str = ""
    """Name that the other side gave the message; empty: none."""
    detail: str = ""
    """What a person needs to know, such as the reason of a refusal; holds no credential and no address."""
    wait_s: float = 0.0
    """Seconds that the other side asks to wait before another try; 0: it does not say."""
    blocked: bool = False
    """Whether the fault is the channel's and not the message's: a login, a certificate, a server that is
    down. Nothing else is tried by it for now."""


@runtime_checkable
class Channel(Protocol):
    """A way to send messages; made with its address and credentials, it reads no store."""

    def send(self, message: Message) -> Receipt:
        """What became of the message; `deferred` only where it is sure that nothing was delivered.

        Raises
        ------
        DeliveryError
            For a message that this channel cannot carry; nothing is sent then.
        """
        ...


def harmless(text: str, *hidden: str) -> str:
    """What another side said, on one printable line of at most 160 characters, without the texts that are to
    be hidden and without anything like an address.
    """
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "...", text, flags=re.IGNORECASE)
    text = _ADDRESS.sub("...", text)
    line = " ".join("".join(mark if mark.isprintable() else " " for mark in text[:2000]).split())
    return line if len(line) <= _DETAIL_CHARACTERS else f"{line[: _DETAIL_CHARACTERS - 3]}..."
