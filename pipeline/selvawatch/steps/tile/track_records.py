"""Scenes of radar tracks that are read but not used yet, for nothing has given their track a level."""

import json
from collections.abc import Sequence
from dataclasses import replace

import xarray as xr

from selvawatch.detect.track_levels import Levels, TrackLevels
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.sources.sensors.reasons import TRACK
from selvawatch.store.run_plan import RunContext


def levels_in(baselines: xr.Dataset) -> Levels:
    """Levels of the tracks that a tile's history knows, by stream with track and index, in stored units."""
    levels: Levels = json.loads(baselines.attrs.get("levels", "{}"))
    return levels


def track_levels(
    context: RunContext, tile: str, baselines: xr.Dataset, keys: Sequence[ObservationKey]
) -> TrackLevels:
    """Which observations of a tile are used, and with which level. keys: those of the monitoring, by day."""
    folder = context.store.observations(tile)
    return TrackLevels(
        context.site.model,
        baselines,
        levels_in(baselines),
        context.site.common_shift.tracks,
        [(key.stream, key.day) for key in keys],
        lambda stream, day: read_observation(observation_path(folder, stream, day), with_halo=True),
    )


def with_unused_tracks(
    tracks: TrackLevels, keys: Sequence[ObservationKey], scene_records: Sequence[SceneRecord]
) -> tuple[SceneRecord, ...]:
    """The records of a tile, with reason `track` on those whose observations wait for a level."""
    unused = {(key.stream, key.day) for key in keys if not tracks.is_used(key.stream, key.day)}
    return tuple(
        replace(one, reason=TRACK if (one.stream, one.day) in unused else "") if one.state == "read" else one
        for one in scene_records
    )
