"""Use cases of the register's layers: fetch, import, accept, state, check."""

import datetime as dt
import logging
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np

from selvawatch.attribute.faces import SLIVER_HA, faces_of
from selvawatch.attribute.overlay import extent_of
from selvawatch.attribute.touches import touching_rights, with_touches
from selvawatch.core.files import file_digest, write_checked
from selvawatch.errors import DamagedError, LayerError, SelvawatchError
from selvawatch.progress import Counter
from selvawatch.register.archives import read_file
from selvawatch.register.entries import LayerEntry, columns_by_role
from selvawatch.register.layer_rows import read_layer
from selvawatch.register.manifest import Snapshot, read_register, site_snapshots
from selvawatch.register.readers.isolated_reading import limits_for
from selvawatch.register.services.kinds import SERVICES
from selvawatch.register.services.service import Client, LayerRequest, public_address, without_secrets
from selvawatch.register.site_extent import extent_of_areas
from selvawatch.register.snapshot_index import add_to_index, indexed
from selvawatch.register.snapshots import ACCEPTED, Origin, SnapshotRecord, keep, records, stored_snapshots
from selvawatch.register.vector_files import Reading, check_file, split_layer
from selvawatch.site import Site
from selvawatch.store.folders import Store
from selvawatch.version import __version__

log = logging.getLogger(__name__)

SALT, SALT_BYTES = ".salt", 32
"""File of the secret for hashes of holders, and how long it is."""

LISTED = 20
"""Slivers that `check_zones` lists one by one, largest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of one layer."""

    layer: str
    record: SnapshotRecord | None
    """The new snapshot; None where it failed."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """How a layer stands."""

    layer: str
    title: str
    date: dt.date | None
    """Day of the snapshot in use; None: there is none, and what the layer would say is unknown."""
    age_days: int | None
    features: int | None
    state: str
    """`in use`, `with the site`, `none`, with `, one quarantined (why)` where one is held back."""
    verified: bool
    by_hand: bool
    """Whether no service is known: the layer is imported from a file."""


def client_for(site: Site) -> Client:
    """How this site asks services; LayerError where it does not say whom they may turn to."""
    contact = site.manifest.contact
    if not contact:
        raise LayerError(
            "nobody to turn to",
            where=site.config.zones,
            needed="`contact`, an e-mail or page",
            do="write it at the top of the file: services want to know who asks",
        )
    return Client(contact=contact, version=__version__)


def fetch_zones(
    site: Site, store: Store, layers: list[str], *, date: dt.date, client: Client, confirmed: bool = False
) -> list[Fetched]:
    """Ask for layers (none named: all that can be fetched) and keep what came; one failure stops no other.

    confirmed: they are used though they are not what is expected, or lost more than allowed; LayerError where
    none is named then, for nobody has seen them all.
    """
    if confirmed and not layers:
        raise LayerError("nothing says which layers are confirmed", where="zones fetch", do="name them")
    entries = [site.manifest.entry(name) for name in layers] or [
        one for one in site.manifest.layer if one.fetch is not None
    ]
    done: list[Fetched] = []
    counter = Counter(log, "layers", len(entries))
    for entry in entries:
        try:
            done.append(
                Fetched(layer=entry.name, record=_fetch(site, store, entry, _When(date, confirmed), client))
            )
        except SelvawatchError as error:
            done.append(Fetched(layer=entry.name, record=None, error=str(error)))
        except Exception as error:
            # A reply may be anything: what nobody foresaw of it is one layer's fault and stops no other.
            done.append(Fetched(layer=entry.name, record=None, error=str(_unforeseen(entry, error))))
        counter.add()
    return done


def import_zone(
    site: Site,
    store: Store,
    layer: str,
    file: str,
    *,
    date: dt.date,
    confirmed: bool = False,
    columns: Sequence[str] = (),
) -> SnapshotRecord:
    """Keep a layer from a file (any vector format, or an archive of one) as if it had been fetched.

    confirmed: it is used though it is not what is expected, or lost more than allowed. columns: of those that
    have other names than in the entry, `ROLE=COLUMN` each (`register.entries.COLUMN_ROLES`).
    """
    entry, named = site.manifest.entry(layer), columns_by_role(columns)
    path, inside = split_layer(file)
    check_file(path)
    reading = Reading(
        declared_crs=entry.crs,
        encoding=entry.encoding,
        extent=extent_of_areas(site.areas),
        limits=limits_for(path),
    )
    try:
        with _scratch(store, entry) as scratch:
            frame = read_file(path, inside or "", reading, Path(scratch))
        origin = _origin(site, _When(date, confirmed), path.name, reading.remarks)
        return _keep(site, store, entry, frame, replace(origin, by_hand=True, columns=named))
    except SelvawatchError:
        raise
    except Exception as error:
        raise _unforeseen(entry, error) from error


def _unforeseen(entry: LayerEntry, error: Exception) -> LayerError:
    """One line on what nobody foresaw of a layer, without the address that it may quote."""
    text = f"{type(error).__name__}: {error}"
    if entry.fetch is not None:
        text = without_secrets(text, entry.fetch.url)
    return LayerError("the layer cannot be used", where=entry.name, got=text[:300], do="nothing was kept")


class _When(NamedTuple):
    """Of which day a layer is, and whether a person confirmed it."""

    date: dt.date
    confirmed: bool


def _origin(site: Site, when: _When, address: str, remarks: list[str]) -> Origin:
    return Origin(
        date=when.date,
        address=address,
        extent=extent_of_areas(site.areas),
        remarks=remarks,
        confirmed=when.confirmed,
    )


def all_snapshots(site: Site, store: Store | None) -> tuple[Snapshot, ...]:
    """Snapshots that came with the site and, of the store's, those accepted."""
    packaged = site_snapshots(site.manifest, site.zones_folder)
    if store is None or not (store.snapshots).is_dir():
        return packaged
    names = [one.name for one in site.manifest.layer]
    return (*packaged, *stored_snapshots(store.snapshots, names))


