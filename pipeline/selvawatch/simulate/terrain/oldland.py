"""What was no forest before the archive begins: river and bars, road, farms, old mines."""

import math

import numpy as np

from selvawatch.core.hectares import M2_PER_HA
from selvawatch.simulate.noise import generator
from selvawatch.simulate.simulation_plan import SimulationPlan
from selvawatch.simulate.terrain.covers import ALWAYS, NEVER, Canvas, Cover, Kind
from selvawatch.simulate.terrain.lines import Lines, River
from selvawatch.simulate.terrain.mines import Growth, mine
from selvawatch.simulate.terrain.shapes import parcel, window_around

FULL = (slice(None), slice(None))
FLOODS = ((12, 20), (1, 25), (2, 24), (3, 28))
"""Month and day on which the river moves a quarter of its yearly way."""


def paint_old_land(plan: SimulationPlan, lines: Lines, size: int, pixel_m: float) -> Canvas:
    """Everything that is no forest on the first day."""
    canvas = Canvas(size)
    _river(canvas, plan, lines.river)
    _bars(canvas, plan, lines.river)
    rng = generator(plan.seed, "old land")
    _road(canvas, rng, lines.road, plan.terrain.road_width_m / pixel_m / 2)
    for number in range(plan.terrain.old_mines):
        stream = lines.streams[(2 * number + 1) % len(lines.streams)]
        _old_mine(canvas, rng, stream, plan.terrain.old_mine_ha * M2_PER_HA / pixel_m**2, plan)
    for _ in range(plan.terrain.farms):
        _farm(canvas, rng, lines.road, tuple(ha * M2_PER_HA / pixel_m**2 for ha in plan.terrain.farm_ha))
    return canvas


def river_days(plan: SimulationPlan) -> list[int]:
    """Days of the archive, quiet days left out, on which the river moves on by a quarter of a season."""
    first, _, last = plan.days
    last -= plan.changes.quiet_days
    days = []
    for year in range(plan.first_day.year - 1, plan.last_day.year + 1):
        for month, day in FLOODS:
            moved = (np.datetime64(f"{year:04d}-{month:02d}-{day:02d}") - np.datetime64("1970-01-01")).astype(
                int
            )
            if first < moved <= last:
                days.append(int(moved))
    return sorted(days)


def _river(canvas: Canvas, plan: SimulationPlan, river: River) -> None:
    first = river.water(0)
    dry_since = np.full(first.shape, NEVER, np.int32)
    for step, day in enumerate(river_days(plan), start=1):
        now = river.water(step / len(FLOODS))
        dry_since = np.where((now < 0.5) & (first >= 0.5) & (dry_since == NEVER), day, dry_since)
    variety = generator(plan.seed, "river").standard_normal(first.shape, np.float32) * 0.3
    canvas.paint(FULL, first, Cover(kind=Kind.RIVER, start=ALWAYS, second=dry_since, variety=variety))


def _bars(canvas: Canvas, plan: SimulationPlan, river: River) -> None:
    rng = generator(plan.seed, "bars")
    size = canvas.size
    column = np.arange(size)
    bend = np.abs(river.reach) / max(float(np.abs(river.reach).max()), 1e-9)
    inner = -np.sign(river.reach)
    width = river.half_width * np.clip(1.6 * (bend - 0.2), 0, 1)
    middle = river.row + inner * (river.half_width + 0.5 * width)
    distance = np.abs(np.arange(size)[:, None] - middle[None, :])
    share = np.clip(0.5 + 0.5 * width[None, :] - distance, 0, 1).astype(np.float32)
    share *= ((column > 1) & (width > 0.5))[None, :]
    canvas.paint(
        FULL, share, Cover(kind=Kind.BAR, start=ALWAYS, variety=rng.standard_normal((size, size), np.float32))
    )


def _road(canvas: Canvas, rng: np.random.Generator, road: np.ndarray, half_width: float) -> None:
    distance = (
        np.abs(np.arange(canvas.size)[:, None] - road[None, :]) / np.hypot(1, np.gradient(road))[None, :]
    )
    share = np.clip(0.5 + half_width - distance, 0, 1).astype(np.float32)
    canvas.paint(
        FULL, share, Cover(kind=Kind.ROAD, start=ALWAYS, variety=rng.standard_normal(share.shape, np.float32))
    )


def _old_mine(
    canvas: Canvas, rng: np.random.Generator, stream: np.ndarray, area_px: float, plan: SimulationPlan
) -> None:
    inside = (stream[:, 0] > 0.4 * canvas.size) & (stream[:, 0] < 0.72 * canvas.size)
    point = stream[inside][len(stream[inside]) // 2] if inside.any() else stream[len(stream) // 2]
    first, _, _ = plan.days
    growth = Growth(
        front=60_000,
        cause=0,
        area_px=area_px,
        first_day=first - 2500,
        last_day=first - 200,
        pit_px=(min(25.0, area_px / 4), min(160.0, area_px / 2)),
    )
    mine(canvas, rng, stream, (float(point[0]), float(point[1])), growth, canvas.share < 0.3)


def _farm(canvas: Canvas, rng: np.random.Generator, road: np.ndarray, area_px: tuple[float, ...]) -> None:
    size = canvas.size
    for _ in range(40):
        column = float(rng.uniform(3, size - 3))
        area = math.exp(rng.uniform(math.log(area_px[0]), math.log(area_px[1])))
        long = math.sqrt(area * rng.uniform(1.0, 2.2))
        half = (long / 2, area / long / 2)
        side = -1 if rng.random() < 0.5 else 1
        row = float(road[int(column)] + side * (half[0] + 2 + abs(rng.normal(0, size * 0.02))))
        turn = math.atan(float(np.gradient(road)[int(column)])) + rng.normal(0, 0.06)
        window = window_around(row, column, long, size)
        if window is None or canvas.front[window].any() or (canvas.kind[window] >= Kind.RIVER).any():
            continue
        share = parcel(window, row, column, half, turn)
        if ((canvas.kind[window] != Kind.NONE) & (canvas.kind[window] != Kind.ROAD) & (share > 0.3)).any():
            continue
        kind = Kind.PASTURE if rng.random() < 0.55 else Kind.CROP
        texture = 0.25 * rng.standard_normal(share.shape, np.float32) + float(rng.normal())
        burn = int(rng.integers(215, 268))
        canvas.paint(window, share, Cover(kind=kind, start=ALWAYS, second=burn, variety=texture))
        return
