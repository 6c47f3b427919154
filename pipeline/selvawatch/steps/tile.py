"""Bring one tile up to a day: take in its scenes, fit its baseline once, add the new looks to its state."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import dask
import numpy as np
import xarray as xr

from selvawatch.core.days import iso, to_day, to_times
from selvawatch.core.files import canonical_json, digest, file_digest
from selvawatch.core.grid import Tile
from selvawatch.core.look import Look
from selvawatch.core.scene import Scene
from selvawatch.core.status import Reason
from selvawatch.detect import fusion
from selvawatch.detect.baseline import fit_baselines, forest_reason, name_of
from selvawatch.detect.common import halo_px, without_common_shift
from selvawatch.detect.shift import Corner
from selvawatch.errors import SiteError, StackError
from selvawatch.events.composite import after_composite, loss_composite
from selvawatch.prepare.observations import list_days, look_path, open_stack, read_look
from selvawatch.prepare.take import TakenIn, scenes_on, take_in
from selvawatch.site import Site
from selvawatch.sources.sensors import stream_of
from selvawatch.sources.source import open_source
from selvawatch.steps.ground import forest_mask, inside_areas, own_pixels
from selvawatch.steps.late import (
    Checkpoint,
    Settled,
    checkpoint,
    in_time,
    keep,
    kept,
    newest_checkpoint,
    settled,
    with_settled,
)
from selvawatch.steps.looks import LookKey, look_keys
from selvawatch.steps.plan import RunPlan, open_plan, read_inputs
from selvawatch.steps.water import keep_water
from selvawatch.store.folders import Store, new_folder

log = logging.getLogger(__name__)

STATE_VERSION = 3
"""Raised when the same looks would give another state: older states are then replayed, not continued."""

COMPOSITE_DAYS = 365
"""Looks this far back may enter the composites that causes are told from, days."""

WORKERS = 2
"""Threads inside one tile; tiles themselves are spread over Prefect or dask workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileState:
    """What the state folder of a tile says of itself, besides its arrays."""

    tile: str
    state: str
    """Name of the state's folder."""
    until_day: int
    baseline: str
    """Name of the baseline's folder."""
    baseline_rule: str
    """Digest of what decides a baseline besides its looks."""
    looks: tuple[LookKey, ...]
    """Looks of the monitoring, in the order they entered."""
    taken: tuple[TakenIn, ...]
    """What became of every scene, history included."""

    @staticmethod
    def read(folder: Path) -> "TileState":
        """What a state folder says."""
        values = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        looks = tuple(LookKey(**look) for look in values.pop("looks"))
        taken = tuple(TakenIn(**one) for one in values.pop("taken"))
        return TileState(looks=looks, taken=taken, **values)


def advance_tile(plan: RunPlan, tile: str) -> str:
    """Bring a tile up to the plan's day and return the name of its state folder.

    A folder that is already there is left as it is, so the step may be run twice or after a kill.
    """
    site, store = open_plan(plan)
    square, halo = site.grid.tile(tile), _halo(site)
    scenes = scenes_on(read_inputs(plan).scenes, square, halo)
    source = open_source(plan.source)
    before, rule = current_state(store, tile), _baseline_rule(site)
    if before is not None and before.baseline_rule != rule:
        before = None
    past = Settled()
    if before is not None:
        begins = to_day(site.days.monitoring_from)
        past = settled(before.taken, begins, before.until_day, site.model.buffer_days)
    folder = store.observations(tile)

    def take(some: Sequence[Scene]) -> tuple[TakenIn, ...]:
        return take_in(some, square, site.recipe, folder, read=source.read, workers=WORKERS, halo_px=halo)

    taken = take(
        [
            scene
            for scene in in_time(scenes, past)
            if scene.day not in past or not look_path(folder, stream_of(scene), scene.day).exists()
        ]
    )
    if before is not None and _is_mended(site, before.taken, taken):
        log.info(
            "%s: scenes of the history can be read that were out of reach: its baseline is fitted anew", tile
        )
        before, past, taken = None, Settled(), take(scenes)
    taken = with_settled(taken, scenes, past)
    log.info("%s: %d of %d scenes read", tile, sum(one.state == "read" for one in taken), len(taken))
    keep_water(site, store, square, taken, plan.until_day)
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        baseline = before.baseline if before is not None else _fit(site, store, square, taken, rule)
        return _advance(site, store, square, plan, taken, baseline, rule, before)


