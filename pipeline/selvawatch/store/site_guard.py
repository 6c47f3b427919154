"""Which edits of a site its store allows, and what is another site: none that would make other events."""

import io
import json
import logging
from collections.abc import Iterator

import geopandas as gpd
import pyarrow.parquet as pq
import shapely
from pyproj import CRS, Transformer

from selvawatch.core.files import file_digest
from selvawatch.errors import DamagedError, SiteError
from selvawatch.site import Site
from selvawatch.store.contents import ALERTS_FILE, EVENTS_FILE, INTERNAL, RESTRICTED
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.loss_products import product_names
from selvawatch.store.seal import read_seal
from selvawatch.store.site_copy import SiteCopy, deciding_of, read_site_copy, site_copy_path

log = logging.getLogger(__name__)

_PUT_BACK = "put it back, or begin anew with another --store"


def refuse_other_site(site: Site, store: Store) -> None:
    """Refuse a site that is not the store's: with another name, `[grid]`, `[centre]` or `[days]`, or with
    ground gone from under its events.

    Everything else may be edited: layers, rules, tables, tiers, ranks; an area may be added, and may grow. In
    a store without events days, name, centre and outlines may be edited too. Where the store keeps no copy of
    its site, or a damaged one, the site is held against what its last run says of itself. In a store that has
    loss products and no run nothing that decides events may be edited, as `refuse_foreign_site`.

    Raises
    ------
    SiteError
        Naming both values.
    DamagedError
        Where neither the copy nor the last run can be read.
    """
    current = store.ledger.current()
    if current is None:
        refuse_foreign_site(site, store)
        return
    kept = _kept(store)
    wrong = list(_edits(site, kept) if kept is not None else _contradictions(site, store, current))
    held = wrong and bool(store.ledger.alerts())
    for table, edits in wrong:
        if held or table == "[grid]":
            raise SiteError(
                f"{table} was edited, on a store that has {'events' if held else 'a run'}",
                where=site.folder / site.file,
                got=edits,
                do=_PUT_BACK,
            )
    if kept is not None:
        _refuse_lost_outlines(site, store, current, kept)


def refuse_foreign_site(site: Site, store: Store) -> None:
    """Refuse to tell of a store by another site: with another name, `[grid]`, `[centre]` or `[days]`, or with
    another outline of an area that has events; in a store of loss products without a run, of any area.

    Raises
    ------
    SiteError
        Naming both values.
    DamagedError
        Where neither the store's copy of its site nor its last run can be read.
    """
    current = store.ledger.current()
    if current is None and not product_names(store):
        return
    kept = _kept(store) if current is not None else _kept_with_products(store)
    wrong = list(_edits(site, kept) if kept is not None else _contradictions(site, store, current))
    if kept is not None and not wrong:
        wrong = list(_edited_outlines(site, store, current, kept))
    if wrong:
        raise SiteError(
            f"this is not the site of the store {store.folder}",
            where=site.folder / site.file,
            got="; ".join(f"{table}: {edits}" for table, edits in wrong[:2]),
            do="give the store's own by --site; where neither --site nor the current folder names a site,"
            " what is told of a store is told by its copy of it; or begin anew with another --store",
        )


def site_edits(site: Site, store: Store) -> str:
    """Files of a site that differ from those of the store's last run, separated by spaces; `none`, `unknown`.

    A layer that comes with the site is told as `layers`.
    """
    known = store.ledger.current() is not None or product_names(store)
    kept = _kept(store) if known else None
    if kept is None:
        return "unknown"
    if kept.digest == site.digest:
        return "none"
    if not kept.files:
        return "unknown"
    roles = {*kept.files, *site.files}
    now = {role: file_digest(site.path_of(name)) for role, name in site.files.items()}
    before = {role: file.sha256 for role, file in kept.files.items()}
    return " ".join(sorted(role for role in roles if now.get(role) != before.get(role))) or "layers"


def _edited_outlines(
    site: Site, store: Store, current: RunRow | None, kept: SiteCopy
) -> Iterator[tuple[str, str]]:
    """Areas with events, or of a store without a run, whose outline is not the store's, and how: hectares
    beside the store's.
    """
    now = {area.name: area.geometry for area in site.areas}
    changed = {
        name: outline
        for name, outline in kept.outlines.items()
        if name not in now or not shapely.equals(outline, now[name])
    }
    if not changed:
        return
    crs = site.grid.crs
    events = None if current is None else _events(store, current).geometry
    for name, outline in sorted(changed.items()):
        before = _projected(outline, crs)
        if events is None or (events.intersection(before).area >= site.grid.resolution**2 / 2).any():
            ha = f"{_projected(now[name], crs).area / 1e4:.1f} ha" if name in now else "no such area"
            yield f"area {name}", f"{ha}, the store has another outline of {before.area / 1e4:.1f} ha"


