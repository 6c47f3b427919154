"""What every channel is: it takes a message and gives back a receipt."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from selvawatch.errors import DeliveryError

SUBJECT_CHARACTERS = 200
"""Longest subject, in characters."""
KEY_CHARACTERS = 128
"""Longest idempotency key, in characters."""


class Delivery(StrEnum):
    """What became of a message."""

    DELIVERED = "delivered"
    """The other side has it."""
    UNCERTAIN = "uncertain"
    """It may have it: the connection ended before an answer. The same key may be sent again."""
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
    """What a person needs to know, such as the reason of a refusal; holds no credential."""


@runtime_checkable
class Channel(Protocol):
    """A way to send messages; made with its address and credentials, it reads no clock and no store."""

    def send(self, message: Message) -> Receipt:
        """What became of the message; a message whose key was sent before is not delivered twice.

        Raises
        ------
        DeliveryError
            For a message that this channel cannot carry; nothing is sent then.
        """
        ...
