"""Loss in each zone by its name and period, as others publish it: protected areas, buffers, corridors."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import ZONE_TYPES
from selvawatch.attribute.loss.loss_in_periods import BESIDE_PERIODS, STOCK
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tier import Tier
from selvawatch.register.register import NOT_IN_FORCE, validity
from selvawatch.tables.base import (
    HECTARES,
    HOW,
    SHARES,
    TableInputs,
    TableSpec,
    added,
    by_columns,
    how,
    in_scope,
    periods_of,
    with_watched,
)
from selvawatch.tables.loss import PERIOD, WATCHED, in_periods, period_bounds
from selvawatch.tables.rendering import rendered
from selvawatch.tables.wording.explanations import share_of

KEYS = ["zone", "name", "layer"]
"""Columns that name a zone."""

NAMED = (
    column("zone", "text", "Type of zone, or native_community (from the partner tier on)."),
    column("name", "text", "Its name; empty: the layer has none."),
    column("layer", "text", "Layer of the register that holds it."),
)


NAMED_TYPES = (*ZONE_TYPES, "native_community")
"""Types of zones that are told of by name; native communities are rights, from the partner tier on."""


def named_zones(inputs: TableInputs) -> tuple[pd.DataFrame, np.ndarray]:
    """The zones that the tier may be told of by name, and the zone of each row of the register.

    A zone is what one layer calls by one type and name, however many rows and versions it has. Native
    communities are rights, and told of from the partner tier on. The frame has the columns `KEYS`, sorted;
    the zone is a position in it, int64 (right,), -1 for what is none.
    """
    rights = inputs.register.rights
    kinds = {*ZONE_TYPES, *(("native_community",) if inputs.tier >= Tier.PARTNER else ())}
    is_zone = rights["type"].isin(kinds).to_numpy()
    frame = pd.DataFrame(
        {
            "zone": rights["type"].to_numpy(object),
            "name": rights["name"].fillna("").to_numpy(object),
            "layer": rights["layer"].to_numpy(object),
        }
    )
    zones = frame[is_zone].drop_duplicates().sort_values(KEYS, ignore_index=True)
    position = pd.Series(np.arange(len(zones)), pd.MultiIndex.from_frame(zones), dtype="int64")
    found = position.reindex(pd.MultiIndex.from_frame(frame)).fillna(-1).to_numpy(np.int64)
    return zones, np.where(is_zone, found, -1)


def loss_by_named_zone(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss in each zone by name and period; not additive, since zones lie over one another.

    A period in which a zone was never in force has no number, nor has one that was not watched; a zone in
    force that lost nothing has 0.
    """
    zones, position = named_zones(inputs)
    periods = periods_of(inputs, options)
    loss = in_periods(inputs, _weights(inputs, options, position), periods)
    table = added(inputs, options, loss, ["period", "key"]) if len(loss) else None
    every = in_periods(inputs, _all_in_scope(inputs, options), periods)
    all_loss = added(inputs, options, every, ["period"])
    labels = [*periods.names, *(name for name in BESIDE_PERIODS if name in set(all_loss["period"]))]
    table = _with_all(table, all_loss, options.by, labels, len(zones))
    totals = all_loss.set_index([*options.by, "period"])["ha"]
    wanted = pd.MultiIndex.from_frame(table[[*options.by, "period"]])
    total = totals.reindex(wanted if options.by else table["period"]).to_numpy(np.float64, copy=True)
    total[(table["period"] == STOCK).to_numpy()] = np.nan
    table = rendered(
        table,
        within=[*options.by, "period"],
        total_ha=pd.Series(total, table.index),
        of=share_of("named-period", {"measure": options.measure}),
        additive=False,
    )
    bounds = period_bounds(periods)
    table = with_watched(table, inputs, bounds)
    stands = _in_force(inputs, options, position, len(zones), bounds)
    table["in_force"] = [
        stands[name][key] if name in stands else ""
        for name, key in zip(table["period"], table["key"], strict=True)
    ]
    ended = (table["in_force"] == "no").to_numpy() & ~(table["ha_hi"] > 0).to_numpy()
    table = _without_numbers(table, ended)
    for name in KEYS:
        table[name] = zones[name].to_numpy(object)[table["key"].to_numpy(np.int64)]
    table["period_set"] = periods.name
    plain = replace(options, accounting="inclusive")
    return how(table.drop(columns="key"), inputs, plain)


