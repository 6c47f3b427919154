"""A detector over the observations of a validation: history to baselines, then day by day."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby

import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.observation import Observation
from selvawatch.core.stack import NODATA
from selvawatch.core.status import Reason, Status
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.detect.charts.chart_models import ChartDetector, Detector, base_of
from selvawatch.detect.evidence import EvidenceRule
from selvawatch.detect.fusion import advance, layers, start, uncounted
from selvawatch.detect.model import Model
from selvawatch.detect.past_runs import raised_levels
from selvawatch.detect.shared_parts import SharedParts
from selvawatch.detect.shift_rule import CommonShift
from selvawatch.errors import LayerError
from selvawatch.validate.report import JsonValue, Method
from selvawatch.validate.scoring import DAYS_PER_YEAR

_KINDS = ("optical", "radar", "joint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the detector said of each pixel. All arrays are (y, x)."""

    confirmed_on: np.ndarray
    """int64: day of confirmation, 0 = never."""
    score: np.ndarray
    """float64: highest running sum over its confirmation threshold, the largest of the three accumulators;
    where no sum ever left 0, the evidence of the day that spoke least for forest, over the joint threshold.
    Of a chart: the highest share of its bound that its process reached.
    """
    watched: np.ndarray
    """bool: the pixel was monitored."""
    last_day: int
    """Day of the last observation."""
    dying: np.ndarray | None = None
    """bool: the pixel stands as `Status.DIEBACK` at the end; None: the detector knows no such status."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures must know of the detector."""
    layers: xr.Dataset | None = None
    """`core.raster_layers.LAYERS` of the last day; None of a chart, which makes no events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a detector is let watch."""

    resolution: float
    """Metres of a pixel."""
    shared: CommonShift | None = None
    """What a neighbourhood shares and how, as a run takes it off; None: pixels have no neighbourhood."""
    workers: int = 1
    scored: bool = True
    """False leaves all scores at 0, which is faster."""
    lead: Sequence[Observation] = ()
    """Last observations of the history, watched as well; a chart has no use for them."""
    monitored_from: int = 0
    """First day of the monitoring, days since 1970-01-01."""


def watch(
    detector: Detector,
    baselines: xr.Dataset,
    reason: xr.DataArray,
    observations: Iterable[Observation],
    manner: Manner,
) -> Watched:
    """Confirmation day and highest evidence of each pixel after observations in order of day.

    baselines, reason: as `detect.baseline` gives them.

    baselines and reason: (y, x).

    Raises
    ------
    LayerError
        When a chart has no baseline to hold observations against.
    """
    if isinstance(detector, ChartDetector):
        return _watch_chart(detector, baselines, reason, observations)
    model, shared, workers = detector, manner.shared, manner.workers
    state = start(model, reason, resolution=manner.resolution, monitored_from=manner.monitored_from)
    if manner.lead:
        state = uncounted(advance(model, baselines, state, manner.lead, rule=shared, workers=workers))
    if not manner.scored:
        state = advance(model, baselines, state, observations, rule=shared, workers=workers)
        return _watched(state, np.zeros((reason.sizes["y"], reason.sizes["x"])), shared)
    shape = (reason.sizes["y"], reason.sizes["x"])
    score, best_day = np.zeros(shape), np.full(shape, NODATA)
    limits = (model.optical, model.radar, model.joint)
    evidence_rule = EvidenceRule(model, baselines)
    parts = None if shared is None else SharedParts(model, baselines, shared)
    for _, same_day in groupby(observations, key=lambda observation: observation.day):
        chosen = list(same_day)
        state = advance(model, baselines, state, chosen, rule=shared, workers=workers)
        if parts is not None:
            chosen = [mended for one in chosen if (mended := parts.without_shared(one)) is not None]
        np.maximum(best_day, evidence_rule.of_day(chosen), out=best_day)
        for kind, limit in zip(_KINDS, limits, strict=True):
            reached = state[f"sum_{kind}"].to_numpy() * (model.unit / limit.confirmed_alone)
            np.maximum(score, reached, out=score)
    least = np.minimum(best_day * (model.unit / model.joint.confirmed_alone), 0)
    return _watched(state, np.where(score > 0, score, least), shared)


