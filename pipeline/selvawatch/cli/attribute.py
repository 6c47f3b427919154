"""`selvawatch attribute`: any loss layer, on any zones or on the site's register."""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selvawatch.cli.options import JsonOption, SiteOption, StoreOption, day_of, site_folder
from selvawatch.core.table_options import listed
from selvawatch.core.tier import tier_named

if TYPE_CHECKING:
    from selvawatch.attribute.loss_products import Product
    from selvawatch.register.vector_files import Repair
    from selvawatch.site import Site
    from selvawatch.steps.attribute_loss import AttributedFile
    from selvawatch.steps.loss_layer import LossLayer


def attribute(
    loss: Annotated[str, typer.Option(metavar="FILE[:LAYER]", help="Loss: a vector layer or a GeoTIFF.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What to write: .csv, .xlsx, .parquet or .gpkg.")
    ] = None,
    zones: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE[:LAYER]", help="Zones; may be repeated. Default: the site's register."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Sum over columns of the result, such as zone_name; repeated, or with commas.",
        ),
    ] = None,
    date_field: Annotated[
        str, typer.Option(help="Column of the loss with its date, or the beginning of a span.")
    ] = "",
    date_end_field: Annotated[
        str, typer.Option(help="Column with the end of a span; an empty one is open.")
    ] = "",
    date_form: Annotated[
        str,
        typer.Option(
            metavar="FORM",
            help="Form of the dates: auto, day, month, quarter, year, julian, epoch-ms, epoch-s, or a FORMAT "
            "of strptime such as %d/%m/%Y or %Y00.",
        ),
    ] = "auto",
    allow_undated: Annotated[
        bool, typer.Option("--allow-undated", help="Keep rows without a date, outside every period.")
    ] = False,
    stock_field: Annotated[
        str, typer.Option(help="Column that says which rows are a stock: yes or no, or a day.")
    ] = "",
    stock_until: Annotated[
        str, typer.Option(metavar="DAY", help="What was lost by this day is a stock: it enters no rate.")
    ] = "",
    covers: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="FROM TO", help="First and last day that the product covers."),
    ] = None,
    area_field: Annotated[
        str, typer.Option(help="Column of the loss with its own hectares, to be prorated by overlap.")
    ] = "",
    repair: Annotated[bool, typer.Option(help="Repair invalid rings instead of refusing them.")] = False,
    tier: Annotated[
        str, typer.Option(help="Register columns for whom: public, partner, restricted.")
    ] = "public",
    site: SiteOption = None,
    encoding: Annotated[
        str, typer.Option(help="How a raster is read: hansen, gfw-integrated, mapbiomas-mining or mask.")
    ] = "",
    year: Annotated[int | None, typer.Option(help="Year of a raster without dates.")] = None,
    register_as: Annotated[
        str, typer.Option(metavar="NAME", help="Keep the loss in the store, for `table --product NAME`.")
    ] = "",
    product_version: Annotated[str, typer.Option(help="Version of the product, said in every row.")] = "",
    replace: Annotated[
        bool, typer.Option("--replace", help="Let --register-as replace the product of that name.")
    ] = False,
    cause: Annotated[str, typer.Option(help="mining for a product of mining; else unknown.")] = "unknown",
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """One row for each loss feature and zone that share ground; rows without a zone lie outside all."""
    from selvawatch.attribute.loss.loss_days import DateFields
    from selvawatch.attribute.loss_products import Product
    from selvawatch.errors import SiteError
    from selvawatch.register.site_extent import extent_of_areas
    from selvawatch.site import Site
    from selvawatch.steps.attribute_loss import AttributionOptions, attribute_file
    from selvawatch.steps.loss_layer import LossLayer, RasterLoss, extent_of
    from selvawatch.steps.run.attribute_events import read_zones, zones_of_tier
    from selvawatch.store.folders import open_store

    allowed = tier_named(tier)
    if out is None and not register_as:
        raise SiteError("nothing to do", do="give --out FILE, --register-as NAME, or both")
    if year is not None and not encoding:
        raise SiteError("a year is for a raster", got=f"--year {year}", do="give --encoding, or --date-field")
    dates = DateFields(
        field=date_field,
        end_field=date_end_field,
        form=date_form,
        allow_undated=allow_undated,
        stock_field=stock_field,
        stock_until=_date(stock_until, "--stock-until") if stock_until else None,
        covers=None if covers is None else (_date(covers[0], "--covers"), _date(covers[1], "--covers")),
    )
    loaded = Site.load(site_folder(site))
    held_against = zones or (
        zones_of_tier(read_zones(loaded, open_store(store)), allowed).register if encoding or out else ()
    )
    extent = extent_of(loaded.areas, held_against, loaded.grid.crs) if encoding else None
    if extent is not None:
        corners = " ".join(f"{value:.0f}" for value in extent)
        message = f"{loss}: read on the ground of the site and its zones: {corners} {loaded.grid.crs}"
        typer.echo(message, err=True)
    layer = LossLayer(
        file=loss,
        area_field=area_field,
        dates=dates,
        raster=RasterLoss(encoding=encoding, year=year) if encoding else None,
        extent=extent,
        repair=repair,
    )
    if register_as:
        product = Product(name=register_as, version=product_version, cause=cause)
        typer.echo(_keep(layer, product, loaded, store, replace=replace), err=as_json)
    if out is None:
        return
    around = extent_of_areas(loaded.areas)
    options = AttributionOptions(tier=allowed, by=listed(by), near=None if around is None else around.near)
    crs, equal_area = loaded.grid.crs, loaded.equal_area
    done = attribute_file(layer, held_against, out, crs=crs, equal_area=equal_area, options=options)
    if not register_as:
        _print_remarks(done.remarks, done.repairs)
    _print_done(done, as_json)


