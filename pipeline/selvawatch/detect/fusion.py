"""The running state of a tile: evidence of all streams in Page's sums, a step a day, and the status it gives.

A pixel's state is 33 bytes: three sums (optical, radar, joint; one byte each, in units of evidence), for
each the first day of its run (the last observation while it is 0), the days from the observation before to
that day, and the observations of the run; a byte of flags; the days of first being provisional, of becoming
so last, and of being confirmed or withdrawn; the last observation and the number of observations; what two
indices fell by slowly, the running fall of one, and the day it was last seen on.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from functools import partial
from itertools import groupby, pairwise

import numpy as np
import xarray as xr

from selvawatch.core.observation import Observation
from selvawatch.core.raster_layers import LAYERS
from selvawatch.core.status import Confidence, Reason, Status
from selvawatch.detect.dieback import fell_slowly
from selvawatch.detect.evidence import EvidenceRule, PreparedObservation
from selvawatch.detect.halo import support_px
from selvawatch.detect.kernels import fusion as kernels
from selvawatch.detect.kernels.evidence import scratch
from selvawatch.detect.model import Model
from selvawatch.detect.registration import Displaced
from selvawatch.detect.shared_parts import SharedParts
from selvawatch.detect.shift_rule import CommonShift, Corner
from selvawatch.detect.slow_fall import LEVELS, SlowFalls
from selvawatch.errors import StackError

ACCUMULATORS = ("optical", "radar", "joint")

STATE: dict[str, str] = {
    **{f"sum_{name}": "uint8" for name in ACCUMULATORS},
    **{f"since_{name}": "uint16" for name in ACCUMULATORS},
    **{f"gap_{name}": "uint8" for name in ACCUMULATORS},
    **{f"looks_{name}": "uint8" for name in ACCUMULATORS},
    "flags": "uint8",
    "detected_on": "uint16",
    "provisional_on": "uint16",
    "decided_on": "uint16",
    "last_look": "uint16",
    "looks_total": "uint16",
    **dict.fromkeys(LEVELS.values(), "int16"),
    "fall": "uint8",
    "fall_on": "uint16",
}
"""Variables of a state and their types: 33 bytes per pixel."""

RAISED = {name: f"raised_{name}" for name in ACCUMULATORS}
"""Variables of baselines, (y, x) uint8: units of evidence by which a sum has to be higher to confirm."""

LAST_DAY = 65_535
"""Last day that a state can hold, days since 1970-01-01."""

_DISPLACED = "displaced"
_SLOT = ("sum", "since", "gap", "looks")
_add_day: Callable[..., None] = kernels.add_day
_decide: Callable[..., None] = kernels.decide
_PIECE = 65_536


def start(
    model: Model, reason: xr.DataArray, *, resolution: float | None, monitored_from: int = 0
) -> xr.Dataset:
    """The state before the first observation: (y, x), variables `STATE`, attributes model, resolution, until,
    monitored_from, displaced.

    reason: (y, x) uint8 of `Reason`. resolution: pixel size, metres; None: pixels are not neighbours, as in
    a table of series. monitored_from: first day of the monitoring, days since 1970-01-01; observations of
    before may be added too, and what is seen to be lost in them is lost before the monitoring.
    """
    shape = (reason.sizes["y"], reason.sizes["x"])
    variables = {name: (("y", "x"), np.zeros(shape, dtype)) for name, dtype in STATE.items()}
    code = reason.to_numpy().astype(np.uint8)
    variables["flags"] = (("y", "x"), (code << kernels.REASON_SHIFT).astype(np.uint8))
    coordinates = {name: reason.coords[name] for name in ("y", "x") if name in reason.coords}
    return xr.Dataset(
        variables,
        coords=coordinates,
        attrs={
            "model": model.digest,
            "resolution": resolution or 0.0,
            "until": 0,
            "monitored_from": monitored_from,
            _DISPLACED: [],
        },
    )


def displaced(state: xr.Dataset) -> tuple[Displaced, ...]:
    """The observations of a state that lay off their place, by day and stream, and what became of them."""
    return tuple(Displaced(*one) for one in state.attrs.get(_DISPLACED, ()))


def advance(
    model: Model,
    baselines: xr.Dataset,
    state: xr.Dataset,
    observations: Iterable[Observation],
    *,
    rule: CommonShift | None = None,
    corner: Corner | None = None,
    workers: int = 1,
) -> xr.Dataset:
    """The state after some observations; the state given is not changed.

    Observations come in order of day; those of one day are added in order of stream and enter as one step.
    Observations of streams that the model does not know are left out. The result is the same, bit for bit,
    day by day or all at once, for any number of workers, and for any cut of the tile that keeps a halo and
    the same spatial reference, but for pictures that are moved back: how far they lie off is measured on the
    tile.

    rule: what a neighbourhood shares, which is taken off first; None: pixels are held against their own past
    alone. corner: where the tile begins on the grid. workers: threads over pieces of the tile.

    baselines: as `detect.baseline.fit_baselines` gives them, (y, x). state: (y, x), variables `STATE`.

    Raises
    ------
    StackError
        When an observation's day is not after the state's last day (a late scene: replay from an earlier
        state), days are out of order or beyond `LAST_DAY`, a stream comes twice on a day, or shape or scale
        is not the model's.
    """
    if state.attrs.get("model") != model.digest:
        raise StackError(
            "the state was made by another model", got=state.attrs.get("model"), needed=model.digest
        )
    shape = (state.sizes["y"], state.sizes["x"])
    workers = max(1, workers)
    arrays = flat(state)
    steps = Steps(model, baselines, state, arrays, rule, corner, workers)
    until = int(state.attrs["until"])
    with ThreadPoolExecutor(workers) as pool:
        for day, same_day in groupby(observations, key=lambda observation: observation.day):
            if day <= until:
                raise StackError(
                    "an observation is not later than the state",
                    got=f"day {day}",
                    needed=f"after day {until}",
                    do="replay from a state before it, with all observations since",
                )
            if day > LAST_DAY:
                raise StackError(
                    "an observation's day cannot be kept",
                    got=f"day {day}",
                    needed=f"day 1 to {LAST_DAY}, in 2149",
                )
            until = day
            steps.step(pool, day, sorted(same_day, key=lambda observation: observation.stream))
    advanced = {name: (("y", "x"), array.reshape(shape)) for name, array in arrays.items()}
    attributes = {**state.attrs, "until": until, _DISPLACED: [astuple(one) for one in steps.displaced(state)]}
    return xr.Dataset(advanced, coords=state.coords, attrs=attributes)


def flat(state: xr.Dataset) -> dict[str, np.ndarray]:
    """Copies of the variables of a state, (pixels,) each of its type."""
    return {name: state[name].to_numpy().astype(dtype).reshape(-1) for name, dtype in STATE.items()}


def uncounted(state: xr.Dataset) -> xr.Dataset:
    """The state as if its observations had come before the monitoring: its sums stand, none is counted."""
    return state.assign({name: xr.zeros_like(state[name]) for name in ("last_look", "looks_total")})


def suspect_since(state: xr.Dataset) -> np.ndarray:
    """Day since which each pixel is suspect, (y, x) uint16; 0 = it is not.

    Its sum stands at the provisional level, and it is not promising enough to be told of. What was so before
    the monitoring is left out, as by `layers`. state: `flags` and `provisional_on` are enough.
    """
    suspect = (state["flags"].to_numpy() & kernels.STATUS_BITS) == kernels.SUSPECT
    since = state["provisional_on"].to_numpy()
    first = int(state.attrs.get("monitored_from", 0))
    return np.where(suspect & (since >= first), since, np.uint16(0)).astype(np.uint16)


def layers(state: xr.Dataset, rule: CommonShift | None = None) -> xr.Dataset:
    """The layers of `core.raster_layers.LAYERS` that a state says, (y, x), each of its type.

    Onset, its bounds and the observations are those of the run that raised the alert: until confirmation of
    the first of optical, joint and radar that stands at all, then of the one that confirmed. A withdrawn
    pixel's run is over: its onset is the day it became provisional, its earliest onset is not known. A pixel
    that is provisional again within `buffer_days` of its withdrawal keeps the day it was detected on.

    A pixel whose sum passed the first threshold before the monitoring has no status until it is decided, and
    none where it is withdrawn. Confirmed with a run that began before, it is not monitored:
    `Reason.LOST_BEFORE`, with the onset and its bounds and no other day. No onset of an alert is earlier than
    the monitoring.

    rule: by whose `dieback` a pixel without any other status dies back; None: none does.
    """
    flags = state["flags"].to_numpy()
    code = flags & kernels.STATUS_BITS
    code = np.where(code == kernels.SUSPECT, Status.NONE, code)
    reason = (flags >> kernels.REASON_SHIFT) & kernels.REASON_BITS
    raised = (code == Status.PROVISIONAL) | (code == Status.CONFIRMED) | (code == Status.CLOSED)
    concluded = (code == Status.CONFIRMED) | (code == Status.CLOSED)
    withdrawn = code == Status.WITHDRAWN
    run = {name: state[f"{name}_joint"].to_numpy() for name in ("since", "gap", "looks")}
    open_run = code == Status.PROVISIONAL
    for name in ("radar", "joint", "optical"):
        leads = open_run & (state[f"sum_{name}"].to_numpy() > 0)
        run = {part: np.where(leads, state[f"{part}_{name}"].to_numpy(), run[part]) for part in run}
    since = int(state.attrs.get("monitored_from", 0))
    passed_on, decided_on = state["provisional_on"].to_numpy(), state["decided_on"].to_numpy()
    suspected = (passed_on > 0) & (passed_on < since)
    before = suspected & concluded & (run["since"] < since)
    undecided = suspected & (open_run | withdrawn)
    reason = np.where((reason == Reason.MONITORED) & before, Reason.LOST_BEFORE, reason)
    raised, withdrawn, open_run = (which & ~undecided for which in (raised, withdrawn, open_run))
    code = np.where(undecided, Status.NONE, code)
    if rule is not None and rule.dieback is not None:
        code = np.where((code == Status.NONE) & fell_slowly(state, rule.dieback), Status.DIEBACK, code)
    dated = (raised | withdrawn) & (reason == Reason.MONITORED)
    detected_on = state["detected_on"].to_numpy()
    detected_on = np.where(detected_on < since, np.where(suspected, decided_on, passed_on), detected_on)
    provisional_on = np.maximum(passed_on, detected_on)
    began = np.where(before, run["since"], np.maximum(run["since"], since))
    onset = np.where(raised, began, np.where(withdrawn, provisional_on, 0))
    bounded = raised & (run["gap"] > 0) & (run["gap"] < 255)
    both = (flags & kernels.OPTICAL_BIT > 0) & (flags & kernels.RADAR_BIT > 0)
    confidence = np.select(
        [concluded & both, concluded, open_run],
        [Confidence.HIGHEST, Confidence.HIGH, Confidence.LOW],
        Confidence.NONE,
    )
    values = {
        "status": np.where(reason == Reason.MONITORED, code, Status.NODATA),
        "confidence": np.where(reason == Reason.MONITORED, confidence, LAYERS["confidence"].nodata),
        "reason": reason,
        "onset": onset,
        "onset_earliest": np.where(bounded, run["since"] - run["gap"].astype(np.uint16), 0),
        "onset_latest": onset,
        "detected_on": np.where(dated, detected_on, 0),
        "provisional_on": np.where(dated, provisional_on, 0),
        "confirmed_on": np.where(dated & concluded, decided_on, 0),
        "withdrawn_on": np.where(dated & withdrawn, decided_on, 0),
        "looks": np.where(raised, run["looks"], 0),
        "looks_total": state["looks_total"].to_numpy(),
        "last_look": state["last_look"].to_numpy(),
    }
    return xr.Dataset(
        {name: (("y", "x"), values[name].astype(layer.dtype)) for name, layer in LAYERS.items()},
        coords=state.coords,
        attrs=dict(state.attrs),
    )


class Steps:
    """One day after the other over the flat arrays of a state, in place.

    Baselines may hold `RAISED`; without, the levels of the model hold everywhere.
    """

    def __init__(
        self,
        model: Model,
        baselines: xr.Dataset,
        state: xr.Dataset,
        arrays: dict[str, np.ndarray],
        rule: CommonShift | None,
        corner: Corner | None,
        workers: int,
    ) -> None:
        self._model = model
        self._workers = workers
        self._shape = (state.sizes["y"], state.sizes["x"])
        self._pixels = self._shape[0] * self._shape[1]
        self._distance = support_px(model, float(state.attrs["resolution"]))
        self._limits, self._levels = _units(model)
        self._shares = shares_of(model)
        self._rule = EvidenceRule(model, baselines)
        self._shared = None if rule is None else SharedParts(model, baselines, rule, corner)
        self._slow = None if rule is None else SlowFalls(model, rule, corner, arrays, self._shape)
        self._arrays = arrays
        self._slots = [arrays[f"{part}_{name}"] for name in ACCUMULATORS for part in _SLOT]
        self._active = np.zeros(self._pixels, np.uint8)
        self._raised = np.zeros((len(RAISED), self._pixels), np.uint8)
        for row, name in enumerate(RAISED.values()):
            if name in baselines:
                self._raised[row] = baselines[name].to_numpy().reshape(-1)

    def step(self, pool: ThreadPoolExecutor, day: int, observations: list[Observation]) -> None:
        """Add the observations of one day, which are in order of stream, and move the statuses."""
        if self.add(pool, day, observations):
            _over(pool, partial(self._decide, day), self._shape[0], self._workers)

    def add(self, pool: ThreadPoolExecutor, day: int, observations: list[Observation]) -> bool:
        """Add the observations of one day, which are in order of stream, to the sums; False where none says
        anything.
        """
        known = self._known(day, observations)
        calm = np.empty((0, 0), bool)
        if self._shared is not None:
            calm = self._calm()
            known = [
                mended for one in known if (mended := self._shared.without_shared(one, calm)) is not None
            ]
        prepared = [self._prepared(pool, observation, calm) for observation in known]
        prepared = [observation for observation in prepared if observation.is_informative]
        if prepared:
            _over(pool, partial(self._add, day, prepared), self._pixels, self._workers)
        return bool(prepared)

    def displaced(self, before: xr.Dataset) -> list[Displaced]:
        """Observations that lay off their place: those that the state of before knew, and those since."""
        return sorted({*displaced(before), *([] if self._shared is None else self._shared.displaced)})

    def _calm(self) -> np.ndarray:
        """Pixels that stand in no loss, (y, x) bool: no sum is at its provisional level.

        Not their status, which depends on neighbours: a tile and its halo know all that sums depend on.
        """
        calm = self._arrays[f"sum_{ACCUMULATORS[0]}"] < self._limits[0, 2]
        for row, name in enumerate(ACCUMULATORS[1:], 1):
            calm &= self._arrays[f"sum_{name}"] < self._limits[row, 2]
        return np.asarray(calm.reshape(self._shape))

    def _prepared(
        self, pool: ThreadPoolExecutor, observation: Observation, calm: np.ndarray
    ) -> PreparedObservation:
        """An observation ready for the kernels, without what fell slowly."""
        prepared = self._rule.prepare(observation)
        if self._slow is None or prepared.kind != "optical":
            return prepared
        stream = self._model.stream(observation.stream)
        names = tuple(index.index for index in stream.indices if index.index in observation.values)
        over = partial(_over, pool, workers=self._workers)
        return self._slow.without_slow(stream.stream, prepared, names, observation.day, calm, over)

    def _known(self, day: int, observations: list[Observation]) -> list[Observation]:
        """Those of streams that the model knows, each stream once."""
        known = [observation for observation in observations if self._model.knows(observation.stream)]
        for before, after in pairwise(known):
            if before.stream == after.stream:
                raise StackError(
                    "a stream comes twice on a day",
                    where=f"{after.stream}, day {day}",
                    do="merge same-day scenes before detecting",
                )
        return known

    def _add(self, day: int, prepared: list[PreparedObservation], first: int, last: int) -> None:
        """Add a day's evidence to the sums of flat pixels first..last."""
        kinds = [observation.kind for observation in prepared]
        firsts = [kind not in kinds[:number] for number, kind in enumerate(kinds)]
        lanes = scratch(_PIECE)
        evidence = {"optical": np.empty(_PIECE, np.int16), "radar": np.empty(_PIECE, np.int16)}
        for start in range(first, last, _PIECE):
            stop = min(start + _PIECE, last)
            for observation, first_of_run in zip(prepared, firsts, strict=True):
                observation.add(
                    evidence[observation.kind], start, stop, first_of_run=first_of_run, lanes=lanes
                )
            _add_day(
                evidence["optical"],
                evidence["radar"],
                "optical" in kinds,
                "radar" in kinds,
                start,
                stop,
                day,
                self._limits,
                self._arrays["flags"],
                *self._slots,
                self._arrays["last_look"],
                self._arrays["looks_total"],
                self._active,
            )

    def _decide(self, day: int, first: int, last: int) -> None:
        """Move the statuses of rows first..last after a day."""
        _decide(
            first,
            last,
            *self._shape,
            self._distance,
            self._model.support.neighbours,
            day,
            self._model.close_after_days,
            self._model.buffer_days,
            self._shares,
            self._levels,
            self._raised,
            self._active,
            self._arrays["flags"],
            *self._slots,
            self._arrays["detected_on"],
            self._arrays["provisional_on"],
            self._arrays["decided_on"],
            self._arrays["fall"],
            self._arrays["fall_on"],
        )


