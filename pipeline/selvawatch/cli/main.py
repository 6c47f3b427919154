"""`selvawatch`: parse, call one step, print one clear line per result."""

import sys

import typer

from selvawatch.cli import (
    alerts,
    attribute,
    calibrate,
    deliver,
    handed_in,
    mirror,
    monitor,
    reviews,
    table,
    validate,
    zones,
)
from selvawatch.errors import SelvawatchError
from selvawatch.version import __version__

app = typer.Typer(
    name="selvawatch",
    help="Monitoring of mining-driven forest loss: scenes in, attributed alerts out.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs more than the rest of --help together
    pretty_exceptions_enable=False,
)
app.command()(monitor.demo)
app.command()(monitor.scenes)
app.command()(monitor.baseline)
app.command()(monitor.monitor)
app.command()(mirror.mirror)
app.add_typer(zones.app, name="zones")
app.command()(attribute.attribute)
app.command()(table.table)
app.add_typer(alerts.app, name="alerts")
app.command()(alerts.bulletin)
app.command()(deliver.deliver)
app.add_typer(reviews.app, name="reviews")
app.command()(handed_in.evidence)
app.command()(handed_in.reproduce)
app.add_typer(validate.app, name="validate")
app.add_typer(calibrate.app, name="calibrate")
app.command()(monitor.init)
app.command()(monitor.serve)
app.command()(monitor.doctor)


@app.callback(invoke_without_command=True)
def root(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    """Monitoring of mining-driven forest loss: scenes in, attributed alerts out."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Run the program; an error it knows is one line on stderr and exit code 1."""
    try:
        app(prog_name="selvawatch")
    except SelvawatchError as error:
        sys.exit(f"selvawatch: {error}")
    except OSError as error:
        where, what = error.filename2 or error.filename or "a file", error.strerror or str(error)
        sys.exit(
            f"selvawatch: {where}: {' '.join(what.split())}; check the path, its permissions and the disk"
        )
