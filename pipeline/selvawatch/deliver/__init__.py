"""Messages out: `deliver` sends a `Message` by one of `CHANNELS` and gives back the channel's `Receipt`.

A channel knows no store. Who gets what, the ledger of deliveries and their retries are a use case above.
"""

from selvawatch.deliver.channel import Attachment, Channel, Delivery, Message, Receipt
from selvawatch.deliver.channel_table import CHANNELS, deliver

__all__ = ["CHANNELS", "Attachment", "Channel", "Delivery", "Message", "Receipt", "deliver"]