def shares_of(model: Model) -> np.ndarray:
    """What falls are compared with, as `kernels.decide` takes it, (5,) float64."""
    rim, promise = model.rim, model.promise
    return np.array(
        [
            rim.least_share,
            promise.least_fall / rim.full,
            rim.outside_share,
            rim.outside_fall / rim.full,
            rim.outside,
        ]
    )


def _over(pool: ThreadPoolExecutor, work: Callable[[int, int], None], size: int, workers: int) -> None:
    """Do the work on equal parts of 0..size, one for each worker, and raise what any of them raised."""
    part = max(1, -(-size // workers))
    starts = range(0, size, part)
    for _ in pool.map(work, starts, [min(start + part, size) for start in starts]):
        pass


def _units(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """Limits and levels of the three sums in whole units, as the kernels take them."""
    sums = (model.optical, model.radar, model.joint)
    limits = np.zeros((3, 4), np.int16)
    levels = np.zeros((3, 5), np.int64)
    for row, level in enumerate(sums):
        low, high, provisional, withdrawn, confirmed, alone = (
            model.in_units(nats)
            for nats in (
                level.day_low,
                level.day_high,
                level.provisional,
                level.withdrawn,
                level.confirmed,
                level.confirmed_alone,
            )
        )
        limits[row, :3] = (low, high, provisional)
        levels[row, :4] = (withdrawn, provisional, confirmed, alone)
    levels[1, 4] = model.in_units(model.promise.radar)
    limits[2, 3] = model.in_units(model.radar_low_in_joint)
    return limits, levels