def baseline_tile(plan: RunPlan, tile: str) -> Path:
    """Folder of a tile's baseline, fitted now to its history, so that the first run need not.

    The next `advance_tile` with the same scenes and numbers uses it; nothing that is committed changes.
    """
    site, store = open_plan(plan)
    square, halo = site.grid.tile(tile), _halo(site)
    scenes = scenes_on(read_inputs(plan).scenes, square, halo)
    source = open_source(plan.source)
    taken = take_in(
        scenes,
        square,
        site.recipe,
        store.observations(tile),
        read=source.read,
        workers=WORKERS,
        halo_px=halo,
    )
    with dask.config.set(scheduler="threads", num_workers=WORKERS):
        return store.baseline(tile, _fit(site, store, square, taken, _baseline_rule(site)))


def current_state(store: Store, tile: str) -> TileState | None:
    """What the committed state of a tile says; None where there is none."""
    row = store.ledger.tiles().get(tile)
    return None if row is None else TileState.read(store.state(tile, row.state))


def open_layers(store: Store, tile: str, state: str) -> xr.Dataset:
    """Layers (y, x) of `core.layers.LAYERS` of a state, in memory."""
    return _load(store.state(tile, state) / "layers.zarr")


def open_fallen(store: Store, tile: str, state: str) -> xr.Dataset:
    """Layers of a state and `fall`, (y, x) float32: the NDVI fall at the loss, NaN = not measured."""
    composite = xr.open_zarr(store.state(tile, state) / "composite.zarr", consolidated=False, chunks=None)
    return open_layers(store, tile, state).assign(fall=composite["fall"].load())


def open_composite(store: Store, tile: str, state: str) -> xr.Dataset:
    """What a tile looks like since its losses, (y, x) float32 by index, and `ndvi_baseline`; in memory."""
    return _load(store.state(tile, state) / "composite.zarr")


def open_baselines(store: Store, tile: str, baseline: str) -> xr.Dataset:
    """Baselines of a tile, in memory; those of the first versions name no halo, for they have none."""
    wide = _load(store.baseline(tile, baseline) / "baselines.zarr")
    return _own(wide, int(wide.attrs.get("halo", 0)))


def _fit(site: Site, store: Store, tile: Tile, taken: Sequence[TakenIn], rule: str) -> str:
    days = site.days
    first, last = (
        (to_day(days.history_from), to_day(days.history_to))
        if days.history_from and days.history_to
        else (0, -1)
    )
    keys = look_keys(taken, first, last)
    name = digest({"rule": rule, "looks": [asdict(key) for key in keys]})[:16]
    folder = store.baseline(tile.id, name)
    if (folder / "reason.zarr").exists():
        return name
    stacks = {}
    for stream, index in site.model.pairs():
        if times := [key.day for key in keys if key.stream == stream.stream]:
            folder_of = store.observations(tile.id)
            stack = _stack(folder_of, stream.stream, index.index, times, whole=True)
            stacks[stream.stream, index.index] = stack
    halo = _halo(site)
    forest = forest_mask(site, tile, halo)
    if not stacks and forest is None:
        raise SiteError(
            "there is neither a history nor a forest mask",
            where=f"tile {tile.id}",
            got=_unread_history(taken, first, last),
            needed="scenes that can be read from history_from to history_to, or forest_mask in the site file",
        )
    baselines = fit_baselines(
        site.model, stacks, forest=forest, around=own_pixels(tile, halo), workers=WORKERS
    ).compute()
    reason = forest_reason(site.model, baselines, forest)
    reason = reason.where(inside_areas(site, tile, halo), np.uint8(Reason.OUTSIDE)).astype(np.uint8)
    with new_folder(folder) as part:
        _save(baselines.assign_attrs(halo=halo), part / "baselines.zarr")
        _save(reason.to_dataset(name="reason"), part / "reason.zarr")
    return name


def _is_mended(site: Site, before: Sequence[TakenIn], now: Sequence[TakenIn]) -> bool:
    """Whether a scene of the history that was out of reach at the fit can be read now."""
    begins = to_day(site.days.monitoring_from)
    missed = {
        (one.scene_id, one.digest) for one in before if one.day < begins and one.reason == "unreachable"
    }
    return any(one.state == "read" and (one.scene_id, one.digest) in missed for one in now)


