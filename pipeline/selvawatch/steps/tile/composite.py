"""What a tile looks like since its losses: what causes are told from."""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from selvawatch.core.grid import Tile
from selvawatch.detect.baseline import name_of
from selvawatch.events.composite import after_composite, loss_composite
from selvawatch.prepare.observation_files import observation_path, read_observation
from selvawatch.prepare.observation_keys import ObservationKey
from selvawatch.steps.tile.observations import stack_of
from selvawatch.store.run_plan import RunContext

COMPOSITE_DAYS = 365
"""Observations this far back may enter the composites that causes are told from, days."""


def composite_of(
    context: RunContext,
    tile: Tile,
    keys: Sequence[ObservationKey],
    layers: xr.Dataset,
    baselines: xr.Dataset,
) -> xr.Dataset:
    """What the tile looks like since its losses, of the first optical stream that has looked lately.

    layers: LAYERS of the tile; baselines: its own; both (y, x) without halo.

    (y, x) float32, NaN where nothing is known: medians of the last clear observations since the onset by
    index; `ndvi_baseline`; `fall`, the NDVI fall over the first clear observations since the onset.
    """
    blank = np.full(layers["onset"].shape, np.nan, np.float32)
    parts = {"ndvi": blank, "ndvi_baseline": blank, "fall": blank}
    last = keys[-1].day if keys else 0
    site, folder = context.site, context.store.observations(tile.id)
    for stream in (stream for stream in site.model.streams if stream.kind == "optical"):
        days = [key.day for key in keys if key.stream == stream.stream]
        lately = [day for day in days if day > last - COMPOSITE_DAYS]
        if not lately:
            continue
        for index in read_observation(observation_path(folder, stream.stream, lately[-1])).values:
            stack = stack_of(folder, stream.stream, index, lately)
            parts[index] = after_composite(
                stack, _on(stack, layers["onset"]), site.cause_rule.measures.looks
            ).to_numpy()
        if any(index.index == "ndvi" for index in stream.indices):
            scale = next(index.scale for index in stream.indices if index.index == "ndvi")
            terms = baselines[name_of(stream.stream, "ndvi", "terms")][0].to_numpy().astype(np.float32)
            has_baseline = baselines[name_of(stream.stream, "ndvi", "sigma")].to_numpy() > 0
            parts["ndvi_baseline"] = np.where(has_baseline, terms * np.float32(scale), np.float32(np.nan))
            stack = stack_of(folder, stream.stream, "ndvi", days)
            then = loss_composite(stack, _on(stack, layers["onset"]), site.event_rule.loss_looks).to_numpy()
            parts["fall"] = parts["ndvi_baseline"] - then
        break
    return xr.Dataset({name: (("y", "x"), part) for name, part in sorted(parts.items())})


def _on(stack: xr.DataArray, layer: xr.DataArray) -> xr.DataArray:
    return layer.assign_coords(y=stack["y"], x=stack["x"])