def _keep(layer: "LossLayer", product: "Product", site: "Site", store: str, *, replace: bool) -> str:
    """Keep a loss layer as a product of the store, and return what is said of it."""
    from selvawatch.register.site_extent import extent_of_areas
    from selvawatch.steps.loss_product import check_new_product, loss_product
    from selvawatch.store.lock import exclusive
    from selvawatch.store.loss_products import keep_product
    from selvawatch.store.site_copy import keep_site_copy
    from selvawatch.store.site_guard import refuse_foreign_site

    around = extent_of_areas(site.areas)
    near = None if around is None else around.near
    with exclusive(store, "selvawatch attribute --register-as") as held:
        check_new_product(held.store, product, replace=replace)
        refuse_foreign_site(site, held.store)
        made = loss_product(layer, product, crs=site.grid.crs, equal_area=site.equal_area, near=near)
        if held.store.ledger.current() is None:
            keep_site_copy(held.store, site)
        kept = keep_product(held.store, made.product, made.cells)
    _print_remarks(made.remarks, made.repairs)
    form = made.product.source.get("date_form", "")
    covers = made.product.covers
    return (
        f"{kept}: {len(made.cells)} features, {made.cells['ha'].sum():.2f} ha kept as {product.label}"
        + (f", dates read as {form}" if form else "")
        + (f", covers {covers[0]} to {covers[1]}" if covers else "")
    )


def _date(text: str, option: str) -> dt.date:
    from selvawatch.core.days import to_date

    return to_date(day_of(text, option))


def _print_remarks(remarks: Sequence[str], repairs: Sequence["Repair"]) -> None:
    """What was assumed, counted, repaired or looks wrong, a line each, on stderr."""
    for remark in remarks:
        typer.echo(f"note: {remark}", err=True)
    for change in repairs:
        typer.echo(
            f"repaired: {change.key}: {change.what}, {change.ha_before:.4f} ha before, "
            f"{change.ha_after:.4f} ha after",
            err=True,
        )


def _print_done(done: "AttributedFile", as_json: bool) -> None:
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "out": str(done.path),
                    "rows": done.rows,
                    "features": done.features,
                    "outside_ha": done.outside_ha,
                    "total_ha": done.total_ha,
                }
            )
        )
        return
    typer.echo(
        f"{done.path}: {done.rows} rows from {done.features} features, {done.total_ha:.2f} ha, "
        f"of which {done.outside_ha:.2f} ha outside all zones"
    )
