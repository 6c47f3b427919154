"""What a table is made of: a run, or a loss product, as a tier may count it, and where that comes from."""

import datetime as dt
import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from selvawatch.attribute.faces import Faces
from selvawatch.attribute.loss.loss_in_periods import dating_of
from selvawatch.attribute.loss_products import Product
from selvawatch.attribute.overlay import Pieces
from selvawatch.core.days import to_date, to_day
from selvawatch.core.files import digest
from selvawatch.core.schema import Tier
from selvawatch.core.table_options import DETECTIONS, TableRequest
from selvawatch.errors import StoreError, TableError
from selvawatch.returns.known_reviews import KnownReviews, known_reviews, received_until
from selvawatch.site import Site
from selvawatch.steps.run.attribute_events import (
    Zones,
    guarded_area,
    layers_lacking,
    of_cells,
    read_zones,
    reviewed_pieces,
    zones_of_tier,
    zones_of_version,
)
from selvawatch.steps.run.findings import day_of_tier, zones_learned
from selvawatch.steps.run.track import without_near
from selvawatch.store.contents import ALERTS_FILE, RESTRICTED
from selvawatch.store.faces import site_faces, site_pieces
from selvawatch.store.folders import Store
from selvawatch.store.ledger import RunRow
from selvawatch.store.loss_products import read_product
from selvawatch.store.run_files import read_seen, read_tracked
from selvawatch.store.seal import read_seal
from selvawatch.tables import TableInputs
from selvawatch.validate.area_sample import read_area_sample
from selvawatch.write.tiers import loss_of_tier

log = logging.getLogger(__name__)


def with_other(
    site: Site, store: Store, request: TableRequest, inputs: TableInputs
) -> tuple[TableInputs, dict[str, str]]:
    """The inputs with those of the product that they are compared with, and where that comes from.

    Raises
    ------
    TableError
        For a table that compares no products, or a product with itself.
    """
    if request.name != "products_compared":
        raise TableError("the table compares no products", got=f"--against {request.against}")
    if request.against == (request.product or DETECTIONS):
        raise TableError("a product is compared with itself", got=f"--against {request.against}")
    asked = replace(request, product="" if request.against == DETECTIONS else request.against)
    zones = read_zones(site, store)
    if asked.product:
        other, _, source = of_product(site, store, zones, asked)
    else:
        other, _, source, _ = of_run(site, store, zones, asked)
    label = source.get("product_label", site.detections_label)
    compared = replace(inputs, other=other, other_label=label)
    return compared, {f"other_{name}": value for name, value in source.items()} | {"against": request.against}


def with_sample(request: TableRequest, inputs: TableInputs, label: str) -> tuple[TableInputs, dict[str, str]]:
    """The inputs with the reference sample asked for, and where that comes from.

    label: of the product whose map the sample must have been drawn from.

    Raises
    ------
    TableError, LayerError
        For a table that uses no sample, a sample that cannot be read, or one of another product.
    """
    if request.name != "area_estimates":
        raise TableError(
            "the table uses no sample", got=f"--sample {request.sample}", needed="area_estimates"
        )
    path = Path(request.sample)
    sample = read_area_sample(path)
    if sample.product != label:
        raise TableError(
            "the sample is of another product",
            where=path,
            got=sample.product,
            needed=label,
            do="give --product, or a sample that was drawn from this map",
        )
    source = {"sample": path.name, "sample_sha256": sample.sha256, "sample_units": str(len(sample))}
    return replace(inputs, sample=sample), source


