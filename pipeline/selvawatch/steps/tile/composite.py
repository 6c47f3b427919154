"""What a tile looks like since its losses: what causes are told from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.grid import Tile
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import StreamModel
from selvawatch.events.composite import loss_composite
from selvawatch.prepare.indices import INDICES
from selvawatch.prepare.observation_files import observation_path, read_observation, read_rows
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.prepare.recent_values import RecentValues, as_dataset, from_dataset
from selvawatch.steps.tile.observations import need_days
from selvawatch.store.run_plan import RunContext

COMPOSITE_DAYS = 365
"""Observations this far back may enter the composites that causes are told from, days."""

FIRST = "first"
"""Attribute of recent values: how many first observations the fall of the same state is of."""

COMPOSED = ("ndvi", "nbr", "mndwi")
"""Indices that causes are told from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierComposite:
    """What a committed state knew, which a composite goes on from."""

    observations: tuple[ObservationKey, ...]
    """The first of those that the new composite is made of."""
    recent: xr.Dataset
    """As `prepare.recent_values.as_dataset`."""
    onset: np.ndarray
    """(y, x) days of loss, 0 = none."""
    fall: np.ndarray
    """(y, x) float32, the NDVI fall at the loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedState:
    """A state that a composite is made of."""

    observations: Sequence[ObservationKey]
    layers: xr.Dataset
    """`core.raster_layers.LAYERS`, (y, x)."""
    earlier: EarlierComposite | None = field(default=None)
    """None: all observations are read."""


def composite_of(
    context: RunContext, tile: Tile, state: ComposedState, baselines: xr.Dataset
) -> tuple[xr.Dataset, xr.Dataset]:
    """What the tile looks like since its losses, and the recent values that the next one goes on from.

    Of the first optical stream that has looked lately: (y, x) float32, NaN where nothing is known: medians of
    the last clear observations since the onset by index; `ndvi_baseline`; `fall`, the NDVI fall over the
    first clear observations since the onset.

    baselines: of the tile; all without halo.
    """
    layers, keys = state.layers, state.observations
    blank = np.full(layers["onset"].shape, np.nan, np.float32)
    made = {"ndvi": blank, "ndvi_baseline": blank, "fall": blank}
    stream = _stream(context, keys)
    if stream is None:
        return _dataset(made), xr.Dataset(attrs={"stream": "", "indices": []})
    recent = _recent(context, tile, stream, state)
    onset = np.ascontiguousarray(layers["onset"].to_numpy(), np.int64).reshape(-1)
    since = np.maximum(onset, keys[-1].day - COMPOSITE_DAYS + 1)
    for name, one in recent.now.items():
        median = one.newest_since(since, context.site.cause_rule.measures.looks)
        made[name] = (median * np.float32(INDICES[name].scale)).reshape(blank.shape)
    if any(index.index == "ndvi" for index in stream.indices):
        made["ndvi_baseline"] = _baseline(stream, baselines)
        then = _then(context, tile, stream, state, recent, onset)
        made["fall"] = made["ndvi_baseline"] - then.reshape(blank.shape)
        if state.earlier is not None and recent.before is not None:
            same = _is_kept(state.earlier, recent, onset).reshape(blank.shape)
            made["fall"] = np.where(same, state.earlier.fall, made["fall"])
    kept = {name: one.deeper(recent.depth) for name, one in recent.now.items()}
    first = context.site.event_rule.loss_looks
    return _dataset(made), as_dataset(kept, stream.stream, (len(blank), blank.shape[1])).assign_attrs(
        {FIRST: first}
    )


def _dataset(made: dict[str, np.ndarray]) -> xr.Dataset:
    return xr.Dataset({name: (("y", "x"), part) for name, part in sorted(made.items())})


def _stream(context: RunContext, keys: Sequence[ObservationKey]) -> StreamModel | None:
    """The first optical stream with an observation lately; None where there is none."""
    last = keys[-1].day if keys else 0
    lately = {key.stream for key in keys if key.day > last - COMPOSITE_DAYS}
    optical = (stream for stream in context.site.model.streams if stream.kind == "optical")
    return next((stream for stream in optical if stream.stream in lately), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recent:
    """Recent values by index."""

    depth: int
    """How many of each pixel are kept."""
    now: Mapping[str, RecentValues]
    """After all observations; of those that were kept before none is dropped."""
    before: Mapping[str, RecentValues] | None
    """Those that were kept before; None: all observations were read."""

    @property
    def ndvi_kept(self) -> RecentValues:
        """NDVI as it was kept before, which tells what was pushed out; of the first time as it is now."""
        return self.now["ndvi"] if self.before is None else self.before["ndvi"]


def _recent(context: RunContext, tile: Tile, stream: StreamModel, state: ComposedState) -> _Recent:
    site, earlier, pixels = context.site, state.earlier, state.layers["onset"].size
    first = site.event_rule.loss_looks
    depth = max(site.cause_rule.measures.looks, first)
    before, had = None, 0
    found = {name: RecentValues.none(depth, pixels) for name in COMPOSED}
    if earlier is not None and _is_usable(earlier.recent, stream.stream, depth, first):
        before, had = from_dataset(earlier.recent), len(earlier.observations)
    keys = [key for key in state.observations[had:] if key.stream == stream.stream]
    if before is not None:
        found = {name: one.deeper(depth + len(keys)) for name, one in before.items()}
    folder = context.store.observations(tile.id)
    need_days(folder, stream.stream, (key.day for key in keys))
    for key in keys:
        observation = read_observation(observation_path(folder, key.stream, key.day))
        for name in found:
            if name in observation.values:
                found[name].add(observation.values[name], key.day)
    return _Recent(depth=depth, now=found, before=before)


def _is_usable(recent: xr.Dataset, stream: str, depth: int, first: int) -> bool:
    return (
        recent.attrs.get("stream") == stream
        and tuple(recent.attrs["indices"]) == COMPOSED
        and recent.sizes.get("value") == depth
        and recent.attrs.get(FIRST) == first
    )


def _baseline(stream: StreamModel, baselines: xr.Dataset) -> np.ndarray:
    """Mean NDVI of the history, (y, x) float32; NaN where there is none."""
    scale = next(index.scale for index in stream.indices if index.index == "ndvi")
    terms = baselines[name_of(stream.stream, "ndvi", "terms")][0].to_numpy().astype(np.float32)
    has_baseline = baselines[name_of(stream.stream, "ndvi", "sigma")].to_numpy() > 0
    return np.where(has_baseline, terms * np.float32(scale), np.float32(np.nan))


def _is_kept(earlier: EarlierComposite, recent: _Recent, onset: np.ndarray) -> np.ndarray:
    """Pixels whose fall does not change any more: more values than it needs lay between the same onset and
    the earlier state. (pixels,) bool.
    """
    lost = onset > 0
    return lost & ~recent.ndvi_kept.reach_before(np.maximum(onset, 1)) & (earlier.onset.reshape(-1) == onset)


def _then(
    context: RunContext,
    tile: Tile,
    stream: StreamModel,
    state: ComposedState,
    recent: _Recent,
    onset: np.ndarray,
) -> np.ndarray:
    """NDVI at the loss, (pixels,) float32, NaN where there was none, nothing was seen, or the earlier fall
    stands.

    Where values since the onset were pushed out and no earlier fall stands they are read again.
    """
    count, scale = context.site.event_rule.loss_looks, np.float32(INDICES["ndvi"].scale)
    then = recent.now["ndvi"].first_since(np.maximum(onset, 1), count) * scale
    then[onset == 0] = np.nan
    lacking = (onset > 0) & ~recent.ndvi_kept.reach_before(np.maximum(onset, 1))
    if state.earlier is not None and recent.before is not None:
        lacking &= ~_is_kept(state.earlier, recent, onset)
    pixels = np.flatnonzero(lacking)
    if pixels.size:
        first = int(onset[pixels].min())
        keys = [key for key in state.observations if key.stream == stream.stream and key.day >= first]
        side = state.layers["onset"].shape[1]
        rows = pixels // side
        top, height = int(rows.min()), int(rows.max() - rows.min()) + 1
        folder = context.store.observations(tile.id)
        need_days(folder, stream.stream, (key.day for key in keys))
        values = [
            read_rows([observation_path(folder, key.stream, key.day)], "ndvi", top, height)[0] for key in keys
        ]
        stack = np.stack([one[rows - top, pixels % side] for one in values])[:, None, :]
        read = xr.DataArray(
            stack,
            dims=("time", "y", "x"),
            coords={"time": to_times(np.array([key.day for key in keys], np.int64))},
            attrs={"scale": float(scale)},
        )
        found = loss_composite(read, xr.DataArray(onset[pixels][None, :], dims=("y", "x")), count)
        then[pixels] = found.to_numpy()[0]
    return then
