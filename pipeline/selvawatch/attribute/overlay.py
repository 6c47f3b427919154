"""Exact overlay of loss on faces: pieces of ground, and the rights over each on the days that matter."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from selvawatch.attribute.faces import Faces
from selvawatch.core.days import NO_DAY, day_numbers
from selvawatch.errors import LayerError
from selvawatch.register.register import NOT_IN_FORCE, UNKNOWN, Register, Validity, validity

_FILL = 1e-6
"""Share of a cell that its pieces may miss: noise of the arithmetic, far above it an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """Loss cut by faces; build with `attribute`.

    The pieces of one cell fill it exactly; each has the cell's hectares by its share of the cell's ground.
    """

    frame: gpd.GeoDataFrame
    """One row for each piece: the cell's columns, then `face`, `share` (of the cell, by area in the pixel
    CRS), `ha`, `ha_lo` (confirmed ground), `ha_hi`, `date_uncertain` (a right or zone may have changed before
    or after the loss), and its own `geometry`."""
    members: pd.DataFrame
    """One row for each piece and register row over it, in force or not, apart from what only touches another
    one there on all of its days (`Faces.touching`): `piece` (position in `frame`),
    `right` (position in the register), and its state (`register.IN_FORCE` ...) on the day of loss, the
    earliest and the latest possible day, and today: `at_loss`, `earliest`, `latest`, `today`; whether another
    one that it only touches stands there on the day of loss, so that the ground is that one's (`gives_way`);
    and `between_0` ... on the days between on which any right over the piece began or ended."""
    today: int
    """The day called today."""
    register_version: str

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def other_days(self) -> tuple[str, ...]:
        """Columns of `members` with the states on the other possible days of the loss."""
        between = [str(name) for name in self.members.columns if str(name).startswith("between_")]
        return ("earliest", "latest", *between)

    @property
    def total_ha(self) -> float:
        """Hectares of all pieces."""
        return float(self.frame["ha"].sum())


def attribute(
    cells: gpd.GeoDataFrame,
    faces: Faces,
    register: Register,
    *,
    today: int,
    events: pd.DataFrame | None = None,
) -> Pieces:
    """Every cell cut by the faces, with the state of every right over each piece on four days.

    Parameters
    ----------
    cells
        Rows of `core.tables.CELLS` in the CRS of the faces, or any loss with its columns (`status`, `onset`,
        `onset_earliest`, `onset_latest`, `ha`). The hectares of a cell are taken as given; over a cell
        without an onset every right is of unknown validity.
    today
        The day on which `today` is judged; a day of the data, never the clock of the machine.
    events
        EVENTS rows; where given, `ha_hi` of a piece grows as that of its event.

    Raises
    ------
    LayerError
        For another CRS, loss beyond the extent of the faces, or faces of another register.
    """
    _check(cells, faces, register)
    cells = cells.reset_index(drop=True)
    cell, part, shape = cut(cells.geometry.to_numpy(), faces.parts)
    cell, face, shape = _joined(cell, faces.face[part], shape)
    area = shapely.area(cells.geometry.to_numpy())
    share = shapely.area(shape) / area[cell]
    filled = np.bincount(cell, share, len(cells))
    if (lost := np.abs(filled - 1) > _FILL).any():
        raise LayerError(
            "cut cells do not fill the cells",
            where=f"{int(lost.sum())} cells, first at row {int(np.flatnonzero(lost)[0])}",
            got=f"{filled[lost][0]:.9f} of its ground",
            needed="valid polygons with an area",
        )
    frame = cells.drop(columns="geometry").iloc[cell].reset_index(drop=True)
    frame["face"], frame["share"] = face, share
    frame["ha_lo"] = np.where(frame["status"].isin(["confirmed", "closed"]), frame["ha"], 0.0) * share
    frame["ha_hi"] = frame["ha"] * share * _growth(frame, events)
    frame["ha"] = frame["ha"] * share
    members = _members(frame, faces, register, today)
    frame["date_uncertain"] = _changed(members, register, len(frame))
    return Pieces(
        frame=gpd.GeoDataFrame(frame, geometry=shape, crs=cells.crs),
        members=members,
        today=today,
        register_version=register.version,
    )


