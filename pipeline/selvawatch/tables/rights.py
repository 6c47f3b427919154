"""Loss on each right."""

import numpy as np
import pandas as pd

from selvawatch.core.schema import Tier, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN
from selvawatch.tables.base import TableInputs, TableSpec, counted_pieces
from selvawatch.tables.rights_by_face import REGISTER, THREE, of_register


def loss_by_right(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Loss on each right: in all, while in force, while its validity was unknown, and out of its time.

    Not additive: rights overlap.
    """
    members, frame = inputs.pieces.members, inputs.pieces.frame
    kept = counted_pieces(inputs, options)[members["piece"].to_numpy()]
    rights = inputs.register.rights
    owned = (rights["kind"] == "right").to_numpy()[members["right"].to_numpy()]
    rows = members[kept & owned]
    piece, state = rows["piece"].to_numpy(), rows["at_loss"].to_numpy()
    ha = np.asarray(frame["ha"], np.float64)[piece]
    mining = (frame["cause"] == "mining").to_numpy()[piece]
    table = pd.DataFrame(
        {
            "right": rows["right"].to_numpy(),
            "ha": ha,
            "ha_lo": np.asarray(frame["ha_lo"], np.float64)[piece],
            "ha_hi": np.asarray(frame["ha_hi"], np.float64)[piece],
            "loss_mining": ha * mining,
            "loss_in_force": ha * ((state != NOT_IN_FORCE) & (state != UNKNOWN)),
            "loss_unknown": ha * (state == UNKNOWN),
            "loss_out_of_time": ha * (state == NOT_IN_FORCE),
        }
    )
    table = table.groupby("right", as_index=False).sum()
    of = rights.iloc[table["right"].to_numpy()].reset_index(drop=True)
    for name in ("right_id", "type", "layer", "status", "holder_type", "valid_from", "valid_to", "ha_gis"):
        table[name] = of[name]
    table["share"] = np.minimum(table["ha"] / table["ha_gis"], 1.0)
    table["share_of"] = "the right's own ground"
    table["loss_all"] = table["ha"]
    table = table.sort_values(["ha", "right_id"], ascending=[False, True]).reset_index(drop=True)
    return table.drop(columns="right").assign(additive=False, **of_register(inputs))


SPECS = (
    TableSpec(
        name="loss_by_right",
        description="Loss on each right (not additive: rights overlap).",
        build=loss_by_right,
        columns=columns(
            column("right_id", "text", "Right.", tier=Tier.RESTRICTED),
            column("type", "text", "Type."),
            column("layer", "text", "Layer."),
            column("status", "text", "Status.", nullable=True),
            column("holder_type", "text", "Type of holder.", tier=Tier.RESTRICTED),
            column("valid_from", "date", "First day in force.", nullable=True),
            column("valid_to", "date", "First day no longer.", nullable=True),
            column("ha_gis", "float", "Ground of the right.", unit="ha"),
            THREE,
            column("loss_all", "float", "All loss.", unit="ha"),
            column("loss_mining", "float", "Of it mining.", unit="ha"),
            column("loss_in_force", "float", "While in force.", unit="ha"),
            column("loss_unknown", "float", "While validity is unknown.", unit="ha"),
            column("loss_out_of_time", "float", "Before or after.", unit="ha"),
            column("share", "float", "Part of `share_of`."),
            column("share_of", "text", "What the share is a share of."),
            column("additive", "bool", "Whether rows may be added up."),
            REGISTER,
        ),
    ),
)