def _unread_history(taken: Sequence[TakenIn], first_day: int, last_day: int) -> str:
    """Why a history holds no look, for people."""
    history = [one for one in taken if first_day <= one.day <= last_day]
    if not history:
        return "no scene in the history"
    return f"{len(history)} scenes in the history, none of them readable; {history[0].text}"


def _advance(
    site: Site,
    store: Store,
    tile: Tile,
    plan: RunPlan,
    taken: Sequence[TakenIn],
    baseline: str,
    rule: str,
    before: TileState | None,
) -> str:
    keys = look_keys(taken, to_day(site.days.monitoring_from), plan.until_day)
    name = digest(
        {
            "version": STATE_VERSION,
            "baseline": baseline,
            "until": plan.until_day,
            "looks": [asdict(key) for key in keys],
            "taken": [asdict(one) for one in taken],
        }
    )[:16]
    folder = store.state(tile.id, name)
    if (folder / "state.json").exists():
        return name
    state = _state(site, store, tile, plan.until_day, baseline, keys, before)
    says = TileState(
        tile=tile.id,
        state=name,
        until_day=plan.until_day,
        baseline=baseline,
        baseline_rule=rule,
        looks=keys,
        taken=tuple(taken),
    )
    layers = _own(fusion.layers(state), _halo(site))
    composite = _composite(site, store, tile, keys, layers, open_baselines(store, tile.id, baseline))
    with new_folder(folder) as part:
        _save(state, part / "accumulators.zarr")
        _save(layers, part / "layers.zarr")
        _save(composite, part / "composite.zarr")
        (part / "state.json").write_text(canonical_json(asdict(says)) + "\n", encoding="utf-8")
    return name


def _state(
    site: Site,
    store: Store,
    tile: Tile,
    until_day: int,
    baseline: str,
    keys: tuple[LookKey, ...],
    before: TileState | None,
) -> xr.Dataset:
    """The state of a tile and its halo after all looks: continued, or replayed where looks came late.

    A replay begins at the newest kept state that has none of the late looks. A state is kept as of the last
    day that will be settled when this run is committed. Where no look came late it is left to age for as long
    as the buffer is, so that each look is added twice at most and a replay never goes back further than two
    buffers and what is new.
    """
    buffer_days, halo, side = site.model.buffer_days, _halo(site), tile.grid.tile_px
    baselines = _load(store.baseline(tile.id, baseline) / "baselines.zarr")
    corner = Corner(row=-(tile.row + 1) * side - halo, column=tile.column * side - halo)

    def add(state: xr.Dataset, some: Sequence[LookKey]) -> xr.Dataset:
        looks = (
            without_common_shift(look, site.model, baselines, site.common_shift, corner)
            for look in _looks(store.observations(tile.id), some)
        )
        return fusion.advance(site.model, baselines, state, looks, workers=WORKERS)

    def at(base: Checkpoint | None) -> xr.Dataset:
        if base is not None:
            return kept(store, tile.id, base)
        reason = _load(store.baseline(tile.id, baseline) / "reason.zarr")["reason"]
        return fusion.start(site.model, reason, resolution=site.grid.resolution)

    continued = before is not None and _is_continued(before.looks, keys)
    base = newest_checkpoint(store, tile.id, baseline, keys)
    first = to_day(site.days.monitoring_from) - 1 if base is None else base.day
    mark = until_day - buffer_days
    if not continued:
        count = sum(key.day > first for key in keys)
        log.info("%s: %d of %d looks are added to the state of day %d", tile.id, count, len(keys), first)
    state = None
    if mark > first and not (continued and first >= mark - buffer_days):
        state = add(at(base), [key for key in keys if first < key.day <= mark])
        older, base, first = base, checkpoint(baseline, keys, mark), mark
        keep(store, tile.id, base, state, older)
    if before is not None and continued:
        state = _load(store.state(tile.id, before.state) / "accumulators.zarr")
        return add(state, keys[len(before.looks) :])
    return add(at(base) if state is None else state, [key for key in keys if key.day > first])


def _is_continued(before: tuple[LookKey, ...], keys: tuple[LookKey, ...]) -> bool:
    """Whether all looks that are new come on later days than all that a state has."""
    had = len(before)
    return keys[:had] == before and (had in (0, len(keys)) or keys[had].day > before[-1].day)


