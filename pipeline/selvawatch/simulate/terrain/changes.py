"""What is lost during the archive: mining fronts, farm clearings, roads, river banks, storm gaps."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from selvawatch.core.days import to_date
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.simulate.noise import generator, smooth_field
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.terrain.causes import Cause
from selvawatch.simulate.terrain.covers import Canvas, Cover, Kind
from selvawatch.simulate.terrain.lines import Lines
from selvawatch.simulate.terrain.mines import Growth, mine
from selvawatch.simulate.terrain.oldland import FLOODS, FULL, river_days
from selvawatch.simulate.terrain.shapes import disc, parcel, window_around


@dataclass
class _Painter:
    """State while changes are painted one after another."""

    plan: SimulationPlan
    lines: Lines
    canvas: Canvas
    old: Canvas
    pixel_m: float
    fronts: int = 0

    @property
    def size(self) -> int:
        return self.canvas.size

    def px(self, ha: float) -> float:
        """Pixels of some hectares."""
        return ha * M2_PER_HA / self.pixel_m**2

    def next_front(self) -> int:
        self.fronts += 1
        return self.fronts

    def free(self) -> np.ndarray:
        """Ground that is still closed forest; (size, size) bool."""
        return (self.old.share < 0.15) & (self.canvas.share < 0.15)


def paint_changes(plan: SimulationPlan, lines: Lines, old: Canvas, pixel_m: float) -> Canvas:
    """Every loss of forest during the archive, with its cause, its front and its first day in each pixel."""
    painter = _Painter(plan=plan, lines=lines, canvas=Canvas(old.size), old=old, pixel_m=pixel_m)
    first, monitoring, last = plan.days
    changes = plan.changes
    _mining(
        painter, changes.mining_fronts, changes.mining_ha, monitoring, last - changes.quiet_days, "mining"
    )
    _mining(
        painter,
        changes.small_mining_fronts,
        changes.small_mining_ha,
        monitoring,
        last - changes.quiet_days,
        "small",
    )
    _mining(painter, changes.old_mining_fronts, changes.mining_ha, first + 60, monitoring - 150, "old mining")
    _clearings(painter, changes.farm_clearings, monitoring, last - changes.quiet_days, "clearing")
    _clearings(painter, changes.old_farm_clearings, first, monitoring - 60, "old clearing")
    _roads(painter, monitoring, last - changes.quiet_days)
    _blowdowns(painter, monitoring, last - changes.quiet_days)
    _river_banks(painter)
    return painter.canvas


def _mining(
    painter: _Painter, count: int, size_ha: tuple[float, float], first: int, last: int, name: str
) -> None:
    rng = generator(painter.plan.seed, name)
    streams = painter.lines.streams
    sizes = np.exp(rng.uniform(math.log(size_ha[0]), math.log(size_ha[1]), count)) if count else np.zeros(0)
    apart, pits = 0.16 * painter.size, painter.plan.changes.pit_ha
    for ha in sorted(sizes.tolist(), reverse=True):
        area = painter.px(ha)
        days = min(round(rng.uniform(*painter.plan.changes.front_days)), max(1, last - first))
        begins = int(rng.integers(first, max(first + 1, last - days)))
        growth = Growth(
            front=painter.next_front(),
            cause=Cause.MINING,
            area_px=area,
            first_day=begins,
            last_day=begins + days,
            pit_px=(min(painter.px(pits[0]), area), min(painter.px(pits[1]), area)),
        )
        for attempt in range(200):
            stream = streams[int(rng.integers(len(streams)))]
            row, column = (float(part) for part in stream[int(rng.integers(len(stream)))])
            reach = max(3.0, apart * 0.97**attempt)
            window = window_around(row, column, reach, painter.size)
            if window is None or painter.canvas.front[window].any() or not _is_deep(painter, row, column):
                continue
            if mine(painter.canvas, rng, stream, (row, column), growth, painter.free()):
                break


def _is_deep(painter: _Painter, row: float, column: float) -> bool:
    """Whether a point lies in forest, away from the river, the road and the tile's edge."""
    reach = 0.012 * painter.size + 2
    window = window_around(row, column, reach, painter.size)
    if window is None or min(row, column, painter.size - row, painter.size - column) < reach:
        return False
    return bool((painter.old.share[window] < 0.15).all() and (painter.canvas.share[window] < 0.15).all())


def _clearings(painter: _Painter, count: int, first: int, last: int, name: str) -> None:
    rng = generator(painter.plan.seed, name)
    felling = 6
    days = range(first, max(first + 1, last - felling + 1))
    dry = [day for day in days if to_date(day).month in (6, 7, 8)] or list(days)
    for _ in range(count):
        front = painter.next_front()
        for _attempt in range(300):
            ha = math.exp(rng.uniform(*np.log(painter.plan.changes.clearing_ha)))
            area = painter.px(ha)
            long = math.sqrt(area * rng.uniform(1.0, 1.9))
            column = float(rng.uniform(5, painter.size - 5))
            side = -1 if rng.random() < 0.5 else 1
            row = float(painter.lines.road[int(column)] + side * rng.uniform(0.03, 0.11) * painter.size)
            window = window_around(row, column, long, painter.size)
            if window is None:
                continue
            share = parcel(window, row, column, (long / 2, area / long / 2), rng.normal(0, 0.15))
            if (share >= 0.5).sum() < 0.8 * area or not painter.free()[window][share > 0.02].all():
                continue
            begins = int(dry[int(rng.integers(len(dry)))])
            felled = (
                begins
                + (felling * rng.random() * np.linspace(0, 1, share.shape[0])).astype(np.int32)[:, None]
            )
            painter.canvas.paint(
                window,
                share,
                Cover(
                    kind=Kind.CLEARING,
                    start=np.broadcast_to(felled, share.shape),
                    second=begins + int(rng.integers(25, 60)),
                    variety=0.3 * rng.standard_normal(share.shape, np.float32),
                    cause=Cause.AGRICULTURE,
                    front=front,
                ),
            )
            break


