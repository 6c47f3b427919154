"""Baselines of all indices of a tile, and which of its pixels can be monitored."""

from collections.abc import Hashable, Mapping, Sequence

import dask
import dask.array as da
import numpy as np
import xarray as xr

from selvawatch.core.days import day_numbers
from selvawatch.core.stack import NODATA, check_stack
from selvawatch.core.status import Reason
from selvawatch.detect import harmonic
from selvawatch.detect.kernels import harmonic as kernels
from selvawatch.detect.model import IndexModel, Model, SpatialReference, StreamModel
from selvawatch.detect.spatial_reference import forest_level
from selvawatch.errors import StackError

PARTS = ("terms", "sigma", "looks", "kept", "shift")
"""What is kept for each index: 15 bytes per pixel with two harmonics, 11 with one."""

NEIGHBOURHOOD = "reference_forest"
"""Variable that holds the fixed forest neighbourhood of the spatial reference."""


def name_of(stream: str, index: str, part: str) -> str:
    """Name of a variable of a tile's baselines."""
    return f"{stream}.{index}.{part}"


def fit_baselines(
    model: Model,
    stacks: Mapping[tuple[str, str], xr.DataArray],
    *,
    forest: xr.DataArray | None = None,
    around: xr.DataArray | None = None,
    workers: int = 1,
) -> xr.Dataset:
    """Baselines of a tile, one set of `PARTS` for each index of the model; lazy where the stacks are.

    `terms` and `sigma` as `harmonic.fit` says, in stored units; sigma 0: no baseline; sigma < 0: the declared
    fallback (the day's forest around plus term 0, with sigma -sigma). The fallback is used only for pixels of
    `forest` whose history is short, and takes its few observations into account; a history that is unstable
    gets no baseline.

    stacks: int16 (time, y, x) histories by stream and index; an index of the model that is absent has no
    history. forest: (y, x) bool, fixed forest from outside; None: no fallback anywhere. around: (y, x) bool,
    where the forest lies whose values stand in for a history; None: everywhere. workers: threads for stacks
    in memory.

    Raises
    ------
    StackError
        When there is neither a stack nor a forest mask, shapes differ, or a stack's scale is not the model's.
    """
    shape, coordinates = _plane(stacks, forest)
    variables: dict[str, tuple[tuple[str, ...], np.ndarray | da.Array]] = {}
    absent: dict[int, dict[str, tuple[tuple[str, ...], np.ndarray | da.Array]]] = {}
    fallback = False
    known = None if forest is None else forest.to_numpy().astype(bool)
    near = known if known is None or around is None else known & around.to_numpy().astype(bool)
    fitted = _fit_all(model, stacks, known, near, workers)
    for stream, index in model.pairs():
        mask = known if index.reference is not None else None
        fallback = fallback or mask is not None
        planes = fitted.get((stream.stream, index.index))
        if planes is None and mask is None:
            terms = index.harmonic.terms
            if terms not in absent:
                absent[terms] = _split(_nothing(index, shape), terms)
            parts = absent[terms]
            variables |= {name_of(stream.stream, index.index, part): value for part, value in parts.items()}
            continue
        if planes is None:
            planes = _baseline_planes(_nothing(index, shape), None, mask, None, index)
        for part, value in _split(planes, index.harmonic.terms).items():
            variables[name_of(stream.stream, index.index, part)] = value
    if fallback and near is not None:
        variables[NEIGHBOURHOOD] = (("y", "x"), near)
    return xr.Dataset(variables, coords=coordinates, attrs={"model": model.digest})


