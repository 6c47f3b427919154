"""Codes of the true causes of loss; names are those of the events table."""

from enum import IntEnum


class Cause(IntEnum):
    """Code in the truth raster `cause`; the lower-case name is the event cause."""

    NONE = 0
    MINING = 1
    AGRICULTURE = 2
    ROAD = 3
    RIVER = 4
    NATURAL = 5
