"""What a run saw and what it did not: shares, sensors, age of scenes, unread ones, unmonitored pixels."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from selvawatch.core.stack import NODATA
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import name_of
from selvawatch.errors import DamagedError, StackError
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.sources.open import families_of
from selvawatch.sources.sensors.sensor_table import SENSORS, STREAMS, sensor_of
from selvawatch.sources.source import Superseded
from selvawatch.store.run_plan import RunContext, SceneInputs
from selvawatch.store.tile_state import TileState, open_baselines, open_layers
from selvawatch.write.bulletin.bulletin_model import (
    Coverage,
    ListedSensor,
    SensorCoverage,
    SupersededScene,
    TileCoverage,
    UnreadScene,
)

log = logging.getLogger(__name__)

SPAN_DAYS = 30
"""Fewest days that the span goes back for which a run says what was observed lately."""
SLACK_DAYS = 3
"""Days that an archive may take to list a scene, on top of twice the sensor's revisit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Pixels of a tile."""

    monitored: int
    ever: int
    """Seen since monitoring began."""
    lately: int
    """Seen in the span."""
    optical: int | None
    """Seen in the span by optical sensors; None: an observation of it cannot be read."""


def coverage_of(
    context: RunContext,
    states: Mapping[str, TileState],
    failed: Mapping[str, str],
    superseded: Sequence[Superseded],
) -> Coverage:
    """What was observed since monitoring began, over all tiles of the store.

    failed: why tiles could not be brought up, by tile; what is said of them here is given out, so only that
    they failed. superseded: scenes that this run replaces by newer products.
    """
    site, inputs, since = context.site, context.inputs, context.site.days.first_day
    span_from = span_from_of(context)
    counts: dict[Reason, int] = dict.fromkeys(Reason, 0)
    fallback_total = 0
    tiles, seen = [], {}
    for tile, state in sorted(states.items()):
        layers = open_layers(context.store, tile, state.state)
        reason = layers["reason"].to_numpy()
        monitored = reason == Reason.MONITORED
        seen[tile] = one = _seen(context, state, monitored, layers["last_look"].to_numpy(), span_from)
        for code in Reason:
            counts[code] += int((reason == code).sum())
        fallback_total += int((_fallback(context, state) & monitored).sum())
        tiles.append(
            TileCoverage(
                tile=tile,
                outline=site.grid.tile(tile).lonlat_outline,
                observed_share=one.ever / max(1, one.monitored),
                observed_share_span=one.lately / max(1, one.monitored),
            )
        )
    monitored_px = counts.pop(Reason.MONITORED)
    of_area = {tile.id for tile in site.tiles(site.select_areas(context.plan.area))}
    lately, optical = _span_shares([one for tile, one in seen.items() if tile in of_area])
    return Coverage(
        observed_share=sum(one.ever for one in seen.values()) / max(1, monitored_px),
        tiles=tuple(tiles),
        sensors=_sensors(states, inputs, since),
        unread=_unread(states, inputs, failed, since),
        unplaced=_unplaced(states, inputs),
        superseded=tuple(
            SupersededScene(
                scene_id=older.scene.id, sensor=older.scene.sensor, day=older.scene.day, by=older.by
            )
            for older in superseded
        ),
        unmonitored_ha={code: number * site.grid.pixel_ha for code, number in counts.items() if number},
        monitored_ha=monitored_px * site.grid.pixel_ha,
        fallback_share=fallback_total / max(1, monitored_px),
        span_from=span_from,
        observed_share_span=lately,
        observed_share_span_optical=optical,
        listed=listed_sensors(context, states),
    )


def span_from_of(context: RunContext) -> int:
    """First day of the span that a run says lately of: the day after the last committed run of its area, and
    `SPAN_DAYS` before its last day at the latest; never before monitoring begins.
    """
    plan = context.plan
    past = [run.until_day for run in context.store.ledger.runs() if run.area in (plan.area, "all")]
    latest = plan.until_day - SPAN_DAYS
    return max(context.site.days.first_day, min([*(day + 1 for day in past[-1:]), latest]))


def listed_sensors(context: RunContext, states: Mapping[str, TileState]) -> tuple[ListedSensor, ...]:
    """How new the scenes of every sensor are that the area is watched with, by name.

    Those are the sensors that the source or the site names, those of which it lists a scene, and, where the
    source names none (a folder, an API), those of which the store ever read one.
    """
    plan, inputs = context.plan, context.inputs
    older = [one.scene for one in inputs.superseded]
    newest: dict[str, int] = {}
    for scene in (*inputs.scenes, *inputs.skipped, *older):
        sensor = sensor_of(scene).stream
        newest[sensor] = max(newest.get(sensor, 0), scene.day)
    of_site = [name for name in context.site.config.sources if name in STREAMS]
    known = families_of(plan.source) or (*of_site, *_streams_of(states))
    return tuple(
        ListedSensor(
            sensor=sensor,
            searched=sensor not in inputs.unsearched,
            newest_day=newest.get(sensor, 0),
            age_days=plan.until_day - newest[sensor] if sensor in newest else 0,
            limit_days=2 * context.site.config.revisit_days_of(sensor) + SLACK_DAYS,
        )
        for sensor in sorted({*newest, *known, *inputs.unsearched})
    )


