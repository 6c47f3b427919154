"""Use cases of the register's layers: fetch, import, accept, state, check."""

import datetime as dt
import secrets
import zipfile
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd

from selvawatch import __version__
from selvawatch.attribute.entries import LayerEntry
from selvawatch.attribute.faces import SLIVER_HA, faces_of
from selvawatch.attribute.files import read_vector
from selvawatch.attribute.layers import read_layer
from selvawatch.attribute.manifest import Snapshot, read_register, site_snapshots
from selvawatch.attribute.overlay import extent_of
from selvawatch.attribute.snapshots import (
    ACCEPTED,
    SnapshotRecord,
    keep,
    records,
    stored_snapshots,
)
from selvawatch.core.files import replacing
from selvawatch.errors import LayerError, SelvawatchError
from selvawatch.site import Site
from selvawatch.sources.geoservices import Client, fetch_layer
from selvawatch.store.folders import Store

SNAPSHOTS = "zones"
"""Folder of the store that holds snapshots."""


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


def client_for(site: Site) -> Client:
    """How this site asks services; LayerError where it does not say whom they may turn to."""
    contact = site.manifest.contact
    if not contact:
        raise LayerError(
            "nobody to turn to",
            where=site.says.zones,
            needed="`contact`, an e-mail or page",
            do="write it at the top of the file: services want to know who asks",
        )
    return Client(contact=contact, version=__version__)


def fetch_zones(
    site: Site, store: Store, layers: list[str], *, date: dt.date, client: Client
) -> list[Fetched]:
    """Ask for layers (none named: all that can be fetched) and keep what came; one failure stops no other."""
    entries = [site.manifest.entry(name) for name in layers] or [
        one for one in site.manifest.layer if one.fetch is not None
    ]
    done = []
    for entry in entries:
        try:
            done.append(Fetched(layer=entry.name, record=_fetch(site, store, entry, date, client)))
        except SelvawatchError as error:
            done.append(Fetched(layer=entry.name, record=None, error=str(error)))
    return done


def import_zone(site: Site, store: Store, layer: str, file: str, *, date: dt.date) -> SnapshotRecord:
    """Keep a layer from a file (any vector format, a zipped shapefile) as if it had been fetched."""
    entry = site.manifest.entry(layer)
    path = Path(file)
    found = f"/vsizip/{{{path.resolve()}}}" if path.suffix == ".zip" else file
    frame = read_vector(found, crs="EPSG:4326", declared_crs=entry.crs, encoding=entry.encoding)
    return _keep(site, store, entry, frame, date, path.name)


def all_snapshots(site: Site, store: Store | None) -> tuple[Snapshot, ...]:
    """Snapshots that came with the site and, of the store's, those accepted."""
    own = site_snapshots(site.manifest, site.zones_folder)
    if store is None or not (store.folder / SNAPSHOTS).is_dir():
        return own
    names = [one.name for one in site.manifest.layer]
    return (*own, *stored_snapshots(store.folder / SNAPSHOTS, names))


def zones_status(site: Site, store: Store, *, today: dt.date) -> list[LayerReport]:
    """How every layer of the manifest stands, by name."""
    own = {one.layer: one.date for one in site_snapshots(site.manifest, site.zones_folder)}
    reports = []
    for entry in sorted(site.manifest.layer, key=lambda one: one.name):
        kept = records(store.folder / SNAPSHOTS, entry.name)
        used = [one for one in kept if one.state == ACCEPTED]
        held = [one for one in kept if one.state != ACCEPTED]
        date = dt.date.fromisoformat(used[-1].date) if used else own.get(entry.name)
        state = "in use" if used else "with the site" if date else "none"
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
            )
        )
    return reports


