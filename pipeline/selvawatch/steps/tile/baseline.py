"""A tile's baseline: fitted once to its history, named by what decides it."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from selvawatch.core.files import digest, file_digest
from selvawatch.core.grid import Tile
from selvawatch.core.status import Reason
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.errors import SiteError
from selvawatch.prepare.ingest import SceneRecord
from selvawatch.prepare.observation_keys import observation_keys
from selvawatch.site import Site
from selvawatch.steps.tile.masks import forest_mask, inner_window, inside_areas
from selvawatch.steps.tile.observations import STATE_VERSION, WORKERS, halo_of, stack_of
from selvawatch.store.folders import Store, new_folder
from selvawatch.store.tile_state import save_arrays


def fit_baseline(
    site: Site, store: Store, tile: Tile, scene_records: Sequence[SceneRecord], rule: str
) -> str:
    """Name of a tile's baseline, fitted to what the history holds unless it is there already.

    Raises
    ------
    SiteError
        When there is neither a history nor a forest mask.
    """
    first, last = site.days.history or (0, -1)
    keys = observation_keys(scene_records, first, last)
    name = digest({"rule": rule, "looks": [asdict(key) for key in keys]})[:16]
    folder = store.baseline(tile.id, name)
    if (folder / "reason.zarr").exists():
        return name
    stacks = {}
    for stream, index in site.model.pairs():
        if times := [key.day for key in keys if key.stream == stream.stream]:
            folder_of = store.observations(tile.id)
            stack = stack_of(folder_of, stream.stream, index.index, times, with_halo=True)
            stacks[stream.stream, index.index] = stack
    halo = halo_of(site)
    forest = forest_mask(site, tile, halo)
    if not stacks and forest is None:
        raise SiteError(
            "there is neither a history nor a forest mask",
            where=f"tile {tile.id}",
            got=_unread_history(scene_records, first, last),
            needed="scenes that can be read from history_from to history_to, or forest_mask in the site file",
        )
    baselines = fit_baselines(
        site.model, stacks, forest=forest, around=inner_window(tile, halo), workers=WORKERS
    ).compute()
    reason = forest_reason(site.model, baselines, forest)
    reason = reason.where(inside_areas(site, tile, halo), np.uint8(Reason.OUTSIDE)).astype(np.uint8)
    with new_folder(folder) as part:
        save_arrays(baselines.assign_attrs(halo=halo), part / "baselines.zarr")
        save_arrays(reason.to_dataset(name="reason"), part / "reason.zarr")
    return name


def is_mended(site: Site, before: Sequence[SceneRecord], now: Sequence[SceneRecord]) -> bool:
    """Whether a scene of the history that was out of reach at the fit can be read now."""
    first_day = site.days.first_day
    missed = {record.key for record in before if record.day < first_day and record.reason == "unreachable"}
    return any(record.state == "read" and record.key in missed for record in now)


def _unread_history(scene_records: Sequence[SceneRecord], first_day: int, last_day: int) -> str:
    """Why a history holds no observation, for people."""
    history = [one for one in scene_records if first_day <= one.day <= last_day]
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
            "common": asdict(site.common_shift),
            "recipe": site.recipe.digest,
            "halo": halo_of(site),
            "history": [str(days.history_from), str(days.history_to), str(days.monitoring_from)],
            "forest": file_digest(mask) if site.config.forest_mask else "",
            "areas": [[area.name, area.geometry.wkb_hex] for area in site.areas],
        }
    )