def of_product(
    site: Site, store: Store, zones: Zones, request: TableRequest
) -> tuple[TableInputs, int, dict[str, str]]:
    """Inputs of the product asked for as a tier may count it, its data day, and where it comes from.

    zones: all, as they are known today. DamagedError for a product that is not what was written.
    """
    product, cells, sha256 = read_product(store, request.product)
    if str(cells.crs) != str(site.grid.crs):
        cells = cells.to_crs(site.grid.crs)
    guarded = zones.isolated
    cells = loss_of_tier(cells, guarded, site.config.tiers, request.tier)
    zones = zones_of_tier(zones, request.tier)
    last = cells["onset_latest"].max()
    dates = [state.date for state in zones.register.layers if state.sha256]
    day = to_day(
        max([*dates, *([] if pd.isna(last) else [last.date()])], default=to_date(site.days.first_day))
    )
    faces = site_faces(site, store, zones.register, [cells])
    outline = "" if guarded is None or request.tier is Tier.RESTRICTED else guarded.wkb_hex
    of = digest([sha256, outline, site.config.tiers.isolated_buffer_m]) if outline else sha256
    pieces = site_pieces(store, zones.register, faces, cells, day, of=of)
    first, after = _covered(product, cells, day)
    source = {"product_label": product.label, "product_sha256": sha256, **_of_source(product, cells)}
    if (count := int(source["product_undated_n"])) > 0:
        ha = float(source["product_undated_ha"])
        log.warning("%s: %s of %s features (%.2f ha) have no date", product.label, count, len(cells), ha)
    inputs = _inputs(site, zones, pieces, faces, watched_from=first, tier=request.tier)
    return replace(inputs, watched_until=after), day, source


def _covered(product: Product, cells: pd.DataFrame, day: int) -> tuple[int, int]:
    """First day that a product covers, and the first day after: as it says, else the days of its loss."""
    if product.covers is not None:
        return to_day(product.covers[0]), to_day(product.covers[1]) + 1
    dated = cells[cells["onset"].notna()]
    if not len(dated):
        return day + 1, day + 1
    return to_day(dated["onset_earliest"].min().date()), to_day(dated["onset_latest"].max().date()) + 1


def _of_source(product: Product, cells: pd.DataFrame) -> dict[str, str]:
    """Where a product comes from, how it was read, which days it covers, and what of it has no date."""
    source = {f"product_{name}": value for name, value in product.source.items() if value}
    covers = product.covers
    dating = dating_of(cells)
    for name in ("span", "stock", "undated"):
        source[f"product_{name}_n"] = str(int((dating == name).sum()))
        source[f"product_{name}_ha"] = f"{cells['ha'][dating == name].sum():.6f}"
    return source | {"product_covers": f"{covers[0]} {covers[1]}" if covers else ""}


def of_run(
    site: Site, store: Store, now: Zones, request: TableRequest, *, today: int | None = None
) -> tuple[TableInputs, int, dict[str, str], Zones]:
    """Inputs of the run asked for; an earlier one with the register that it saw, where that is at hand.

    today: day whose reviews count; None: today (UTC).
    """
    current = store.ledger.current()
    if current is None:
        raise StoreError("the store has no run", where=store.folder, do="run `selvawatch monitor` first")
    earlier: RunRow | None = None
    run, zones = current, now
    until = to_day(dt.datetime.now(dt.UTC)) if today is None else today
    if request.as_of:
        day = to_day(request.as_of)
        rows = [row for row in store.ledger.runs() if row.until_day <= day]
        if not rows:
            raise StoreError("no run until that day", where=store.folder, got=request.as_of)
        past = max(rows, key=lambda row: (row.until_day, row.sequence))
        if request.name == "revisions":
            earlier = past
        else:
            run, zones, until = past, _zones_then(site, store, now, past), day
    pieces, faces, known = _run_pieces(site, store, now, zones, run, request.tier)
    source = _source_of(site, store, run, now, zones, known, request.tier)
    reviews = known_reviews(store, request.tier, until, delay_days=site.config.tiers.delay_days).reviews
    pieces, of_reviews = _reviewed(pieces, received_until(reviews, until))
    source |= of_reviews
    before = None
    if earlier is not None:
        source["earlier_run_id"] = earlier.run_id
        then = _zones_then(site, store, now, earlier)
        before, _, known_then = _run_pieces(site, store, now, then, earlier, request.tier)
        before, _ = _reviewed(before, received_until(reviews, earlier.until_day))
        said = _source_of(site, store, earlier, now, then, known_then, request.tier)
        source["earlier_register_of_run"] = said["register_of_run"]
    inputs = _inputs(
        site, known, pieces, faces, tier=request.tier, watched_from=site.days.first_day, earlier=before
    )
    return inputs, run.until_day, source, known


def _reviewed(pieces: Pieces, known: KnownReviews) -> tuple[Pieces, dict[str, str]]:
    """Pieces as they count with reviews, and what a table says of these; nothing where there is none."""
    known = known.of_events(pieces.frame["event_id"])
    if not known.reviews:
        return pieces, {}
    judged = reviewed_pieces(pieces, known.deciding)
    return judged, {
        "reviews": str(len(known.reviews)),
        "reviews_sha256": known.digest,
        "reviewed_no_loss_ha": f"{pieces.total_ha - judged.total_ha:.6f}",
    }


