"""`selvawatch deliver`: send what is new to those who asked for it."""

from pathlib import Path
from typing import Annotated

import typer

from selvawatch.cli.options import (
    DEFAULT_SITE_FILE,
    JsonOption,
    SiteFileOption,
    StoreOption,
    StoreSiteOption,
    print_json,
)


def deliver(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[STORE]", help="Folder of the store; or give --store.")
    ] = None,
    store: StoreOption = "outputs",
    subscriptions: Annotated[
        Path | None,
        typer.Option(
            help="File of subscriptions, mode 600; default: subscriptions.toml beside the store's folder."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent; nothing is sent or written.")
    ] = False,
    resend: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Send an uncertain or refused message again; may be repeated."),
    ] = None,
    close: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Give up a message that is not delivered; may be repeated."),
    ] = None,
    site: StoreSiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
    as_json: JsonOption = False,
) -> None:
    """Send what is new to each subscriber, and what is due again; exit 1 where some is not delivered."""
    from selvawatch.steps.delivery.deliveries import DeliveryRequest, deliver_store

    request = DeliveryRequest(
        store=store if folder is None else str(folder),
        subscriptions=subscriptions,
        site=site,
        site_file=site_file,
        again=tuple(resend or ()),
        closed=tuple(close or ()),
    )
    done = deliver_store(request, dry_run=dry_run)
    if as_json:
        print_json(
            {
                "planned": [
                    {"name": one.name, "kind": one.row.kind, "key": one.row.key, "alerts": len(one.alerts)}
                    for one in done.planned
                ],
                "sent": [
                    {"name": one.name, "kind": one.row.kind, "key": one.row.key, "state": one.row.state}
                    for one in done.sent
                ],
            }
        )
    elif dry_run:
        for one in done.planned:
            typer.echo(f"{one.name}  {one.row.kind}  {len(one.alerts)} alerts  {one.message.subject}")
    else:
        for sent in done.sent:
            typer.echo(sent.line)
        typer.echo(f"{len(done.sent) - len(done.undelivered)} delivered, {len(done.undelivered)} not")
    if done.undelivered:
        raise typer.Exit(1)
