"""Tables of places: districts, coverage of the areas, displacement rings, age of the fronts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.loss.loss_in_periods import NO_PERIOD, STOCK, in_calendar
from selvawatch.attribute.overlay import cut
from selvawatch.attribute.periods import Period, PeriodSet
from selvawatch.core.days import to_date, to_day
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.tables.base import (
    HECTARES,
    HOW,
    NO_DISTRICT,
    SHARES,
    TableInputs,
    TableSpec,
    added,
    all_pieces,
    blank_unwatched,
    by_columns,
    counted_once,
    counted_pieces,
    coverage,
    dimension,
    settings_of,
    watched_days,
    with_stock,
)
from selvawatch.tables.loss import WATCHED, in_periods
from selvawatch.tables.rendering import rendered, with_every_step
from selvawatch.tables.table_settings import Displacement
from selvawatch.tables.wording.explanations import share_of

DAYS_PER_MONTH = 30.44
"""Days of a month, for rates: printed beside them."""


def loss_by_district(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by district; `none` is loss in none of the districts at hand."""
    by = replace(options, by=tuple(one for one in options.by if one != "district"))
    rows = all_pieces(inputs, options)
    rows["district"] = dimension(inputs, "district")[rows["piece"].to_numpy()]
    table = with_every_step(added(inputs, by, rows, ["district"]), inputs, by)
    rights = inputs.register.rights
    of = rights[rights["type"] == "district"].drop_duplicates("name").set_index("name")["source_key"]
    table["ubigeo"] = table["district"].map(of)
    table = rendered(
        table,
        within=by.by,
        total_ha=None,
        of=share_of("all-ground", {"measure": options.measure}),
        additive=True,
    )
    table = with_stock(table, inputs, by, {"district": STOCK})
    return counted_once(table, inputs, options)


