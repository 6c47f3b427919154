import dataclasses
import hashlib

import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine

import stac_folder
from packaged import RECIPE
from selvawatch.core.days import to_day
from selvawatch.core.grid import Grid
from selvawatch.core.observation import Observation
from selvawatch.core.stack import DECIBEL_SCALE, NODATA, check_stack
from selvawatch.errors import DamagedError, SceneError, StackError
from selvawatch.prepare.ingest import ingest_scenes, scenes_on
from selvawatch.prepare.observation_files import (
    list_days,
    observation_path,
    open_stack,
    read_observation,
    read_tags,
    write_observation,
)
from selvawatch.prepare.scene_indices import SceneObservation, boxcar, daily, observe_scene
from selvawatch.sources.open import open_source
from selvawatch.sources.scene_pixels import read_scene

EVERYWHERE = shapely.box(-180, -90, 180, 90)
GRID = Grid(crs="EPSG:32719", resolution=10, tile_px=48)
TILE = GRID.tile("x0800y18000")
WEST, SOUTH, EAST, NORTH = TILE.bounds
FOREST = {"blue": 0.026, "green": 0.046, "red": 0.026, "nir": 0.3, "swir16": 0.15, "swir22": 0.06}
CLOUD = {"blue": 0.7, "green": 0.69, "red": 0.68, "nir": 0.72, "swir16": 0.45, "swir22": 0.4}


def with_rule(**changes):
    return dataclasses.replace(RECIPE, index_rule=dataclasses.replace(RECIPE.index_rule, **changes))


MARGIN = 160


def forest(size=80):
    return {name: np.full((size, size), value) for name, value in FOREST.items()}


def cover(bands, spectrum, rows, columns):
    for name, value in spectrum.items():
        bands[name][rows, columns] = value
    return bands


def sentinel_2(root, name, bands, time="2024-06-01T15:00:00Z", **rest):
    return stac_folder.sentinel_2(root, name, time, bands, WEST - MARGIN, NORTH + MARGIN, **rest)


def observe(scenes, tile, recipe, read):
    """The observation of scenes of one stream and day."""
    return daily([observe_scene(scene, tile, recipe, read) for scene in scenes])


def search(root):
    found = open_source(f"folder:{stac_folder.write_catalog(root)}").search(
        EVERYWHERE, to_day("2000-01-01"), to_day("2030-01-01")
    )
    assert found.problems == ()
    return found.scenes


def physical(observation, index):
    return np.where(
        observation.values[index] == NODATA, np.nan, observation.values[index] * observation.scales[index]
    )


def test_an_optical_observation_holds_the_indices_of_clear_ground(tmp_path):
    sentinel_2(tmp_path, "A", cover(forest(), CLOUD, slice(30, 50), slice(0, 40)))
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    assert list(observation.values) == ["ndvi", "nbr", "mndwi", "blue", "quality"]
    assert observation.stream == "sentinel-2"
    assert observation.day == to_day("2024-06-01") and observation.scene_ids == ("A",)
    nbr = physical(observation, "nbr")
    assert np.isnan(nbr[14:34, :24]).all()
    np.testing.assert_allclose(nbr[np.isfinite(nbr)], (0.3 - 0.06) / 0.36, atol=2e-3)
    assert observation.clear_share == pytest.approx(np.isfinite(nbr).mean())


def test_a_mask_is_the_same_on_both_sides_of_a_tile_border(tmp_path):
    bands = cover(forest(120), CLOUD, slice(20, 40), slice(45, 62))
    sentinel_2(tmp_path, "A", bands)
    scenes = search(tmp_path)
    east = GRID.tile("x0801y18000")
    both = Grid(crs="EPSG:32719", resolution=10, tile_px=96, anchor_x=WEST, anchor_y=SOUTH).tile("x0000y0000")
    whole = observe(scenes, both, RECIPE, read_scene).values["nbr"][48:]
    halves = [observe(scenes, tile, RECIPE, read_scene).values["nbr"] for tile in (TILE, east)]
    assert (whole == NODATA).any()
    np.testing.assert_array_equal(np.hstack(halves), whole)


def test_scl_and_own_screening_both_mask(tmp_path):
    scl = np.full((80, 80), 4, np.uint8)
    scl[40:60, 40:60] = 9
    sentinel_2(tmp_path, "A", forest(), scl=scl)
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    assert (observation.values["nbr"][24:44, 24:44] == NODATA).all() and observation.clear_share < 1


