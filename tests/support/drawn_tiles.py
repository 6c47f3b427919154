"""Hand-drawn tiles: statuses as letters, and the events that are detected in them."""

from collections.abc import Mapping

import xarray as xr

from selvawatch.core.grid import Grid, Tile
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.raster_layers import LAYERS
from selvawatch.events.detected import Detected, Tracked, detect_events
from selvawatch.events.patches import EventFrame, EventRule

GRID = Grid(crs="EPSG:32719", resolution=10.0, tile_px=16, anchor_x=370_000, anchor_y=8_580_000)
GROUND = EventFrame(grid=GRID, equal_area=equal_area_crs(-70.2, -12.8), prefix="MDD")
SHARE = {
    "loss_looks": 5,
    "lost_share": 0.5,
    "core_quantile": 0.75,
    "bare_fall": 0.65,
    "least_fall": 0.1,
    "measured_share": 0.5,
}
RULE = EventRule(min_ha=0.04, onset_gap_days=120, support_ha=0.02, close_after_days=365, **SHARE)
DAY = 19_000
TILE = GRID.tile("x0000y0000")
EAST = GRID.tile("x0001y0000")


def state(tile: Tile, drawn: str, onsets: Mapping[str, int] | None = None) -> xr.Dataset:
    """A tile's state from a drawing: lower case provisional, upper case confirmed, - withdrawn, . forest.

    The letter chooses the onset: `a` is DAY, `b` DAY + 30, `c` DAY + 50, `y` DAY + 115, `z` DAY + 400. It is
    detected five days later, `y` only 260 days later. What is withdrawn was detected with `a`, and withdrawn
    after `b` was detected and before `c` was.
    """
    days = onsets or {"a": DAY, "b": DAY + 30, "c": DAY + 50, "y": DAY + 115, "z": DAY + 400}
    shape = (tile.grid.tile_px, tile.grid.tile_px)
    layers = {name: layer.empty(shape) for name, layer in LAYERS.items()}
    layers["status"][:] = 0
    for y, line in enumerate(drawn.split()):
        for x, mark in enumerate(line):
            if mark == "-":
                layers["status"][y, x] = 3
                layers["onset"][y, x] = layers["provisional_on"][y, x] = DAY + 5
                layers["withdrawn_on"][y, x] = DAY + 40
            elif mark != ".":
                onset = days[mark.lower()]
                sure = mark.isupper()
                layers["status"][y, x] = 2 if sure else 1
                layers["confidence"][y, x] = 3 if sure else 2
                layers["onset"][y, x] = layers["onset_latest"][y, x] = onset
                layers["onset_earliest"][y, x] = onset - 7
                layers["provisional_on"][y, x] = onset + (260 if mark.lower() == "y" else 5)
                layers["confirmed_on"][y, x] = onset + 12 if sure else 0
                layers["looks"][y, x] = 4
    return xr.Dataset({name: (("y", "x"), values) for name, values in layers.items()})


def run(
    drawn: str | Mapping[Tile, str],
    previous: Tracked | None = None,
    until: int = DAY + 60,
    rule: EventRule = RULE,
) -> Detected:
    drawings = {TILE: drawn} if isinstance(drawn, str) else drawn
    states = {tile: state(tile, text) for tile, text in drawings.items()}
    looked = {TILE.id: {"sentinel-2": [DAY - 5, DAY + 5], "sentinel-1": [DAY - 50]}}
    return detect_events(previous, states, GROUND, rule, until, looked)
