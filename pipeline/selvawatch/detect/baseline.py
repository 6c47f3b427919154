"""Baselines of all indices of a tile, and which of its pixels can be monitored."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from selvawatch.core.status import Reason
from selvawatch.detect import harmonic
from selvawatch.detect.model import IndexModel, Model, StreamModel
from selvawatch.errors import StackError

PARTS = ("terms", "sigma", "looks", "kept", "shift")
"""What is kept for each index; 8 to 16 bytes per pixel with one or two harmonics."""

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
    workers: int = 1,
) -> xr.Dataset:
    """Baselines of a tile, one set of `PARTS` for each index of the model; lazy where the stacks are.

    `terms` and `sigma` as `harmonic.fit` says, in stored units; sigma 0: no baseline; sigma < 0: the declared fallback
    (the day's forest around plus term 0, with sigma -sigma). The fallback is used only for pixels of `forest` whose
    history is short; a history that holds a break gets no baseline.

    stacks: int16 (time, y, x) histories by stream and index; an index of the model that is absent has no history.
    forest: (y, x) bool, fixed forest from outside; None: no fallback anywhere. workers: threads per stack in memory.

    Raises
    ------
    StackError
        When there is neither a stack nor a forest mask, shapes differ, or a stack's scale is not the model's.
    """
    shape, coordinates = _ground(stacks, forest)
    parts: dict[str, xr.DataArray] = {}
    fallback = False
    for stream, index in model.pairs():
        stack = stacks.get((stream.stream, index.index))
        if stack is None:
            fitted = _nothing(index, shape)
        else:
            _check_scale(stream, index, stack)
            fitted = harmonic.fit(stack, index.harmonic, workers=workers)
        settled = _settle(fitted, index, forest)
        fallback = fallback or (forest is not None and index.reference is not None)
        for part in PARTS:
            parts[name_of(stream.stream, index.index, part)] = settled[part].variable
    if fallback and forest is not None:
        parts[NEIGHBOURHOOD] = forest.astype(bool).variable
    return xr.Dataset(parts, coords=coordinates, attrs={"model": model.digest})


def forest_reason(
    model: Model, baselines: xr.Dataset, external_forest: xr.DataArray | None = None
) -> xr.DataArray:
    """Why each pixel is not monitored, (y, x) uint8 of `Reason`; `MONITORED` where it is; lazy where the baselines are.

    Forest is what the history shows (a high, quiet, stable index), within `external_forest` where that is given.
    """
    deciding = [
        (stream, index, rule)
        for rule in model.forest
        for stream, index in model.pairs()
        if stream.kind == "optical" and index.index == rule.index
    ]
    looks, whole, broken, usable, low, noisy, decided = (None,) * 7
    first = next(iter(baselines.data_vars.values()))
    blank = xr.zeros_like(baselines[name_of(*_first(model), "sigma")], dtype=bool)
    looks = whole = broken = usable = low = noisy = decided = blank
    del first
    for stream, index in model.pairs():
        part = {name: baselines[name_of(stream.stream, index.index, name)] for name in PARTS}
        looks = looks | (part["looks"] > 0)
        whole = whole | (part["looks"] >= index.harmonic.minimum_looks)
        usable = usable | (part["sigma"] != 0)
    for stream, index, rule in deciding:
        sigma = baselines[name_of(stream.stream, index.index, "sigma")]
        level = baselines[name_of(stream.stream, index.index, "terms")][0]
        counts = (sigma > 0) & ~decided
        low = low | (counts & (level < rule.minimum_level / index.scale))
        noisy = noisy | (counts & (sigma > rule.maximum_sigma / index.scale))
        decided = decided | counts
    known = decided if external_forest is None else decided | external_forest.astype(bool)
    reason = xr.full_like(blank, int(Reason.MONITORED), dtype=np.uint8)
    reason = xr.where(usable & known, reason, np.uint8(Reason.SHORT_HISTORY))
    reason = xr.where(~usable & whole, np.uint8(Reason.UNSTABLE_HISTORY), reason)
    reason = xr.where(~usable & ~looks, np.uint8(Reason.NEVER_CLEAR), reason)
    reason = xr.where(noisy, np.uint8(Reason.UNSTABLE_HISTORY), reason)
    reason = xr.where(low, np.uint8(Reason.NOT_FOREST), reason)
    if external_forest is not None:
        reason = xr.where(external_forest.astype(bool), reason, np.uint8(Reason.NOT_FOREST))
    return reason.astype(np.uint8).rename("reason")


def _first(model: Model) -> tuple[str, str]:
    stream, index = next(model.pairs())
    return stream.stream, index.index


def _ground(
    stacks: Mapping[tuple[str, str], xr.DataArray], forest: xr.DataArray | None
) -> tuple[tuple[int, int], dict[str, xr.DataArray]]:
    grounds = [stack.isel(time=0, drop=True) for stack in stacks.values()] + (
        [] if forest is None else [forest]
    )
    if not grounds:
        raise StackError("there is neither a history nor a forest mask", needed="at least one of them")
    shapes = {(ground.sizes["y"], ground.sizes["x"]) for ground in grounds}
    if len(shapes) > 1:
        raise StackError("histories and forest mask differ in shape", got=sorted(shapes), needed="one (y, x)")
    coordinates = {name: grounds[0].coords[name] for name in ("y", "x") if name in grounds[0].coords}
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


def _nothing(index: IndexModel, shape: tuple[int, int]) -> xr.Dataset:
    terms = index.harmonic.terms
    small = {part: (("y", "x"), np.zeros(shape, np.uint8)) for part in ("looks", "kept", "shift")}
    return xr.Dataset(
        {
            "terms": ((f"term{terms}", "y", "x"), np.zeros((terms, *shape), np.int16)),
            "sigma": (("y", "x"), np.zeros(shape, np.int16)),
            **small,
        }
    )


def _settle(fitted: xr.Dataset, index: IndexModel, forest: xr.DataArray | None) -> xr.Dataset:
    """The fit with unusable histories taken out and the fallback put in."""
    rule = index.harmonic
    long = fitted["looks"] >= rule.minimum_looks
    good = (
        long
        & (fitted["sigma"] > 0)
        & (fitted["kept"] >= round(100 * rule.minimum_share))
        & (fitted["shift"] <= round(20 * rule.maximum_shift))
    )
    zero = np.int16(0)
    sigma = xr.where(good, fitted["sigma"], zero)
    terms = fitted["terms"].where(good, zero)
    reference = index.reference
    if reference is not None and forest is not None:
        falls = ~long & forest.astype(bool).variable
        sigma = xr.where(falls, np.int16(-max(1, round(reference.evidence.sigma_floor / index.scale))), sigma)
        level = np.zeros(terms.shape[:1], np.int16)
        level[0] = round(reference.offset / index.scale)
        terms = terms.where(~falls, xr.DataArray(level, dims=terms.dims[:1]))
    return fitted.assign(terms=terms.astype(np.int16), sigma=sigma.astype(np.int16))
