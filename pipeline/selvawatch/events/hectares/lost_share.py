"""How much of each pixel was lost, by its NDVI fall against that of its event's core: which pixels an event
keeps, and its hectares by shares of pixels.
"""

import numpy as np

from selvawatch.events.patches import EventRule, Pixels, touching


def mostly_lost(pixels: Pixels, labels: np.ndarray, rule: EventRule) -> np.ndarray:
    """Whether each pixel was lost for the most part, bool: its NDVI fall against that of its patch's core.

    A sensor of 30 m, a radar box and mixed pixels spread a loss over its rim; the fall of the first
    observations tells what was lost. A pixel whose fall was not measured is kept.

    labels: (n,) int patch of each pixel; so is what comes back.
    """
    needed = np.maximum(rule.least_fall, rule.lost_share * _core(pixels, labels, rule))
    return ~(pixels.fall < needed)


def subpixel_px(
    pixels: Pixels, event: np.ndarray, is_shown: np.ndarray, count: int, rule: EventRule
) -> np.ndarray:
    """Sub-pixel area of each event: its pixels by the shares of them that were lost, (events,) float64.

    NaN where nothing is lost now, or the falls of less than half of its pixels are known.

    A pixel that all its neighbours lie in the outline with counts whole, whatever it became. The share of one
    of the rim is its NDVI fall over that of the event's core, 1 at most, and below `least_fall` 0. The pixels
    that were lost for less than `lost_share` and are not shown count with their shares too: without them the
    sum would be too small by what the rim lost there. A pixel that is shown and whose fall is not known
    counts whole.

    event: (n,) int event of each pixel, -1 = none. is_shown: (n,) bool, pixels of outlines.
    """
    inside = (event >= 0) & pixels.is_live
    live, owner, shown = pixels.select(inside), event[inside], is_shown[inside]
    core, near = _core(live, owner, rule), touching(live)
    is_within = ((near >= 0) & shown[near] & (owner[near] == owner[:, None])).all(axis=1)
    is_known = np.isfinite(live.fall)
    is_part = is_known & ~(is_within & shown) & (core > 0)
    share = np.divide(live.fall, core, out=np.ones(len(live), np.float64), where=is_part)
    lost = np.where(is_part & (live.fall < rule.least_fall), 0.0, np.clip(share, 0.0, 1.0))
    total = np.bincount(owner, lost, count)
    measured, size = (np.bincount(owner[which], minlength=count) for which in (shown & is_known, shown))
    return np.where((measured > 0) & (measured >= rule.measured_share * size), total, np.nan)


def _core(pixels: Pixels, labels: np.ndarray, rule: EventRule) -> np.ndarray:
    """NDVI fall of the core of each pixel's patch, at most that to bare soil, (n,); NaN: not known."""
    known = np.flatnonzero(np.isfinite(pixels.fall))
    if not known.size:
        return np.full(len(pixels), np.nan, np.float32)
    order = known[np.lexsort((pixels.fall[known], labels[known]))]
    patch, first, count = np.unique(labels[order], return_index=True, return_counts=True)
    core = np.full(int(labels.max()) + 1, np.nan, np.float32)
    position = first + np.floor((count - 1) * rule.core_quantile).astype(np.int64)
    core[patch] = np.minimum(pixels.fall[order[position]], np.float32(rule.bare_fall))
    return core[labels]
