"""What a tile looks like since its losses: what causes are told from."""

from collections.abc import Mapping, Sequence

import dask
import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.grid import Tile
from selvawatch.detect.baseline import name_of
from selvawatch.detect.model import StreamModel
from selvawatch.events.composite import after_composite, loss_composite
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.steps.tile.observations import stack_of
from selvawatch.store.run_plan import RunContext

COMPOSITE_DAYS = 365
"""Observations this far back may enter the composites that causes are told from, days."""


def composites_of(
    context: RunContext,
    tile: Tile,
    states: Sequence[tuple[Sequence[ObservationKey], xr.Dataset]],
    baselines: xr.Dataset,
) -> list[xr.Dataset]:
    """What the tile looks like since its losses, as of several days; an observation is read once for all.

    Each is of the first optical stream that has looked lately: (y, x) float32, NaN where nothing is known:
    medians of the last clear observations since the onset by index; `ndvi_baseline`; `fall`, the NDVI fall
    over the first clear observations since the onset.

    states: observations and LAYERS (y, x) of each. baselines: of the tile; all without halo.
    """
    streams = [_stream(context, keys) for keys, _ in states]
    stacks = {
        name: _stacks(context, tile, found, [keys for keys, _ in states])
        for name, found in {found.stream: found for found in streams if found is not None}.items()
    }
    lazy = [
        {} if found is None else _lazy(context, found, stacks[found.stream], keys, layers["onset"])
        for found, (keys, layers) in zip(streams, states, strict=True)
    ]
    made = dask.compute(*lazy)
    return [
        _composite(found, parts, layers, baselines)
        for found, parts, (_, layers) in zip(streams, made, states, strict=True)
    ]


def _stream(context: RunContext, keys: Sequence[ObservationKey]) -> StreamModel | None:
    """The first optical stream with an observation lately; None where there is none."""
    for stream in context.site.model.streams:
        if stream.kind == "optical" and _lately(keys, stream.stream):
            return stream
    return None


def _lately(keys: Sequence[ObservationKey], stream: str) -> list[int]:
    last = keys[-1].day if keys else 0
    return [key.day for key in keys if key.stream == stream and key.day > last - COMPOSITE_DAYS]


def _stacks(
    context: RunContext, tile: Tile, stream: StreamModel, several: Sequence[Sequence[ObservationKey]]
) -> Mapping[str, xr.DataArray]:
    """Lazy stacks by index over all days that any composite of a stream needs."""
    folder = context.store.observations(tile.id)
    lately = sorted({day for keys in several for day in _lately(keys, stream.stream)})
    every = sorted({key.day for keys in several for key in keys if key.stream == stream.stream})
    ndvi = any(index.index == "ndvi" for index in stream.indices)
    names = read_observation(observation_path(folder, stream.stream, lately[-1])).values
    return {
        name: stack_of(folder, stream.stream, name, every if name == "ndvi" and ndvi else lately)
        for name in (*names, *(["ndvi"] if ndvi and "ndvi" not in names else []))
    }


def _lazy(
    context: RunContext,
    stream: StreamModel,
    stacks: Mapping[str, xr.DataArray],
    keys: Sequence[ObservationKey],
    onset: xr.DataArray,
) -> dict[str, xr.DataArray]:
    """Medians by index since the onset, and `then`, of NDVI at the loss; not computed yet."""
    site, found = context.site, {}
    lately, every = _lately(keys, stream.stream), [key.day for key in keys if key.stream == stream.stream]
    for name, stack in stacks.items():
        found[name] = after_composite(
            _on_days(stack, lately), _on(stack, onset), site.cause_rule.measures.looks
        )
    if any(index.index == "ndvi" for index in stream.indices):
        stack = stacks["ndvi"]
        found["then"] = loss_composite(_on_days(stack, every), _on(stack, onset), site.event_rule.loss_looks)
    return found


def _composite(
    stream: StreamModel | None,
    parts: Mapping[str, xr.DataArray],
    layers: xr.Dataset,
    baselines: xr.Dataset,
) -> xr.Dataset:
    blank = np.full(layers["onset"].shape, np.nan, np.float32)
    made = {"ndvi": blank, "ndvi_baseline": blank, "fall": blank}
    made |= {name: part.to_numpy() for name, part in parts.items() if name != "then"}
    if stream is not None and "then" in parts:
        scale = next(index.scale for index in stream.indices if index.index == "ndvi")
        terms = baselines[name_of(stream.stream, "ndvi", "terms")][0].to_numpy().astype(np.float32)
        has_baseline = baselines[name_of(stream.stream, "ndvi", "sigma")].to_numpy() > 0
        made["ndvi_baseline"] = np.where(has_baseline, terms * np.float32(scale), np.float32(np.nan))
        made["fall"] = made["ndvi_baseline"] - parts["then"].to_numpy()
    return xr.Dataset({name: (("y", "x"), part) for name, part in sorted(made.items())})


def _on_days(stack: xr.DataArray, days: Sequence[int]) -> xr.DataArray:
    return stack.sel(time=to_times(np.array(days, np.int64)))


def _on(stack: xr.DataArray, layer: xr.DataArray) -> xr.DataArray:
    return layer.assign_coords(y=stack["y"], x=stack["x"])
