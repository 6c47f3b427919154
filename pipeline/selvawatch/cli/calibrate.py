"""`selvawatch calibrate`: what other thresholds of a detector would do."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from selvawatch.cli.options import JsonOption, SiteOption, print_json, site_folder


def calibrate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a synthetic reference cube.")],
    tag: Annotated[str, typer.Option(help="Tag of the cube.")] = "main",
    sensors: Annotated[Literal["optical", "radar", "all"], typer.Option(help="What is looked at.")] = "all",
    factor: Annotated[
        list[float] | None, typer.Option(help="Factor on the thresholds; may be given many times.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads.")] = 1,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """False alarms, power and delay of the site's detector for a row of thresholds."""
    from selvawatch.calibrate.cube import calibrate_on_cube, point_lines
    from selvawatch.site import Site

    model = Site.load(site_folder(site)).model
    factors = factor or [0.9, 1.0, 1.15, 1.3]
    points = calibrate_on_cube(folder, tag, model, factors, sensors=sensors, workers=workers)
    if as_json:
        print_json([asdict(point) for point in points])
        return
    for line in point_lines(points):
        typer.echo(line)
