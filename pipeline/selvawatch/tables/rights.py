"""Loss on each right."""

import numpy as np
import pandas as pd

from selvawatch.core.schema import Tier, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import AREAS_OF_RIGHTS
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN
from selvawatch.tables.base import PublicForm, TableInputs, TableSpec, counted_pieces, district_of
from selvawatch.tables.rights_by_face import REGISTER, THREE, of_register
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


def loss_by_right(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on each right: in all, while in force, while its validity was unknown, and out of its time.

    Not additive: rights overlap.
    """
    rights = inputs.register.rights
    table = _loss_on_rights(inputs, options).drop(columns="piece").groupby("right", as_index=False).sum()
    of = rights.iloc[table["right"].to_numpy()].reset_index(drop=True)
    for name in ("right_id", "type", "layer", "status", "holder_type", "valid_from", "valid_to"):
        table[name] = of[name]
    for area in AREAS_OF_RIGHTS:
        table[area.name] = of[area.name]
    table["share"] = np.minimum(table["ha"] / table["ha_here"], 1.0)
    table["share_of"] = "the right's own ground"
    table = table.sort_values(["ha", "right_id"], ascending=[False, True]).reset_index(drop=True)
    return table.drop(columns="right").assign(additive=False, **of_register(inputs))


def loss_by_right_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on rights by their type and district, each row of so many rights that none is told of alone."""
    refuse_area(options, "loss_by_right")
    rows = _by_district(inputs, options)
    values = rows.drop(columns=["piece", "right"])
    table = joined_rows(rows, values, {"rights_n": "right"}, inputs.least_rights)
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
    shown = shown_as(_by_district(inputs, options), ["right"], inputs.least_rights)
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
    """Loss of each piece on each right over it, with its type, district and id; only where there is some."""
    rights = inputs.register.rights
    rows = _loss_on_rights(inputs, options)
    rows = rows[(rows["ha"] > 0).to_numpy()]
    right = rows["right"].to_numpy()
    return rows.assign(
        type=rights["type"].to_numpy(object)[right],
        district=district_of(inputs, "district")[rows["piece"].to_numpy()],
        right=rights["right_id"].to_numpy(object)[right],
    )


def _loss_on_rights(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss of each piece on each right over it, by position in the register."""
    members, frame = inputs.pieces.members, inputs.pieces.frame
    kept = counted_pieces(inputs, options)[members["piece"].to_numpy()]
    owned = (inputs.register.rights["kind"] == "right").to_numpy()[members["right"].to_numpy()]
    rows = members[kept & owned]
    piece, state = rows["piece"].to_numpy(), rows["at_loss"].to_numpy()
    ha = np.asarray(frame["ha"], np.float64)[piece]
    mining = (frame["cause"] == "mining").to_numpy()[piece]
    return pd.DataFrame(
        {
            "right": rows["right"].to_numpy(),
            "piece": piece,
            "ha": ha,
            "ha_lo": np.asarray(frame["ha_lo"], np.float64)[piece],
            "ha_hi": np.asarray(frame["ha_hi"], np.float64)[piece],
            "loss_all": ha,
            "loss_mining": ha * mining,
            "loss_in_force": ha * ((state != NOT_IN_FORCE) & (state != UNKNOWN)),
            "loss_unknown": ha * (state == UNKNOWN),
            "loss_out_of_time": ha * (state == NOT_IN_FORCE),
        }
    )


_LOSS = columns(
    column("loss_all", "float", "All loss.", unit="ha"),
    column("loss_mining", "float", "Of it mining.", unit="ha"),
    column("loss_in_force", "float", "While in force.", unit="ha"),
    column("loss_unknown", "float", "While validity is unknown.", unit="ha"),
    column("loss_out_of_time", "float", "Before or after.", unit="ha"),
)

SPECS = (
    TableSpec(
        name="loss_by_right",
        description="Loss on each right (not additive: rights overlap).",
        build=loss_by_right,
        uses=("area",),
        columns=columns(
            column("right_id", "text", "Right.", tier=Tier.RESTRICTED),
            column("type", "text", "Type."),
            column("layer", "text", "Layer."),
            column("status", "text", "Status.", nullable=True),
            column("holder_type", "text", "Type of holder.", tier=Tier.RESTRICTED),
            column("valid_from", "date", "First day in force.", nullable=True),
            column("valid_to", "date", "First day no longer.", nullable=True),
            AREAS_OF_RIGHTS,
            THREE,
            _LOSS,
            column("share", "float", "Part of `share_of`."),
            column("share_of", "text", "What the share is a share of."),
            column("additive", "bool", "Whether rows may be added up."),
            REGISTER,
        ),
        public=PublicForm(
            build=loss_by_right_public,
            columns=columns(
                column("type", "text", "Type."),
                DISTRICT,
                RIGHTS_N,
                nullable(THREE),
                nullable(_LOSS),
                column("additive", "bool", "Whether rows may be added up."),
                REGISTER,
            ),
        ),
    ),
)
