"""What a scene that cannot be read is read as: another archive's file, a pass, its bursts, a mirror."""

import datetime as dt
import shutil
from dataclasses import replace

import numpy as np
import pytest
import shapely

import stac_folder
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid, around
from selvawatch.core.scene import Asset, Scene
from selvawatch.errors import SceneError
from selvawatch.prepare.scene_indices import daily, observe_scene
from selvawatch.sources.catalogues.filling import filling_reader
from selvawatch.sources.catalogues.ordered import merged
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import BLOCKS, dataset
from selvawatch.sources.source import Duplicate
from selvawatch.web.retry import TokenError

EVERYWHERE = shapely.box(-75, -20, -60, 0)
YEAR = (to_day("2024-01-01"), to_day("2024-12-31"))
TILE = Grid(crs="EPSG:32719", resolution=10, tile_px=48).tile("x0800y18000")
WEST, _, _, NORTH = TILE.bounds
LON, LAT = TILE.lonlat_outline.centroid.coords[0]
ASSETS = ("vv", "vh", "0_VV", "0_VH")
NORTH_HALF, SOUTH_HALF = shapely.box(-72, LAT, -68, LAT + 2), shapely.box(-72, LAT - 2, -68, LAT)

NORTH_POINT, SOUTH_POINT = shapely.Point(LON, LAT + 1), shapely.Point(LON, LAT - 1)


