"""Everything a run gives out: for each tier one folder of tables, maps, bulletins and a catalogue."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.attribute.accountings import ACCOUNTINGS, CLOCKS
from selvawatch.core.days import to_date, to_day
from selvawatch.core.files import digest, write_text
from selvawatch.core.schema import Table, Tier
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import ALERTS, CELLS, LOSS_PRODUCT
from selvawatch.events.patches import with_expired_layers
from selvawatch.events.track import Tracked
from selvawatch.provenance import code_digest, code_version
from selvawatch.returns.known_reviews import KnownReviews, known_reviews, reviews_since
from selvawatch.reviews.answers import counted, reviewed_alerts
from selvawatch.site import Site
from selvawatch.steps.bulletins import earlier_state, ids_of
from selvawatch.steps.run.alert_evidence import write_pictures
from selvawatch.steps.run.attribute_events import Zones, reviewed_pieces, zones_of_tier
from selvawatch.steps.run.commit import refuse_committed
from selvawatch.steps.run.findings import Findings, day_of_tier
from selvawatch.steps.run.run_content import Published, RunContent, TileResults
from selvawatch.steps.run.run_report import RunReport, report_on
from selvawatch.store.contents import INTERNAL, PUBLIC, REPORT_FILE, RESTRICTED
from selvawatch.store.folders import new_folder
from selvawatch.store.run_files import write_content, write_published, write_seen, write_tracked
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import TileState, open_layers
from selvawatch.tables import registry
from selvawatch.tables.base import TableInputs
from selvawatch.web.signing import open_href, public_href
from selvawatch.write.bulletin.bulletin import write_bulletin
from selvawatch.write.bulletin.bulletin_changes import Changes, changes_since
from selvawatch.write.bulletin.bulletin_model import (
    Bulletin,
    Coverage,
    Headline,
    LayerVintage,
    Picture,
    Reference,
    headline,
    loss_table,
)
from selvawatch.write.bulletin.kept import content_to_json
from selvawatch.write.bulletin.map_page import write_map
from selvawatch.write.bulletin.mapping.names import window_of, within
from selvawatch.write.bulletin.reviews_part import shown_reviews, with_reviews
from selvawatch.write.formats.companions import write_dictionary
from selvawatch.write.formats.format_table import FORMATS, write_alerts
from selvawatch.write.formats.raster import write_layers
from selvawatch.write.formats.stac_catalogue import DerivedFrom, Product, write_stac
from selvawatch.write.language.explained import with_spanish
from selvawatch.write.language.i18n import language
from selvawatch.write.run_provenance import Run
from selvawatch.write.tiers import Gate, Released, apply

TABLE_NAMES = ("loss_by_type", "loss_by_zone", "loss_by_period")
"""Tables that every run writes."""

_Tables = Mapping[str, Sequence[pd.DataFrame]]
"""Tables by name, each in all its forms: first that of `TableOptions()`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _TierContent:
    """What one tier may see of a run."""

    alerts: Released
    inputs: TableInputs
    """What its tables are made of: pieces of the cells that it may count."""
    headline: Headline
    cells: Released
    """Of these alerts, as far as they count."""
    zones: Zones
    """What it may be told of layers."""


def content_of(
    context: RunContext,
    states: Mapping[str, TileState],
    findings: Sequence[Findings],
    coverage: Coverage,
    pictures: Mapping[str, tuple[Picture, ...]],
) -> RunContent:
    """All that a run gives out, before the tiers."""
    site, name = context.site, context.plan.area
    areas = site.select_areas(name)
    reviews = {found.tier: _reviews(context, found) for found in findings}
    count, new = reviews_since(context.store)
    return RunContent(
        runs={
            found.tier: _run(
                context, found.attributed.zones.register.version, states, reviews[found.tier].digest
            )
            for found in findings
        },
        area_name=name,
        area_title=areas[0].title if len(areas) == 1 else site.config.title,
        area=shapely.union_all([area.geometry for area in areas]),
        findings={found.tier: found for found in findings},
        coverage=coverage,
        pictures=pictures,
        method=f"{site.model.name} {site.model.version}",
        reviews=reviews,
        reviews_new=new,
        reviews_count=count,
    )


def _reviews(context: RunContext, found: Findings) -> KnownReviews:
    """What people answered on the events of a tier, as far as it may know of it in this run."""
    delay = context.site.config.tiers.delay_days
    known = known_reviews(context.store, found.tier, context.plan.until_day, delay_days=delay)
    return known.of_events(found.attributed.alerts["event_id"])


