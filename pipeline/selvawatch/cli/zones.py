"""`selvawatch zones`: the layers of the register."""

import datetime as dt
import json
from dataclasses import asdict
from typing import Annotated

import typer

from selvawatch.cli.log_lines import LogFileOption, LogJsonOption, VerboseOption, begin_log
from selvawatch.cli.options import JsonLinesOption, SiteOption, StoreOption, site_folder

app = typer.Typer(help="Layers of the register: fetch, import, accept, status, check.", no_args_is_help=True)

DateOption = Annotated[
    dt.datetime | None,
    typer.Option("--date", formats=["%Y-%m-%d"], help="Day the layer was taken; default: today."),
]
ConfirmOption = Annotated[
    bool,
    typer.Option(
        "--confirm", help="Use it though it is not what its entry expects, or lost more than allowed."
    ),
]


def _date(given: dt.datetime | None) -> dt.date:
    return dt.datetime.now(dt.UTC).date() if given is None else given.date()


@app.command()
def fetch(
    context: typer.Context,
    layers: Annotated[list[str] | None, typer.Argument(help="Layers; default: all with a service.")] = None,
    date: DateOption = None,
    confirm: ConfirmOption = False,
    site: SiteOption = None,
    store: StoreOption = "outputs",
    as_json: JsonLinesOption = False,
    verbose: VerboseOption = False,
    log_file: LogFileOption = None,
    log_json: LogJsonOption = False,
) -> None:
    """Ask the publishers; a layer that fails keeps its last snapshot."""
    from selvawatch.site import Site
    from selvawatch.steps.register import client_for, fetch_zones
    from selvawatch.store.lock import exclusive

    begin_log(context, verbose, log_file, log_json)
    loaded = Site.load(site_folder(site))
    client = client_for(loaded)
    with exclusive(store, "selvawatch zones fetch") as held:
        done = fetch_zones(
            loaded, held.store, layers or [], date=_date(date), client=client, confirmed=confirm
        )
    for outcome in done:
        if as_json:
            typer.echo(json.dumps(asdict(outcome), ensure_ascii=False))
        elif outcome.record is None:
            typer.echo(f"{outcome.layer}: failed, the last snapshot stays: {outcome.error}", err=True)
        else:
            typer.echo(
                f"{outcome.layer}: {outcome.record.features} features,"
                f" {outcome.record.sha256[:12]}{_held_back(outcome.layer, outcome.record.why)}"
            )
            for remark in outcome.record.remarks:
                typer.echo(f"{outcome.layer}: {remark}")
    if any(outcome.record is None for outcome in done):
        raise typer.Exit(1)


def _held_back(layer: str, why: str) -> str:
    """Why a snapshot is kept and not used, and what uses it; empty where it is used."""
    return f", QUARANTINED: {why}: not used until `selvawatch zones accept {layer}`" if why else ""


@app.command("import")
def import_(
    layer: Annotated[str, typer.Argument(help="Name of the layer in zones.toml.")],
    file: Annotated[str, typer.Argument(metavar="FILE[:LAYER]")],
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ROLE=COLUMN",
            help="A column of the file that has another name than in zones.toml, such as name=NOMBRE;"
            " may be repeated. ROLE= where the file has none.",
        ),
    ] = None,
    date: DateOption = None,
    confirm: ConfirmOption = False,
    site: SiteOption = None,
    store: StoreOption = "outputs",
) -> None:
    """Take a layer in from a file."""
    from selvawatch.site import Site
    from selvawatch.steps.register import import_zone
    from selvawatch.store.lock import exclusive

    loaded = Site.load(site_folder(site))
    with exclusive(store, "selvawatch zones import") as held:
        record = import_zone(
            loaded, held.store, layer, file, date=_date(date), confirmed=confirm, columns=column or ()
        )
    note = _held_back(layer, record.why)
    typer.echo(f"{layer}: {record.features} features, {record.area_ha:.1f} ha, {record.sha256[:12]}{note}")
    for remark in record.remarks:
        typer.echo(f"{layer}: {remark}")


@app.command()
def accept(
    layer: Annotated[str, typer.Argument(help="Layer with a quarantined snapshot.")],
    store: StoreOption = "outputs",
) -> None:
    """Use a quarantined snapshot from now on."""
    from selvawatch.register.snapshots import accept as accepted
    from selvawatch.store.lock import exclusive

    with exclusive(store, "selvawatch zones accept") as held:
        record = accepted(held.store.snapshots, layer)
    typer.echo(f"{layer}: snapshot of {record.date} accepted, {record.features} features")


@app.command()
def status(
    date: DateOption = None,
    site: SiteOption = None,
    store: StoreOption = "outputs",
    as_json: JsonLinesOption = False,
) -> None:
    """How old each layer is, and what is missing."""
    from selvawatch.health.layer_findings import layers_sentence
    from selvawatch.site import Site
    from selvawatch.steps.register import unchecked_note, zones_status
    from selvawatch.store.folders import open_store

    loaded = Site.load(site_folder(site))
    layers = zones_status(loaded, open_store(store), today=_date(date))
    typer.echo(layers_sentence(loaded, layers), err=as_json)
    for layer in layers:
        if as_json:
            typer.echo(json.dumps(asdict(layer), default=str, ensure_ascii=False))
            continue
        age = "never taken" if layer.date is None else f"{layer.date} ({layer.age_days} days)"
        age += ", no known service: import by hand" if layer.date is None and layer.by_hand else ""
        count = "" if layer.features is None else f", {layer.features} features"
        typer.echo(
            f"{layer.layer}: {age}{count}, {layer.state}{'' if layer.verified else ', entry not verified'}"
        )
    if note := unchecked_note(loaded, open_store(store)):
        typer.echo(note, err=as_json)


@app.command()
def check(site: SiteOption = None, store: StoreOption = "outputs") -> None:
    """Verify the snapshots in use and list what was repaired or is not dated."""
    from selvawatch.site import Site
    from selvawatch.steps.register import check_zones
    from selvawatch.store.folders import open_store

    lines = check_zones(Site.load(site_folder(site)), open_store(store))
    for line in lines:
        typer.echo(line)
    typer.echo(f"{len(lines)} remarks")