def _composite(
    site: Site, store: Store, tile: Tile, keys: Sequence[LookKey], layers: xr.Dataset, baselines: xr.Dataset
) -> xr.Dataset:
    """What the tile looks like since its losses, of the first optical stream that has looked lately.

    (y, x) float32: medians of the last clear looks since the onset by index; `ndvi_baseline`; `fall`, the
    NDVI fall over the first clear looks since the onset.
    """
    blank = np.full(layers["onset"].shape, np.nan, np.float32)
    parts = {"ndvi": blank, "ndvi_baseline": blank, "fall": blank}
    last = keys[-1].day if keys else 0
    folder = store.observations(tile.id)
    for stream in (one for one in site.model.streams if one.kind == "optical"):
        days = [key.day for key in keys if key.stream == stream.stream]
        lately = [day for day in days if day > last - COMPOSITE_DAYS]
        if not lately:
            continue
        for index in read_look(look_path(folder, stream.stream, lately[-1])).values:
            stack = _stack(folder, stream.stream, index, lately)
            parts[index] = after_composite(
                stack, _on(stack, layers["onset"]), site.cause_rule.measures.looks
            ).to_numpy()
        if any(index.index == "ndvi" for index in stream.indices):
            scale = next(index.scale for index in stream.indices if index.index == "ndvi")
            terms = baselines[name_of(stream.stream, "ndvi", "terms")][0].to_numpy().astype(np.float32)
            own = baselines[name_of(stream.stream, "ndvi", "sigma")].to_numpy() > 0
            parts["ndvi_baseline"] = np.where(own, terms * np.float32(scale), np.float32(np.nan))
            stack = _stack(folder, stream.stream, "ndvi", days)
            then = loss_composite(stack, _on(stack, layers["onset"]), site.event_rule.loss_looks).to_numpy()
            parts["fall"] = parts["ndvi_baseline"] - then
        break
    return xr.Dataset({name: (("y", "x"), part) for name, part in sorted(parts.items())})


def _stack(
    folder: Path, stream: str, index: str, days: Sequence[int], *, whole: bool = False
) -> xr.DataArray:
    """The lazy stack of an index on some days; whole: with the halo."""
    if lost := sorted(set(days) - set(list_days(folder, stream))):
        raise StackError(
            "observations that the state was made from are gone",
            where=folder / stream,
            got=f"none of {iso(lost[0])}" + (f" and {len(lost) - 1} more days" if lost[1:] else ""),
            needed="every look since the history began",
            do="copy them back, or begin the tile in a new --store",
        )
    stack = open_stack(folder, stream, index, days[0], days[-1], whole=whole)
    return stack.sel(time=to_times(np.array(days, np.int64)))


def _on(stack: xr.DataArray, layer: xr.DataArray) -> xr.DataArray:
    return layer.assign_coords(y=stack["y"], x=stack["x"])


def _looks(folder: Path, keys: Sequence[LookKey]) -> Iterator[Look]:
    for key in keys:
        yield read_look(look_path(folder, key.stream, key.day), whole=True)


def _baseline_rule(site: Site) -> str:
    days = site.days
    mask = site.folder / site.says.forest_mask
    return digest(
        {
            "version": STATE_VERSION,
            "model": site.model.digest,
            "common": asdict(site.common_shift),
            "recipe": site.recipe.digest,
            "halo": _halo(site),
            "history": [str(days.history_from), str(days.history_to), str(days.monitoring_from)],
            "forest": file_digest(mask) if site.says.forest_mask else "",
            "areas": [[area.name, area.geometry.wkb_hex] for area in site.areas],
        }
    )


def _halo(site: Site) -> int:
    """Pixels around a tile that its looks, baselines and running state hold too."""
    return halo_px(site.model, site.common_shift, site.grid.resolution, site.grid.tile_px)


def _own(wide: xr.Dataset, halo: int) -> xr.Dataset:
    """The tile's own pixels of a dataset with a halo."""
    inner = slice(halo, -halo or None)
    return wide.isel(y=inner, x=inner)


def _save(dataset: xr.Dataset, path: Path) -> None:
    plain = dataset.reset_coords(drop=True)
    plain.to_zarr(path, mode="w", zarr_format=3, consolidated=False)


def _load(path: Path) -> xr.Dataset:
    return xr.open_zarr(path, consolidated=False, chunks=None).load()