def _without_numbers(table: pd.DataFrame, empty: np.ndarray) -> pd.DataFrame:
    """The table with no numbers of loss in some rows; empty: which, bool (row,)."""
    table = table.copy()
    for one in (*HECTARES, *SHARES):
        if one.name in table and one.dtype == "float":
            table[one.name] = table[one.name].mask(empty)
    if "events_n" in table:
        table["events_n"] = table["events_n"].astype("Int64").mask(empty)
    return table


def _all_in_scope(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """All pieces in scope, stocks among them, each with its full weight."""
    piece = np.flatnonzero(in_scope(inputs, options))
    return pd.DataFrame({"piece": piece, "weight": 1.0, "weight_lo": 1.0, "weight_hi": 1.0})


def _weights(inputs: TableInputs, options: TableOptions, position: np.ndarray) -> pd.DataFrame:
    """piece, key, weight, weight_lo, weight_hi: pieces in each zone on the day of loss, or today."""
    members = inputs.pieces.members
    key = position[members["right"].to_numpy()]
    kept = (key >= 0) & in_scope(inputs, options)[members["piece"].to_numpy()]
    rows = members[kept]
    days = ["today"] if options.clock == "today" else ["at_loss", *inputs.pieces.other_days]
    inside = (rows[days] != NOT_IN_FORCE).groupby([rows["piece"], key[kept]]).any()
    inside.index.names = ["piece", "key"]
    table = pd.DataFrame(
        {
            "weight": inside[days[0]].astype(np.float64),
            "weight_lo": inside.all(axis=1).astype(np.float64),
            "weight_hi": inside.any(axis=1).astype(np.float64),
        }
    )
    return table[table["weight_hi"] > 0].reset_index()


def _with_all(
    table: pd.DataFrame | None, all_loss: pd.DataFrame, by: Sequence[str], periods: list[str], zones: int
) -> pd.DataFrame:
    """The table with a row of zero for each zone and period that it lacks, for every split of the loss."""
    splits = all_loss[list(by)].drop_duplicates() if by else pd.DataFrame(index=[0])
    axes = pd.MultiIndex.from_product([periods, range(zones)], names=["period", "key"]).to_frame(index=False)
    every = splits.merge(axes, how="cross")
    numbers = [name for name in all_loss.columns if name not in (*by, "period")]
    if table is None:
        return every.assign(**dict.fromkeys(numbers, 0.0))
    full = every.merge(table, on=[*by, "period", "key"], how="left", indicator="_side")
    absent = (full.pop("_side") == "left_only").to_numpy()
    full.loc[absent, numbers] = 0
    return full


def _in_force(
    inputs: TableInputs,
    options: TableOptions,
    position: np.ndarray,
    zones: int,
    bounds: dict[str, tuple[int, int]],
) -> dict[str, list[str]]:
    """Whether each zone was in force in each period: yes (on some day of it, or today), no or unknown."""
    dates = validity(inputs.register.rights)
    after = inputs.pieces.today + 1
    found = {}
    for name, (start, end) in bounds.items():
        first, last = (start, min(end, after)) if options.clock == "at-loss" else (after - 1, after)
        begins = np.maximum(dates.line.starts, first)
        lasts = np.minimum(dates.line.ends, last)
        meets = (begins < lasts) & (position >= 0)
        sure = meets & (dates.line.known | (np.maximum(begins, dates.listed_from) < lasts))
        state = np.full(zones, "no", object)
        state[np.unique(position[meets])] = "unknown"
        state[np.unique(position[sure])] = "yes"
        found[name] = state.tolist()
    return found


SPECS = (
    TableSpec(
        name="loss_by_named_zone",
        description="Forest loss in each protected area, buffer, corridor and other zone by name and period.",
        build=loss_by_named_zone,
        uses=("by", "clock", "measure", "periods", "area"),
        of_types=NAMED_TYPES,
        columns=columns(
            by_columns(),
            PERIOD,
            NAMED,
            column(
                "in_force", "text", "Whether it was in force in the period: yes, no (no number) or unknown."
            ),
            WATCHED,
            HECTARES,
            SHARES,
            HOW,
        ),
        notes=("Not additive: zones lie over one another.",),
    ),
)
