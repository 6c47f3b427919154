"""`selvawatch alerts list | show | export` and `selvawatch bulletin`: what the current run published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from selvawatch.cli.options import (
    DEFAULT_SITE_FILE,
    JsonOption,
    SiteFileOption,
    StoreOption,
    StoreSiteOption,
    TierOption,
    WordsOption,
    print_json,
)
from selvawatch.cli.reviews import review_alert

app = typer.Typer(help="Alerts of the current run.", no_args_is_help=True)
app.command("review")(review_alert)

FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="gpkg, geojson, kml, kmz, csv, xlsx, parquet, shp or qgz (a QGIS project and its GeoPackage),"
        " and gpx (restricted tier); default: as the ending of --out says. For field tools odk, kobo,"
        " comapeo, earthranger or mbtiles (restricted tier), and xlsform, the form for answers; or the"
        " statuses of all pixels as rasters in the encoding of gfw (date_conf), radd or dist (restricted).",
    ),
]
PublishedSiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site", help="Folder of a site; refused where it is not the store's. Nothing else is read of it."
    ),
]
_BULLETIN_ENDINGS = {"html": ".html", "txt": ".txt", "message": ".txt", "json": ".json", "pdf": ".pdf"}
OutOption = Annotated[Path, typer.Option("--out", help="File to write.")]


@app.command("list")
def list_alerts(
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    top: Annotated[int, typer.Option(help="How many, by rank.")] = 20,
    site: PublishedSiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """The alerts by rank."""
    from selvawatch.steps.products import read_alerts

    _check_site(site, store)
    alerts = read_alerts(store, tier)[:top]
    if as_json:
        print_json(alerts)
        return
    for row in alerts:
        typer.echo(
            f"{row['rank']:>3}  {row['alert_id']}  {row['status']:<11}  {row['cause']:<11}"
            f"  {row['ha']:>7.2f} ha  {row['first_detected']}  {row['combination']}"
            + (f"  review: {row['review']}" if row["review"] else "")
        )


@app.command()
def show(
    alert: Annotated[str, typer.Argument(help="Id of an alert or event.")],
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    site: PublishedSiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """One alert, field by field; of an id that has ended, the alert that goes on."""
    from selvawatch.steps.products import find_alert

    _check_site(site, store)
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


@app.command("rank")
def rank_alerts(
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    top: Annotated[int, typer.Option(help="How many, by rank.")] = 20,
    explain: Annotated[
        bool, typer.Option("--explain", help="Points that each reason gave, the factors, and the weights.")
    ] = False,
    site: StoreSiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    as_json: JsonOption = False,
) -> None:
    """Why the alerts rank as they do."""
    from selvawatch.steps.products import explain_ranks
    from selvawatch.steps.store_site import site_of_store
    from selvawatch.store.folders import open_store

    with site_of_store(open_store(store), site, site_file) as loaded:
        rows = explain_ranks(loaded, store, tier).head(top)
        rule = loaded.ranking_rule
    if not explain:
        rows = rows[["rank", "alert_id", "status", "ha", "score"]]
    if as_json:
        print_json(rows.to_dict("records"))
        return
    for row in rows.to_dict("records"):
        typer.echo(
            f"{row['rank']:>3}  {row['alert_id']}  {row['status']:<11}  {row['ha']:>7.2f} ha"
            f"  {row['score']:>6.2f}"
        )
        if explain:
            typer.echo(f"     {_points(row)}")
    if explain:
        typer.echo(f"most points: {', '.join(f'{name} {most:g}' for name, most in rule.points.most.items())}")


def _points(row: Mapping[Any, Any]) -> str:
    """What made a score, as `size 4.1 + mining 12.0 = 16.1, x 0.7 (change)`."""
    from selvawatch.attribute.rank import RANK_REASONS

    points = {name: float(row[name]) for name in RANK_REASONS if row.get(name, 0.0) > 0}
    line = (
        f"{' + '.join(f'{name} {value:.1f}' for name, value in points.items())} = {sum(points.values()):.1f}"
    )
    for name, words in (("activity", "what changed"), ("nearness", "beside one ranked higher")):
        if row[name] != 1.0:
            line += f", x {row[name]:g} ({words})"
    return line


@app.command()
def export(
    out: OutOption,
    form: FormatOption = None,
    lang: WordsOption = "",
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    site: StoreSiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
) -> None:
    """Write the alerts in a format for other programs."""
    from selvawatch.errors import StoreError
    from selvawatch.steps.products import PROJECTS, copy_alerts, export_format
    from selvawatch.write.encodings import ENCODINGS

    if form is None:
        form = export_format(form, out)
    if form in ENCODINGS:
        if lang:
            raise StoreError(
                "the format has no words",
                got=f"--format {form}",
                needed=f"no --lang {lang}",
                do="leave it out",
            )
        from selvawatch.steps.encode import write_encoded
        from selvawatch.steps.store_site import site_of_store
        from selvawatch.store.folders import open_store

        if tier != "restricted":
            raise StoreError(
                "rasters tell exact places",
                where=f"--format {form}",
                got=f"tier {tier}",
                needed="tier restricted",
                do="give --tier restricted, and do not publish the file",
            )
        export_format(form, out)
        with site_of_store(open_store(store), site, site_file) as loaded:
            for path in write_encoded(loaded, store, form, out):
                typer.echo(path)
        return
    _check_site(site, store, site_file)
    written = copy_alerts(store, tier, form, out, lang)
    typer.echo(written)
    if form in PROJECTS:
        typer.echo(written.with_suffix(".gpkg"))


def _check_site(site: Path | None, store: str, site_file: str = DEFAULT_SITE_FILE) -> None:
    """Refuse a site that is given and is not the store's: what a run published is told by no other."""
    if site is not None:
        from selvawatch.steps.store_site import site_of_store
        from selvawatch.store.folders import open_store

        with site_of_store(open_store(store), site, site_file):
            pass