def _kept(store: Store) -> SiteCopy | None:
    """The store's copy of its site; None where there is none that can be used."""
    try:
        return read_site_copy(store)
    except DamagedError as error:
        log.warning("the store's copy of its site is made anew at the next commit: %s", error)
        return None


def _kept_with_products(store: Store) -> SiteCopy | None:
    """The copy that a store without a run keeps of the site of its loss products; None: there is none."""
    try:
        return read_site_copy(store)
    except DamagedError as error:
        raise DamagedError(
            "nothing tells which site the loss products of the store are of",
            where=site_copy_path(store),
            got=error,
            do="remove the file, and register the products again with `selvawatch attribute --register-as`",
        ) from error


def _edits(site: Site, kept: SiteCopy) -> Iterator[tuple[str, str]]:
    """Tables of the site file that differ from the copy, and how: each value beside the store's."""
    for table, values in deciding_of(site).items():
        before = kept.deciding.get(table, {})
        found = [
            f"{key} {value}, the store has {before.get(key)}"
            for key, value in values.items()
            if before.get(key) != value
        ]
        if found:
            yield f"[{table}]" if table else "name", "; ".join(found)


def _refuse_lost_outlines(site: Site, store: Store, current: RunRow, kept: SiteCopy) -> None:
    """Refuse areas that no longer hold ground, at least half a pixel of it, on which an event stands."""
    crs = site.grid.crs
    now = {area.name: area.projected(crs) for area in site.areas}
    before = {name: _projected(outline, crs) for name, outline in kept.outlines.items()}
    changed = {
        name: outline.difference(now.get(name, shapely.Polygon()))
        for name, outline in before.items()
        if name not in now or not shapely.equals(outline, now[name])
    }
    if not changed:
        return
    events = _events(store, current)
    for name, lost in sorted(changed.items()):
        under = events.geometry.intersection(lost).area >= site.grid.resolution**2 / 2
        if under.any():
            ids = sorted(events.loc[under, "event_id"])
            ha = f"{now[name].area / 1e4:.1f} ha" if name in now else "no such area"
            raise SiteError(
                f"area {name} was edited under events",
                where=site.folder / site.config.areas,
                got=f"{ha}, the store has {before[name].area / 1e4:.1f} ha; on ground that it lost:"
                f" {', '.join(ids[:3])}{f' and {len(ids) - 3} more' if ids[3:] else ''}",
                do="put the outline back: an area may grow, and another may be added,"
                " but what events stand on stays; or begin anew with another --store",
            )


def _contradictions(site: Site, store: Store, current: RunRow | None) -> Iterator[tuple[str, str]]:
    """What the last run says that is not true of the site, as `_edits`; for a store without a copy."""
    if current is None:
        return
    made = _provenance(store, current)
    if made.get("parameters_sha256") == site.digest:
        return
    begins = str(site.days.monitoring_from)
    if made.get("since_date", begins) != begins:
        yield "[days]", f"monitoring_from {begins}, the store has {made.get('since_date')}"
    events = _events(store, current)
    if events.crs is None or not events.crs.equals(CRS.from_user_input(site.grid.crs)):
        stored = "none" if events.crs is None else ":".join(events.crs.to_authority() or (events.crs.name,))
        yield "[grid]", f"crs {site.grid.crs}, the store has {stored}"
        return
    watched = shapely.union_all([area.projected(site.grid.crs) for area in site.areas])
    outside = events.geometry.difference(watched).area >= site.grid.resolution**2 / 2
    if outside.any():
        ids = sorted(events.loc[outside, "event_id"])
        yield "areas", f"{len(ids)} events of the store stand outside all of them, the first {ids[0]}"


def _events(store: Store, current: RunRow) -> gpd.GeoDataFrame:
    """Events of a run that are not withdrawn; DamagedError where they cannot be read."""
    content = read_seal(store.run(current.run_id)).read(f"{INTERNAL}/{EVENTS_FILE}")
    events = gpd.read_parquet(io.BytesIO(content), columns=["event_id", "status", "geometry"])
    return events[events["status"] != "withdrawn"]


def _provenance(store: Store, current: RunRow) -> dict[str, str]:
    """What a run says it was made from; DamagedError where that cannot be read."""
    content = read_seal(store.run(current.run_id)).read(f"{RESTRICTED}/{ALERTS_FILE}")
    return dict(json.loads((pq.read_schema(io.BytesIO(content)).metadata or {})[b"selvawatch"]))


def _projected(outline: shapely.Geometry, crs: str) -> shapely.Geometry:
    """An outline in WGS 84 in another CRS."""
    transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return shapely.transform(outline, transformer.transform, interleaved=False)
