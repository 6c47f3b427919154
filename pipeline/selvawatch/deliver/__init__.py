"""Messages out: `deliver` sends a `Message` by one of `CHANNELS` and gives back the channel's `Receipt`.

A channel knows no store. Who gets what (`subscriptions`, `selection`), what became of it
(`delivery_ledger`) and what is tried again (`dispatch`) know files by path and rows as they come.
"""

from selvawatch.deliver.channel import Attachment, Channel, Delivery, Message, Receipt
from selvawatch.deliver.channel_table import CHANNELS, ChannelKind, deliver

__all__ = ["CHANNELS", "Attachment", "Channel", "ChannelKind", "Delivery", "Message", "Receipt", "deliver"]
