"""`selvawatch attribute`: any loss layer, on any zones or on the site's register."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selvawatch.cli.options import JsonOption, SiteOption, StoreOption, site_folder
from selvawatch.core.tier import tier_named

if TYPE_CHECKING:
    from selvawatch.steps.attribute_loss import AttributedFile


def attribute(
    loss: Annotated[str, typer.Option(metavar="FILE[:LAYER]", help="Loss: a vector layer or a GeoTIFF.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What to write: .csv, .parquet or .gpkg.")
    ] = None,
    zones: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE[:LAYER]", help="Zones; may be repeated. Default: the site's register."),
    ] = None,
    date_field: Annotated[str, typer.Option(help="Column of the loss with its date.")] = "",
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
    from selvawatch.attribute.loss_products import Product
    from selvawatch.errors import SiteError
    from selvawatch.site import Site
    from selvawatch.steps.attribute_loss import (
        LossLayer,
        RasterLoss,
        attribute_file,
        check_new_product,
        extent_of,
        loss_product,
    )
    from selvawatch.steps.run.attribute_events import read_zones, zones_of_tier
    from selvawatch.store.folders import open_store
    from selvawatch.store.lock import exclusive
    from selvawatch.store.loss_products import keep_product

    allowed = tier_named(tier)
    if out is None and not register_as:
        raise SiteError("nothing to do", do="give --out FILE, --register-as NAME, or both")
    loaded = Site.load(site_folder(site))
    held_against = zones or (
        zones_of_tier(read_zones(loaded, open_store(store)), allowed).register if encoding or out else ()
    )
    extent = extent_of(loaded.areas, held_against, loaded.grid.crs) if encoding else None
    if extent is not None:
        corners = " ".join(f"{value:.0f}" for value in extent)
        typer.echo(
            f"{loss}: read on the ground of the site and its zones: {corners} {loaded.grid.crs}", err=True
        )
    layer = LossLayer(
        file=loss,
        area_field=area_field,
        date_field=date_field,
        raster=RasterLoss(encoding=encoding, year=year) if encoding else None,
        extent=extent,
    )
    if register_as:
        product = Product(name=register_as, version=product_version, cause=cause)
        with exclusive(store, "selvawatch attribute --register-as") as held:
            check_new_product(held.store, product, replace=replace)
            cells = loss_product(layer, product, crs=loaded.grid.crs, equal_area=loaded.equal_area)
            kept = keep_product(held.store, product, cells)
        typer.echo(
            f"{kept}: {len(cells)} features, {cells['ha'].sum():.2f} ha kept as {product.label}", err=as_json
        )
    if out is None:
        return
    done = attribute_file(
        layer,
        held_against,
        out,
        crs=loaded.grid.crs,
        equal_area=loaded.equal_area,
        repair=repair,
        tier=allowed,
    )
    _print_done(done, as_json)


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