def test_same_day_scenes_merge_by_id_and_clearness(tmp_path):
    first = cover(forest(), CLOUD, slice(0, 80), slice(0, 40))
    second = {name: values * (1.2 if name == "nir" else 1) for name, values in forest().items()}
    sentinel_2(tmp_path, "B", second, "2024-06-01T15:10:00Z")
    sentinel_2(tmp_path, "A", first)
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    ndvi = physical(observation, "ndvi")
    assert observation.scene_ids == ("A", "B") and observation.clear_share == 1
    np.testing.assert_allclose(ndvi[:, :24], (0.36 - 0.026) / 0.386, atol=2e-3)
    np.testing.assert_allclose(ndvi[:, 32:], (0.3 - 0.026) / 0.326, atol=2e-3)


def test_scenes_of_two_days_do_not_make_an_observation(tmp_path):
    sentinel_2(tmp_path, "A", forest())
    sentinel_2(tmp_path, "B", forest(), "2024-06-02T15:00:00Z")
    with pytest.raises(ValueError, match="one stream and one day"):
        observe(search(tmp_path), TILE, RECIPE, read_scene)


def test_landsat_is_brought_to_sentinel_2s_space_before_indices(tmp_path):
    west, north = 30 * round(WEST / 30) - 15 - 150, 30 * round((NORTH - 1e7) / 30) + 15 + 150
    bands = {("nir08" if name == "nir" else name): np.full((40, 40), value) for name, value in FOREST.items()}
    stac_folder.landsat(tmp_path, "L", "2024-06-01T14:00:00Z", bands, west, north)
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    nir, red = (0.3 + 0.0001) / 0.9983, (0.026 - 0.0009) / 0.9765
    assert observation.stream == "landsat" and observation.clear_share == 1
    np.testing.assert_allclose(physical(observation, "ndvi"), (nir - red) / (nir + red), atol=1e-3)


def boxcar_slow(power, side):
    half, out = side // 2, np.full(power.shape, np.nan)
    for row, column in np.argwhere(np.isfinite(power) & (power > 0)):
        part = power[max(0, row - half) : row + half + 1, max(0, column - half) : column + half + 1]
        out[row, column] = np.mean(part[np.isfinite(part) & (part > 0)])
    return out


def test_the_boxcar_is_the_mean_power_of_the_pixels_with_data():
    power = np.random.default_rng(1).gamma(4, 0.05, (30, 20)).astype(np.float32)
    power[5:9, 3:8], power[20, 10] = np.nan, 0
    for side in (1, 3, 5):
        half = side // 2
        expected = boxcar_slow(power, side)[half : 30 - half, half : 20 - half]
        np.testing.assert_allclose(boxcar(power, side), expected, rtol=1e-6)


def test_the_mean_power_of_a_pixel_does_not_depend_on_where_its_tile_begins():
    power = np.random.default_rng(4).gamma(4, 0.05, (40, 40)).astype(np.float32)
    np.testing.assert_array_equal(boxcar(power[7:, 11:], 3), boxcar(power, 3)[7:, 11:])


def test_radar_is_averaged_in_power_and_kept_in_decibels(tmp_path):
    power = np.random.default_rng(1).gamma(4, 0.05, (80, 80)).astype(np.float32)
    stac_folder.sentinel_1(
        tmp_path, "R", "2024-06-01T10:00:00Z", {"vv": power, "vh": power / 5}, WEST - MARGIN, NORTH + MARGIN
    )
    observation = observe(search(tmp_path), TILE, RECIPE, read_scene)
    assert observation.stream == "sentinel-1-descending" and list(observation.values) == ["vv", "vh"]
    expected = 10 * np.log10(boxcar_slow(power, 3)[16:64, 16:64])
    np.testing.assert_allclose(physical(observation, "vv"), expected, atol=0.006)
    assert observation.scales["vv"] == DECIBEL_SCALE


def test_a_pit_of_a_tenth_of_a_hectare_survives_the_boxcar(tmp_path):
    power = np.full((80, 80), 10**-0.75, np.float32)
    power[40:43, 40:43] = 10**-1.6
    stac_folder.sentinel_1(
        tmp_path, "R", "2024-06-01T10:00:00Z", {"vv": power}, WEST - MARGIN, NORTH + MARGIN
    )
    vv = physical(observe(search(tmp_path), TILE, RECIPE, read_scene), "vv")
    assert vv[25, 25] == pytest.approx(-16, abs=0.02)


