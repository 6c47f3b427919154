"""Time stamps of a trusted third party (RFC 3161): the request for one, and what an answer must be."""

from selvawatch.errors import EvidenceError
from selvawatch.web.client import post
from selvawatch.web.retry import PassingError

_SHA256 = bytes.fromhex("0609608648016503040201")
"""Object identifier of SHA-256 (RFC 5754), in DER."""
_GRANTED = (0, 1)
"""Statuses of an answer that holds a stamp: granted, and granted with changes (RFC 3161, section 2.4.2)."""
_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
TIMEOUT_S = 30.0


def stamp(sha256: bytes, address: str, private_host: str = "") -> bytes:
    """The answer of a time-stamping authority over a digest, DER, as `openssl ts -verify -in` takes it.

    sha256: 32 bytes. address: of the authority. private_host: the host where a person named it, so that it
    may lie in the local network.

    Raises
    ------
    EvidenceError
        Where the authority does not answer, refuses, or stamps another digest.
    """
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    try:
        answer = post(
            address, request_of(sha256), headers=headers, timeout_s=TIMEOUT_S, private_host=private_host
        )
    except (PassingError, OSError) as error:
        raise EvidenceError(
            "the time-stamping authority does not answer", where=address, got=error, do="try again later"
        ) from error
    if answer.status != 200:
        raise EvidenceError(
            "the time-stamping authority refuses", where=address, got=f"status {answer.status}"
        )
    status = _status(answer.body, address)
    if status not in _GRANTED:
        raise EvidenceError("the time-stamping authority refuses", where=address, got=f"PKIStatus {status}")
    if _der(_OCTETS, sha256) not in answer.body:
        raise EvidenceError("the time stamp is of another digest", where=address, needed=sha256.hex()[:12])
    return answer.body


def request_of(sha256: bytes) -> bytes:
    """A TimeStampReq over a digest (RFC 3161, section 2.4.1), DER; it asks for the certificate too."""
    algorithm = _der(_SEQUENCE, _SHA256 + b"\x05\x00")
    imprint = _der(_SEQUENCE, algorithm + _der(_OCTETS, sha256))
    return _der(_SEQUENCE, _der(_INTEGER, b"\x01") + imprint + b"\x01\x01\xff")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _status(body: bytes, address: str) -> int:
    """PKIStatus of a TimeStampResp; EvidenceError for what is none."""
    try:
        for _ in range(2):
            tag, content = _opened(body)
            if tag != _SEQUENCE:
                raise ValueError(f"tag {tag}")
            body = content
        tag, content = _opened(body)
        if tag != _INTEGER or not content:
            raise ValueError(f"tag {tag}")
        return int.from_bytes(content, "big")
    except (ValueError, IndexError) as error:
        raise EvidenceError("the answer is no time stamp", where=address, got=error) from error


def _opened(body: bytes) -> tuple[int, bytes]:
    """Tag and content of the first DER value."""
    tag, size, begin = body[0], body[1], 2
    if size & 0x80:
        count = size & 0x7F
        size, begin = int.from_bytes(body[2 : 2 + count], "big"), 2 + count
    if begin + size > len(body):
        raise ValueError("it is cut short")
    return tag, body[begin : begin + size]