def zones_status(site: Site, store: Store, *, today: dt.date) -> list[LayerReport]:
    """How every layer of the manifest stands, by name."""
    packaged = {one.layer: one.date for one in site_snapshots(site.manifest, site.zones_folder)}
    reports = []
    for entry in sorted(site.manifest.layer, key=lambda layer: layer.name):
        kept = records(store.snapshots, entry.name)
        used = [one for one in kept if one.state == ACCEPTED]
        held = [one for one in kept if one.state != ACCEPTED]
        date = dt.date.fromisoformat(used[-1].date) if used else packaged.get(entry.name)
        state = "in use" if used else "with the site" if date else "none"
        if (same := sum(one.date == used[-1].date for one in used) if used else 0) > 1:
            state += f", the last of {same} imports of that day"
        if held:
            state += f", one quarantined ({held[-1].why})"
        reports.append(
            LayerReport(
                layer=entry.name,
                title=entry.title,
                date=date,
                age_days=None if date is None else (today - date).days,
                features=used[-1].features if used else None,
                state=state,
                verified=entry.verified,
                by_hand=entry.fetch is None,
            )
        )
    return reports


def unchecked_note(site: Site, store: Store) -> str:
    """What the lower tiers lack without a layer of isolated peoples, one line; empty where there is one."""
    if not site.config.tiers.withhold_unchecked:
        return ""
    layers = [one for one in site.manifest.layer if one.tells_isolated]
    latest = {
        one.layer: one
        for one in sorted(all_snapshots(site, store), key=lambda snapshot: (snapshot.date, snapshot.order))
    }
    held = [latest[one.name] for one in layers if one.name in latest]
    doubts = {one.layer: _doubts(site, one) for one in held}
    if held and not all(doubts.values()):
        return ""
    name = held[0].layer if held else layers[0].name if layers else "isolated-peoples"
    if held:
        cause = (
            f"the layer {name} of {held[0].date} is not what its entry expects ({'; '.join(doubts[name])})"
        )
        do = f"import it again, with --confirm if it is right, or correct its entry in {site.config.zones}"
    else:
        cause = "no layer of isolated peoples is at hand"
        do = f"`selvawatch zones fetch {name}` or `zones import {name} FILE`"
    return (
        f"{cause}, so public and partner bulletins, maps and tables stay empty: {do}"
        " (or, knowing what that means, withhold_unchecked = false in the site file)"
    )


def _doubts(site: Site, snapshot: Snapshot) -> tuple[str, ...]:
    """Why a snapshot of a layer that tells of isolated peoples does not open the lower tiers."""
    if snapshot.confirmed:
        return ()
    entry = site.manifest.entry_of(snapshot)
    return read_layer(
        snapshot.file,
        entry,
        crs=site.grid.crs,
        equal_area=site.equal_area,
        date=snapshot.date,
        sha256=snapshot.sha256,
    ).doubts


