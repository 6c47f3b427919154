"""Snapshots of layers: digest, date, source, licence; nothing is overwritten, great losses are held back."""

import datetime as dt
import hashlib
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS

from selvawatch.core.files import file_digest, read_checked_json, write_checked, write_checked_json
from selvawatch.core.hectares import hectares
from selvawatch.errors import DamagedError, LayerError, StoreError
from selvawatch.register.acceptance import acceptable
from selvawatch.register.entries import LayerEntry
from selvawatch.register.expected_zones import described, misfits
from selvawatch.register.layer_rows import check_dates, holder_hash, holder_type, texts
from selvawatch.register.manifest import Snapshot
from selvawatch.register.site_extent import SWAPPED, SiteExtent
from selvawatch.register.snapshot_index import add_to_index, check_index, import_order

ACCEPTED, QUARANTINED = "accepted", "quarantined"
LOST_BY_HAND = 0.0
"""Share of features or area that a snapshot of a layer without a service may lose unasked."""
_WORDS = re.compile(r"[^\d/]*[^\W\d_]\s+[^\W\d_][^\d/]*")
_LOST_NOISE = 1e-6
"""Share that rounding and overlays make of nothing."""
HOLDER_TYPE, HOLDER_HASH = "holder_type", "holder_hash"
"""Columns that stand in a snapshot instead of the holder's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotRecord:
    """What stands beside a snapshot's file."""

    layer: str
    date: str
    """ISO day it was taken."""
    file: str
    """File, relative to the layer's folder; two records of the same content share one."""
    sha256: str
    """Digest of the file: of what is kept, without the names of persons."""
    source: str
    licence: str
    address: str
    """Where it was taken from."""
    features: int
    area_ha: float
    """Sum of the features' areas, hectares; 0 for lines and points."""
    state: str
    """`accepted` or `quarantined`."""
    why: str = ""
    """Why it is quarantined."""
    remarks: tuple[str, ...] = ()
    """What it lacks, and what was left out or put right when it was taken."""
    confirmed: bool = False
    """Whether a person confirmed it though it is not what its entry expects."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Its columns by role, where they were named by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a snapshot comes from."""

    date: dt.date
    """Day it was taken."""
    address: str
    """Address or name of a file, without any key."""
    extent: SiteExtent | None = None
    """Where the site lies: a layer of which anything lies elsewhere is refused."""
    remarks: list[str] = field(default_factory=list)
    """What was left out or put right so far."""
    confirmed: bool = False
    """Whether a person has compared the layer with its publisher's: it is then used whatever it lacks."""
    by_hand: bool = False
    """Whether it is a file that somebody has, and no service was asked."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Its columns by role, where they have other names than in the entry."""


