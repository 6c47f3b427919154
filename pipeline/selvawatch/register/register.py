"""The register of rights: every layer as dated versions, nothing overwritten, and who was in force when."""

import datetime as dt
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import geopandas as gpd
import numpy as np
import pandas as pd

from selvawatch.core.days import day_numbers, to_day
from selvawatch.core.files import canonical_json, digest
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.core.tables import RIGHTS
from selvawatch.register.dating.same_rights import with_ids_of_before
from selvawatch.register.dating.timelines import EVER, Timelines, timelines, with_applications
from selvawatch.register.entries import LayerEntry
from selvawatch.register.layer_rows import LayerSnapshot
from selvawatch.register.vector_files import Repair

NOT_IN_FORCE, IN_FORCE, UNKNOWN = 0, 1, 2
"""States of a right on a day."""

_SNAPSHOT_COLUMNS = ("snapshot_date", "snapshot_sha256", "recorded_from", "recorded_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerState:
    """A layer of the register and the day it was last taken."""

    entry: LayerEntry
    date: dt.date
    """Day of the latest snapshot."""
    sha256: str
    """Digest of the latest snapshot's file."""
    doubts: tuple[str, ...] = ()
    """Why nobody may rely on what the layer does not hold; see `LayerSnapshot.doubts`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """All versions of all rights, zones, layers kept aside and places; build with `register_of`."""

    rights: gpd.GeoDataFrame
    """Rows of `core.tables.RIGHTS` in the pixel CRS, by id and version; faces name them by position."""
    layers: tuple[LayerState, ...]
    repairs: tuple[Repair, ...] = ()
    version: str = field(default="")
    """Digest of all rows: equal ground and dates, equal version."""

    def __len__(self) -> int:
        return len(self.rights)

    def layer_dates(self) -> dict[str, str]:
        """ISO date of the latest snapshot by layer name; what the site itself draws has none."""
        return {state.entry.name: state.date.isoformat() for state in self.layers if state.sha256}

    @property
    def sensitive(self) -> tuple[str, ...]:
        """Names of its layers that are marked `sensitive`."""
        return tuple(state.entry.name for state in self.layers if state.entry.sensitive)

    def without(self, layers: Collection[str], types: Collection[str] = ()) -> "Register":
        """The register as if it had never held some layers and types; itself where it holds none of them."""
        rights = self.rights
        gone = (rights["layer"].isin(list(layers)) | rights["type"].isin(list(types))).to_numpy()
        states = tuple(state for state in self.layers if state.entry.name not in layers)
        if not gone.any() and len(states) == len(self.layers):
            return self
        kept = gpd.GeoDataFrame(rights[~gone].reset_index(drop=True), crs=rights.crs)
        keys = set(kept["right_id"])
        return Register(
            rights=kept,
            layers=states,
            repairs=tuple(repair for repair in self.repairs if repair.key in keys),
            version=_version(kept, states),
        )

    def types_present(self) -> set[str]:
        """Types that some layer can hold: absence of a type that is not here proves nothing.

        A layer in doubt is no proof of absence either.
        """
        doubtful = [state.entry.name for state in self.layers if state.doubts]
        declared = set(self.rights["type"][~self.rights["layer"].isin(doubtful)])
        for entry in (state.entry for state in self.layers if not state.doubts):
            declared |= {entry.type, *entry.types.values(), *entry.type_by_pattern.values()}
        return declared - {"skip", ""}

    def could_hold(self, kind: str, days: np.ndarray) -> np.ndarray:
        """Whether some layer can tell of a type on each day; (n,) bool.

        A layer whose rows all begin or end on one day (`valid_from`, `valid_to`) tells of none before or
        after: an expired zone says nothing of the one that replaced it.
        """
        rights = self.rights
        with_rows = set(rights["layer"][(rights["type"] == kind).to_numpy()])
        found = np.zeros(len(days), bool)
        for entry in (state.entry for state in self.layers if not state.doubts):
            declared = {entry.type, *entry.types.values(), *entry.type_by_pattern.values()}
            if kind not in declared and entry.name not in with_rows:
                continue
            first, end = -EVER, EVER
            if entry.valid_from is not None and not entry.from_column:
                first = to_day(entry.valid_from)
            if entry.valid_to is not None and not entry.to_column:
                end = to_day(entry.valid_to)
            found |= (first <= days) & (days < end)
        return found


def register_of(layer_snapshots: Sequence[LayerSnapshot], *, crs: str) -> Register:
    """The register of any number of snapshots; those of one layer become its history in order of date.

    Of several of one day the one that was imported last stands. The order in which they are given changes
    nothing.
    """
    by_layer: dict[str, list[LayerSnapshot]] = {}
    for snapshot in sorted(
        layer_snapshots,
        key=lambda snapshot: (snapshot.entry.name, snapshot.date, snapshot.order, snapshot.sha256),
    ):
        by_layer.setdefault(snapshot.entry.name, []).append(snapshot)
    parts, layers = [], []
    for kept in by_layer.values():
        snapshots = [_with_exactness(one) for one in {one.date: one for one in kept}.values()]
        history = snapshots[0].rights
        for later in snapshots[1:]:
            history = succeed(history, later)
        exact = history[_EXACT].to_numpy(bool)
        parts.append(with_applications(history.drop(columns=_EXACT), exact))
        last = snapshots[-1]
        layers.append(LayerState(entry=last.entry, date=last.date, sha256=last.sha256, doubts=last.doubts))
    rights = gpd.GeoDataFrame(RIGHTS.empty(), geometry="geometry", crs=crs)
    if parts:
        rights = gpd.GeoDataFrame(pd.concat([part for part in parts if len(part)] or parts), crs=crs)
    rights = rights.sort_values(["right_id", "recorded_from", "valid_from"]).reset_index(drop=True)
    rights = gpd.GeoDataFrame(RIGHTS.check(rights), geometry="geometry", crs=crs)
    return Register(
        rights=rights,
        layers=tuple(layers),
        repairs=tuple(repair for one in layer_snapshots for repair in one.repairs),
        version=_version(rights, layers),
    )


_EXACT = "_applied_to_the_day"
"""Column of rows that become a history: whether the application of each is dated to the day."""


def _with_exactness(snapshot: LayerSnapshot) -> LayerSnapshot:
    """The snapshot with `_EXACT` in each row, so that it goes with the row under whatever id that gets."""
    rights = snapshot.rights
    return replace(snapshot, rights=rights.assign(**{_EXACT: ~rights["right_id"].isin(snapshot.vague)}))


def succeed(history: gpd.GeoDataFrame, later: LayerSnapshot) -> gpd.GeoDataFrame:
    """The history of a layer after one more snapshot: rights that changed get a new version, those gone end.

    A right that stands unchanged keeps its row and the digest of the snapshot that first had it.
    """
    day = pd.Timestamp(later.date)
    rights = with_ids_of_before(history, later.rights, later.entry)
    current = history["recorded_to"].isna().to_numpy()
    old = dict(zip(history["right_id"][current], _contents(history[current]), strict=True))
    new = dict(zip(rights["right_id"], _contents(rights), strict=True))
    unchanged = {key for key, content in old.items() if new.get(key) == content}
    history = history.copy()
    ended = current & ~history["right_id"].isin(unchanged).to_numpy()
    history.loc[ended, "recorded_to"] = day
    history = history[~(history["recorded_to"] == history["recorded_from"])]
    added = rights[~rights["right_id"].isin(unchanged)]
    parts = [part for part in (history, added) if len(part)] or [history]
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=history.crs)


def _contents(rights: gpd.GeoDataFrame) -> list[str]:
    """Digest of what each row says, apart from when it was recorded.

    With planar hectares in place of `ha_here`, so that registers have the versions they had before it.
    """
    plain = rights.drop(columns=["geometry", "ha_here", *_SNAPSHOT_COLUMNS])
    plain = plain.drop(columns=_EXACT, errors="ignore")
    plain["ha_gis"] = rights.area / M2_PER_HA
    outlines = rights.geometry.normalize().to_wkb()
    found = []
    for row, recorded, outline in zip(
        plain.to_dict("records"), rights["recorded_from"], outlines, strict=True
    ):
        if row["valid_to"] == recorded:  # ended on an unknown day: each snapshot would date it anew
            row = {**row, "valid_to": None}
        if pd.isna(row["ha_register"]):
            del row["ha_register"]
        text = canonical_json({key: None if pd.isna(value) else str(value) for key, value in row.items()})
        found.append(hashlib.sha256(text.encode() + outline).hexdigest())
    return found


def _version(rights: gpd.GeoDataFrame, layers: Sequence[LayerState]) -> str:
    rows = rights[["right_id", *_SNAPSHOT_COLUMNS]].itertuples(index=False)
    recorded = [[str(value) for value in row] for row in rows]
    layer_snapshots = [[one.entry.name, one.date.isoformat(), one.sha256] for one in layers]
    doubts = [[one.entry.name, *one.doubts] for one in layers if one.doubts]
    return digest([recorded, _contents(rights), layer_snapshots, *([doubts] if doubts else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The dates of the register's rows as integers, to ask for many rows and days at once."""

    line: Timelines
    """The days for which each row speaks."""
    listed_from: np.ndarray
    """First day on which standing in the layer means to be in force."""

    def states(self, rows: np.ndarray, days: np.ndarray) -> np.ndarray:
        """State (`IN_FORCE`, `NOT_IN_FORCE`, `UNKNOWN`; int8) of register rows on days, elementwise."""
        inside = (self.line.starts[rows] <= days) & (days < self.line.ends[rows])
        sure = self.line.known[rows] | (self.listed_from[rows] <= days)
        return np.where(inside, np.where(sure, IN_FORCE, UNKNOWN), NOT_IN_FORCE).astype(np.int8)


def validity(rights: pd.DataFrame) -> Validity:
    """The days of RIGHTS rows, in the order of a register; open ends are far away."""
    seen = day_numbers(rights["recorded_from"], -EVER)
    listed = rights["listed_is_valid"].to_numpy(bool)
    return Validity(line=timelines(rights), listed_from=np.where(listed, seen, EVER))