class Shelf:
    """A source whose scenes are one value where they lie; those that are broken cannot be read."""

    name = "shelf"
    silent: frozenset[str] = frozenset()

    def __init__(self, values, broken, masks=None):
        self.values, self.broken, self.masks = values, broken, masks or {}

    def read(self, scene, tile, bands, halo_px=0):
        if scene.id in self.broken:
            reason = "unreachable" if scene.id in self.silent else "unreadable"
            raise SceneError("no", reason=reason, where=scene.id)
        box = around(tile, halo_px)
        values = np.full(box.shape, self.values[scene.id], np.float32)
        north, south = (scene.footprint.intersects(half) for half in (NORTH_POINT, SOUTH_POINT))
        values[: box.shape[0] // 2 if not north else 0] = np.nan
        values[box.shape[0] // 2 if not south else box.shape[0] :] = np.nan
        layers = {name: values.copy() for name in bands}
        if scene.id in self.masks:
            layers["mask"] = self.masks[scene.id](box.shape)
        return dataset(scene, tile, box, layers)


def _radar(name, footprint, sensor):
    return Scene(
        id=name, sensor=sensor, collection=sensor, time=dt.datetime(2024, 6, 1, 10, tzinfo=dt.UTC),
        footprint=footprint, assets=dict.fromkeys(ASSETS, Asset(href="none")), digest=name,
        orbit="descending", track="127",
        properties={"platform": "sentinel-1a"},
    )  # fmt: skip


WHOLE = _radar("whole", NORTH_HALF.union(SOUTH_HALF), "sentinel-1")
BURSTS = [_radar("n", NORTH_HALF, "sentinel-1-opera"), _radar("s", SOUTH_HALF, "sentinel-1-opera")]
VALUES = {"whole": 1.0, "n": 2.0, "s": 3.0}


def _read(lists, scene, broken, **masks):
    scenes, duplicates = merged(lists, TILE.lonlat_outline)
    reader = filling_reader(Shelf(VALUES, broken, masks), scenes, duplicates)
    return reader(scene, TILE, ("vv",))["vv"].values


def test_a_pass_that_cannot_be_read_is_read_as_its_bursts_side_by_side():
    got = _read([[WHOLE], BURSTS], WHOLE, {"whole"})
    assert set(np.unique(got)) == {2.0, 3.0} and got[0, 0] == 2 and got[-1, -1] == 3


def test_a_pass_of_which_a_burst_cannot_be_read_either_stays_unread():
    with pytest.raises(SceneError, match="whole"):
        _read([[WHOLE], BURSTS], WHOLE, {"whole", "s"})


def test_bursts_that_show_half_of_the_tile_do_not_stand_for_the_pass():
    duplicates = merged([[WHOLE], BURSTS[:1]], NORTH_HALF)[1]
    reader = filling_reader(Shelf(VALUES, {"whole"}), [WHOLE], duplicates)
    with pytest.raises(SceneError, match="whole"):
        reader(WHOLE, TILE, ("vv",))


@pytest.mark.parametrize("broken", BURSTS, ids=lambda one: one.id)
def test_any_burst_that_cannot_be_read_is_read_as_the_pass_where_it_lies(broken):
    got = _read([BURSTS, [WHOLE]], broken, {broken.id})
    seen = np.isfinite(got)
    assert set(np.unique(got[seen])) == {1.0} and 0.4 < seen.mean() < 0.6
    assert seen[0, 0] == (broken.id == "n")


def test_shadow_of_a_burst_is_no_backscatter_of_the_pass():
    def mask(shape):
        codes = np.zeros(shape, np.uint8)
        codes[:, :10] = 1
        return codes

    got = _read([[WHOLE], BURSTS], WHOLE, {"whole"}, n=mask)
    assert np.isnan(got[0, :10]).all() and (got[0, 10:] == 2).all() and (got[-1] == 3).all()


def test_bursts_of_one_pass_are_one_observation_without_shadow_and_layover():
    def mask(shape):
        codes = np.zeros(shape, np.uint8)
        codes[:10] = ([2, 3, 255, 1] * shape[1])[: shape[1]]
        return codes

    shelf = Shelf({"n": 0.2, "s": 0.1}, set(), {"n": mask})
    parts = [observe_scene(one, TILE, RECIPE, shelf.read) for one in BURSTS]
    assert parts[1].clear[24:].all() and not parts[0].clear[:8].any() and parts[0].clear[9:24].all()
    whole = daily(parts)
    assert whole.clear_share == 0.5 + parts[0].clear[:24].mean() / 2 and whole.scene_ids == ("n", "s")
    assert whole.values["vv"][20, 0] > whole.values["vv"][-1, 0]


def test_a_scene_that_a_silent_host_may_still_give_is_left_for_the_next_run():
    scenes, duplicates = merged([[WHOLE], BURSTS], TILE.lonlat_outline)
    shelf = Shelf(VALUES, {"whole", "s"})
    shelf.silent = frozenset({"s"})
    with pytest.raises(SceneError, match="does not answer now") as caught:
        filling_reader(shelf, scenes, duplicates)(WHOLE, TILE, ("vv",))
    assert caught.value.reason == "unreachable"


def test_a_second_source_that_refuses_its_token_leaves_no_broken_scene_for_every_run():
    class Closed(Shelf):
        def read(self, scene, tile, bands, halo_px=0):
            if scene.id == "s":
                raise SceneError("no", reason="unreachable", where="s") from TokenError(
                    "renew EARTHDATA_TOKEN"
                )
            return super().read(scene, tile, bands, halo_px)

    scenes, duplicates = merged([[WHOLE], BURSTS], TILE.lonlat_outline)
    with pytest.raises(SceneError, match=r"whole.*got whole: no; s: no") as caught:
        filling_reader(Closed(VALUES, {"whole"}), scenes, duplicates)(WHOLE, TILE, ("vv",))
    assert caught.value.reason == "unreadable"


def test_pieces_that_only_touch_what_is_needed_leave_the_scene_unread():
    far = [replace(one, footprint=shapely.box(-60, 1, -59, 2)) for one in BURSTS]
    edge = replace(WHOLE, footprint=shapely.box(-72, 1, -71, 2))
    duplicates = [Duplicate(scene=one, of=edge.item_key, sensor=edge.sensor) for one in far]
    with pytest.raises(SceneError, match="0 of 2 pieces"):
        filling_reader(Shelf(VALUES, {"whole"}), [edge], duplicates)(edge, TILE, ("vv",))


def test_bursts_at_the_ends_of_a_slice_are_of_its_pass():
    slow = replace(WHOLE, time=BURSTS[0].time + dt.timedelta(seconds=17))
    assert len(merged([[slow], BURSTS], TILE.lonlat_outline)[1]) == 2
    other = replace(WHOLE, time=BURSTS[0].time + dt.timedelta(seconds=90))
    assert merged([[other], BURSTS], TILE.lonlat_outline)[1] == []


def _archive(root, name):
    numbers = np.random.default_rng(3).uniform(0.1, 0.4, (48, 48)).round(4)
    ground = dict.fromkeys(("blue", "green", "red", "nir", "swir16", "swir22"), numbers)
    stac_folder.sentinel_2(root, name, "2024-06-01T14:58:33Z", ground, WEST, NORTH)
    return stac_folder.write_catalog(root)


def test_a_scene_that_is_gone_from_its_archive_is_read_from_a_mirror_of_it(tmp_path):
    first = _archive(tmp_path / "a", "S2A_T19LCF_20240601")
    mirror = shutil.copytree(first, tmp_path / "mirror")
    source = open_source(f"sentinel-2=folder:{first}+folder:{mirror}")
    found = source.search(EVERYWHERE, *YEAR)
    assert found.found == 2 and len(found.scenes) == len(found.duplicates) == 1
    (first / "sentinel-2-c1-l2a" / "S2A_T19LCF_20240601" / "red.tif").unlink()
    reader = filling_reader(source, found.scenes, found.duplicates)
    read = reader(found.scenes[0], TILE, ("red",))
    assert np.isfinite(read["red"].values).all() and BLOCKS not in read.attrs


@pytest.mark.parametrize(
    ("name", "code", "square"),
    [
        ("LC08_L2SP_002069_20240601_02_T1", "", "002069"),
        ("LC08_002069_20240601", "", "002069"),
        ("LC08_L2SP_002069_20240601_20240611_02_T1_SR", "WRS2-002069", "002069"),
        ("S2A_MSIL2A_20240601T144731_N0510_R039_T19LCF_20240601T200000", "", "19LCF"),
        ("a", "MGRS-19LCF", "19LCF"),
        ("S1A_IW_GRDH_1SDV_20240601T101112_20240601T101137_054127_069541_rtc", "", ""),
    ],
)
def test_a_square_is_stated_alike_by_an_item_and_by_an_id_and_an_orbit_is_none(name, code, square):
    assert replace(WHOLE, id=name, properties={"grid:code": code}).square == square


def test_pieces_of_a_day_are_laid_in_one_order_whatever_their_archive_calls_them():
    later, earlier = (
        replace(WHOLE, id=name, properties={"grid:code": f"MGRS-19L{square}"})
        for name, square in (("A_S2", "DF"), ("Z_S2", "CF"))
    )
    shelf = Shelf({"A_S2": 0.1, "Z_S2": 0.2}, set())
    parts = [observe_scene(one, TILE, RECIPE, shelf.read) for one in (later, earlier)]
    assert daily(parts).scene_ids == ("Z_S2", "A_S2")
