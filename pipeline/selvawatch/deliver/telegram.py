"""The channel `telegram`: one text a message by the Bot API (https://core.telegram.org/bots/api#sendmessage).

The API knows no idempotency key, so that a message whose answer is lost is `uncertain`. Files do not go.
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from selvawatch.deliver.channel import Delivery, Message, Receipt, harmless
from selvawatch.deliver.channel_settings import settings_of
from selvawatch.errors import DeliveryError
from selvawatch.web.addresses import remote
from selvawatch.web.client import Answer, post
from selvawatch.web.limits import AnswerLimits, parsed_json
from selvawatch.web.retry import (
    PassingError,
    RetryRule,
    StatusError,
    UnreachableError,
    UnsentError,
    retried,
)
from selvawatch.web.throttle import wait_gap

LONGEST_TEXT = 4096
"""Most characters of a text, counted as UTF-16 units as Telegram does (`sendMessage`)."""
GAP_S = 0.05
"""Seconds between two messages: about 30 a second are let through
(https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this)."""
RULE = RetryRule(tries=3, longest_wait_s=20.0, statuses=(429,))
"""How a message that was surely not accepted is tried again within one attempt; what asks for a longer wait
waits for the next."""
LIMITS = AnswerLimits(received_bytes=100_000, content_bytes=100_000)
"""The most that is read of an answer."""
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{20,100}")
_CHAT = re.compile(r"-?\d{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")
_TOO_MANY, _TOKEN_REFUSED, _SERVER = 429, (401, 404), 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TelegramSettings:
    """A bot."""

    token: str = field(repr=False)
    """Token that BotFather gave."""
    api: str = "https://api.telegram.org"
    """Address of the Bot API."""
    private_host: str = ""
    """Host of the API, where it is one's own server in the local network."""
    timeout_s: float = 30.0
    """Seconds without a byte after which a connection is given up."""

    def __post_init__(self) -> None:
        """Refuse a token that is none, and an API that the token may not be sent to."""
        if not _TOKEN.fullmatch(self.token):
            raise ValueError("token is none of a bot")
        try:
            remote(self.api, self.private_host)
        except ValueError as error:
            raise ValueError(f"api: {error}; name a host of the local network as private_host") from None
        if urlsplit(self.api).scheme != "https" and not self.private_host:
            raise ValueError("api: the token goes over no plain http")
        if not 0 < self.timeout_s <= 600:
            raise ValueError("timeout_s is not from 0 to 600")


def check_telegram(settings: Mapping[str, str], recipient: str, exact: bool) -> None:
    """Refuse a recipient that is no chat, and exact places over plain http; DeliveryError without it.

    exact: whether messages hold what only the restricted tier may see.
    """
    if not _CHAT.fullmatch(recipient):
        raise DeliveryError("the recipient is no chat", needed="the number of a chat, or @channel")
    if exact and not settings.get("api", "https:").startswith("https:"):
        raise DeliveryError("the restricted tier goes over no plain http", got="http", needed="https")


def make_telegram(values: Mapping[str, str]) -> "TelegramChannel":
    """The channel of these settings; DeliveryError for settings that cannot be used."""
    _hush()
    return TelegramChannel(settings_of(TelegramSettings, values, "telegram"))


def units_of(text: str) -> int:
    """Length of a text as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


@dataclass(frozen=True, slots=True)
class TelegramChannel:
    """A way to send texts as a bot."""

    settings: TelegramSettings

    def send(self, message: Message) -> Receipt:
        """What became of the message.

        Raises
        ------
        DeliveryError
            For files, or a text that is too long; nothing is sent then.
        """
        if message.attachments:
            raise DeliveryError(
                "this channel carries no files", got=f"{len(message.attachments)}", needed="none"
            )
        if (units := units_of(message.text)) > LONGEST_TEXT:
            raise DeliveryError("the text is too long", got=units, needed=f"at most {LONGEST_TEXT}")
        hidden = (self.settings.token, message.recipient)
        try:
            return retried(lambda: self._attempt(message, hidden), RULE)
        except OSError as error:
            busy = isinstance(error, UnreachableError) and error.status == _TOO_MANY
            said = harmless(str(error), *hidden)
            return Receipt(state=Delivery.DEFERRED, detail=said, blocked=not busy)

    def _attempt(self, message: Message, hidden: tuple[str, ...]) -> Receipt:
        """What became of one POST; only what was surely not sent, or refused for now, is raised."""
        settings = self.settings
        wait_gap(urlsplit(settings.api).netloc, GAP_S)
        values = {
            "chat_id": message.recipient,
            "text": message.text,
            "link_preview_options": {"is_disabled": True},
        }
        try:
            answer = post(
                f"{settings.api.rstrip('/')}/bot{settings.token}/sendMessage",
                json.dumps(values, ensure_ascii=False).encode(),
                headers={"Content-Type": "application/json"},
                timeout_s=settings.timeout_s,
                private_host=settings.private_host,
                limits=LIMITS,
            )
        except UnsentError:
            raise
        except PassingError as error:
            said = harmless(f"the answer is lost: {error}", *hidden)
            return Receipt(state=Delivery.UNCERTAIN, detail=said)
        receipt = _receipt(answer, hidden)
        if answer.status == _TOO_MANY and receipt.wait_s <= RULE.longest_wait_s:
            raise StatusError(answer.status, str(math.ceil(receipt.wait_s)), receipt.detail)
        return receipt


def _receipt(answer: Answer, hidden: tuple[str, ...]) -> Receipt:
    """What an answer makes of a message."""
    values = _values(answer.body)
    why = values.get("description")
    said = harmless(f"Telegram answers {answer.status} {why if isinstance(why, str) else ''}", *hidden)
    if answer.status // 100 == 2:
        result = values.get("result")
        number = result.get("message_id", "") if isinstance(result, dict) else ""
        return Receipt(state=Delivery.DELIVERED, reference=f"message {number}"[:40])
    if answer.status == _TOO_MANY:
        return Receipt(state=Delivery.DEFERRED, detail=said, wait_s=_wait(values, answer))
    if answer.status in _TOKEN_REFUSED:
        return Receipt(state=Delivery.DEFERRED, detail=said, blocked=True)
    if answer.status >= _SERVER:
        return Receipt(state=Delivery.UNCERTAIN, detail=said)
    return Receipt(state=Delivery.REFUSED, detail=said)


def _wait(values: Mapping[str, Any], answer: Answer) -> float:
    """Seconds that Telegram asks to wait, a day at most; a second where it does not say."""
    parameters = values.get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    known = isinstance(asked, int | float) and not isinstance(asked, bool) and asked >= 0
    return min(86_400.0, max(1.0, answer.requested_s, float(asked) if known else 0.0))  # type: ignore[arg-type]


def _values(body: bytes) -> dict[str, Any]:
    try:
        values = parsed_json(body, LIMITS)
    except (ValueError, OSError):
        return {}
    return values if isinstance(values, dict) else {}


class _Tokenless(logging.Filter):
    """Keeps tokens out of what the web client logs: the API has them in its addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "/bot" in text:
            record.msg, record.args = re.sub(r"/bot[^/\s]+", "/bot...", text), ()
        return True


_filter = _Tokenless()


def _hush() -> None:
    logging.getLogger("urllib3.connectionpool").addFilter(_filter)