def ready(root, name, values, key="ndvi", platform="landsat-8"):
    folder = stac_folder.item_folder(root, "ready", name)
    place = Affine(10, 0, WEST, 0, -10, NORTH)
    asset = stac_folder.make_asset(folder, key, values.astype(np.float32), GRID.crs, place, nodata=np.nan)
    asset.pop("raster:bands")
    item = stac_folder.make_item(name, "ready", "2016-02-01T14:00:00Z", {key: asset}, {"platform": platform})
    stac_folder.write_item(root, item)


def test_a_ready_index_goes_through_untouched(tmp_path):
    ndvi = np.random.default_rng(1).uniform(-0.2, 0.9, (48, 48)).round(4)
    ndvi[3:6, 7:12] = np.nan
    ready(tmp_path, "N", ndvi)
    ready(tmp_path, "V", ndvi * 10 - 12, key="vv_db", platform="sentinel-1a")
    optical, radar = search(tmp_path)
    observation = observe([optical], TILE, RECIPE, read_scene)
    assert observation.stream == "landsat" and list(observation.values) == ["ndvi"]
    np.testing.assert_allclose(physical(observation, "ndvi"), ndvi, atol=5.1e-5)
    observation = observe([radar], TILE, RECIPE, read_scene)
    assert observation.stream == "sentinel-1" and list(observation.values) == ["vv"]
    np.testing.assert_allclose(physical(observation, "vv"), ndvi * 10 - 12, atol=5.1e-3)


def test_a_scene_that_gives_no_index_of_the_recipe_says_so(tmp_path):
    ready(tmp_path, "N", np.full((48, 48), 0.5))
    recipe = with_rule(optical=("nbr",))
    with pytest.raises(SceneError, match="no index") as caught:
        observe_scene(search(tmp_path)[0], TILE, recipe, read_scene)
    assert caught.value.reason == "index"


def test_a_recipe_refuses_what_it_cannot_make():
    with pytest.raises(ValueError, match="unknown indices"):
        with_rule(optical=("evi",))
    with pytest.raises(ValueError, match="odd number"):
        with_rule(radar_box_px=4)


def make_look(day=19875, seed=1, shape=(48, 48), stream="sentinel-2"):
    rng = np.random.default_rng(seed)
    values = {name: rng.integers(-9000, 9000, shape).astype(np.int16) for name in ("ndvi", "nbr")}
    values["nbr"][:3] = NODATA
    return Observation(
        day=day,
        stream=stream,
        values=values,
        scales={"ndvi": 1e-4, "nbr": 1e-4},
        scene_ids=("A", "B"),
        clear_share=0.75,
    )


def test_an_observation_comes_back_from_its_file(tmp_path):
    observation = make_look()
    path = write_observation(observation, TILE, tmp_path)
    assert path == observation_path(tmp_path, "sentinel-2", observation.day) and path.name == "20240601.tif"
    got = read_observation(path)
    assert got.scales == observation.scales
    assert (got.day, got.stream, got.scene_ids, got.clear_share) == (
        observation.day,
        observation.stream,
        ("A", "B"),
        0.75,
    )
    for name in observation.values:
        np.testing.assert_array_equal(got.values[name], observation.values[name])
    with rasterio.open(path) as file:
        assert file.crs == GRID.crs and file.transform == TILE.transform and file.nodata == NODATA


def test_an_observation_with_a_halo_gives_its_tile_unless_the_whole_is_asked_for(tmp_path):
    wide = make_look(shape=(58, 58))
    path = write_observation(wide, TILE, tmp_path, halo_px=5)
    np.testing.assert_array_equal(read_observation(path).values["nbr"], wide.values["nbr"][5:-5, 5:-5])
    np.testing.assert_array_equal(read_observation(path, with_halo=True).values["nbr"], wide.values["nbr"])
    own = open_stack(tmp_path, "sentinel-2", "nbr", rows=20)
    assert own.rio.transform() == TILE.transform
    np.testing.assert_array_equal(own.values[0], wide.values["nbr"][5:-5, 5:-5])
    whole = open_stack(tmp_path, "sentinel-2", "nbr", rows=20, with_halo=True)
    assert (whole["x"][0], whole["y"][0]) == (WEST - 45, NORTH + 45)
    np.testing.assert_array_equal(whole.values[0], wide.values["nbr"])


