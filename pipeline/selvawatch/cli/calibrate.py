"""`selvawatch calibrate cube | cause`: what numbers of the models would do, and where they come from."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from selvawatch.cli.options import (
    CubeArgument,
    JsonOption,
    SensorsOption,
    SiteOption,
    TagOption,
    WorkersOption,
    print_json,
    site_folder,
)


class CubeUnlessNamed(TyperGroup):
    """A group that reads `calibrate DIR ...`, the form without a name, as `calibrate cube DIR ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments left over, with `cube` in front where none of the commands is named."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["cube", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=CubeUnlessNamed, help="Numbers of the models: other thresholds, other weights.", no_args_is_help=True
)


@app.command()
def cube(
    folder: CubeArgument,
    tag: TagOption = "main",
    sensors: SensorsOption = "all",
    factor: Annotated[
        list[float] | None, typer.Option(help="Factor on the thresholds; may be given many times.")
    ] = None,
    workers: WorkersOption = 1,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """False alarms, power and delay of the site's detector for a row of thresholds."""
    from selvawatch.calibrate.cube import calibrate_on_cube, point_lines
    from selvawatch.site import Site
    from selvawatch.validate.reference_cube import CubeReading

    loaded = Site.load(site_folder(site))
    points = calibrate_on_cube(
        folder,
        tag,
        loaded.model,
        factor or [0.9, 1.0, 1.15, 1.3],
        shared=loaded.common_shift,
        reading=CubeReading(sensors=sensors, screening=loaded.recipe.screening),
        workers=workers,
    )
    if as_json:
        print_json([asdict(point) for point in points])
        return
    for line in point_lines(points):
        typer.echo(line)


@app.command()
def cause(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="File for the weights; default: print them.")
    ] = None,
    practice: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Landscapes to practise on; default: cause-practice.toml."),
    ] = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fit the weights of the cause rule on simulated landscapes and say how well it does."""
    from selvawatch.calibrate.cause import to_toml
    from selvawatch.calibrate.cause_landscapes import fit_on_landscapes, skill_lines
    from selvawatch.core.files import write_text
    from selvawatch.site import Site

    loaded = Site.load(site_folder(site))
    file = practice or loaded.path_of("models/cause-practice.toml")
    fitted = fit_on_landscapes(file, loaded.cause_rule, loaded.event_rule)
    weights = to_toml(fitted.rule)
    if out is not None:
        write_text(out, weights)
    if as_json:
        print_json({**asdict(fitted), "out": None if out is None else str(out)})
        return
    for line in skill_lines(fitted):
        typer.echo(f"# {line}")
    typer.echo(weights if out is None else f"{out}: {len(fitted.rule.features)} features", nl=out is not None)