def keep(
    root: Path,
    entry: LayerEntry,
    frame: gpd.GeoDataFrame,
    *,
    origin: Origin,
    equal_area: CRS,
    salt: bytes,
) -> SnapshotRecord:
    """Write a layer as it was taken and return its record.

    Nothing is written of a layer that a later command could not use (`acceptance`), or that does not hold the
    zones that its entry expects. Names of persons go before anything is written: fields to drop are dropped,
    the holder's becomes a type and a salted hash. A snapshot that lost more than the entry's share of
    features or area against the last accepted one is quarantined: kept, not used. One that a person has
    confirmed is kept and used all the same. Of several of one day the one that is kept last stands for it.

    Raises
    ------
    LayerError
        For a layer that cannot be used, that is not what its entry expects, or without a column that its
        entry names, the holder's included.
    """
    remarks = list(origin.remarks)
    entry, by_manifest = entry.with_columns(origin.columns), entry
    accepted = acceptable(frame, entry, origin.extent, remarks)
    _check_columns(accepted, entry, by_manifest, origin)
    check_dates(accepted, entry)
    clean = without_persons(accepted, entry, salt, gone=[by_manifest.holder_column])
    clean = _without_names_as_keys(clean, entry, by_manifest, remarks)
    if origin.columns:
        remarks.append(f"columns named by hand: {_listed(origin.columns)}")
    area = _area_ha(clean, equal_area)
    if not np.isfinite(area):
        raise LayerError("the layer's area is no number", where=entry.name, do="nothing was kept")
    doubts = _doubts(clean, entry, remarks)
    if doubts and not origin.confirmed:
        raise _not_expected(entry, doubts)
    remarks += [f"confirmed by hand: {one}" for one in doubts]
    body = io.BytesIO()
    clean.to_parquet(body, index=False, schema_version="1.1.0", compression="zstd")
    sha256 = hashlib.sha256(body.getvalue()).hexdigest()
    known = records(root, entry.name)
    same = [one for one in known if one.sha256 == sha256]
    name = same[0].file if same else f"{origin.date.isoformat()}-{sha256[:8]}.parquet"
    record = SnapshotRecord(
        layer=entry.name,
        date=origin.date.isoformat(),
        file=name,
        sha256=sha256,
        source=entry.source,
        licence=entry.licence,
        address=origin.address,
        features=len(clean),
        area_ha=round(area, 4),
        state=ACCEPTED,
        remarks=tuple(remarks),
        confirmed=bool(doubts),
        columns={role: tuple(names) for role, names in origin.columns.items()},
    )
    judged = _judged(root, entry, record, clean, equal_area)
    if judged.state == QUARANTINED and origin.confirmed:
        remarks.append(f"confirmed by hand: {judged.why}")
        judged = replace(record, remarks=tuple(remarks))
    if judged.state == ACCEPTED and (before := [one for one in known if _is_replaced_by(one, judged)]):
        remarks.append(
            f"it replaces what was kept of that day: {before[-1].features} features, {before[-1].sha256[:12]}"
        )
        judged = replace(judged, remarks=tuple(remarks))
    if not same:
        write_checked(root / entry.name / name, body.getvalue())
    return _recorded(root, judged)


def _doubts(frame: gpd.GeoDataFrame, entry: LayerEntry, remarks: Sequence[str]) -> tuple[str, ...]:
    """Why a layer is not what its entry expects; empty where it is, or nothing is expected."""
    if not (entry.expected or entry.tells_isolated):
        return ()
    guessed = (SWAPPED,) if SWAPPED in remarks else ()
    return (*guessed, *misfits(frame, entry))


def _not_expected(entry: LayerEntry, doubts: Sequence[str]) -> LayerError:
    wanted = "; ".join(described(one) for one in entry.expected)
    opens = ", for the public tier opens by it" if entry.tells_isolated else ""
    return LayerError(
        "the layer is not what its entry expects",
        where=entry.name,
        got="; ".join(doubts),
        needed=wanted or f"[[layer.expected]] in its entry of zones.toml{opens}",
        do="compare it with its publisher's; if it is right, correct the entry or give --confirm;"
        " nothing was kept",
    )


def _is_replaced_by(record: SnapshotRecord, later: SnapshotRecord) -> bool:
    return record.state == ACCEPTED and record.date == later.date and record.sha256 != later.sha256


def _area_ha(frame: gpd.GeoDataFrame, equal_area: CRS) -> float:
    """Hectares of the features that have a geometry; NaN where it cannot be measured."""
    shapes = frame.geometry.to_numpy()
    return float(hectares(shapes[~shapely.is_missing(shapes)], frame.crs, equal_area).sum())


def _without_names_as_keys(
    frame: gpd.GeoDataFrame, entry: LayerEntry, by_manifest: LayerEntry, remarks: list[str]
) -> gpd.GeoDataFrame:
    """A layer of holders without keys that are words alone: who had no contract yet was entered by name."""
    clean = frame.copy()
    for name in entry.id_columns if by_manifest.holder_column else ():
        words = np.array([_WORDS.fullmatch(one or "") is not None for one in texts(clean[name])], bool)
        if words.any():
            clean[name] = clean[name].astype(object).where(~words, None)
            remarks.append(
                f"{words.sum()} of {len(words)} keys ({name}) are words alone, maybe names: left out"
            )
    return clean


