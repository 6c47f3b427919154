"""Loss by concession type, zone and period, alone and crossed."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import ADDITIVE, OUTSIDE, class_of_nothing
from selvawatch.attribute.loss.loss_in_periods import BESIDE_PERIODS, STOCK, rows_in_periods
from selvawatch.attribute.periods import PeriodSet
from selvawatch.core.schema import Column, column, columns
from selvawatch.core.table_options import OPTIONS, TableOptions
from selvawatch.tables.base import (
    CLASS,
    HECTARES,
    HOW,
    SHARES,
    TableInputs,
    TableSpec,
    added,
    all_pieces,
    by_columns,
    classes,
    how,
    periods_of,
    scale_of,
    types_shown,
    with_stock,
    with_watched,
)
from selvawatch.tables.rendering import rendered, with_every_step
from selvawatch.tables.rights import with_shown_districts
from selvawatch.tables.wording.explanations import narrowed, share_of

PERIOD = (
    column(
        "period",
        "text",
        "Period of the loss; no_period: in none of the set; across: in a span over several; undated; stock.",
    ),
    column("period_set", "text", "Name of the set of periods in `aoi/periods.toml`, or year or month."),
)
WATCHED = column("watched", "text", "Whether its days were watched: yes, partly, no (then without number).")


def loss_by_type(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by type of right, and outside all of them."""
    return _by_class(inputs, options, over="type")


