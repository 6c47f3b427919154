"""`selvawatch attribute`: any loss layer, on any zones or on the site's register."""

import json
from pathlib import Path
from typing import Annotated

import typer

from selvawatch.core.table import Tier


def attribute(
    loss: Annotated[str, typer.Option(metavar="FILE[:LAYER]", help="Vector layer of loss.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="What to write: .csv, .parquet or .gpkg.")],
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
    site: Annotated[
        Path | None, typer.Option(help="Folder with aoi/ and models/; default: the packaged site.")
    ] = None,
    store: Annotated[Path | None, typer.Option(help="Store with fetched layers; default: outputs/.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """One row for each loss feature and zone that share ground; rows without a zone lie outside all."""
    from selvawatch.errors import SiteError
    from selvawatch.site import Site, default_site
    from selvawatch.steps.attribute_loss import attribute_file
    from selvawatch.steps.zones import site_register

    names = {one.name.lower(): one for one in Tier}
    if tier not in names:
        raise SiteError("unknown tier", got=tier, needed=list(names))
    loaded = Site.load(site or default_site())
    register = None if zones else site_register(loaded, store)[0]
    done = attribute_file(
        loss,
        zones or [],
        out,
        crs=loaded.grid.crs,
        equal_area=loaded.equal_area,
        register=register,
        area_field=area_field,
        date_field=date_field,
        repair=repair,
        tier=names[tier],
    )
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
    else:
        typer.echo(
            f"{done.path}: {done.rows} rows from {done.features} features, {done.total_ha:.2f} ha, "
            f"of which {done.outside_ha:.2f} ha outside all zones"
        )
