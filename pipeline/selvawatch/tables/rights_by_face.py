"""Ground of the rights themselves, by face: what the tables of rights share."""

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.faces import Faces
from selvawatch.attribute.touches import only_touch
from selvawatch.core.days import day_numbers, to_date
from selvawatch.core.schema import column
from selvawatch.core.tables import AREAS_OF_RIGHTS
from selvawatch.errors import TableError
from selvawatch.register.dating.timelines import (
    EVER,
    Timelines,
    dated_by_application,
    last_rows,
    runs,
    timelines,
)
from selvawatch.register.register import NOT_IN_FORCE, Validity, validity
from selvawatch.tables.base import LAYER_DATES, NO_DISTRICT, TableInputs, layer_dates

NEVER = np.iinfo(np.int64).max // 4
"""Day of what has no date."""

REGISTER = (
    column("register_version", "text", "Digest (sha256) of the register that the row was made with."),
    LAYER_DATES,
)

THREE = (
    column("ha", "float", "Hectares the table is about.", unit="ha"),
    column(
        "ha_lo", "float", "Least: what surely is, by days and confirmed pixels; no error interval.", unit="ha"
    ),
    column("ha_hi", "float", "Most: also what may be, by days or edges; no error interval.", unit="ha"),
)


def need_faces(inputs: TableInputs) -> Faces:
    """The faces; TableError where the inputs have none."""
    if inputs.faces is None:
        raise TableError("this table needs the faces of the register", needed="TableInputs.faces")
    return inputs.faces


def face_rights(inputs: TableInputs, faces: Faces, *, today: bool = False) -> pd.DataFrame:
    """face, right, right_id, type, ha and area of every face and right over it, by its last state or now."""
    rights = inputs.register.rights
    if not today:
        return faces_of_rows(inputs, faces, last_rows(rights))
    every = np.arange(len(rights))
    now = validity(rights).states(every, np.full(len(rights), inputs.pieces.today, np.int64))
    return faces_of_rows(inputs, faces, every[now != NOT_IN_FORCE])


def faces_of_rows(inputs: TableInputs, faces: Faces, rows: np.ndarray) -> pd.DataFrame:
    """face, right, right_id, type, ha and area of every face under some rows of the register that are rights.

    rows: positions in the register, int.
    """
    rights = inputs.register.rights
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    right = faces.members
    chosen = np.zeros(len(rights), bool)
    chosen[rows] = True
    kept = (chosen & (rights["kind"] == "right").to_numpy())[right]
    area = areas_of_faces(inputs, faces)
    face, right = face[kept], right[kept]
    return pd.DataFrame(
        {
            "face": face,
            "right": right,
            "right_id": rights["right_id"].to_numpy(object)[right],
            "type": rights["type"].to_numpy(object)[right],
            "ha": faces.ha[face],
            "area": area[face],
        }
    )


def grants(rights: pd.DataFrame) -> pd.DataFrame:
    """One row for each time that a right became what it is of a type: right (position), day, sure, applied.

    `day` (int64; NEVER: not dated) is the first day in force, of the application where that is not known
    (`applied`), of the snapshot that first shows it where neither is. `sure`: it is the first of these.
    """
    line, asked = timelines(rights), dated_by_application(rights)
    rows = np.flatnonzero(line.starts < line.ends)
    ids, kinds = rights["right_id"].to_numpy(object), rights["type"].to_numpy(object)
    group = pd.factorize(pd.MultiIndex.from_arrays([ids[rows], kinds[rows]]))[0]
    _, first = runs(group, line.starts[rows], line.ends[rows])
    silent = last_rows(rights)
    rows = np.sort(np.concatenate([rows[first], silent[line.starts[silent] >= line.ends[silent]]]))
    start, stated = line.starts[rows], day_numbers(rights["valid_from"], -EVER)[rows]
    start = np.where(start == -EVER, day_numbers(rights["applied_on"], NEVER)[rows], start)
    seen = day_numbers(rights["recorded_from"])[rows]
    by_snapshot = (start == seen) & (stated != start)
    applied = asked[rows] & ~by_snapshot & (start < NEVER)
    return pd.DataFrame(
        {"right": rows, "day": start, "sure": (start < NEVER) & ~applied & ~by_snapshot, "applied": applied}
    )