def bulletin(
    lang: Annotated[str, typer.Option(help="es or en.")] = "es",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="html, txt, message (at most 1,000 characters), json (what is new, for programs) or pdf"
            " (needs --out; an extra); default: as the ending of --out says, html without.",
        ),
    ] = None,
    store: StoreOption = "outputs",
    tier: TierOption = "public",
    out: Annotated[Path | None, typer.Option(help="File to write; default: print where it is.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            help="Tell what is new since a run (its id) or a day (YYYY-MM-DD: the last run until then);"
            " default: since the run before. Printed unless --out is given."
        ),
    ] = None,
    charts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write charts into a folder instead, SVG and PNG in both languages: loss by month, by type"
            " and period, advance of fronts, how soon loss was found.",
        ),
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a static site into a folder instead, in both languages: start page, map, a page for"
            " each event, feeds, GeoJSON; it opens from the folder, and offline where it was seen once.",
        ),
    ] = None,
    site: PublishedSiteOption = None,
) -> None:
    """The bulletin of the current run, with what people answered since."""
    from selvawatch.errors import StoreError
    from selvawatch.steps.products import bulletin_now, write_bulletin_pdf
    from selvawatch.write.formats.endings import format_of_file

    _check_site(site, store)
    if web is not None:
        if any(given is not None for given in (out, since, form, charts)):
            raise StoreError(
                "a site is a folder of its own",
                got="--web",
                do="leave --out, --since, --format, --charts out",
            )
        from selvawatch.steps.published.website import write_site

        typer.echo(str(write_site(store, tier, web)))
        return
    if charts is not None:
        if out is not None or since is not None or form is not None:
            raise StoreError(
                "charts are files of their own", got="--charts", do="leave --out, --since, --format out"
            )
        _write_charts(store, tier, charts, site)
        return
    form = format_of_file(form, out, _BULLETIN_ENDINGS, "html") if out is not None else form or "html"
    if since is not None or form == "json":
        from selvawatch.steps.published.current_bulletin import written_since

        if form == "pdf" and out is None:
            raise StoreError("a PDF is made where it is asked for", got="no --out", do="give --out FILE.pdf")
        typer.echo(written_since(store, tier, since or "", lang, form, out))
        return
    if form == "pdf":
        if out is None:
            raise StoreError("a PDF is made where it is asked for", got="no --out", do="give --out FILE.pdf")
        typer.echo(write_bulletin_pdf(store, tier, lang, out))
        return
    name = f"bulletin-{lang}-message.txt" if form == "message" else f"bulletin-{lang}.{form}"
    typer.echo(bulletin_now(store, tier, name, out))


def _write_charts(store: str, tier: str, folder: Path, site: Path | None) -> None:
    from selvawatch.steps.products import alerts_now
    from selvawatch.steps.store_site import site_of_store
    from selvawatch.steps.tables import charts_of
    from selvawatch.store.folders import open_store

    opened = open_store(store)
    with site_of_store(opened, site) as loaded:
        for path in charts_of(loaded, opened, alerts_now(store, tier).released, folder):
            typer.echo(str(path))