def _listed(columns: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{role}={' + '.join(names)}" for role, names in columns.items())


def _check_columns(
    frame: gpd.GeoDataFrame, entry: LayerEntry, by_manifest: LayerEntry, origin: Origin
) -> None:
    """Refuse a layer without a column that its entry names, or with one named by hand that names persons.

    Without the holder's column names may stand in any other: that a file has none is believed only where
    nothing but named columns is kept.
    """
    present = [str(name) for name in frame.columns if name != frame.active_geometry_name]
    if missing := [name for name in entry.columns if name not in present]:
        raise LayerError(
            f"columns that {'--column or ' if origin.columns else ''}the manifest names are missing",
            where=entry.name,
            got=", ".join(present) or "no column but the geometry",
            needed=", ".join(f"{name} ({entry.role_of(name)})" for name in missing),
            do="name those of the file by `--column ROLE=COLUMN` (`ROLE=` where it has none),"
            " or correct the entry in zones.toml; nothing was kept"
            if origin.by_hand
            else "the service changed: correct the entry in zones.toml; the last snapshot stays",
        )
    fetch, holder = by_manifest.fetch, by_manifest.holder_column
    bearing = (holder, entry.holder_column, *(fetch.drop if fetch else ()))
    persons = {name.casefold() for name in bearing if name}
    kept = replace(entry, holder_column="").columns
    if named := [name for name in kept if name.casefold() in persons]:
        raise LayerError(
            "a column that names persons would be kept",
            where=entry.name,
            got=", ".join(named),
            needed="it as holder=, or not at all",
        )
    if holder and not entry.holder_column and (not entry.only_named or holder in present):
        raise LayerError(
            "the column of the holder is left out, and names of persons may be kept",
            where=entry.name,
            got=f"`holder=`, and the columns {', '.join(present)}",
            needed="`--column holder=COLUMN`" if entry.only_named else "`only_named = true` in its entry",
        )


def without_persons(
    frame: gpd.GeoDataFrame, entry: LayerEntry, salt: bytes, *, gone: Collection[str] = ()
) -> gpd.GeoDataFrame:
    """The frame without fields that name natural persons; the holder becomes a type and a salted hash.

    gone: further columns to drop, in any case of letters.
    """
    fetch, named = entry.fetch, (*entry.columns, HOLDER_TYPE, HOLDER_HASH, "geometry")
    clean = frame.copy()
    if entry.holder_column and entry.holder_column in clean:
        names = texts(clean[entry.holder_column])
        clean[HOLDER_TYPE] = [holder_type(one) for one in names]
        clean[HOLDER_HASH] = [holder_hash(one, salt) for one in names]
    dropped = {one.casefold() for one in (entry.holder_column, *gone, *(fetch.drop if fetch else ())) if one}
    clean = clean.drop(columns=[one for one in clean.columns if str(one).casefold() in dropped])
    if fetch and fetch.keep:
        clean = clean[[one for one in clean.columns if one in (*fetch.keep, *named)]]
    if entry.only_named:
        clean = clean[[one for one in clean.columns if one in named]]
    return gpd.GeoDataFrame(clean, geometry="geometry", crs=frame.crs)


def records(root: Path, layer: str) -> list[SnapshotRecord]:
    """Records of a layer, oldest first; those of one day in the order in which they were imported.

    Raises
    ------
    DamagedError
        When one is gone, or is not what was written.
    """
    check_index(root, layer)
    found = [read_record(path) for path in sorted((root / layer).glob("[!.]*.json"))]
    order = import_order(root)
    return sorted(found, key=lambda record: (record.date, order.get(_record_name(record), 0), record.sha256))


def read_record(path: Path) -> SnapshotRecord:
    """The record in a file; DamagedError when it is not what was written."""
    stated = read_checked_json(path, older=True)
    try:
        return SnapshotRecord(**{**stated, "remarks": tuple(stated.get("remarks", ()))})
    except TypeError as error:
        raise DamagedError("a snapshot's record cannot be read", where=path, got=error) from error


def accept(root: Path, layer: str) -> SnapshotRecord:
    """The latest quarantined snapshot of a layer, accepted from now on; LayerError where there is none."""
    held = [one for one in records(root, layer) if one.state == QUARANTINED]
    if not held:
        raise LayerError("nothing is quarantined", where=layer)
    return _recorded(root, replace(held[-1], state=ACCEPTED, why=""))


def stored_snapshots(root: Path, layers: Sequence[str]) -> tuple[Snapshot, ...]:
    """Accepted snapshots of layers, to make a register of; several of one layer are its history.

    Raises
    ------
    StoreError
        For a file that is missing or is not what its record says.
    """
    found = []
    order = import_order(root)
    for layer in layers:
        for record in records(root, layer):
            if record.state != ACCEPTED:
                continue
            path = root / layer / record.file
            if not path.exists() or file_digest(path) != record.sha256:
                raise StoreError(
                    "a snapshot is not what its record says",
                    where=path,
                    needed=record.sha256[:12],
                    do="restore it from a copy; to do without it, remove its record and index.json",
                )
            found.append(
                Snapshot(
                    layer=layer,
                    file=str(path),
                    date=dt.date.fromisoformat(record.date),
                    sha256=record.sha256,
                    order=1 + order.get(_record_name(record), 0),
                    confirmed=record.confirmed,
                    columns=record.columns,
                )
            )
    return tuple(found)


def _judged(
    root: Path, entry: LayerEntry, record: SnapshotRecord, frame: gpd.GeoDataFrame, equal_area: CRS
) -> SnapshotRecord:
    """The record as accepted, or quarantined for what it lost against the last accepted one."""
    before = [one for one in records(root, entry.name) if one.state == ACCEPTED and one.date <= record.date]
    if not before:
        return record
    last, most = before[-1], entry.fetch.max_lost_share if entry.fetch else LOST_BY_HAND
    kept = gpd.read_parquet(root / entry.name / last.file) if _is_read_again(last, entry) else None
    if kept is not None and not np.isfinite(last.area_ha):  # of an earlier version, beside a missing geometry
        last = replace(last, area_ha=_area_ha(kept, equal_area))
    lost = {
        "features": 1 - record.features / last.features if last.features else 0.0,
        "area": 1 - record.area_ha / last.area_ha if last.area_ha else 0.0,
    }
    if kept is not None and entry.tells_isolated and last.area_ha:
        gone = shapely.union_all(_shapes(kept)).difference(shapely.union_all(_shapes(frame)))
        lost["guarded ground"] = float(hectares(np.array([gone]), frame.crs, equal_area)[0]) / last.area_ha
    worst = max(lost, key=lambda name: lost[name])
    if lost[worst] <= most + _LOST_NOISE:
        return record
    why = f"{lost[worst]:.1%} of {worst} lost against {last.date}, {most:.1%} allowed"
    return replace(record, state=QUARANTINED, why=why)


def _is_read_again(record: SnapshotRecord, entry: LayerEntry) -> bool:
    return entry.tells_isolated or not np.isfinite(record.area_ha)


def _shapes(frame: gpd.GeoDataFrame) -> np.ndarray:
    shapes = frame.geometry.to_numpy()
    return shapely.make_valid(shapes[~shapely.is_missing(shapes)])


def _recorded(root: Path, record: SnapshotRecord) -> SnapshotRecord:
    """The record, written as the one that was imported last."""
    write_checked_json(root / _record_name(record), asdict(record))
    add_to_index(root, _record_name(record), last=True)
    return record


def _record_name(record: SnapshotRecord) -> str:
    return f"{record.layer}/{record.date}-{record.sha256[:8]}.json"
