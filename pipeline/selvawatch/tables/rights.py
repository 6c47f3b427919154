"""Loss on each right."""

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import OWNED_TYPES
from selvawatch.core.schema import Tier, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import AREAS_OF_RIGHTS
from selvawatch.register.dating.timelines import last_rows
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN
from selvawatch.tables.base import PublicForm, TableInputs, TableSpec, counted_pieces, district_of
from selvawatch.tables.rights_by_face import REGISTER, THREE, described_rights, of_register
from selvawatch.tables.single_rights import (
    DISTRICT,
    OTHER_DISTRICTS,
    OTHER_TYPES,
    RIGHTS_N,
    joined_rows,
    nullable,
    refuse_area,
    shown_as,
)
from selvawatch.tables.wording.explanations import share_of


def loss_by_right(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on each right: in all, while in force, while its validity was unknown, and out of its time.

    A right is one row, whatever states it had (`states`); its type is that of the last, its other columns
    what the latest snapshot says. Not additive: rights overlap.
    """
    rows = _loss_on_rights(inputs, options, ["right_id"])
    table = rows.drop(columns=["piece"]).groupby("right_id", as_index=False).sum()
    of = described_rights(inputs.register.rights, table["right_id"].to_numpy(object))
    table = pd.concat([table, of.drop(columns="right_id")], axis=1)
    table["share"] = np.minimum(table["ha"] / table.pop("outlines_ha"), 1.0)
    table["share_of"] = share_of("right")
    table = table.sort_values(["ha", "right_id"], ascending=[False, True]).reset_index(drop=True)
    return table.assign(additive=False, **of_register(inputs))


def loss_by_right_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on rights by their type and district, each row of so many rights that none is told of alone."""
    refuse_area(options, "loss_by_right")
    rows = _by_district(inputs, options)
    values = rows.drop(columns=["piece", "right_id"])
    table = joined_rows(rows, values, {"rights_n": "right_id"}, inputs.least_rights)
    return table.assign(additive=False, **of_register(inputs))


def with_shown_districts(inputs: TableInputs, options: TableOptions, rows: pd.DataFrame) -> pd.DataFrame:
    """Weighted pieces with the district, and the class, that a table by district shows them under.

    Below the partner tier the ground of a district in which `loss_by_right` joins a row is that of `other
    districts`, whatever its class; a type that it joins, and a combination there, is `other types`: a table
    that showed the rest of such a district would give the row back. In other tiers, and without districts,
    the rows as they are.

    rows: of `accountings.account`, over types.
    """
    if inputs.tier >= Tier.PARTNER or "district" not in options.by:
        return rows
    shown = shown_as(_by_district(inputs, options), ["right_id"], inputs.least_rights)
    joined = shown[shown["shown_district"] == OTHER_DISTRICTS]
    few = set(shown["type"][shown["shown_type"] == OTHER_TYPES])
    district = pd.Series(district_of(inputs, "district")[rows["piece"].to_numpy()], rows.index)
    elsewhere = district.isin(joined["district"])
    parts = [{part.rstrip("?") for part in str(label).split("+")} for label in rows["class"]]
    is_few = np.array([bool(few & kinds) for kinds in parts], bool)
    is_few |= elsewhere.to_numpy() & np.array([len(kinds) > 1 for kinds in parts], bool)
    return rows.assign(
        **{
            "class": rows["class"].mask(is_few, OTHER_TYPES),
            "district": district.mask(elsewhere, OTHER_DISTRICTS),
        }
    )


def _by_district(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss of each piece on each right over it, with its type, district and id; only where there is some.

    A right that had two types stands for each piece under the one that it was of, or may have been of; where
    it was of none, under its last.
    """
    rows = _loss_on_rights(inputs, options, ["right_id", "type"])
    rows = rows[(rows["ha"] > 0).to_numpy()]
    rights = inputs.register.rights.iloc[last_rows(inputs.register.rights)]
    last = rows["right_id"].map(dict(zip(rights["right_id"], rights["type"], strict=True)))
    order = pd.DataFrame(
        {"out": rows["loss_in_force"] == 0, "sure": rows["loss_unknown"] == 0, "other": rows["type"] != last}
    )
    best = order.sort_values(["out", "sure", "other"], kind="stable").index
    rows = rows.loc[best].drop_duplicates(["piece", "right_id"]).sort_index()
    return rows.assign(district=district_of(inputs, "district")[rows["piece"].to_numpy()])


def _loss_on_rights(inputs: TableInputs, options: TableOptions, keys: list[str]) -> pd.DataFrame:
    """Loss of each piece on each right over it, once by the keys, however many versions lie there."""
    members, frame = inputs.pieces.members, inputs.pieces.frame
    kept = counted_pieces(inputs, options)[members["piece"].to_numpy()]
    kept &= ~members["gives_way"].to_numpy(bool)
    rights = inputs.register.rights
    rows = members[kept & (rights["kind"] == "right").to_numpy()[members["right"].to_numpy()]]
    state = rows["at_loss"].to_numpy()
    of = rights[["right_id", "type"]].iloc[rows["right"].to_numpy()].reset_index(drop=True)
    live = (state != NOT_IN_FORCE) & (state != UNKNOWN)
    applied = live & (of["type"] == "mining_application").to_numpy()
    flags = of.assign(piece=rows["piece"].to_numpy(), live=live, unknown=state == UNKNOWN, applied=applied)
    found = flags.groupby(["piece", *keys], as_index=False)[["live", "unknown", "applied"]].any()
    piece, live = found["piece"].to_numpy(), found["live"].to_numpy(bool)
    unknown = found["unknown"].to_numpy(bool) & ~live
    ha = np.asarray(frame["ha"], np.float64)[piece]
    return found[["piece", *keys]].assign(
        ha=ha,
        ha_lo=np.asarray(frame["ha_lo"], np.float64)[piece],
        ha_hi=np.asarray(frame["ha_hi"], np.float64)[piece],
        loss_all=ha,
        loss_mining=ha * (frame["cause"] == "mining").to_numpy()[piece],
        loss_in_force=ha * live,
        loss_under_application=ha * found["applied"].to_numpy(bool),
        loss_unknown=ha * unknown,
        loss_out_of_time=ha * ~(live | unknown),
    )


_LOSS = columns(
    column("loss_all", "float", "All forest loss on the right, whenever it was in force.", unit="ha"),
    column("loss_mining", "float", "Of that, loss whose published cause is mining.", unit="ha"),
    column(
        "loss_in_force", "float", "Loss on the right while it was in force, as an application too.", unit="ha"
    ),
    column(
        "loss_under_application",
        "float",
        "Of the loss while in force, what fell while it was an application.",
        unit="ha",
    ),
    column(
        "loss_unknown", "float", "Loss on the right while nobody knows whether it was in force.", unit="ha"
    ),
    column(
        "loss_out_of_time", "float", "Loss on the right's ground before it was in force, or after.", unit="ha"
    ),
)

SPECS = (
    TableSpec(
        name="loss_by_right",
        description="Loss on each right (not additive: rights overlap).",
        build=loss_by_right,
        uses=("area",),
        of_types=OWNED_TYPES,
        columns=columns(
            column(
                "right_id",
                "text",
                "Stable id of the right: its layer and its key in the source.",
                tier=Tier.RESTRICTED,
            ),
            column("type", "text", "Type of right that it was in its last state."),
            column(
                "states",
                "text",
                "What it was and when, oldest first: type, first day to first day no longer; "
                "`?` where unknown or not sure.",
            ),
            column("layer", "text", "Layer of the register that holds the right."),
            column("status", "text", "Status of the right, as its source states it.", nullable=True),
            column(
                "holder_type",
                "text",
                "What kind of holder the right has: natural_person, company, community, state or unknown.",
                tier=Tier.RESTRICTED,
            ),
            column(
                "valid_from",
                "date",
                "First day on which the right was in force; empty: unknown.",
                nullable=True,
            ),
            column(
                "valid_to",
                "date",
                "First day on which the right was no longer in force; empty: open or unknown.",
                nullable=True,
            ),
            AREAS_OF_RIGHTS,
            THREE,
            _LOSS,
            column("share", "float", "Part of what `share_of` names, 0 to 1."),
            column("share_of", "text", "What the share is a share of."),
            column(
                "additive", "bool", "Whether rows may be added up; if not, rights or zones overlap in them."
            ),
            REGISTER,
        ),
        public=PublicForm(
            build=loss_by_right_public,
            columns=columns(
                column("type", "text", "Type of the right; other types: of those not shown alone."),
                DISTRICT,
                RIGHTS_N,
                nullable(THREE),
                nullable(_LOSS),
                column(
                    "additive",
                    "bool",
                    "Whether rows may be added up; if not, rights or zones overlap in them.",
                ),
                REGISTER,
            ),
        ),
    ),
)
