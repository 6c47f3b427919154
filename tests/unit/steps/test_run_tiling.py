"""However the same ground is cut into tiles, every pixel says the same.

But for what is measured on a tile and its halo: how far its pictures lie off. They are left where they lie
here; of those that are moved back, the measure of two tilings differs by its error.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import small_site
from selvawatch.core.raster_layers import LAYERS
from selvawatch.site import Site
from selvawatch.steps.run.plan import plan_run
from selvawatch.steps.tile.advance import advance_tile
from selvawatch.store.folders import Store
from selvawatch.store.lock import exclusive
from selvawatch.store.seal import seal_folder
from selvawatch.store.tile_state import open_baselines, open_composite, open_fallen

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[3] / "models"
MIDWAY = 19_843
"""2024-04-30."""


def mosaic(site, store, source, bounds):
    """Layers and composites of all tiles, on the pixels of some bounds (metres)."""
    loaded = Site.load(site)
    with exclusive(store, "test") as held:
        plan = plan_run(held, loaded, small_site.AREA, MIDWAY, source)
    parts = {}
    for name in plan.tiles:
        state = advance_tile(plan, name)
        layers = open_fallen(Store(store), name, state)
        composite = open_composite(Store(store), name, state).drop_vars("fall")
        parts[name] = layers.merge(composite, compat="override")
    step, (west, south, east, north) = loaded.grid.resolution, bounds
    shape = (round((north - south) / step), round((east - west) / step))
    first = next(iter(parts.values()))
    whole = {str(name): np.zeros(shape, first[name].dtype) for name in first}
    filled = np.zeros(shape, int)
    for name, part in parts.items():
        w, _, _, n = loaded.grid.tile(name).bounds
        row, column, side = round((north - n) / step), round((w - west) / step), loaded.grid.tile_px
        to = np.s_[max(row, 0) : row + side, max(column, 0) : column + side]
        rows, columns = (min(each.stop, size) - each.start for each, size in zip(to, shape, strict=True))
        of = np.s_[max(-row, 0) : max(-row, 0) + rows, max(-column, 0) : max(-column, 0) + columns]
        for key, values in whole.items():
            values[to] = part[key].to_numpy()[of]
        filled[to] += 1
    assert (filled == 1).all()
    return whole, len(parts)


def test_four_tiles_are_one_whether_blocks_end_at_their_borders_or_not(
    small_archive, small_plan, small_tile, tmp_path
):
    source = f"folder:{small_archive.catalog.parent}"
    said = {}
    for side in (128, 64, 80):
        tile = replace(small_tile, grid=replace(small_tile.grid, tile_px=side))
        site = small_site.lay_site(
            tmp_path / f"site{side}", small_archive, small_plan, tile, small_tile.lonlat_outline
        )
        (site / "models").mkdir(exist_ok=True)
        numbers = (MODELS / "common.toml").read_text("utf-8").split("[registration]")[0]
        (site / "models" / "common.toml").write_text(numbers, "utf-8")
        said[side], count = mosaic(site, tmp_path / f"store{side}", source, small_tile.bounds)
        assert count == (1 if side == 128 else 4)
    assert set(LAYERS) <= set(said[128])
    assert np.isin(said[128]["status"], (1, 2)).sum() > 100
    for side in (64, 80):
        for name, values in said[128].items():
            np.testing.assert_array_equal(said[side][name], values, err_msg=f"{name}, {side} px")


def test_a_baseline_that_names_no_halo_is_opened_whole(small_run, tmp_path):
    tile, name = small_run.tile.id, small_run.state.baseline
    own = open_baselines(small_run.opened, tile, name)
    older = Store(tmp_path / "store")
    bare = own.drop_attrs()
    bare.to_zarr(older.baseline(tile, name) / "baselines.zarr", zarr_format=3, consolidated=False)
    seal_folder(older.baseline(tile, name))
    opened = open_baselines(older, tile, name)
    assert opened.attrs == {} and opened.equals(own)
