"""Ground of the rights themselves, by face: what the tables of rights share."""

import numpy as np
import pandas as pd

from selvawatch.attribute.faces import Faces
from selvawatch.attribute.touches import only_touch
from selvawatch.core.schema import column
from selvawatch.errors import TableError
from selvawatch.register.register import NOT_IN_FORCE, validity
from selvawatch.tables.base import NO_DISTRICT, TableInputs, layer_dates

NEVER = np.iinfo(np.int64).max // 4
"""Day of what has no date."""

REGISTER = (
    column("register_version", "text", "Digest of the register."),
    column("layer_dates", "text", "Date of each layer, as layer=date."),
)

THREE = (
    column("ha", "float", "Hectares the table is about.", unit="ha"),
    column("ha_lo", "float", "Least.", unit="ha"),
    column("ha_hi", "float", "Most.", unit="ha"),
)


def need_faces(inputs: TableInputs) -> Faces:
    """The faces; TableError where the inputs have none."""
    if inputs.faces is None:
        raise TableError("this table needs the faces of the register", needed="TableInputs.faces")
    return inputs.faces


def face_rights(inputs: TableInputs, faces: Faces, *, today: bool = False) -> pd.DataFrame:
    """face, right, right_id, type, ha and area of every face and right (latest version) over it."""
    rights = inputs.register.rights
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    right = faces.members
    latest = ~rights["right_id"].duplicated(keep="last").to_numpy()
    kept = latest[right] & (rights["kind"] == "right").to_numpy()[right]
    if today:
        now = validity(rights).states(right, np.full(len(right), inputs.pieces.today, np.int64))
        kept &= now != NOT_IN_FORCE
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