def described_rights(rights: gpd.GeoDataFrame, ids: np.ndarray) -> pd.DataFrame:
    """What a right is, a row for each id: type, states, layer, status, holder_type, its dates and its ground.

    ids: object (n,). `valid_from` and `valid_to` are those of the last state, the areas those of the latest
    outline; `outlines_ha` is the ground of all outlines together.
    """
    line, sure = timelines(rights), validity(rights)
    wanted = rights[rights["right_id"].isin(ids)]
    last = pd.Series(last_rows(rights), rights["right_id"].to_numpy(object)[last_rows(rights)])
    latest = pd.Series(wanted.index, wanted["right_id"]).groupby(level=0).last()
    records = []
    for key, part in wanted.groupby("right_id"):
        rows = part.index.to_numpy()
        records.append((key, _states(rights, line, sure, rows), _outlines_ha(part)))
    found = (
        pd.DataFrame(records, columns=["right_id", "states", "outlines_ha"])
        .set_index("right_id")
        .reindex(ids)
    )
    at, now = last.reindex(ids).to_numpy(np.int64), latest.reindex(ids).to_numpy(np.int64)
    for name in ("type", "valid_from", "valid_to"):
        found[name] = rights[name].to_numpy()[at]
    for name in ("layer", "status", "holder_type", *(area.name for area in AREAS_OF_RIGHTS)):
        found[name] = rights[name].to_numpy()[now]
    return found.reset_index()


def _states(rights: pd.DataFrame, line: Timelines, sure: Validity, rows: np.ndarray) -> str:
    """The states of a right as text: `mining_application 2003-05-01 to 2010-02-01; mining 2010-02-01 to `."""
    found: list[list[object]] = []
    for row in sorted(rows.tolist(), key=lambda row: int(line.starts[row])):
        start, end = int(line.starts[row]), int(line.ends[row])
        if start >= end:
            continue
        listed = max(start, min(end, int(sure.listed_from[row])))
        cuts = [(start, end, "")] if line.known[row] else [(start, listed, "?"), (listed, end, "")]
        for begin, until, mark in cuts:
            label = f"{rights['type'].iloc[row]}{mark}"
            if begin >= until:
                continue
            if found and found[-1][0] == label and found[-1][2] == begin:
                found[-1][2] = until
            else:
                found.append([label, begin, until])
    return "; ".join(f"{label} {_iso(begin)}..{_iso(until)}" for label, begin, until in found)


def _iso(day: object) -> str:
    """ISO text of a day; empty for an open beginning or end."""
    return "" if abs(int(str(day))) >= EVER else to_date(int(str(day))).isoformat()


def _outlines_ha(rows: gpd.GeoDataFrame) -> float:
    """Hectares under any outline of a right."""
    outlines, ha = rows.geometry.to_numpy(), rows["ha_here"].to_numpy(np.float64)
    if shapely.equals_exact(outlines, outlines[-1]).all():
        return float(ha[-1])
    return float(ha[-1] * shapely.area(shapely.union_all(outlines)) / shapely.area(outlines[-1]))


def areas_of_faces(inputs: TableInputs, faces: Faces) -> np.ndarray:
    """Name of the area of interest that each face lies in, text (face,); empty where in none."""
    rights = inputs.register.rights
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    is_area = (rights["type"] == "area").to_numpy()[faces.members]
    area = np.full(len(faces), "", object)
    area[face[is_area]] = rights["name"].to_numpy(object)[faces.members[is_area]]
    return area


def districts_of_faces(inputs: TableInputs, faces: Faces) -> np.ndarray:
    """Name of the district that each face lies in today, text (face,); `none` where in none."""
    rights = inputs.register.rights
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    today = np.full(len(faces.members), inputs.pieces.today, np.int64)
    on = (rights["type"] == "district").to_numpy()[faces.members]
    on &= validity(rights).states(faces.members, today) != NOT_IN_FORCE
    first, index = np.unique(face[on], return_index=True)
    names = np.full(len(faces), NO_DISTRICT, object)
    names[first] = rights["name"].fillna("?").to_numpy()[faces.members[on][index]]
    return names


def rows_under(inputs: TableInputs, faces: Faces, rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Of the rows of `face_rights` those under a type today, in force or of unknown validity.

    A right that only touches all that is of the type on a face does not lie under it.
    """
    rights = inputs.register.rights
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    state = validity(rights).states(faces.members, np.full(len(faces.members), inputs.pieces.today, np.int64))
    on = (rights["type"] == kind).to_numpy()[faces.members] & (state != NOT_IN_FORCE)
    kinds = pd.DataFrame({"face": face[on], "zone": faces.members[on]})
    pairs = rows[["face", "right"]].reset_index().merge(kinds, on="face")
    inside = pairs[~only_touch(faces, pairs["right"].to_numpy(), pairs["zone"].to_numpy())]
    return rows.loc[rows.index.isin(inside["index"])]


def of_register(inputs: TableInputs) -> dict[str, str]:
    """Version and layer dates of the register, as columns."""
    return {
        "register_version": inputs.register.version,
        "layer_dates": layer_dates(inputs.register),
    }
