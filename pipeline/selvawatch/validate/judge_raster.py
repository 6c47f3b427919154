"""Accuracy of the detector on an archive in one netCDF file, and on the synthetic reference cube."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import iso
from selvawatch.core.hectares import M2_PER_HA
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect.charts.chart_models import Detector, base_of
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.errors import LayerError
from selvawatch.events.patches import EventRule
from selvawatch.validate.detection import (
    Manner,
    Watched,
    as_known,
    baselines_of,
    known_to,
    method_of,
    split_history,
    watch,
    with_raised,
)
from selvawatch.validate.hectares.cube_events import (
    EventHectares,
    NdviKept,
    confirmed_events,
    event_hectares,
)
from selvawatch.validate.hectares.hectare_figures import hectare_figures
from selvawatch.validate.netcdf_archive import read_archive
from selvawatch.validate.reference_cube import (
    CLASSES,
    OPTICAL_STREAM,
    RESOLUTION,
    CubeReading,
    ReferenceCube,
    open_cube,
)
from selvawatch.validate.report import ClassFigures, JsonValue, ValidationReport
from selvawatch.validate.scoring import Judgements, judge, square_blocks, watched_years

RASTER_BLOCK_PX = 10
"""Side of the bootstrap's blocks on an archive, pixels."""

CUBE_BLOCKS = 10
"""Blocks along a side of the cube: some are larger than a patch of loss, so that patches stay whole."""

_ALL_SENSORS = CubeReading()


