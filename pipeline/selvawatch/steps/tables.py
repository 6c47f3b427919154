"""Use case: a table by name, from the store's current run or a loss product, written or returned."""

import datetime as dt
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd
import shapely

from selvawatch.core.days import to_date
from selvawatch.core.schema import Table
from selvawatch.core.table_options import DETECTIONS, TableOptions, TableRequest
from selvawatch.core.tables import LOSS_PRODUCT
from selvawatch.core.tier import Tier
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
from selvawatch.write.charts.bars import HECTARES_AXIS, draw_bars
from selvawatch.write.charts.drawing import About, Origin, origin_lines, words_in_chart
from selvawatch.write.charts.months import LegalPeriod
from selvawatch.write.charts.written import ChartInputs, write_charts
from selvawatch.write.formats.format_table import Content, write_rows
from selvawatch.write.formats.reading_sheets import words_of
from selvawatch.write.language.explained import with_spanish
from selvawatch.write.language.i18n import language
from selvawatch.write.language.labels import LEGEND, table_title
from selvawatch.write.tiers import Gate, Released, apply

log = logging.getLogger(__name__)

_UNDRAWN = {
    *("loss_product", "share_of", "share_of_es", "measure", "accounting", "clock", "scale", "period_set"),
    *("register_version", "layer_dates", "watched", "ci_method", "additive"),
}
"""Columns of text that no label of a chart says: the title does, or they are for programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTable:
    """A table as a tier may see it, and what it was made from."""

    released: Released
    titles: Mapping[str, str] = field(default_factory=dict)
    """What people read for names of periods and areas."""
    last_day: dt.date | None = None
    """Last day that the tier is told of; None: the data day."""
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
    delayed = request.tier is Tier.PUBLIC and not request.product
    return MadeTable(
        released=apply(table, frame, Gate(tier=request.tier, rule=site.config.tiers, data_day=day)),
        last_day=to_date(day - (site.config.tiers.delay_days if delayed else 0)),
        titles={one.name: one.title for found in site.periods.set for one in found.periods}
        | {area.name: area.title for area in site.areas},
        provenance=_provenance(site, zones_of_tier(zones, request.tier), request, day)
        | site.coordinates
        | ({} if request.product else {"first_day": to_date(site.days.first_day).isoformat()})
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
    content = Content.SHEET if words else Content.TABLE
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


def plot_table(out: Path, made: MadeTable, request: TableRequest, words: str = "es") -> Path:
    """Draw `ha` of a table as bars with their bounds (.png or .svg) and return the path.

    words: language of the picture, which says product, run, span and area.
    """
    suffix, lang = out.suffix.lower(), language(words or "es")
    if suffix not in (".png", ".svg"):
        raise TableError("unknown picture format", where=out, got=suffix or "no suffix", needed=".png, .svg")
    frame, options = made.released.frame, request.options
    if "ha" not in frame or not len(frame):
        raise TableError("nothing to draw", where=request.name, got=f"{len(frame)} rows")
    texts = [one.name for one in made.released.table.columns if one.dtype == "text"]
    keys = [name for name in texts if name not in _UNDRAWN and name in frame]
    titles = made.titles
    labels = [
        " · ".join(
            [
                label
                for key, value in zip(keys, row, strict=True)
                if value and (label := titles.get(value) or words_in_chart(key, str(value), lang))
            ]
            + ([] if known else [lang.text("not stated", LEGEND)])
        )
        for row, known in zip(frame[keys].to_numpy().tolist(), frame["ha"].notna(), strict=True)
    ]
    how = [words_of("measure", options.measure, lang), words_of("accounting", options.accounting, lang)]
    draw_bars(
        out,
        labels=labels,
        values=frame["ha"].to_numpy(float),
        low=frame["ha_lo"].to_numpy(float),
        high=frame["ha_hi"].to_numpy(float),
        unit=lang.text(HECTARES_AXIS),
        about=About(
            title=f"{table_title(lang, request.name, TABLES[request.name].description)} ({', '.join(how)})",
            lines=origin_lines(origin_of(made, titles.get(options.area, options.area)), lang),
        ),
    )
    return out


def origin_of(made: MadeTable, area: str) -> Origin:
    """What a picture says of where a table comes from."""
    frame, about = made.released.frame, made.provenance
    return Origin(
        product=str(frame[LOSS_PRODUCT.name].iloc[0]) if LOSS_PRODUCT.name in frame and len(frame) else "",
        run_id=about.get("run_id", ""),
        first_day=about.get("first_day", ""),
        last_day=made.last_day or to_date(made.released.data_day),
        area=area,
        tier=made.released.tier,
    )


def charts_of(site: Site, store: Store, alerts: Released, folder: Path) -> list[Path]:
    """Write the charts of the current run for the tier of its alerts into a folder and return the files.

    Raises
    ------
    TableError, StoreError
        As `make_table`.
    """
    by_month, by_type, squares = (
        make_table(site, store, TableRequest(name=name, options=options, tier=alerts.tier))
        for name, options in (
            ("loss_by_period", TableOptions(periods="month", by=("area",))),
            ("loss_type_zone_period", TableOptions()),
            ("front_age", TableOptions()),
        )
    )
    inputs = ChartInputs(
        by_month=pd.DataFrame(by_month.released.frame),
        by_type=pd.DataFrame(by_type.released.frame),
        squares=pd.DataFrame(squares.released.frame),
        alerts=pd.DataFrame(alerts.frame),
        periods=tuple(
            LegalPeriod(title=one.title, start=one.start, end=one.end) for one in site.periods.set[0].periods
        ),
        titles=by_month.titles,
        outline=shapely.union_all([area.projected(site.grid.crs) for area in site.areas]),
    )
    return write_charts(folder, inputs, origin_of(by_month, ", ".join(area.title for area in site.areas)))


def _title(spec: TableSpec) -> str:
    """Spanish title of a table."""
    return table_title(language("es"), spec.name, spec.description)
