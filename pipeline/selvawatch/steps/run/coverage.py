"""What a run saw and what it did not: shares, sensors, unread scenes, pixels not monitored."""

from collections.abc import Mapping, Sequence

import numpy as np

from selvawatch.core.status import Reason
from selvawatch.detect.baseline import name_of
from selvawatch.sources.source import Superseded
from selvawatch.store.run_plan import RunContext, SceneInputs
from selvawatch.store.tile_state import TileState, open_baselines, open_layers
from selvawatch.write.bulletin.bulletin_model import (
    Coverage,
    SensorCoverage,
    SupersededScene,
    TileCoverage,
    UnreadScene,
)


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
    pixel_ha = site.grid.pixel_ha
    counts: dict[Reason, int] = dict.fromkeys(Reason, 0)
    seen_total = fallback_total = 0
    tiles = []
    for tile, state in sorted(states.items()):
        layers = open_layers(context.store, tile, state.state)
        reason = layers["reason"].to_numpy()
        monitored = reason == Reason.MONITORED
        seen = int((monitored & (layers["last_look"].to_numpy() >= since)).sum())
        for code in Reason:
            counts[code] += int((reason == code).sum())
        seen_total += seen
        fallback_total += int((_fallback(context, state) & monitored).sum())
        square = site.grid.tile(tile)
        share = seen / max(1, int(monitored.sum()))
        tiles.append(TileCoverage(tile=tile, outline=square.lonlat_outline, observed_share=share))
    monitored_px = counts.pop(Reason.MONITORED)
    return Coverage(
        observed_share=seen_total / max(1, monitored_px),
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
        unmonitored_ha={code: number * pixel_ha for code, number in counts.items() if number},
        monitored_ha=monitored_px * pixel_ha,
        fallback_share=fallback_total / max(1, monitored_px),
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
