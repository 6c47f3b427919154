"""`selvawatch evidence` and `selvawatch reproduce`: a file that stands, and the alert made again from it."""

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


def evidence(
    alert: Annotated[
        str, typer.Argument(metavar="ALERT", help="Id of an alert or event of the current run.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="ZIP", help="File to write; it holds exact places.")],
    timestamp: Annotated[
        str, typer.Option(metavar="URL", help="Time-stamping authority (RFC 3161) that stamps the manifest.")
    ] = "",
    store: StoreOption = "outputs",
    site: StoreSiteOption = None,
    site_file: SiteFileOption = DEFAULT_SITE_FILE,
) -> None:
    """Write what an alert stands on: scenes, digests, layers, series, pictures, decisions, limits."""
    from selvawatch.steps.alert_again import write_alert_evidence

    typer.echo(write_alert_evidence(store, alert, out, site, site_file, timestamp))


def reproduce(
    zip_file: Annotated[Path, typer.Argument(metavar="ZIP", help="What `selvawatch evidence` wrote.")],
    source: Annotated[
        str, typer.Option("--source", help="Archive or mirror to read the scenes from, as of `monitor`.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Make the alert of a ZIP again from an archive, compare all digests, and name what differs."""
    from dataclasses import asdict

    from selvawatch.steps.alert_again import reproduce as again

    found = again(zip_file, source)
    if as_json:
        print_json(asdict(found) | {"equal": found.is_equal})
    else:
        for line in (*found.remarks, *found.differences):
            typer.echo(line)
        outcome = "equal" if found.is_equal else f"{len(found.differences)} differences"
        typer.echo(
            f"{found.alert_id}: {outcome}; blocks of {found.inputs} files compared, {found.repacked} scenes"
            f" packed otherwise with the same numbers, {found.unnoted} of which nothing was noted"
        )
    if not found.is_equal:
        raise typer.Exit(1)
