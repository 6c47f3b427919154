"""Ground of zone upon zone: how much of each lies under each other one today."""

import numpy as np
import pandas as pd

from selvawatch.core.schema import column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.errors import TableError
from selvawatch.register.register import IN_FORCE, NOT_IN_FORCE, validity
from selvawatch.tables.base import TableInputs, TableSpec
from selvawatch.tables.by_zone.named_zones import KEYS, NAMED, NAMED_TYPES, named_zones
from selvawatch.tables.rights_by_face import REGISTER, THREE, areas_of_faces, need_faces, of_register
from selvawatch.tables.wording.explanations import share_of


def zone_overlaps(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Ground of every zone, and of every two that share some: each pair once, a zone with itself its own.

    As of today; `ha_lo` counts what is surely in force, `ha` and `ha_hi` also what may be. Pairs without a
    row share no ground.
    """
    faces = need_faces(inputs)
    zones, position = named_zones(inputs)
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    today = np.full(len(faces.members), inputs.pieces.today, np.int64)
    state = validity(inputs.register.rights).states(faces.members, today)
    key = position[faces.members]
    kept = (key >= 0) & (state != NOT_IN_FORCE)
    if options.area:
        areas = areas_of_faces(inputs, faces)
        if options.area not in areas:
            raise TableError("no ground of the area", got=options.area, needed=sorted(set(areas) - {""}))
        kept &= (areas == options.area)[face]
    rows = pd.DataFrame({"face": face[kept], "key": key[kept], "sure": state[kept] == IN_FORCE})
    rows = rows.groupby(["face", "key"], as_index=False).agg(sure=("sure", "any"))
    pairs = rows.merge(rows, on="face", suffixes=("", "_other"))
    pairs = pairs[pairs["key"] <= pairs["key_other"]]
    ha = faces.ha[pairs["face"].to_numpy()]
    pairs = pairs.assign(ha=ha, ha_lo=ha * (pairs["sure"] & pairs["sure_other"]), ha_hi=ha)
    table = pairs.groupby(["key", "key_other"], as_index=False)[["ha", "ha_lo", "ha_hi"]].sum()
    ground = table[table["key"] == table["key_other"]].set_index("key")["ha"]
    table["share"] = table["ha"] / table["key"].map(ground)
    table["share_other"] = table["ha"] / table["key_other"].map(ground)
    table["share_of"] = share_of("zone")
    for suffix in ("", "_other"):
        at = table[f"key{suffix}"].to_numpy(np.int64)
        for name in KEYS:
            table[f"{name}{suffix}"] = zones[name].to_numpy(object)[at]
    table = table.drop(columns=["key", "key_other"]).reset_index(drop=True)
    return table.assign(additive=False, **of_register(inputs))


SPECS = (
    TableSpec(
        name="zone_overlaps",
        description="Ground of zone upon zone today; a zone with itself is all its ground.",
        build=zone_overlaps,
        uses=("area",),
        of_types=NAMED_TYPES,
        columns=columns(
            NAMED,
            column("zone_other", "text", "Type of the other zone."),
            column("name_other", "text", "Name of the other zone."),
            column("layer_other", "text", "Layer of the register that holds the other zone."),
            THREE,
            column("share", "float", "Part of what `share_of` names, 0 to 1.", nullable=True),
            column("share_other", "float", "Part of the other zone's ground.", nullable=True),
            column("share_of", "text", "What the share is a share of."),
            column(
                "additive", "bool", "Whether rows may be added up; if not, rights or zones overlap in them."
            ),
            REGISTER,
        ),
        notes=("Not additive: ground under three zones stands in three pairs.",),
    ),
)