def forest_reason(
    model: Model, baselines: xr.Dataset, external_forest: xr.DataArray | None = None
) -> xr.DataArray:
    """Why each pixel is not monitored, (y, x) uint8 of `Reason`; lazy where the baselines are.

    Forest is what the history shows (a high, quiet, stable index), within `external_forest` where that is
    given; where the history is too short to show it, the external mask alone decides.
    """
    blank = xr.zeros_like(
        baselines[next(name for name in baselines if str(name).endswith(".sigma"))], dtype=bool
    )
    seen = long = usable = low = noisy = decided = blank
    for stream, index in model.pairs():
        if not index.counts:
            continue
        observations, sigma = (
            baselines[name_of(stream.stream, index.index, part)] for part in ("looks", "sigma")
        )
        usable = usable | (sigma != 0)
        if stream.kind == "optical":
            seen = seen | (observations > 0)
            long = long | (observations >= index.harmonic.minimum_looks)
    for rule in model.forest:
        for stream, index in model.pairs():
            if stream.kind == "optical" and index.index == rule.index:
                terms, sigma = (
                    baselines[name_of(stream.stream, index.index, part)] for part in ("terms", "sigma")
                )
                open_ = (sigma > 0) & ~decided
                low = low | (open_ & (terms[0] < rule.minimum_level / index.scale))
                noisy = noisy | (open_ & (sigma > rule.maximum_sigma / index.scale))
                decided = decided | open_
    forest = ~blank if external_forest is None else external_forest.astype(bool)
    watched = usable & (decided if external_forest is None else ~blank)
    reason = xr.where(watched, np.uint8(Reason.MONITORED), np.uint8(Reason.SHORT_HISTORY))
    reason = xr.where(~watched & long, np.uint8(Reason.UNSTABLE_HISTORY), reason)
    reason = xr.where(~watched & ~seen, np.uint8(Reason.NEVER_CLEAR), reason)
    reason = xr.where(noisy, np.uint8(Reason.UNSTABLE_HISTORY), reason)
    reason = xr.where(low | ~forest, np.uint8(Reason.NOT_FOREST), reason)
    return reason.astype(np.uint8).rename("reason")


def _plane(
    stacks: Mapping[tuple[str, str], xr.DataArray], forest: xr.DataArray | None
) -> tuple[tuple[int, int], dict[str, xr.DataArray]]:
    planes_of = [stack.isel(time=0, drop=True) for stack in stacks.values()]
    planes_of += [] if forest is None else [forest]
    if not planes_of:
        raise StackError("there is neither a history nor a forest mask", needed="at least one of them")
    shapes = {(plane.sizes["y"], plane.sizes["x"]) for plane in planes_of}
    if len(shapes) > 1:
        raise StackError("histories and forest mask differ in shape", got=sorted(shapes), needed="one (y, x)")
    coordinates = {name: planes_of[0].coords[name] for name in ("y", "x") if name in planes_of[0].coords}
    return shapes.pop(), coordinates


def _check_scale(stream: StreamModel, index: IndexModel, stack: xr.DataArray) -> None:
    scale = float(stack.attrs["scale"]) if "scale" in stack.attrs else None
    if scale != index.scale:
        raise StackError(
            "a history has another scale than the model",
            where=f"{stream.stream} {index.index}",
            got=scale,
            needed=index.scale,
        )


def _nothing(index: IndexModel, shape: tuple[int, int]) -> np.ndarray:
    return np.zeros((index.harmonic.terms + kernels.EXTRA, *shape), np.int16)


def _fit_all(
    model: Model,
    stacks: Mapping[tuple[str, str], xr.DataArray],
    forest: np.ndarray | None,
    near: np.ndarray | None,
    workers: int,
) -> dict[tuple[str, str], np.ndarray | da.Array]:
    """Quantised planes, (terms + EXTRA, y, x) int16, of the indices that have a history.

    Indices of a stream with the same dates, chunks and rule of the fit are fitted together.
    """
    groups: dict[tuple[Hashable, ...], list[IndexModel]] = {}
    for stream, index in model.pairs():
        stack = stacks.get((stream.stream, index.index))
        if stack is None:
            continue
        _check_scale(stream, index, check_stack(stack))
        rule, dates = index.harmonic, stack["time"].values.tobytes()
        alike = (stream.stream, rule.harmonics, rule.ridge, rule.screens, dates, stack.chunks)
        groups.setdefault(alike, []).append(index)
    return {
        (str(alike[0]), index.index): planes
        for alike, indices in groups.items()
        for index, planes in zip(
            indices,
            _fit([stacks[str(alike[0]), index.index] for index in indices], forest, near, indices, workers),
            strict=True,
        )
    }


