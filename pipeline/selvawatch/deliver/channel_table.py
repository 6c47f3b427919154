"""The one table of channels by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selvawatch.deliver.channel import Channel, Message, Receipt
from selvawatch.deliver.folder_drop import check_folder, make_folder
from selvawatch.deliver.mail import check_mail, make_mail
from selvawatch.deliver.telegram import check_telegram, make_telegram
from selvawatch.deliver.webhook import check_webhook, make_webhook
from selvawatch.errors import DeliveryError

ChannelMaker = Callable[[Mapping[str, str]], Channel]
"""Makes a channel from its settings, text by name; DeliveryError for settings that it cannot use."""

RecipientCheck = Callable[[Mapping[str, str], str, bool], None]
"""Refuses a recipient by DeliveryError, by the channel's settings; the flag says whether messages hold exact
places of the restricted tier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelKind:
    """A kind of channel."""

    make: ChannelMaker
    check: RecipientCheck
    is_idempotent: bool = False
    """Whether the other side knows a key that it has, so that it may be sent again without harm."""
    carries_files: bool = True


CHANNELS: dict[str, ChannelKind] = {
    "email": ChannelKind(make=make_mail, check=check_mail),
    "webhook": ChannelKind(make=make_webhook, check=check_webhook, is_idempotent=True),
    "telegram": ChannelKind(make=make_telegram, check=check_telegram, carries_files=False),
    "folder": ChannelKind(make=make_folder, check=check_folder, is_idempotent=True),
}
"""Kinds of channel by name: a new one is a module here and an entry."""


def deliver(name: str, settings: Mapping[str, str], message: Message) -> Receipt:
    """Send a message by the channel of a name, made from its settings; what became of it.

    Raises
    ------
    DeliveryError
        For an unknown channel, settings it cannot use, or a message it cannot carry; nothing is sent then.
    """
    return channel_kind(name).make(settings).send(message)


def channel_kind(name: str) -> ChannelKind:
    """The kind of channel of a name; DeliveryError, with the known ones, where there is none."""
    if name not in CHANNELS:
        raise DeliveryError("unknown channel", got=name, needed=", ".join(sorted(CHANNELS)))
    return CHANNELS[name]