def _watch_chart(
    detector: ChartDetector, baselines: xr.Dataset, reason: xr.DataArray, observations: Iterable[Observation]
) -> Watched:
    monitored = reason.to_numpy() == Reason.MONITORED
    settings = detector.settings
    wanted = settings.charted(baselines)
    if not wanted:
        raise LayerError(
            f"{detector.name} needs a stable history and there is none",
            where="validate",
            got=[" ".join(pair) for pair in settings.pairs],
            do="give history years, or another detector",
        )
    read: set[tuple[str, str]] = set()
    met: set[str] = set()

    def noted() -> Iterator[Observation]:
        for observation in observations:
            met.add(f"{observation.stream}: {' '.join(observation.values)}")
            read.update(
                pair for pair in wanted if pair[0] == observation.stream and pair[1] in observation.values
            )
            yield observation

    forest = xr.DataArray(monitored, dims=("y", "x"))
    days = settings.processes(detector.base, baselines, noted(), forest)
    score = np.full(monitored.shape, -np.inf)
    alarm, last = np.zeros(monitored.shape, np.int64), 0
    for day, process in days:
        last, alarm = day, process["alarm"].to_numpy().astype(np.int64)
        np.maximum(score, settings.reach(process), out=score)
    names = [" ".join(pair) for pair in wanted if pair in read]
    if not names:
        raise LayerError(
            f"{detector.name} reads none of the observations",
            where="validate",
            got=sorted(met),
            needed=[" ".join(pair) for pair in wanted],
            do="give another detector, or observations that it reads",
        )
    return Watched(
        confirmed_on=np.where(monitored, alarm, 0),
        score=np.where(np.isfinite(score), score, 0),
        watched=monitored,
        last_day=last,
        notes=(f"{detector.name} reads {', '.join(names)}",),
    )


def _watched(state: xr.Dataset, score: np.ndarray, shared: CommonShift | None) -> Watched:
    found = layers(state, shared)
    said = shared is not None and shared.slow is not None and shared.dieback is not None
    return Watched(
        confirmed_on=found["confirmed_on"].to_numpy().astype(np.int64),
        score=score,
        watched=found["reason"].to_numpy() == Reason.MONITORED,
        last_day=int(state.attrs["until"]),
        dying=found["status"].to_numpy() == Status.DIEBACK if said else None,
        layers=found,
    )


def histories(model: Model, observations: Sequence[Observation]) -> dict[tuple[str, str], xr.DataArray]:
    """Stacks (time, y, x) int16 by stream and index, of what the model reads; observations by day."""
    grouped: dict[tuple[str, str], list[Observation]] = defaultdict(list)
    for observation in observations:
        if model.knows(observation.stream):
            for index in model.stream(observation.stream).indices:
                if index.index in observation.values:
                    grouped[observation.stream, index.index].append(observation)
    return {
        key: xr.DataArray(
            np.stack([observation.values[key[1]] for observation in chosen]),
            dims=("time", "y", "x"),
            coords={"time": to_times(np.array([observation.day for observation in chosen]))},
            attrs={"scale": chosen[0].scales[key[1]]},
        )
        for key, chosen in sorted(grouped.items())
    }


