"""Use case: a table by name, from the store's current run or a loss product, written or returned."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from selvawatch.attribute.faces import Faces
from selvawatch.attribute.overlay import Pieces, attribute
from selvawatch.attribute.products import Product
from selvawatch.attribute.tables import TABLES, Inputs, Options, build
from selvawatch.core.days import to_date, to_day
from selvawatch.core.files import replacing, write_text
from selvawatch.core.table import Column, Table, Tier
from selvawatch.core.tables import ALERTS, CELLS
from selvawatch.errors import StoreError, TableError
from selvawatch.site import Site, default_site
from selvawatch.steps.attributed import Zones, of_cells, read_zones
from selvawatch.steps.faces import site_faces
from selvawatch.steps.run_files import read_tracked
from selvawatch.store.folders import Store, open_store
from selvawatch.store.ledger import RunRow
from selvawatch.write.plots import draw_bars
from selvawatch.write.tiers import Released, apply
from selvawatch.write.vector import write_csv, write_geoparquet, write_xlsx

FORMATS = (".csv", ".parquet", ".xlsx")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which table, of what, for whom."""

    name: str
    options: Options
    tier: Tier = Tier.PUBLIC
    as_of: str = ""
    """ISO day: the table as the last run until then saw it; for `revisions`, what to compare with."""
    product: str = ""
    """Loss product kept by `attribute --register-as`; empty: our own detections."""


def make_table(site: Site, store: Store, wanted: Wanted) -> Released:
    """A table as a tier may see it.

    Raises
    ------
    TableError, StoreError
        For an unknown table, option or product, or a store without a run.
    """
    if wanted.name not in TABLES:
        raise TableError("unknown table", got=wanted.name, needed=sorted(TABLES))
    zones = read_zones(site, store)
    if wanted.product:
        inputs, day = _of_product(site, store, zones, wanted.product)
    else:
        inputs, day = _of_run(site, store, zones, wanted)
    frame = build(wanted.name, inputs, wanted.options)
    spec = TABLES[wanted.name]
    frame.insert(0, "loss_product", wanted.product or "selvawatch")
    columns = tuple(one for one in (PRODUCT, *spec.columns) if one.name in frame.columns)
    table = Table(name=spec.name, description=spec.description, columns=columns)
    return apply(table, frame, wanted.tier, site.says.tiers, day)


def table_frame(
    name: str,
    *,
    site: Path | str | None,
    store: Path | str,
    options: Mapping[str, Any],
    as_of: str,
    product: str,
    tier: str,
) -> pd.DataFrame:
    """A table as a DataFrame, or for `list` all names, titles and descriptions (see `selvawatch.table`)."""
    if name == "list":
        rows = [(one.name, one.title_es, one.description) for one in TABLES.values()]
        return pd.DataFrame(rows, columns=["name", "title_es", "description"])
    tiers = {one.name.lower(): one for one in Tier}
    if tier not in tiers:
        raise TableError("unknown tier", got=tier, needed=list(tiers))
    wanted = Wanted(name=name, options=Options(**options), tier=tiers[tier], as_of=as_of, product=product)
    loaded = Site.load(default_site() if site is None else Path(site))
    return pd.DataFrame(make_table(loaded, open_store(str(store)), wanted).frame)


PRODUCT = Column(
    name="loss_product",
    dtype="text",
    description="Whose loss: name and version of the product. Never mix two in one series.",
    label_es="Producto de pérdida",
)


def write_table(out: Path, released: Released, wanted: Wanted) -> Path:
    """Write a table as .csv, .parquet or .xlsx and return the path."""
    suffix = out.suffix.lower()
    if suffix not in FORMATS:
        raise TableError("unknown format", where=out, got=suffix or "no suffix", needed=FORMATS)
    provenance = {
        "table": wanted.name,
        "options": json.dumps(asdict(wanted.options), sort_keys=True),
        "as_of": wanted.as_of,
        "product": wanted.product,
        "data_day": to_date(released.data_day).isoformat(),
    }
    if suffix == ".csv":
        return write_csv(out, released)
    if suffix == ".parquet":
        return write_geoparquet(out, released, provenance)
    return write_xlsx(out, released, provenance)