def _of_the_run(folder: Path, run_id: str) -> dict[str, str]:
    """Digests of a run's inputs, as its own products state them."""
    body = read_seal(folder).read(f"{RESTRICTED}/{ALERTS_FILE}")
    kept = pq.read_schema(io.BytesIO(body)).metadata or {}
    provenance = json.loads(kept.get(b"selvawatch", b"{}"))
    return {f"run_{name}": str(value) for name, value in provenance.items() if name.endswith("_sha256")} | {
        "run_id": run_id,
        "run_version": str(provenance.get("version", "")),
    }


def _source_of(
    site: Site, store: Store, run: RunRow, now: Zones, zones: Zones, known: Zones, tier: Tier
) -> dict[str, str]:
    """What a table of a run was made from, and whether the register is the one that the run saw.

    `register_of_run` is `yes`, `no`, or `unknown` where the run does not say. A tier is told of the register
    that it may know alone.

    now: zones of today; zones: those that the table uses; known: what the tier may know of them.
    """
    folder = store.run(run.run_id)
    source = _of_the_run(folder, run.run_id)
    version = source.get("run_zones_sha256", "")
    same = version == zones.register.version
    if tier is not Tier.RESTRICTED:
        saw = zones if same else zones_of_version(site, store, now, version, read_seen(folder))
        told = saw and zones_learned(site, store, saw, tier, run.until_day).register.version
        same = told == known.register.version
        source["run_zones_sha256"] = told or ""
    return source | {"register_of_run": "unknown" if not version else "yes" if same else "no"}


def _zones_then(site: Site, store: Store, now: Zones, run: RunRow) -> Zones:
    """The zones that a run saw; those of now, with a warning, where they are no longer at hand."""
    found = zones_then(site, store, now, run)
    if found is None:
        log.warning("the register of run %s is not at hand: today's is used", run.run_id)
        return now
    return found


def zones_then(site: Site, store: Store, now: Zones, run: RunRow) -> Zones | None:
    """The zones that a run saw; None where they are no longer at hand."""
    folder = store.run(run.run_id)
    version = _of_the_run(folder, run.run_id).get("run_zones_sha256", "")
    return zones_of_version(site, store, now, version, read_seen(folder))


def _run_pieces(
    site: Site, store: Store, now: Zones, then: Zones, run: RunRow, tier: Tier
) -> tuple[Pieces, Faces, Zones]:
    """Pieces of a run that a tier may count, with nothing near isolated peoples as they are known today, and
    faces and zones as it may know of them.

    now: zones of today; then: those that the run saw.
    """
    day = day_of_tier(site, tier, run.until_day)
    zones = zones_learned(site, store, then, tier, run.until_day)
    tracked = read_tracked(store.run(run.run_id), tier)
    faces = site_faces(site, store, zones.register, [tracked.cells])
    of = digest([run.run_id, tier.name])
    pieces = site_pieces(store, zones.register, faces, tracked.cells, day, of=of, events=tracked.events)
    if tier is Tier.RESTRICTED:
        return pieces, faces, zones
    guard = replace(now.guard(site.config.tiers), reserves=guarded_area(now, then))
    kept = without_near(tracked, guard).cells
    return of_cells(pieces, set(kept["cell_id"])), faces, zones


def _inputs(
    site: Site,
    zones: Zones,
    pieces: Pieces,
    faces: Faces,
    *,
    tier: Tier,
    watched_from: int | None = None,
    earlier: Pieces | None = None,
) -> TableInputs:
    settings = site.tables
    if tier is not Tier.RESTRICTED:
        settings = replace(settings, front_cell_m=max(settings.front_cell_m, site.config.tiers.grid_m))
    return TableInputs(
        pieces=pieces,
        register=zones.register,
        scales=site.priorities.by_name,
        periods=site.periods.by_name,
        settings=settings,
        faces=faces,
        references=zones.references,
        watched_from=watched_from,
        earlier=earlier,
        lacking=layers_lacking(site, zones, tier),
        tier=tier,
        least_rights=site.config.tiers.least_rights,
    )