def _streams_of(states: Mapping[str, TileState]) -> set[str]:
    """Sensors of which the states hold a scene record."""
    names = {record.sensor for state in states.values() for record in state.scene_records}
    return {SENSORS[name].stream for name in names if name in SENSORS}


def _seen(
    context: RunContext, state: TileState, monitored: np.ndarray, last_day: np.ndarray, span_from: int
) -> _Seen:
    """Counts of a tile. monitored: (y, x) bool; last_day: (y, x), day of the last usable observation."""
    lately = monitored & (last_day >= span_from)
    return _Seen(
        monitored=int(monitored.sum()),
        ever=int((monitored & (last_day >= context.site.days.first_day)).sum()),
        lately=int(lately.sum()),
        optical=_optical(context, state, lately, span_from),
    )


def _optical(context: RunContext, state: TileState, lately: np.ndarray, span_from: int) -> int | None:
    """How many pixels (y, x) seen lately an optical sensor saw; None where an observation cannot be read."""
    missing = lately.copy()
    try:
        for key in _optical_keys(context, state, span_from):
            if not missing.any():
                break
            path = observation_path(context.store.observations(state.tile), key.stream, key.day)
            for stored in read_observation(path).values.values():
                missing &= stored == NODATA
    except (DamagedError, StackError) as error:
        log.warning("%s: what optical sensors saw since the last run is not known: %s", state.tile, error)
        return None
    return int(lately.sum() - missing.sum())


def _optical_keys(context: RunContext, state: TileState, span_from: int) -> Iterator[ObservationKey]:
    """Observations of optical streams that the detector read in the span, the newest first."""
    model = context.site.model
    read = [record for record in state.scene_records if record.state == "read"]
    unused = {(record.stream, record.day) for record in read if not record.is_used}
    for key in reversed(state.observations):
        if key.day < span_from or (key.stream, key.day) in unused:
            continue
        if model.knows(key.stream) and model.stream(key.stream).kind == "optical":
            yield key


def _span_shares(seen: Sequence[_Seen]) -> tuple[float | None, float | None]:
    """Shares of the monitored pixels seen in the span, by any sensor and by optical ones; None: not known."""
    monitored = sum(one.monitored for one in seen)
    if not monitored:
        return None, None
    optical = [one.optical for one in seen if one.optical is not None]
    return (
        sum(one.lately for one in seen) / monitored,
        sum(optical) / monitored if len(optical) == len(seen) else None,
    )


def _fallback(context: RunContext, state: TileState) -> np.ndarray:
    """Pixels (y, x) for which every baseline in use is the spatial reference."""
    baselines = open_baselines(context.store, state.tile, state.baseline)
    sigmas = [
        baselines[name_of(stream.stream, index.index, "sigma")].to_numpy()
        for stream, index in context.site.model.pairs()
    ]
    has_baseline = np.any([sigma > 0 for sigma in sigmas], axis=0)
    reference = np.any([sigma < 0 for sigma in sigmas], axis=0)
    return np.asarray(reference & ~has_baseline)


def _sensors(states: Mapping[str, TileState], inputs: SceneInputs, since: int) -> tuple[SensorCoverage, ...]:
    observations: dict[str, dict[tuple[str, str], tuple[str, int]]] = {}
    for state in states.values():
        for record in state.scene_records:
            if record.day >= since:
                known = observations.setdefault(record.sensor, {})
                key = record.key
                if known.get(key, ("unread", 0))[0] == "unread":
                    known[key] = (record.state, record.day)
    found = [
        SensorCoverage(
            sensor=sensor,
            searched=True,
            scenes_read=sum(state == "read" for state, _ in scenes.values()),
            scenes_unread=sum(state != "read" for state, _ in scenes.values()),
            last_day=max((day for state, day in scenes.values() if state == "read"), default=0),
        )
        for sensor, scenes in sorted(observations.items())
    ]
    missing = [SensorCoverage(sensor=sensor, searched=False) for sensor in inputs.unsearched]
    return (*found, *missing)


def _unplaced(states: Mapping[str, TileState], inputs: SceneInputs) -> int:
    """Scenes with a problem, each once; one that a state holds was placed before."""
    held = {record.scene_id for state in states.values() for record in state.scene_records}
    return len({problem.scene_id for problem in inputs.problems} - held)


def _unread(
    states: Mapping[str, TileState], inputs: SceneInputs, failed: Mapping[str, str], since: int
) -> tuple[UnreadScene, ...]:
    scenes = {
        (record.scene_id, record.reason): UnreadScene(
            scene_id=record.scene_id, sensor=record.sensor, day=record.day, reason=record.reason
        )
        for state in states.values()
        for record in state.scene_records
        if record.state != "read" and (record.day >= since or record.reason == "unreachable")
    }
    for problem in inputs.problems:
        key = (problem.scene_id, problem.reason)
        scenes[key] = UnreadScene(scene_id=problem.scene_id, sensor="", day=0, reason=problem.reason)
    for tile in failed:
        scenes[tile, "tile"] = UnreadScene(scene_id=tile, sensor="", day=0, reason="tile-failed")
    return tuple(scenes[key] for key in sorted(scenes))