def check_zones(site: Site, store: Store) -> list[str]:
    """What is wrong or was repaired in the snapshots in use, one line each; files are verified on the way."""
    told = []
    for one in all_snapshots(site, store):
        entry = site.manifest.entry(one.layer)
        if entry.kind in ("reference", "context"):
            continue
        taken = read_layer(one.file, entry, crs=site.grid.crs, date=one.date, sha256=one.sha256)
        if not len(taken.rights):
            told.append(f"{one.layer} {one.date}: no usable feature")
        if unknown := int((~taken.rights["dates_known"] & ~taken.rights["listed_is_valid"]).sum()):
            told.append(f"{one.layer} {one.date}: {unknown} of {len(taken.rights)} without known dates")
        told += [
            f"{one.layer} {one.date}: row {repair.key}: {repair.what},"
            f" {repair.ha_before:.4f} -> {repair.ha_after:.4f} ha"
            for repair in taken.repairs
        ]
    return told + _slivers(site, store)


def _slivers(site: Site, store: Store) -> list[str]:
    """Ground in faces so small that they are likely drawing errors between layers; kept and counted."""
    register, _ = read_register(
        site.manifest, all_snapshots(site, store), crs=site.grid.crs, areas=site.areas
    )
    if not len(register):
        return []
    extent = extent_of([register.rights])
    faces = faces_of(register.rights, extent, equal_area=site.equal_area, register_version=register.version)
    small = faces.slivers()
    return [
        f"{len(small)} of {len(faces)} faces are slivers under {SLIVER_HA} ha: {faces.ha[small].sum():.4f} ha"
    ]


def _fetch(site: Site, store: Store, entry: LayerEntry, date: dt.date, client: Client) -> SnapshotRecord:
    if entry.fetch is None:
        raise LayerError("the layer has no service", where=entry.name, do="take it in with `zones import`")
    fetch = entry.fetch
    if fetch.kind in ("file", "archive"):
        frame = _download(store, entry, client)
    else:
        frame = fetch_layer(client, fetch.kind, fetch.url, fetch.layer, fetch.where)
    return _keep(site, store, entry, frame, date, f"{fetch.url} {fetch.layer}".strip())


def _download(store: Store, entry: LayerEntry, client: Client) -> gpd.GeoDataFrame:
    """A file or zip archive, read from a temporary copy that is gone afterwards."""
    fetch = entry.fetch
    if fetch is None:
        raise LayerError("the layer has no service", where=entry.name)
    suffix = Path(fetch.url).suffix.lower()
    if fetch.kind == "archive" and suffix != ".zip":
        raise LayerError(
            "the archive cannot be opened here",
            where=entry.name,
            got=suffix,
            needed=".zip",
            do="unpack it and take it in with `zones import`",
        )
    place = store.folder / SNAPSHOTS / entry.name / f"download{suffix}"
    with replacing(place) as part:
        part.write_bytes(client.get(fetch.url))
        if fetch.kind == "archive" and not zipfile.is_zipfile(part):
            raise LayerError("half an archive", where=fetch.url, do="try again later")
        found = f"/vsizip/{{{part.resolve()}}}" if fetch.kind == "archive" else str(part)
        named = f"{found}:{fetch.layer}" if fetch.layer else found
        frame = read_vector(named, crs="EPSG:4326", declared_crs=entry.crs, encoding=entry.encoding)
    place.unlink(missing_ok=True)
    return frame


def _keep(
    site: Site, store: Store, entry: LayerEntry, frame: gpd.GeoDataFrame, date: dt.date, address: str
) -> SnapshotRecord:
    return keep(
        store.folder / SNAPSHOTS,
        entry,
        frame,
        date=date,
        address=address,
        equal_area=site.equal_area,
        salt=store_salt(store),
    )


def store_salt(store: Store) -> bytes:
    """The store's secret for hashes of holders, made on first use; readable by its owner alone."""
    path = store.folder / SNAPSHOTS / ".salt"
    if not path.exists():
        with replacing(path) as part:
            part.touch(mode=0o600)
            part.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()
