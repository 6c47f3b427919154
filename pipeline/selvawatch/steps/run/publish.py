"""Everything a run gives out: for each tier one folder of tables, maps, bulletins and a catalogue."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import shapely
from pyproj import Transformer

from selvawatch.attribute.accountings import ACCOUNTINGS, CLOCKS
from selvawatch.attribute.rank import rank
from selvawatch.core.days import to_date, to_day
from selvawatch.core.grid import Tile
from selvawatch.core.schema import Table, Tier
from selvawatch.core.table_options import TableOptions
from selvawatch.core.tables import ALERTS, CELLS
from selvawatch.events.track import Tracked
from selvawatch.site import Site
from selvawatch.steps.run.alert_evidence import write_pictures
from selvawatch.steps.run.attribute_events import Attributed, Zones
from selvawatch.store.folders import Store
from selvawatch.store.tile_state import TileState, open_layers
from selvawatch.tables import registry
from selvawatch.tables.base import TableInputs
from selvawatch.write.bulletin.bulletin import write_bulletin
from selvawatch.write.bulletin.bulletin_model import (
    Bulletin,
    Coverage,
    Headline,
    LayerVintage,
    Pictures,
    Reference,
    headline,
    loss_table,
)
from selvawatch.write.bulletin.map_page import write_map
from selvawatch.write.formats.companions import write_dictionary
from selvawatch.write.formats.format_table import FORMATS, write_alerts
from selvawatch.write.formats.raster import write_layers
from selvawatch.write.formats.stac_catalogue import Product, write_stac
from selvawatch.write.language.i18n import language
from selvawatch.write.run_provenance import Run
from selvawatch.write.tiers import Gate, apply

TABLE_NAMES = ("loss_by_type", "loss_by_zone", "loss_by_period")
"""Tables that every run writes."""

OLD_LAYER_DAYS = 365
"""Age from which a layer of the register is called old in the bulletin, days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContent:
    """All that a run tells, before the tiers."""

    run: Run
    area_name: str
    area_title: str
    area: shapely.Geometry
    tracked: Tracked
    attributed: Attributed
    coverage: Coverage
    pictures: Mapping[str, Pictures]
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Where one tier's products are, and its numbers."""

    bulletin: Path
    map_page: Path
    alerts: Path
    tables: Path
    headline: Headline
    by_type: tuple[dict[str, str | float], ...]
    """Loss by type of right, exclusive, at the loss: rows for people."""


def publish(
    site: Site,
    store: Store,
    states: Mapping[str, TileState],
    folder: Path,
    run_content: RunContent,
    tier: Tier,
) -> Published:
    """Write everything of one tier below a folder."""
    rule, day = site.config.tiers, run_content.run.data_day
    gate = Gate(tier=tier, rule=rule, data_day=day, isolated=run_content.attributed.zones.isolated)
    found, loss = run_content.attributed.alerts, run_content.tracked.cells
    alerts = apply(
        ALERTS,
        found,
        gate,
        cells=loss,
        rank=lambda kept, known, newest_day: rank(kept, known, site.ranking_rule, newest_day),
    )
    cells = apply(CELLS, loss, gate, of=alerts)
    inputs = run_content.attributed.inputs(site, set(cells.frame["cell_id"]))
    numbers = headline(alerts, cells, run_content.run.since_day, day)
    files = write_alerts(folder, alerts, run_content.run.provenance, language("es"))
    tables = _write_tables(folder / "tables", inputs, tier, site, run_content.run)
    content = Bulletin(
        run=run_content.run,
        area_name=run_content.area_name,
        area_title=run_content.area_title,
        area=run_content.area,
        alerts=alerts,
        headline=numbers,
        tables=tuple(loss_table(name, _build(inputs, name), _period_titles(site)) for name in TABLE_NAMES),
        coverage=run_content.coverage,
        layers=_vintages(run_content.attributed.zones, day),
        pictures=run_content.pictures,
        references=shown_references(run_content.attributed.zones, to_date(day)),
        delay_days=rule.delay_days if tier is Tier.PUBLIC else 0,
        grid_m=rule.grid_m,
        method=run_content.method,
    )
    bulletins = write_bulletin(folder, content)
    pages = {code: write_map(folder / f"map-{code}.html", content, language(code)) for code in ("es", "en")}
    products = [
        Product(id="alerts", title="Alerts", geometry=run_content.area, files=files),
        Product(id="tables", title="Tables", geometry=run_content.area, files=tables),
        Product(
            id="bulletin",
            title="Bulletin and map",
            geometry=run_content.area,
            files={**{key.replace(".", "-"): path for key, path in bulletins.items()}}
            | {f"map-{code}": path for code, path in pages.items()},
        ),
    ]
    if tier is Tier.RESTRICTED:
        kept = write_pictures(folder, alerts.frame, run_content.pictures)
        if kept:
            files_of = {path.stem: path for path in kept}
            products.append(
                Product(id="pictures", title="Pictures", geometry=run_content.area, files=files_of)
            )
        products += [
            _tile_product(site, store, folder, state, run_content.run) for _, state in sorted(states.items())
        ]
    write_stac(folder, run_content.run, run_content.area_name, run_content.area_title, tuple(products))
    return Published(
        bulletin=bulletins["es.html"],
        map_page=pages["es"],
        alerts=files["gpkg"],
        tables=folder / "tables",
        headline=numbers,
        by_type=tuple(
            {"type": row.code, "ha": round(row.loss_ha, 2), "mining_ha": round(row.mining_ha, 2)}
            for row in content.tables[0].rows
        ),
    )


