"""`selvawatch reviews import | list` and `selvawatch alerts review`: what people answered on alerts."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.options import JsonOption, StoreOption, print_json

app = typer.Typer(help="What people answered on alerts.", no_args_is_help=True)

RoleOption = Annotated[
    str,
    typer.Option(
        "--by",
        help="Function of who answers: ranger, community, prosecutor, police, authority, partner, technician,"
        " analyst; never a name.",
    ),
]


@app.command("import")
def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, XLSX (ODK, Kobo, a sheet), GeoJSON (CoMapeo, Mapeo), JSON of EarthRanger, SMART, GPX.",
        ),
    ],
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=NAME", help="Field that says alert, verdict, role, time, lon, lat or point."
        ),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(metavar="VERDICT=TEXT", help="What a text of the file means; may be repeated."),
    ] = None,
    zone: Annotated[
        str,
        typer.Option(help="Zone of times that state none: -05:00, America/Lima; default: they stay empty."),
    ] = "",
    by: RoleOption = "",
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """Read answers from a file of a field tool; what cannot be used is one line each, the rest goes in."""
    from selvawatch.returns.reviewing import Options, import_reviews

    options = Options(columns=column or [], values=value or [], zone=zone, role=by)
    done = import_reviews(store, file, options, dt.datetime.now(dt.UTC))
    for line in done.lines:
        typer.echo(_line(line), err=True)
    if as_json:
        counts = {"added": len(done.added), "known": done.known, "unused": done.unused, "form": done.form}
        print_json(counts | {"alerts": sorted({review.alert_id for review in done.added})})
    else:
        typer.echo(
            f"{file}: {len(done.added)} reviews added, {done.known} known before, {done.unused} not used"
        )
    if done.unused and not (done.added or done.known):
        raise typer.Exit(1)


@app.command("list")
def list_reviews(store: StoreOption = "outputs", as_json: JsonOption = False) -> None:
    """Every review of the store, in the order in which they came in; of the restricted tier."""
    from selvawatch.reviews.review import as_values
    from selvawatch.store.folders import open_store
    from selvawatch.store.returned.review_batches import read_reviews

    reviews = read_reviews(open_store(store))
    if as_json:
        print_json([as_values(review) for review in reviews])
        return
    for review in reviews:
        seen = review.observed_at or f"time {review.time_reason}"
        typer.echo(
            f"{review.alert_id}  {review.verdict:<11}  {seen:<20}  {review.role or '-':<10}"
            f"  {review.form}, by {review.matched_by}, came in {review.received_at}"
        )


@app.command()
def draw(
    n: Annotated[int, typer.Option("--n", min=1, help="How many alerts.")],
    seed: Annotated[int | None, typer.Option(min=0, help="Default: one that follows from the run.")] = None,
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """Draw alerts of the current run to be visited, with known probabilities, and keep which."""
    from dataclasses import asdict

    from selvawatch.returns.accuracy import draw_alerts

    number, drawn = draw_alerts(store, n, seed)
    if as_json:
        print_json({"draw": number, **asdict(drawn)})
        return
    for alert in drawn.alerts:
        typer.echo(f"{alert.event_id}.v{alert.version}  {alert.stratum:<6}  {alert.probability:.4f}")


def review_alert(
    alert: Annotated[str, typer.Argument(metavar="ID", help="Id of an alert or event.")],
    verdict: Annotated[str, typer.Option("--as", help="mining, other-loss, no-loss or not-reached.")],
    by: RoleOption,
    at: Annotated[
        str, typer.Option(help="When it was seen, with its zone, as 2026-06-04T10:00-05:00; default: now.")
    ] = "",
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """Keep what a person answered on an alert; no name is kept."""
    from selvawatch.returns.reviewing import review_alert as keep
    from selvawatch.reviews.review import as_values

    review, added = keep(store, alert, verdict, by, at=at, now=dt.datetime.now(dt.UTC))
    if as_json:
        print_json(as_values(review) | {"added": added})
        return
    typer.echo(f"{review.alert_id}: {review.verdict}" + ("" if added else ", known before"))


def _line(text: str) -> str:
    from selvawatch.write.language.sanitise import single_line

    return single_line(text, 1000)