def publish_run(
    context: RunContext, results: TileResults, content: RunContent, tracked: Mapping[Tier, Tracked]
) -> RunReport:
    """Write the folder of a run, whole or not at all: what the next run reads, both tiers, its report.

    Raises
    ------
    StoreError
        When the run, or another since its plan, was committed: its folder stays as it is.
    """
    refuse_committed(context.store, context.plan)
    folder = context.store.run(context.plan.run_id)
    with new_folder(folder) as part:
        for tier, events in tracked.items():
            write_tracked(part, events, tier)
        seen = content.findings[Tier.RESTRICTED].attributed.zones.snapshots
        write_seen(part / INTERNAL, seen)
        public = publish(context, results.states, part / PUBLIC, content, Tier.PUBLIC)
        restricted = publish(context, results.states, part / RESTRICTED, content, Tier.RESTRICTED)
        report = report_on(
            context, results, content, public.moved(part, folder), restricted.moved(part, folder)
        )
        text = json.dumps(asdict(report), indent=1, sort_keys=True, ensure_ascii=False)
        (part / REPORT_FILE).write_text(text)
    return report


def publish(
    context: RunContext,
    states: Mapping[str, TileState],
    folder: Path,
    content: RunContent,
    tier: Tier,
) -> Published:
    """Write everything of one tier below a folder: tables, bulletin, maps, and the catalogue of all of it."""
    site, run = context.site, content.runs[tier]
    released = _for_tier(site, content, tier)
    changes, published = _changes(context, content, tier, released)
    files = write_alerts(folder, released.alerts, run.provenance, language("es"))
    made = _tables_of(released.inputs)
    tables = _write_tables(folder / "tables", made, tier, site, run)
    bulletin = replace(_bulletin(site, content, tier, released, made), changes=changes)
    pages = _write_pages(folder, bulletin)
    _tell_reviews(pages, released.alerts)
    write_published(folder.parent, published, tier)
    write_content(folder.parent, content_to_json(bulletin), pd.DataFrame(released.cells.frame), tier)
    scenes = scenes_behind(context, states, tier)
    products = [
        Product(id=name, title=title, geometry=content.area, files=of_it, scenes=scenes)
        for name, title, of_it in (
            ("alerts", "Alerts", files),
            ("tables", "Tables", tables),
            ("bulletin", "Bulletin and map", pages),
        )
    ]
    if tier is Tier.RESTRICTED:
        pictures = _picture_products(folder, released.alerts, content)
        products += [replace(one, scenes=scenes) for one in pictures]
        products += [_tile_product(context, folder, state, run) for _, state in sorted(states.items())]
    write_stac(folder, run, content.area_name, content.area_title, tuple(products))
    return Published(
        bulletin=pages["es-html"],
        map_page=pages["map-es"],
        alerts=files["gpkg"],
        tables=folder / "tables",
        headline=released.headline,
        by_type=_by_type(bulletin),
    )


def scenes_behind(
    context: RunContext, states: Mapping[str, TileState], tier: Tier
) -> tuple[DerivedFrom, ...]:
    """The scenes that were read for some tiles until the last day that a tier may learn of.

    Each by the first file of it that its archive lists; one that no archive lists any more has no address.
    """
    day = day_of_tier(context.site, tier, context.plan.until_day)
    read = {
        record.key
        for state in states.values()
        for record in state.scene_records
        if record.state == "read" and record.day <= day
    }
    address = open_href if tier is Tier.RESTRICTED else public_href
    found = {
        scene.key: DerivedFrom(scene_id=scene.id, href=address(scene.assets[min(scene.assets)].href))
        for scene in context.inputs.scenes
        if scene.key in read and scene.assets
    }
    return tuple(found[key] for key in sorted(found))


def _by_type(bulletin: Bulletin) -> tuple[dict[str, str | float], ...]:
    return tuple(
        {"type": row.code, "ha": round(row.loss_ha, 2), "mining_ha": round(row.mining_ha, 2)}
        for row in bulletin.tables[0].rows
    )


def _write_pages(folder: Path, bulletin: Bulletin) -> dict[str, Path]:
    """The bulletin in all its forms and the map, in both languages, written; files by name."""
    files = {key.replace(".", "-"): path for key, path in write_bulletin(folder, bulletin).items()}
    for code in ("es", "en"):
        files[f"map-{code}"] = write_map(folder / f"map-{code}.html", bulletin, language(code))
    return files


def _tell_reviews(pages: Mapping[str, Path], alerts: Released) -> None:
    """Bulletins that are written say what people answered on their alerts, where somebody did."""
    for path in (path for name, path in pages.items() if not name.startswith("map-")):
        lang = language(path.name.removeprefix("bulletin-")[:2])
        part = shown_reviews(alerts, lang, since_run=False)
        if part.lines:
            write_text(path, with_reviews(path.read_text(encoding="utf-8"), path.name, part, lang))


