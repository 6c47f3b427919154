"""The one table of channels by name; none is there yet."""

from collections.abc import Callable, Mapping

from selvawatch.deliver.channel import Channel, Message, Receipt
from selvawatch.errors import DeliveryError

ChannelMaker = Callable[[Mapping[str, str]], Channel]
"""Makes a channel from its settings, text by name; DeliveryError for settings that it cannot use."""

CHANNELS: dict[str, ChannelMaker] = {}
"""Makers of channels by name: a new channel is a module here and an entry."""


def deliver(name: str, settings: Mapping[str, str], message: Message) -> Receipt:
    """Send a message by the channel of a name, made from its settings; what became of it.

    Raises
    ------
    DeliveryError
        For an unknown channel, settings it cannot use, or a message it cannot carry; nothing is sent then.
    """
    if name not in CHANNELS:
        raise DeliveryError(
            "unknown channel", got=name, needed=", ".join(sorted(CHANNELS)) or "none is there yet"
        )
    return CHANNELS[name](settings).send(message)
