"""Options that many commands share, and how results are printed."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

SiteOption = Annotated[
    Path | None,
    typer.Option("--site", help="Folder with aoi/ and models/; default: here, or the packaged site."),
]
StoreSiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site",
        help="Folder with aoi/ and models/ of the store's site; default: here, or the store's copy of it.",
    ),
]
SiteFileOption = Annotated[str, typer.Option("--site-file", help="Site file in that folder.")]
StoreOption = Annotated[str, typer.Option("--store", help="Folder that keeps state and products.")]
AreaOption = Annotated[str, typer.Option("--area", help="Name of an area of the site, or all.")]
SourceOption = Annotated[
    str | None,
    typer.Option(
        "--source",
        help="earth-search, planetary-computer, earthengine, stac:URL, folder:DIR, or SENSOR=SOURCE,...;"
        " default: the site's [sources].",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="End with one JSON object for machines.")]
JsonLinesOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
TierOption = Annotated[str, typer.Option("--tier", help="public, partner or restricted.")]
FirstOption = Annotated[str, typer.Option("--from", help="First day.")]
LastOption = Annotated[str, typer.Option("--to", help="Last day.")]
RateOption = Annotated[
    float, typer.Option("--rate-mb-s", help="Megabytes a second that hours are reckoned with.")
]
MeasureOption = Annotated[
    bool, typer.Option("--measure/--no-measure", help="Measure that rate: up to 4 MB of a scene a sensor.")
]
DaskOption = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Tiles go to the dask cluster whose scheduler is there."),
]
CubeArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a synthetic reference cube.")]
TagOption = Annotated[str, typer.Option("--tag", help="Tag of the cube.")]
SensorsOption = Annotated[
    Literal["optical", "radar", "all"], typer.Option("--sensors", help="What is looked at.")
]
WorkersOption = Annotated[int, typer.Option("--workers", min=1, help="Threads.")]

WordsOption = Annotated[
    str,
    typer.Option(
        "--lang",
        help="es or en: a CSV or XLSX for people, with heads and words of it; default: one for programs.",
    ),
]

DEFAULT_SITE_FILE = "aoi/site.toml"


def site_folder(given: Path | None) -> Path:
    """The folder given; else this one where it holds a site; else the site that came with the program."""
    from selvawatch.site import default_site

    if given is not None:
        return given
    here = Path.cwd()
    return here if (here / DEFAULT_SITE_FILE).is_file() else default_site()


def day_of(text: str, option: str) -> int:
    """The day of an ISO text or of `today` (UTC); a usage error naming the option otherwise."""
    import datetime as dt

    from selvawatch.core.days import to_day

    if text == "today":
        return to_day(dt.datetime.now(dt.UTC))
    try:
        return to_day(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2024-12-31", param_hint=option) from error


def the_source(given: str | None, folder: Path, site_file: str) -> str:
    """The source given, or those that the site names for its sensors.

    Raises
    ------
    SourceError
        When none is given and the site names none.
    """
    from selvawatch.errors import SourceError
    from selvawatch.site import Site

    if given is not None:
        return given
    config = Site.load(folder, site_file).config
    named = {sensor: "+".join(config.sources_of(sensor)) for sensor in config.sources}
    if len(set(named.values())) == 1 and "+" in next(iter(named.values())):
        return ",".join(f"{sensor}={source}" for sensor, source in sorted(named.items()))
    if len(set(named.values())) == 1:
        return next(iter(named.values()))
    if named:
        return ",".join(f"{sensor}={source}" for sensor, source in sorted(named.items()))
    raise SourceError(
        "no source was given",
        where=folder / site_file,
        got="none in [sources]",
        needed="a source of scenes",
        do="give --source folder:DIR, --source stac:URL or --source earthengine",
    )


def print_json(values: Any) -> None:
    """One line of JSON."""
    typer.echo(json.dumps(values, ensure_ascii=False, sort_keys=True))