def _changes(
    context: RunContext, content: RunContent, tier: Tier, released: _TierContent
) -> tuple[Changes, frozenset[str]]:
    """What is new for a tier since the run before, and the ids of all events that it was given until now."""
    runs, now = context.store.ledger.runs(), content.findings[tier].tracked.events
    earlier = earlier_state(context.store, runs, tier, now)
    found = changes_since(
        earlier,
        released.alerts,
        pd.DataFrame(released.cells.frame),
        first_day=content.runs[tier].since_day,
        delay_days=context.site.config.tiers.delay_days if tier is Tier.PUBLIC else 0,
    )
    return found, ids_of(released.alerts.frame) | frozenset(earlier.published if earlier else ())


def _for_tier(site: Site, content: RunContent, tier: Tier) -> _TierContent:
    """The alerts that a tier may see, and what its tables and headline count."""
    found, run = content.findings[tier], content.runs[tier]
    zones = found.attributed.zones
    gate = Gate(
        tier=tier,
        rule=site.config.tiers,
        data_day=run.data_day,
        isolated=zones.isolated,
        isolated_checked=zones.isolated_checked,
    )
    counts = content.reviews[tier].deciding
    judged = found.attributed.alerts
    if counts:
        judged = reviewed_alerts(judged, counts, versioned=tier is Tier.RESTRICTED)
    alerts = apply(ALERTS, gpd.GeoDataFrame(judged, crs=found.attributed.alerts.crs), gate)
    kept, reviewed = counted(found.tracked.cells, counts)
    cells = apply(CELLS, gpd.GeoDataFrame(reviewed[kept], crs=found.tracked.cells.crs), gate, of=alerts)
    inputs = found.attributed.inputs(site, set(cells.frame["cell_id"]), tier)
    return _TierContent(
        alerts=alerts,
        cells=cells,
        inputs=replace(inputs, pieces=reviewed_pieces(inputs.pieces, counts)),
        headline=headline(alerts, pd.DataFrame(cells.frame), run.since_day, run.data_day),
        zones=zones,
    )


def _bulletin(
    site: Site, content: RunContent, tier: Tier, released: _TierContent, tables: _Tables
) -> Bulletin:
    """What the bulletin and the map of a tier are made of; of its tables the first of each name."""
    rule, run = site.config.tiers, content.runs[tier]
    day, zones = run.data_day, released.zones
    titles = _period_titles(site)
    return Bulletin(
        run=run,
        area_name=content.area_name,
        area_title=content.area_title,
        area=content.area,
        alerts=released.alerts,
        headline=released.headline,
        tables=tuple(loss_table(name, tables[name][0], titles) for name in TABLE_NAMES),
        coverage=content.coverage,
        layers=_vintages(zones, day, site.tables.old_layer_days),
        pictures=content.pictures if tier is Tier.RESTRICTED else {},
        references=within(
            shown_references(zones, to_date(day), tier),
            window_of(content.area, [tile.outline for tile in content.coverage.tiles]),
        ),
        delay_days=rule.delay_days if tier is Tier.PUBLIC else 0,
        grid_m=rule.grid_m,
        method=content.method,
        under_observation=content.findings[tier].under_observation,
        unchecked=released.alerts.withheld.unchecked > 0,
    )


def _run(context: RunContext, register: str, states: Mapping[str, TileState], reviews: str) -> Run:
    """What a run was made from.

    register: version of the register. reviews: digest of the reviews; empty where there is none.
    """
    site, previous = context.site, context.store.ledger.current()
    scenes = sorted({record.key for state in states.values() for record in state.scene_records})
    return Run(
        run_id=context.plan.run_id,
        since_day=site.days.first_day,
        data_day=context.plan.until_day,
        version=code_version(),
        digests={
            "areas": digest([[area.name, area.version, area.geometry.wkb_hex] for area in site.areas]),
            "code": code_digest(),
            "model": site.model.digest,
            "parameters": site.digest,
            "scenes": digest(scenes),
            "zones": register,
        }
        | ({"reviews": reviews} if reviews else {}),
        about={
            "loss_product": site.detections_label,
            "previous_run_id": previous.run_id if previous else "none",
            **site.coordinates,
        },
    )


def _picture_products(folder: Path, alerts: Released, content: RunContent) -> list[Product]:
    """The pictures that the alerts name, written; none where none does."""
    written = write_pictures(folder, alerts.frame, content.pictures)
    if not written:
        return []
    files = {path.stem: path for path in written}
    return [Product(id="pictures", title="Pictures", geometry=content.area, files=files)]