def cut(geometries: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Index of geometry, index of part and shared ground of every pair that shares some.

    A geometry inside a part is taken whole, without an intersection.

    geometries, parts: object arrays of polygons in one CRS; the three answers: (pairs,).
    """
    if not len(geometries) or not len(parts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, object)
    part, index = shapely.STRtree(geometries).query(parts, predicate="intersects")
    shapely.prepare(parts)
    inside = shapely.covers(parts[part], geometries[index])
    shape = geometries[index].copy()
    shape[~inside] = shapely.intersection(geometries[index[~inside]], parts[part[~inside]])
    solid = shapely.area(shape) > 0
    part, index, shape = part[solid], index[solid], shape[solid]
    order = np.lexsort((part, index))
    return index[order], part[order], shape[order]


def _joined(
    cell: np.ndarray, face: np.ndarray, shape: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pieces of one cell in parts of one face, put together."""
    key = pd.MultiIndex.from_arrays([cell, face])
    codes, firsts = pd.factorize(key)
    if len(firsts) == len(cell):
        return cell, face, shape
    counts = np.bincount(codes)
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    kept = order[starts]
    joined = shape[kept].copy()
    for code in np.flatnonzero(counts > 1):
        joined[code] = shapely.union_all(shape[order[starts[code] : starts[code] + counts[code]]])
    return cell[kept], face[kept], joined


def _growth(frame: pd.DataFrame, events: pd.DataFrame | None) -> np.ndarray:
    if events is None or not len(events):
        return np.ones(len(frame))
    grown = events[events["ha"] > 0].drop_duplicates("event_id", keep="last")
    ratio = (grown["ha_hi"] / grown["ha"]).set_axis(grown["event_id"])
    return np.asarray(frame["event_id"].map(ratio).fillna(1.0), np.float64)


def _members(frame: pd.DataFrame, faces: Faces, register: Register, today: int) -> pd.DataFrame:
    face = frame["face"].to_numpy(np.int64)
    counts = np.diff(faces.starts)[face]
    piece = np.repeat(np.arange(len(frame), dtype=np.int64), counts)
    offset = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    right = faces.members[np.repeat(faces.starts[face], counts) + offset]
    dates = validity(register.rights)
    onset = day_numbers(frame["onset"], today)
    earliest = day_numbers(frame["onset_earliest"]) if "onset_earliest" in frame else onset
    latest = day_numbers(frame["onset_latest"]) if "onset_latest" in frame else onset
    earliest = np.where(earliest == NO_DAY, onset, np.minimum(earliest, onset))
    latest = np.where(latest == NO_DAY, onset, np.maximum(latest, onset))
    members = pd.DataFrame(
        {
            "piece": piece,
            "right": right,
            "at_loss": dates.states(right, onset[piece]),
            "earliest": dates.states(right, earliest[piece]),
            "latest": dates.states(right, latest[piece]),
            "today": dates.states(right, np.full(len(right), today, np.int64)),
        }
    )
    for number, day in enumerate(_days_between(dates, piece, right, earliest, latest)):
        members[f"between_{number}"] = dates.states(right, np.where(day < 0, onset, day)[piece])
    undated = frame["onset"].isna().to_numpy()[piece]
    members.loc[undated, [name for name in members if name not in ("piece", "right", "today")]] = np.int8(
        UNKNOWN
    )
    return _giving_way(members, faces.starts[np.repeat(face, counts)] + offset, faces)


def _giving_way(members: pd.DataFrame, entry: np.ndarray, faces: Faces) -> pd.DataFrame:
    """The members without what only touches another one, on each day on which that one stands.

    entry: position of each row in `Faces.members`, int (rows,).
    """
    members = members.assign(gives_way=False)
    row = np.flatnonzero(np.isin(entry, faces.touching[:, 0]))
    if not len(row):
        return members
    pairs = pd.DataFrame({"row": row, "yields": entry[row]}).merge(
        pd.DataFrame(faces.touching, columns=["yields", "stays"]), on="yields"
    )
    row = pairs["row"].to_numpy()
    stays = row + (pairs["stays"] - pairs["yields"]).to_numpy()
    days = [str(name) for name in members if name not in ("piece", "right", "gives_way")]
    states = members[days].to_numpy()
    gives_way = np.zeros(len(members), bool)
    gives_way[row[states[stays, days.index("at_loss")] != NOT_IN_FORCE]] = True
    left = states.copy()
    which, day = np.nonzero(states[stays] != NOT_IN_FORCE)
    left[row[which], day] = NOT_IN_FORCE
    gone = np.zeros(len(members), bool)
    gone[row] = (left[row] == NOT_IN_FORCE).all(axis=1) & (states[row] != NOT_IN_FORCE).any(axis=1)
    members = members.assign(gives_way=gives_way, **{name: left[:, at] for at, name in enumerate(days)})
    return members[~gone].reset_index(drop=True)


def _changed(members: pd.DataFrame, register: Register, count: int) -> np.ndarray:
    """Whether a right or zone over each piece may have changed before or after its loss; bool (piece,).

    A right that only changed its holder, status or outline elsewhere did not. Places, and zones and layers
    aside without a date, never did: that they are listed from a day on is no change of theirs.
    """
    rights = register.rights
    undated = (rights["valid_from"].isna() & rights["valid_to"].isna()).to_numpy()
    kind = rights["kind"].to_numpy()
    tells = (kind == "right") | ((kind != "place") & ~undated)
    right = members["right"].to_numpy()
    held = members[tells[right]]
    right = held["right"].to_numpy()
    state = pd.factorize(pd.MultiIndex.from_frame(rights[["right_id", "type"]]))[0]
    days = held.drop(columns=["piece", "right", "today", "gives_way"])
    days = days.groupby([held["piece"].to_numpy(), state[right]]).max()
    moved = days.drop(columns="at_loss").ne(days["at_loss"], axis=0).any(axis=1).to_numpy()
    found = np.zeros(count, bool)
    found[days.index.get_level_values(0).to_numpy()[moved]] = True
    return found


def _days_between(
    dates: Validity, piece: np.ndarray, right: np.ndarray, earliest: np.ndarray, latest: np.ndarray
) -> list[np.ndarray]:
    """Days on which a right over a piece began or ended, strictly between its earliest and latest day.

    As many arrays (one day a piece, int64; -1: no further one) as the piece with most such days needs.
    """
    wide = np.flatnonzero((latest - earliest)[piece] > 1)
    found = []
    for boundary in (dates.line.starts, dates.line.ends, dates.listed_from):
        day = boundary[right[wide]]
        inside = (earliest[piece[wide]] < day) & (day < latest[piece[wide]])
        found.append(np.stack([piece[wide][inside], day[inside]], axis=1))
    days = np.unique(np.concatenate(found), axis=0)
    if not len(days):
        return []
    _, starts, counts = np.unique(days[:, 0], return_index=True, return_counts=True)
    position = np.arange(len(days)) - np.repeat(starts, counts)
    columns = np.full((int(counts.max()), len(earliest)), -1, np.int64)
    columns[position, days[:, 0]] = days[:, 1]
    return list(columns)


def _check(cells: gpd.GeoDataFrame, faces: Faces, register: Register) -> None:
    if cells.crs != faces.crs:
        raise LayerError("loss and faces are in two CRS", got=cells.crs, needed=faces.crs)
    if faces.register_version != register.version:
        raise LayerError(
            "the faces are of another register",
            got=faces.register_version[:12],
            needed=register.version[:12],
            do="build them again with faces_of",
        )
    if len(cells) and not faces.extent.covers(shapely.box(*cells.total_bounds)):
        raise LayerError(
            "loss lies beyond the faces",
            got=[round(value) for value in cells.total_bounds],
            needed=[round(value) for value in faces.extent.bounds],
            do="build the faces over an extent that holds all loss",
        )


def extent_of(frames: Sequence[gpd.GeoDataFrame], margin: float = 1_000.0) -> shapely.Polygon:
    """The box around all frames that hold something, and a margin in metres."""
    bounds = np.array([frame.total_bounds for frame in frames if len(frame)])
    if not len(bounds):
        return shapely.box(0, 0, 1, 1)
    west, south = bounds[:, :2].min(axis=0) - margin
    east, north = bounds[:, 2:].max(axis=0) + margin
    return shapely.box(west, south, east, north)
