"""Steps of formalization that the place of a mining right makes hard (Salo et al. 2016).

Of the six steps, the third settles conflicts over the surface, the fourth needs the water authority. A right
over another one meets the third, one near water the fourth. That is structure, not the state of a file.
"""

import numpy as np
import pandas as pd

from selvawatch.attribute.accountings import KEPT_ASIDE
from selvawatch.attribute.seniority import MINING
from selvawatch.attribute.touches import only_touch
from selvawatch.core.schema import Tier, column, columns
from selvawatch.core.table_options import TableOptions
from selvawatch.register.register import IN_FORCE, validity
from selvawatch.tables.base import PublicForm, TableInputs, TableSpec, settings_of
from selvawatch.tables.conflicts import has_water, water_distance, with_water_layers
from selvawatch.tables.rights_by_face import (
    REGISTER,
    THREE,
    districts_of_faces,
    face_rights,
    need_faces,
    of_register,
    rows_under,
)
from selvawatch.tables.single_rights import DISTRICT, RIGHTS_N, joined_rows, nullable, refuse_area


def blocking_steps(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Mining rights of today, each with its ground under other rights, its nearness to water and zones.

    `blocking_steps` names the steps that the place makes hard: `3` where another land-use right lies over
    more of it than the thresholds of `aoi/tables.toml`, `4` where water is nearer than theirs, `4?` where no
    layer of water is at hand. The share in a zone is empty where no layer tells of that zone today.
    `sernanp_opinion`: whether any of it lies in a buffer zone.
    """
    table = _by_right(inputs, options)
    table = table.drop(columns="right").assign(additive=False, **of_register(inputs))
    return with_water_layers(table, inputs)


def blocking_steps_public(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """Mining rights of today by type and district: how many there are, and how many each step is hard for.

    A right in two districts stands in both, each with its ground there.
    """
    refuse_area(options, "blocking_steps")
    faces = need_faces(inputs)
    table = _by_right(inputs, options).set_index("right")
    rows = face_rights(inputs, faces, today=True)
    rows = rows[rows["right"].isin(table.index)]
    rows = rows.assign(district=districts_of_faces(inputs, faces)[rows["face"].to_numpy()])
    rows = rows.groupby(["type", "district", "right"], as_index=False).agg(ha=("ha", "sum"))
    steps = table["blocking_steps"].reindex(rows["right"]).astype(object).str.split()
    for name, step in (("overlapping_n", "3"), ("near_water_n", "4"), ("water_unknown_n", "4?")):
        rows[name] = [int(step in found) for found in steps]
    opinion = table["sernanp_opinion"].reindex(rows["right"]).to_numpy()
    rows["opinion_n"], rows["opinion_unknown_n"] = (opinion == "yes") * 1, (opinion == "unknown") * 1
    rows["ha_lo"] = rows["ha_hi"] = rows["ha"]
    values = rows.drop(columns="right")
    joined = joined_rows(rows, values, {"rights_n": "right"}, inputs.least_rights)
    for name in (one.name for one in _COUNTS):
        joined[name] = joined[name].astype("Int64")
    known = {"near_water_n": has_water(inputs), "opinion_n": bool(table["buffer_share"].notna().all())}
    for name in (name for name, is_known in known.items() if not is_known):
        joined[name] = joined[name].mask(np.ones(len(joined), bool))
    return with_water_layers(joined.assign(additive=False, **of_register(inputs)), inputs)


def _by_right(inputs: TableInputs, options: TableOptions) -> pd.DataFrame:
    """The rows of `blocking_steps`, with the position of each right in the register."""
    faces, settings = need_faces(inputs), settings_of(inputs).blocking
    rows = face_rights(inputs, faces, today=True)
    mining = rows[rows["type"].isin(MINING)]
    if options.area:
        mining = mining[mining["area"] == options.area]
    others = rows[~rows["type"].isin([*MINING, *KEPT_ASIDE])]
    table = mining.groupby("right", as_index=False).agg(ha=("ha", "sum"))
    over = mining[["face", "right", "ha"]].merge(
        others[["face", "right", "type"]], on="face", suffixes=("", "_other")
    )
    over = over[~only_touch(faces, over["right"].to_numpy(), over["right_other"].to_numpy())]
    once = over.drop_duplicates(["face", "right"]).groupby("right")["ha"].sum()
    table["overlap_ha"] = table["right"].map(once).fillna(0.0)
    kinds = over.groupby("right")["type"].unique().map(lambda found: " ".join(sorted(found)))
    table["overlap_types"] = table["right"].map(kinds)
    today = np.array([inputs.pieces.today])
    for kind, name in (("corridor", "corridor"), ("buffer", "buffer"), ("protected_core", "core")):
        under = rows_under(inputs, faces, mining, kind)
        share = table["right"].map(under.groupby("right")["ha"].sum()).fillna(0.0) / table["ha"]
        table[f"{name}_share"] = (
            np.minimum(share, 1.0) if inputs.register.could_hold(kind, today)[0] else np.nan
        )
    opinion = np.where(table["buffer_share"] > 0, "yes", "no")
    table["sernanp_opinion"] = np.where(table["buffer_share"].isna(), "unknown", opinion)
    rights = inputs.register.rights
    for name in ("right_id", "type", "status"):
        table[name] = rights[name].to_numpy(object)[table["right"]]
    near = water_distance(inputs, mining)
    table["distance_water_m"] = table["right_id"].map(near) if near else np.nan
    third = (table["overlap_ha"] > settings.least_ha) | (
        table["overlap_ha"] > settings.least_share * table["ha"]
    )
    fourth = table["distance_water_m"] < settings.water_m
    unsure = table["distance_water_m"].isna()
    steps = zip(third, fourth, unsure, strict=True)
    table["blocking_steps"] = [_steps(*one) for one in steps]
    table["state"] = _state(inputs, table["right"].to_numpy())
    table["ha_lo"] = table["ha_hi"] = table["ha"]
    return table.sort_values(["ha", "right_id"], ascending=[False, True]).reset_index(drop=True)


def _steps(third: bool, fourth: bool, unsure: bool) -> str:
    found = ["3"] if third else []
    found += ["4?"] if unsure else ["4"] if fourth else []
    return " ".join(found) or "none"


def _state(inputs: TableInputs, right: np.ndarray) -> np.ndarray:
    """Whether each right is in force today: `in_force` or `unknown` (those that are not are not listed)."""
    today = np.full(len(right), inputs.pieces.today, np.int64)
    state = validity(inputs.register.rights).states(right, today)
    return np.where(state == IN_FORCE, "in_force", "unknown")


_COUNTS = tuple(
    column(name, "int", description, nullable=True)
    for name, description in (
        ("overlapping_n", "Of these, with step 3: another right lies over it."),
        ("near_water_n", "Of these, with step 4: water is near; empty: no layer of water tells."),
        ("water_unknown_n", "Of these, where no layer of water tells."),
        (
            "opinion_n",
            "Of these, part in a buffer zone: an opinion of SERNANP is required; empty: no layer tells.",
        ),
        ("opinion_unknown_n", "Of these, where no layer of buffer zones tells."),
    )
)

SPECS = (
    TableSpec(
        name="blocking_steps",
        description="Steps of formalization that the place of each mining right makes hard.",
        build=blocking_steps,
        uses=("area",),
        of_types=MINING,
        columns=columns(
            column(
                "right_id",
                "text",
                "Stable id of the right: its layer and its key in the source.",
                tier=Tier.RESTRICTED,
            ),
            column("type", "text", "Whether it is a mining title or an application."),
            column("status", "text", "Status as the source has it.", nullable=True),
            column("state", "text", "Whether the right is in force today, or its validity unknown."),
            THREE,
            column(
                "blocking_steps",
                "text",
                "3: another right lies over it; 4: water is near; 4?: no layer of water; none.",
            ),
            column("overlap_ha", "float", "Ground of the right that lies under other rights.", unit="ha"),
            column(
                "overlap_types",
                "text",
                "Types of the rights that lie over it, separated by spaces.",
                nullable=True,
            ),
            column(
                "distance_water_m",
                "float",
                "Distance of the right to the nearest river or water.",
                unit="m",
                nullable=True,
            ),
            column(
                "corridor_share",
                "float",
                "Part of the right's ground inside the mining corridor, 0 to 1.",
                nullable=True,
            ),
            column(
                "buffer_share", "float", "Part of the right's ground in a buffer zone, 0 to 1.", nullable=True
            ),
            column(
                "core_share",
                "float",
                "Part of the right's ground in a protected core, 0 to 1.",
                nullable=True,
            ),
            column(
                "sernanp_opinion",
                "text",
                "Whether an opinion of SERNANP is required (part in a buffer zone): yes, no or unknown.",
            ),
            column(
                "additive", "bool", "Whether rows may be added up; if not, rights or zones overlap in them."
            ),
            REGISTER,
        ),
        notes=(
            "Traits of a place, not the state of a file; the holder of a title is not whoever works there.",
        ),
        public=PublicForm(
            build=blocking_steps_public,
            columns=columns(
                column("type", "text", "Whether it is a mining title or an application."),
                DISTRICT,
                RIGHTS_N,
                nullable(THREE),
                _COUNTS,
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
