"""Use case: a table by name, from the store's current run or a loss product, written or returned."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from selvawatch.core.days import to_date
from selvawatch.core.schema import Table
from selvawatch.core.table_options import DETECTIONS, TableRequest
from selvawatch.core.tables import LOSS_PRODUCT
from selvawatch.errors import TableError
from selvawatch.provenance import code_digest, code_version
from selvawatch.site import Site
from selvawatch.steps.run.attribute_events import (
    Zones,
    read_zones,
    zones_of_tier,
)
from selvawatch.steps.store_site import site_of_store
from selvawatch.steps.table_inputs import of_product, of_run, with_other, with_sample
from selvawatch.store.folders import Store, open_store
from selvawatch.store.site_guard import site_edits
from selvawatch.tables import TABLES, TableSpec, build, check_options
from selvawatch.write.bulletin.plots import HECTARES_AXIS, draw_bars
from selvawatch.write.formats.format_table import Content, write_rows
from selvawatch.write.language.explained import with_spanish
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import LEGEND, table_title
from selvawatch.write.language.vocabulary import combination
from selvawatch.write.tiers import Gate, Released, apply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTable:
    """A table as a tier may see it, and what it was made from."""

    released: Released
    provenance: Mapping[str, str]
    """Options; run, data date and digests of its inputs; register, date and digest of each layer; code."""


def make_table(site: Site, store: Store, request: TableRequest) -> MadeTable:
    """A table as a tier may see it.

    Raises
    ------
    TableError, StoreError
        For an unknown table, option or product, or a store without a run.
    """
    check_options(request.name, request.options)
    zones = read_zones(site, store)
    if request.product and request.as_of:
        raise TableError(
            "a loss product has no earlier runs",
            got=f"--as-of {request.as_of} with --product {request.product}",
            do="leave one of them out: products are kept by version, as `attribute --register-as` read them",
        )
    if request.product:
        inputs, day, source = of_product(site, store, zones, request)
    else:
        inputs, day, source, zones = of_run(site, store, zones, request)
    if request.name == "products_compared" and not request.against:
        log.warning("products_compared has no other product: name one with --against, or `%s`", DETECTIONS)
    if request.against:
        inputs, of_other = with_other(site, store, request, inputs)
        source = of_other | source
    if request.sample:
        inputs, of_sample = with_sample(request, inputs, source.get("product_label", site.detections_label))
        source = of_sample | source
    frame = with_spanish(build(request.name, inputs, request.options))
    spec = TABLES[request.name].of_tier(request.tier)
    frame.insert(0, LOSS_PRODUCT.name, source.get("product_label", site.detections_label))
    columns = tuple(one for one in (LOSS_PRODUCT, *spec.columns) if one.name in frame.columns)
    table = Table(name=spec.name, description=spec.description, columns=columns, tier=spec.tier)
    return MadeTable(
        released=apply(table, frame, Gate(tier=request.tier, rule=site.config.tiers, data_day=day)),
        provenance=_provenance(site, zones_of_tier(zones, request.tier), request, day)
        | site.coordinates
        | {"site": site.config.name, "site_edits": site_edits(site, store)}
        | source,
    )


def table_frame(request: TableRequest, site: Path | str | None, store: Path | str) -> pd.DataFrame:
    """A table as a DataFrame, or for `list` all names, titles and descriptions (see `selvawatch.table`)."""
    if request.name == "list":
        rows = [(one.name, _title(one), one.description) for one in TABLES.values()]
        return pd.DataFrame(rows, columns=["name", "title_es", "description"])
    opened = open_store(str(store))
    with site_of_store(opened, None if site is None else Path(site)) as loaded:
        made = make_table(loaded, opened, request)
    table = pd.DataFrame(made.released.frame)
    table.attrs = {
        **table.attrs,
        "title_es": _title(TABLES[request.name]),
        "provenance": dict(made.provenance),
    }
    return table


def write_table(out: Path, made: MadeTable, words: str = "") -> Path:
    """Write a table in a format that tables go out in (see `write.formats.format_table`) and return the path.

    words: language of a CSV or XLSX for people; empty: for programs.

    Raises
    ------
    TableError
        For the suffix of another format.
    """
    content = Content.PEOPLE if words else Content.TABLE
    return write_rows(out, made.released, made.provenance, language(words or "es"), content)


def _provenance(site: Site, zones: Zones, request: TableRequest, day: int) -> dict[str, str]:
    """What a table was made from, apart from its loss."""
    layers = {
        f"layer {state.entry.name}": f"{state.date} {state.sha256}"
        for state in zones.register.layers
        if state.sha256
    }
    references = {f"layer {name}": date.isoformat() for name, date in zones.references.dates}
    return {
        **references,
        **layers,
        "table": request.name,
        "options": json.dumps(asdict(request.options), sort_keys=True),
        "as_of": request.as_of,
        "product": request.product,
        "tier": request.tier.name.lower(),
        "data_date": to_date(day).isoformat(),
        "register_sha256": zones.register.version,
        "site_sha256": site.digest,
        "version": code_version(),
        "code_sha256": code_digest(),
    }


def plot_table(out: Path, released: Released, request: TableRequest) -> Path:
    """Draw `ha` of a table as bars with their bounds (.png or .svg) and return the path."""
    suffix = out.suffix.lower()
    if suffix not in (".png", ".svg"):
        raise TableError("unknown picture format", where=out, got=suffix or "no suffix", needed=".png, .svg")
    frame = released.frame
    if "ha" not in frame or not len(frame):
        raise TableError("nothing to draw", where=request.name, got=f"{len(frame)} rows")
    numbers = [one.name for one in released.table.columns if one.dtype == "text"]
    skipped = {
        "loss_product",
        "share_of",
        "share_of_es",
        "measure",
        "accounting",
        "clock",
        "scale",
        "period_set",
    }
    skipped |= {"register_version", "layer_dates"}
    keys = [name for name in numbers if name not in skipped and name in frame]
    labels = [
        " · ".join(
            [_plot_word(key, str(value)) for key, value in zip(keys, row, strict=True) if value]
            + ([] if known else [language("es").text("not stated", LEGEND)])
        )
        for row, known in zip(frame[keys].to_numpy().tolist(), frame["ha"].notna(), strict=True)
    ]
    draw_bars(
        out,
        labels=labels,
        values=frame["ha"].to_numpy(float),
        low=frame["ha_lo"].to_numpy(float),
        high=frame["ha_hi"].to_numpy(float),
        title=f"{_title(TABLES[request.name])} ({request.options.measure}, {request.options.accounting})",
        unit=language("es").text(HECTARES_AXIS),
    )
    return out


def _title(spec: TableSpec) -> str:
    """Spanish title of a table."""
    return table_title(language("es"), spec.name, spec.description)


def _plot_word(column: str, value: str) -> str:
    """What a Spanish chart shows of a text cell: words for classes, other text as it is."""
    if column in ("class", "type") or value.startswith("other "):
        return combination(language("es"), value)
    return value
