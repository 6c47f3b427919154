"""How patches grow, pixel by pixel in the order of their detection: compiled walks over pixels that touch."""

import numba as nb
import numpy as np

_I4 = "int32[::1]"
_TABLE = "int32[:,::1]"


@nb.njit(f"int32({_I4}, int32)", nogil=True, cache=True)
def _leader(parent: np.ndarray, pixel: int) -> int:
    """The pixel that stands for a pixel's set; paths are halved on the way."""
    while parent[pixel] != pixel:
        parent[pixel] = parent[parent[pixel]]
        pixel = parent[pixel]
    return pixel


@nb.njit(
    f"void({_I4}, {_TABLE}, {_I4}, {_I4}, boolean[::1], int64, int64, int64, {_I4})", nogil=True, cache=True
)
def grow(
    order: np.ndarray,
    touching: np.ndarray,
    detected: np.ndarray,
    onset: np.ndarray,
    sure: np.ndarray,
    gap: int,
    close_after: int,
    support: int,
    patch: np.ndarray,
) -> None:
    """Join pixels to patches in the order of their detection; `patch` becomes a pixel of each one's patch.

    A pixel joins those it touches whose onset is at most `gap` days from its own. A patch with `support` sure
    pixels that has not grown for more than `close_after` days when a pixel is detected is closed, and nothing
    joins it any more.

    order: (m,) positions of the live pixels, by day of detection, row and column. touching: (n, 8) int32,
    -1 = none. detected, onset: (n,) days, sure: (n,) bool. patch: (n,) int32, -1 for pixels not in `order`.
    """
    parent = np.full(patch.size, -1, np.int32)
    newest, held = onset.copy(), np.zeros(patch.size, np.int32)
    for number in range(order.size):
        pixel = order[number]
        parent[pixel] = pixel
        held[pixel] = 1 if sure[pixel] else 0
        for side in range(8):
            other = touching[pixel, side]
            if other < 0 or parent[other] < 0 or abs(onset[pixel] - onset[other]) > gap:
                continue
            mine, theirs = _leader(parent, pixel), _leader(parent, other)
            if mine == theirs:
                continue
            closed = held[theirs] >= support and detected[pixel] - newest[theirs] > close_after
            closed |= mine != pixel and held[mine] >= support and detected[pixel] - newest[mine] > close_after
            if not closed:
                parent[mine] = theirs
                newest[theirs] = max(newest[theirs], newest[mine])
                held[theirs] += held[mine]
    for number in range(order.size):
        patch[order[number]] = _leader(parent, order[number])


@nb.njit(f"void({_I4}, {_TABLE}, boolean[:,::1], {_I4}, boolean[::1], boolean[::1])", nogil=True, cache=True)
def withhold(
    order: np.ndarray,
    touching: np.ndarray,
    linked: np.ndarray,
    detected: np.ndarray,
    guarded: np.ndarray,
    withheld: np.ndarray,
) -> None:
    """Find the pixels that lie on guarded ground, or joined a patch on or after the day on which it had one.

    order: (n,) positions by day of detection. touching, linked: as for `spread`. detected: (n,) days.
    guarded: (n,) bool. withheld: (n,) bool, written.
    """
    parent = np.full(order.size, -1, np.int32)
    flagged = np.zeros(order.size, np.bool_)
    begin = 0
    while begin < order.size:
        end = begin
        while end < order.size and detected[order[end]] == detected[order[begin]]:
            pixel = order[end]
            parent[pixel], flagged[pixel] = pixel, guarded[pixel]
            end += 1
        for number in range(begin, end):
            pixel = order[number]
            for side in range(8):
                other = touching[pixel, side]
                if other < 0 or parent[other] < 0 or not linked[pixel, side]:
                    continue
                mine, theirs = _leader(parent, pixel), _leader(parent, other)
                if mine != theirs:
                    parent[mine] = theirs
                    flagged[theirs] = flagged[theirs] or flagged[mine]
        for number in range(begin, end):
            withheld[order[number]] = flagged[_leader(parent, order[number])]
        begin = end


@nb.njit(f"void({_I4}, {_TABLE}, boolean[:,::1], boolean[::1], {_I4})", nogil=True, cache=True)
def spread(
    first: np.ndarray, touching: np.ndarray, linked: np.ndarray, free: np.ndarray, event: np.ndarray
) -> None:
    """Give free pixels the event that reaches them in fewest steps; of several the one first in `first`.

    first: (m,) positions of the pixels of events, in order of precedence. touching: (n, 8) int32; linked:
    (n, 8) bool, whether each of these belongs with the pixel. free: (n,) bool. event: (n,) int32, -1 = none.
    """
    queue = np.empty(event.size, np.int32)
    count = first.size
    queue[:count] = first
    head = 0
    while head < count:
        pixel = queue[head]
        head += 1
        for side in range(8):
            other = touching[pixel, side]
            if other >= 0 and linked[pixel, side] and free[other] and event[other] < 0:
                event[other] = event[pixel]
                queue[count] = other
                count += 1


@nb.njit(
    f"void({_I4}, {_TABLE}, boolean[:,::1], {_I4}, {_I4}, int64, {_I4}, boolean[::1])",
    nogil=True,
    cache=True,
)
def descend(
    order: np.ndarray,
    touching: np.ndarray,
    linked: np.ndarray,
    detected: np.ndarray,
    event: np.ndarray,
    least: int,
    root: np.ndarray,
    ended: np.ndarray,
) -> None:
    """Find the pixel that each event is named by, and those that parts of it were named by before they met.

    Parts grow in the order of detection. Where two meet, the one that was large enough for an event on an
    earlier day, else the one that was detected first, gives its pixel to both; the other's pixel has `ended`
    if it too was large enough.

    order: (m,) positions by day of detection, row and column. touching, linked: as for `spread`. detected:
    (n,) days. event: (n,) int32, -1 = none. least: pixels of the smallest event. root: (events,) int32
    positions, written. ended: (n,) bool, written.
    """
    never = np.int32(2**31 - 1)
    parent = np.full(event.size, -1, np.int32)
    name, rank, size = parent.copy(), parent.copy(), np.zeros(event.size, np.int32)
    large_on = np.full(event.size, never, np.int32)
    for number in range(order.size):
        pixel = order[number]
        if event[pixel] < 0:
            continue
        day = detected[pixel]
        parent[pixel], name[pixel], rank[pixel], size[pixel] = pixel, pixel, number, 1
        if least <= 1:
            large_on[pixel] = day
        for side in range(8):
            other = touching[pixel, side]
            if other < 0 or parent[other] < 0 or event[other] != event[pixel] or not linked[pixel, side]:
                continue
            mine, theirs = _leader(parent, pixel), _leader(parent, other)
            if mine == theirs:
                continue
            large, large_there = large_on[mine] < day, large_on[theirs] < day
            first = rank[name[mine]] < rank[name[theirs]]
            stays = mine if (large and not large_there) or (large == large_there and first) else theirs
            goes = theirs if stays == mine else mine
            if large and large_there:
                ended[name[goes]] = True
            parent[goes] = stays
            size[stays] += size[goes]
            large_on[stays] = min(large_on[stays], large_on[goes])
            if size[stays] >= least and large_on[stays] == never:
                large_on[stays] = day
    root[:] = -1
    for number in range(order.size):
        pixel = order[number]
        if event[pixel] < 0 or parent[pixel] != pixel:
            continue
        before = root[event[pixel]]
        if before < 0 or (size[pixel] >= least, -rank[name[pixel]]) > (
            size[_leader(parent, before)] >= least,
            -rank[before],
        ):
            root[event[pixel]] = name[pixel]
