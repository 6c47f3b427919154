"""From events to attributed, ranked alerts and tables: register, faces, overlay, rank."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import geopandas as gpd
import pandas as pd
import shapely

from selvawatch.attribute.describe import Setting, alerts_of, describe, outline_cells
from selvawatch.attribute.faces import Faces
from selvawatch.attribute.overlay import Pieces, attribute
from selvawatch.attribute.rank import rank
from selvawatch.core.days import to_date
from selvawatch.core.tier import Tier
from selvawatch.events.track import Tracked
from selvawatch.events.withheld import Guard
from selvawatch.provenance import code_version
from selvawatch.register.manifest import References, Snapshot, read_register
from selvawatch.register.register import Register
from selvawatch.reviews.answers import counted
from selvawatch.reviews.review import Review
from selvawatch.site import Site
from selvawatch.steps.register import all_snapshots
from selvawatch.steps.run.river_water import river_water_of
from selvawatch.store.faces import site_faces
from selvawatch.store.folders import Store
from selvawatch.store.loss_products import product_scars
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState
from selvawatch.tables.base import TableInputs
from selvawatch.write.tiers import TierRule, references_of_tier, register_of_tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """The register and the references of a site, as of its snapshots."""

    register: Register
    references: References
    snapshots: tuple[Snapshot, ...] = ()
    """What both were read from."""
    guarding: Register | None = None
    """Register that says where isolated peoples live, where `register` may not; None: `register` does."""

    @property
    def isolated(self) -> shapely.Geometry | None:
        """Ground of isolated peoples, of layers in doubt too; None where no layer says where it is."""
        rights = (self.guarding or self.register).rights
        ground = rights.geometry[rights["type"] == "isolated_peoples"].to_numpy()
        return shapely.union_all(ground) if len(ground) or self.isolated_checked else None

    @property
    def isolated_checked(self) -> bool:
        """Whether a layer of isolated peoples is what its entry expects, or confirmed by a person."""
        return "isolated_peoples" in (self.guarding or self.register).types_present()

    def guard(self, rule: TierRule) -> Guard:
        """What tiers below the restricted one do not learn of."""
        return Guard(
            reserves=self.isolated,
            checked=self.isolated_checked,
            buffer_m=rule.isolated_buffer_m,
            withhold_unchecked=rule.withhold_unchecked,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributed:
    """Alerts of a run and the pieces its tables add up."""

    alerts: gpd.GeoDataFrame
    """ALERTS, by rank."""
    pieces: Pieces
    faces: Faces
    zones: Zones

    def inputs(self, site: Site, cells: set[str] | None = None, tier: Tier = Tier.RESTRICTED) -> TableInputs:
        """What tables of a tier are made of; `cells`: only pieces of these cells."""
        return TableInputs(
            pieces=self.pieces if cells is None else of_cells(self.pieces, cells),
            register=self.zones.register,
            scales=site.priorities.by_name,
            periods=site.periods.by_name,
            faces=self.faces,
            settings=site.tables,
            references=self.zones.references,
            watched_from=site.days.first_day,
            lacking=layers_lacking(site, self.zones, tier),
            tier=tier,
            least_rights=site.config.tiers.least_rights,
        )


def layers_lacking(site: Site, zones: Zones, tier: Tier) -> tuple[str, ...]:
    """Names of the layers of a site's `zones.toml` of which zones hold no snapshot, sorted.

    Below the restricted tier without those that it is not told of.
    """
    there = {state.entry.name for state in zones.register.layers if state.sha256}
    there |= {name for name, _ in zones.references.dates}
    told = (
        entry
        for entry in site.manifest.layer
        if tier is Tier.RESTRICTED or not (entry.sensitive or entry.type == "isolated_peoples")
    )
    return tuple(sorted(entry.name for entry in told if entry.name not in there))


def read_zones(
    site: Site, store: Store | None = None, only: Collection[tuple[str, str, str]] | None = None
) -> Zones:
    """The register and references of a site, from its own snapshots and what a store keeps.

    only: layer, ISO day and sha256 of the snapshots that are read. LayerError for a layer that cannot be
    used.
    """
    snapshots = tuple(one for one in all_snapshots(site, store) if only is None or _key(one) in only)
    register, references = read_register(
        site.manifest, snapshots, crs=site.grid.crs, equal_area=site.equal_area, areas=site.areas
    )
    return Zones(register=register, references=references, snapshots=snapshots)


def zones_until(site: Site, store: Store, zones: Zones, day: int) -> Zones:
    """The zones of the snapshots dated until a day; where isolated peoples live, all of them say."""
    last = to_date(day)
    kept = {_key(one) for one in zones.snapshots if one.date <= last}
    if len(kept) == len(zones.snapshots):
        return zones
    return replace(read_zones(site, store, only=kept), guarding=zones.guarding or zones.register)


def zones_of_tier(zones: Zones, tier: Tier) -> Zones:
    """The zones as a tier may be told of them; the way of every layer into what a tier gets.

    Below the restricted tier they are as if the site had never had the layers marked `sensitive`, nor any
    reserve of isolated peoples: the gate itself is given `Zones.isolated` of all zones.
    """
    register, references = register_of_tier(zones.register, tier), references_of_tier(zones.references, tier)
    if register is zones.register and references is zones.references:
        return zones
    hidden = {*zones.register.sensitive, *zones.references.sensitive}
    return Zones(
        register=register,
        references=references,
        snapshots=tuple(one for one in zones.snapshots if one.layer not in hidden),
        guarding=zones.guarding or zones.register,
    )


def _key(snapshot: Snapshot) -> tuple[str, str, str]:
    return snapshot.layer, snapshot.date.isoformat(), snapshot.sha256


def with_product_scars(zones: Zones, store: Store, crs: str, until_day: int | None = None) -> Zones:
    """The zones with the ground of a store's products of mining among their old scars, for alerts only.

    until_day: what the products say was there by that day, and nothing undated; None: all of it. StoreError
    for a product that cannot be read.
    """
    scars = product_scars(store, crs)
    if until_day is not None:
        scars = scars[(scars["seen_on"] <= pd.Timestamp(to_date(until_day))).to_numpy(bool)]
    if not len(scars):
        return zones
    joined = pd.concat([part for part in (zones.references.scars, scars) if len(part)], ignore_index=True)
    return replace(zones, references=replace(zones.references, scars=gpd.GeoDataFrame(joined, crs=crs)))


def zones_of_version(
    site: Site, store: Store, now: Zones, version: str, seen: Collection[tuple[str, str, str]] | None
) -> Zones | None:
    """The zones as they were when the register had a version; None: not at hand.

    now: the zones of all snapshots; an empty version is taken for theirs. seen: layer, ISO day and sha256 of
    the snapshots that the version was made of; where nobody noted them, those until each day are tried.
    """
    if version in ("", now.register.version):
        return now
    every = {_key(one) for one in now.snapshots}
    if seen is not None:
        tries = [set(seen)] if every >= set(seen) else []
    else:
        days = sorted({day for _, day, _ in every}, reverse=True)
        tries = [{one for one in every if one[1] <= day} for day in days[1:]]
    for some in tries:
        then = read_zones(site, store, only=some)
        if then.register.version == version:
            return then
    return None


def guarded_area(now: Zones, then: Zones) -> shapely.Geometry | None:
    """Ground of isolated peoples by either register; None where neither says.

    What is learned of them later guards what an earlier run saw.
    """
    known = [one for one in (now.isolated, then.isolated) if one is not None]
    return shapely.union_all(known) if known else None


def with_river_water(zones: Zones, water: gpd.GeoDataFrame) -> Zones:
    """The zones with river water told from imagery (year, geometry) among their references."""
    return replace(zones, references=replace(zones.references, river_water=water))


def attribute_run(
    context: RunContext, states: Mapping[str, TileState], zones: Zones, tracked: Tracked, tier: Tier
) -> Attributed:
    """Alerts and pieces of a run's events for a tier, with the river water that its tiles show."""
    water = river_water_of(context, states, tracked.events, zones.references)
    zones = with_river_water(zones, water)
    return attribute_events(context.site, zones, tracked, context.plan.until_day, context.store, tier)