def validate_raster(
    path: Path,
    detector: Detector,
    *,
    truth: str,
    mask: str | None,
    bands: Sequence[str] = (),
    dates: str | None = None,
    history_years: float | None = None,
) -> ValidationReport:
    """Accuracy on an archive (see `raster.read_archive`), and the difference to another method's dates.

    history_years: length of the stable history before monitoring; None: there is none, the model's
    declared fallback is used over the mask.

    Raises
    ------
    LayerError
        For an archive that cannot be used, or of which the model reads nothing.
    """
    model = base_of(detector)
    archive = read_archive(path, truth, mask, bands, dates)
    observations = known_to(model, archive.observations)
    history, watched_looks = split_history(observations, history_years)
    baselines, reason = baselines_of(model, history, archive.mask.shape, archive.mask)
    watched = watch(detector, baselines, reason, watched_looks, Manner(resolution=archive.resolution))
    inside = archive.mask
    rows, columns = np.nonzero(inside)
    seen = sum(
        any((values[inside] != NODATA).any() for values in observation.values.values())
        for observation in observations
    )
    notes = [f"{seen} of {len(observations)} observations hold data inside the mask", *watched.notes]
    if not history and model is detector:
        notes.append(
            "no stable history: the model's fallback, a high quantile of the same day's forest, is used"
        )
    if archive.compared_name:
        notes.append(f"delay is measured against {archive.compared_name}, not against a known break day")
    if unwatched := int((inside & ~watched.watched).sum()):
        notes.append(f"{unwatched} masked pixels could not be monitored and count as not confirmed")
    return judge(
        Judgements(
            lost=archive.lost[inside],
            confirmed_on=watched.confirmed_on[inside],
            blocks=square_blocks(rows, columns, RASTER_BLOCK_PX),
            compared_day=None if archive.compared_day is None else archive.compared_day[inside],
            scores=watched.score[inside],
            watched_years=watched_years(watched.confirmed_on[inside], watched_looks[0].day, watched.last_day),
        ),
        method_of(
            detector,
            {
                "file": path.name,
                "truth": truth,
                "mask": mask,
                "bands": dict(archive.bands),
                "looks": len(watched_looks),
                "history_looks": len(history),
                "from": iso(watched_looks[0].day),
                "until": iso(watched.last_day),
                "block_px": RASTER_BLOCK_PX,
            },
            notes,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedCube:
    """A cube, and what a detector said of its pixels."""

    cube: ReferenceCube
    watched: Watched
    baselines: xr.Dataset
    ndvi: NdviKept
    history_count: int
    """Observations of the history."""

    def numbers(self, rule: EventRule) -> np.ndarray | None:
        """Number of the confirmed event of each pixel, (y, x) int32, -1 = none; None of a chart, which has no
        events.
        """
        layers = self.watched.layers
        if layers is None:
            return None
        fall = self.ndvi.fall(self.baselines, layers["onset"].to_numpy(), rule.loss_looks)
        return confirmed_events(layers, fall, rule, RESOLUTION, self.watched.last_day)

    def hectares(self, rule: EventRule) -> EventHectares | None:
        """Hectares of its confirmed events and their truth; None of a chart."""
        layers, number = self.watched.layers, self.numbers(rule)
        if layers is None or number is None:
            return None
        days = (self.cube.history_end + 1, self.watched.last_day)
        return event_hectares(number, layers, self.cube.break_day, days, RESOLUTION**2 / M2_PER_HA)


def watch_cube(
    folder: Path,
    tag: str,
    detector: Detector,
    *,
    shared: CommonShift | None = None,
    reading: CubeReading = _ALL_SENSORS,
    workers: int = 1,
    scored: bool = True,
) -> WatchedCube:
    """Let a detector watch a cube; arguments and errors as `validate_cube`.

    scored: False leaves all scores at 0, which is faster.
    """
    cube = open_cube(folder, tag)
    model = base_of(detector)
    observations = _known(model, cube, reading)
    history: list[Observation] = []
    first = None
    for observation in observations:
        if observation.day > cube.history_end:
            first = observation
            break
        history.append(observation)
    if first is None:
        raise LayerError(
            "the model reads nothing of the cube after its history", where=folder, got=reading.sensors
        )
    shape = cube.break_day.shape
    forest = np.ones(shape, bool) if reading.sensors == "radar" else None
    baselines, reason = baselines_of(model, history, shape, forest)
    count = len(history)
    if shared is not None:
        baselines = with_raised(model, baselines, reason, history, cube.history_end, shared, workers)
    lead = [one for one in history if one.day > cube.history_end - model.lead_days]
    history.clear()
    ndvi = NdviKept(OPTICAL_STREAM)
    manner = Manner(
        resolution=RESOLUTION,
        shared=shared,
        workers=workers,
        scored=scored,
        lead=lead,
        monitored_from=cube.history_end + 1,
    )
    watched = watch(detector, baselines, reason, ndvi.passing(chain([first], observations)), manner)
    return WatchedCube(cube=cube, watched=watched, baselines=baselines, ndvi=ndvi, history_count=count)


def _known(model: Model, cube: ReferenceCube, reading: CubeReading) -> Iterator[Observation]:
    """The cube's observations that the model reads, under its names."""
    observations = cube.observations(reading.sensors, reading.screening)
    renamed = (as_known(model, observation) for observation in observations)
    return (observation for observation in renamed if observation is not None)


def validate_cube(
    folder: Path,
    tag: str,
    detector: Detector,
    *,
    shared: CommonShift | None = None,
    reading: CubeReading = _ALL_SENSORS,
    workers: int = 1,
    event_rule: EventRule | None = None,
) -> ValidationReport:
    """Accuracy and delay on a synthetic reference cube, by optical, radar or both.

    A pixel confirmed on or after its break is right, one confirmed before is a false alarm and a miss; the
    delay is the day of confirmation minus the day of the break.

    shared: what a neighbourhood shares and how, as a run takes it off; None: it is left. reading: by which
    sensors, and whether pixels are weighed by their quality. event_rule: how pixels become events, and how
    far their hectares may be off; None: no hectares are judged.

    Raises
    ------
    LayerError
        When the cube is not there or incomplete, or the model reads none of it.
    """
    done = watch_cube(folder, tag, detector, shared=shared, reading=reading, workers=workers)
    cube, watched = done.cube, done.watched
    shape = cube.break_day.shape
    rows, columns = np.indices(shape)
    side = max(1, -(-shape[0] // CUBE_BLOCKS))
    confirmed_on = watched.confirmed_on.ravel()
    notes = [*watched.notes]
    if unwatched := int((~watched.watched).sum()):
        notes.append(f"{unwatched} pixels could not be monitored and count as not confirmed")
    years = watched_years(confirmed_on, cube.history_end, watched.last_day)
    read: dict[str, JsonValue] = {"cube": tag, "sensors": reading.sensors, "shape": list(shape)}
    read |= {"history_looks": done.history_count, "block_px": side}
    report = judge(
        Judgements(
            lost=cube.break_day.ravel() > 0,
            confirmed_on=confirmed_on,
            blocks=square_blocks(rows.ravel(), columns.ravel(), side),
            break_day=cube.break_day.ravel(),
            scores=watched.score.ravel(),
            watched_years=years,
        ),
        method_of(detector, read, notes),
    )
    found = None if event_rule is None else done.hectares(event_rule)
    interval = None if event_rule is None else event_rule.interval
    figures = None if found is None or interval is None else hectare_figures(found, interval)
    classes = _by_class(cube, confirmed_on, years, watched.dying)
    return replace(report, classes=classes, hectares=figures)


def _by_class(
    cube: ReferenceCube, confirmed_on: np.ndarray, years: np.ndarray, dying: np.ndarray | None
) -> tuple[ClassFigures, ...]:
    """What was confirmed of each class that a cube has, and what died back; confirmed_on, years: (n,) over
    its pixels; dying: (y, x) bool.
    """
    if cube.classes is None:
        return ()
    codes, break_day = cube.classes.ravel(), cube.break_day.ravel()
    lost, confirmed = break_day > 0, confirmed_on > 0
    found = []
    for code in np.unique(codes).tolist():
        units = codes == code
        ground = float(years[units].sum()) * (RESOLUTION / 1000.0) ** 2
        false = int((units & confirmed & ~lost).sum())
        found.append(
            ClassFigures(
                name=CLASSES[code],
                n=int(units.sum()),
                lost=int((units & lost).sum()),
                confirmed=int((units & confirmed).sum()),
                found=int((units & lost & confirmed & (confirmed_on >= break_day)).sum()),
                per_1000_km2_year=1000.0 * false / ground if ground else 0.0,
                dieback=None if dying is None else int((units & dying.ravel()).sum()),
            )
        )
    return tuple(found)