def check_zones(site: Site, store: Store) -> list[str]:
    """What is wrong or was repaired in the snapshots in use, one line each; files are verified on the way."""
    findings = []
    for taken_on in all_snapshots(site, store):
        entry = site.manifest.entry_of(taken_on)
        if entry.kind in ("reference", "context"):
            continue
        snapshot = read_layer(
            taken_on.file,
            entry,
            crs=site.grid.crs,
            equal_area=site.equal_area,
            date=taken_on.date,
            sha256=taken_on.sha256,
        )
        if not len(snapshot.rights):
            findings.append(f"{taken_on.layer} {taken_on.date}: no usable feature")
        if unknown := int((~snapshot.rights["dates_known"] & ~snapshot.rights["listed_is_valid"]).sum()):
            findings.append(
                f"{taken_on.layer} {taken_on.date}: {unknown} of {len(snapshot.rights)} without known dates"
            )
        findings += [
            f"{taken_on.layer} {taken_on.date}: row {repair.key}: {repair.what},"
            f" {repair.ha_before:.4f} -> {repair.ha_after:.4f} ha"
            for repair in snapshot.repairs
        ]
    return findings + _slivers(site, store)


def _slivers(site: Site, store: Store) -> list[str]:
    """Ground in faces so small that they are likely drawing errors between layers; kept and counted."""
    register, _ = read_register(
        site.manifest,
        all_snapshots(site, store),
        crs=site.grid.crs,
        equal_area=site.equal_area,
        areas=site.areas,
    )
    if not len(register):
        return []
    extent = extent_of([register.rights])
    faces = faces_of(register.rights, extent, equal_area=site.equal_area, register_version=register.version)
    small = faces.slivers()
    small = small[np.argsort(-faces.ha[small], kind="stable")]
    ids = register.rights["right_id"].to_numpy(object)
    largest = [
        f"sliver of {faces.ha[one]:.6f} ha: {', '.join(ids[list(faces.rights_of(one))])}"
        for one in small[:LISTED].tolist()
    ]
    summary = (
        f"{len(small)} of {len(faces)} faces are slivers under {SLIVER_HA} ha: {faces.ha[small].sum():.4f} ha"
    )
    touching = len(touching_rights(with_touches(faces, register, site.tables.touch, site.equal_area)))
    only = f"{touching} pairs of rights, or of a right and a zone, only touch by the tolerance of tables.toml"
    return [summary, *largest, f"{only}: no overlap of rights, and not inside the zone"]


def _fetch(site: Site, store: Store, entry: LayerEntry, when: _When, client: Client) -> SnapshotRecord:
    if entry.fetch is None:
        raise LayerError("the layer has no service", where=entry.name, do="take it in with `zones import`")
    fetch = entry.fetch
    with _scratch(store, entry) as scratch:
        request = LayerRequest(
            url=fetch.url,
            layer=fetch.layer,
            where=fetch.where,
            crs=entry.crs,
            encoding=entry.encoding,
            folder=Path(scratch),
            extent=extent_of_areas(site.areas),
        )
        frame = SERVICES[fetch.kind](client, request)
    address = f"{public_address(fetch.url)} {fetch.layer}".strip()
    return _keep(site, store, entry, frame, _origin(site, when, address, request.remarks))


def _scratch(store: Store, entry: LayerEntry) -> tempfile.TemporaryDirectory[str]:
    """A folder to unpack a layer in; named so that it goes with the next command when this one is killed."""
    return tempfile.TemporaryDirectory(prefix=f".{os.getpid()}-", dir=_folder(store, entry))


def _folder(store: Store, entry: LayerEntry) -> Path:
    folder = store.snapshots / entry.name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _keep(
    site: Site, store: Store, entry: LayerEntry, frame: gpd.GeoDataFrame, origin: Origin
) -> SnapshotRecord:
    return keep(
        store.snapshots,
        entry,
        frame,
        origin=origin,
        equal_area=site.equal_area,
        salt=store_salt(store),
    )


def store_salt(store: Store) -> bytes:
    """The store's secret for hashes of holders, made on first use; readable by its owner alone."""
    path = store.snapshots / SALT
    if not path.exists():
        _refuse_a_lost_salt(store, path, "no file")
        write_checked(path, secrets.token_bytes(SALT_BYTES), private=True)
        add_to_index(store.snapshots, SALT, file_digest(path))
    salt = path.read_bytes()
    if indexed(store.snapshots).get(SALT, file_digest(path)) != file_digest(path):
        _refuse_a_lost_salt(store, path, f"{len(salt)} other bytes")
    return salt


def _refuse_a_lost_salt(store: Store, path: Path, got: str) -> None:
    """DamagedError where a salt was drawn before: with another, every holder would count as a new one."""
    if SALT in indexed(store.snapshots):
        raise DamagedError(
            "the secret for hashes of holders is not the one that was drawn",
            where=path,
            got=got,
            needed="the file as it was written",
            do="restore it from a copy; with another, every holder would count as a new one",
        )
