"""`selvawatch alerts list | show | export` and `selvawatch bulletin`: what the current run published."""

from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.options import (
    DEFAULT_SITE_FILE,
    JsonOption,
    SiteFileOption,
    SiteOption,
    StoreOption,
    TierOption,
    print_json,
    site_folder,
)

app = typer.Typer(help="Alerts of the current run.", no_args_is_help=True)

FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="gpkg, geojson, kml, gpx, csv, xlsx or parquet; or the statuses of all pixels as rasters in the"
        " encoding of gfw (date_conf), radd or dist (restricted tier).",
    ),
]
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]


@app.command("list")
def list_alerts(
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    top: Annotated[int, typer.Option(help="How many, by rank.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """The alerts by rank."""
    from selvawatch.steps.products import read_alerts

    alerts = read_alerts(store, tier)[:top]
    if as_json:
        print_json(alerts)
        return
    for row in alerts:
        typer.echo(
            f"{row['rank']:>3}  {row['alert_id']}  {row['status']:<11}  {row['cause']:<11}"
            f"  {row['ha']:>7.2f} ha  {row['first_detected']}  {row['combination']}"
        )


@app.command()
def show(
    alert: Annotated[str, typer.Argument(help="Id of an alert or event.")],
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    as_json: JsonOption = False,
) -> None:
    """One alert, field by field; of an id that has ended, the alert that goes on."""
    from selvawatch.steps.products import find_alert

    row = find_alert(store, tier, alert)
    if as_json:
        print_json(row)
        return
    if ended := row.pop("ended_id", None):
        typer.echo(f"{ended} has ended and goes on as {row['alert_id']}")
    width = max(map(len, row))
    for name, value in row.items():
        if value not in (None, ""):
            typer.echo(f"{name:<{width}}  {value}")


@app.command()
def export(
    out: OutOption,
    form: FormatOption = "gpkg",
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    site: SiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
) -> None:
    """Write the alerts in a format for other programs."""
    from selvawatch.detect.encodings import ENCODINGS
    from selvawatch.errors import StoreError
    from selvawatch.steps.products import copy_alerts

    if form in ENCODINGS:
        from selvawatch.site import Site
        from selvawatch.steps.encode import write_encoded

        if tier != "restricted":
            raise StoreError(
                "rasters tell exact places",
                where=f"--format {form}",
                got=f"tier {tier}",
                needed="tier restricted",
                do="give --tier restricted, and do not publish the file",
            )
        for path in write_encoded(Site.load(site_folder(site), site_file), store, form, out):
            typer.echo(path)
        return
    typer.echo(copy_alerts(store, tier, form, out))


def bulletin(
    lang: Annotated[str, typer.Option(help="es or en.")] = "es",
    form: Annotated[
        str,
        typer.Option(
            "--format", help="html, txt, message (at most 1,000 characters) or pdf (needs --out; an extra)."
        ),
    ] = "html",
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    out: Annotated[Path | None, typer.Option(help="File to write; default: print where it is.")] = None,
) -> None:
    """The bulletin of the current run."""
    from selvawatch.errors import StoreError
    from selvawatch.steps.products import copy_product, product_path, write_bulletin_pdf

    if form == "pdf" or (form == "html" and out is not None and out.suffix.lower() == ".pdf"):
        if out is None:
            raise StoreError("a PDF is made where it is asked for", got="no --out", do="give --out FILE.pdf")
        typer.echo(write_bulletin_pdf(store, tier, lang, out))
        return
    name = f"bulletin-{lang}-message.txt" if form == "message" else f"bulletin-{lang}.{form}"
    typer.echo(product_path(store, tier, name) if out is None else copy_product(store, tier, name, out))