def plot_table(out: Path, released: Released, wanted: Wanted) -> Path:
    """Draw `ha` of a table as bars with their bounds (.png or .svg) and return the path."""
    suffix = out.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise TableError("unknown picture format", where=out, got=suffix or "no suffix", needed=".png, .svg")
    frame = released.frame
    if "ha" not in frame or not len(frame):
        raise TableError("nothing to draw", where=wanted.name, got=f"{len(frame)} rows")
    numbers = [one.name for one in released.table.columns if one.dtype == "text"]
    skipped = {"loss_product", "share_of", "measure", "accounting", "clock", "scale", "period_set"}
    skipped |= {"register_version", "layer_dates"}
    keys = [name for name in numbers if name not in skipped and name in frame]
    labels = [" · ".join(str(value) for value in row if value) for row in frame[keys].to_numpy().tolist()]
    draw_bars(
        out,
        labels=labels,
        values=frame["ha"].to_numpy(float),
        low=frame["ha_lo"].to_numpy(float),
        high=frame["ha_hi"].to_numpy(float),
        title=f"{TABLES[wanted.name].title_es} ({wanted.options.measure}, {wanted.options.accounting})",
        unit="ha",
    )
    return out


def keep_product(folder: Path, product: Product, cells: gpd.GeoDataFrame) -> Path:
    """Keep a loss product in the store and return its folder; the same name again is replaced whole."""
    place = folder / "products" / product.name
    with replacing(place / "cells.parquet") as part:
        cells.to_parquet(part, index=False)
    write_text(place / "product.json", json.dumps(asdict(product), sort_keys=True) + "\n")
    return place


def products(folder: Path) -> list[str]:
    """Names of the loss products kept in a store."""
    return sorted(path.parent.name for path in (folder / "products").glob("*/product.json"))


def _of_product(site: Site, store: Store, zones: Zones, name: str) -> tuple[Inputs, int]:
    path = store.folder / "products" / name / "cells.parquet"
    if not path.exists():
        known = products(store.folder)
        raise StoreError("unknown product", got=name, needed=known or "one", do="see attribute --register-as")
    cells = gpd.read_parquet(path)
    if str(cells.crs) != str(site.grid.crs):
        cells = cells.to_crs(site.grid.crs)
    last = cells["onset_latest"].max()
    dates = [one.date for one in zones.register.layers]
    day = to_day(max([*dates, *([] if pd.isna(last) else [last.date()])], default=to_date(1)))
    pieces, faces = _cut(site, store, zones, cells, day)
    return _inputs(site, zones, pieces, faces), day


def _of_run(site: Site, store: Store, zones: Zones, wanted: Wanted) -> tuple[Inputs, int]:
    current = store.ledger.current()
    if current is None:
        raise StoreError("the store has no run", where=store.folder, do="run `selvawatch monitor` first")
    earlier: RunRow | None = None
    run = current
    if wanted.as_of:
        day = to_day(wanted.as_of)
        rows = [row for row in store.ledger.runs() if row.until_day <= day]
        if not rows:
            raise StoreError("no run until that day", where=store.folder, got=wanted.as_of)
        past = max(rows, key=lambda row: (row.until_day, row.sequence))
        if wanted.name == "revisions":
            earlier = past
        else:
            run = past
    pieces, faces = _run_pieces(site, store, zones, run, wanted.tier)
    before = None if earlier is None else _run_pieces(site, store, zones, earlier, wanted.tier)[0]
    start = to_day(site.days.monitoring_from)
    return _inputs(site, zones, pieces, faces, watched_from=start, earlier=before), run.until_day


def _run_pieces(site: Site, store: Store, zones: Zones, run: RunRow, tier: Tier) -> tuple[Pieces, Faces]:
    """Pieces of a run that a tier may count: as the run's own published tables."""
    folder = store.run(run.run_id)
    tracked = read_tracked(folder / "internal")
    pieces, faces = _cut(site, store, zones, tracked.cells, run.until_day, tracked.events)
    if tier is Tier.RESTRICTED:
        return pieces, faces
    rule, isolated = site.says.tiers, zones.isolated
    published = gpd.read_parquet(folder / "restricted" / "alerts.parquet")
    alerts = apply(ALERTS, published, tier, rule, run.until_day, isolated, cells=tracked.cells)
    cells = apply(CELLS, tracked.cells, tier, rule, run.until_day, isolated, of=alerts)
    return of_cells(pieces, set(cells.frame["cell_id"])), faces


def _cut(
    site: Site,
    store: Store,
    zones: Zones,
    cells: gpd.GeoDataFrame,
    today: int,
    events: pd.DataFrame | None = None,
) -> tuple[Pieces, Faces]:
    faces = site_faces(site, store, zones.register, [cells])
    return attribute(cells, faces, zones.register, today=today, events=events), faces


def _inputs(
    site: Site,
    zones: Zones,
    pieces: Pieces,
    faces: Faces,
    *,
    watched_from: int | None = None,
    earlier: Pieces | None = None,
) -> Inputs:
    return Inputs(
        pieces=pieces,
        register=zones.register,
        scales=site.priorities.by_name,
        periods=site.periods.by_name,
        settings=site.tables,
        faces=faces,
        references=zones.references,
        watched_from=watched_from,
        earlier=earlier,
    )