def _write_tables(folder: Path, inputs: TableInputs, tier: Tier, site: Site, run: Run) -> dict[str, Path]:
    """Every table in all accountings and on both clocks, as Parquet and CSV, and their dictionary."""
    files: dict[str, Path] = {}
    kinds: list[Table] = []
    for name in TABLE_NAMES:
        parts = [
            _build(inputs, name, accounting=accounting, clock=clock)
            for accounting in (ACCOUNTINGS if name != "loss_by_period" else ("exclusive",))
            for clock in (CLOCKS if name != "loss_by_period" else ("at-loss",))
        ]
        frame = pd.concat(parts, ignore_index=True)
        spec = registry.TABLES[name]
        kind = Table(
            name=name,
            description=spec.description,
            columns=tuple(one for one in spec.columns if one.name in frame.columns),
        )
        released = apply(kind, frame, Gate(tier=tier, rule=site.config.tiers, data_day=run.data_day))
        for form in (FORMATS["csv"], FORMATS["geoparquet"]):
            path = folder / f"{name}{form.suffix}"
            files[f"{name}-{form.suffix[1:]}"] = form.write(path, released, run.provenance, language("es"))
        kinds.append(kind)
    files["dictionary"] = write_dictionary(folder / "diccionario.csv", (ALERTS, *kinds))
    return files


def _build(
    inputs: TableInputs, name: str, accounting: str = "exclusive", clock: str = "at-loss"
) -> pd.DataFrame:
    return registry.build(name, inputs, TableOptions(accounting=accounting, clock=clock))


def _tile_product(site: Site, store: Store, folder: Path, state: TileState, run: Run) -> Product:
    tile: Tile = site.grid.tile(state.tile)
    layers = open_layers(store, state.tile, state.state)
    files = write_layers(
        folder / "tiles",
        state.tile,
        layers,
        tile.transform,
        site.grid.crs,
        {**run.provenance, "tile": state.tile},
    )
    return Product(
        id=f"tile-{state.tile}",
        title=f"State of tile {state.tile}",
        geometry=tile.lonlat_outline,
        files=files,
        properties={"proj:code": site.grid.crs},
    )


def _vintages(zones: Zones, today: int) -> tuple[LayerVintage, ...]:
    return tuple(
        LayerVintage(
            layer=one.entry.name,
            title=one.entry.title,
            source=one.entry.source,
            day=to_day(one.date),
            age_days=max(0, today - to_day(one.date)),
            old=today - to_day(one.date) > OLD_LAYER_DAYS,
        )
        for one in zones.register.layers
        if one.entry.kind != "place"
    )


def shown_references(zones: Zones, today: dt.date) -> tuple[Reference, ...]:
    """What maps show for orientation: of the latest snapshots, what has not ended by today."""
    rights = zones.register.rights
    ended = (rights["valid_to"] <= pd.Timestamp(today)) | rights["recorded_to"].notna()
    rights = rights[~ended.to_numpy()]
    transformer = Transformer.from_crs(rights.crs, "EPSG:4326", always_xy=True)

    def lonlat(shape: shapely.Geometry) -> shapely.Geometry:
        return shapely.transform(shape, lambda x, y: transformer.transform(x, y), interleaved=False)

    kinds = {"protected_core": "protected", "native_community": "community", "corridor": "corridor"}
    found = [
        Reference(kind=kinds[row.type], name=row.name_ or "", geometry=lonlat(row.geometry))
        for row in rights[rights["type"].isin(kinds)].rename(columns={"name": "name_"}).itertuples()
    ]
    for kind, frame in (("road", zones.references.roads), ("river", zones.references.rivers)):
        found += [
            Reference(kind=kind, name=str(row.name_ or ""), geometry=lonlat(row.geometry))
            for row in frame.rename(columns={"name": "name_"}).itertuples()
        ]
    return tuple(found)


def _period_titles(site: Site) -> dict[str, str]:
    return {one.name: one.title for found in site.periods.set for one in found.periods}
