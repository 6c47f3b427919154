"""Whether the first bytes of a TIFF hold all of its header, so that it can be opened without another read."""

import struct

_WIDTHS = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""Bytes of a value by its TIFF type."""
_MOST_DIRECTORIES = 64


def holds_header(head: bytes) -> bool:
    """Whether every directory of a TIFF, and every list it points to but the blocks, lies in its first bytes.

    False also where it is no TIFF (classic or big, low end first).
    """
    try:
        return _holds(head)
    except (struct.error, KeyError):
        return False


def _holds(head: bytes) -> bool:
    if head[:4] == b"II*\0":
        count, entry, inline, pointer = struct.Struct("<H"), struct.Struct("<HHII"), 4, struct.Struct("<I")
        (first,) = pointer.unpack_from(head, 4)
    elif head[:8] == b"II+\0\x08\0\0\0":
        count, entry, inline, pointer = struct.Struct("<Q"), struct.Struct("<HHQQ"), 8, struct.Struct("<Q")
        (first,) = pointer.unpack_from(head, 8)
    else:
        return False
    for _ in range(_MOST_DIRECTORIES):
        if not first:
            return True
        (entries,) = count.unpack_from(head, first)
        begin = first + count.size
        end = begin + entries * entry.size
        if end + pointer.size > len(head):
            return False
        for _, kind, number, where in entry.iter_unpack(head[begin:end]):
            length = _WIDTHS[kind] * number
            if length > inline and where + length > len(head):
                return False
        (first,) = pointer.unpack_from(head, end)
    return False