def baselines_of(
    model: Model, history: Sequence[Observation], shape: tuple[int, int], forest: np.ndarray | None
) -> tuple[xr.Dataset, xr.DataArray]:
    """Baselines, and why each pixel is not monitored, from a history (none: the model's fallback).

    forest: (y, x) bool; pixels that are forest for certain, and the neighbourhood of the fallback; None: the
    history alone decides.
    """
    mask = None if forest is None else xr.DataArray(forest.reshape(shape), dims=("y", "x"))
    stacks = histories(model, history)
    if not stacks and mask is None:
        raise LayerError(
            "there is neither a history nor a forest mask",
            where="validate",
            needed="one of them",
            do="give history years, or a forest mask",
        )
    baselines = fit_baselines(model, stacks, forest=mask)
    return baselines, forest_reason(model, baselines, mask)


def with_raised(
    model: Model,
    baselines: xr.Dataset,
    reason: xr.DataArray,
    history: Sequence[Observation],
    last_day: int,
    shared: CommonShift,
    workers: int,
) -> xr.Dataset:
    """Baselines with what is asked more where sums ran high in the history up to its declared last day, as a
    run's; (y, x).
    """
    if model.past_runs is None:
        return baselines
    state = start(model, reason, resolution=None)
    recent = (one for one in history if one.day > last_day - model.past_runs.days)
    return baselines.merge(raised_levels(model, baselines, state, recent, rule=shared, workers=workers))


def known_to(model: Model, observations: Iterable[Observation]) -> list[Observation]:
    """Observations that the model reads, under the names of its streams.

    Raises
    ------
    LayerError
        When the model reads none of them.
    """
    seen = list(observations)
    renamed = [
        observation
        for observation in (as_known(model, observation) for observation in seen)
        if observation is not None
    ]
    if not renamed:
        names = sorted({f"{observation.stream}: {' '.join(observation.values)}" for observation in seen})
        raise LayerError(
            f"model {model.name} reads none of the observations",
            where="validate",
            got=names,
            needed=_streams(model),
            do="give a model with one of these streams, or other observations",
        )
    return renamed


def as_known(model: Model, observation: Observation) -> Observation | None:
    """The observation under the name of the model's stream, or None where the model does not read it.

    A sensor without its orbit takes the model's first stream of that sensor.
    """
    streams = _streams(model)
    named = [
        name for name in streams if name == observation.stream or name.startswith(f"{observation.stream}-")
    ]
    if not named or not {index.index for index in model.stream(named[0]).indices} & set(observation.values):
        return None
    return replace(observation, stream=named[0])


def _streams(model: Model) -> list[str]:
    return [stream.stream for stream in model.streams]


def split_history(
    observations: Sequence[Observation], years: float | None
) -> tuple[list[Observation], list[Observation]]:
    """Observations of the first `years`, and those after; all are after where years is None.

    Raises
    ------
    LayerError
        When nothing is left to watch.
    """
    if years is None:
        return [], list(observations)
    end = observations[0].day + round(years * DAYS_PER_YEAR)
    after = [observation for observation in observations if observation.day >= end]
    if not after:
        raise LayerError(
            "the history takes all observations",
            where="validate",
            got=f"{years} years",
            do="give fewer history years",
        )
    return [observation for observation in observations if observation.day < end], after


def method_of(detector: Detector, read: dict[str, JsonValue], notes: Sequence[str]) -> Method:
    """The method of a report: the detector's name, digest and numbers, and what was read."""
    return Method(
        detector=detector.name,
        model_digest=detector.digest,
        parameters=_numbers(detector) | read,
        notes=tuple(notes),
    )


def _numbers(detector: Detector) -> dict[str, JsonValue]:
    if isinstance(detector, ChartDetector):
        settings = detector.settings
        return {
            "kind": settings.kind,
            "chart": asdict(settings)["chart"],
            "baselines": base_of(detector).name,
            "version": settings.version,
        }
    kinds = ("optical", "radar", "joint")
    return {
        "confirmed": {kind: getattr(detector, kind).confirmed for kind in kinds},
        "confirmed_alone": {kind: getattr(detector, kind).confirmed_alone for kind in kinds},
        "minimum_days": detector.minimum_days,
        "version": detector.version,
    }