def test_files_of_different_halos_are_one_stack_of_the_tile_but_no_whole_one(tmp_path):
    write_observation(make_look(), TILE, tmp_path)
    write_observation(make_look(day=19880, shape=(52, 52)), TILE, tmp_path, halo_px=2)
    assert open_stack(tmp_path, "sentinel-2", "nbr").compute().shape == (2, 48, 48)
    with pytest.raises(StackError, match="52 columns where others have 48"):
        open_stack(tmp_path, "sentinel-2", "nbr", with_halo=True).compute()


@pytest.mark.parametrize("halo", [1, 7])
def test_the_halo_of_an_optical_observation_is_what_a_larger_tile_would_say(tmp_path, halo):
    bands = forest()
    cover(bands, CLOUD, slice(18, 40), slice(20, 44))
    stac_folder.sentinel_2(tmp_path, "A", "2024-06-01T14:57:31Z", bands, WEST - MARGIN, NORTH + MARGIN)
    (scene,) = search(tmp_path)
    plain = observe_scene(scene, TILE, RECIPE, read_scene)
    wide = observe_scene(scene, TILE, RECIPE, read_scene, halo)
    assert wide.clear_share == plain.clear_share
    inner = slice(halo, -halo)
    np.testing.assert_array_equal(wide.values["ndvi"][inner, inner], plain.values["ndvi"])
    assert 0.1 < plain.clear_share < 0.9


def test_an_observation_is_made_anew_for_another_halo_and_left_for_the_same(tmp_path):
    stac_folder.sentinel_2(
        tmp_path / "in", "A", "2024-06-01T14:57:31Z", forest(), WEST - MARGIN, NORTH + MARGIN
    )
    scenes = search(tmp_path / "in")
    reads = []

    def reading(*arguments):
        reads.append(arguments[3])
        return read_scene(*arguments)

    for halo in (0, 0, 4, 4):
        ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", reading, halo_px=halo)
    grown = RECIPE.screening.halo_px(10)
    assert reads == [grown, grown + 4]
    assert read_observation(observation_path(tmp_path / "out", "sentinel-2", scenes[0].day)).shape == (48, 48)


def test_equal_observations_are_equal_bytes(tmp_path):
    digests = set()
    for name in ("a", "b"):
        path = write_observation(make_look(), TILE, tmp_path / name, {"z": "1", "recipe": "x"})
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1 and read_tags(path)["recipe"] == "x"


@pytest.mark.filterwarnings("ignore:Use `@` matmul")
def test_the_lazy_stack_is_the_observations_in_order_of_days(tmp_path):
    days = [to_day(text) for text in ("2024-06-11", "2023-12-31", "2024-06-01")]
    observations = {day: make_look(day, seed) for seed, day in enumerate(days)}
    for observation in observations.values():
        write_observation(observation, TILE, tmp_path)
    (tmp_path / "sentinel-2" / ".123.20240701.tif").write_bytes(b"part")
    assert list_days(tmp_path, "sentinel-2") == sorted(days)
    stack = open_stack(tmp_path, "sentinel-2", "nbr", rows=20)
    assert check_stack(stack) is stack and stack.chunks == ((3,), (20, 20, 8), (48,))
    assert stack.attrs["scale"] == 1e-4 and str(stack.rio.crs) == GRID.crs
    assert stack.rio.transform() == TILE.transform
    expected = np.stack([observations[day].values["nbr"] for day in sorted(days)])
    np.testing.assert_array_equal(stack.compute().values, expected)
    np.testing.assert_array_equal(stack["time"].values.astype("datetime64[D]").astype(int), sorted(days))
    part = open_stack(tmp_path, "sentinel-2", "nbr", first_day=days[2], last_day=days[2])
    np.testing.assert_array_equal(part.compute().values[0], observations[days[2]].values["nbr"])


def test_a_day_without_the_index_is_unobserved_in_the_stack(tmp_path):
    write_observation(make_look(), TILE, tmp_path)
    other = make_look(to_day("2024-06-05"))
    other = dataclasses.replace(other, values={"ndvi": other.values["ndvi"]}, scales={"ndvi": 1e-4})
    write_observation(other, TILE, tmp_path)
    stack = open_stack(tmp_path, "sentinel-2", "nbr").compute()
    assert (stack.values[1] == NODATA).all() and (stack.values[0] != NODATA).any()
    with pytest.raises(StackError, match="no observation has the index"):
        open_stack(tmp_path, "sentinel-2", "mndwi")


