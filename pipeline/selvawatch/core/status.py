"""What a pixel or an event can be, how sure that is, and which moves between statuses are legal."""

from enum import IntEnum


class Status(IntEnum):
    """State of a monitored pixel or of an event; the codes of the `status` layer."""

    NONE = 0
    """No sign of loss."""
    PROVISIONAL = 1
    """Evidence passed the first threshold, and is of the kind that is confirmed more often than not."""
    CONFIRMED = 2
    """Enough evidence on at least two separate days."""
    WITHDRAWN = 3
    """Was provisional; later observations spoke for forest, or it expired. Reported with its reason, never
    deleted.
    """
    CLOSED = 4
    """Confirmed long ago and no longer growing."""
    DIEBACK = 6
    """Fell far, but slowly and together with its neighbours, as dying bamboo does: no alert. It may still be
    confirmed where it falls at once. The code 5 is a pixel's in the state that nobody is told of."""
    NODATA = 255
    """Not monitored; the `reason` layer says why."""


MOVES: dict[Status, frozenset[Status]] = {
    Status.NONE: frozenset({Status.PROVISIONAL, Status.CONFIRMED, Status.NODATA, Status.DIEBACK}),
    Status.DIEBACK: frozenset({Status.NONE, Status.PROVISIONAL, Status.CONFIRMED, Status.NODATA}),
    Status.PROVISIONAL: frozenset({Status.CONFIRMED, Status.WITHDRAWN}),
    Status.CONFIRMED: frozenset({Status.CLOSED}),
    Status.WITHDRAWN: frozenset({Status.PROVISIONAL}),
    Status.CLOSED: frozenset(),
    Status.NODATA: frozenset(),
}
"""Every legal move; staying is always legal."""


class Confidence(IntEnum):
    """How sure; the digits are those of the integrated-alert encoding (2 low, 3 high, 4 highest)."""

    NONE = 0
    LOW = 2
    """Provisional."""
    HIGH = 3
    """Confirmed by one accumulator."""
    HIGHEST = 4
    """Confirmed by optical and by radar."""


class Reason(IntEnum):
    """Why a pixel is not monitored; the codes of the `reason` layer."""

    MONITORED = 0
    NOT_FOREST = 1
    """The history (or the forest mask) says it was no forest."""
    SHORT_HISTORY = 2
    """Too few clear observations in the history, and no fallback applies."""
    UNSTABLE_HISTORY = 3
    """The history holds a break or too much noise."""
    NEVER_CLEAR = 4
    """Not one clear observation in the history."""
    OUTSIDE = 5
    """Outside every scene or outside the area."""
    LOST_BEFORE = 6
    """Its loss was first seen before the monitoring began; the `onset` layer says when."""
