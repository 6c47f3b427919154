"""Loss by concession type, inside and outside, and by site category: the charts of SPDA, overlaps handled."""

from dataclasses import replace

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import NOT_KNOWN, OUTSIDE, account, with_classes_joined
from selvawatch.attribute.describe import site_categories
from selvawatch.attribute.loss.loss_in_periods import BESIDE_PERIODS, STOCK
from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import OPTIONS, TableOptions
from selvawatch.core.tables import CONCESSION_TYPES
from selvawatch.errors import TableError
from selvawatch.register.register import NOT_IN_FORCE
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
    counted_once,
    counted_pieces,
    how,
    periods_of,
    scale_of,
    with_stock,
    with_watched,
)
from selvawatch.tables.loss import PERIOD, WATCHED, in_periods, period_bounds
from selvawatch.tables.rendering import rendered, with_every_step
from selvawatch.tables.rights import with_shown_districts
from selvawatch.tables.wording.explanations import ALL_GROUND, share_of

EXCLUDED = "excluded: "
"""Begins the class of ground that SPDA left out; here it is a row, so that all rows add up."""


def loss_by_concession_type(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on concessions by their type, per area (SPDA chart 4); shares are parts of that loss."""
    rows = _concession_weights(inputs, options)
    rows = rows[rows["class"] != OUTSIDE]
    by = _with_area(inputs, options)
    table = with_every_step(added(inputs, by, rows, ["class", "validity"]), inputs, by)
    table = rendered(
        table,
        within=by.by,
        total_ha=None,
        of=share_of("concessions", _split(options, by)),
        additive=True,
    )
    table = _without_share_of_the_unknown(table)
    table = with_stock(table, inputs, by, {"class": STOCK, "validity": ""})
    return how(table, inputs, options)


def _split(options: TableOptions, by: TableOptions) -> dict[str, str]:
    """The measure, and what the rows are split by, as a sentence says it."""
    return {"measure": options.measure, "split": ", ".join(by.by) or ALL_GROUND}


def _without_share_of_the_unknown(table: pd.DataFrame) -> pd.DataFrame:
    """The rows without a share where no layer of concessions was there to say what lies on one."""
    unknown = table["class"] == NOT_KNOWN
    shares = {name: table[name].mask(unknown) for name in ("share", "share_pct")}
    return table.assign(**shares, share_of=table["share_of"].mask(unknown, share_of("no-concessions")))


def share_inside_outside(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss inside concessions by type and outside all, by period and area (SPDA charts 5 to 7).

    Protected cores, and oil lots where nothing else lies, are rows of their own without a share: what is
    left out is shown, and all rows add up to the loss.
    """
    rows = _concession_weights(inputs, options)
    piece = rows["piece"].to_numpy()
    core = _under(inputs, options, "protected_core")[piece]
    oil = _under(inputs, options, "oil_lot")[piece]
    outside = (rows["class"] == OUTSIDE).to_numpy()
    label = rows["class"].to_numpy(object).copy()
    label[outside & oil] = f"{EXCLUDED}oil_lot"
    label[core] = f"{EXCLUDED}protected_core"
    rows = rows.assign(**{"class": label, "validity": np.where(core | (outside & oil), "", rows["validity"])})
    rows = with_classes_joined(rows)
    periods = periods_of(inputs, options)
    by = _with_area(inputs, options)
    keys = ["period", "class", "validity"]
    table = added(inputs, by, in_periods(inputs, rows, periods), keys)
    table = with_every_step(table, inputs, by, periods=periods)
    excluded = table["class"].str.startswith(EXCLUDED)
    shared = rendered(
        table[~excluded],
        within=[*by.by, "period"],
        total_ha=None,
        of=share_of("exclusions", _split(options, by)),
        additive=True,
    )
    shared = _without_share_of_the_unknown(shared)
    rest = table[excluded].assign(share=np.nan, share_pct=np.nan, share_of=share_of("excluded"))
    joined = pd.concat([part for part in (shared, rest) if len(part)] or [shared], ignore_index=True)
    order = {name: index for index, name in enumerate([*periods.names, *BESIDE_PERIODS])}
    joined["_period"] = joined["period"].map(order).fillna(len(order))
    joined["_last"] = joined["class"].map(lambda name: (name.startswith(EXCLUDED)) * 2 + (name == OUTSIDE))
    joined = joined.sort_values(
        [*by.by, "_period", "_last", "ha"], ascending=[True] * len(by.by) + [True, True, False]
    )
    joined = with_watched(joined.drop(columns=["_period", "_last"]), inputs, period_bounds(periods))
    stock = {"period": STOCK, "class": STOCK, "validity": ""}
    joined = with_stock(joined, inputs, by, stock).fillna({"watched": ""}).assign(period_set=periods.name)
    return how(joined.reset_index(drop=True), inputs, options)


def site_category(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss by the site proxy of planetGOLD's categories: mining title over half x a third party's right.

    A place, not an operator: who works there is not known, and may be the holder.
    """
    frame = inputs.pieces.frame
    events, position = np.unique(frame["event_id"].to_numpy(str), return_inverse=True)
    area = np.bincount(position, frame["ha"], len(events))
    category = site_categories(inputs.pieces, inputs.register, scale_of(inputs, options), position, area)
    rows = all_pieces(inputs, options)
    rows["site_category"] = category[position][rows["piece"].to_numpy()]
    table = with_every_step(added(inputs, options, rows, ["site_category"]), inputs, options)
    table = rendered(
        table,
        within=options.by,
        total_ha=None,
        of=share_of("all-ground", {"measure": options.measure}),
        additive=True,
    )
    table = with_stock(table, inputs, options, {"site_category": STOCK})
    return counted_once(table, inputs, options, clock="at-loss")


def _concession_weights(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Weights of concession types only: other rights do not outrank them here."""
    if options.accounting not in ("exclusive", "fractional"):
        raise TableError(
            "this table needs rows that add up", got=options.accounting, needed="exclusive or fractional"
        )
    rows = account(
        inputs.pieces,
        inputs.register,
        scale_of(inputs, options),
        accounting=options.accounting,
        clock=options.clock,
        over="type",
        only=CONCESSION_TYPES,
    )
    rows = rows[counted_pieces(inputs, options)[rows["piece"].to_numpy()]].reset_index(drop=True)
    return with_shown_districts(inputs, options, rows)


def _under(inputs: TableInputs, options: TableOptions, kind: str) -> np.ndarray:
    """Which pieces lie under a type, in force or of unknown validity."""
    members = inputs.pieces.members
    state = members["today" if options.clock == "today" else "at_loss"].to_numpy() != NOT_IN_FORCE
    on = (inputs.register.rights["type"] == kind).to_numpy()[members["right"].to_numpy()] & state
    under = np.zeros(len(inputs.pieces), bool)
    under[members["piece"].to_numpy()[on]] = True
    return under


def _with_area(inputs: TableInputs, options: TableOptions) -> TableOptions:
    """The options, split by area where the register has areas."""
    has = bool((inputs.register.rights["type"] == "area").any())
    return replace(options, by=("area", *options.by)) if has and "area" not in options.by else options


SPECS = (
    TableSpec(
        name="loss_by_concession_type",
        description="Forest loss on concessions by type, per area (SPDA chart 4, overlaps counted once).",
        build=loss_by_concession_type,
        uses=("by", "accounting", "clock", "measure", "scale", "area"),
        columns=columns(by_columns(), CLASS, HECTARES, SHARES, HOW),
        notes=("Loss outside concessions is not in this table; see share_inside_outside.",),
    ),
    TableSpec(
        name="share_inside_outside",
        description="Forest loss inside concessions by type, and outside (SPDA charts 5 to 7).",
        build=share_inside_outside,
        uses=OPTIONS,
        columns=columns(by_columns(), PERIOD, CLASS, WATCHED, HECTARES, SHARES, HOW),
        notes=("Rows `excluded: ...` have no share: the source leaves them out.",),
    ),
    TableSpec(
        name="site_category",
        description="Forest loss by planetGOLD category as a proxy for the place.",
        build=site_category,
        uses=("by", "measure", "scale", "area"),
        columns=columns(
            by_columns(),
            column(
                "site_category",
                "text",
                "Site proxy of the planetGOLD category: I to IV or undetermined; a place, not an operator.",
            ),
            HECTARES,
            SHARES,
            HOW,
        ),
        notes=("A place, not an operator; categories come from other settings than Madre de Dios.",),
    ),
)