def test_a_missing_or_broken_observation_is_a_clear_error(tmp_path):
    with pytest.raises(StackError, match="no observation"):
        open_stack(tmp_path, "sentinel-2", "nbr")
    path = write_observation(make_look(), TILE, tmp_path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(DamagedError, match="the file is damaged"):
        read_observation(path)
    with pytest.raises(DamagedError, match="the file is damaged"):
        open_stack(tmp_path, "sentinel-2", "nbr").compute()


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.tif"))}


def archive(root):
    """Three days; on the first two scenes, of which B is read second."""
    sentinel_2(root, "A", cover(forest(), CLOUD, slice(0, 80), slice(0, 40)))
    sentinel_2(root, "B", forest(), "2024-06-01T15:10:00Z")
    sentinel_2(root, "C", forest(), "2024-06-06T15:00:00Z")
    sentinel_2(root, "D", cover(forest(), CLOUD, slice(0, 80), slice(0, 80)), "2024-06-11T15:00:00Z")
    return search(root)


def test_taking_in_twice_reads_once_and_says_the_same(tmp_path):
    scenes = archive(tmp_path / "archive")
    reads = []

    def read(scene, *rest):
        reads.append(scene.id)
        return read_scene(scene, *rest)

    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", read)
    before = files(tmp_path / "out")
    assert reads == ["A", "B", "C", "D"] and sorted(before) == [
        "20240601.tif",
        "20240606.tif",
        "20240611.tif",
    ]
    assert [(record.scene_id, record.state) for record in taken] == [(name, "read") for name in "ABCD"]
    assert taken[3].clear_share == 0 and taken[2].clear_share == 1
    assert ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", read) == taken
    assert reads == ["A", "B", "C", "D"] and files(tmp_path / "out") == before


def test_a_reprocessed_scene_or_another_recipe_is_taken_anew(tmp_path):
    scenes = archive(tmp_path / "archive")
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    reads = []

    def read(scene, *rest):
        reads.append(scene.id)
        return read_scene(scene, *rest)

    again = [dataclasses.replace(scene, digest="new") if scene.id == "C" else scene for scene in scenes]
    ingest_scenes(again, TILE, RECIPE, tmp_path / "out", read)
    assert reads == ["C"]
    ingest_scenes(again, TILE, with_rule(optical=("nbr",)), tmp_path / "out", read)
    assert reads == ["C", "A", "B", "C", "D"]


def test_a_bad_scene_is_recorded_and_the_rest_is_as_without_it(tmp_path):
    scenes = archive(tmp_path / "archive")
    for name in "BC":
        path = tmp_path / "archive" / "sentinel-2-c1-l2a" / name / "nir.tif"
        path.write_bytes(path.read_bytes()[:700])
    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    states = {record.scene_id: (record.state, record.reason) for record in taken}
    assert states == {name: ("read", "") if name in "AD" else ("unread", "unreadable") for name in "ABCD"}
    assert "scene B" in next(record.text for record in taken if record.scene_id == "B")
    ingest_scenes([scene for scene in scenes if scene.id in "AD"], TILE, RECIPE, tmp_path / "clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")
    assert list_days(tmp_path / "out", "sentinel-2") == [to_day("2024-06-01"), to_day("2024-06-11")]


def test_a_scene_that_could_not_be_read_is_tried_again(tmp_path):
    scenes = archive(tmp_path / "archive")
    path = tmp_path / "archive" / "sentinel-2-c1-l2a" / "B" / "nir.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    path.write_bytes(whole)
    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    assert {record.state for record in taken} == {"read"}
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_a_scene_out_of_reach_is_tried_once_more_when_the_others_are_done(tmp_path):
    scenes = archive(tmp_path / "archive")
    reads = []

    def read(scene, *rest):
        reads.append(scene.id)
        if scene.id == "B" and reads.count("B") == 1:
            raise SceneError("nir cannot be read", reason="unreachable", where="scene B")
        return read_scene(scene, *rest)

    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", read)
    assert {record.state for record in taken} == {"read"}
    assert reads == ["A", "B", "C", "D", "B", "A"]
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_a_scene_that_is_not_given_any_more_leaves_its_observation(tmp_path):
    scenes = archive(tmp_path / "archive")
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    rest = [scene for scene in scenes if scene.id != "B"]
    taken = ingest_scenes(rest, TILE, RECIPE, tmp_path / "out")
    assert taken == ingest_scenes(rest, TILE, RECIPE, tmp_path / "clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_an_outage_takes_nothing_out_of_an_observation_beside_a_damaged_scene(tmp_path):
    scenes = archive(tmp_path / "archive")
    path = tmp_path / "archive" / "sentinel-2-c1-l2a" / "B" / "nir.tif"
    whole = path.read_bytes()
    path.write_bytes(whole[:700])
    first = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")
    before = files(tmp_path / "out")
    reads = []

    def silent(scene, *rest):
        reads.append(scene.id)
        if scene.id == "A":
            raise SceneError("red cannot be read", reason="unreachable", where="scene A")
        return read_scene(scene, *rest)

    assert ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", silent) == first
    assert reads == ["B"] and files(tmp_path / "out") == before
    path.write_bytes(whole)
    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", silent)
    states = {record.scene_id: (record.state, record.reason) for record in taken}
    assert states["A"] == ("read", "") and states["B"] == ("unread", "unreachable")
    assert files(tmp_path / "out") == before
    assert {record.state for record in ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out")} == {"read"}
    ingest_scenes(scenes, TILE, RECIPE, tmp_path / "clean")
    assert files(tmp_path / "out") == files(tmp_path / "clean")


def test_an_archive_that_is_gone_is_not_asked_twice(tmp_path):
    scenes = archive(tmp_path / "archive")
    reads = []

    def read(scene, *_):
        reads.append(scene.id)
        raise SceneError("nir cannot be read", reason="unreachable", where=f"scene {scene.id}")

    taken = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", read)
    assert [record.reason for record in taken] == ["unreachable"] * 4 and reads == ["A", "B", "C", "D"]


def test_threads_change_nothing(tmp_path):
    scenes = archive(tmp_path / "archive")
    alone = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "one")
    assert ingest_scenes(scenes, TILE, RECIPE, tmp_path / "two", workers=2) == alone
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_only_scenes_on_the_tile_are_taken(tmp_path):
    sentinel_2(tmp_path, "A", forest())
    stac_folder.sentinel_2(tmp_path, "far", "2024-06-01T15:00:00Z", forest(), WEST + 50_000, NORTH)
    assert [scene.id for scene in scenes_on(search(tmp_path), TILE)] == ["A"]


def test_daily_takes_the_first_clear_pixel(tmp_path):
    sentinel_2(tmp_path, "A", forest())
    (scene,) = search(tmp_path)
    parts = []
    for name, value, clear in (("b", 2, [True, True, False]), ("a", 1, [True, False, False])):
        seen = np.array([clear])
        values = {"nbr": np.where(seen, value, NODATA).astype(np.int16)}
        parts.append(SceneObservation(scene=dataclasses.replace(scene, id=name), values=values, clear=seen))
    observation = daily(parts)
    assert observation.values["nbr"].tolist() == [
        [1, 2, NODATA]
    ] and observation.clear_share == pytest.approx(2 / 3)


def test_a_reader_may_be_any_source(tmp_path):
    sentinel_2(tmp_path, "A", forest())
    scenes = search(tmp_path)
    source = open_source(f"folder:{tmp_path}")
    assert isinstance(source.read(scenes[0], TILE, ("red",)), xr.Dataset)
    (record,) = ingest_scenes(scenes, TILE, RECIPE, tmp_path / "out", source.read)
    assert record.state == "read"


def test_a_radar_observation_from_before_tracks_is_kept_as_its_tracks_and_not_read_again(tmp_path):
    archive = tmp_path / "archive"
    power = np.full((80, 80), 0.2, np.float32)
    where = WEST - MARGIN, NORTH + MARGIN
    stac_folder.sentinel_1(archive, "R", "2024-06-01T10:00:00Z", {"vv": power}, *where)
    (scene,) = search(archive)
    tracked = dataclasses.replace(scene, track="127")
    plain = tmp_path / "out"
    ingest_scenes([dataclasses.replace(scene, track="")], TILE, RECIPE, plain)
    fresh = tmp_path / "fresh"
    ingest_scenes([tracked], TILE, RECIPE, fresh)

    def unread(*_):
        raise AssertionError("it is read again")

    (record,) = ingest_scenes([tracked], TILE, RECIPE, plain, unread)
    assert (record.state, record.stream) == ("read", "sentinel-1-descending-t127")
    (kept,) = plain.glob("sentinel-1-descending-t127/*.tif")
    (made,) = fresh.glob("sentinel-1-descending-t127/*.tif")
    assert kept.read_bytes() == made.read_bytes()
