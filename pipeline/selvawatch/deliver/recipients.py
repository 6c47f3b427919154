"""What stands for a recipient in a ledger: a digest with a key that lies beside the subscriptions."""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from selvawatch.core.files import read_sealed, write_sealed
from selvawatch.errors import DamagedError, DeliveryError

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """The key that recipients are digested with."""

    key: bytes = field(repr=False)

    @property
    def check(self) -> str:
        """What tells the key from others, hex; a ledger keeps it."""
        return self.of("", "")

    def of(self, kind: str, recipient: str) -> str:
        """The digest (hex) of a recipient of a kind of channel; letter case of an address is nothing."""
        plain = recipient.lower() if kind == "email" else recipient
        return hmac.new(self.key, f"{kind}\0{plain}".encode(), hashlib.sha256).hexdigest()


def key_path(subscriptions: Path) -> Path:
    """Where the key of a file of subscriptions lies: hidden beside it."""
    return subscriptions.with_name(f".{subscriptions.name}.key")


def recipient_key(subscriptions: Path, *, begun: str, keep: bool = True) -> RecipientKey:
    """The key beside a file of subscriptions, drawn where there is none.

    begun: `RecipientKey.check` of the key that the ledger was begun with; empty: it is begun now. keep: a
    key that was drawn is written down.

    Raises
    ------
    DeliveryError
        When the key is gone, damaged, or not the one that the ledger was begun with: every recipient would be
        a new one, and get everything again.
    """
    path = key_path(subscriptions)
    if path.exists():
        try:
            found = RecipientKey(read_sealed(path))
        except DamagedError as error:
            raise DeliveryError(str(error), do="restore it from a copy") from None
    elif begun:
        raise DeliveryError(
            "the key of recipients is gone", where=path, do="restore it: without it all would be sent again"
        )
    else:
        found = RecipientKey(secrets.token_bytes(KEY_BYTES))
        if keep:
            write_sealed(path, found.key, private=True)
            os.chmod(path, 0o600)  # noqa: PTH101
    if begun and not hmac.compare_digest(found.check, begun):
        raise DeliveryError(
            "the key of recipients is another than the ledger was begun with",
            where=path,
            do="restore it, or give the subscriptions that belong to this store",
        )
    return found
