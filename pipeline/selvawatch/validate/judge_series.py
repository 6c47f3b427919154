"""Accuracy of the detector on points with a time series each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import iso
from selvawatch.core.observation import QUALITY, Observation
from selvawatch.core.stack import NODATA, decode
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.detect.charts.chart_models import Detector, base_of
from selvawatch.detect.model import Model
from selvawatch.detect.spatial_reference import forest_level
from selvawatch.errors import LayerError
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.mask import SCREENED_BANDS, Screening, screen
from selvawatch.prepare.observation_quality import quality_of, scale_of
from selvawatch.validate.composites import prepared
from selvawatch.validate.detection import Manner, Watched, histories, known_to, method_of, watch
from selvawatch.validate.report import ValidationReport
from selvawatch.validate.scoring import DAYS_PER_YEAR, Judgements, degree_blocks, judge, watched_years
from selvawatch.validate.series import GAP, Points, PointSeries, observations_of, read_points, read_series

BLOCK_DEGREES = 0.1
"""Side of the blocks that the bootstrap draws."""

START_OBSERVATIONS = 3
"""Clear observations that set the own level of a point without history."""

POINT_HAZE = 0.75
"""Share of the haze threshold that holds for points: a point shows no cloud from whose edge to keep away."""

ALL = "all"
"""As a negative label: every point that is not positive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChoice:
    """Which labels of the points mean what; labels are read only to score."""

    positive: Sequence[str] = ()
    """Labels that mean loss. Without any, only false alarms are counted."""
    negative: Sequence[str] = (ALL,)
    """Labels that mean no loss; `all`: every point that is not positive. Points of other labels are watched,
    but not judged.
    """
    exclude: str | None = None
    """Column of the points that is true where a point is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    watched: Watched
    first_day: np.ndarray
    """(1, columns) int: first day of monitoring of each column of the grid."""
    notes: tuple[str, ...]


_EVERY_LABEL = LabelChoice()


def validate_series(
    series_path: Path,
    points_path: Path,
    detector: Detector,
    screening: Screening,
    *,
    labels: LabelChoice = _EVERY_LABEL,
    history_years: float | None = None,
    sensor: str | None = None,
) -> ValidationReport:
    """Accuracy on points: every series is watched first, labels are read only to score.

    Parameters
    ----------
    screening
        Rule that leaves clouds and shadows out, from bands alone; not used for series of ready indices.
    labels
        Which labels mean loss, which no loss, and which points are not judged.
    history_years
        Years of each point's series that are its stable history; None: no history, the fallback is used: the
        high quantile of all points of a day, and how far a point lies from it over its first clear
        observations.
    sensor
        Stream that the series are of; None: sentinel-2 for bands, landsat for a ready index.

    Raises
    ------
    LayerError
        For tables that cannot be used, a label that no point has, or when nothing is left to judge.
    """
    series, reading, prepared_notes = prepared(read_series(series_path), detector)
    indices, share = clear_indices(series_path, series, screening)
    stream = sensor or ("sentinel-2" if series.bands else "landsat")
    observations = known_to(base_of(reading), observations_of(series.days, stream, indices))
    result = _watched(reading, observations, history_years, scored=bool(labels.positive))
    points = read_points(points_path, series.pids, labels.exclude)
    lost, judged = _labelled(points_path, points, labels)
    confirmed_on = result.watched.confirmed_on[0, ::GAP]
    monitored = result.watched.watched[0, ::GAP]
    years = np.where(
        monitored, watched_years(confirmed_on, result.first_day[0, ::GAP], result.watched.last_day), 0
    )
    names = sorted({name for one in observations for name in one.values if name != QUALITY})
    notes = [*prepared_notes, *result.notes]
    if series.bands:
        notes.append(f"{100 * share:.1f} % of the observations are usable after screening from bands alone")
    if unwatched := int((judged & ~monitored).sum()):
        notes.append(f"{unwatched} judged points could not be monitored and count as not confirmed")
    return judge(
        Judgements(
            lost=lost[judged],
            confirmed_on=confirmed_on[judged],
            blocks=degree_blocks(points.lon, points.lat, BLOCK_DEGREES)[judged],
            break_day=None if points.break_day is None else points.break_day[judged],
            scores=result.watched.score[0, ::GAP][judged],
            watched_years=years[judged],
        ),
        method_of(
            detector,
            {
                "series": series_path.name,
                "points": len(series.pids),
                "stream": stream,
                "indices": [*names],
                "positive": list(labels.positive),
                "negative": list(labels.negative),
                "exclude": labels.exclude,
                "history_years": history_years,
                "from": iso(int(series.days[0])),
                "until": iso(int(series.days[-1])),
                "block_degrees": BLOCK_DEGREES,
            },
            notes,
        ),
    )


def clear_indices(
    path: Path, series: PointSeries, screening: Screening
) -> tuple[Mapping[str, np.ndarray], float]:
    """(days, n) float32 indices, and quality of bands where the screening has a rule for it, NaN where not
    usable; and the share of observations that is usable.

    Raises
    ------
    LayerError
        When bands are missing that the screening or every index needs.
    """
    if not series.bands:
        return series.values, float(np.mean([np.isfinite(grid).mean() for grid in series.values.values()]))
    bands = dict(series.values)
    if "nir" not in bands and "nir08" in bands:
        bands["nir"] = bands["nir08"]
    if missing := [name for name in SCREENED_BANDS if name not in bands]:
        raise LayerError(
            "bands are missing to screen clouds with", where=path, got=sorted(bands), needed=missing
        )
    clear = screen(bands, replace(screening, haze_hot=POINT_HAZE * screening.haze_hot))
    observed = np.isfinite(bands["blue"]).sum()
    indices = {
        index.name: np.where(clear, index.of(bands), np.float32(np.nan))
        for index in INDICES.values()
        if not index.radar and not index.is_band and set(index.bands) <= set(bands)
    }
    weights = quality_of(bands, clear, screening)
    if weights is not None:
        indices[QUALITY] = decode(weights, scale_of(QUALITY))
    return indices, float(clear.sum() / max(1, observed))


def _labelled(path: Path, points: Points, labels: LabelChoice) -> tuple[np.ndarray, np.ndarray]:
    positive, negative = labels.positive, labels.negative
    known = sorted(set(points.labels.tolist()))
    for label in (*positive, *(name for name in negative if name != ALL)):
        if label not in known:
            raise LayerError(f"no point has the label {label}", where=path, got=known)
    lost = np.isin(points.labels, list(positive))
    kept = ~lost if ALL in negative else np.isin(points.labels, list(negative))
    judged = (lost | kept) & ~points.excluded
    if positive and not (lost & judged).any():
        raise LayerError("no positive point is left to judge", where=path, got=positive)
    if not judged.any():
        raise LayerError("no point is left to judge", where=path, got=negative)
    return lost, judged


def _everywhere(observations: Sequence[Observation]) -> xr.DataArray:
    """(y, x) bool: columns of the grid that hold a point."""
    points = np.zeros(observations[0].shape, bool)
    points[0, ::GAP] = True
    return xr.DataArray(points, dims=("y", "x"))


def _watched(
    detector: Detector, observations: Sequence[Observation], years: float | None, *, scored: bool
) -> _Result:
    if years is None:
        return _without_history(detector, observations, scored=scored)
    return _after(detector, observations, years, scored=scored)


def _after(detector: Detector, observations: Sequence[Observation], years: float, *, scored: bool) -> _Result:
    """Each point's first `years` as its history, the rest watched; the history alone says what is stable."""
    model = base_of(detector)
    seen = np.stack(
        [np.any([v != NODATA for v in observation.values.values()], axis=0) for observation in observations]
    )
    days = np.array([observation.day for observation in observations])
    first = np.where(seen.any(axis=0), days[np.argmax(seen, axis=0)], days[0])
    begins = first + round(years * DAYS_PER_YEAR)
    history = [_kept(observation, observation.day < begins) for observation in observations]
    later = [_kept(observation, observation.day >= begins) for observation in observations]
    if not any((v != NODATA).any() for observation in later for v in observation.values.values()):
        raise LayerError(
            "the history takes all observations", got=f"{years} years", do="give fewer history years"
        )
    baselines = fit_baselines(model, histories(model, history))
    reason = forest_reason(model, baselines, _everywhere(observations))
    watched = watch(
        detector, baselines, reason, later, Manner(resolution=model.support.distance, scored=scored)
    )
    notes = (f"the first {years:g} years of each point are its history", *watched.notes)
    return _Result(watched=watched, first_day=begins, notes=notes)