def _fit(
    stacks: Sequence[xr.DataArray],
    forest: np.ndarray | None,
    near: np.ndarray | None,
    indices: Sequence[IndexModel],
    workers: int,
) -> Sequence[np.ndarray | da.Array]:
    """Quantised planes of indices of the same dates, chunks and rule of the fit."""
    days, rule, chunks = day_numbers(stacks[0]["time"].values), indices[0].harmonic, stacks[0].chunks
    masks = [forest if index.reference is not None else None for index in indices]
    if chunks is None:
        blocks = [stack.to_numpy() for stack in stacks]
        fitted = harmonic.fit_together(blocks, days, rule, workers)
        return [
            _baseline_planes(planes, block, mask, _levels(planes, block, mask, near, index), index)
            for planes, block, mask, index in zip(fitted, blocks, masks, indices, strict=True)
        ]
    arguments: list[da.Array | None] = [stack.data for stack in stacks]
    for stack, mask, index in zip(stacks, masks, indices, strict=True):
        if index.reference is None or mask is None or near is None:
            arguments += [None, None]
            continue
        level = dask.delayed(_level)
        observations = [
            da.from_delayed(level(observation, near, index.reference), (), np.float64)
            for observation in stack.data
        ]
        arguments += [
            da.from_array(mask, chunks=chunks[1:])[None],
            da.stack(observations).rechunk(-1)[:, None, None],
        ]
    terms = rule.terms + kernels.EXTRA
    fitted = da.map_blocks(
        _fit_chunk,
        *arguments,
        days=days,
        indices=tuple(indices),
        dtype=np.int16,
        chunks=((len(indices) * terms,), *chunks[1:]),
        meta=np.empty((0, 0, 0), np.int16),
    )
    return [fitted[number * terms : (number + 1) * terms] for number in range(len(indices))]


def _levels(
    planes: np.ndarray,
    block: np.ndarray,
    forest: np.ndarray | None,
    near: np.ndarray | None,
    index: IndexModel,
) -> np.ndarray | None:
    """(time,) float64 levels of the forest around, where a history is so short that they are needed."""
    rule = index.reference
    if rule is None or forest is None or near is None or not _short(planes, forest, index).any():
        return None
    return np.array([forest_level(observation, near, rule) for observation in block])


def _level(observation: np.ndarray, forest: np.ndarray, rule: SpatialReference) -> np.ndarray:
    return np.array(forest_level(observation, forest, rule))


def _fit_chunk(
    *arguments: np.ndarray | None, days: np.ndarray, indices: tuple[IndexModel, ...]
) -> np.ndarray:
    """Planes of a block's indices, one index behind the other; arguments: the block of each index, (time, y,
    x), and then its forest, (1, y, x), and levels, (time, 1, 1).
    """
    count = len(indices)
    blocks = [block for block in arguments[:count] if block is not None]
    fitted = harmonic.fit_together(blocks, days, indices[0].harmonic, 1)
    masks, levels = arguments[count::2], arguments[count + 1 :: 2]
    for planes, block, mask, level, index in zip(fitted, blocks, masks, levels, indices, strict=True):
        _baseline_planes(
            planes,
            block,
            None if mask is None else mask[0],
            None if level is None else level[:, 0, 0],
            index,
        )
    return fitted.reshape(-1, *fitted.shape[2:])


def _short(planes: np.ndarray, forest: np.ndarray, index: IndexModel) -> np.ndarray:
    return forest & (planes[index.harmonic.terms + 1] < index.harmonic.minimum_looks)


def _baseline_planes(
    planes: np.ndarray,
    block: np.ndarray | None,
    forest: np.ndarray | None,
    levels: np.ndarray | None,
    index: IndexModel,
) -> np.ndarray:
    """The planes, in place, with unusable histories taken out and the fallback put in."""
    rule, terms = index.harmonic, index.harmonic.terms
    sigma, observations, kept, shift = planes[terms:]
    good = (
        (sigma > 0)
        & (observations >= rule.minimum_looks)
        & (kept >= round(100 * rule.minimum_share))
        & (shift <= round(20 * rule.maximum_shift))
    )
    if not good.all():
        planes[: terms + 1] *= good
    if index.reference is not None and forest is not None:
        falls = _short(planes, forest, index)
        count = np.zeros(int(falls.sum()), np.int64)
        middle = np.zeros(count.size)
        if block is not None and levels is not None and count.size:
            differences = np.where(block[:, falls] == NODATA, np.nan, block[:, falls] - levels[:, None])
            count = np.isfinite(differences).sum(axis=0)
            some = count > 0
            middle[some] = np.nanmedian(differences[:, some], axis=0)
        level, spread = index.reference.level_of(middle * index.scale, count)
        planes[0][falls] = np.rint(level / index.scale).astype(np.int16)
        planes[terms][falls] = -np.rint(spread / index.scale).astype(np.int16)
    return planes


def _split(
    planes: np.ndarray | da.Array, terms: int
) -> dict[str, tuple[tuple[str, ...], np.ndarray | da.Array]]:
    plane = ("y", "x")
    return {
        "terms": ((f"term{terms}", *plane), planes[:terms]),
        "sigma": (plane, planes[terms]),
        "looks": (plane, planes[terms + 1].astype(np.uint8)),
        "kept": (plane, planes[terms + 2].astype(np.uint8)),
        "shift": (plane, planes[terms + 3].astype(np.uint8)),
    }
