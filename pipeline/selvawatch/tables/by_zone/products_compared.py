"""Two loss products beside each other, by year and zone: never one series, never a sum."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import NOT_KNOWN, OUTSIDE, class_of_nothing
from selvawatch.attribute.loss.loss_in_periods import BESIDE_PERIODS, STOCK
from selvawatch.attribute.periods import PeriodSet, calendar
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.tables.base import (
    CLASS,
    HOW,
    TableInputs,
    TableSpec,
    added,
    classes,
    how,
    periods_of,
    scale_of,
    types_shown,
    watched,
    with_stock,
    with_watched,
)
from selvawatch.tables.loss import PERIOD, WATCHED, in_periods, period_bounds

_LEAST = {
    "": "Least, by the product: confirmed, and surely in the row; no error interval.",
    "_other": "Least, by the other product: surely in the row; no error interval.",
}
_MOST = {
    "": "Most, by the product: with its rim and what may lie in the row; no error interval.",
    "_other": "Most, by the other product: what may lie in the row; no error interval.",
}
_SUMS = ["ha", "ha_lo", "ha_hi"]
_KEYS = ["period", "class", "validity"]


def products_compared(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss of two products by year and zone; empty where one was not watched, a ratio where both wholly were.

    The rows of one product add up to its loss in the year, those of two products to nothing. Without another
    product its columns are empty.

    Raises
    ------
    TableError
        For `by`.
    """
    if options.by:
        raise TableError(
            "this table has its own rows",
            where="products_compared",
            got=list(options.by),
            do="leave --by out",
        )
    both = [side for side in (inputs, inputs.other) if side is not None]
    periods = _periods(both, options)
    sides = [_of_product(side, options, periods) for side in both]
    seen = {(str(kind), str(valid)) for side in sides for _, kind, valid in side.index} - {("", "")}
    zones = sorted(seen | _zones(inputs, options))
    labels = [name for side in sides for name in side.index.get_level_values("period")]
    labels = [*periods.names, *(name for name in BESIDE_PERIODS if name in labels and name != STOCK)]
    every = [(name, *zone) for name in labels for zone in zones]
    every += [(STOCK, "", "")] if any((STOCK, "", "") in side.index for side in sides) else []
    index = pd.MultiIndex.from_tuples(every, names=_KEYS)
    bounds = period_bounds(periods)
    shown = [_shown(side, of, index, bounds) for side, of in zip(both, sides, strict=True)]
    if inputs.other is None:
        shown.append(shown[0].assign(**dict.fromkeys(_SUMS, np.nan), watched=""))
    table = shown[0].join(shown[1].drop(columns=_KEYS).add_suffix("_other"))
    watched_both = ((table["watched"] == "yes") & (table["watched_other"] == "yes")).to_numpy()
    positive = (table["ha_other"] > 0).to_numpy()
    table["ratio"] = (table["ha"] / table["ha_other"].where(positive)).where(watched_both)
    table["difference_ha"] = (table["ha"] - table["ha_other"]).where(watched_both)
    table["loss_product_other"] = inputs.other_label or None
    table["period_set"] = periods.name
    return how(_ordered(table, inputs, options), inputs, options).assign(additive=False)


def _periods(both: Sequence[TableInputs], options: TableOptions) -> PeriodSet:
    """The set that the options name; years of all days that either product watched where they name none."""
    inputs = both[0]
    if options.periods not in ("", "year", "month"):
        return periods_of(inputs, options)
    spans = [span for span in map(watched, both) if span[0] < span[1]]
    step = options.periods or "year"
    if not spans:
        return calendar(step, inputs.pieces.today, inputs.pieces.today, step=step)
    return calendar(step, min(start for start, _ in spans), max(end for _, end in spans) - 1, step=step)


def _zones(inputs: TableInputs, options: TableOptions) -> set[tuple[str, str]]:
    """Zones and validity that have a row though neither product lost anything there."""
    counted = scale_of(inputs, options).counted("zone")
    nothing = (class_of_nothing(inputs.register, counted), "")
    if options.accounting == "combination":
        return {nothing}
    present = types_shown(inputs)
    return {nothing, *((kind, "in_force") for kind in counted if kind in present)}


def _of_product(inputs: TableInputs, options: TableOptions, periods: PeriodSet) -> pd.DataFrame:
    """Hectares of a product by period, zone and validity; its stock has no zone."""
    plain = replace(options, by=())
    rows = in_periods(inputs, classes(inputs, options, over="zone"), periods)
    table = with_stock(
        added(inputs, plain, rows, _KEYS), inputs, plain, dict(zip(_KEYS, (STOCK, "", ""), strict=True))
    )
    return table.set_index(_KEYS)[_SUMS]


def _shown(
    inputs: TableInputs, table: pd.DataFrame, index: pd.MultiIndex, bounds: dict[str, tuple[int, int]]
) -> pd.DataFrame:
    """The rows of an index of a product: 0 where it was watched and lost nothing.

    Empty where it was not watched, or where no layer tells of the zone in the period.
    """
    lacking = ~index.isin(table.index)
    full = table.reindex(index)
    full.loc[lacking, _SUMS] = 0.0
    full = with_watched(full.reset_index(), inputs, bounds)
    after = inputs.pieces.today + 1
    ends = {name: np.array([start, max(start, min(end, after) - 1)]) for name, (start, end) in bounds.items()}
    told = {
        (name, kind): kind in (OUTSIDE, NOT_KNOWN) or inputs.register.could_hold(kind, days).any()
        for name, days in ends.items()
        for kind in set(full["class"])
    }
    is_told = [told.get(key, True) for key in zip(full["period"], full["class"], strict=True)]
    full.loc[lacking & ~np.array(is_told, bool), _SUMS] = np.nan
    return full


def _ordered(table: pd.DataFrame, inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Rows by period as they are, then zones in the order of the scale, outside last."""
    zones = [*scale_of(inputs, options).counted("zone"), OUTSIDE]
    order = table.assign(
        _period=pd.factorize(table["period"])[0],
        _zone=table["class"].map({name: at for at, name in enumerate(zones)}).fillna(len(zones) - 1.5),
    )
    order = order.sort_values(["_period", "_zone", "class", "validity"], kind="stable")
    return order[list(table.columns)].reset_index(drop=True)


def _three(suffix: str, whose: str) -> tuple:
    return (
        column(f"ha{suffix}", "float", f"Loss of the measure by {whose}.", unit="ha", nullable=True),
        column(f"ha_lo{suffix}", "float", _LEAST[suffix], unit="ha", nullable=True),
        column(f"ha_hi{suffix}", "float", _MOST[suffix], unit="ha", nullable=True),
    )


SPECS = (
    TableSpec(
        name="products_compared",
        description="Two loss products beside each other by year and zone, never summed.",
        build=products_compared,
        uses=("accounting", "clock", "measure", "scale", "periods", "area"),
        columns=columns(
            column("loss_product_other", "text", "Name and version of the other product.", nullable=True),
            PERIOD,
            CLASS,
            _three("", "the product"),
            WATCHED,
            _three("_other", "the other product"),
            column("watched_other", "text", "Whether the other product watched its days: yes, partly, no."),
            column("ratio", "float", "First / other, where both watched all days.", nullable=True),
            column(
                "difference_ha",
                "float",
                "First less other, where both watched all days.",
                unit="ha",
                nullable=True,
            ),
            HOW,
        ),
        notes=("Products differ in footprint, days and meaning of mining; never add them up.",),
    ),
)