def _without_history(detector: Detector, observations: Sequence[Observation], *, scored: bool) -> _Result:
    """All observations watched; the first few of each point say how far its level is from the fallback's."""
    model, points = base_of(detector), _everywhere(observations)
    seen = np.stack(
        [np.any([v != NODATA for v in observation.values.values()], axis=0) for observation in observations]
    )
    first = np.cumsum(seen, axis=0) <= START_OBSERVATIONS
    start = [_kept(observation, where) for observation, where in zip(observations, first, strict=True)]
    baselines = fit_baselines(model, histories(model, start), forest=points)
    reason = forest_reason(model, baselines, points)
    if detector is model:
        judged = _judged_together(model, observations, points.to_numpy())
        reason = xr.where(judged, reason, np.uint8(Reason.SHORT_HISTORY))
    watched = watch(
        detector, baselines, reason, observations, Manner(resolution=model.support.distance, scored=scored)
    )
    notes = (
        *watched.notes,
        "no stable history: the fallback is used, a high quantile of all points of the same day, "
        f"and a point's own distance to it over its first {START_OBSERVATIONS} clear observations",
    )
    return _Result(
        watched=watched, first_day=np.full(observations[0].shape, observations[0].day), notes=notes
    )


def _judged_together(model: Model, observations: Sequence[Observation], points: np.ndarray) -> np.ndarray:
    """(y, x) bool: points observed on a day on which enough others were, so that the fallback can judge them.

    Raises
    ------
    LayerError
        Where that is true of none.
    """
    judged, most, needed = np.zeros(points.shape, bool), 0, ""
    for observation in observations:
        for index in model.stream(observation.stream).indices:
            if not index.counts or index.reference is None or index.index not in observation.values:
                continue
            rule, values = index.reference, observation.values[index.index]
            needed = f"{rule.minimum_pixels} points, and {rule.minimum_share:.0%} of all that are given"
            most = max(most, int((values[points] != NODATA).sum()))
            if np.isfinite(forest_level(values, points, rule)):
                judged |= values != NODATA
    if not judged.any():
        raise LayerError(
            "without a history the fallback cannot judge these points: it holds each against the others"
            " of its day, and too few share one",
            got=f"at most {most} of {int(points.sum())} points on one day",
            needed=needed,
            do="give history years, or the points of one period",
        )
    return judged


def _kept(observation: Observation, where: np.ndarray) -> Observation:
    return replace(
        observation,
        values={name: np.where(where, array, NODATA) for name, array in observation.values.items()},
    )