def _roads(painter: _Painter, first: int, last: int) -> None:
    rng = generator(painter.plan.seed, "roads")
    half = painter.plan.terrain.road_width_m / painter.pixel_m / 2 * 0.7
    for _ in range(painter.plan.changes.road_spurs):
        front = painter.next_front()
        begins = int(rng.integers(first, max(first + 1, last - 70)))
        column = float(rng.uniform(0.1, 0.9) * painter.size)
        row, heading = float(painter.lines.road[int(column)]), rng.normal(0, 0.3)
        for step in range(int(painter.plan.changes.spur_m / painter.pixel_m)):
            heading += rng.normal(0, 0.06)
            row, column = row + math.cos(heading), column + math.sin(heading)
            window = window_around(row, column, half + 2, painter.size)
            if window is None or painter.old.front[window].any() or painter.lines.river.row.min() - 10 < row:
                break
            share = disc(window, row, column, half) * (painter.old.share[window] < 0.3)
            day = min(last, begins + step // 2)
            painter.canvas.paint(
                window, share, Cover(kind=Kind.ROAD, start=day, cause=Cause.ROAD, front=front)
            )
    if painter.plan.changes.road_widening_m:
        _widen(painter, rng, first, last)


def _widen(painter: _Painter, rng: np.random.Generator, first: int, last: int) -> None:
    length = min(int(painter.plan.changes.road_widening_m / painter.pixel_m), painter.size // 2)
    start = int(rng.integers(0, painter.size - length))
    inside = np.zeros(painter.size, bool)
    inside[start : start + length] = True
    half = painter.plan.terrain.road_width_m / painter.pixel_m / 2
    below = np.arange(painter.size)[:, None] - painter.lines.road[None, :]
    share = np.clip(0.5 + half + 2.5 - below, 0, 1) * np.clip(0.5 - half + below, 0, 1) * inside[None, :]
    share = (share * (painter.old.share < 0.5)).astype(np.float32)
    begins = int(rng.integers(first, max(first + 1, last - 40)))
    day = np.minimum(last, begins + np.maximum(0, np.arange(painter.size) - start) // 5)[None, :]
    painter.canvas.paint(
        FULL,
        share,
        Cover(
            kind=Kind.ROAD,
            start=np.broadcast_to(day, share.shape),
            cause=Cause.ROAD,
            front=painter.next_front(),
        ),
    )


def _blowdowns(painter: _Painter, first: int, last: int) -> None:
    rng = generator(painter.plan.seed, "blowdown")
    texture = smooth_field(rng, painter.size, 5.0)
    storms = [day for day in range(first, last + 1) if to_date(day).month in (1, 2, 3, 9, 10, 11)] or [first]
    for _ in range(painter.plan.changes.blowdowns):
        front, day = painter.next_front(), int(storms[int(rng.integers(len(storms)))])
        area = painter.px(painter.plan.changes.blowdown_ha)
        half = (math.sqrt(area) * 0.85, math.sqrt(area) * 0.33)
        for _attempt in range(300):
            row, column = (float(value) for value in rng.uniform(0.06, 0.74, 2) * painter.size)
            window = window_around(row, column, 2 * half[0], painter.size)
            if window is None or not painter.free()[window].all():
                continue
            inside = parcel(window, row, column, half, rng.uniform(0, math.pi))
            share = inside * np.clip(0.55 + 0.28 * texture[window], 0, 0.95)
            painter.canvas.paint(
                window,
                share.astype(np.float32),
                Cover(kind=Kind.BLOWDOWN, start=day, cause=Cause.NATURAL, front=front),
            )
            break


def _river_banks(painter: _Painter) -> None:
    river = painter.lines.river
    lost = np.zeros((painter.size, painter.size), np.int32)
    share = np.zeros(lost.shape, np.float32)
    for step, day in enumerate(river_days(painter.plan), start=1):
        water = river.water(step / len(FLOODS))
        lost = np.where((water >= 0.5) & (lost == 0), day, lost)
        share = np.maximum(share, water)
    eaten = (painter.old.share < 0.5) & (lost > 0)
    _, monitoring, _ = painter.plan.days
    for since in (eaten & (lost < monitoring), eaten & (lost >= monitoring)):
        labels, count = ndimage.label(since, structure=np.ones((3, 3)))
        for number in range(1, count + 1):
            mask = labels == number
            painter.canvas.paint(
                FULL,
                np.where(mask, share, 0).astype(np.float32),
                Cover(
                    kind=Kind.RIVER,
                    start=lost,
                    cause=Cause.RIVER,
                    front=painter.next_front() if mask.sum() >= 5 else 0,
                ),
            )
