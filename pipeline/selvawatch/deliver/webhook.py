"""The channel `webhook`: one signed POST a message, in the form of Standard Webhooks.

The signature is HMAC-SHA256 over id, timestamp and body; `webhook-id` is the message's key, and so is
`Idempotency-Key` (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

import base64
import binascii
import hashlib
import hmac
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from selvawatch.deliver.channel import Delivery, Message, Receipt, harmless
from selvawatch.deliver.channel_settings import settings_of
from selvawatch.errors import DeliveryError
from selvawatch.web.addresses import remote
from selvawatch.web.client import Answer, post
from selvawatch.web.limits import AnswerLimits
from selvawatch.web.retry import (
    PassingError,
    RetryRule,
    StatusError,
    UnreachableError,
    UnsentError,
    is_passing,
    retried,
)

RULE = RetryRule(tries=3, longest_wait_s=20.0)
"""How a POST is tried again within one attempt; what asks for a longer wait waits for the next."""
LIMITS = AnswerLimits(received_bytes=100_000, content_bytes=100_000)
"""The most that is read of an answer."""
LEAST_SECRET_BYTES = 24
"""Bytes of a secret at least, as Standard Webhooks has it."""
_PREFIX = "whsec_"
_UNAUTHORISED = (401, 403)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """How a receiver knows that a message is ours."""

    secret: str = field(repr=False)
    """Secret that messages are signed with: `whsec_` and base64, or a text of 24 bytes or more."""
    private_host: str = ""
    """Host of recipients that lie in the local network; empty: none does."""
    timeout_s: float = 30.0
    """Seconds without a byte after which a connection is given up."""

    def __post_init__(self) -> None:
        """Refuse a secret that is short, or not what it is marked as."""
        if len(self.secret_bytes) < LEAST_SECRET_BYTES:
            raise ValueError(f"secret has fewer than {LEAST_SECRET_BYTES} bytes")
        if not 0 < self.timeout_s <= 600:
            raise ValueError("timeout_s is not from 0 to 600")

    @property
    def secret_bytes(self) -> bytes:
        """The secret that signatures are made with."""
        if not self.secret.startswith(_PREFIX):
            return self.secret.encode()
        try:
            return base64.b64decode(self.secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            raise ValueError(f"secret begins with {_PREFIX} and goes on in no base64") from None


def check_webhook(settings: Mapping[str, str], recipient: str, exact: bool) -> None:
    """Refuse an address that may not be asked, and exact places over plain http; DeliveryError without it.

    exact: whether messages hold what only the restricted tier may see.
    """
    try:
        remote(recipient, settings.get("private_host", ""))
    except ValueError as error:
        raise DeliveryError(
            f"the recipient may not be asked: {error}", do="name a host of the local network as private_host"
        ) from None
    if exact and urlsplit(recipient).scheme != "https":
        raise DeliveryError("the restricted tier goes over no plain http", got="http", needed="https")


def make_webhook(values: Mapping[str, str]) -> "WebhookChannel":
    """The channel of these settings; DeliveryError for settings that cannot be used."""
    return WebhookChannel(settings_of(WebhookSettings, values, "webhook"))


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """A way to POST messages to an address."""

    settings: WebhookSettings

    def send(self, message: Message) -> Receipt:
        """What became of the message; a receiver that keeps to the standard drops a key that it has."""
        lost: list[str] = []
        try:
            answer = retried(lambda: self._attempt(message, lost), RULE)
        except UnreachableError as error:
            state = Delivery.UNCERTAIN if lost and error.status is None else Delivery.DEFERRED
            return Receipt(state=state, detail=harmless(str(error), message.recipient))
        except OSError as error:
            return Receipt(state=Delivery.REFUSED, detail=harmless(str(error), message.recipient))
        return _receipt(answer, message.recipient)

    def _attempt(self, message: Message, lost: list[str]) -> Answer:
        """One signed POST; where its answer is lost, that is noted."""
        body = _body(message)
        stamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": message.key,
            "webhook-id": message.key,
            "webhook-timestamp": stamp,
            "webhook-signature": signature(self.settings.secret_bytes, message.key, stamp, body),
        }
        settings = self.settings
        try:
            answer = post(
                message.recipient,
                body,
                headers=headers,
                timeout_s=settings.timeout_s,
                private_host=settings.private_host,
                limits=LIMITS,
            )
        except UnsentError:
            raise
        except PassingError as error:
            lost.append(str(error))
            raise
        if is_passing(answer.status, RULE) and answer.requested_s <= RULE.longest_wait_s:
            raise StatusError(answer.status, str(math.ceil(answer.requested_s)))
        return answer


def signature(secret: bytes, key: str, stamp: str, body: bytes) -> str:
    """The header `webhook-signature` of a body that is sent under a key at a timestamp (seconds)."""
    digest = hmac.new(secret, f"{key}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _body(message: Message) -> bytes:
    """The message as JSON; equal messages give equal bytes."""
    values = {
        "type": "selvawatch.message",
        "key": message.key,
        "subject": message.subject,
        "text": message.text,
        "html": message.html,
        "files": [
            {
                "name": file.name,
                "media_type": file.media_type,
                "base64": base64.b64encode(file.content).decode(),
            }
            for file in message.attachments
        ],
    }
    return json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _receipt(answer: Answer, recipient: str) -> Receipt:
    if answer.status // 100 == 2:
        return Receipt(state=Delivery.DELIVERED, reference=f"status {answer.status}")
    said = harmless(f"the receiver answers {answer.status}", recipient)
    if is_passing(answer.status, RULE) or answer.status in _UNAUTHORISED:
        return Receipt(state=Delivery.DEFERRED, detail=said, wait_s=answer.requested_s)
    return Receipt(state=Delivery.REFUSED, detail=said)