def attribute_events(
    site: Site,
    zones: Zones,
    tracked: Tracked,
    until_day: int,
    store: Store | None = None,
    tier: Tier = Tier.RESTRICTED,
) -> Attributed:
    """Alerts and pieces of events; today is the run's data day. store: keeps the faces for the next time.

    tier: for whom; what alerts and pieces say of rights and zones is that of `zones_of_tier`. Nearness to
    isolated peoples, by which the gate goes, is always that of all zones.
    """
    guarding = zones.guarding or zones.register
    zones = zones_of_tier(zones, tier)
    register = zones.register
    no_cells = tracked.events[~tracked.events["event_id"].isin(tracked.cells["event_id"])]
    faces = site_faces(site, store, register, [tracked.cells, outline_cells(no_cells)])
    setting = Setting(
        register=register,
        guarding=guarding,
        lacking=layers_lacking(site, zones, tier),
        faces=faces,
        scale=next(iter(site.priorities.by_name.values())),
        rules=site.rules,
        references=zones.references,
        today=until_day,
        loss_product=site.detections_label,
        isolated_buffer_m=site.config.tiers.isolated_buffer_m,
        parameters_digest=site.digest,
        code_version=code_version(),
    )
    described = describe(tracked.events, tracked.cells, setting)
    joined = tracked.events.set_index("event_id", drop=False).join(described)
    ranked = rank(
        gpd.GeoDataFrame(joined.reset_index(drop=True)), tracked.cells, site.ranking_rule, until_day
    )
    return Attributed(
        alerts=alerts_of(
            tracked.events,
            described,
            ranked,
            interval=site.event_rule.interval,
            pixel_m=site.grid.resolution,
        ),
        pieces=attribute(tracked.cells, faces, register, today=until_day, events=tracked.events),
        faces=faces,
        zones=zones,
    )


def of_cells(pieces: Pieces, cells: set[str]) -> Pieces:
    """The pieces of some cells, renumbered."""
    kept = pieces.frame["cell_id"].isin(cells).to_numpy()
    number = pd.Series(kept).cumsum().to_numpy() - 1
    members = pieces.members[kept[pieces.members["piece"].to_numpy()]].copy()
    members["piece"] = number[members["piece"].to_numpy()]
    return Pieces(
        frame=gpd.GeoDataFrame(pieces.frame[kept].reset_index(drop=True), crs=pieces.frame.crs),
        members=members.reset_index(drop=True),
        today=pieces.today,
        register_version=pieces.register_version,
    )


def reviewed_pieces(pieces: Pieces, counts: Mapping[str, Review]) -> Pieces:
    """Pieces as they count once reviews are joined (`reviews.answers.counted`).

    counts: the review that counts for each event.
    """
    kept, frame = counted(pieces.frame, counts)
    if frame is pieces.frame:
        return pieces
    judged = replace(pieces, frame=gpd.GeoDataFrame(frame, geometry="geometry", crs=pieces.frame.crs))
    return judged if kept.all() else of_cells(judged, set(frame["cell_id"][kept]))
