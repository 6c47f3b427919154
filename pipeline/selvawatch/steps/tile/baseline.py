"""A tile's baseline: fitted once to its history, named by what decides it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr

from selvawatch.core.days import day_numbers
from selvawatch.core.files import canonical_json, digest, file_digest
from selvawatch.core.grid import Tile
from selvawatch.core.observation import without_track
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import TrackRule
from selvawatch.detect.track_levels import history_levels, shifted
from selvawatch.errors import SiteError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import ObservationKey, observation_keys
from selvawatch.site import Site
from selvawatch.steps.tile.masks import forest_mask, inner_window, inside_areas
from selvawatch.steps.tile.observations import STATE_VERSION, WORKERS, stack_of
from selvawatch.steps.tile.tile_sums import beginning, with_raised
from selvawatch.store.contents import BASELINES, BEGINNING, REASON
from selvawatch.store.folders import free_name, new_folder
from selvawatch.store.run_plan import RunContext
from selvawatch.store.tile_state import save_arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class TileBaseline:
    """Which baseline a tile stands on."""

    name: str
    """Name of its folder."""
    rule: str
    """Digest of what decides it besides its observations."""


def fit_baseline(context: RunContext, tile: Tile, scene_records: Sequence[SceneRecord]) -> TileBaseline:
    """A tile's baseline, fitted to what the history holds unless it is there already and sound.

    Raises
    ------
    SiteError
        When there is neither a history nor a forest mask.
    DamagedError
        When an observation of the history is not what was written.
    """
    site, rule = context.site, baseline_rule_of(context.site)
    first, last = site.days.history or (0, -1)
    keys = observation_keys(scene_records, first, last)
    folder = context.store.baselines(tile.id)
    name, there = free_name(folder, baseline_name(rule, keys))
    if there:
        return TileBaseline(name=name, rule=rule)
    stacks = _stacks(site.model, context.store.observations(tile.id), keys)
    halo = site.halo_px
    forest = forest_mask(site, tile, halo)
    if not stacks and forest is None:
        raise SiteError(
            "there is neither a history nor a forest mask",
            where=f"tile {tile.id}",
            got=_unread_history(scene_records, first, last),
            needed="scenes that can be read from history_from to history_to, or forest_mask in the site file",
        )
    stacks, levels = level_tracks(stacks, site.common_shift.tracks)
    baselines = fit_baselines(
        site.model, stacks, forest=forest, around=inner_window(tile, halo), workers=WORKERS
    ).compute()
    reason = forest_reason(site.model, baselines, forest)
    reason = reason.where(inside_areas(site, tile, halo), np.uint8(Reason.OUTSIDE)).astype(np.uint8)
    baselines = baselines.assign_attrs(halo=halo, levels=canonical_json(levels))
    baselines = with_raised(context, tile, baselines, reason, keys)
    state = beginning(context, tile, baselines, reason, keys)
    with new_folder(folder / name) as part:
        save_arrays(baselines, part / BASELINES)
        save_arrays(reason.to_dataset(name="reason"), part / REASON)
        save_arrays(state, part / BEGINNING)
    return TileBaseline(name=name, rule=rule)


def baseline_name(rule: str, history: Sequence[ObservationKey]) -> str:
    """Name of the baseline that a rule makes of the observations of the history."""
    return digest({"rule": rule, "looks": [asdict(key) for key in history]})[:16]


def _stacks(
    model: Model, folder: Path, keys: Sequence[ObservationKey]
) -> dict[tuple[str, str], xr.DataArray]:
    """Lazy stacks (time, y, x) with their halo of the history, by stream, radar with its track, and index."""
    stacks = {}
    for stream, index in model.pairs():
        for name in sorted({key.stream for key in keys if without_track(key.stream) == stream.stream}):
            days = [key.day for key in keys if key.stream == name]
            stacks[name, index.index] = stack_of(folder, name, index.index, days, with_halo=True)
    return stacks


def level_tracks(
    stacks: Mapping[tuple[str, str], xr.DataArray], rule: TrackRule
) -> tuple[dict[tuple[str, str], xr.DataArray], dict[str, dict[str, float]]]:
    """Stacks with the tracks of each stream brought to one level, by stream and index, and those levels.

    Tracks with too few passes are left out, and radar that states no track where tracks have levels; of two
    tracks on one day the first is kept. A track with a level of some indices only has none.
    """
    groups: dict[tuple[str, str], dict[str, xr.DataArray]] = {}
    for (name, index), stack in stacks.items():
        groups.setdefault((without_track(name), index), {})[name] = stack
    merged: dict[tuple[str, str], xr.DataArray] = {}
    levels: dict[str, dict[str, float]] = {}
    for (stream, index), tracks in groups.items():
        tracked = {name: stack for name, stack in tracks.items() if name != stream}
        found = _levels_of(tracked, rule)
        for name, level in found.items():
            levels.setdefault(name, {})[index] = level
        parts = [] if found else [stack for name, stack in tracks.items() if name == stream]
        parts += [_less(tracked[name], level) for name, level in sorted(found.items())]
        if parts:
            merged[stream, index] = parts[0] if len(parts) == 1 else _joined(parts)
    of_stream = {
        name: {index for stream, index in merged if stream == without_track(name)} for name in levels
    }
    return merged, {name: level for name, level in levels.items() if level.keys() >= of_stream[name]}


def _levels_of(tracked: Mapping[str, xr.DataArray], rule: TrackRule) -> dict[str, float]:
    if sum(stack.sizes["time"] >= rule.passes for stack in tracked.values()) < 2:
        return {name: 0.0 for name, stack in tracked.items() if stack.sizes["time"] >= rule.passes}
    step = slice(None, None, rule.step_px)
    read = {
        name: (day_numbers(stack["time"].values), stack.isel(y=step, x=step).to_numpy())
        for name, stack in tracked.items()
    }
    return history_levels(read, replace(rule, step_px=1))


def _less(stack: xr.DataArray, level: float) -> xr.DataArray:
    """A stack less a level in stored units."""
    if round(level) == 0:
        return stack
    return stack.copy(data=stack.data.map_blocks(shifted, level, dtype=np.int16))


def _joined(parts: Sequence[xr.DataArray]) -> xr.DataArray:
    """Stacks of one stream in order of time, the first of a day."""
    whole = xr.concat(parts, "time", combine_attrs="override", coords="minimal", compat="override")
    _, first = np.unique(whole["time"].values, return_index=True)
    return whole.isel(time=first).chunk({"time": -1})


def is_mended(site: Site, before: Sequence[SceneRecord], now: Sequence[SceneRecord]) -> bool:
    """Whether a scene of the history that was out of reach at the fit can be read now."""
    first_day = site.days.first_day
    missed = {record.key for record in before if record.day < first_day and record.reason == "unreachable"}
    return any(record.state == "read" and record.key in missed for record in now)


def _unread_history(scene_records: Sequence[SceneRecord], first_day: int, last_day: int) -> str:
    """Why a history holds no observation, for people."""
    history = [record for record in scene_records if first_day <= record.day <= last_day]
    if not history:
        return "no scene in the history"
    return f"{len(history)} scenes in the history, none of them readable; {history[0].text}"


def baseline_rule_of(site: Site) -> str:
    """Digest of what decides a baseline besides its observations."""
    days = site.days
    mask = site.folder / site.config.forest_mask
    return digest(
        {
            "version": STATE_VERSION,
            "model": site.model.digest,
            "common": site.common_shift.deciding,
            "recipe": site.recipe.digest,
            "halo": site.halo_px,
            "history": [str(days.history_from), str(days.history_to), str(days.monitoring_from)],
            "forest": file_digest(mask) if site.config.forest_mask else "",
            "areas": [[area.name, area.geometry.wkb_hex] for area in site.areas],
        }
    )
