"""Rights and zones that only touch: so little ground shared that drawing explains it, not an overlap."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from selvawatch.attribute.faces import Faces
from selvawatch.core.hectares import hectares
from selvawatch.errors import SiteError
from selvawatch.register.register import Register


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Up to how much shared ground two rights, or a right and a zone, touch and do not overlap."""

    least_ha: float = 0.01
    """They touch where they share less than this, hectares; or ..."""
    least_share: float = 0.01
    """... less than this part of the smaller one, and ..."""
    share_to_ha: float = 0.1
    """... less than this, hectares."""

    def __post_init__(self) -> None:
        """Refuse what is no tolerance of hectares or of a part."""
        for name in ("least_ha", "least_share", "share_to_ha"):
            value = getattr(self, name)
            most = 1.0 if name == "least_share" else np.inf
            if not 0 <= value <= most or not np.isfinite(value):
                raise SiteError(
                    "no tolerance for touches",
                    where=f"tables.toml, touch.{name}",
                    got=value,
                    needed="0 to 1" if name == "least_share" else "hectares, 0 or more",
                )

    def holds(self, shared: np.ndarray, smaller: np.ndarray) -> np.ndarray:
        """Whether two that share so much ground only touch; all (n,), hectares, bool."""
        return (shared < self.least_ha) | (
            (shared < self.least_share * smaller) & (shared < self.share_to_ha)
        )


def with_touches(faces: Faces, register: Register, touch: Touch, equal_area: CRS) -> Faces:
    """The faces with what gives way to what on them (`Faces.touching`).

    Two rights, or a right and a zone, that share no more ground than the tolerance only touch, whatever
    faces that ground is cut in. A zone gives way to the right; of two rights the larger gives way, of equal
    ones the later in the register. Versions of one right do not touch one another, nor do zones.

    Raises
    ------
    SiteError
        For numbers that are no tolerance.
    """
    pairs = _sharing(faces, register)
    if not len(pairs):
        return faces
    outline_ha = _row_hectares(faces, register, equal_area)
    shared = pairs.groupby(["right_a", "right_b"], as_index=False)["ha"].sum()
    first, other = shared["right_a"].to_numpy(np.int64), shared["right_b"].to_numpy(np.int64)
    is_touch = touch.holds(shared["ha"].to_numpy(), np.minimum(outline_ha[first], outline_ha[other]))
    is_touch[is_touch] = _touch_beyond(faces, register, touch, (first[is_touch], other[is_touch]), equal_area)
    zone = (register.rights["kind"] == "zone").to_numpy()
    yields_first = np.where(
        zone[first] | zone[other],
        zone[first],
        (outline_ha[first] > outline_ha[other])
        | ((outline_ha[first] == outline_ha[other]) & (first > other)),
    )
    shared = shared.assign(yields_first=yields_first)[is_touch]
    found = pairs.drop(columns="ha").merge(shared, on=["right_a", "right_b"])
    entries = found[["entry_a", "entry_b"]].to_numpy(np.int64)
    flipped = ~found["yields_first"].to_numpy(bool)
    entries[flipped] = entries[flipped][:, ::-1]
    return replace(faces, touching=entries[np.lexsort((entries[:, 1], entries[:, 0]))])


def touching_rights(faces: Faces) -> np.ndarray:
    """(pairs, 2) int64: register rows that only touch, the one that gives way first, each pair once."""
    return np.unique(faces.members[faces.touching], axis=0).reshape(-1, 2)


def only_touch(faces: Faces, first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether two register rows only touch, in whatever order; both (n,) int, bool (n,)."""
    known = touching_rights(faces)
    known = np.concatenate([known, known[:, ::-1]])
    wanted = pd.MultiIndex.from_arrays([first, other])
    return np.asarray(wanted.isin(pd.MultiIndex.from_arrays([known[:, 0], known[:, 1]])), bool)


def _sharing(faces: Faces, register: Register) -> pd.DataFrame:
    """right_a, right_b, entry_a, entry_b (positions in `members`) and ha of every face of a pair.

    Of two rights, or a right and a zone; `right_a` comes before `right_b` in the register.
    """
    rights = register.rights
    kind, ids = rights["kind"].to_numpy(object), pd.factorize(rights["right_id"])[0]
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    rows = pd.DataFrame({"face": face, "right": faces.members, "entry": np.arange(len(face))})
    rows = rows[np.isin(kind[faces.members], ("right", "zone"))]
    pairs = rows.merge(rows, on="face", suffixes=("_a", "_b"))
    first, other = pairs["right_a"].to_numpy(), pairs["right_b"].to_numpy()
    counted = (first < other) & (ids[first] != ids[other])
    counted &= (kind[first] == "right") | (kind[other] == "right")
    pairs = pairs[counted]
    return pairs.assign(ha=faces.ha[pairs["face"].to_numpy()]).drop(columns="face")


def _row_hectares(faces: Faces, register: Register, equal_area: CRS) -> np.ndarray:
    """Hectares of each register row, float64 (rights,): of its faces, or of its outline where they cut it."""
    face = np.repeat(np.arange(len(faces)), np.diff(faces.starts))
    total = np.bincount(faces.members, faces.ha[face], len(register))
    beyond = ~_inside(faces, register)
    total[beyond] = hectares(register.rights.geometry.to_numpy()[beyond], faces.crs, equal_area)
    return total


def _touch_beyond(
    faces: Faces, register: Register, touch: Touch, pairs: tuple[np.ndarray, np.ndarray], equal_area: CRS
) -> np.ndarray:
    """Whether pairs that touch on the faces do so on all their ground, also beyond; bool (pairs,)."""
    answer = np.ones(len(pairs[0]), bool)
    inside = _inside(faces, register)
    cut = np.flatnonzero(~inside[pairs[0]] & ~inside[pairs[1]])
    if not len(cut):
        return answer
    outlines = register.rights.geometry.to_numpy()
    first, other = outlines[pairs[0][cut]], outlines[pairs[1][cut]]
    shared = hectares(shapely.intersection(first, other), faces.crs, equal_area)
    smaller = np.minimum(hectares(first, faces.crs, equal_area), hectares(other, faces.crs, equal_area))
    answer[cut] = touch.holds(shared, smaller)
    return answer


def _inside(faces: Faces, register: Register) -> np.ndarray:
    """Which register rows lie within the faces as a whole; bool (rights,)."""
    west, south, east, north = faces.extent.bounds
    bounds = shapely.bounds(register.rights.geometry.to_numpy())
    return np.asarray(
        (bounds[:, 0] >= west) & (bounds[:, 1] >= south) & (bounds[:, 2] <= east) & (bounds[:, 3] <= north)
    )
