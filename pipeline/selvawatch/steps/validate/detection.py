"""The detector over the looks of a validation: history to baselines, then day by day."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import xarray as xr

from selvawatch.core.days import to_times
from selvawatch.core.look import Look
from selvawatch.detect.baseline import fit_baselines, forest_reason
from selvawatch.detect.fusion import advance, layers, start
from selvawatch.detect.model import Model
from selvawatch.errors import LayerError

_KINDS = ("optical", "radar", "joint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the detector said of each pixel. All arrays are (y, x)."""

    confirmed_on: np.ndarray
    """int64: day of confirmation, 0 = never."""
    score: np.ndarray
    """float64: highest running sum over its confirmation threshold, the largest of the three accumulators."""
    watched: np.ndarray
    """bool: the pixel was monitored."""
    last_day: int
    """Day of the last look."""


def watch(
    model: Model,
    baselines: xr.Dataset,
    reason: xr.DataArray,
    looks: Iterable[Look],
    *,
    resolution: float,
    workers: int = 1,
) -> Watched:
    """Confirmation day and highest evidence of each pixel after looks in order of day.

    baselines, reason: as `detect.baseline` gives them. resolution: metres of a pixel.
    """
    state = start(model, reason, resolution=resolution)
    score = np.zeros((reason.sizes["y"], reason.sizes["x"]))
    limits = (model.optical, model.radar, model.joint)
    for _, same_day in groupby(looks, key=lambda look: look.day):
        state = advance(model, baselines, state, list(same_day), workers=workers)
        for kind, limit in zip(_KINDS, limits, strict=True):
            reached = state[f"sum_{kind}"].to_numpy() * (model.unit / limit.confirmed_alone)
            np.maximum(score, reached, out=score)
    said = layers(state)
    return Watched(
        confirmed_on=said["confirmed_on"].to_numpy().astype(np.int64),
        score=score,
        watched=reason.to_numpy() == 0,
        last_day=int(state.attrs["until"]),
    )


def histories(model: Model, looks: Sequence[Look]) -> dict[tuple[str, str], xr.DataArray]:
    """Stacks (time, y, x) int16 by stream and index, of what the model reads of looks in order of day."""
    grouped: dict[tuple[str, str], list[Look]] = defaultdict(list)
    for look in looks:
        if model.knows(look.stream):
            for index in model.stream(look.stream).indices:
                if index.index in look.values:
                    grouped[look.stream, index.index].append(look)
    return {
        key: xr.DataArray(
            np.stack([look.values[key[1]] for look in chosen]),
            dims=("time", "y", "x"),
            coords={"time": to_times(np.array([look.day for look in chosen]))},
            attrs={"scale": chosen[0].scales[key[1]]},
        )
        for key, chosen in sorted(grouped.items())
    }


def baselines_of(
    model: Model, history: Sequence[Look], shape: tuple[int, int], forest: np.ndarray | None
) -> tuple[xr.Dataset, xr.DataArray]:
    """Baselines, and why each pixel is not monitored, from a history (none: the model's fallback).

    forest: (y, x) bool; pixels that are forest for certain, and the neighbourhood of the fallback; None: the
    history alone decides.
    """
    mask = None if forest is None else xr.DataArray(forest.reshape(shape), dims=("y", "x"))
    stacks = histories(model, history)
    if not stacks and mask is None:
        raise LayerError("there is neither a history nor a forest mask", needed="one of them")
    baselines = fit_baselines(model, stacks, forest=mask)
    return baselines, forest_reason(model, baselines, mask)


def known_to(model: Model, looks: Iterable[Look]) -> list[Look]:
    """Looks under the names of the model's streams; a sensor without its orbit takes the first that fits.

    Raises
    ------
    LayerError
        When the model reads none of them.
    """
    streams = [stream.stream for stream in model.streams]
    renamed: list[Look] = []
    for look in looks:
        stream = next((name for name in streams if name == look.stream), None)
        if stream is None:
            stream = next((name for name in streams if name.startswith(f"{look.stream}-")), None)
        if stream is None or not {index.index for index in model.stream(stream).indices} & set(look.values):
            continue
        renamed.append(
            look
            if stream == look.stream
            else Look(
                day=look.day,
                stream=stream,
                values=look.values,
                scales=look.scales,
                scene_ids=look.scene_ids,
                clear_share=look.clear_share,
            )
        )
    if not renamed:
        raise LayerError(f"model {model.name} reads none of the looks", needed=streams)
    return renamed
