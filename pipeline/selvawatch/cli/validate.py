"""`selvawatch validate`: accuracy against a reference, with confidence intervals."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selvawatch.cli.options import (
    CubeArgument,
    JsonOption,
    SensorsOption,
    SiteOption,
    StoreOption,
    TagOption,
    WorkersOption,
    print_json,
    site_folder,
)

if TYPE_CHECKING:
    from selvawatch.detect.charts.chart_models import Detector
    from selvawatch.site import Site
    from selvawatch.validate.report import ValidationReport

app = typer.Typer(help="Accuracy against a reference, with confidence intervals.", no_args_is_help=True)

DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector",
        help="Name of a model in models/ (fused, ewma, cusum, mosum, bayts), or a TOML file;"
        " default: the site's detector.",
    ),
]
PositiveOption = Annotated[
    list[str] | None, typer.Option("--positive", help="Label that means loss; may be repeated.")
]


@app.command()
def series(
    table: Annotated[Path, typer.Argument(metavar="SERIES.parquet", help="pid, date, bands or one index.")],
    points: Annotated[Path, typer.Argument(metavar="POINTS.parquet", help="pid, lon, lat, label.")],
    positive: PositiveOption = None,
    negative: Annotated[
        list[str] | None, typer.Option(help="Label that means no loss; all: every other point.")
    ] = None,
    exclude: Annotated[str | None, typer.Option(help="Column of points that are not judged.")] = None,
    history_years: Annotated[
        float | None, typer.Option(min=0.1, help="First years of each point that are its stable history.")
    ] = None,
    sensor: Annotated[str | None, typer.Option(help="Stream of the series, such as landsat.")] = None,
    detector: DetectorOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy on points with a time series each; labels are read only to score."""
    from selvawatch.validate.judge_series import ALL, LabelChoice, validate_series

    loaded = _load(site)
    _print_report(
        validate_series(
            table,
            points,
            _detector(loaded, detector),
            loaded.recipe.screening,
            labels=LabelChoice(positive=positive or [], negative=negative or [ALL], exclude=exclude),
            history_years=history_years,
            sensor=sensor,
        ),
        as_json,
    )


@app.command()
def raster(
    cube: Annotated[Path, typer.Argument(metavar="CUBE.nc", help="Sensors, truth and mask in one file.")],
    truth: Annotated[str, typer.Option(metavar="VAR=VALUE", help="Pixels of that value are lost.")],
    mask: Annotated[str | None, typer.Option(metavar="VAR", help="Pixels that count; default: all.")] = None,
    band: Annotated[
        list[str] | None, typer.Option(metavar="VAR=SENSOR:BAND", help="What a variable is; may be repeated.")
    ] = None,
    dates: Annotated[
        str | None, typer.Option(metavar="VAR", help="Another method's confirmation dates to compare with.")
    ] = None,
    history_years: Annotated[
        float | None, typer.Option(min=0.1, help="First years that are the stable history; default: none.")
    ] = None,
    detector: DetectorOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy on an archive in one netCDF file: variables with a time of their own are sensors."""
    from selvawatch.validate.judge_raster import validate_raster

    _print_report(
        validate_raster(
            cube,
            _detector(_load(site), detector),
            truth=truth,
            mask=mask,
            bands=band or [],
            dates=dates,
            history_years=history_years,
        ),
        as_json,
    )


@app.command()
def cube(
    folder: CubeArgument,
    tag: TagOption = "main",
    sensors: SensorsOption = "all",
    workers: WorkersOption = 1,
    detector: DetectorOption = None,
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy, delay and hectares of events on a synthetic reference cube with known break days."""
    from selvawatch.validate.judge_raster import validate_cube
    from selvawatch.validate.reference_cube import CubeReading

    loaded = _load(site)
    report = validate_cube(
        folder,
        tag,
        _detector(loaded, detector),
        shared=loaded.common_shift,
        reading=CubeReading(sensors=sensors, screening=loaded.recipe.screening),
        workers=workers,
        event_rule=loaded.event_rule,
    )
    _print_report(report, as_json)


@app.command()
def mining(
    chips: Annotated[Path, typer.Argument(metavar="CHIPS.npz", help="rgb, chip_id.")],
    labels: Annotated[Path, typer.Argument(metavar="LABELS.csv", help="chip_id, label (1 = mine), source.")],
    as_json: JsonOption = False,
) -> None:
    """How well colour and texture of image chips tell mines from what is not."""
    from selvawatch.validate.mining_chips import validate_mining

    _print_report(validate_mining(chips, labels), as_json)


@app.command()
def loss(
    loss_map: Annotated[str, typer.Argument(metavar="MAP", help="Raster, or polygons as FILE[:layer].")],
    reference: Annotated[Path, typer.Argument(metavar="REFERENCE.csv", help="Interpreted points.")],
    positive: PositiveOption = None,
    loss_value: Annotated[
        list[float] | None, typer.Option(help="Map value that means loss; default: all but 0.")
    ] = None,
    years: Annotated[
        tuple[int, int] | None, typer.Option(help="First and last year of loss that counts.")
    ] = None,
    strata: Annotated[
        Path | None, typer.Option(metavar="AREAS.csv", help="stratum, area: the area of each stratum.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Accuracy and area of a loss map from a stratified sample (Olofsson et al. 2014)."""
    from selvawatch.validate.loss_map import validate_loss

    _print_report(
        validate_loss(
            loss_map,
            reference,
            positive=positive or [],
            loss_values=loss_value or [],
            years=years,
            areas_path=strata,
        ),
        as_json,
    )


@app.command()
def reviews(
    draw: Annotated[
        int | None, typer.Option(min=1, help="Number of the sample; default: the newest.")
    ] = None,
    store: StoreOption = "outputs",
    as_json: JsonOption = False,
) -> None:
    """Accuracy of alerts from the reviews of a sample that `reviews draw` drew (Horvitz-Thompson)."""
    from selvawatch.returns.accuracy import accuracy_of

    found = accuracy_of(store, draw)
    if as_json:
        print_json(found.as_json())
        return
    for line in found.lines():
        typer.echo(line)


def _load(folder: Path | None) -> "Site":
    from selvawatch.site import Site

    return Site.load(site_folder(folder))


def _detector(site: "Site", name: str | None) -> "Detector":
    """The site's detector, or the one of that name or file; charts run over the site's baselines."""
    from selvawatch.detect.charts.chart_models import load_detector
    from selvawatch.errors import SiteError
    from selvawatch.site import default_site

    if name is None or name == site.model.name:
        return site.model
    if name.endswith(".toml"):
        return load_detector(Path(name), site.model)
    paths = [folder / "models" / f"{name}.toml" for folder in (site.folder, default_site())]
    found = next((path for path in paths if path.exists()), None)
    if found is None:
        known = sorted({path.stem for folder in paths for path in folder.parent.glob("*.toml")})
        raise SiteError("the detector is not known", where=paths[0], got=name, needed=known)
    return load_detector(found, site.model)


def _print_report(report: "ValidationReport", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.as_json(), ensure_ascii=False, allow_nan=False))
        return
    for line in report.lines():
        typer.echo(line)