def _tables_of(inputs: TableInputs) -> _Tables:
    """Every table in all accountings and on both clocks."""
    return {
        name: [
            registry.build(name, inputs, TableOptions(accounting=accounting, clock=clock))
            for accounting in (ACCOUNTINGS if name != "loss_by_period" else ("exclusive",))
            for clock in (CLOCKS if name != "loss_by_period" else ("at-loss",))
        ]
        for name in TABLE_NAMES
    }


def _write_tables(folder: Path, tables: _Tables, tier: Tier, site: Site, run: Run) -> dict[str, Path]:
    """Tables as Parquet and CSV, a file for all forms of each, and their dictionary."""
    files: dict[str, Path] = {}
    kinds: list[Table] = []
    for name, parts in tables.items():
        frame = with_spanish(pd.concat(parts, ignore_index=True))
        frame.insert(0, LOSS_PRODUCT.name, site.detections_label)
        spec = registry.TABLES[name]
        kind = Table(
            name=name,
            description=spec.description,
            columns=(LOSS_PRODUCT, *(one for one in spec.columns if one.name in frame.columns)),
        )
        released = apply(kind, frame, Gate(tier=tier, rule=site.config.tiers, data_day=run.data_day))
        for form in (FORMATS["csv"], FORMATS["geoparquet"]):
            path = folder / f"{name}{form.suffix}"
            files[f"{name}-{form.suffix[1:]}"] = form.write(path, released, run.provenance, language("es"))
        kinds.append(kind)
    files["dictionary"] = write_dictionary(folder / "diccionario.csv", (ALERTS, *kinds))
    return files


def _tile_product(context: RunContext, folder: Path, state: TileState, run: Run) -> Product:
    """The state of a tile as rasters, written."""
    tile, crs = context.site.grid.tile(state.tile), context.site.grid.crs
    layers = open_layers(context.store, state.tile, state.state)
    files = write_layers(
        folder / "tiles",
        state.tile,
        with_expired_layers(layers, context.site.event_rule, context.plan.until_day),
        tile.transform,
        crs,
        {**run.provenance, "tile": state.tile},
    )
    return Product(
        id=f"tile-{state.tile}",
        title=f"State of tile {state.tile}",
        geometry=tile.lonlat_outline,
        files=files,
        properties={"proj:code": crs},
        scenes=scenes_behind(context, {state.tile: state}, Tier.RESTRICTED),
    )


def _vintages(zones: Zones, today: int, old_days: int) -> tuple[LayerVintage, ...]:
    """How old each layer of the register is, and whether the bulletin calls it old: over `old_days`."""
    return tuple(
        LayerVintage(
            layer=one.entry.name,
            title=one.entry.title,
            source=one.entry.source,
            day=to_day(one.date),
            age_days=max(0, today - to_day(one.date)),
            old=today - to_day(one.date) > old_days,
        )
        for one in zones.register.layers
        if one.entry.kind != "place"
    )


def shown_references(zones: Zones, today: dt.date, tier: Tier) -> tuple[Reference, ...]:
    """What maps of a tier show for orientation: of the latest snapshots, what has not ended by today.

    Single native communities are shown from the partner tier on.
    """
    zones = zones_of_tier(zones, tier)
    rights = zones.register.rights
    ended = (rights["valid_to"] <= pd.Timestamp(today)) | rights["recorded_to"].notna()
    rights = rights[~ended.to_numpy()]
    transformer = Transformer.from_crs(rights.crs, "EPSG:4326", always_xy=True)

    def lonlat(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda x, y: transformer.transform(x, y), interleaved=False)

    kinds = {"protected_core": "protected", "corridor": "corridor", "district": "district"}
    if tier >= Tier.PARTNER:
        kinds["native_community"] = "community"
    found = [
        Reference(kind=kinds[row.type], name=_name(row.name_), geometry=lonlat(row.geometry))
        for row in rights[rights["type"].isin(kinds)].rename(columns={"name": "name_"}).itertuples()
    ]
    lines = (("road", zones.references.roads), ("river", zones.references.rivers))
    for kind, frame in (*lines, ("settlement", zones.references.settlements)):
        found += [
            Reference(kind=kind, name=_name(row.name_), geometry=lonlat(row.geometry))
            for row in frame.rename(columns={"name": "name_"}).itertuples()
        ]
    return tuple(found)


def _name(value: object) -> str:
    """A name of a layer; empty for a missing one, whatever stands for it."""
    return value if isinstance(value, str) else ""


def _period_titles(site: Site) -> dict[str, str]:
    return {one.name: one.title for found in site.periods.set for one in found.periods}