def loss_by_zone(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by type of zone, and outside all of them."""
    return _by_class(inputs, options, over="zone")


def loss_by_period(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by period; what fell in no period of the set is a row of its own."""
    periods = periods_of(inputs, options)
    rows = in_periods(inputs, all_pieces(inputs, options), periods)
    table = added(inputs, options, rows, ["period"])
    table = with_every_step(table, inputs, options, periods=periods)
    table = _ordered(table, options.by, {"period": [*periods.names, *BESIDE_PERIODS]})
    table = rendered(
        table,
        within=options.by,
        total_ha=None,
        of=_total_of("all-days", options),
        additive=True,
    )
    table = with_watched(table, inputs, period_bounds(periods))
    table = with_stock(table, inputs, options, {"period": STOCK}).fillna({"watched": ""})
    table["period_set"] = periods.name
    plain = replace(options, accounting="combination")
    return how(table, inputs, plain).assign(accounting="none", clock="none")


def loss_type_zone_period(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by type of right x zone x period: the crossing of the three, with the same accounting on both."""
    periods = periods_of(inputs, options)
    types = with_shown_districts(inputs, options, classes(inputs, options, over="type"))
    zones = classes(inputs, options, over="zone")
    crossed = types.merge(zones, on="piece", suffixes=("", "_zone"))
    for side in ("weight", "weight_lo", "weight_hi"):
        crossed[side] = crossed[side] * crossed.pop(f"{side}_zone")
    crossed = crossed.rename(
        columns={
            "class": "type",
            "validity": "type_validity",
            "class_zone": "zone",
            "validity_zone": "zone_validity",
        }
    )
    rows = in_periods(inputs, crossed, periods)
    keys = ["period", "type", "type_validity", "zone", "zone_validity"]
    table = added(inputs, options, rows, keys)
    table = with_every_step(table, inputs, options, periods=periods)
    scale = scale_of(inputs, options)
    table = _ordered(
        table,
        options.by,
        {
            "period": [*periods.names, *BESIDE_PERIODS],
            "type": [*scale.types, OUTSIDE],
            "zone": [*scale.zones, OUTSIDE],
        },
    )
    table = rendered(
        table,
        within=[*options.by, "period"],
        total_ha=None if ADDITIVE[options.accounting] else np.nan,
        of=_total_of("period", options) if ADDITIVE[options.accounting] else share_of("not-additive"),
        additive=ADDITIVE[options.accounting],
    )
    table = with_watched(table, inputs, period_bounds(periods))
    stock = {"period": STOCK, "type": "", "type_validity": "", "zone": "", "zone_validity": ""}
    table = with_stock(table, inputs, options, stock).fillna({"watched": ""})
    table["period_set"] = periods.name
    return how(table, inputs, options)


def in_periods(inputs: TableInputs, rows: pd.DataFrame, periods: PeriodSet) -> pd.DataFrame:
    """Weighted pieces with the period of their loss (see `loss_in_periods.rows_in_periods`)."""
    return rows_in_periods(inputs.pieces.frame, rows, periods)


def period_bounds(periods: PeriodSet) -> dict[str, tuple[int, int]]:
    """First day and first day after of each period, by its name."""
    return dict(zip(periods.names, periods.bounds(), strict=True))


def _by_class(inputs: TableInputs, options: TableOptions, *, over: str) -> pd.DataFrame:
    rows = classes(inputs, options, over=over)
    if over == "type":
        rows = with_shown_districts(inputs, options, rows)
    table = added(inputs, options, rows, ["class", "validity"])
    table = with_every_step(table, inputs, options)
    counted = scale_of(inputs, options).counted(over)
    if not options.by:
        present = types_shown(inputs)
        shown = [one for one in counted if one in present]
        table = _with_absent(table, shown, class_of_nothing(inputs.register, counted), options)
    table = _ordered(table, options.by, {"class": [*counted, OUTSIDE]})
    additive = ADDITIVE[options.accounting]
    total: pd.Series | float | None = None
    if not additive:
        all_loss = added(inputs, options, all_pieces(inputs, options), [])
        if options.by:
            lookup = all_loss.set_index(list(options.by))["ha"]
            keys = table[list(options.by)]
            total = pd.Series(
                lookup.reindex(
                    pd.MultiIndex.from_frame(keys) if len(options.by) > 1 else keys.iloc[:, 0]
                ).to_numpy(),
                table.index,
            )
        else:
            total = float(all_loss["ha"].sum())
    table = rendered(
        table,
        within=options.by,
        total_ha=total,
        of=_total_of("inside-outside", options),
        additive=additive,
    )
    table = with_stock(table, inputs, options, {"class": STOCK, "validity": ""})
    return how(table, inputs, options)


def _total_of(code: str, options: TableOptions) -> str:
    """What shares are taken of, with what narrows it."""
    return narrowed(share_of(code, {"measure": options.measure}), options.area, options.by)


def _with_absent(table: pd.DataFrame, types: list[str], nothing: str, options: TableOptions) -> pd.DataFrame:
    """Zero rows for types that the register can hold and that lost nothing; not for types without a layer.

    nothing: class of ground under none of them.
    """
    if options.accounting == "combination":
        types = []
    here = set(table["class"])
    rows = [(one, "in_force") for one in types if one not in here]
    if nothing not in here:
        rows.append((nothing, ""))
    return _padded(table, rows) if rows else table


def _padded(table: pd.DataFrame, labels: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """The table with a row of zeros for each class and validity."""
    text = pd.DataFrame(labels, columns=["class", "validity"])
    zeros = {name: pd.Series(0, text.index, kind) for name, kind in table.dtypes.items() if name not in text}
    more = pd.DataFrame({**text, **zeros})[list(table.columns)]
    return pd.concat([part for part in (table, more) if len(part)], ignore_index=True)


def _ordered(table: pd.DataFrame, by: Sequence[str], orders: dict[str, list[str]]) -> pd.DataFrame:
    """Rows in a declared order; labels that the order does not name stand before its last (`outside`)."""
    sort = table.copy()
    names = []
    for key, order in orders.items():
        position = {name: index for index, name in enumerate(order)}
        sort[f"_{key}"] = sort[key].map(position).fillna(len(order) - 1.5)
        names += [f"_{key}", key]
    rest = [name for name in ("validity", "type_validity", "zone_validity") if name in sort]
    sort = sort.sort_values([*by, *names, *rest], kind="stable")
    return sort[list(table.columns)].reset_index(drop=True)


def _spec_columns(*dated: Column | tuple[Column, ...]) -> tuple[Column, ...]:
    return columns(by_columns(), *dated, HECTARES, SHARES, HOW)


TYPE_ZONE = (
    column("type", "text", "Type of right, combination, or `outside`."),
    column("type_validity", "text", "in_force, unknown, or empty."),
    column("zone", "text", "Zone, combination, or `outside`."),
    column("zone_validity", "text", "in_force, unknown, or empty."),
)

SPECS = (
    TableSpec(
        name="loss_by_type",
        description="Forest loss by type of right.",
        build=loss_by_type,
        uses=("by", "accounting", "clock", "measure", "scale", "area"),
        columns=_spec_columns(CLASS),
    ),
    TableSpec(
        name="loss_by_zone",
        description="Forest loss by zone.",
        build=loss_by_zone,
        uses=("by", "accounting", "clock", "measure", "scale", "area"),
        columns=_spec_columns(CLASS),
    ),
    TableSpec(
        name="loss_by_period",
        description="Forest loss by period.",
        build=loss_by_period,
        uses=("by", "measure", "periods", "area"),
        columns=_spec_columns(PERIOD, WATCHED),
    ),
    TableSpec(
        name="loss_type_zone_period",
        description="Forest loss by type of right, zone and period.",
        build=loss_type_zone_period,
        uses=OPTIONS,
        columns=_spec_columns(PERIOD, TYPE_ZONE, WATCHED),
    ),
)
