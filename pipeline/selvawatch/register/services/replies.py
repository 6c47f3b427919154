"""Replies of services: what they may cost, and what they say as JSON or as the report of a refusal."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from selvawatch.errors import SourceError
from selvawatch.web.limits import AnswerLimits, LimitError, parsed_json
from selvawatch.web.retry import PassingError

_FILE_BYTES = 256_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Most that one layer may cost: many times what the layers of a country do."""

    reply: AnswerLimits = field(default_factory=lambda: AnswerLimits(seconds=25.0, slowest=20_000.0))
    """Of one reply with features."""
    file: AnswerLimits = field(
        default_factory=lambda: AnswerLimits(
            received_bytes=_FILE_BYTES, content_bytes=_FILE_BYTES, seconds=25.0, slowest=20_000.0
        )
    )
    """Of a file."""
    vertices: int = 4_000_000
    """Of all features of a layer."""
    text_bytes: int = 128_000_000
    """Of the attributes of all features."""
    features: int = 150_000
    spare_requests: int = 64
    """Requests beyond those that a layer of its size needs."""
    request_s: float = 45.0
    """Seconds that all tries of one request may last, waits that a service asks for not counted."""


class TooLargeError(SourceError):
    """A reply beyond the limits: a smaller piece of the layer may pass."""


_EXCEPTION = re.compile(rb"<(?:\w+:)?(?:ExceptionText|ServiceException)\b[^>]*>(.{0,2000}?)</", re.DOTALL)


def json_reply(body: bytes, limits: AnswerLimits) -> Any:
    """What a reply says as JSON.

    Raises
    ------
    PassingError
        Where it is no JSON, which half a reply is not.
    TooLargeError
        Where it holds more than it may.
    SourceError
        Where it never can be read, or is the report of a refusal in XML.
    """
    if (found := _EXCEPTION.search(body[:100_000])) is not None:
        text = re.sub(r"<[^>]*>", " ", found[1].decode("utf-8", "replace"))
        raise SourceError("the service refuses", got=text[:300])
    try:
        return parsed_json(body, limits)
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise PassingError(f"the answer is no JSON: {body[:60]!r}") from None
    except LimitError as error:
        raise TooLargeError("the answer is more than it may be", got=error) from None
    except ValueError:
        raise SourceError("the answer holds a number too long to be one") from None
