"""Mining fronts that grow pit by pit along a stream: sand, and ponds that fill and later turn green."""

import math
from dataclasses import dataclass

import numpy as np

from selvawatch.simulate.terrain.covers import Canvas, Cover, Kind
from selvawatch.simulate.terrain.shapes import blob, window_around


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How one front grows."""

    front: int
    cause: int
    area_px: float
    """Pixels to mine."""
    first_day: int
    last_day: int
    pit_px: tuple[float, float]
    """Smallest and largest pit, pixels."""


def mine(
    canvas: Canvas,
    rng: np.random.Generator,
    stream: np.ndarray,
    begin: tuple[float, float],
    growth: Growth,
    free: np.ndarray,
) -> int:
    """Paint one front that starts at a point and return the pixels it holds; it keeps to ground that is free.

    stream: (k, 2) rows and columns; free: (size, size) bool.
    """
    pits: list[tuple[float, float, float]] = []
    painted = 0
    ahead = -1.0 if rng.random() < 0.7 else 1.0
    for _ in range(int(60 + 8 * growth.area_px / growth.pit_px[0])):
        if painted >= growth.area_px:
            break
        left = growth.area_px - painted
        pit = min(float(np.exp(rng.uniform(*np.log(growth.pit_px)))), max(left * 1.15, growth.pit_px[0]))
        radius = math.sqrt(pit / math.pi)
        row, column = _next_pit(rng, pits, stream, begin, radius, ahead)
        if not _is_free(free, canvas, row, column, growth.front):
            continue
        day = growth.first_day + round(
            (growth.last_day - growth.first_day) * min(1.0, painted / growth.area_px)
        )
        gained = _pit(canvas, rng, (row, column, radius), day, growth, free)
        if gained:
            pits.append((row, column, radius))
            painted += gained
    return painted


def _next_pit(
    rng: np.random.Generator,
    pits: list[tuple[float, float, float]],
    stream: np.ndarray,
    begin: tuple[float, float],
    radius: float,
    ahead: float,
) -> tuple[float, float]:
    if not pits:
        return begin
    row, column, pit_radius = pits[int(rng.integers(max(0, len(pits) - 9), len(pits)))]
    nearest = int(np.argmin(np.hypot(stream[:, 0] - row, stream[:, 1] - column)))
    onward = int(np.clip(nearest + ahead * -4, 0, len(stream) - 1))
    aim = math.atan2(stream[onward, 1] - column, stream[onward, 0] - row)
    turn = aim + rng.normal(0, 0.8)
    step = (pit_radius + radius) * rng.uniform(0.75, 0.98)
    return row + step * math.cos(turn), column + step * math.sin(turn)


def _is_free(free: np.ndarray, canvas: Canvas, row: float, column: float, front: int) -> bool:
    window = window_around(row, column, 3, canvas.size)
    if window is None or not (2 <= row < canvas.size - 2 and 2 <= column < canvas.size - 2):
        return False
    others = canvas.front[window]
    return bool(free[int(row), int(column)]) and not ((others > 0) & (others != front)).any()


def _pit(
    canvas: Canvas,
    rng: np.random.Generator,
    pit: tuple[float, float, float],
    day: int,
    growth: Growth,
    free: np.ndarray,
) -> int:
    row, column, radius = pit
    window = window_around(row, column, 1.9 * radius + 2, canvas.size)
    if window is None:
        return 0
    share, rim = blob(rng, window, row, column, radius)
    pond_rim = rng.uniform(0.62, 0.85) if rng.random() < 0.85 else 0.0
    share = np.where(free[window], share, 0).astype(np.float32)
    fills = day + int(rng.integers(3, 18))
    return canvas.paint(
        window,
        share,
        Cover(
            kind=np.where(rim < pond_rim, Kind.POND, Kind.SAND).astype(np.uint8),
            start=day,
            second=fills,
            third=fills + int(rng.integers(60, 240)),
            variety=float(rng.normal()) + 0.3 * rng.standard_normal(share.shape, np.float32),
            cause=growth.cause,
            front=growth.front,
        ),
    )
