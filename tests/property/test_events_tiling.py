"""Events do not depend on how the ground is cut into tiles."""

import numpy as np
import shapely
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn_tiles import SHARE
from selvawatch.core.grid import Grid, Tile
from selvawatch.core.hectares import equal_area_crs
from selvawatch.core.raster_layers import LAYERS
from selvawatch.events.detected import Detected, detect_events
from selvawatch.events.patches import EventFrame, EventRule

RULE = EventRule(min_ha=0.03, onset_gap_days=120, support_ha=0.02, close_after_days=365, **SHARE)
SIDE = 24
DAY = 19_000


def layers(seed: int, share: float) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shape = (SIDE, SIDE)
    drawn = {name: layer.empty(shape) for name, layer in LAYERS.items()}
    drawn["status"][:] = np.where(rng.random(shape) < share, rng.choice([1, 2, 3], shape), 0)
    live = np.isin(drawn["status"], (1, 2))
    onset = DAY + 90 * rng.integers(0, 4, shape)
    for name, shift in (("onset", 0), ("onset_latest", 0), ("onset_earliest", -9), ("provisional_on", 6)):
        drawn[name][live] = (onset + shift)[live]
    drawn["confidence"][live] = np.where(drawn["status"] == 2, 3, 2)[live]
    drawn["confirmed_on"][drawn["status"] == 2] = DAY + 300
    gone = drawn["status"] == 3
    drawn["onset"][gone] = drawn["provisional_on"][gone] = (onset + 6)[gone]
    drawn["withdrawn_on"][gone] = (onset + 40)[gone]
    return drawn


def later(drawn: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """What may have become of every pixel after DAY + 300: some confirmed, some withdrawn, some new."""
    rng = np.random.default_rng(seed)
    after = {name: values.copy() for name, values in drawn.items()}
    chance = rng.random((SIDE, SIDE))
    provisional, quiet = drawn["status"] == 1, drawn["status"] == 0
    sure, gone, new = provisional & (chance < 0.3), provisional & (chance > 0.5), quiet & (chance < 0.2)
    after["status"][sure], after["status"][gone], after["status"][new] = 2, 3, 1
    after["confidence"][sure], after["confidence"][gone], after["confidence"][new] = 3, 0, 2
    after["confirmed_on"][sure] = DAY + 350
    after["withdrawn_on"][gone] = DAY + 350
    after["onset"][gone] = drawn["provisional_on"][gone]
    for name, day in (
        ("onset", 320),
        ("onset_latest", 320),
        ("onset_earliest", 311),
        ("provisional_on", 326),
    ):
        after[name][new] = DAY + day
    return after


def cut(drawn: dict[str, np.ndarray], pieces: int) -> tuple[EventFrame, dict[Tile, xr.Dataset]]:
    px = SIDE // pieces
    grid = Grid(crs="EPSG:32719", resolution=10.0, tile_px=px, anchor_x=370_000, anchor_y=8_580_000)
    tiles = {}
    for column in range(pieces):
        for row in range(pieces):
            top = SIDE - (row + 1) * px
            window = (slice(top, top + px), slice(column * px, (column + 1) * px))
            tiles[Tile(grid=grid, column=column, row=row)] = xr.Dataset(
                {name: (("y", "x"), values[window]) for name, values in drawn.items()}
            )
    return EventFrame(grid=grid, equal_area=equal_area_crs(-70.2, -12.8), prefix="T"), tiles


def same(one: Detected, other: Detected) -> None:
    for mine, theirs in ((one.events, other.events), (one.cells, other.cells)):
        assert mine.drop(columns="geometry").equals(theirs.drop(columns="geometry"))
        assert [shape.wkb for shape in mine.geometry] == [shape.wkb for shape in theirs.geometry]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 0.6]), st.sampled_from([2, 3, 4]))
def test_one_large_tile_and_many_small_ones_give_the_same_events(seed, share, pieces):
    first, second = layers(seed, share), layers(seed + 1, share)
    found = {}
    for count in (1, pieces):
        ground, tiles = cut(first, count)
        before = detect_events(None, tiles, ground, RULE, DAY + 300, {})
        ground, tiles = cut(second, count)
        found[count] = (before, detect_events(before.tracked, tiles, ground, RULE, DAY + 700, {}))
    same(found[1][0], found[pieces][0])
    same(found[1][1], found[pieces][1])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3, 0.6]))
def test_outlines_are_valid_and_hold_every_pixel_once(seed, share):
    ground, tiles = cut(layers(seed, share), 2)
    found = detect_events(None, tiles, ground, RULE, DAY + 300, {})
    assert found.events.is_valid.all() and found.cells.is_valid.all()
    rows = zip(found.events.geometry, found.events["event_id"], found.events["status"], strict=True)
    for position, (shape, event, status) in enumerate(rows):
        if status == "withdrawn":
            continue
        pixels = sum(int((found.labels.raster(tile) == position).sum()) for tile in tiles)
        assert shape.area == pixels * 100
        assert found.cells.loc[found.cells["event_id"] == event].geometry.area.sum() == pixels * 100


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 0.3]))
def test_no_published_event_is_lost_without_a_trace(seed, share):
    ground, tiles = cut(layers(seed, share), 2)
    before = detect_events(None, tiles, ground, RULE, DAY + 300, {})
    ground, tiles = cut(later(layers(seed, share), seed), 2)
    after = detect_events(before.tracked, tiles, ground, RULE, DAY + 400, {})
    merged = set(" ".join(after.events["merged_from"].dropna()).split())
    known = set(after.events["event_id"]) | merged
    ended = before.events[~before.events["event_id"].isin(known)]
    assert shapely.intersects(ended.geometry.to_numpy(), after.events.union_all()).all()
    assert not merged & set(after.events["event_id"])
    again = detect_events(after.tracked, tiles, ground, RULE, DAY + 400, {})
    assert set(again.events["change"]) <= {"stable"}
    assert list(again.events["version"]) == list(after.events["version"])
