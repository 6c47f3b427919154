"""How far around a tile its state must reach."""

import math

from selvawatch.detect.dieback import REACH_PX
from selvawatch.detect.model import Model
from selvawatch.detect.shift_rule import CommonShift

_APART = 2**40


def halo_px(model: Model, rule: CommonShift, resolution: float, tile_px: int) -> int:
    """Pixels around a tile that its state must cover to be that of any other tiling of the grid.

    As far as neighbours support and fall together, and from there to the end of the blocks that a shift is
    measured in: whole blocks where a tile is cut into whole blocks, else as much as one could need.
    """
    reach = halo(model, resolution) if rule.dieback is None else max(halo(model, resolution), REACH_PX)
    by_blocks = rule.slow is not None or any(stream.haze is not None for stream in model.streams)
    if not by_blocks and not any(limit > 0 for limit in rule.most.values()):
        return reach
    if tile_px % rule.block_px == 0:
        return -(-reach // rule.block_px) * rule.block_px
    return reach + rule.block_px - 1


def halo(model: Model, resolution: float) -> int:
    """Pixels around a tile that its state must cover, so that neighbours across its border count."""
    return support_px(model, resolution) if model.support.neighbours else 0


def support_px(model: Model, resolution: float) -> int:
    """Pixels between neighbours that support each other; so many that there are none where pixels are not
    neighbours (resolution 0).
    """
    return max(1, math.ceil(model.support.distance / resolution - 1e-9)) if resolution > 0 else _APART