def area_coverage(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Share of the region's loss that lies inside the areas, by year: a fall means new fronts elsewhere."""
    rows = all_pieces(inputs, options)
    piece = rows["piece"].to_numpy()
    inside = np.where(dimension(inputs, "area")[piece] == NO_DISTRICT, "outside areas", "inside areas")
    rows = in_calendar(inputs.pieces.frame, rows.assign(coverage=inside), "year")
    by = replace(options, by=tuple(one for one in options.by if one not in ("year", "area")))
    table = added(inputs, by, rows, ["year", "coverage"])
    table = with_every_step(table, inputs, by)
    table = rendered(
        table,
        within=[*by.by, "year"],
        total_ha=None,
        of=share_of("region", {"measure": options.measure}),
        additive=True,
    )
    table = with_stock(table, inputs, by, {"year": STOCK, "coverage": STOCK})
    return counted_once(table, inputs, options)


def displacement_rings(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss per month in rings around an area before and after a day, and beyond the rings as a control.

    Rings are cut exactly; a month is 30.44 days. A change in the rings against the control is a hint that
    work moved, no proof. Loss of a span over that day is a row `across`, and no rate is told beside it.
    """
    settings = settings_of(inputs).displacement
    last = inputs.pieces.today + 1 if settings.end is None else to_day(settings.end)
    bounds = {
        "before": (to_day(settings.start), to_day(settings.day)),
        "after": (to_day(settings.day), max(last, to_day(settings.day) + 1)),
    }
    sides = [
        Period(name=name, title=name, start=to_date(start), end=to_date(end))
        for name, (start, end) in bounds.items()
    ]
    labels, rows = _in_rings(inputs, options, settings)
    rows = in_periods(inputs, rows, PeriodSet(name="sides", title="sides", periods=tuple(sides)))
    rows = rows[rows["period"] != NO_PERIOD].rename(columns={"period": "side"})
    table = added(inputs, replace(options, by=()), rows, ["ring", "side"]).set_index(["ring", "side"])
    every = pd.MultiIndex.from_product([labels, list(bounds)], names=["ring", "side"])
    more = [key for key in table.index if key[1] not in bounds]
    absent = [key for key in every if key not in table.index]
    table = table.reindex([*every, *more])
    table.loc[absent] = 0
    split = set(zip(rows["ring"][rows["weight"].isna()], rows["side"][rows["weight"].isna()], strict=True))
    is_split = np.array([key in split for key in table.index], bool)
    table = table.reset_index()
    days = table["side"].map({name: watched_days(inputs, *span) for name, span in bounds.items()}).fillna(0)
    table["days"] = days.astype(np.int64)
    seen = {name: coverage(inputs, *span) for name, span in bounds.items()}
    table["watched"] = table["side"].map(seen).fillna("")
    rate = table["ha"].to_numpy(np.float64) / np.maximum(table["days"].to_numpy(), 1) * DAYS_PER_MONTH
    table["ha_per_month"] = np.where((table["days"] > 0).to_numpy() & ~is_split, rate, np.nan)
    before = table[table["side"] == "before"].set_index("ring")["ha_per_month"]
    ratio = table["ha_per_month"] / table["ring"].map(before.where(before > 0))
    table["ratio_to_before"] = ratio.where(table["side"] == "after")
    for name, end in (("from_day", 0), ("to_day", 1)):
        table[name] = table["side"].map(
            {side: to_date(span[end]).isoformat() for side, span in bounds.items()}
        )
        table[name] = table[name].fillna("")
    return counted_once(blank_unwatched(table), inputs, options)


def _in_rings(
    inputs: TableInputs, options: TableOptions, settings: Displacement
) -> tuple[list[str], pd.DataFrame]:
    """Names of the rings from the area outwards, and the parts of pieces in each: piece, ring, weights."""
    rights = inputs.register.rights
    shapes = rights.geometry[(rights["type"] == "area") & (rights["name"] == settings.area)]
    if not len(shapes):
        names = sorted(rights["name"][rights["type"] == "area"].astype(str))
        raise TableError("unknown area", where="tables.toml, displacement", got=settings.area, needed=names)
    area = shapely.union_all(shapes.to_numpy())
    far = inputs.pieces.frame
    borders = [area, *(area.buffer(1000 * distance) for distance in settings.rings_km)]
    world = shapely.box(*far.total_bounds) if len(far) else area
    world = world.union(borders[-1]).envelope.buffer(1000)
    rings = [area]
    rings += [outer.difference(inner) for inner, outer in zip(borders[:-1], borders[1:], strict=True)]
    rings.append(world.difference(borders[-1]))
    edges = [0.0, *settings.rings_km]
    labels = ["area", *(f"{low:g}-{high:g} km" for low, high in zip(edges[:-1], edges[1:], strict=True))]
    labels.append(f"beyond {edges[-1]:g} km (control)")
    kept = np.flatnonzero(counted_pieces(inputs, options))
    shape = far.geometry.to_numpy()[kept]
    piece, ring, shared = cut(shape, np.array(rings, object))
    share = shapely.area(shared) / shapely.area(shape)[piece]
    rows = pd.DataFrame({"piece": kept[piece], "ring": np.array(labels, object)[ring], "weight": share})
    return labels, rows.assign(weight_lo=rows["weight"], weight_hi=rows["weight"])


def front_age(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """First year with enough mining loss, for each square of a fixed grid: the age of the fronts.

    A stock, loss without a date and spans of several years date no front.
    """
    size, least = settings_of(inputs).front_cell_m, settings_of(inputs).front_least_ha
    frame = inputs.pieces.frame
    dated = counted_pieces(inputs, options) & frame["onset"].notna().to_numpy()
    dated &= np.char.isdigit(dimension(inputs, "year").astype(str))
    kept = np.flatnonzero(dated)
    shape = frame.geometry.to_numpy()[kept]
    squares = _squares(shape, size)
    piece, square, shared = cut(
        shape, shapely.box(squares[:, 0], squares[:, 1], squares[:, 0] + size, squares[:, 1] + size)
    )
    share = shapely.area(shared) / shapely.area(shape)[piece]
    rows = pd.DataFrame({"piece": kept[piece], "cell": square, "weight": share})
    rows = rows.assign(
        weight_lo=rows["weight"], weight_hi=rows["weight"], year=dimension(inputs, "year")[kept[piece]]
    )
    by_year = added(inputs, replace(options, by=()), rows, ["cell", "year"])
    fronts = by_year[by_year["loss_mining"] >= least].groupby("cell")["year"].min()
    table = added(inputs, replace(options, by=()), rows, ["cell"])
    table["first_year"] = table["cell"].map(fronts)
    table = table.dropna(subset="first_year").reset_index(drop=True)
    corner = squares[table["cell"].to_numpy(np.int64)]
    table["west"], table["south"] = corner[:, 0], corner[:, 1]
    table["cell_m"] = size
    return counted_once(table.drop(columns="cell"), inputs, options)


def _squares(shapes: np.ndarray, size: float) -> np.ndarray:
    """South-west corners (k, 2) of the squares of a grid from (0, 0) that any box of the shapes meets."""
    found: set[tuple[int, int]] = set()
    for west, south, east, north in np.floor_divide(shapely.bounds(shapes), size).astype(np.int64):
        for x in range(west, east + 1):
            found |= {(x, y) for y in range(south, north + 1)}
    return np.array(sorted(found), np.float64).reshape(-1, 2) * size


SPECS = (
    TableSpec(
        name="loss_by_district",
        description="Forest loss by district.",
        build=loss_by_district,
        uses=("by", "measure", "area"),
        columns=columns(
            by_columns(),
            column("ubigeo", "text", "Official code (INEI) of the district.", nullable=True),
            HECTARES,
            SHARES,
            HOW,
        ),
    ),
    TableSpec(
        name="area_coverage",
        description="Share of the region's loss inside the areas of interest, by year.",
        build=area_coverage,
        uses=("by", "measure", "area"),
        columns=columns(
            by_columns(),
            column("coverage", "text", "Whether the loss lies inside or outside the areas of interest."),
            HECTARES,
            SHARES,
            HOW,
        ),
    ),
    TableSpec(
        name="displacement_rings",
        description="Loss per month around an area before and after a day.",
        build=displacement_rings,
        uses=("measure", "area"),
        columns=columns(
            column("ring", "text", "Ring around the area that the loss lies in, by its distances."),
            column("side", "text", "before, after, across (in a span over both), or undated."),
            column("from_day", "text", "First day of the span that the row counts."),
            column("to_day", "text", "First day after the span that the row counts."),
            column("days", "int", "Days of these that were watched: the divisor.", unit="day"),
            WATCHED,
            column(
                "ha_per_month", "float", "Loss per month of 30.44 watched days.", unit="ha", nullable=True
            ),
            column(
                "ratio_to_before", "float", "Loss per month after the day over that before it.", nullable=True
            ),
            HECTARES,
            HOW,
        ),
    ),
    TableSpec(
        name="front_age",
        description="First year with enough mining loss, by square.",
        build=front_age,
        uses=("measure", "area"),
        columns=columns(
            column("west", "float", "South-west corner of the square.", unit="m"),
            column("south", "float", "South-west corner of the square.", unit="m"),
            column("cell_m", "float", "Side of the square.", unit="m"),
            column("first_year", "text", "First year with enough mining loss."),
            HECTARES,
            HOW,
        ),
    ),
)
