"""Accuracy of the detector on an archive in one netCDF file, and on the synthetic reference cube."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from selvawatch.core.days import iso
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.detect.charts.chart_models import Detector, base_of
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.errors import LayerError
from selvawatch.validate.detection import (
    Manner,
    as_known,
    baselines_of,
    known_to,
    method_of,
    split_history,
    watch,
)
from selvawatch.validate.netcdf_archive import read_archive
from selvawatch.validate.reference_cube import CLASSES, RESOLUTION, ReferenceCube, Sensors, open_cube
from selvawatch.validate.report import ClassFigures, ValidationReport
from selvawatch.validate.scoring import Judgements, judge, square_blocks, watched_years

RASTER_BLOCK_PX = 10
"""Side of the bootstrap's blocks on an archive, pixels."""

CUBE_BLOCKS = 10
"""Blocks along a side of the cube: some are larger than a patch of loss, so that patches stay whole."""


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


def validate_cube(
    folder: Path,
    tag: str,
    detector: Detector,
    *,
    shared: CommonShift | None = None,
    sensors: Sensors = "all",
    workers: int = 1,
) -> ValidationReport:
    """Accuracy and delay on a synthetic reference cube, by optical, radar or both.

    A pixel confirmed on or after its break is right, one confirmed before is a false alarm and a miss; the
    delay is the day of confirmation minus the day of the break.

    shared: what a neighbourhood shares and how, as a run takes it off; None: it is left.

    Raises
    ------
    LayerError
        When the cube is not there or incomplete, or the model reads none of it.
    """
    cube = open_cube(folder, tag)
    model = base_of(detector)
    observations = (
        observation
        for observation in (as_known(model, observation) for observation in cube.observations(sensors))
        if observation is not None
    )
    history: list[Observation] = []
    first = None
    for observation in observations:
        if observation.day > cube.history_end:
            first = observation
            break
        history.append(observation)
    if first is None:
        raise LayerError("the model reads nothing of the cube after its history", where=folder, got=sensors)
    shape = cube.break_day.shape
    forest = np.ones(shape, bool) if sensors == "radar" else None
    baselines, reason = baselines_of(model, history, shape, forest)
    count = len(history)
    lead = [one for one in history if one.day > cube.history_end - model.lead_days]
    history.clear()
    later = chain([first], observations)
    manner = Manner(
        resolution=RESOLUTION,
        shared=shared,
        workers=workers,
        lead=lead,
        monitored_from=cube.history_end + 1,
    )
    watched = watch(detector, baselines, reason, later, manner)
    rows, columns = np.indices(shape)
    side = max(1, -(-shape[0] // CUBE_BLOCKS))
    confirmed_on = watched.confirmed_on.ravel()
    notes = [*watched.notes]
    if unwatched := int((~watched.watched).sum()):
        notes.append(f"{unwatched} pixels could not be monitored and count as not confirmed")
    years = watched_years(confirmed_on, cube.history_end, watched.last_day)
    report = judge(
        Judgements(
            lost=cube.break_day.ravel() > 0,
            confirmed_on=confirmed_on,
            blocks=square_blocks(rows.ravel(), columns.ravel(), side),
            break_day=cube.break_day.ravel(),
            scores=watched.score.ravel(),
            watched_years=years,
        ),
        method_of(
            detector,
            {"cube": tag, "sensors": sensors, "shape": list(shape), "history_looks": count, "block_px": side},
            notes,
        ),
    )
    return replace(report, classes=_by_class(cube, confirmed_on, years, watched.dying))


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
